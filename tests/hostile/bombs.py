"""Small files that ask for much memory or time, and headers that promise what is not there."""

from __future__ import annotations

import io
import random
import struct
import zlib
from collections.abc import Callable
from functools import cache

from PIL import Image

from tests.hostile.files import SIGNATURE, bmp, chunk, png, saved, tiff, whole

LARGE = 5_000  # 25 million pixels: below the service's cap, so that it must be decoded
HUGE = 65_535


def _zeros(count: int, level: int = 9) -> bytes:
    packer, step = zlib.compressobj(level), 1 << 22
    parts = [packer.compress(bytes(min(step, count - start))) for start in range(0, count, step)]
    return b"".join((*parts, packer.flush()))


def _text(kind: bytes, count: int) -> bytes:
    heads = {b"zTXt": b"k\0\0", b"iTXt": b"k\0\1\0\0\0", b"iCCP": b"k\0\0"}
    return chunk(kind, heads[kind] + _zeros(count))


def _many_scans(count: int, side: int = 4096) -> bytes:
    """A progressive JPEG whose last scan comes again and again: every one is a pass over the whole picture."""
    content = saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * count + content[-2:]


def _tile(side: int) -> bytes:
    """A TIFF of 16 x 16 pixels in one tile of ``side``."""
    data = _zeros(side * side)
    entries = {256: 16, 257: 16, 258: 8, 259: 8, 262: 1, 277: 1, 322: side, 323: side, 324: 8, 325: len(data)}
    return tiff({tag: (4, value) for tag, value in entries.items()}, data)


def _webp_header(width: int, height: int) -> bytes:
    """An extended WebP whose canvas is as large as it says; one frame lies in it."""
    frame = whole("lossy.webp")[12:]
    canvas = bytes(4) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    content = b"WEBP" + b"VP8X" + struct.pack("<I", 10) + canvas + frame
    return b"RIFF" + struct.pack("<I", len(content)) + content


def _gif(screen: tuple[int, int], frame: tuple[int, int]) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *screen, 0x80, 0, 0) + bytes(6)
    return head + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x4c\x01\x00;"


def _plain_ppm(count: int) -> bytes:
    """Numbers as text, which Pillow reads in Python."""
    return f"P3 {count} 1 255\n".encode() + b"1 " * (3 * count)


def _jp2(width: int, height: int) -> bytes:
    content = bytearray(whole("plain.jp2"))
    header = content.index(b"ihdr") + 4
    content[header : header + 8] = struct.pack(">II", height, width)
    size = content.index(b"\xff\x51") + 6
    content[size : size + 8] = struct.pack(">II", width, height)
    return bytes(content)


def _avif(width: int, height: int) -> bytes:
    content = bytearray(whole("plain.avif"))
    header = content.index(b"ispe") + 8
    content[header : header + 8] = struct.pack(">II", width, height)
    return bytes(content)


def _jpeg_header(width: int, height: int, name: str = "baseline.jpg") -> bytes:
    content = bytearray(whole(name))
    frame = content.index(b"\xff\xc2" if name.startswith("progressive") else b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def _exif(count: int) -> bytes:
    """A JPEG with as many segments of EXIF as fit, each of 64 KiB."""
    content = whole("baseline.jpg")
    segment = b"\xff\xe1" + struct.pack(">H", 65_535) + b"Exif\0\0" + b"II*\0" + bytes(65_523)
    return content[:2] + segment * count + content[2:]


def _profile(count: int) -> bytes:
    content = whole("baseline.jpg")
    parts = (
        b"\xff\xe2" + struct.pack(">H", 65_000) + b"ICC_PROFILE\0" + bytes((number, count)) + bytes(64_984)
        for number in range(1, count + 1)
    )
    return content[:2] + b"".join(parts) + content[2:]


def _looped_tiff() -> bytes:
    """A TIFF whose directory names itself as the next."""
    content = bytearray(whole("plain.tif"))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    struct.pack_into("<I", content, start + 2 + 12 * count, start)
    return bytes(content)


def _counted_tiff() -> bytes:
    """A TIFF that says it has four thousand million strips."""
    content = bytearray(whole("plain.tif"))
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    for number in range(count):
        tag = start + 2 + 12 * number
        if struct.unpack_from("<H", content, tag)[0] in (273, 279):
            struct.pack_into("<I", content, tag + 4, 0xFFFFFFFF)
    return bytes(content)


def _webp() -> bytes:
    return saved(Image.new("RGB", (LARGE, LARGE)), "WEBP", quality=1, method=0)


BOMBS: dict[str, Callable[[], bytes]] = {
    "zeros.png": lambda: png(LARGE, LARGE, _zeros(3 * LARGE * LARGE + LARGE)),
    "zeros16.png": lambda: png(LARGE, LARGE, _zeros(8 * LARGE * LARGE + LARGE), depth=16, colour=6),
    "more_than_promised.png": lambda: png(8, 8, _zeros(300_000_000)),
    "zeros.gif": lambda: saved(Image.new("P", (LARGE, LARGE)), "GIF"),
    "zeros.webp": _webp,
    "zeros.tif": lambda: saved(Image.new("RGB", (LARGE, LARGE)), "TIFF", compression="tiff_adobe_deflate"),
    "zeros.jp2": lambda: saved(Image.new("L", (2000, 2000)), "JPEG2000"),
    "one_tile.tif": lambda: _tile(16_384),
    "one_great_tile.tif": lambda: _tile(32_768),
    "scans.jpg": lambda: _many_scans(3000),
    "few_scans.jpg": lambda: _many_scans(40),
    "plain_text.ppm": lambda: _plain_ppm(300_000),
    "delta.bmp": lambda: bmp(30_000_000, 1, b"\0\2\xff\xff" * 50 + b"\0\1"),
    "line_ends.bmp": lambda: bmp(3_000_000, 4, b"\1\1\0\0" * 4 + b"\0\1"),
    "runs.bmp": lambda: bmp(2000, 2000, b"\0\0\0\0" * 200_000),
    "ztxt.png": lambda: png(8, 8, _zeros(200), before=_text(b"zTXt", 100_000_000)),
    "itxt.png": lambda: png(8, 8, _zeros(200), before=_text(b"iTXt", 100_000_000)),
    "iccp.png": lambda: png(8, 8, _zeros(200), before=_text(b"iCCP", 100_000_000)),
    "texts.png": lambda: png(8, 8, _zeros(200), before=_text(b"zTXt", 900_000) * 200),
    "chunks.png": lambda: png(8, 8, _zeros(200), before=chunk(b"abCd", b"") * 100_000),
    "empty_idats.png": lambda: SIGNATURE + whole("plain.png")[8:33] + chunk(b"IDAT", b"") * 100_000,
    "exif.jpg": lambda: _exif(60),
    "profile.jpg": lambda: _profile(200),
    "loop.tif": _looped_tiff,
    "strips.tif": _counted_tiff,
    "frame_beyond_screen.gif": lambda: _gif((1, 1), (HUGE, HUGE)),
    "canvas.webp": lambda: _webp_header(16_383, 16_383),
    "canvas_max.webp": lambda: _webp_header(1 << 24, 1 << 8),
}

HEADERS: dict[str, Callable[[int, int], bytes]] = {
    "png": lambda width, height: png(width, height, b"x\x9c"),
    "jpg": lambda width, height: _jpeg_header(width & 0xFFFF, height & 0xFFFF),
    "progressive jpg": lambda width, height: _jpeg_header(width & 0xFFFF, height & 0xFFFF, "progressive.jpg"),
    "gif": lambda width, height: _gif((width & 0xFFFF, height & 0xFFFF), (width & 0xFFFF, height & 0xFFFF)),
    "bmp": lambda width, height: bmp(width & 0x7FFFFFFF, height & 0x7FFFFFFF, b"", bits=24, compression=0),
    "bmp, upside down": lambda width, height: bmp(width & 0x7FFFFFFF, -(height & 0x7FFFFFFF), b"", bits=24),
    "webp": lambda width, height: _webp_header(max(1, width & 0xFFFFFF), max(1, height & 0xFFFFFF)),
    "ppm": lambda width, height: f"P6 {width} {height} 255\n".encode() + bytes(9),
    "wide ppm": lambda width, height: f"P6 {'9' * 5000} {height} {width}\n".encode() + bytes(9),
    "jp2": _jp2,
    "avif": _avif,
    "tif": lambda width, height: tiff(
        {tag: (4, value) for tag, value in {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 8, 279: 9}.items()},
        bytes(9),
    ),
}
SIDES = (0, 1, 2, 7, 8_000, HUGE, 65_536, 2**24 - 1, 2**31 - 1, 2**32 - 1)


@cache
def bomb(name: str) -> bytes:
    """The file of a name in ``BOMBS``, made once."""
    return BOMBS[name]()


def promising(rng: random.Random) -> tuple[str, bytes]:
    """A name and a file whose header promises a size that is not there."""
    kind, width, height = rng.choice(list(HEADERS)), rng.choice(SIDES), rng.choice(SIDES)
    return f"{kind} of {width} x {height}", HEADERS[kind](width, height)


def thin(rng: random.Random) -> tuple[str, bytes]:
    """A whole picture of one pixel in one direction, or in both."""
    kind = rng.choice(("PNG", "JPEG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000"))
    size = rng.choice(((1, 1), (1, 16_000), (16_000, 1), (1, 2), (3, 1)))
    stream = io.BytesIO()
    Image.new("RGB", size, (200, 20, 90)).save(stream, kind)
    return f"{kind} of {size[0]} x {size[1]}", stream.getvalue()
