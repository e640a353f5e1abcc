import itertools
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from fairlead.records import Labels, Predictions
from fairlead.report import confusion_figure, draw_confusion
from fairlead.report.page import DPI, png_of


def answers(true, predicted, names):
    """Predictions that answer as told, with certainty."""
    probabilities = np.eye(len(names))[np.asarray(predicted, dtype=int)].reshape(-1, len(names))
    return Predictions(
        probabilities, np.asarray(true, dtype=np.int64), np.arange(len(true), dtype=np.int64), Labels(tuple(names))
    )


def random_answers(classes, rows, names=None, seed=0):
    generator = np.random.default_rng(seed)
    true, other = generator.integers(classes, size=(2, rows))
    predicted = np.where(generator.random(rows) < 0.8, true, other)
    return answers(true, predicted, names or [f"class {code}" for code in range(classes)])


def texts(figure):
    return [text.get_text() for text in figure.texts]


def cell_texts(figure, names):
    """Texts by cell, found by where they lie: under a column's name and beside a row's."""
    places = [(text.get_text(), *text.get_position()) for text in figure.texts]
    name_of_row = {
        name: max(place[2] for place in places if place[0] == name) for name in names
    }  # the lower of the two names is the column's
    across = {name: next(p[1] for p in places if p[0] == name and p[2] != name_of_row[name]) for name in names}
    cell = abs(across[names[1]] - across[names[0]])
    found = {}
    for true in names:
        for predicted in names:
            found[true, predicted] = [
                text
                for text, x, y in places
                if abs(x - across[predicted]) < cell / 4 and abs(y - name_of_row[true]) < cell / 4
            ]
    return found


def test_every_cell_says_its_count_and_its_share_of_the_row():
    true = [0] * 8 + [1] * 3 + [2] * 200
    predicted = [0] * 5 + [1] * 3 + [0, 1, 1] + [2] * 199 + [0]
    found = cell_texts(confusion_figure(answers(true, predicted, ["aa", "bb", "cc"])), ["aa", "bb", "cc"])
    assert found["aa", "aa"] == ["5", "62 %"]
    assert found["aa", "bb"] == ["3", "38 %"]
    assert found["bb", "aa"] == ["1", "33 %"]
    assert found["bb", "bb"] == ["2", "67 %"]
    assert found["cc", "aa"] == ["1", "<1 %"]  # one row is not none ...
    assert found["cc", "cc"] == ["199", ">99 %"]  # ... and all but one are not all
    assert found["aa", "cc"] == ["0"]


def test_a_class_without_rows_has_dashes_and_no_share():
    found = cell_texts(confusion_figure(answers([0, 0, 2], [0, 1, 2], ["aa", "bb", "cc"])), ["aa", "bb", "cc"])
    assert [found["bb", answer] for answer in ("aa", "bb", "cc")] == [["\u2013"]] * 3
    assert found["aa", "bb"] == ["1", "50 %"]


def test_a_class_never_recalled_says_so_on_the_diagonal():
    found = cell_texts(confusion_figure(answers([0, 0, 1], [1, 1, 1], ["aa", "bb"])), ["aa", "bb"])
    assert found["aa", "aa"] == ["0", "0 %"]


def test_the_subtitle_rests_on_its_rows_and_counts_those_left_out():
    figure = confusion_figure(
        answers([0, 1, 1, -1], [0, 1, 0, 1], ["aa", "bb"]), title="Test split", note="interval to follow"
    )
    assert texts(figure)[:3] == [
        "Test split",
        "Accuracy 66.7 %: 2 of 3 rows right; 1 without a known class left out",
        "interval to follow",
    ]


@pytest.mark.parametrize("unknown", [0, 4])
def test_no_rows_at_all_is_a_picture_without_shares(unknown):
    figure = confusion_figure(answers([-1] * unknown, [0] * unknown, ["aa", "bb"]))
    assert texts(figure)[1].startswith("No rows")
    assert texts(figure).count("\u2013") == 4
    assert not any("nan" in text or "Accuracy" in text for text in texts(figure))
    assert png_of(figure)


def test_rows_of_every_class_stand_beside_its_name():
    figure = confusion_figure(answers([0] * 1234 + [1] * 7, [1] * 1241, ["aa", "bb"]))
    places = {text.get_text(): text.get_position()[1] for text in figure.texts}
    row_of_name = max(text.get_position()[1] for text in figure.texts if text.get_text() == "aa")
    assert [text.get_position()[1] for text in figure.texts if text.get_text() == "1,234"][-1] == row_of_name
    assert places["rows"] > row_of_name


def test_right_and_wrong_differ_in_hue():
    figure = confusion_figure(answers([0] * 9 + [1] * 9, [0] * 6 + [1] * 3 + [1] * 9, ["aa", "bb"]))
    picture = np.asarray(Image.open(BytesIO(png_of(figure))).convert("RGB")).astype(int)
    up = picture.shape[0]
    for said, blue in (("67 %", True), ("33 %", False)):
        text = next(text for text in figure.texts if text.get_text() == said)
        x, y = (round(place * DPI) for place in text.get_position())
        red, _, bluish = picture[up - y - round(0.3 * DPI), x]  # above the count, inside the cell
        assert bool(bluish > red) is blue


def test_beyond_25_classes_pairs_are_listed_instead_of_cell_texts():
    true = np.repeat(np.arange(30), 20)
    predicted = true.copy()
    predicted[:9] = 7  # 9 rows of class 0 taken for 7
    predicted[200:204] = 3  # 4 rows of class 10 taken for 3
    said = texts(confusion_figure(answers(true, predicted, [f"c{code}" for code in range(30)])))
    pairs = [text for text in said if "\u2192" in text and not text.startswith("true")]
    assert pairs == ["c0 \u2192 c7", "c10 \u2192 c3"]
    assert said[said.index("c0 \u2192 c7") + 1 :][:2] == ["9", "45 %"]
    assert said.count("20 %") == 1  # the pair's, and no cell's
    assert "Most confused" not in texts(confusion_figure(random_answers(25, 100)))


def test_names_are_set_as_they_are_written():
    names = ["price_in_$5_and_$6", "$\\frac{broken$", "a^b_c", "\\alpha"]
    figure = confusion_figure(random_answers(4, 40, names), title="$x_1$")
    assert all(texts(figure).count(name) == 2 for name in names)
    assert texts(figure)[0] == "$x_1$"
    assert not any(text.get_parse_math() or text.get_usetex() for text in figure.texts)
    assert png_of(figure)


def test_names_that_shorten_to_the_same_are_told_apart():
    names = [f"{'long ' * 20}{letter}{' end' * 20}" for letter in "ab"]
    figure = confusion_figure(random_answers(2, 40, names))
    short = [text for text in texts(figure) if "\u2026" in text]
    assert len(set(short)) == 2
    assert {text[-3:] for text in short} == {" #0", " #1"}


LONG = "a very long class name that goes on and on (%d)"


@pytest.mark.parametrize(
    ("classes", "name"), [(1, "c%d"), (2, "c%d"), (6, LONG), (12, "name %d"), (26, LONG), (100, LONG)]
)
def test_nothing_is_cut_off(classes, name):
    figure = confusion_figure(
        random_answers(classes, 5 * classes, [name % code for code in range(classes)]), title="title " * 40
    )
    width, height = figure.get_size_inches() * DPI
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0, text
        assert box.y0 >= 0, text
        assert box.x1 <= width, text
        assert box.y1 <= height, text


def test_names_of_100_classes_do_not_run_into_each_other():
    figure = confusion_figure(random_answers(100, 3000))
    named = [text for text in figure.texts if text.get_text().startswith("class ") and "\u2192" not in text.get_text()]
    rows = sorted((t.get_window_extent() for t in named if t.get_rotation() == 0), key=lambda box: -box.y0)
    columns = sorted((t.get_window_extent() for t in named if t.get_rotation() == 90), key=lambda box: box.x0)
    assert len(rows) == len(columns) == 100
    overlap = 2  # pixels: the line's own white space
    assert all(under.y1 <= over.y0 + overlap for over, under in itertools.pairwise(rows))
    assert all(after.x0 >= before.x1 - overlap for before, after in itertools.pairwise(columns))


def test_the_file_is_whole_the_same_every_time_and_says_nothing_of_its_maker(tmp_path):
    predictions = random_answers(5, 100)
    for name in ("one.png", "two.png"):
        draw_confusion(predictions, tmp_path / name, title="t")
    order = np.random.default_rng(1).permutation(100)
    draw_confusion(predictions.take(order), tmp_path / "three.png", title="t")
    contents = {path.read_bytes() for path in tmp_path.iterdir()}
    assert len(contents) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "three.png", "two.png"]
    picture = Image.open(tmp_path / "one.png")
    picture.load()
    assert min(picture.size) > 500
    assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    assert picture.info["dpi"] == pytest.approx((DPI, DPI), abs=0.1)
    assert not set(picture.info) - {"dpi"}


def test_a_users_matplotlib_settings_neither_change_it_nor_are_changed():
    import matplotlib

    predictions = random_answers(3, 30)
    plain = png_of(confusion_figure(predictions))
    other = {"font.family": "serif", "text.usetex": True, "figure.dpi": 50, "savefig.dpi": 50, "text.color": "red"}
    with matplotlib.rc_context({**other, "figure.facecolor": "black", "font.size": 30, "image.origin": "lower"}):
        before = dict(matplotlib.rcParams)
        assert png_of(confusion_figure(predictions)) == plain
        assert dict(matplotlib.rcParams) == before
