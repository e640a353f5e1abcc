"""Every count that the effect of an intervention on a classifier's answers is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures.code_columns import check_codes
from fairlead.measures.feature_groups import FeatureGroups
from fairlead.records import Labels

IntArray = NDArray[np.int64]

EVERY_ROW = FeatureGroups("", ())
"""No feature at all: its one slot, the last, holds every row."""


@dataclass(frozen=True, eq=False)
class InterventionTally:
    """How many rows are answered otherwise once something in them is masked or swapped, by group, in integers.

    Only rows that have what is masked or swapped are counted. One slot stands for every *declared* group, whether a
    batch has it or not, and the last one for rows without a value: any split of the rows adds up to the same tally.

    Attributes:
        by: The feature, or intersection, and its G declared groups; ``EVERY_ROW`` for none.
        labels: The C classes; of two the second is the positive one.
        rows: (G + 1,) int64.
        gained: (G + 1, C) rows that are answered with a class after, and were not before.
        lost: (G + 1, C) rows that were answered with a class before, and are not after.
        known: (G + 1,) rows whose truth is known.
        righted: (G + 1,) of those, rows that are right after, and were wrong before.
        wronged: (G + 1,) of those, rows that were right before, and are wrong after.

    Raises:
        DataError: counts of another shape, negative ones, ones that are not integers, or ones that contradict each
            other.

    Examples:
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> columns = {"targets": [1, 1, -1], "before": [1, 0, 1], "after": [0, 0, 0]}
        >>> columns = {name: np.array(column) for name, column in columns.items()}
        >>> tally = InterventionTally.count(by, labels, np.array([0, 1, 2]), **columns)
        >>> tally.rows.tolist(), tally.changed.tolist(), tally.wronged.tolist()
        ([1, 1, 1], [1, 0, 1], [1, 0, 0])
        >>> tally + tally == InterventionTally.from_dict((tally + tally).to_dict())
        True
    """

    by: FeatureGroups
    labels: Labels
    rows: IntArray
    gained: IntArray
    lost: IntArray
    known: IntArray
    righted: IntArray
    wronged: IntArray

    def __post_init__(self) -> None:
        if len(self.labels) < 2:
            raise DataError("a tally tells at least two classes apart; add rows of another class to the training split")
        slots = len(self.by.slots)
        for name in _COUNTS:
            array, shape = getattr(self, name), (slots, len(self.labels)) if name in _BY_CLASS else (slots,)
            if array.shape != shape or array.dtype.kind not in "iu" or (array < 0).any():
                raise DataError(
                    f"the {name} of an intervention's tally are integers from 0 up of shape {shape}, got {array.dtype} "
                    f"of {array.shape}; make them with InterventionTally.count"
                )
        possible = (
            (self.lost.sum(axis=1) == self.changed).all()
            and (self.changed <= self.rows).all()
            and (self.known <= self.rows).all()
            and (self.righted + self.wronged <= np.minimum(self.known, self.changed)).all()
        )
        if not possible:
            raise DataError(
                "an intervention's tally counts each row that changed as lost by one class and gained by another, and "
                "no more of them than rows; make it with InterventionTally.count"
            )

    @classmethod
    def count(
        cls,
        by: FeatureGroups,
        labels: Labels,
        groups: IntArray,
        *,
        targets: IntArray,
        before: IntArray,
        after: IntArray,
    ) -> InterventionTally:
        """Counts (N,) columns: slots, true classes (-1 where unknown), classes answered before and after.

        Raises:
            DataError: columns of different length, or codes out of range.
        """
        classes, slots = len(labels), len(by.slots)
        for name, codes, least, end in (
            ("group", groups, 0, slots),
            ("target", targets, -1, classes),
            ("class before", before, 0, classes),
            ("class after", after, 0, classes),
        ):
            check_codes(name, codes, least, end, len(groups))
        changed, known = before != after, targets >= 0
        right_before, right_after = known & (before == targets), known & (after == targets)

        def rows(chosen: NDArray[np.bool_]) -> IntArray:
            return np.bincount(groups[chosen], minlength=slots).astype(np.int64)

        def by_class(answered: IntArray) -> IntArray:
            cells = groups[changed] * classes + answered[changed]
            return np.bincount(cells, minlength=slots * classes).astype(np.int64).reshape(slots, classes)

        return cls(
            by,
            labels,
            rows=rows(np.ones(len(groups), dtype=bool)),
            gained=by_class(after),
            lost=by_class(before),
            known=rows(known),
            righted=rows(~right_before & right_after),
            wronged=rows(right_before & ~right_after),
        )

    def __add__(self, other: InterventionTally) -> InterventionTally:
        if self.by != other.by or self.labels != other.labels:
            raise DataError(
                f"tallies of {self.by.feature!r} and {other.by.feature!r} do not add up: groups and classes must agree"
            )
        return InterventionTally(
            self.by, self.labels, **{name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, InterventionTally):
            return NotImplemented
        return (self.by, self.labels) == (other.by, other.labels) and all(
            np.array_equal(getattr(self, name), getattr(other, name)) for name in _COUNTS
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def changed(self) -> IntArray:
        """(G + 1,) rows whose answer is another: each is gained by one class and lost by one."""
        return np.asarray(self.gained.sum(axis=1), dtype=np.int64)

    @property
    def whole(self) -> InterventionTally:
        """The same rows without their groups, under ``EVERY_ROW``."""
        return InterventionTally(
            EVERY_ROW, self.labels, **{name: getattr(self, name).sum(axis=0, keepdims=True) for name in _COUNTS}
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "schema": 1,
            "feature": self.by.feature,
            "groups": list(self.by.groups),
            "labels": list(self.labels),
            **{name: getattr(self, name).tolist() for name in _COUNTS},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> InterventionTally:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise DataError(f"a tally of schema {content.get('schema')!r} is not known; this release reads 1")
        return cls(
            FeatureGroups(content["feature"], tuple(content["groups"])),
            Labels(tuple(content["labels"])),
            **{name: np.array(content[name], dtype=np.int64) for name in _COUNTS},
        )


_COUNTS = tuple(field.name for field in fields(InterventionTally) if field.name not in ("by", "labels"))
_BY_CLASS = ("gained", "lost")
