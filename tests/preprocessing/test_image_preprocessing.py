"""The evaluation crop is timm's, bit for bit, over real configurations and every kind of image size."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import timm
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from timm.data import create_transform, resolve_data_config

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.preprocessing import ImagePreprocessing
from fairlead.preprocessing import image as image_module
from tests.fakes import images

NAMES = (
    "resnet18.a1_in1k",
    "mobilenetv2_100.ra_in1k",
    "vit_base_patch16_224.augreg_in21k_ft_in1k",
    "efficientnet_b0.ra_in1k",
    "convnext_tiny.fb_in22k_ft_in1k_384",  # squash
    "inception_v3.tv_in1k",  # 299, bicubic, mean 0.5
    "deit3_base_patch16_224.fb_in1k",
    "beit_base_patch16_224.in22k_ft_in22k_in1k",
    "cspdarknet53.ra_in1k",  # bilinear
    "volo_d4_448.sail_in1k",  # crop fraction over 1
    "deepseek_vit_412m.deepseek_v4_1_flash",  # border
    "vit_base_patch16_sapiens2.fb",  # squash, not square
)
# Configurations no released model has, but that timm takes.
MADE_UP = {
    "tall": {"input_size": (3, 96, 40), "crop_pct": 0.9},
    "wide": {"input_size": (3, 31, 77), "crop_pct": 0.875, "interpolation": "bilinear"},
    "nearly square": {"input_size": (3, 56, 57), "crop_pct": 0.95, "interpolation": "lanczos"},
    "nearly square, scaled to one": {"input_size": (3, 56, 57), "crop_pct": 1.2, "interpolation": "hamming"},
    "border": {"input_size": (3, 60, 45), "crop_mode": "border", "crop_pct": 1.0, "mean": (0.1, 0.5, 0.9)},
    "border cut": {"input_size": (3, 45, 60), "crop_mode": "border", "crop_pct": 0.8},
    "squash": {"input_size": (3, 33, 50), "crop_mode": "squash", "crop_pct": 0.7, "interpolation": "nearest"},
    "squash padded": {"input_size": (3, 33, 50), "crop_mode": "squash", "crop_pct": 1.3, "interpolation": "box"},
}
SIZES = ((1, 1), (1, 2), (2, 1), (7, 5), (64, 64), (224, 224), (257, 255), (256, 256), (333, 500), (601, 97), (40, 900))


@cache
def released(name: str, *, test_size: bool) -> dict[str, object]:
    config = timm.get_pretrained_cfg(name).to_dict()
    resolved: dict[str, object] = resolve_data_config(pretrained_cfg=config, use_test_size=test_size)
    return resolved


@cache
def timm_crop(key: str) -> Callable[[Image.Image], np.ndarray]:
    """timm's own evaluation transform, as it is before normalisation."""
    transform = create_transform(**CONFIGS[key], is_training=False, normalize=False)
    return lambda image: transform(image).permute(1, 2, 0).numpy()


CONFIGS: dict[str, dict[str, object]] = {name: released(name, test_size=False) for name in NAMES}
CONFIGS |= {f"{name}, test size": released(name, test_size=True) for name in NAMES[:5]}
CONFIGS |= {key: resolve_data_config(pretrained_cfg=config) for key, config in MADE_UP.items()}


def picture(height: int, width: int) -> Image.Image:
    return Image.fromarray(images.noise(height, width))


@pytest.mark.parametrize("key", CONFIGS)
def test_crop_is_timms_bit_for_bit(key: str) -> None:
    preprocessing = ImagePreprocessing.from_timm(CONFIGS[key])
    for height, width in SIZES:
        crop = preprocessing.evaluation_crop(picture(height, width))
        np.testing.assert_array_equal(crop, timm_crop(key)(picture(height, width)), err_msg=f"{height} x {width}")


@settings(max_examples=150, deadline=None)
@given(key=st.sampled_from(sorted(MADE_UP)), height=st.integers(1, 160), width=st.integers(1, 160))
@example(key="border", height=1, width=37)
@example(key="wide", height=160, width=1)
def test_crop_is_timms_for_any_size_of_image(key: str, height: int, width: int) -> None:
    try:
        expected = timm_crop(key)(picture(height, width))
    except ValueError:  # timm cannot make an edge of no pixels; we make it one
        assert CONFIGS[key]["crop_mode"] == "border"
        expected = None
    crop = ImagePreprocessing.from_timm(CONFIGS[key]).evaluation_crop(picture(height, width))
    assert crop.shape == (*CONFIGS[key]["input_size"][1:], 3)
    if expected is not None:
        np.testing.assert_array_equal(crop, expected)


@settings(max_examples=80, deadline=None)
@given(
    size=st.tuples(st.integers(2, 70), st.integers(2, 70)),
    fraction=st.floats(0.3, 1.5),
    mode=st.sampled_from(["center", "squash", "border"]),
    interpolation=st.sampled_from(["bicubic", "bilinear", "nearest", "lanczos", "hamming", "box"]),
    shape=st.tuples(st.integers(10, 90), st.integers(10, 90)),
)
def test_crop_is_timms_for_any_configuration(
    size: tuple[int, int], fraction: float, mode: str, interpolation: str, shape: tuple[int, int]
) -> None:
    config = {"input_size": (3, *size), "crop_pct": fraction, "crop_mode": mode, "interpolation": interpolation}
    try:
        expected = create_transform(**resolve_data_config(config), is_training=False, normalize=False)(picture(*shape))
    except ValueError:  # an edge of no pixels
        expected = None
    crop = ImagePreprocessing.from_timm(config).evaluation_crop(picture(*shape))
    assert crop.shape == (*size, 3)
    if expected is not None:
        np.testing.assert_array_equal(crop, expected.permute(1, 2, 0).numpy())


def test_override_of_the_size_is_timms_override() -> None:
    config = timm.get_pretrained_cfg("resnet18.a1_in1k").to_dict()
    for size in (128, (96, 160)):
        pair = (size, size) if isinstance(size, int) else size
        resolved = resolve_data_config({"input_size": (3, *pair)}, pretrained_cfg=config)
        expected = create_transform(**resolved, is_training=False, normalize=False)(picture(300, 211))
        preprocessing = ImagePreprocessing.from_timm(config).with_size(size)
        assert preprocessing.size == pair
        np.testing.assert_array_equal(
            preprocessing.evaluation_crop(picture(300, 211)), expected.permute(1, 2, 0).numpy()
        )


@pytest.mark.parametrize("crop_mode", ["center", "squash", "border"])
def test_very_long_picture_is_cropped_before_it_grows(monkeypatch: pytest.MonkeyPatch, crop_mode: str) -> None:
    preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 64, 64), "crop_mode": crop_mode})
    smooth = picture(6, 9).resize((90, 400), Image.Resampling.BICUBIC)
    whole = preprocessing.evaluation_crop(smooth).astype(int)
    monkeypatch.setattr(image_module, "_MOST_RESIZED_PIXELS", 0)
    assert np.abs(preprocessing.evaluation_crop(smooth).astype(int) - whole).max() <= 1
    monkeypatch.undo()
    # Resized whole, this one would have 73 x 7 300 000 pixels.
    endless = Image.new("RGB", (100_000, 1), (10, 20, 30))
    made: list[tuple[int, int]] = []
    resize = Image.Image.resize

    def spied(image: Image.Image, size: tuple[int, int], *rest: object, **options: object) -> Image.Image:
        made.append(size)
        return resize(image, size, *rest, **options)

    monkeypatch.setattr(Image.Image, "resize", spied)
    crop = preprocessing.evaluation_crop(endless)
    assert max(width * height for width, height in made) <= 73 * 73
    assert crop.shape == (64, 64, 3)
    assert crop[31, 32].tolist() == [10, 20, 30]  # the one row that "border" leaves


def test_crop_is_writable_and_its_own() -> None:
    source = picture(8, 8)
    before = source.tobytes()
    crop = ImagePreprocessing.from_timm({"input_size": (3, 8, 8), "crop_pct": 1.0}).evaluation_crop(source)
    crop[:] = 0
    assert crop.dtype == np.uint8
    assert source.tobytes() == before


def test_only_rgb_is_cropped() -> None:
    with pytest.raises(DataError, match="mode L, not RGB; read it with decode_image"):
        ImagePreprocessing.from_timm({}).evaluation_crop(Image.new("L", (3, 3)))


def test_every_released_configuration_can_be_read() -> None:
    read = [
        ImagePreprocessing.from_timm(timm.get_pretrained_cfg(name).to_dict()) for name in timm.list_pretrained()[::20]
    ]
    assert len({preprocessing.crop_mode for preprocessing in read}) >= 2


def test_defaults_are_timms() -> None:
    assert ImagePreprocessing.from_timm({}) == ImagePreprocessing.from_timm(resolve_data_config({}, {"url": ""}))
    assert ImagePreprocessing.from_timm({"interpolation": "random"}).interpolation == "bilinear"


@pytest.mark.parametrize("key", ["resnet18.a1_in1k", "border"])
def test_json_round_trip(key: str) -> None:
    preprocessing = ImagePreprocessing.from_timm(CONFIGS[key])
    again = ImagePreprocessing.from_dict(json.loads(json.dumps(preprocessing.to_dict())))
    assert again == preprocessing
    assert hash(again) == hash(preprocessing)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": [0, 224]}, "size is"),
        ({"size": [224.5, 224]}, "size is"),
        ({"size": [224]}, "give 2 numbers"),
        ({"size": 224}, "give 2 numbers"),
        ({"size": [True, 224]}, "give 2 numbers"),
        ({"crop_fraction": 87.5}, "not per cent"),
        ({"crop_fraction": 0}, "crop_fraction"),
        ({"crop_fraction": float("nan")}, "crop_fraction"),
        ({"crop_fraction": "0.9"}, "crop_fraction"),
        ({"mean": [0.5, 0.5]}, "give 3 numbers"),
        ({"mean": [123.7, 116.3, 103.5]}, "means in 0 to 1"),
        ({"std": [0.2, 0.2, 0.0]}, "stds above 0"),
        ({"std": [0.2, 0.2, float("inf")]}, "give 3 numbers"),
        ({"crop_mode": "centre"}, "did you mean 'center'"),
        ({"interpolation": "cubic"}, "did you mean 'bicubic'"),
        ({"crop": 1}, "there is no field 'crop'"),
    ],
)
def test_values_that_cannot_work_are_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        ImagePreprocessing.from_dict(ImagePreprocessing.from_timm({}).to_dict() | change)


def test_other_refusals() -> None:
    values = ImagePreprocessing.from_timm({}).to_dict()
    del values["mean"], values["std"]
    with pytest.raises(ConfigurationError, match="lacks mean, std"):
        ImagePreprocessing.from_dict(values)
    with pytest.raises(ConfigurationError, match="only \\(3, height, width\\)"):
        ImagePreprocessing.from_timm({"input_size": (1, 28, 28)})
    with pytest.raises(ConfigurationError, match="crop_border_pixels is 4"):
        ImagePreprocessing.from_timm({"crop_border_pixels": 4})
    with pytest.raises(UnknownNameError):
        ImagePreprocessing.from_timm({"crop_mode": "corner"})
    with pytest.raises(ConfigurationError, match="size is"):
        ImagePreprocessing.from_timm({}).with_size(0)
