"""The same tally since several starts, so that what was long good does not hide what has turned bad."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from fairlead.errors import DataError
from fairlead.measures.group_tally import GroupTally


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
        starts: What was counted from a bucket on, by bucket.

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
        self._empty = empty
        self.total = empty
        self.first: int | None = None
        self.newest: int | None = None
        self.starts: dict[int, GroupTally] = {}

    def add(self, bucket: int, tally: GroupTally) -> None:
        """Adds rows of a bucket; a late one counts from every start up to it.

        Args:
            bucket: An absolute number: the time over a bucket's length, rounded down.
            tally: Of those rows alone.
        """
        if self.first is None or self.newest is None:
            self.first = self.newest = bucket
        self._span(min(self.first, bucket), max(self.newest, bucket))
        self.total = self.total + tally
        for start in self.starts:
            if start <= bucket:
                self.starts[start] = self.starts[start] + tally

    def _span(self, first: int, newest: int) -> None:
        """Keeps the starts of a span of buckets that holds the former one.

        None is lost: one after the former newest bucket was empty until now, and one up to the former first bucket
        holds all.
        """
        if (first, newest) != (self.first, self.newest):
            starts = {start: self._since(start) for start in _kept(newest, first)}
            self.first, self.newest, self.starts = first, newest, starts

    def share(self, start: int | None) -> float:
        """Returns the part of a chance that one start may spend: over all starts there may ever be, 1 at most.

        Args:
            start: A bucket; None for the beginning, which has half of it.
        """
        if start is None or self.first is None:
            return 0.5
        later = start - self.first
        # The differences of 1 / log2 add up to 1 / log2(2) over all later buckets.
        return 0.5 * (1 / math.log2(later + 1) - 1 / math.log2(later + 2))

    def __add__(self, other: StartedTallies) -> StartedTallies:
        both = StartedTallies(self._empty)
        both.total = self.total + other.total
        ends = [(side.first, side.newest) for side in (self, other)]
        known = [(first, newest) for first, newest in ends if first is not None and newest is not None]
        if known:
            both.first, both.newest = min(first for first, _ in known), max(newest for _, newest in known)
            both.starts = {start: self._since(start) + other._since(start) for start in _kept(both.newest, both.first)}
        return both

    def _since(self, start: int) -> GroupTally:
        """Returns what was counted from a start on that is kept now, or at any later newest bucket."""
        if self.first is None or self.newest is None or start > self.newest:
            return self._empty
        return self.total if start <= self.first else self.starts.get(start, self._empty)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "empty": self._empty.to_dict(),
            "total": self.total.to_dict(),
            "first": self.first,
            "newest": self.newest,
            "starts": [[start, tally.to_dict()] for start, tally in self.starts.items()],
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StartedTallies:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is none.
        """
        try:
            tallies = cls(GroupTally.from_dict(content["empty"]))
            tallies.total = GroupTally.from_dict(content["total"])
            tallies.first, tallies.newest = (
                None if content[n] is None else int(content[n]) for n in ("first", "newest")
            )
            tallies.starts = {int(start): GroupTally.from_dict(tally) for start, tally in content["starts"]}
            for tally in (tallies.total, *tallies.starts.values()):
                tallies._empty + tally  # refuses one of other groups or classes
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"no tallies since starts ({type(error).__name__}: {error}); start a new state") from error
        ends = (tallies.first, tallies.newest)
        if (ends[0] is None) is not (ends[1] is None) or (
            ends[0] is not None and ends[1] is not None and list(tallies.starts) != list(_kept(ends[1], ends[0]))
        ):
            raise DataError("these tallies are of other starts than their buckets have; start a new state")
        return tallies


def _kept(newest: int, first: int) -> tuple[int, ...]:
    """Returns the starts after the first bucket that are kept at a newest one, rising."""
    starts = set()
    width = 1
    while True:
        last = newest // width * width
        starts |= {start for start in (last, last - width) if start > first}
        if last <= first:
            return tuple(sorted(starts))
        width *= 2
