"""Simple numbers of an input: known pictures give known numbers, and every input finite ones."""

import math

import numpy as np
import pytest

from fairlead.preprocessing import picture_properties, text_properties
from tests.fakes.texts import word_preprocessing


def picture(generator=None, shape=(64, 64)):
    generator = generator or np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(generator.normal(size=shape), 0), 1)
    grey = (smooth - smooth.min()) / (smooth.max() - smooth.min()) * 200 + 20
    return np.stack([grey, grey * 0.8, grey * 0.6]).astype(np.uint8)


def test_known_pictures_have_known_numbers():
    black_and_white = np.zeros((3, 4, 4), dtype=np.uint8)
    black_and_white[:, :, ::2] = 255
    found = picture_properties(black_and_white, (100, 400))
    assert found == {
        "input.brightness": 0.5,
        "input.contrast": 0.5,
        "input.sharpness": 1.0,
        "input.grain": 2.0,
        "input.saturation": 0.0,
        "input.pixels": pytest.approx(math.log2(40_000)),
        "input.aspect": 2.0,
    }
    red = np.zeros((3, 3, 3), dtype=np.uint8)
    red[0] = 255
    assert picture_properties(red)["input.saturation"] == 1.0
    assert picture_properties(red)["input.brightness"] == pytest.approx(77 / 256)


def test_noise_and_blur_move_sharpness_and_grain_apart():
    plain = picture()
    noisy = np.clip(plain + np.random.default_rng(1).normal(0, 12, plain.shape), 0, 255).astype(np.uint8)
    blurred = np.stack([plain[..., :-2], plain[..., 1:-1], plain[..., 2:]]).mean(axis=0).astype(np.uint8)
    before, noise, blur = map(picture_properties, (plain, noisy, blurred))
    assert noise["input.sharpness"] > before["input.sharpness"] > blur["input.sharpness"]
    assert noise["input.grain"] > before["input.grain"]


def test_all_rows_of_a_small_crop_and_some_of_a_high_one_are_read():
    small, high = picture(shape=(48, 8)), picture(shape=(480, 8))
    luma = (np.array([77, 150, 29]) @ small.reshape(3, -1).astype(np.int64)) / 65280
    assert picture_properties(small)["input.brightness"] == pytest.approx(luma.mean())
    assert picture_properties(small)["input.contrast"] == pytest.approx(luma.std())
    changed = high.copy()
    changed[:, 0::10] = 255  # rows between those that are looked at
    assert picture_properties(changed) == picture_properties(high)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 500), (500, 1), (3, 3), (224, 224)])
@pytest.mark.parametrize("value", [0, 255, None])
def test_every_picture_has_finite_numbers(shape, value):
    pixels = np.random.default_rng(2).integers(0, 256, (3, *shape), dtype=np.uint8)
    pixels = pixels if value is None else np.full_like(pixels, value)
    found = picture_properties(pixels, shape)
    assert {"input.brightness", "input.contrast", "input.pixels", "input.aspect"} <= set(found)
    assert all(map(math.isfinite, found.values()))
    assert ("input.sharpness" in found) is (shape[1] > 1)


def test_texts_are_measured_by_their_tokens():
    cutter = word_preprocessing(max_tokens=8)
    good, strange = "the service was good", "\u4f60\u597d zzqx"
    for text, unknown in ((good, False), (strange, True)):
        found = text_properties(cutter.tokens([text]).planes[0], text, cutter)
        count = int(cutter.tokens([text]).planes[0, 1].sum())
        assert found["input.tokens"] == math.log2(count)
        assert found["input.characters_per_token"] == len(text) / count
        assert (found["input.unknown"] > 0) is unknown
    assert "input.characters_per_token" not in text_properties(
        cutter.tokens([good]).planes[0], good, cutter, truncated=True
    )
    pair = text_properties(cutter.tokens([(good, "")]).planes[0], (good, ""), cutter)
    assert all(map(math.isfinite, pair.values()))
    assert text_properties(np.zeros((3, 2), dtype=np.int32), "", cutter) == {}
