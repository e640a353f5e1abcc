"""An image file, or its bytes, to upright RGB pixels; or an error that names the file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

# Imported by name so that Pillow need not import every plugin it has, and may decode in threads at once.
from PIL import (  # noqa: F401
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    Jpeg2KImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
    WebPImagePlugin,
    features,
)

from fairlead.errors import DataError, UnreadableFileError
from fairlead.preprocessing.bounds import check_bounds
from fairlead.preprocessing.flattening import rgb_on_white
from fairlead.preprocessing.silence import silenced

MAX_PIXELS = 100_000_000

# What Pillow may open. No EPS or PDF (they run another program), no stubs. MPO opens as JPEG.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "AVIF", "JPEG2000")
_SUFFIXES_OF_FEATURE = {
    "jpg": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "zlib": (".png", ".apng"),
    "webp": (".webp",),
    "avif": (".avif",),
    "jpg_2000": (".jp2", ".j2k", ".jpx"),
}
IMAGE_SUFFIXES: frozenset[str] = frozenset(
    (".bmp", ".gif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm")
).union(*(suffixes for feature, suffixes in _SUFFIXES_OF_FEATURE.items() if features.check(feature)))
"""Lower-case suffixes of the files that ``decode_image`` can read with the Pillow at hand."""

_ORIENTATION = 0x0112  # EXIF and TIFF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What often lies in a folder of photos under a photo's suffix: (offset, signature, what it is).
_STRANGERS = (
    (4, b"ftypheic", "a HEIC photo"),
    (4, b"ftypheix", "a HEIC photo"),
    (4, b"ftypmif1", "a HEIF photo"),
    (0, b"%PDF", "a PDF document"),
    (0, b"%!PS", "a PostScript drawing"),
    (0, b"\xc5\xd0\xd3\xc6", "an EPS drawing"),
    (0, b"<svg", "an SVG drawing"),
    (0, b"<!doctype html", "a web page"),
    (0, b"<html", "a web page"),
    (0, b"8bps", "a Photoshop document"),
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself (run 'git lfs pull')"),
)
_KNOWN_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"BM", b"GIF8", b"II*\0", b"MM\0*")


def decode_image(source: Path | bytes, *, name: str = "", max_pixels: int = MAX_PIXELS) -> Image.Image:
    r"""Decodes a picture to 8-bit RGB, the way up it was taken.

    EXIF orientation is applied; transparency is composited on white; of an animation the first frame is taken;
    16-bit grey is scaled by its full range. For an ordinary opaque RGB or grey file the pixels are exactly those of
    ``Image.open(file).convert("RGB")``. A colour profile (ICC) is not applied: pretrained backbones saw stored
    values, whatever their profile. The result carries no metadata, so nothing turns it a second time.

    Safe to call from many threads. No warning of Pillow's comes out, and no file stays open.

    Args:
        source: A file, or the bytes of one.
        name: What errors call it; the path where empty.
        max_pixels: Larger pictures are refused before they are decoded. Pillow has a limit of its own, twice
            ``Image.MAX_IMAGE_PIXELS``, which is for the caller to raise.

    Raises:
        UnreadableFileError: the file is missing, empty, a folder, not permitted, not an image in a known format,
            cut short, damaged, or too large; a JPEG of many scans or a TIFF of huge tiles; or its numbers have no known
            black and white.

    Examples:
        >>> decode_image(b"P6 2 1 255 \xff\x00\x00\x00\x00\xff").getpixel((1, 0))
        (0, 0, 255)
        >>> decode_image(b"", name="cat.jpg")
        Traceback (most recent call last):
        fairlead.errors.UnreadableFileError: cat.jpg is empty (0 bytes); copy it again from its source, or remove it
    """
    if isinstance(source, Path):
        name = name or str(source)
        stream = _opened(source, name)
    else:
        name = name or f"the image of {len(source)} bytes"
        stream = io.BytesIO(source)
    with silenced(), stream:
        return _decoded(stream, name, max_pixels)


def _opened(path: Path, name: str) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError:
        reason = "does not exist; check the path, and that the disk is mounted"
    except PermissionError as error:
        # Windows says "permission denied" of a folder.
        reason = "is a folder; give a file" if path.is_dir() else f"may not be read ({error.strerror}); allow reading"
    except IsADirectoryError:
        reason = "is a folder; give one of the files in it"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = f"cannot be opened ({error}); check the path and the disk"
    raise UnreadableFileError(f"{name} {reason}")


def _decoded(stream: BinaryIO, name: str, max_pixels: int) -> Image.Image:
    try:
        with Image.open(stream, formats=_FORMATS) as image:
            check_bounds(image, stream, max_pixels)
            drawn = _first_frame_box(image)
            image.load()
            picture = _whole_canvas(rgb_on_white(image), drawn)
            turn = _turn(image)
    except MemoryError:  # the machine's trouble, not the file's
        raise
    except DataError as error:
        raise UnreadableFileError(f"{name} {error}") from None
    except UnidentifiedImageError:
        raise UnreadableFileError(f"{name} {_why_unknown(stream)}") from None
    except Image.DecompressionBombError as error:
        raise UnreadableFileError(f"{name} has too many pixels for Pillow ({error}); make it smaller") from error
    except Exception as error:  # what a decoder raises on a damaged file is not a closed list
        state = "is cut short" if "truncated" in str(error) else "is damaged"
        raise UnreadableFileError(
            f"{name} {state} ({error or type(error).__name__}); copy it again from its source, or remove it"
        ) from error
    if turn is not None:
        picture = picture.transpose(turn)
    picture.info = {}
    return picture


def _first_frame_box(image: ImageFile.ImageFile) -> tuple[int, int, int, int] | None:
    """Returns what part of the canvas an opaque first GIF frame covers, where it is not all of it."""
    if image.format != "GIF" or "transparency" in image.info or not image.tile:
        return None
    box = image.tile[0].extents
    return None if box == (0, 0, *image.size) else box


def _whole_canvas(picture: Image.Image, drawn: tuple[int, int, int, int] | None) -> Image.Image:
    """Paints white what the first frame leaves undrawn; Pillow fills it with the palette's first colour."""
    if drawn is None:
        return picture
    canvas = Image.new("RGB", picture.size, (255, 255, 255))
    canvas.paste(picture.crop(drawn), drawn)
    return canvas


def _turn(image: ImageFile.ImageFile) -> Image.Transpose | None:
    # A TIFF has been turned by Pillow while loading, and its tag is gone.
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # a corrupt tag must not cost a readable picture, and what it raises is not a closed list
        return None


def _why_unknown(stream: BinaryIO) -> str:
    stream.seek(0)
    start = stream.read(64)
    if not start:
        return "is empty (0 bytes); copy it again from its source, or remove it"
    for offset, signature, kind in _STRANGERS:
        if start[offset:].lower().startswith(signature.lower()):
            return f"is {kind}; save it as JPEG or PNG, or remove it"
    if start.startswith(_KNOWN_STARTS):
        return "starts as an image does, but its header is damaged or cut short; copy it again, or remove it"
    return f"is not an image in a format that can be read ({', '.join(_FORMATS)}); save it as JPEG or PNG, or remove it"
