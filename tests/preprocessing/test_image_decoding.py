"""Every awkward file shows the colours planted in it, or an error that names it."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, features

from fairlead.errors import DataError, UnreadableFileError
from fairlead.preprocessing import IMAGE_SUFFIXES, decode_image, rgb_on_white
from tests.fakes import images


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quadrants."""
    pixels = np.asarray(image)
    rows, columns = (image.height // 4, image.height * 3 // 4), (image.width // 4, image.width * 3 // 4)
    return [tuple(map(int, pixels[row, column])) for row in rows for column in columns]


def assert_shows(image: Image.Image, colours: tuple[tuple[int, ...], ...], within: int = 0) -> None:
    assert image.mode == "RGB"
    assert image.size == (images.WIDTH, images.HEIGHT)
    difference = np.abs(np.array(corners(image)) - np.array(colours)).max()
    assert difference <= within, f"{corners(image)} is not {colours}"


TRUTH = (images.RED, images.GREEN, images.BLUE, images.YELLOW)
GREYS = tuple((level,) * 3 for level in images.GREY_LEVELS)


def over_white(colour: tuple[int, ...], opacity: int) -> tuple[int, ...]:
    return tuple(round((level * opacity + 255 * (255 - opacity)) / 255) for level in colour)


def luminance(colour: tuple[int, ...]) -> tuple[int, ...]:
    return (Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0)),) * 3


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".ppm", ".tif", ".webp", ".jp2"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_ordinary_file_is_pillows_rgb_bit_for_bit(tmp_path: Path, suffix: str, mode: str) -> None:
    path = tmp_path / f"ordinary{suffix}"
    Image.fromarray(images.noise()).convert(mode).save(path)
    with Image.open(path) as image:
        expected = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(np.asarray(decode_image(path)), expected)
    np.testing.assert_array_equal(np.asarray(decode_image(path.read_bytes())), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_exif_orientation_is_applied_once(tmp_path: Path, orientation: int, suffix: str) -> None:
    image = decode_image(images.oriented(tmp_path, orientation, suffix))
    assert_shows(image, TRUTH, within=6)
    assert image.getexif().get(0x0112, 1) == 1


@pytest.mark.skipif(not features.check("avif"), reason="Pillow without AVIF")
@pytest.mark.parametrize("orientation", [1, 5, 6, 7, 8])
def test_avif_is_upright(tmp_path: Path, orientation: int) -> None:
    assert_shows(decode_image(images.oriented(tmp_path, orientation, ".avif")), TRUTH, within=10)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_tiff_orientation_is_applied_once(tmp_path: Path, orientation: int, compression: str | None) -> None:
    assert_shows(decode_image(images.tiff_with_orientation(tmp_path, orientation, compression)), TRUTH)


def test_corrupt_exif_costs_no_picture_and_no_warning(tmp_path: Path) -> None:
    path = images.corrupt_exif(tmp_path)
    with (
        pytest.warns(UserWarning, match="Tag data larger than file"),
        Image.open(path) as image,
    ):  # the fake is as bad as it says
        image.getexif()
    assert_shows(decode_image(path), TRUTH, within=6)
    assert_shows(decode_image(images.garbage_exif(tmp_path)), TRUTH, within=6)


def test_wrong_animation_header_costs_no_picture_and_no_warning(tmp_path: Path) -> None:
    path = images.warning_png(tmp_path)
    with pytest.warns(UserWarning, match="Invalid APNG"):
        Image.open(path).close()
    assert_shows(decode_image(path), TRUTH)


@pytest.mark.parametrize(("mode", "suffix"), [("RGBA", ".png"), ("RGBA", ".webp"), ("RGBA", ".tif"), ("LA", ".png")])
def test_alpha_is_composited_on_white(tmp_path: Path, mode: str, suffix: str) -> None:
    colours = TRUTH if mode == "RGBA" else tuple(luminance(colour) for colour in TRUTH)
    truth = (colours[0], over_white(colours[1], 128), images.WHITE, colours[3])
    assert_shows(decode_image(images.alpha(tmp_path, mode, suffix)), truth)


@pytest.mark.parametrize("mode", ["La", "RGBa", "PA"])
def test_rare_alpha_modes_are_composited_on_white(mode: str) -> None:
    rgba = Image.fromarray(images.quadrants(((200, 200, 200, 255), (0, 0, 0, 0), (90, 90, 90, 255), (9, 9, 9, 255))))
    image = rgba.convert("LA").convert("La") if mode == "La" else rgba.convert(mode)
    assert_shows(rgb_on_white(image), ((200,) * 3, images.WHITE, (90,) * 3, (9,) * 3))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_colour_declared_transparent_becomes_white(tmp_path: Path, mode: str) -> None:
    colours = TRUTH if mode == "RGB" else tuple(luminance(colour) for colour in TRUTH)
    truth = (colours[0], images.WHITE, colours[2], colours[3])
    assert_shows(decode_image(images.keyed(tmp_path, mode)), truth)


def test_deep_grey_declared_transparent_becomes_white(tmp_path: Path) -> None:
    path = tmp_path / "deep_keyed.png"
    with Image.open(images.deep_grey(tmp_path)) as image:
        image.save(path, transparency=64 * 257)
    assert_shows(decode_image(path), (GREYS[0], images.WHITE, GREYS[2], GREYS[3]))


def test_palettes(tmp_path: Path) -> None:
    assert_shows(decode_image(images.palette(tmp_path)), TRUTH)
    assert_shows(decode_image(images.palette(tmp_path, ".gif")), TRUTH)
    with_index = decode_image(images.palette(tmp_path, transparency=2))
    assert_shows(with_index, (images.RED, images.GREEN, images.WHITE, images.YELLOW))
    with_alphas = decode_image(images.palette(tmp_path, transparency=bytes([255, 128, 0, 255])))
    assert_shows(with_alphas, (images.RED, over_white(images.GREEN, 128), images.WHITE, images.YELLOW))


def test_one_bit(tmp_path: Path) -> None:
    truth = (images.BLACK, images.WHITE, images.WHITE, images.BLACK)
    for suffix in (".png", ".tif", ".pbm"):
        path = tmp_path / f"bits{suffix}"
        Image.fromarray(images.quadrants(truth)).convert("1").save(path)
        assert_shows(decode_image(path), truth)


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_inks(tmp_path: Path, suffix: str) -> None:
    assert_shows(decode_image(images.cmyk(tmp_path, suffix)), images.CMYK_TRUTH, within=3)


def test_adobe_ycck_inks(tmp_path: Path) -> None:
    path = images.ycck(tmp_path)
    with Image.open(path) as image:
        assert image.info["adobe_transform"] == 2
    assert_shows(decode_image(path), images.CMYK_TRUTH, within=4)


def test_sixteen_bit_grey_spans_black_to_white(tmp_path: Path) -> None:
    paths = [
        images.deep_grey(tmp_path),
        images.deep_grey(tmp_path, ".tif"),
        images.deep_grey(tmp_path, ".tif", big_endian=True),
        images.deep_grey(tmp_path, ".pgm"),
    ]
    modes = []
    for path in paths:
        with Image.open(path) as image:
            modes.append(image.mode)
        assert_shows(decode_image(path), GREYS)
    assert set(modes) == {"I;16", "I;16B", "I"}


def test_twelve_bit_and_white_is_zero_tiffs(tmp_path: Path) -> None:
    levels = images.quadrants(((0,), (64,), (191,), (255,)))[:, :, 0]
    twelve = np.rint(levels / 255 * 4095).astype(np.uint16)
    assert_shows(decode_image(images.grey_tiff(tmp_path, twelve, bits=12)), GREYS)
    inverted = 65535 - levels.astype(np.uint16) * 257
    assert_shows(decode_image(images.grey_tiff(tmp_path, inverted, photometric=0)), GREYS)


@given(value=st.integers(0, 65535))
def test_sixteen_bit_levels_are_the_nearest(value: int) -> None:
    level = np.asarray(rgb_on_white(Image.fromarray(np.full((1, 1), value, np.uint16))))[0, 0, 0]
    assert abs(int(level) - value / 257) <= 0.5


def test_float_tiff_from_zero_to_one(tmp_path: Path) -> None:
    levels = images.quadrants(((0,), (64,), (191,), (255,)))[:, :, 0]
    assert_shows(decode_image(images.grey_tiff(tmp_path, (levels / 255).astype(np.float32))), GREYS)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan"), float("inf")])
def test_floats_without_a_known_white_are_refused(tmp_path: Path, value: float) -> None:
    path = images.grey_tiff(tmp_path, np.full((4, 4), value, np.float32))
    with pytest.raises(UnreadableFileError, match=r"grey\.tif holds decimal numbers .* save it with 8 or 16 bits"):
        decode_image(path)


@pytest.mark.parametrize("value", [-1, 65536, 2**31 - 1])
def test_integers_beyond_sixteen_bits_are_refused(tmp_path: Path, value: int) -> None:
    path = images.grey_tiff(tmp_path, np.full((4, 4), value, np.int32))
    with pytest.raises(UnreadableFileError, match=r"grey\.tif holds whole numbers .* save it with 8 or 16 bits"):
        decode_image(path)


def test_other_colour_spaces(tmp_path: Path) -> None:
    assert_shows(decode_image(images.lab_tiff(tmp_path)), TRUTH, within=4)
    assert_shows(decode_image(images.ycbcr_tiff(tmp_path)), TRUTH, within=3)
    assert_shows(rgb_on_white(Image.fromarray(images.quadrants()).convert("HSV")), TRUTH, within=6)


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_animation_gives_its_first_frame(tmp_path: Path, suffix: str) -> None:
    path = images.animation(tmp_path, suffix)
    with Image.open(path) as image:
        assert image.n_frames == 2
    assert_shows(decode_image(path), TRUTH)


def test_undrawn_canvas_of_a_gif_is_white(tmp_path: Path) -> None:
    pixels = np.asarray(decode_image(images.gif_with_small_first_frame(tmp_path)))
    expected = np.full((4, 4, 3), 255, np.uint8)
    expected[1:3, 1:3] = images.BLUE
    np.testing.assert_array_equal(pixels, expected)


def test_first_page_and_first_of_a_pair(tmp_path: Path) -> None:
    assert_shows(decode_image(images.multipage_tiff(tmp_path)), TRUTH)
    assert_shows(decode_image(images.mpo(tmp_path)), TRUTH, within=6)


def test_colour_profile_changes_no_pixel(tmp_path: Path) -> None:
    path = tmp_path / "profiled.png"
    Image.fromarray(images.quadrants()).save(path, icc_profile=b"any profile at all")
    assert_shows(decode_image(path), TRUTH)


def test_no_file_stays_open_and_no_metadata_stays(tmp_path: Path) -> None:
    paths = [images.oriented(tmp_path, 6), images.animation(tmp_path, ".gif"), images.multipage_tiff(tmp_path)]
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    kept = [decode_image(path) for path in paths]
    for path in (images.truncated(tmp_path), images.written(tmp_path, "text.png", b"text")):
        with pytest.raises(UnreadableFileError):
            decode_image(path)
    gc.collect()  # a file left to the collector would warn here
    after = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    assert after == before
    assert all(image.info == {} for image in kept)
    assert all(image.copy().crop((0, 0, 2, 2)).tobytes() for image in kept)


def test_suffixes_are_lower_case_and_readable(tmp_path: Path) -> None:
    assert {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm"} <= IMAGE_SUFFIXES
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in IMAGE_SUFFIXES)
    assert not IMAGE_SUFFIXES & {".eps", ".pdf", ".svg", ".txt", ".heic"}
    writable = Image.registered_extensions()
    image = Image.fromarray(images.quadrants())
    for suffix in sorted(IMAGE_SUFFIXES & writable.keys()):
        path = tmp_path / f"any{suffix}"
        (image.convert("F").point(lambda level: level / 255 + 0) if suffix == ".pfm" else image).save(path)
        assert decode_image(path).size == image.size


def test_threads_agree_with_one_thread_and_warn_of_nothing(tmp_path: Path) -> None:
    paths = [
        images.corrupt_exif(tmp_path),
        images.warning_png(tmp_path),
        images.alpha(tmp_path, "LA"),
        images.palette(tmp_path, transparency=bytes([255, 128, 0, 255])),
        images.lab_tiff(tmp_path),
        images.animation(tmp_path, ".webp"),
    ] * 20
    alone = [decode_image(path).tobytes() for path in paths]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda path: decode_image(path).tobytes(), paths))
    assert together == alone


def test_flattening_refuses_with_a_data_error() -> None:
    with pytest.raises(DataError, match="decimal numbers from 2 to 2"):
        rgb_on_white(Image.fromarray(np.full((2, 2), 2.0, np.float32)))
