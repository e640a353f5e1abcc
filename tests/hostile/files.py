"""Whole pictures of every format, small, made once."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from functools import cache

import numpy as np
from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIDE = 24


def pixels(channels: int = 3, height: int = SIDE, width: int = SIDE + 8) -> np.ndarray:
    """Noise, ever the same."""
    return np.random.default_rng(channels).integers(0, 256, (height, width, channels), dtype=np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as a file."""
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(
    width: int, height: int, content: bytes = b"", *, depth: int = 8, colour: int = 2, before: bytes = b""
) -> bytes:
    """A PNG whose header may promise anything; ``before`` stands before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return SIGNATURE + chunk(b"IHDR", header) + before + chunk(b"IDAT", content) + chunk(b"IEND", b"")


def tiff(entries: dict[int, tuple[int, int]], data: bytes = b"") -> bytes:
    """A TIFF of (type, value) by tag, with data from byte 8 on."""
    rows = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, (kind, value) in sorted(entries.items()))
    directory = struct.pack("<H", len(entries)) + rows + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory


def bmp(width: int, height: int, data: bytes, *, bits: int = 8, compression: int = 1) -> bytes:
    """A BMP, run-length encoded unless told otherwise."""
    palette = bytes(4 * 256) if bits == 8 else b""
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, 0, 0)
    offset = 14 + len(head) + len(palette)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + head + palette + data


def _frames() -> list[Image.Image]:
    return [Image.fromarray(pixels(3)[:, :, [turn, 1, 2]]) for turn in range(3)]


def _palette() -> Image.Image:
    return Image.fromarray(pixels()).quantize(16)


def _deep() -> Image.Image:
    return Image.fromarray(pixels(1)[:, :, 0].astype(np.uint16) * 257)


def _animated(kind: str, **options: object) -> bytes:
    first, *rest = _frames()
    return saved(first, kind, save_all=True, append_images=rest, **options)


def _mode(mode: str) -> Image.Image:
    return Image.fromarray(pixels()).convert(mode)


MAKERS: dict[str, Callable[[], bytes]] = {
    "plain.png": lambda: saved(_mode("RGB"), "PNG"),
    "alpha.png": lambda: saved(_mode("RGBA"), "PNG"),
    "grey_alpha.png": lambda: saved(_mode("LA"), "PNG"),
    "bilevel.png": lambda: saved(_mode("1"), "PNG"),
    "palette.png": lambda: saved(_palette(), "PNG", transparency=3),
    "deep.png": lambda: saved(_deep(), "PNG"),
    "animated.png": lambda: _animated("PNG", duration=40),
    "baseline.jpg": lambda: saved(_mode("RGB"), "JPEG"),
    "progressive.jpg": lambda: saved(_mode("RGB"), "JPEG", progressive=True),
    "grey.jpg": lambda: saved(_mode("L"), "JPEG"),
    "cmyk.jpg": lambda: saved(_mode("CMYK"), "JPEG"),
    "turned.jpg": lambda: saved(_mode("RGB"), "JPEG", exif=_turned()),
    "plain.gif": lambda: saved(_palette(), "GIF"),
    "animated.gif": lambda: _animated("GIF", duration=40, disposal=2),
    "lossy.webp": lambda: saved(_mode("RGB"), "WEBP"),
    "lossless.webp": lambda: saved(_mode("RGBA"), "WEBP", lossless=True),
    "animated.webp": lambda: _animated("WEBP", duration=40),
    "plain.tif": lambda: saved(_mode("RGB"), "TIFF"),
    "deflated.tif": lambda: saved(_mode("RGB"), "TIFF", compression="tiff_adobe_deflate"),
    "jpeg.tif": lambda: saved(_mode("RGB"), "TIFF", compression="jpeg"),
    "deep.tif": lambda: saved(_deep(), "TIFF"),
    "pages.tif": lambda: _animated("TIFF"),
    "plain.bmp": lambda: saved(_mode("RGB"), "BMP"),
    "palette.bmp": lambda: saved(_palette(), "BMP"),
    "plain.ppm": lambda: saved(_mode("RGB"), "PPM"),
    "plain.avif": lambda: saved(_mode("RGB"), "AVIF"),
    "plain.jp2": lambda: saved(_mode("RGB"), "JPEG2000"),
}


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


@cache
def whole(name: str) -> bytes:
    """The picture of a name in ``MAKERS``."""
    return MAKERS[name]()
