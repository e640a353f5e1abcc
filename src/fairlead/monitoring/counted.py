"""All that is counted of a model in service, in whatever order it comes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures import FeatureGroups, GroupTally
from fairlead.measures.started_tallies import StartedTallies
from fairlead.monitoring.observation_reader import ObservedColumns, runs_of
from fairlead.monitoring.pending import Answered
from fairlead.monitoring.windows import Windows
from fairlead.records import Labels

IntArray = NDArray[np.int64]
_TOTALS = ("all_asked", "all_labelled")


class Counted:
    """Windows, tallies by group and counts: what adds up exactly over replicas.

    Args:
        labels: The C classes.
        features: The F watched features.
        windows: Empty, for the watched scores.

    Attributes:
        windows: By the clock.
        asked: For each feature the answered items that stand for their request, their truth not known: what limits
            are held against, for items of one request may be alike.
        labelled: For each feature the same of those whose truth was told.
        all_asked: For each feature all answered items.
        all_labelled: For each feature all items whose truth was told.
        told: (C, C) items whose truth was told, by class decided for and true class.
        counts: What else was counted, by name.
        items: Answered items.
        requests: Those that stand for their request.
        started: Time of the earliest item; None before it.
        latest: Time of the latest; None before it.

    Examples:
        >>> counted = Counted(Labels(("no", "yes")), (FeatureGroups("sex", ("f", "m")),), Windows((), 2, buckets=4))
        >>> counted.counts["dropped"] += 3
        >>> both = counted + counted
        >>> both.counts["dropped"], both.items, both.asked[0].total.rows.tolist()
        (6, 0, [0, 0, 0])
    """

    def __init__(self, labels: Labels, features: Sequence[FeatureGroups], windows: Windows) -> None:
        self.labels, self.features, self.windows = labels, tuple(features), windows
        self.asked = [StartedTallies(self._tally(by)) for by in self.features]
        self.labelled = [StartedTallies(self._tally(by)) for by in self.features]
        self.all_asked = [self._tally(by) for by in self.features]
        self.all_labelled = [self._tally(by) for by in self.features]
        self.told = np.zeros((len(labels), len(labels)), dtype=np.int64)
        self.counts: Counter[str] = Counter()
        self.items = self.requests = 0
        self.started: float | None = None
        self.latest: float | None = None

    def add(self, columns: ObservedColumns) -> None:
        """Counts items as they were answered."""
        if not columns.ids:
            return
        self.items += len(columns.ids)
        self.requests += int(columns.leads.sum())
        ends = (float(columns.times.min()), float(columns.times.max()))
        self.started = ends[0] if self.started is None else min(self.started, ends[0])
        self.latest = ends[1] if self.latest is None else max(self.latest, ends[1])
        unknown = np.full(len(columns.ids), len(self.labels), dtype=np.int64)
        for bucket, rows in columns.runs():
            kept = self.windows.add(
                bucket, columns.bins[rows], columns.decided[rows], columns.probabilities[rows], columns.leads[rows]
            )
            self.counts["late"] += 0 if kept else rows.stop - rows.start
            run = (columns.slots[rows], unknown[rows], columns.decided[rows])
            self._tally_run(bucket, run, columns.leads[rows], self.asked, self.all_asked)

    def tell(self, items: Sequence[Answered], truth: Sequence[int]) -> None:
        """Counts (N,) labels of answered items, in the buckets in which these were answered."""
        buckets = np.array([item.bucket for item in items], dtype=np.int64)
        targets = np.array(truth, dtype=np.int64)
        decided = np.array([item.decided for item in items], dtype=np.int64)
        np.add.at(self.told, (decided, targets), 1)
        slots = np.array([item.groups for item in items], dtype=np.int64).reshape(len(items), len(self.features))
        leads = np.array([item.leads for item in items], dtype=np.bool_)
        for bucket, rows in runs_of(buckets):
            self.windows.tell(bucket, targets[rows], decided[rows])
            run = (slots[rows], targets[rows], decided[rows])
            self._tally_run(bucket, run, leads[rows], self.labelled, self.all_labelled)

    def _tally_run(
        self,
        bucket: int,
        columns: tuple[IntArray, IntArray, IntArray],
        leads: NDArray[np.bool_],
        started: Sequence[StartedTallies],
        totals: list[GroupTally],
    ) -> None:
        """Counts slots, truth and decisions of a bucket: all to the totals, and the leading ones since the starts."""
        slots, truth, decided = columns
        for place in range(len(self.features)):
            totals[place] = totals[place] + self._counted(place, *columns)
            if leads.any():
                started[place].add(bucket, self._counted(place, slots[leads], truth[leads], decided[leads]))

    def _tally(self, by: FeatureGroups, counts: IntArray | None = None) -> GroupTally:
        shape = (len(by.slots), len(self.labels) + 1, len(self.labels))
        return GroupTally(by, self.labels, np.zeros(shape, dtype=np.int64) if counts is None else counts.reshape(shape))

    def _counted(self, place: int, slots: IntArray, truth: IntArray, decided: IntArray) -> GroupTally:
        by, classes = self.features[place], len(self.labels)
        cells = (slots[:, place] * (classes + 1) + truth) * classes + decided
        return self._tally(by, np.bincount(cells, minlength=len(by.slots) * (classes + 1) * classes).astype(np.int64))

    def blank(self) -> Counted:
        """Returns one that counts the same things, and has counted nothing."""
        windows = Windows(self.windows.bins, self.windows.classes, buckets=self.windows.kept)
        return Counted(self.labels, self.features, windows)

    def __add__(self, other: Counted) -> Counted:
        if (self.labels, self.features) != (other.labels, other.features):
            raise DataError("counts of other classes or features do not add up; they are of different bundles")
        both = self.blank()
        both.windows = self.windows + other.windows
        both.asked = [mine + theirs for mine, theirs in zip(self.asked, other.asked, strict=True)]
        both.labelled = [mine + theirs for mine, theirs in zip(self.labelled, other.labelled, strict=True)]
        both.all_asked = [mine + theirs for mine, theirs in zip(self.all_asked, other.all_asked, strict=True)]
        both.all_labelled = [mine + theirs for mine, theirs in zip(self.all_labelled, other.all_labelled, strict=True)]
        both.told = self.told + other.told
        both.counts = Counter(dict(self.counts))
        both.counts.update(other.counts)
        both.items, both.requests = self.items + other.items, self.requests + other.requests
        both.started = min((time for time in (self.started, other.started) if time is not None), default=None)
        both.latest = max((time for time in (self.latest, other.latest) if time is not None), default=None)
        return both

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "windows": self.windows.to_dict(),
            "asked": [tallies.to_dict() for tallies in self.asked],
            "labelled": [tallies.to_dict() for tallies in self.labelled],
            "all_asked": [tally.to_dict() for tally in self.all_asked],
            "all_labelled": [tally.to_dict() for tally in self.all_labelled],
            "told": self.told.tolist(),
            "counts": dict(sorted(self.counts.items())),
            "items": self.items,
            "requests": self.requests,
            "started": self.started,
            "latest": self.latest,
        }

    def restore(self, content: Mapping[str, Any]) -> None:
        """Goes on where ``to_dict`` left off.

        Raises:
            DataError: content of another bundle, or that is none.
        """
        try:
            windows = Windows.from_dict(content["windows"])
            read = {name: [StartedTallies.from_dict(part) for part in content[name]] for name in ("asked", "labelled")}
            totals = {name: [GroupTally.from_dict(part) for part in content[name]] for name in _TOTALS}
            told = np.array(content["told"], dtype=np.int64)
            counts = Counter({str(name): int(number) for name, number in content["counts"].items()})
            items, requests = int(content["items"]), int(content["requests"])
            ends = [None if content[name] is None else float(content[name]) for name in ("started", "latest")]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(f"no counts ({type(error).__name__}: {error}); start a new state") from error
        kept, features = self.windows, [(by, self.labels) for by in self.features]
        alike = (windows.bins, windows.classes, windows.kept) == (kept.bins, kept.classes, kept.kept)
        for tallies in read.values():
            alike = alike and [(part.total.by, part.total.labels) for part in tallies] == features
        for whole in totals.values():
            alike = alike and [(tally.by, tally.labels) for tally in whole] == features
        alike = alike and told.shape == self.told.shape and not (told < 0).any()
        if not alike or items < 0 or requests < 0:
            raise DataError("the counts are of other scores, classes or features than the bundle's; start a new state")
        self.windows, self.asked, self.labelled = windows, read["asked"], read["labelled"]
        self.all_asked, self.all_labelled = totals["all_asked"], totals["all_labelled"]
        self.told = told
        self.counts, self.items, self.requests, (self.started, self.latest) = counts, items, requests, ends
