"""Each fill leaves what lies outside alone, and in-painting goes on with it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.audits import FILLS, masked
from fairlead.errors import DataError, UnknownNameError

sides, seeds = st.integers(1, 12), st.integers(0, 99)


def drawn(height, width, seed, share=0.4):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (3, height, width)).astype(np.uint8), generator.random((height, width)) < share


@pytest.mark.parametrize("fill", list(FILLS))
@given(height=sides, width=sides, seed=seeds)
def test_outside_the_region_every_pixel_stays(fill, height, width, seed):
    pixels, region = drawn(height, width, seed)
    kept = pixels.copy()
    found = masked(pixels, region, fill)
    assert (found[:, ~region] == pixels[:, ~region]).all()
    assert (pixels == kept).all()
    assert (found.dtype, found.shape) == (np.uint8, pixels.shape)


@pytest.mark.parametrize("fill", ["inpaint", "mean"])
@given(height=sides, width=sides, seed=seeds)
def test_nothing_of_what_was_masked_is_left(fill, height, width, seed):
    pixels, region = drawn(height, width, seed)
    region[0, 0] = False
    other = np.where(region, 255 - pixels, pixels).astype(np.uint8)
    assert (masked(pixels, region, fill) == masked(other, region, fill)).all()


@given(height=sides, width=sides, seed=seeds)
def test_inpainting_stays_between_the_colours_around(height, width, seed):
    pixels, region = drawn(height, width, seed, share=0.8)
    region[-1, -1] = False
    found = masked(pixels, region, "inpaint")
    for plane, before in zip(found, pixels, strict=True):
        assert before[~region].min() <= plane.min()
        assert plane.max() <= before[~region].max()


@pytest.mark.parametrize("place", [np.s_[5:9, 4:12], np.s_[1:11, 7:8], np.s_[2:4, 2:14]])
def test_a_linear_shade_is_continued_exactly(place):
    down, across = np.mgrid[:12, :16]
    pixels = np.stack([7 * across, 11 * down, 3 * across + 5 * down]).astype(np.uint8)
    region = np.zeros((12, 16), dtype=bool)
    region[place] = True
    spoilt = np.where(region, 255 - pixels, pixels).astype(np.uint8)
    assert (masked(spoilt, region, "inpaint") == pixels).all()


def test_at_an_edge_of_the_picture_the_shade_along_it_is_continued():
    across = np.mgrid[:12, :16][1]
    pixels = np.stack([7 * across] * 3).astype(np.uint8)
    region = np.zeros((12, 16), dtype=bool)
    region[:4, 5:9] = True  # it reaches the upper edge, beyond which there is nothing
    assert (masked(np.where(region, 0, pixels).astype(np.uint8), region, "inpaint") == pixels).all()


def test_inpainting_solves_the_equation_of_laplace():
    pixels, region = drawn(20, 20, 3, share=0.5)
    found = masked(pixels, region, "inpaint").astype(float)
    padded = np.pad(found, ((0, 0), (1, 1), (1, 1)), constant_values=np.nan)
    around = [padded[:, :-2, 1:-1], padded[:, 2:, 1:-1], padded[:, 1:-1, :-2], padded[:, 1:-1, 2:]]
    assert np.abs(np.nanmean(around, axis=0) - found)[:, region].max() <= 1  # each is rounded to a level


@pytest.mark.parametrize("fill", ["inpaint", "mean"])
def test_all_of_a_picture_becomes_its_mean_colour(fill):
    pixels, _ = drawn(5, 7, 0)
    found = masked(pixels, np.ones((5, 7), dtype=bool), fill)
    assert (found == np.rint(pixels.mean(axis=(1, 2)))[:, None, None]).all()


def test_the_mean_is_that_of_what_stays():
    pixels = np.zeros((3, 4, 4), dtype=np.uint8)
    pixels[:, :2] = 100
    region = np.zeros((4, 4), dtype=bool)
    region[3:] = True
    assert (masked(pixels, region, "mean")[:, 3:] == round(100 * 8 / 12)).all()


def test_blurring_keeps_light_and_no_form():
    pixels = np.tile(np.where(np.indices((40, 40)).sum(axis=0) % 2, 255, 1).astype(np.uint8), (3, 1, 1))
    found = masked(pixels, np.ones((40, 40), dtype=bool), "blur")
    assert np.ptp(found) <= 2
    assert found.mean() == pytest.approx(128, abs=1)


def test_a_fill_and_a_region_that_cannot_be_are_refused():
    pixels, region = drawn(4, 5, 0)
    with pytest.raises(UnknownNameError, match="did you mean 'inpaint'"):
        masked(pixels, region, "inpant")
    for wrong, of in ((pixels, region.T), (pixels.astype(float), region), (pixels[0], region)):
        with pytest.raises(DataError, match="do not belong together"):
            masked(wrong, of, "mean")
