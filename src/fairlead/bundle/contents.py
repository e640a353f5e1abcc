"""What a file of a bundle may be: told by its bytes, whatever its name promises."""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Any

from fairlead.bundle.graph import check_graph
from fairlead.errors import BundleError

SUFFIXES = (".json", ".md", ".onnx", ".png", ".safetensors")
_PICKLE = re.compile(rb"\x80[\x02-\x05]")
_ZIPPED = (b"PK\x03\x04", b"PK\x05\x06")
_NEVER = "a bundle never holds what can run code when it is read; export it anew"


def check_content(name: str, content: bytes) -> None:
    """Refuses a file that is not what its suffix says, and anything pickled under any name.

    Args:
        name: Its path inside the bundle.
        content: Its bytes.

    Raises:
        BundleError: a pickle, a torch checkpoint, a NumPy file or archive, ONNX with external data, or a file of a
            kind that a bundle does not hold.

    Examples:
        >>> check_content("labels.json", b'["cat", "dog"]')
        >>> import pickle
        >>> check_content("labels.json", pickle.dumps(["cat", "dog"]))
        Traceback (most recent call last):
        fairlead.errors.BundleError: labels.json is a pickle; a bundle never holds what can run code when it is read; \
export it anew
    """
    if _PICKLE.match(content):
        raise BundleError(f"{name} is a pickle; {_NEVER}")
    if content.startswith(_ZIPPED):
        raise BundleError(f"{name} is a zip archive, as torch and NumPy wrap pickles in; {_NEVER}")
    if content.startswith(b"\x93NUMPY"):
        raise BundleError(f"{name} is a NumPy file, which may hold a pickle; {_NEVER}")
    suffix = PurePosixPath(name).suffix
    if suffix not in SUFFIXES:
        raise BundleError(f"{name} is of no kind that a bundle holds ({', '.join(SUFFIXES)}); take it out")
    if suffix == ".json":
        read_json(name, content)
    elif suffix == ".md":
        _check_text(name, content)
    elif suffix == ".onnx":
        check_graph(name, content)
    elif suffix == ".png" and not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise BundleError(f"{name} is no PNG picture; export the bundle anew")
    elif suffix == ".safetensors":
        _check_safetensors(name, content)


def read_json(name: str, content: bytes) -> Any:
    """Parses a JSON file of a bundle.

    Raises:
        BundleError: it is none, holds a key twice, of which two readers may take another, or what is no number.

    Examples:
        >>> read_json("labels.json", b'["cat"]')
        ['cat']
        >>> read_json("gate.json", b'{"passes": false, "passes": true}')
        Traceback (most recent call last):
        fairlead.errors.BundleError: gate.json holds the key 'passes' twice; export the bundle anew
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        entries = dict(pairs)
        if len(entries) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise BundleError(f"{name} holds the key {twice[:100]!r} twice; export the bundle anew")
        return entries

    def no_number(word: str) -> float:
        raise BundleError(f"{name} holds {word}, which is no number in JSON; export the bundle anew")

    try:
        return json.loads(content, object_pairs_hook=once, parse_constant=no_number)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} is no JSON ({type(error).__name__}); export the bundle anew") from error


def _check_text(name: str, content: bytes) -> None:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BundleError(f"{name} is no text in UTF-8; export the bundle anew") from error


def _check_safetensors(name: str, content: bytes) -> None:
    """Refuses a file whose header does not account for every byte behind it, in order and without a gap."""
    length = int.from_bytes(content[:8], "little")
    header: object = None
    if 8 + length <= len(content):
        header = read_json(f"the header of {name}", content[8 : 8 + length])
    try:
        if not isinstance(header, dict):
            raise TypeError
        spans = sorted(tuple(entry["data_offsets"]) for key, entry in header.items() if key != "__metadata__")
        ends = [0, *(end for _, end in spans)]
        whole = [begin for begin, _ in spans] == ends[:-1] and 8 + length + ends[-1] == len(content)
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise BundleError(f"{name} is no whole safetensors file; export the bundle anew")
