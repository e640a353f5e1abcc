"""Sequential tests of what is watched, against the reference, at thresholds that hold for ever."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.evidence import DriftMonitor
from fairlead.judgement import DriftFamily
from fairlead.measures import RankMartingales

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Watched:
    """One thing that a sequential test watches.

    Attributes:
        name: As in ``DriftMonitor.name``.
        family: Name of its family.
        counts: (B,) reference rows by bin.
    """

    name: str
    family: str
    counts: IntArray


class SequentialTests:
    """One martingale for each thing that is watched, and the alarms they raised.

    An alarm is raised where a martingale first reaches one over the share of alpha that was spent on it: its family's
    share, divided by the monitors of that family. By Ville's inequality, and as the shares add up to no more than
    alpha, the chance that any is ever raised while nothing changed is at most alpha.

    Args:
        watched: M things, each with its reference.
        alpha: Of all families together.
        seed: Of the lots that break ties.

    References:
        Ville (1939), Etude critique de la notion de collectif; Vovk, Gammerman and Shafer (2022), Algorithmic learning
        in a random world, part III.

    Examples:
        >>> tests = SequentialTests([Watched("error", "error", np.array([90, 10]))], alpha=0.05)
        >>> tests.add(np.array([[1], [-1], [0]]), np.array([5.0, 6.0, 7.0]))
        >>> [monitor] = tests.monitors()
        >>> monitor.code, monitor.items, round(monitor.threshold, 2), monitor.raised
        ('DRIFT-005', 2, 4.89, False)
    """

    def __init__(self, watched: Sequence[Watched], *, alpha: float, seed: int = 0) -> None:
        self.watched = tuple(watched)
        families = [thing.family for thing in self.watched]
        shares = [DriftFamily.named(family).share / families.count(family) for family in families]
        self.thresholds = np.array([-math.log(alpha * share) for share in shares], dtype=np.float64)
        self._martingales = RankMartingales([thing.counts for thing in self.watched], seed=seed)
        self._raised_item: list[int | None] = [None] * len(self.watched)
        self._raised_time: list[float | None] = [None] * len(self.watched)

    def add(self, bins: IntArray, times: NDArray[np.float64]) -> None:
        """Reads (N, M) bins in their order, -1 where not known, of items at (N,) seconds since 1970."""
        if not len(bins) or not self.watched:
            return
        before = self._martingales.items.copy()
        wealth = self._martingales.add(bins)
        reached = (wealth >= self.thresholds) & (bins >= 0)
        for place in np.flatnonzero(reached.any(axis=0)):
            if self._raised_item[place] is None:
                row = int(np.argmax(reached[:, place]))
                self._raised_item[place] = int(before[place] + (bins[: row + 1, place] >= 0).sum())
                self._raised_time[place] = float(times[row])

    def monitors(self) -> tuple[DriftMonitor, ...]:
        """Returns what each test says now."""
        evidence, peak, items = (self._martingales.evidence, self._martingales.peak, self._martingales.items)
        return tuple(
            DriftMonitor(
                DriftFamily.named(thing.family).code,
                thing.name,
                thing.family,
                float(evidence[place]),
                float(peak[place]),
                float(self.thresholds[place]),
                int(items[place]),
                self._raised_item[place],
                self._raised_time[place],
            )
            for place, thing in enumerate(self.watched)
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "names": [thing.name for thing in self.watched],
            "martingales": self._martingales.to_dict() if self.watched else None,
            "raised_item": list(self._raised_item),
            "raised_time": list(self._raised_time),
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Goes on where ``to_dict`` left off.

        Raises:
            DataError: content of tests of other things, or that is none.
        """
        names = [thing.name for thing in self.watched]
        try:
            if content["names"] != names:
                raise DataError("the tests were of other monitors than the bundle's; start a new state")
            items = [None if item is None else int(item) for item in content["raised_item"]]
            times = [None if time is None else float(time) for time in content["raised_time"]]
            if not len(items) == len(times) == len(names):
                raise ValueError("alarms of other monitors")
            if self.watched:
                martingales = RankMartingales.from_dict(content["martingales"])
                if martingales.items.shape != (len(names),):
                    raise ValueError("martingales of other monitors")
                self._martingales = martingales
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"no sequential tests ({type(error).__name__}: {error}); start a new state") from error
        self._raised_item, self._raised_time = items, times
