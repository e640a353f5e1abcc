"""An attribution as a picture."""

import io

import numpy as np
import pytest
from PIL import Image

from fairlead.errors import DataError
from fairlead.records import Attribution, AttributionCertificate
from fairlead.report import attribution_png

RELIABLE = AttributionCertificate(0.0, 1.0, 0.0, 0.5, (1.0,) * 19, 0.9)


def drawn(values, label="malignant", shape=(3, 28, 28)):
    pixels = np.full(shape, 128, dtype=np.uint8)
    found = Attribution(label, np.asarray(values, dtype=float), 0.0, float(np.sum(values)), RELIABLE)
    return np.asarray(Image.open(io.BytesIO(attribution_png(pixels, found))).convert("RGB")).astype(int)


def test_what_speaks_for_the_class_is_red_and_what_speaks_against_it_blue():
    values = np.zeros((2, 2))
    values[0, 1], values[1, 0] = 2.0, -2.0
    page = drawn(values)
    left, top, side = 12 * 2 + 336, 12, 336
    cell = {
        (row, column): page[top + side * (2 * row + 1) // 4, left + side * (2 * column + 1) // 4]
        for row in range(2)
        for column in range(2)
    }
    assert cell[0, 1][0] > cell[0, 1][2] + 60
    assert cell[1, 0][2] > cell[1, 0][0] + 60
    for place in ((0, 0), (1, 1)):
        assert np.ptp(cell[place]) == 0  # grey


@pytest.mark.parametrize("label", ["x" * 300, "", "猫", "a\nb", "\ud800"])
def test_any_label_and_any_shape_is_drawn(label):
    assert drawn(np.zeros((1, 3)), label).shape[2] == 3
    assert drawn(np.ones((14, 2)), label, (3, 500, 40)).shape[2] == 3


def test_what_is_not_reliable_is_not_drawn():
    unchecked = Attribution("a", np.zeros((2, 2)), 0.0, 0.0, AttributionCertificate(0.0, 1.0, 0.0))
    with pytest.raises(DataError, match="no time to check"):
        attribution_png(np.zeros((3, 8, 8), dtype=np.uint8), unchecked)
