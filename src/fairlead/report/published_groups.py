"""The rates of the groups as they may be published: no group that is too small, nor any that would give it away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.judgement import group_table
from fairlead.measures import GroupTally

_OF_TWO_CLASSES = ("selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")
_OF_MORE = ("accuracy",)


@dataclass(frozen=True)
class PublishedGroups:
    """One feature's table.

    Rates of one group can be set against each other: its rows less its negatives are its positives. So a group is
    shown with all its rates or with none.

    Attributes:
        feature: The sensitive feature, or intersection.
        rates: What the columns are.
        rows: Each group with an estimate a rate; None where the group has no row of the rate's denominator.
        hidden: The groups that are too small, and those that would give them away.

    Examples:
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("age", ("old", "young")), Labels(("no", "yes"))
        >>> ones = np.ones(40, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, np.arange(40) % 2, ones, ones)
        >>> [str(row[1][0]) for row in PublishedGroups.of(tally, 10).rows], PublishedGroups.of(tally, 30).hidden
        (['1.000 [0.832, 1.000]', '1.000 [0.832, 1.000]'], ('old', 'young'))
    """

    feature: str
    rates: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Estimate | None, ...]], ...]
    hidden: tuple[str, ...]

    @classmethod
    def of(cls, tally: GroupTally, fewest: int) -> PublishedGroups:
        """Reads the rates off a tally.

        Args:
            tally: The rows of one split.
            fewest: Rows from which a group is shown: of each true class where there are two, and of unknown truth.
        """
        rates = _OF_TWO_CLASSES if len(tally.labels) == 2 else _OF_MORE
        concealed = concealed_slots(tally, fewest)
        if concealed.any() and " x " in tally.by.feature:  # a feature's own table less the other combinations
            concealed[:] = True
        columns = [[row.estimate for row in group_table(tally, rate, fewest=1)] for rate in rates]
        named = list(zip(tally.by.groups, concealed[:-1].tolist(), strict=True))
        shown = (
            (group, tuple(column[code] for column in columns))
            for code, (group, hidden) in enumerate(named)
            if not hidden
        )
        return cls(tally.by.feature, rates, tuple(shown), tuple(group for group, hidden in named if hidden))


def concealed_slots(tally: GroupTally, fewest: int) -> NDArray[np.bool_]:
    """Returns which of (G + 1,) slots are not published, the one for rows without a value last.

    The total less what is shown is what is not: those left out are at least two and have at least ``fewest`` rows
    together, as long as there are groups to leave out.

    Examples:
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels, ones = FeatureGroups("age", ("a", "b", "c")), Labels(("no", "yes")), np.ones(60, dtype=np.int64)
        >>> slots = np.repeat([0, 1, 2], [30, 3, 27])
        >>> concealed_slots(GroupTally.count(by, labels, slots, ones, ones), 10).tolist()
        [False, True, True, False]
    """
    cells = tally.counts.sum(axis=2)
    if len(tally.labels) > 2:  # only rates over all labelled rows are shown
        cells = np.stack([cells[:, :-1].sum(axis=1), cells[:, -1]], axis=1)
    concealed = np.asarray(((cells > 0) & (cells < fewest)).any(axis=1))
    while concealed.any() and (concealed.sum() < 2 or tally.rows[concealed].sum() < fewest):
        others = np.flatnonzero(~concealed & (tally.rows > 0))
        if not len(others):
            break
        concealed[others[np.argmin(tally.rows[others])]] = True
    return concealed


def has_small_cell(tally: GroupTally, rates: tuple[str, ...], fewest: int) -> bool:
    """Returns whether a group has fewer rows than ``fewest``, yet some, of a denominator of one of the rates.

    Examples:
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels, ones = FeatureGroups("age", ("a", "b")), Labels(("no", "yes")), np.ones(40, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, np.arange(40) % 2, ones, ones)
        >>> has_small_cell(tally, ("true_positive_rate",), 20), has_small_cell(tally, ("true_positive_rate",), 21)
        (False, True)
    """
    if rates == ("auc",):
        rates = ("true_positive_rate", "false_positive_rate")
    rows = [row.rows or 0 for rate in rates for row in group_table(tally, rate, fewest=1)]
    return any(0 < count < fewest for count in rows)
