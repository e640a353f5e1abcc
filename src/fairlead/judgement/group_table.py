"""Each group's own rate, fit to be published."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate
from fairlead.measures import GroupRates, GroupTally

FEWEST_SHOWN = 10
"""Rows from which a group is quoted, unless something else is asked for."""


@dataclass(frozen=True)
class GroupRow:
    """One group's rate.

    Attributes:
        group: The group.
        family: The class, where there are several; else empty.
        estimate: The rate with its own exact interval; None without rows, or where they are too few to show.
        rows: Rows of the rate's own denominator; None where they are too few to show.
        suppressed: Whether they are.
    """

    group: str
    family: str
    estimate: Estimate | None
    rows: int | None
    suppressed: bool

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "group": self.group,
            "family": self.family,
            "estimate": self.estimate.to_dict() if self.estimate else None,
            "rows": self.rows,
            "suppressed": self.suppressed,
        }


def group_table(
    tally: GroupTally, rate: str, *, fewest: int = FEWEST_SHOWN, level: float = 0.95
) -> tuple[GroupRow, ...]:
    """Returns each declared group's rate, groups of fewer rows than ``fewest`` left without numbers.

    One small group alone could be had from the total less the others, so the next smallest is left out with it.

    Args:
        tally: What was counted.
        rate: One of ``fairlead.measures.RATES``.
        fewest: Rows of the denominator from which a group is shown; 1 shows all.
        level: Coverage of each interval, one group at a time.

    Raises:
        UnknownNameError: no such rate.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("age", ("old", "young")), Labels(("no", "yes"))
        >>> ones = np.ones(12, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, (np.arange(12) > 9).astype(np.int64), ones, ones)
        >>> [(row.group, row.rows, row.suppressed) for row in group_table(tally, "true_positive_rate", fewest=1)]
        [('old', 10, False), ('young', 2, False)]
        >>> [(row.group, row.rows) for row in group_table(tally, "true_positive_rate", fewest=5)]
        [('old', None), ('young', None)]
    """
    rates = GroupRates.of(tally, rate)
    table = []
    for place, family in enumerate(rates.families):
        rows = rates.rows[place]
        hidden = hidden_groups(rows, fewest)
        for code, group in enumerate(rates.groups):
            estimate = None if hidden[code] else rates.estimate(group, family, level)
            table.append(
                GroupRow(group, family, estimate, None if hidden[code] else int(rows[code]), bool(hidden[code]))
            )
    return tuple(table)


def hidden_groups(rows: NDArray[np.int64], fewest: int) -> NDArray[np.bool_]:
    """Returns which of (G,) groups are not quoted: those of too few rows, and beside an only one the next smallest.

    Args:
        rows: Rows of each group's own denominator; a group without any has nothing to hide.
        fewest: Rows from which a group is quoted.

    Examples:
        >>> hidden_groups(np.array([40, 3, 20, 0]), 10).tolist()
        [False, True, True, False]
    """
    hidden = np.asarray((rows > 0) & (rows < fewest))
    shown = np.flatnonzero((rows > 0) & ~hidden)
    if hidden.sum() == 1 and len(shown):
        hidden[shown[np.argmin(rows[shown])]] = True
    return hidden
