"""What a service answered, kept as JSON lines in files that rotate."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from fairlead.errors import DataError
from fairlead.monitoring.log_reader import read_log
from fairlead.monitoring.log_settings import LogSettings
from fairlead.monitoring.retention import Retention
from fairlead.monitoring.segments import Segment, held, input_name
from fairlead.records import Feedback, Observation

__all__ = ["RequestLog", "read_log"]

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
_OWNER_ONLY = 0o600


class RequestLog:
    """Writes records into a folder, which any number of processes may share: each has segments of its own.

    A batch is one write of whole lines: it is kept whole or, where that fails, not at all, and the next one begins on
    a line of its own. The disk is waited for when a segment ends, not at each batch, so that a power cut may take
    what was written last; the end of a process takes nothing. Not for several threads.

    Args:
        folder: Where the segments go; it is made where it is not there.
        segment_bytes: From which size on, inputs included, a new segment is begun.
        total_bytes: About the most the folder holds, inputs included: at a new segment the oldest are deleted.
        keep_days: Segments whose last record is older are deleted; None keeps them for ever.
        keep_inputs: Whether inputs themselves are kept. They are deleted with the segment of their records.
        clock: Seconds since 1970, UTC.

    Raises:
        ConfigurationError: a bound that cannot be kept, or inputs that would be kept for ever.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, RequestLog(Path(folder)) as log:
        ...     log.write([Observation("r1", 1.5, "ab12", "cat", (0.75, 0.25))], [Feedback("r1", 2.0, "dog")])
        ...     [type(record).__name__ for record in read_log([Path(folder)])]
        ['Observation', 'Feedback']
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = 64_000_000,
        total_bytes: int = 4_000_000_000,
        keep_days: float | None = None,
        keep_inputs: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.folder = folder
        self.settings = LogSettings(segment_bytes, total_bytes, keep_days, keep_inputs)
        self.retention = Retention(folder, self.settings)
        self._clock = clock
        self._handle: int | None = None
        self._segment: Segment | None = None
        self._size, self._inputs, self._opened, self._broken = 0, 0, 0.0, False
        self._begin_writer()

    def write(
        self,
        observations: Sequence[Observation] = (),
        feedback: Sequence[Feedback] = (),
        inputs: Mapping[str, bytes] | None = None,
    ) -> None:
        """Keeps records; observations before feedback.

        Args:
            observations: What was answered.
            feedback: What was told.
            inputs: Inputs by the ids of their records; kept where the settings ask for it, else dropped here.

        Raises:
            DataError: a record that JSON cannot hold; nothing of the batch is kept.
            OSError: the disk is full, or does not take it; nothing of the batch is kept. Try again later.
        """
        lines = b"".join(
            [_line("observation", record) for record in observations]
            + [_line("feedback", record) for record in feedback]
        )
        if not lines:
            return
        kept = inputs if inputs and self.settings.keep_inputs else {}
        handle = self._writable(len(lines) + sum(map(len, kept.values())))
        with held(handle) as free:
            if free:
                self._append(handle, lines, kept)
        if not free:
            # Someone deletes or rewrites this segment: what it holds is theirs now.
            self._abandon()
            handle = self._open()
            with held(handle, wait=True):
                self._append(handle, lines, kept)

    def tidy(self) -> None:
        """Ends a segment that is written to for long, and deletes what is no longer to be kept.

        Each new segment does so as well. Where a service may be idle, call it now and then.
        """
        if self._handle is not None and self._clock() - self._opened >= self.settings.segment_seconds:
            self._end()
        self.retention.tidy(self._clock(), spare=self._segment)

    def close(self) -> None:
        """Ends the segment, once the disk has it; a record after that begins another."""
        self._end()

    def __enter__(self) -> RequestLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin_writer(self) -> None:
        # Not the process's number alone: containers that share a folder all count theirs from 1.
        self._writer, self._number, self._process = f"{os.getpid():x}{secrets.token_hex(4)}", 0, os.getpid()

    def _writable(self, more: int) -> int:
        """Returns a segment that has room for so many bytes."""
        if self._process != os.getpid():
            # A process that was forked off must not end, nor cut, what its parent writes.
            self._abandon()
            self._begin_writer()
        if self._broken:
            self._abandon()
        long = self._clock() - self._opened >= self.settings.segment_seconds
        full = self._size + self._inputs + more > self.settings.segment_bytes
        if self._handle is not None and self._size and (full or long):
            self._end()
        return self._open() if self._handle is None else self._handle

    def _open(self) -> int:
        now = self._clock()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(OSError):  # what another owns, or deletes at this moment, keeps no record out; ``tidy`` tells
            self.retention.tidy(now, spare=None)
        path = self.folder / Segment.name(now, self._writer, self._number)
        self._handle = os.open(path, _FLAGS, _OWNER_ONLY)
        self._segment, self._size, self._inputs, self._opened = Segment.of(path), 0, 0, now
        self._number += 1
        return self._handle

    def _append(self, handle: int, lines: bytes, inputs: Mapping[str, bytes]) -> None:
        kept: list[Path] = []
        try:
            for record, content in inputs.items():
                self._keep(record, content, kept)
            written = 0
            while written < len(lines):
                written += os.write(handle, lines[written:])
        except BaseException:
            self._take_back(handle, kept)
            raise
        self._size += len(lines)
        self._inputs += sum(map(len, inputs.values()))

    def _keep(self, record: str, content: bytes, kept: list[Path]) -> None:
        if self._segment is None:
            return
        folder = self._segment.inputs
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / input_name(record)
        try:
            handle = os.open(path, _FLAGS, _OWNER_ONLY)
        except FileExistsError:
            return  # an id that was used before; which of both inputs is meant, nobody could tell
        kept.append(path)
        with open(handle, "wb") as file:
            file.write(content)

    def _take_back(self, handle: int, kept: Sequence[Path]) -> None:
        """Cuts off what a failed write left, or leaves the segment where that cannot be done."""
        try:
            for path in kept:
                path.unlink(missing_ok=True)
            os.ftruncate(handle, self._size)
        except OSError:
            self._broken = True

    def _end(self) -> None:
        if self._handle is None:
            return
        try:
            if self._process == os.getpid():
                os.fsync(self._handle)
        finally:
            self._abandon()

    def _abandon(self) -> None:
        handle, self._handle, self._segment, self._broken = self._handle, None, None, False
        if handle is not None:
            os.close(handle)


def _line(kind: str, record: Observation | Feedback) -> bytes:
    """Returns a record as one line of ASCII, in which no text can make another line."""
    content: dict[str, Any] = {"kind": kind, **record.to_dict()}
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii") + b"\n"
    except (TypeError, ValueError) as error:
        raise DataError(f"{kind} {record.id!r} cannot be kept ({error}); leave it out") from error
