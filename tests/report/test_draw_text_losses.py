"""The list of texts that a model was most wrong about."""

import math
from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from fairlead.errors import ConfigurationError
from fairlead.records import Labels, Predictions
from fairlead.report import draw_text_losses, text_losses_figure
from fairlead.report.page import png_of
from fairlead.report.shade import RIGHT, WRONG

SHARES = (0.9, 0.2, 0.6, 0.05)
SOME = Predictions(
    np.array([(share, 1 - share) for share in SHARES]),
    np.zeros(len(SHARES), dtype=np.int64),
    np.arange(len(SHARES)),
    Labels(("praise", "blame")),
)


def told(figure):
    return [text.get_text() for text in figure.texts]


def bars(figure):
    patches = [artist for artist in figure.artists if isinstance(artist, Rectangle) and artist.get_width() < 0.1]
    return [to_hex(patch.get_facecolor()) for patch in patches]


def test_the_most_wrong_come_first_each_with_its_text_classes_loss_and_name():
    figure = text_losses_figure(SOME, lambda row: f"the text of {row}", names=lambda row: f"review {row}", count=3)
    words = told(figure)
    assert [word for word in words if word.startswith("the text of")] == [f"the text of {row}" for row in (3, 1, 2)]
    assert [word for word in words if word.startswith("loss ")] == [
        f"loss {-math.log(p):.2f}" for p in (0.05, 0.2, 0.6)
    ]
    assert [word for word in words if word.startswith("review")] == ["review 3", "review 1", "review 2"]
    assert words.count("blame") == 2
    assert bars(figure) == [WRONG, WRONG, RIGHT]
    assert "3 of 4 rows: the largest losses, -log p(true class)" in words


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "word " * 2_000_000,
        "x" * 500_000,
        "null \x00 and bell \x07",
        "a\u0301" * 900,
        "שלום $x$ \\frac{1}",
        "\ud800",
        "👩‍👩‍👧 漢字",
    ],
    ids=["empty", "blank", "ten megabytes", "one word", "control", "accents", "right to left", "surrogate", "emoji"],
)
def test_any_text_can_be_shown_on_a_page_of_bounded_size(text):
    figure = text_losses_figure(SOME, lambda row: text, count=1)
    assert figure.get_figheight() < 3
    assert Image.open(BytesIO(png_of(figure))).size[0] > 500


def test_of_a_pair_both_are_shown():
    figure = text_losses_figure(SOME, lambda row: ("a premise", "a hypothesis " * 200), count=1)
    assert any(word.startswith("a premise | a hypothesis") for word in told(figure))
    long = text_losses_figure(SOME, lambda row: ("a premise " * 200, "a hypothesis"), count=1)
    assert any("| a hypothesis" in word for word in told(long))


def test_no_rows_and_no_count(tmp_path):
    none = SOME.take(np.arange(0))
    draw_text_losses(none, lambda row: "", tmp_path / "none.png")
    assert (tmp_path / "none.png").stat().st_size > 1000
    with pytest.raises(ConfigurationError, match="ask for at least 1"):
        text_losses_figure(SOME, lambda row: "", count=0)
