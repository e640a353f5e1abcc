"""A file that cannot be read gives an error that names it and the remedy, and nothing else escapes."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import UnreadableFileError
from fairlead.preprocessing import decode_image
from tests.fakes import images
from tests.hostile import bombs


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"hello, I am text", "is not an image in a format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is a PostScript drawing"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "is a HEIC photo"),
        (b"<!DOCTYPE html><html></html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a Git LFS pointer"),
        (b"\xff\xd8\xff\xe0\0", "header is damaged or cut short"),
    ],
)
def test_what_is_not_an_image_is_named(tmp_path: Path, content: bytes, reason: str) -> None:
    path = images.written(tmp_path, "photo.jpg", content)
    with pytest.raises(UnreadableFileError, match=rf"photo\.jpg .*{reason}"):
        decode_image(path)
    with pytest.raises(UnreadableFileError, match=rf"^row 7 .*{reason}"):
        decode_image(content, name="row 7")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".gif", ".bmp", ".tif", ".ppm", ".webp"])
def test_truncated_file_is_refused(tmp_path: Path, suffix: str) -> None:
    path = images.truncated(tmp_path, suffix)
    with pytest.raises(UnreadableFileError, match=rf"truncated\{suffix} .*(cut short|damaged).*; copy it again"):
        decode_image(path)


def test_paths_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableFileError, match=r"gone\.jpg does not exist; check the path"):
        decode_image(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableFileError, match="is a folder; give"):
        decode_image(tmp_path)
    with pytest.raises(UnreadableFileError, match="cannot be opened"):
        decode_image(tmp_path / "a\0b.jpg")
    path = images.plain(tmp_path)

    def denied(self: Path, mode: str = "r") -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", denied)  # chmod does not stop a test run by root
    with pytest.raises(UnreadableFileError, match=r"plain\.png may not be read \(Permission denied\); allow reading"):
        decode_image(path)


def test_too_many_pixels_are_refused_before_decoding(tmp_path: Path) -> None:
    # 9 500 x 10 000 is where Pillow warns and we do not refuse; there is no data behind it.
    with pytest.raises(UnreadableFileError, match=r"cut short|damaged"):
        decode_image(images.bomb(tmp_path, 9_500, 10_000))
    with pytest.raises(UnreadableFileError, match=r"11000 x 10000 = 110000000 pixels, more than the 100000000 allowed"):
        decode_image(images.bomb(tmp_path, 11_000, 10_000))
    with pytest.raises(UnreadableFileError, match=r"bomb\.png has too many pixels for Pillow .*; make it smaller"):
        decode_image(images.bomb(tmp_path))
    path = images.plain(tmp_path)
    pixels = images.WIDTH * images.HEIGHT
    assert decode_image(path, max_pixels=pixels).size == (images.WIDTH, images.HEIGHT)
    with pytest.raises(UnreadableFileError, match=f"more than the {pixels - 1} allowed"):
        decode_image(path, max_pixels=pixels - 1)


def test_a_tile_that_is_larger_than_the_picture_may_be_is_refused() -> None:
    # 16 x 16 pixels in a megabyte, for which libtiff would take a gigabyte.
    with pytest.raises(UnreadableFileError, match=r"has tiles of 16384 x 16384 = 268435456 pixels, more than the"):
        decode_image(bombs.bomb("one_tile.tif"))
    assert decode_image(bombs.bomb("one_tile.tif"), max_pixels=16_384**2).size == (16, 16)


def test_a_jpeg_that_is_gone_over_again_and_again_is_refused() -> None:
    begun = time.perf_counter()
    with pytest.raises(UnreadableFileError, match=r"has 3\d\d\d scans, more than the 100 allowed"):
        decode_image(bombs.bomb("scans.jpg"))
    assert time.perf_counter() - begun < 2  # decoded, it takes half a minute
    assert decode_image(bombs.bomb("few_scans.jpg")).size == (4096, 4096)


def test_a_video_behind_a_photo_is_not_taken_for_scans(tmp_path: Path) -> None:
    photo = images.plain(tmp_path, ".jpg").read_bytes()
    behind = b"ftypmp42" + b"\xff\xda\x00\x02" * 500
    assert decode_image(photo + behind).tobytes() == decode_image(photo).tobytes()
    inside = b"\xff\xe5\x07\xd2" + b"\xff\xda" * 1000  # a segment of an application's own
    assert decode_image(photo[:2] + inside + photo[2:]).tobytes() == decode_image(photo).tobytes()


@pytest.fixture(scope="module")
def small_files(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("small")
    paths = [images.corrupt_exif(folder), images.deep_grey(folder, ".tif"), images.palette(folder, transparency=2)]
    paths += [images.animation(folder, ".gif"), images.cmyk(folder), images.plain(folder, ".webp")]
    return [path.read_bytes() for path in paths]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_damage_gives_a_picture_or_a_named_error(small_files: list[bytes], data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(small_files)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    content = content[:cut] if data.draw(st.booleans()) else content
    try:
        image = decode_image(bytes(content), name="damaged.bin", max_pixels=1_000_000)
    except UnreadableFileError as error:
        assert str(error).startswith("damaged.bin ")  # noqa: PT017
    else:
        assert image.mode == "RGB"
        assert min(image.size) >= 1
