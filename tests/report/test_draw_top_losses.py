import math
from io import BytesIO

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle
from PIL import Image

from fairlead.errors import ConfigurationError, DataError, UnreadableFileError
from fairlead.records import Labels, Predictions
from fairlead.report import draw_top_losses, top_losses_figure
from fairlead.report.page import DPI, png_of
from fairlead.report.shade import RIGHT, WRONG

MAGENTA = (255, 0, 255)


def of_true_class(true_probabilities, targets=None, indices=None):
    """Two classes; each row gives its true class so much."""
    share = np.asarray(true_probabilities, dtype=np.float64)
    targets = np.zeros(len(share), dtype=np.int64) if targets is None else np.asarray(targets, dtype=np.int64)
    first = np.where(targets == 1, 1 - share, share)
    indices = np.arange(len(share)) if indices is None else np.asarray(indices)
    return Predictions(
        np.stack([first, 1 - first], axis=1), targets, indices.astype(np.int64), Labels(("heron", "stork"))
    )


def plain(index):
    return np.full((40, 40, 3), 90, dtype=np.uint8)


def texts(figure):
    return [text.get_text() for text in figure.texts]


def pixels_of(figure):
    return np.asarray(Image.open(BytesIO(png_of(figure))).convert("RGB"))


def frames(figure):
    """Frame colours of the tiles, in the order they are drawn."""
    patches = [artist for artist in figure.artists if isinstance(artist, Rectangle)]
    tiles = [patch for patch in patches if patch.get_width() > 1 and patch.get_linewidth() > 2]
    return [to_hex(patch.get_edgecolor()) for patch in tiles]


def test_the_most_wrong_come_first_whatever_the_order_they_were_gathered_in():
    predictions = of_true_class([0.9, 0.2, 0.6, 0.05, 0.2, 0.99], indices=[50, 41, 42, 43, 40, 45])
    seen = []
    figure = top_losses_figure(predictions, lambda index: (seen.append(index), plain(index))[1], count=4)
    assert seen == [43, 40, 41, 42]  # equals by index
    losses = [text for text in texts(figure) if text.startswith("loss")]
    assert losses == [f"loss {-math.log(share):.2f}" for share in (0.05, 0.2, 0.2, 0.6)]
    backwards = predictions.take(np.arange(5, -1, -1))
    assert png_of(top_losses_figure(backwards, plain, count=4)) == png_of(figure)


def test_a_tile_says_both_classes_both_probabilities_loss_and_name():
    figure = top_losses_figure(of_true_class([0.2], targets=[1], indices=[7]), plain, names=lambda i: f"bird_{i}.jpg")
    assert texts(figure)[-8:] == [
        *("true", "stork", "20 %"),
        *("predicted", "heron", "80 %"),
        "loss 1.61",
        "bird_7.jpg",
    ]


def test_without_names_the_row_is_named():
    assert texts(top_losses_figure(of_true_class([0.2], indices=[7]), plain))[-1] == "row 7"


def test_wrong_and_right_are_framed_apart_and_counted():
    figure = top_losses_figure(of_true_class([0.9, 0.3, 0.6, 0.1]), plain, count=3)
    assert frames(figure) == [WRONG, WRONG, RIGHT]
    assert {"2 wrong", "1 right, but least sure"} <= set(texts(figure))
    picture = pixels_of(figure).reshape(-1, 3)
    for colour in (WRONG, RIGHT):
        code = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
        assert (picture == code).all(axis=1).sum() > 1000


def test_rows_without_a_known_class_are_left_out():
    figure = top_losses_figure(of_true_class([0.01, 0.4, 0.3], targets=[-1, 0, 0]), plain)
    assert len(frames(figure)) == 2
    assert texts(figure)[1].startswith("2 of 2 rows")


def test_fewer_rows_fewer_tiles_and_none_at_all():
    assert len(frames(top_losses_figure(of_true_class([0.4, 0.3]), plain))) == 2
    none = top_losses_figure(of_true_class([]), plain, title="Nothing here")
    assert texts(none) == ["Nothing here", "No rows"]
    assert png_of(none)


def test_no_tiles_are_refused():
    with pytest.raises(ConfigurationError, match="at least 1"):
        top_losses_figure(of_true_class([0.4]), plain, count=0)


def test_a_probability_of_nothing_has_an_infinite_loss_and_comes_first():
    figure = top_losses_figure(of_true_class([0.1, 0.0, 1.0]), plain)
    assert [text for text in texts(figure) if text.startswith("loss")] == ["loss \u221e", "loss 2.30", "loss 0.00"]
    assert png_of(figure)


@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (3, 5), (900, 300), (2000, 1)])
def test_pictures_keep_their_proportions(shape):
    picture = np.full((*shape, 3), MAGENTA, dtype=np.uint8)
    drawn = (pixels_of(top_losses_figure(of_true_class([0.1]), lambda index: picture)) == MAGENTA).all(axis=2)
    tall, wide = (np.ptp(places) + 1 for places in np.nonzero(drawn))
    frame, box = 6, 2 * DPI  # the frame covers three pixels of either end
    expected = [max(1, box * side / max(shape)) for side in shape]
    assert expected[0] - frame - 1 <= tall <= expected[0] + 1
    assert expected[1] - frame - 1 <= wide <= expected[1] + 1


def test_a_picture_is_neither_mirrored_nor_turned():
    picture = np.zeros((100, 100, 3), dtype=np.uint8)
    picture[:50, :50] = MAGENTA
    figure = top_losses_figure(of_true_class([0.1]), lambda index: picture)
    drawn = (pixels_of(figure) == MAGENTA).all(axis=2)
    dark = (pixels_of(figure) == 0).all(axis=2)
    rows, columns = np.nonzero(drawn)
    assert dark[rows.max() + 20, columns.max() - 20]
    assert dark[rows.max() - 20, columns.max() + 20]
    assert not dark[: rows.min()].all(axis=1).any()


def test_an_unreadable_picture_leaves_a_tile_with_the_reason():
    def pictures(index):
        if index == 1:
            raise UnreadableFileError("photos/$b_1.jpg is cut short after 12 bytes; replace or remove it")
        return plain(index)

    figure = top_losses_figure(of_true_class([0.2, 0.1, 0.3]), pictures)
    said = texts(figure)
    assert len(frames(figure)) == 3
    start = said.index("cannot be shown")
    assert " ".join(said[start + 1 :]).startswith("photos/$b_1.jpg is cut short after 12 bytes; replace or remove it")
    assert "row 1" in said
    assert png_of(figure)


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused_by_name(bad):
    with pytest.raises(DataError, match=r"'bird\.jpg'.*give \(H, W, 3\)"):
        top_losses_figure(of_true_class([0.2]), lambda index: bad, names=lambda index: "bird.jpg")


def test_long_names_are_shortened_in_the_middle_and_nothing_is_cut_off():
    name = f"photos/{'very_' * 30}$long_name_0001.jpg"
    predictions = Predictions(
        np.array([[0.3, 0.7]]), np.array([0]), np.array([0]), Labels(("heron " * 20 + "grey", "stork_$_" * 20))
    )
    figure = top_losses_figure(predictions, plain, names=lambda index: name, title="title " * 40)
    shown = texts(figure)[-1]
    assert shown.startswith("photos/")
    assert shown.endswith("_0001.jpg")
    assert "\u2026" in shown
    width, height = figure.get_size_inches() * DPI
    boxes = [text.get_window_extent() for text in figure.texts]
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    tile = figure.texts[-1].get_position()[0] * DPI + 2 * DPI
    assert all(box.x1 <= tile + 1 for box in boxes[-8:])


def test_the_file_is_whole_and_the_same_every_time(tmp_path):
    predictions = of_true_class(np.linspace(0.01, 0.99, 30))
    generator = np.random.default_rng(0)
    photos = generator.integers(256, size=(30, 50, 70, 3), dtype=np.uint8)
    for name in ("one.png", "two.png"):
        draw_top_losses(predictions, lambda index: photos[index], tmp_path / name, title="t")
    one, two = ((tmp_path / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]
    picture = Image.open(BytesIO(one))
    picture.load()
    assert picture.width > 1000
    assert not set(picture.info) - {"dpi"}
