"""The same tally since several starts, so that what was long good does not hide what has turned bad."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from typing import Any

from fairlead.errors import DataError
from fairlead.measures.group_tally import GroupTally

# Of a chance: the beginning has the largest part, for most of what is ever wrong is wrong from there; starts before
# the first row that came need little, for only rows that come late can make any.
_BEGINNING, _AFTER, _BEFORE = 0.5, 0.375, 0.125


class StartedTallies:
    """Counts since the beginning, and since a few later buckets of the clock.

    At the newest bucket b, the starts that are kept are, for each power of two, the last two of its multiples up to b:
    about ``2 log2`` of the buckets that went by, dense where it is recent. Which ones they are depends on the clock
    alone, so that replicas keep the same and their counts add up exactly.

    Args:
        empty: A tally of the groups and classes that has counted nothing.

    Attributes:
        total: Since the beginning.
        first: The earliest bucket; None before any.
        newest: The latest bucket; None before any.
        anchor: The bucket of the first row that came; of replicas added up, the earliest of theirs.

    Raises:
        DataError: a tally that is not empty.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures.feature_groups import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> ones = np.ones(1, dtype=np.int64)
        >>> one = GroupTally.count(by, labels, ones, ones, ones)
        >>> tallies = StartedTallies(GroupTally.count(by, labels, ones[:0], ones[:0], ones[:0]))
        >>> for bucket in range(100, 113):
        ...     tallies.add(bucket, one)
        >>> int(tallies.total.rows.sum()), {start: int(tally.rows.sum()) for start, tally in tallies.starts.items()}
        (13, {104: 9, 108: 5, 110: 3, 111: 2, 112: 1})
    """

    def __init__(self, empty: GroupTally) -> None:
        if empty.counts.any():
            raise DataError("tallies since several starts begin with an empty one; add what was counted to a bucket")
        self._empty = empty
        self.total = empty
        self.first: int | None = None
        self.newest: int | None = None
        self.anchor: int | None = None
        self._parts: dict[int, GroupTally] = {}  # from the first bucket, or a start, to the next start; rising

    @property
    def starts(self) -> dict[int, GroupTally]:
        """What was counted from a bucket on, by bucket; the first one, from which all was, is not among them."""
        since, counted = {}, self._empty
        for start, part in reversed(self._parts.items()):
            counted = counted + part
            since[start] = counted
        return {start: since[start] for start in self._parts if start != self.first}

    def add(self, bucket: int, tally: GroupTally) -> None:
        """Adds rows of a bucket; late ones count from every start up to it.

        Args:
            bucket: An absolute number: the time over a bucket's length, rounded down.
            tally: Of those rows alone.

        Raises:
            DataError: a tally of other groups or classes.
        """
        total = self.total + tally
        self.anchor = bucket if self.anchor is None else self.anchor
        first = bucket if self.first is None else min(self.first, bucket)
        newest = bucket if self.newest is None else max(self.newest, bucket)
        if (first, newest) != (self.first, self.newest):
            self.first, self.newest, self._parts = first, newest, self._parted(first, newest)
        starts = list(self._parts)
        start = starts[bisect.bisect_right(starts, bucket) - 1]
        self._parts[start] = self._parts[start] + tally
        self.total = total

    def _parted(self, first: int, newest: int) -> dict[int, GroupTally]:
        """Returns the parts between the starts of a span of buckets that holds the former one.

        No part is ever cut: a start up to the former newest bucket that is kept at a later one was kept before.
        """
        starts = [first, *_kept(first, newest)]
        parts = dict.fromkeys(starts, self._empty)
        for start, part in self._parts.items():
            place = starts[bisect.bisect_right(starts, start) - 1]
            parts[place] = parts[place] + part
        return parts

    def share(self, start: int | None) -> float:
        """Returns the part of a chance that one start may spend: over all starts there may ever be, 1 at most.

        Half is for the beginning. Later starts, as well as earlier ones which rows that come late may bring, have a
        series of their own, 1 / log2(k + 1) - 1 / log2(k + 2) of the k-th bucket from the anchor.

        Args:
            start: A bucket; None for the beginning.
        """
        if start is None or self.anchor is None:
            return _BEGINNING
        part, distance = (_AFTER, start - self.anchor) if start > self.anchor else (_BEFORE, self.anchor - start + 1)
        return part * (1 / math.log2(distance + 1) - 1 / math.log2(distance + 2))

    def __add__(self, other: StartedTallies) -> StartedTallies:
        both = StartedTallies(self._empty)
        both.total = self.total + other.total
        both.first = min((side.first for side in (self, other) if side.first is not None), default=None)
        both.newest = max((side.newest for side in (self, other) if side.newest is not None), default=None)
        both.anchor = min((side.anchor for side in (self, other) if side.anchor is not None), default=None)
        if both.first is not None and both.newest is not None:
            mine, others = (side._parted(both.first, both.newest) for side in (self, other))
            both._parts = {start: part + others[start] for start, part in mine.items()}
        return both

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "empty": self._empty.to_dict(),
            "first": self.first,
            "newest": self.newest,
            "anchor": self.anchor,
            "parts": [[start, part.to_dict()] for start, part in self._parts.items()],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StartedTallies:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is none.
        """
        try:
            tallies = cls(GroupTally.from_dict(content["empty"]))
            ends = [None if content[name] is None else int(content[name]) for name in ("first", "newest", "anchor")]
            parts = {int(start): GroupTally.from_dict(part) for start, part in content["parts"]}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"no tallies since starts ({type(error).__name__}: {error}); start a new state") from error
        for part in parts.values():
            tallies.total = tallies.total + part
        tallies.first, tallies.newest, tallies.anchor = ends
        first, newest, anchor = ends
        if first is not None and newest is not None and anchor is not None:
            whole = first <= anchor <= newest and list(parts) == [first, *_kept(first, newest)]
        else:
            whole = ends == [None, None, None] and not parts
        if not whole:
            raise DataError("these tallies are of other starts than their buckets have; start a new state")
        tallies._parts = parts
        return tallies


def _kept(first: int, newest: int) -> list[int]:
    """Returns the starts after the first bucket that are kept at a newest one, rising."""
    starts: set[int] = set()
    width = 1
    while True:
        last = newest // width * width
        starts |= {start for start in (last - width, last) if start > first}
        if last <= first:
            return sorted(starts)
        width *= 2
