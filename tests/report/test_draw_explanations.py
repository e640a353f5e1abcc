"""The sheet of explained rows: what is reliable in its colours, what is not by its name and reason alone."""

import re
from io import BytesIO

import numpy as np
import pytest
from explained import NASTY, UNRELIABLE, picture, text
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle
from PIL import Image

from fairlead.errors import DataError
from fairlead.report import draw_explanations, explanations_figure
from fairlead.report.page import DPI, png_of
from fairlead.report.pixels import Pixels
from fairlead.report.tint import AGAINST, FOR, overlay


def told(figure):
    return " ".join(word.get_text() for word in figure.texts)


def pictures(figure):
    return [artist.pixels.astype(int) for artist in figure.artists if isinstance(artist, Pixels)]


def tints(figure):
    """Colours under the words, by the place of the word."""
    boxes = [one for one in figure.artists if isinstance(one, Rectangle) and abs(one.get_height() - 0.205) < 1e-9]
    return [tuple(round(255 * part) for part in to_rgb(box.get_facecolor()[:3])) for box in boxes]


def test_beside_each_picture_lies_its_map_red_where_it_speaks_for_the_class_and_blue_where_against():
    crop, found = pictures(explanations_figure([picture()]))
    assert np.ptp(crop) == 0
    side = len(found)
    cell = {
        (row, column): found[side * (2 * row + 1) // 4, side * (2 * column + 1) // 4]
        for row in (0, 1)
        for column in (0, 1)
    }
    assert cell[0, 1][0] > cell[0, 1][2] + 60
    assert cell[1, 0][2] > cell[1, 0][0] + 60
    assert np.ptp(cell[0, 0]) == np.ptp(cell[1, 1]) == 0


def test_the_pixels_of_the_file_are_those_of_the_map(tmp_path):
    draw_explanations([picture()], tmp_path / "sheet.png")
    page = np.asarray(Image.open(tmp_path / "sheet.png").convert("RGB")).astype(int)
    strong = (page[..., 0] > page[..., 2] + 60).sum(), (page[..., 2] > page[..., 0] + 60).sum()
    quarter = (1.7 * DPI / 2) ** 2
    assert all(quarter * 0.98 < count < quarter * 1.1 for count in strong)


@pytest.mark.parametrize("grid", [(7, 7), (14, 14), (3, 5), (1, 1), (24, 24), (100, 90)])
def test_a_map_need_not_divide_the_picture_and_each_cell_is_as_large_as_it_is(grid):
    values = np.zeros(grid)
    values[-1, -1] = 1.0
    shown = np.asarray(overlay(Image.new("RGB", (60, 48), "white"), values)).astype(int)
    red = shown[..., 0] > shown[..., 2]
    assert red[-1, -1]
    cell = 48 * 60 / values.size
    assert 0.5 * cell <= red.sum() <= max(1.6 * cell, 1)


def test_words_lie_on_the_colour_of_their_value():
    figure = explanations_figure([text()])
    good, bad, plain = tints(figure)
    assert good == tuple(round(127.5 + part / 2) for part in FOR)
    assert bad == tuple(round(127.5 + part / 2) for part in AGAINST)
    assert plain == (255, 255, 255)


def test_a_caption_says_class_method_worth_and_mass():
    shown = told(explanations_figure([picture(), text(1)], title="Planted", note="twelve seconds"))
    for part in (
        "Planted",
        "twelve seconds",
        "picture 0",
        "true benign, predicted malignant: wrong",
        "for malignant, by planted",
        "-1.25 masked, +2.50 whole (log-odds)",
        "on ruler 8 %",
        "for praise against blame, by Owen values",
        "predicted praise: truth not known",
        "2 of 2 explanations are reliable",
    ):
        assert part in shown


def test_what_is_not_reliable_is_listed_with_its_reason_and_never_drawn():
    rows = [picture(0), picture(1, certificate=UNRELIABLE), text(2, words=("secret",) * 3, certificate=UNRELIABLE)]
    figure = explanations_figure(rows)
    assert len(pictures(figure)) == 2
    assert tints(figure) == []
    assert "secret" not in told(figure)
    assert "picture 1: its values vary by 61 % of their size" in told(figure)
    assert "1 of 3 explanations is reliable; the others are listed" in told(figure)
    none = explanations_figure(rows[1:])
    assert pictures(none) == []
    assert "for the class" not in told(none)
    assert "0 of 2 explanations are reliable" in told(none)


@pytest.mark.parametrize("shape", [(3, 1, 1), (3, 4, 400), (3, 700, 3), (3, 1000, 900)])
def test_any_picture_and_any_name_is_drawn(shape):
    assert png_of(explanations_figure([picture(shape=shape, name=NASTY * 20)]))


@pytest.mark.parametrize(
    "words",
    [(), ("",), ("x" * 5000,), ("كان", "الطعام"), ("word",) * 600, (NASTY, "\n", "👩‍👩‍👧", "\u0301"), ("a\nb",)],
    ids=["none", "empty", "long", "arabic", "many", "hostile", "line break"],
)
def test_any_text_is_drawn_on_a_page_of_bounded_size(words):
    figure = explanations_figure([text(words=words, values=np.ones(len(words)))])
    assert figure.get_figheight() < 6
    assert Image.open(BytesIO(png_of(figure))).size[0] > 500


def test_a_text_from_right_to_left_starts_at_the_right():
    def left_of(word, figure):
        return next(one.get_position()[0] for one in figure.texts if one.get_text() == word)

    arabic = explanations_figure([text(words=("كان", "الطعام"), values=(1.0, 0.5))])
    assert left_of("كان", arabic) > left_of("الطعام", arabic)
    english = explanations_figure([text(words=("first", "second"), values=(1.0, 0.5))])
    assert left_of("first", english) < left_of("second", english)


def test_what_is_cut_from_a_long_text_is_told_by_its_share():
    values = np.ones(400)
    values[-1] = 400.0
    shown = told(explanations_figure([text(words=("word",) * 400, values=values)]))
    more, share = map(int, re.search(r"and (\d+) more words, with (\d+) %", shown).groups())
    assert more == 400 - shown.count("word ")
    assert share == round(100 * (more - 1 + 400) / 799)


def test_sixty_four_rows_fit_and_no_more_are_drawn():
    figure = explanations_figure([picture(number) for number in range(66)])
    assert len(pictures(figure)) == 128
    assert "66 of 66 explanations are reliable; the first 64 are drawn" in told(figure)
    assert figure.get_figheight() * DPI < 2**15


def test_no_rows_at_all():
    assert "No rows" in told(explanations_figure([]))


def test_words_without_values_and_pixels_that_are_none_are_refused():
    with pytest.raises(DataError, match="3 words and 2 values"):
        explanations_figure([text(values=(1.0, 2.0))])
    with pytest.raises(DataError, match="give"):
        explanations_figure([picture(shape=(1, 8, 8))])
