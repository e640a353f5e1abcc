"""The files of a request log: their names, their order, and who may change one."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from fairlead.errors import DataError

INPUTS = "inputs"
PARTIAL = ".partial"
_NAME = re.compile(r"requests-(?P<opened>\d{8}T\d{6}Z)-(?P<writer>[0-9a-f]+)-(?P<number>\d{6})\.jsonl")
_PLACE = re.compile(r"(?P<request>.+)/(?P<place>[0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True)
class Segment:
    """One file of a log, named for when it was opened, by which writer, and the how manyeth of it.

    Attributes:
        path: The file.
        writer: What is particular to its writer; the file's own name where that is of another kind.
        number: Its place among those of its writer, from 0.

    Examples:
        >>> path = Path("log") / Segment.name(0.0, "4f2a9c01", 2)
        >>> path.name
        'requests-19700101T000000Z-4f2a9c01-000002.jsonl'
        >>> Segment.of(path).writer, Segment.of(path).number
        ('4f2a9c01', 2)
    """

    path: Path
    writer: str
    number: int

    @staticmethod
    def name(opened: float, writer: str, number: int) -> str:
        """Returns the name of a segment that is opened now."""
        return f"requests-{datetime.fromtimestamp(opened, UTC):%Y%m%dT%H%M%SZ}-{writer}-{number:06d}.jsonl"

    @classmethod
    def of(cls, path: Path) -> Segment:
        """Reads a name; a file of another name is the only one of its writer."""
        found = _NAME.fullmatch(path.name)
        return cls(path, str(path), 0) if found is None else cls(path, found["writer"], int(found["number"]))

    @property
    def inputs(self) -> Path:
        """The folder of the inputs that its records answer, where they are kept."""
        return self.path.parent / INPUTS / self.path.stem


def segments_of(paths: Sequence[Path]) -> list[Segment]:
    """Returns the segments that files and folders name, each once, by name.

    Raises:
        DataError: what is not there, or a folder without segments.

    Examples:
        >>> segments_of([])
        []
    """
    files: dict[Path, Path] = {}
    for path in paths:
        found = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
        if not path.exists():
            raise DataError(f"there is no request log {path}; name a service's log folder, or files of it")
        if not found:
            raise DataError(f"{path} holds no segment (*.jsonl); name the folder that the service writes its log to")
        for file in found:
            files.setdefault(file.resolve(), file)
    return [Segment.of(file) for file in sorted(files.values(), key=lambda file: (file.name, str(file)))]


def input_name(record: str) -> str:
    """Returns the file name of a record's input: a digest, for ids come from clients.

    Items of one request share its digest, so that all of them are found by the request's id.

    Examples:
        >>> input_name("r1/3").removeprefix(input_name("r1")), "/" in input_name("../../etc")
        ('-3', False)
    """
    found = _PLACE.fullmatch(record)
    request, place = (record, "") if found is None else (found["request"], f"-{int(found['place'])}")
    return sha256(request.encode("utf-8", "surrogatepass")).hexdigest()[:32] + place


def names_of(record: str) -> tuple[str, ...]:
    """Returns what a record can be asked for by: its own id, and of an item, that of its request.

    Examples:
        >>> names_of("r1"), names_of("r1/0"), names_of("r1/x")
        (('r1',), ('r1/0', 'r1'), ('r1/x',))
    """
    found = _PLACE.fullmatch(record)
    return (record,) if found is None else (record, found["request"])


@contextmanager
def held(handle: int, *, wait: bool = False) -> Iterator[bool]:
    """Holds an open segment against every other process that changes it; yields whether it is held, and still there.

    A file system without locks, as some over a network, holds nothing: there the log of a running service is not to
    be changed.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
        return
    except OSError:
        yield os.fstat(handle).st_nlink > 0
        return
    try:
        yield os.fstat(handle).st_nlink > 0
    finally:
        fcntl.flock(handle, fcntl.LOCK_UN)
