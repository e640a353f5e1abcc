"""Awkward and broken image files, each showing the same four coloured quadrants or nothing at all.

Every function writes one small file into a folder and returns its path. A wrong turn, inversion, channel order or
composite changes which colour stands in which quadrant.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

HEIGHT, WIDTH = 32, 48
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (20, 170, 40), (30, 40, 200), (230, 210, 20)
WHITE, BLACK = (255, 255, 255), (0, 0, 0)

Pixels = NDArray[np.uint8]
Colour = tuple[int, ...]


def quadrants(
    colours: tuple[Colour, Colour, Colour, Colour] = (RED, GREEN, BLUE, YELLOW),
    height: int = HEIGHT,
    width: int = WIDTH,
) -> Pixels:
    """Four colours: top left, top right, bottom left, bottom right."""
    pixels = np.zeros((height, width, len(colours[0])), np.uint8)
    for colour, rows, columns in zip(
        colours,
        (slice(0, height // 2), slice(0, height // 2), slice(height // 2, None), slice(height // 2, None)),
        (slice(0, width // 2), slice(width // 2, None), slice(0, width // 2), slice(width // 2, None)),
        strict=True,
    ):
        pixels[rows, columns] = colour
    return pixels


def noise(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_bytes(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def plain(folder: Path, suffix: str = ".png", pixels: Pixels | None = None) -> Path:
    """An ordinary file; JPEG at high quality without subsampling, so that colours hold within a few levels."""
    path = folder / f"plain{suffix}"
    options = {".jpg": {"quality": 95, "subsampling": 0}, ".webp": {"lossless": True}}.get(suffix, {})
    Image.fromarray(quadrants() if pixels is None else pixels).save(path, **options)
    return path


def stored_for_orientation(upright: Pixels, orientation: int) -> Pixels:
    """What a camera stores: EXIF says on which visual edge the first stored row and column lie."""
    return {
        1: upright,  # row 0 top, column 0 left
        2: upright[:, ::-1],  # top, right
        3: upright[::-1, ::-1],  # bottom, right
        4: upright[::-1],  # bottom, left
        5: upright.swapaxes(0, 1),  # row 0 left, column 0 top
        6: upright[:, ::-1].swapaxes(0, 1),  # right, top
        7: upright[::-1, ::-1].swapaxes(0, 1),  # right, bottom
        8: upright[::-1].swapaxes(0, 1),  # left, bottom
    }[orientation]


def oriented(folder: Path, orientation: int, suffix: str = ".jpg") -> Path:
    """Quadrants stored turned, with the tag that turns them back."""
    path = folder / f"orientation{orientation}{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored_for_orientation(quadrants(), orientation)))
    options = {".jpg": {"quality": 95, "subsampling": 0}, ".webp": {"lossless": True}, ".avif": {"quality": 100}}
    image.save(path, exif=exif, **options.get(suffix, {}))
    return path


def corrupt_exif(folder: Path) -> Path:
    """EXIF whose first tag points far outside, which Pillow warns of; orientation 6 comes first and is whole."""
    entries = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0) + struct.pack("<HHII", 0x010E, 2, 500, 60000)
    exif = b"Exif\0\0" + b"II*\0" + struct.pack("<IH", 8, 2) + entries + struct.pack("<I", 0)
    image = Image.fromarray(np.ascontiguousarray(stored_for_orientation(quadrants(), 6)))
    return written(folder, "corrupt_exif.jpg", as_bytes(image, "JPEG", quality=95, subsampling=0, exif=exif))


def garbage_exif(folder: Path) -> Path:
    exif = b"Exif\0\0" + bytes(range(1, 90))
    image = Image.fromarray(quadrants())
    return written(folder, "garbage_exif.jpg", as_bytes(image, "JPEG", quality=95, subsampling=0, exif=exif))


def alpha(folder: Path, mode: str, suffix: str = ".png") -> Path:
    """Red, half transparent green, fully transparent blue, yellow; in grey modes their luminance."""
    rgba = Image.fromarray(quadrants(((*RED, 255), (*GREEN, 128), (*BLUE, 0), (*YELLOW, 255))))
    path = folder / f"alpha_{mode}{suffix}"
    rgba.convert(mode).save(path, **({"lossless": True, "exact": True} if suffix == ".webp" else {}))
    return path


def keyed(folder: Path, mode: str) -> Path:
    """PNG in which one colour (that of the top right quadrant) is declared transparent."""
    image = Image.fromarray(quadrants()).convert(mode)
    path = folder / f"keyed_{mode}.png"
    image.save(path, transparency=image.getpixel((WIDTH - 1, 0)))
    return path


def palette(folder: Path, suffix: str = ".png", **options: object) -> Path:
    """Palette 0 red, 1 green, 2 blue, 3 yellow; ``transparency`` may be an index or bytes of alphas."""
    indices = quadrants(((0,), (1,), (2,), (3,)))[:, :, 0]
    image = Image.fromarray(indices)
    image.putpalette([*RED, *GREEN, *BLUE, *YELLOW])
    path = folder / f"palette{suffix}"
    image.save(path, **options)
    return path


def cmyk(folder: Path, suffix: str = ".jpg") -> Path:
    """Ink in percent of full: none (white), magenta and yellow (red), cyan and magenta (blue), black."""
    inks = quadrants(((0, 0, 0, 0), (0, 255, 255, 0), (255, 255, 0, 0), (0, 0, 0, 255)))
    path = folder / f"cmyk{suffix}"
    Image.fromarray(inks, "CMYK").save(path, **({"quality": 95} if suffix == ".jpg" else {}))
    return path


CMYK_TRUTH = (WHITE, (255, 0, 0), (0, 0, 255), BLACK)


def ycck(folder: Path) -> Path:
    """The same inks as Adobe writes them: inverted, the first three as luminance and chroma, transform 2."""
    inks = quadrants(((0, 0, 0, 0), (0, 255, 255, 0), (255, 255, 0, 0), (0, 0, 0, 255))).astype(float)
    first, second, third = inks[:, :, 0], inks[:, :, 1], inks[:, :, 2]
    luminance = 0.299 * first + 0.587 * second + 0.114 * third
    chroma_blue = 128 - 0.168736 * first - 0.331264 * second + 0.5 * third
    chroma_red = 128 + 0.5 * first - 0.418688 * second - 0.081312 * third
    stored = np.stack([luminance, chroma_blue, chroma_red, 255 - inks[:, :, 3]], axis=2)
    # Pillow inverts what it writes, as Adobe does.
    image = Image.fromarray((255 - np.clip(np.rint(stored), 0, 255)).astype(np.uint8), "CMYK")
    content = bytearray(as_bytes(image, "JPEG", quality=95))
    marker = content.index(b"Adobe")
    content[marker + 11] = 2  # the transform byte: YCCK
    return written(folder, "ycck.jpg", bytes(content))


GREY_LEVELS = (0, 64, 191, 255)


def deep_grey(folder: Path, suffix: str = ".png", *, big_endian: bool = False) -> Path:
    """16-bit grey that spans the full range: 0, 64, 191 and 255 times 257."""
    levels = quadrants(tuple((level,) for level in GREY_LEVELS))[:, :, 0].astype(np.uint16) * 257
    path = folder / f"deep{'_big' if big_endian else ''}{suffix}"
    Image.fromarray(levels.astype(">u2" if big_endian else "<u2")).save(path)
    return path


def grey_tiff(folder: Path, values: NDArray[np.generic], **tags: int) -> Path:
    """An uncompressed grey TIFF of any integer or float values, written tag by tag.

    Args:
        folder: Where to.
        values: (height, width) of the type to store.
        tags: ``bits`` (of the type where absent), ``photometric`` (1).
    """
    height, width = values.shape
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = values.astype(values.dtype.newbyteorder("<")).tobytes()
    bits = tags.get("bits", values.dtype.itemsize * 8)
    if bits == 12:  # two samples in three bytes, most significant bits first
        pairs = values.reshape(-1, 2).astype(int)
        packed = [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255]
        data = np.stack(packed, axis=1).astype(np.uint8).tobytes()
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: tags.get("photometric", 1), 273: 8, 277: 1}
    entries |= {278: height, 279: len(data), 339: kind}
    directory = struct.pack("<H", len(entries)) + b"".join(
        struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value) for tag, value in entries.items()
    )
    content = b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + struct.pack("<I", 0)
    return written(folder, "grey.tif", content)


def lab_tiff(folder: Path) -> Path:
    path = folder / "lab.tif"
    Image.fromarray(quadrants()).convert("LAB").save(path)
    return path


def ycbcr_tiff(folder: Path) -> Path:
    path = folder / "ycbcr.tif"
    Image.fromarray(quadrants()).convert("YCbCr").save(path)
    return path


def animation(folder: Path, suffix: str) -> Path:
    """Quadrants first, then all black."""
    first = Image.fromarray(quadrants())
    path = folder / f"animation{suffix}"
    options: dict[str, object] = {".webp": {"lossless": True}}.get(suffix, {})
    first.save(path, save_all=True, append_images=[Image.new("RGB", first.size)], duration=100, **options)
    return path


def gif_with_small_first_frame(folder: Path) -> Path:
    """A 4 x 4 canvas whose first frame draws its two middle rows and columns in blue; palette colour 0 is red."""
    palette_bytes = bytes((*RED, *BLUE))
    header = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0x80, 0, 0) + palette_bytes
    # Four pixels of colour 1, codes of 3 bits: clear 4, 1, 1, 1, 1, end 5 (a clear code keeps the width at 3).
    codes = [4, 1, 1, 4, 1, 1, 5]
    packed = sum(code << (3 * position) for position, code in enumerate(codes))
    data = packed.to_bytes(3, "little")
    frame = b"," + struct.pack("<HHHHB", 1, 1, 2, 2, 0) + b"\x02" + bytes([len(data)]) + data + b"\0"
    return written(folder, "small_frame.gif", header + frame + b";")


def png_chunks(header: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of raw chunks with right checksums."""
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), *chunks, (b"IEND", b"")):
        content += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return content


def warning_png(folder: Path) -> Path:
    """A PNG that says it is an animation of no frames, which Pillow warns of."""
    rows = b"".join(b"\0" + row.tobytes() for row in quadrants())
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    chunks = ((b"acTL", struct.pack(">II", 0, 0)), (b"IDAT", zlib.compress(rows)))
    return written(folder, "no_frames.png", png_chunks(header, *chunks))


def bomb(folder: Path, width: int = 60_000, height: int = 60_000) -> Path:
    """A PNG of some dozen bytes whose header claims a huge picture; there are no pixels behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return written(folder, "bomb.png", png_chunks(header, (b"IDAT", zlib.compress(b"\0"))))


def truncated(folder: Path, suffix: str = ".jpg") -> Path:
    content = plain(folder, suffix, noise()).read_bytes()
    return written(folder, f"truncated{suffix}", content[: len(content) * 2 // 3])


def multipage_tiff(folder: Path) -> Path:
    path = folder / "pages.tif"
    first = Image.fromarray(quadrants())
    first.save(path, save_all=True, append_images=[Image.new("RGB", first.size)], compression="tiff_lzw")
    return path


def mpo(folder: Path) -> Path:
    path = folder / "pair.mpo"
    first = Image.fromarray(quadrants())
    first.save(path, "MPO", save_all=True, append_images=[Image.new("RGB", first.size)], quality=95)
    return path


def tiff_with_orientation(folder: Path, orientation: int, compression: str | None = None) -> Path:
    path = folder / f"orientation{orientation}.tif"
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored_for_orientation(quadrants(), orientation)))
    image.save(path, tiffinfo=tags, compression=compression)
    return path
