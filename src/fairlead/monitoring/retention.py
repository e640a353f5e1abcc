"""What of a request log is no longer to be kept."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fairlead.monitoring.log_settings import DAY, LogSettings
from fairlead.monitoring.segments import INPUTS, PARTIAL, Segment, held


@dataclass
class Retention:
    """Deletes whole segments, with their inputs: those that are too old, and the oldest where all are too large.

    Attributes:
        folder: The log.
        settings: How much is kept.
        outdated: How many segments were deleted for their age.
        crowded_out: How many were deleted for the size of all.
    """

    folder: Path
    settings: LogSettings
    outdated: int = 0
    crowded_out: int = 0

    def tidy(self, now: float, *, spare: Segment | None) -> None:
        """Deletes; never the segment to spare, nor one that someone holds at this moment.

        Raises:
            OSError: what cannot be looked at or deleted.
        """
        if not self.folder.is_dir():
            return
        kept: list[tuple[Segment, int]] = []
        for path in sorted(self.folder.glob("requests-*.jsonl")):
            segment = Segment.of(path)
            try:
                found = path.stat()
            except FileNotFoundError:
                continue  # another writer was faster
            mine = spare is not None and path == spare.path
            old = self.settings.keep_days is not None and now - found.st_mtime > self.settings.keep_days * DAY
            if old and not mine and _delete(segment):
                self.outdated += 1
            else:
                kept.append((segment, found.st_size + _bytes_in(segment.inputs)))
        self._make_room(kept, spare)
        self._drop_orphans(now)

    def _make_room(self, kept: list[tuple[Segment, int]], spare: Segment | None) -> None:
        # Room for the next segment too, so that the bound holds while that is written.
        over = sum(size for _, size in kept) + self.settings.segment_bytes - self.settings.total_bytes
        for segment, size in kept:
            if over <= 0:
                return
            if (spare is None or segment.path != spare.path) and _delete(segment):
                self.crowded_out += 1
                over -= size

    def _drop_orphans(self, now: float) -> None:
        """Deletes what a process left that ended in between: inputs whose segment is gone, and half a rewritten one."""
        for partial in self.folder.glob(f".*{PARTIAL}"):
            with suppress(FileNotFoundError):
                if now - partial.stat().st_mtime > DAY:
                    partial.unlink()
        inputs = self.folder / INPUTS
        for folder in inputs.iterdir() if inputs.is_dir() else ():
            if not (self.folder / f"{folder.name}.jsonl").exists():
                shutil.rmtree(folder, ignore_errors=True)


def _delete(segment: Segment) -> bool:
    """Deletes a segment if nobody holds it; its writer, if there still is one, will see that and begin another."""
    try:
        handle = os.open(segment.path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except FileNotFoundError:
        return False
    try:
        with held(handle) as free:
            if free:
                segment.path.unlink(missing_ok=True)
    finally:
        os.close(handle)
    if free:
        shutil.rmtree(segment.inputs, ignore_errors=True)
    return free


def _bytes_in(folder: Path) -> int:
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        return sum(entry.stat(follow_symlinks=False).st_size for entry in entries)
