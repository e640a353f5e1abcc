"""A model in service, watched: observations and labels go in, what can be said comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fairlead.bundle import Bundle
from fairlead.errors import DataError
from fairlead.evidence import DriftMonitor, WatchReport
from fairlead.judgement import Policy
from fairlead.measures import GroupTally, Reference
from fairlead.monitoring.counted import Counted
from fairlead.monitoring.drift import SequentialTests
from fairlead.monitoring.observation_reader import ObservationReader
from fairlead.monitoring.pending import JOINED, Answered, PendingLabels, status_counts
from fairlead.monitoring.settings import WatchSettings
from fairlead.monitoring.telling import tell
from fairlead.monitoring.watched_model import WatchedModel
from fairlead.monitoring.windows import Windows
from fairlead.records import Feedback, Labels, Observation

SCHEMA = 1
UNKNOWN_CLASS = "unknown_class"


class Watch:
    """Reads a model's answers and labels in their order, in constant memory, and says what changed.

    The same observations and labels in the same order give the same report bit for bit, in whatever portions they
    come: it reads no clock. It is of one thread.

    Args:
        reference: Of the bundle; None for one without, of which groups are watched all the same.
        tallies: Counts of the reference rows by group; they declare the groups.
        labels: The C classes.
        model: Digest of the bundle; observations of another are counted and not read.
        policy: The limits that groups are held against.
        settings: How it is watched.

    Raises:
        UnknownNameError: a feature to be watched that the bundle has no tally of.

    Examples:
        >>> watch = Watch(None, (), Labels(("cat", "dog")), model="ab12", policy=Policy.default())
        >>> watch.add([Observation("r1", 5.0, "ab12", "cat", (0.75, 0.25)), Observation("r2", 6.0, "c", "cat", (1, 0))])
        >>> watch.told([Feedback("r1", 7.0, "dog"), Feedback("r9", 7.0, "dog"), Feedback("r1", 8.0, "cat")])
        ['joined', 'unknown', 'conflict']
        >>> report = watch.report()
        >>> report.items, dict(report.counts)
        (1, {'feedback_conflict': 1, 'feedback_joined': 1, 'feedback_unknown': 1, 'other_model': 1})
    """

    def __init__(
        self,
        reference: Reference | None,
        tallies: Sequence[GroupTally],
        labels: Labels,
        *,
        model: str,
        policy: Policy,
        settings: WatchSettings | None = None,
    ) -> None:
        self._start(
            WatchedModel.chosen(
                reference, tallies, labels, model=model, policy=policy, settings=settings or WatchSettings()
            )
        )

    @classmethod
    def of(cls, bundle: Bundle, settings: WatchSettings | None = None, policy: Policy | None = None) -> Watch:
        """Watches the model of a bundle.

        Args:
            bundle: The model.
            settings: How; by default as ``WatchSettings`` has it.
            policy: The limits; by default those the bundle was audited with.
        """
        return cls._on(WatchedModel.of(bundle, settings, policy))

    @classmethod
    def _on(cls, watched: WatchedModel) -> Watch:
        watch = cls.__new__(cls)
        watch._start(watched)
        return watch

    def _start(self, watched: WatchedModel) -> None:
        self.watched, settings = watched, watched.settings
        self._answers, self._errors = watched.answers(), watched.errors()
        self._reader = ObservationReader(
            watched.model, watched.labels, self._answers.scores, watched.features, settings.bucket_seconds
        )
        bins = [len(score.totals) for score in self._answers.scores]
        windows = Windows(bins, len(watched.labels), buckets=settings.buckets)
        self.counted = Counted(watched.labels, watched.features, windows)
        self._pending = PendingLabels(settings.pending, len(watched.features))
        self._drift = SequentialTests(self._answers.watched, alpha=settings.alpha, seed=settings.seed)
        self._wrong = SequentialTests(self._errors.watched, alpha=settings.alpha, seed=settings.seed + 1)

    def add(self, observations: Sequence[Observation]) -> None:
        """Reads answered items, in their order."""
        columns, left_out = self._reader.columns(observations)
        self.counted.counts.update(left_out)
        self.counted.add(columns)
        rows = zip(columns.ids, columns.buckets.tolist(), columns.decided.tolist(), columns.slots.tolist(), strict=True)
        for (name, bucket, decided, slots), leads in zip(rows, columns.leads.tolist(), strict=True):
            if not self._pending.add(name, Answered(bucket, decided, leads, tuple(slots))):
                self.counted.counts["ambiguous_ids"] += 1
        if columns.leads.any():
            self._drift.add(self._answers.bins(columns)[columns.leads], columns.times[columns.leads])

    def told(self, feedback: Sequence[Feedback]) -> list[str]:
        """Reads labels, in their order; returns what became of each.

        Returns:
            ``"joined"``; ``"duplicate"`` for the same label again; ``"conflict"`` for another one, of which the first
            is kept; ``"unknown"`` for an id that was not answered here, or too long ago; ``"ambiguous"`` for one that
            was answered twice; ``"unknown_class"`` for a label that the model does not know, which is not read.
        """
        statuses: list[str] = []
        joined: list[tuple[Answered, int, float]] = []
        codes = {name: code for code, name in enumerate(self.watched.labels)}
        for told in feedback:
            code = codes.get(told.label)
            status, item = (UNKNOWN_CLASS, None) if code is None else self._pending.tell(told.id, code)
            statuses.append(status)
            if status == JOINED and item is not None and code is not None:
                joined.append((item, code, told.time))
        self.counted.counts.update(status_counts(statuses))
        if joined:
            self.counted.tell([item for item, _, _ in joined], [code for _, code, _ in joined])
            leading = [(item, code, time) for item, code, time in joined if item.leads]
            wrong = np.array([item.decided != code for item, code, _ in leading], dtype=np.bool_)
            slots = np.array([item.groups for item, _, _ in leading], dtype=np.int64)
            bins = self._errors.bins(wrong, slots.reshape(len(leading), len(self.watched.features)))
            self._wrong.add(bins, np.array([time for _, _, time in leading], dtype=np.float64))
        return statuses

    def count(self, name: str, by: int = 1) -> None:
        """Counts what happened outside, such as ``"dropped"``."""
        self.counted.counts[name] += by

    @property
    def monitors(self) -> tuple[DriftMonitor, ...]:
        """What each sequential test says now, the small groups' too: not for publication."""
        return (*self._drift.monitors(), *self._wrong.monitors())

    def report(self) -> WatchReport:
        """Returns what can be said now; nothing is changed by it."""
        return tell(self.watched, self.counted, self.monitors)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, from which ``from_dict`` goes on as if nothing had been in between."""
        return {
            "schema": SCHEMA,
            "model": self.watched.model,
            "settings": self.watched.settings.to_dict(),
            "counted": self.counted.to_dict(),
            "pending": self._pending.to_dict(),
            "drift": self._drift.to_dict(),
            "wrong": self._wrong.to_dict(),
        }

    @classmethod
    def from_dict(
        cls,
        content: Mapping[str, Any],
        bundle: Bundle | WatchedModel,
        *,
        settings: WatchSettings | None = None,
        policy: Policy | None = None,
    ) -> Watch:
        """Goes on where ``to_dict`` left off.

        Args:
            content: What it wrote.
            bundle: The same bundle, or the same watched model.
            settings: As then; None takes those of the content.
            policy: The limits; by default those of the bundle.

        Raises:
            DataError: content of another bundle, schema or settings, or that is none; it says which.
        """
        if not isinstance(content, Mapping) or content.get("schema") != SCHEMA:
            found = content.get("schema") if isinstance(content, Mapping) else type(content).__name__
            raise DataError(
                f"a state of schema {found!r} is not known, and this release reads {SCHEMA}; start a new one"
            )
        parts = {name: content.get(name) for name in ("settings", "counted", "pending", "drift", "wrong")}
        for name, part in parts.items():
            if not isinstance(part, Mapping):
                raise DataError(f"the state has no {name}; start a new one")
        kept = WatchSettings.from_dict(parts["settings"] or {})
        watched = bundle if isinstance(bundle, WatchedModel) else WatchedModel.of(bundle, settings or kept, policy)
        if content.get("model") != watched.model:
            raise DataError(
                f"the state is of the bundle {str(content.get('model'))[:12]}, and this is {watched.model[:12]}; name "
                "the bundle it was kept for, or start a new state"
            )
        _check_settings(kept, watched.settings)
        watch = cls._on(watched)
        watch.counted.restore(parts["counted"] or {})
        pool = PendingLabels.from_dict(parts["pending"] or {})
        if (pool.capacity, pool.features) != (watch._pending.capacity, watch._pending.features):
            raise DataError("the state's pending labels are of other features; start a new state")
        watch._pending = pool
        watch._drift.restore(parts["drift"] or {})
        watch._wrong.restore(parts["wrong"] or {})
        return watch


def _check_settings(kept: WatchSettings, asked: WatchSettings) -> None:
    """Refuses settings under which other things would have been counted."""
    before, now = kept.to_dict(), asked.to_dict()
    for name in before:
        if name not in {"window_items", "fewest_shown"} and before[name] != now[name]:
            raise DataError(
                f"the state was kept with {name} {before[name]!r}, and {now[name]!r} is asked for; go on as before, or "
                "start a new state"
            )
