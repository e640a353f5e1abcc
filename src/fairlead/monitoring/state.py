"""The file in which a watch outlives the process that keeps it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from fairlead.bundle import Bundle
from fairlead.errors import FairleadError, UnreadableFileError
from fairlead.judgement import Policy
from fairlead.monitoring.settings import WatchSettings
from fairlead.monitoring.watch import Watch
from fairlead.monitoring.watched_model import WatchedModel
from fairlead.records import RunFolder

_MOST_BYTES = 512_000_000
_AT_ONCE = 4096  # numbers


def save_watch(watch: Watch, path: Path) -> None:
    """Writes a watch's state: the old file or the new one is there, whole, whenever the power goes.

    The first line holds the digest of the second, which is JSON. Ids of requests are in it as digests alone.

    Raises:
        OSError: a folder that cannot be written, or a full disk; the old file is then as it was.
    """
    body = "".join(_pieces(watch.to_dict())).encode("utf-8")
    head = json.dumps({"kind": "fairlead watch", "sha256": hashlib.sha256(body).hexdigest()}).encode("ascii")
    RunFolder.write_atomically(path, head + b"\n" + body + b"\n", mode=0o600)


def load_watch(
    path: Path,
    bundle: Bundle | WatchedModel,
    *,
    settings: WatchSettings | None = None,
    policy: Policy | None = None,
) -> Watch:
    """Reads what ``save_watch`` wrote; what follows is as if the process had never ended.

    Args:
        path: The file.
        bundle: The bundle it was kept for.
        settings: As then; None takes those of the file.
        policy: The limits; by default those of the bundle.

    Raises:
        UnreadableFileError: a file that is not there or was altered, or a state of another bundle, schema or settings;
            the message names the file and says which.
    """
    content = _content(path)
    try:
        return Watch.from_dict(content, bundle, settings=settings, policy=policy)
    except FairleadError as error:
        raise UnreadableFileError(f"{path}: {error}") from error


def _content(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be read ({error.strerror}); name a state, or start a new one"
        ) from error
    head, _, body = raw.partition(b"\n")
    try:
        digest = json.loads(head)["sha256"]
        body = body.removesuffix(b"\n")
        if len(raw) > _MOST_BYTES or hashlib.sha256(body).hexdigest() != digest:
            raise ValueError("it was cut off or altered")
        return json.loads(body, parse_constant=_no_number)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise UnreadableFileError(
            f"{path} is no whole state of a watch ({error}); put back a copy, or move it away to start a new one"
        ) from error


def _pieces(content: Any) -> Iterator[str]:
    """Yields JSON in pieces: one call for all would let no other thread run, for seconds where classes are many."""
    if isinstance(content, dict):
        for place, (name, value) in enumerate(content.items()):
            yield f"{',' if place else '{'}{json.dumps(str(name))}:"
            yield from _pieces(value)
        yield "}" if content else "{}"
    elif isinstance(content, list) and any(isinstance(value, dict | list) for value in content):
        for place, value in enumerate(content):
            yield "," if place else "["
            yield from _pieces(value)
        yield "]"
    elif isinstance(content, list):
        parts = (content[start : start + _AT_ONCE] for start in range(0, len(content), _AT_ONCE))
        yield f"[{','.join(json.dumps(part, separators=(',', ':'), allow_nan=False)[1:-1] for part in parts)}]"
    else:
        yield json.dumps(content, allow_nan=False)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")
