"""How much a picture may ask for before it is decoded."""

from __future__ import annotations

import re
from typing import BinaryIO

from PIL import ImageFile

from fairlead.errors import DataError

MAX_SCANS = 100
"""Passes over a JPEG's pixels; libtiff draws the line there too, and encoders write ten or so."""

_TILE_WIDTH, _TILE_LENGTH = 322, 323  # tags of TIFF
_SCAN, _ENDS = 0xDA, (0xD9, 0xD8)  # a second start within a picture is an error to every decoder
_MARKER = re.compile(rb"\xff+[\x02-\xcf\xd8-\xfe]")  # FF 00 is a byte of a scan; FF 01, FF D0 to FF D7 have no content


def check_bounds(image: ImageFile.ImageFile, stream: BinaryIO, max_pixels: int) -> None:
    """Refuses a picture that would take more memory or time than one of ``max_pixels`` may.

    Besides the size that a header states, a TIFF's tile may be any size and is decoded whole, and each scan of a JPEG
    goes over all pixels again though it takes a few bytes.

    Args:
        image: Opened, not loaded.
        stream: What it was opened from; its position is kept.
        max_pixels: At most.

    Raises:
        DataError: what is too much, without the name of the file.
    """
    _check_area(image.width, image.height, max_pixels, "has")
    if image.format == "TIFF":
        tags = getattr(image, "tag_v2", {})
        width, height = (_whole(tags.get(tag)) for tag in (_TILE_WIDTH, _TILE_LENGTH))
        _check_area(width, height, max_pixels, "has tiles of")
    elif image.format in {"JPEG", "MPO"}:
        position = stream.tell()
        stream.seek(0)
        content = stream.read()
        stream.seek(position)
        # The first count is quick, and too large where a video lies behind a photo.
        if content.count(b"\xff\xda") > MAX_SCANS and (scans := count_scans(content)) > MAX_SCANS:
            raise DataError(f"has {scans} scans, more than the {MAX_SCANS} allowed; save it anew as a JPEG")


def count_scans(content: bytes) -> int:
    r"""Counts the scans of the first picture in a JPEG, whatever lies behind it.

    Examples:
        >>> count_scans(b"\xff\xd8\xff\xda\x00\x02data\xff\x00\xff\xda\x00\x02\xff\xd9\xff\xda")
        2
    """
    scans, position = 0, 2
    while (marker := _MARKER.search(content, position)) is not None:
        kind, position = content[marker.end() - 1], marker.end()
        if kind in _ENDS:
            break
        scans += kind == _SCAN
        position += max(2, int.from_bytes(content[position : position + 2], "big"))
    return scans


def _check_area(width: int, height: int, max_pixels: int, what: str) -> None:
    if width * height > max_pixels:
        raise DataError(
            f"{what} {width} x {height} = {width * height} pixels, more than the {max_pixels} allowed; make it smaller"
        )


def _whole(value: object) -> int:
    """Returns a tag's number; a damaged one is for the decoder to refuse."""
    return value if isinstance(value, int) else 0
