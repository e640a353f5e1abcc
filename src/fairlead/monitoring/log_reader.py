"""The records of a request log, in the order they were written."""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fairlead.errors import FairleadError, UnreadableFileError
from fairlead.monitoring.segments import Segment, segments_of
from fairlead.records import Feedback, Observation

Record = Observation | Feedback
LONGEST = 16_000_000  # bytes of a line: what a service writes is a thousandth of it
_NAMED = 20


@dataclass
class DamagedLines:
    """Lines that hold no record: a power cut left half of one, or someone wrote into the file.

    Attributes:
        count: How many.
        named: The first of them, ``FILE:LINE: REASON``.

    Examples:
        >>> damaged = DamagedLines()
        >>> damaged.add(Path("a.jsonl"), 3, "cut off")
        >>> damaged.count, damaged.named
        (1, ['a.jsonl:3: cut off'])
    """

    count: int = 0
    named: list[str] = field(default_factory=list)

    def add(self, path: Path, line: int, reason: str) -> None:
        """Counts a line."""
        self.count += 1
        if len(self.named) < _NAMED:
            self.named.append(f"{path}:{line}: {reason}")


def read_log(paths: Sequence[Path], damaged: DamagedLines | None = None) -> Iterator[Record]:
    """Yields the records of a log.

    Those of one writer come in the order it wrote them. Where several wrote at once, their records are merged by their
    times, so that two logs read together give the same order whichever is named first. One line of each writer that
    wrote at that time is in memory.

    Args:
        paths: Folders of segments, or segments.
        damaged: Where lines that hold no record are counted; they are skipped, told or not.

    Raises:
        DataError: what is not there, or a folder without segments.
        UnreadableFileError: a segment that cannot be opened or read.

    Examples:
        >>> list(read_log([]))
        []
    """
    damaged = DamagedLines() if damaged is None else damaged
    by_writer: dict[str, list[Segment]] = {}
    for segment in segments_of(paths):
        by_writer.setdefault(f"{segment.path.parent}/{segment.writer}", []).append(segment)
    waiting = []
    for writer, segments in by_writer.items():
        segments.sort(key=lambda segment: segment.number)
        # Looked at and closed again: of all the writers there ever were, few wrote at one time.
        with closing(_records(segments, DamagedLines())) as looked_at:
            first = next(looked_at, None)
        if first is None:
            for _ in _records(segments, damaged):  # nothing but damaged lines, which are counted all the same
                pass
        else:
            waiting.append((first.time, writer, segments))
    waiting.sort(key=lambda one: one[:2])
    yield from _merged(waiting, damaged)


def _merged(waiting: list[tuple[float, str, list[Segment]]], damaged: DamagedLines) -> Iterator[Record]:
    """Merges writers by time, each opened when its first record's time has come."""
    open_: list[tuple[float, str, Record, Iterator[Record]]] = []
    place = 0
    while open_ or place < len(waiting):
        while place < len(waiting) and (not open_ or waiting[place][0] <= open_[0][0]):
            _, writer, segments = waiting[place]
            place += 1
            _push(open_, writer, _records(segments, damaged))
        if not open_:
            continue
        _, writer, record, rest = heapq.heappop(open_)
        yield record
        _push(open_, writer, rest)


def _push(open_: list[tuple[float, str, Record, Iterator[Record]]], writer: str, rest: Iterator[Record]) -> None:
    record = next(rest, None)
    if record is not None:
        heapq.heappush(open_, (record.time, writer, record, rest))


def _records(segments: Sequence[Segment], damaged: DamagedLines) -> Generator[Record]:
    for segment in segments:
        for number, line in lines_of(segment.path):
            try:
                record = parse(line)
            except (FairleadError, ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
                damaged.add(segment.path, number, _reason(line, error))
            else:
                yield record


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yields the numbered lines of a segment, from 1; of one too long to be a record, its beginning.

    Raises:
        UnreadableFileError: a file that cannot be opened or read.
    """
    try:
        with path.open("rb") as file:
            for number in itertools.count(1):
                line = file.readline(LONGEST)
                if not line:
                    return
                if len(line) == LONGEST and not line.endswith(b"\n"):
                    _skip_line(file)
                if line.strip():
                    yield number, line
    except OSError as error:
        raise UnreadableFileError(
            f"{path} cannot be read ({error.strerror}); allow reading it, or leave it out"
        ) from error


def parse(line: bytes) -> Record:
    """Returns the record of a line.

    Raises:
        ValueError: not JSON, or of no known kind.
        DataError: an entry that is missing or of another kind.

    Examples:
        >>> parse(b'{"kind": "feedback", "id": "r1", "time": 2, "label": "cat"}')
        Feedback(id='r1', time=2.0, label='cat')
    """
    content = json.loads(line.decode("utf-8"))
    kind = content.get("kind") if isinstance(content, dict) else None
    if kind == "observation":
        return Observation.from_dict(content)
    if kind == "feedback":
        return Feedback.from_dict(content)
    raise ValueError("neither an observation nor feedback")


def _skip_line(file: BinaryIO) -> None:
    while (more := file.readline(LONGEST)) and not more.endswith(b"\n"):
        pass


def _reason(line: bytes, error: Exception) -> str:
    if not line.endswith(b"\n"):
        return "cut off" if len(line) < LONGEST else f"longer than {LONGEST} bytes"
    return "not JSON" if isinstance(error, ValueError) and not str(error).startswith("neither") else str(error)[:200]
