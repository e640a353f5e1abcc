"""Deletion of requests from a log, by their ids."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from fairlead.errors import UnreadableFileError
from fairlead.monitoring.log_reader import LONGEST, lines_of
from fairlead.monitoring.segments import PARTIAL, Segment, held, input_name, names_of, segments_of


@dataclass
class Forgotten:
    """What was deleted.

    Attributes:
        lines: Records, and damaged lines in which an id stood.
        inputs: Inputs themselves.
        segments: Files that were written anew.
        requests: Which of the requests were found.
    """

    lines: int = 0
    inputs: int = 0
    segments: list[Path] = field(default_factory=list)
    requests: set[str] = field(default_factory=set)


def forget(paths: Sequence[Path], requests: Collection[str]) -> Forgotten:
    """Deletes what a log holds of requests: answers, feedback, and inputs where they are kept.

    A segment that holds one is written anew beside itself and takes its own place in one step, its time and mode kept,
    so that retention goes on as before. Services may go on writing: each begins another segment. What a service has
    answered and not yet written, it writes after; to be sure of a request of this minute, ask a minute later.

    Args:
        paths: Folders of segments, or segments.
        requests: Ids of requests, all items included, or of single items, ``"ID/3"``.

    Raises:
        DataError: what is not there, or a folder without segments.
        UnreadableFileError: a segment that cannot be read or written.

    Examples:
        >>> forget([], ["r1"]).lines
        0
    """
    found, asked = Forgotten(), frozenset(requests)
    texts = [text for request in sorted(asked) for text in _as_written(request)]
    done: set[Path] = set()
    # Again until there is none: a service may have begun one while another was read.
    while todo := [segment for segment in segments_of(paths) if segment.path not in done]:
        for segment in todo:
            done.add(segment.path)
            try:
                _forget_in(segment, asked, texts, found)
            except OSError as error:
                raise UnreadableFileError(
                    f"{segment.path} cannot be written anew ({error.strerror}), and may still hold what is to be "
                    "forgotten; allow writing its folder, and run again"
                ) from error
    return found


def _forget_in(segment: Segment, asked: frozenset[str], texts: Sequence[bytes], found: Forgotten) -> None:
    path = segment.path.resolve()
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return  # too old, and deleted meanwhile
    try:
        with held(handle, wait=True) as there:
            dropped = set(_asked_lines(path, asked, texts, found)) if there else set()
            if dropped:
                _rewrite(path, dropped, os.fstat(handle))
                found.lines += len(dropped)
                found.segments.append(segment.path)
            for request in asked:
                _forget_inputs(segment.inputs, request, found)
    finally:
        os.close(handle)


def _asked_lines(path: Path, asked: frozenset[str], texts: Sequence[bytes], found: Forgotten) -> Iterator[int]:
    for number, line in lines_of(path):
        try:
            record = str(json.loads(line.decode("utf-8"))["id"])
        except (ValueError, TypeError, LookupError, RecursionError):
            if any(text in line for text in texts):  # half a line may hold whose it was
                yield number
            continue
        if known := asked.intersection(names_of(record)):
            found.requests |= known
            yield number


def _rewrite(path: Path, dropped: Collection[int], was: os.stat_result) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}{PARTIAL}")
    try:
        handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:
            for number, line in lines_of(path):
                if number not in dropped and len(line) < LONGEST:
                    file.write(line)
            os.fchmod(handle, was.st_mode & 0o777)
            with suppress(PermissionError):
                os.fchown(handle, was.st_uid, was.st_gid)  # the service must be able to read its own log
            file.flush()
            os.fsync(handle)
        os.utime(partial, ns=(was.st_atime_ns, was.st_mtime_ns))
        partial.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # or a power cut could bring the old one back
        finally:
            os.close(folder)
    finally:
        partial.unlink(missing_ok=True)


def _forget_inputs(folder: Path, request: str, found: Forgotten) -> None:
    name = input_name(request)
    for path in [folder / name, *folder.glob(f"{input_name(f'{request}/0').removesuffix('-0')}-*")]:
        if path.is_file():
            path.unlink()
            found.inputs += 1
            found.requests.add(request)


def _as_written(request: str) -> tuple[bytes, ...]:
    return json.dumps(request)[1:-1].encode("ascii"), request.encode("utf-8", "surrogatepass")
