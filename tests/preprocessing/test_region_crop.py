"""A region lies in the crop where its picture lies in it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fairlead.errors import DataError
from fairlead.preprocessing import ImagePreprocessing
from fairlead.preprocessing.image import _offset


def preprocessing(mode="center", fraction=0.875, size=(16, 16), interpolation="bicubic"):
    config = {"input_size": (3, *size), "crop_pct": fraction, "crop_mode": mode, "interpolation": interpolation}
    return ImagePreprocessing.from_timm(config)


cases = st.tuples(
    st.sampled_from(["center", "squash", "border"]),
    st.sampled_from([0.5, 0.875, 1.0, 1.5]),
    st.tuples(st.integers(3, 20), st.integers(3, 20)),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.integers(0, 99),
)


def touched(resized, side, crop):
    """For each pixel of the crop along an edge, those of the picture whose stretch it shares any of, by hand."""
    rows = []
    for place in range(crop):
        at = place + _offset(resized, crop)
        start, end = Fraction(at * side, resized), Fraction((at + 1) * side, resized)
        rows.append([p for p in range(side) if 0 <= at < resized and p < end and p + 1 > start])
    return rows


@given(cases)
def test_a_pixel_is_in_the_region_if_it_covers_any_of_it(case):
    mode, fraction, size, (height, width), seed = case
    how = preprocessing(mode, fraction, size)
    region = np.random.default_rng(seed).random((height, width)) < 0.1
    resized = how._resized_size(height, width)
    down, across = (touched(*sides) for sides in zip(resized, (height, width), size, strict=True))
    expected = [[bool(region[np.ix_(rows, columns)].any()) for columns in across] for rows in down]
    assert how.region_crop(region).tolist() == expected


@given(cases)
def test_a_mask_that_is_drawn_and_cropped_as_a_picture_lies_within(case):
    mode, fraction, size, (height, width), seed = case
    how = preprocessing(mode, fraction, size, interpolation="box")
    region = np.random.default_rng(seed).random((height, width)) < 0.3
    how = ImagePreprocessing.from_dict(how.to_dict() | {"mean": [0, 0, 0]})  # padding is black, as what is no region
    drawn = how.evaluation_crop(Image.fromarray(np.repeat(region[:, :, None], 3, axis=2).astype(np.uint8) * 255))
    found = how.region_crop(region)
    assert not (drawn[:, :, 0] > 0)[~found].any()
    if height >= 2 * size[0] and width >= 2 * size[1] and mode == "squash" and fraction == 1:
        # Each level is 255ths of the coverage: what is drawn darker than one is all that may differ.
        assert (found & (drawn[:, :, 0] == 0)).mean() <= 0.05


@pytest.mark.parametrize("mode", ["center", "squash", "border"])
def test_a_mask_on_the_pixel_grid_is_the_mask_drawn_as_a_picture(mode):
    how = preprocessing(mode, 1.0, (16, 16), interpolation="box")
    coarse = np.random.default_rng(0).random((16, 16)) < 0.3
    region = np.kron(coarse, np.ones((3, 3), dtype=bool))
    picture = Image.fromarray(np.repeat(region[:, :, None], 3, axis=2).astype(np.uint8) * 255)
    assert (how.region_crop(region) == coarse).all()
    assert ((how.evaluation_crop(picture)[:, :, 0] > 0) == coarse).all()


def test_nothing_beside_the_picture_is_in_the_region():
    found = preprocessing("border", 1.0).region_crop(np.ones((10, 40), dtype=bool))
    assert found.any(axis=1).nonzero()[0].tolist() == [6, 7, 8, 9]
    assert found[6:10].all()


def test_a_picture_that_is_never_resized_whole_has_its_region_too():
    region = np.zeros((2, 60_000), dtype=bool)
    region[:, 30_000:] = True
    found = preprocessing("center", 1.0, (224, 224)).region_crop(region)
    assert found[:, :112].sum() == 0
    assert found[:, 112:].all()


@pytest.mark.parametrize("region", [np.ones((3, 4)), np.ones((3, 4, 1), dtype=bool), np.ones((0, 4), dtype=bool)])
def test_what_is_no_region_is_refused(region):
    with pytest.raises(DataError, match="true and false, got"):
        preprocessing().region_crop(region)
