"""The rates a figure is made of, stacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairlead.measures import GroupRates, GroupTally


@dataclass(frozen=True, eq=False)
class StackedRates:
    """K families of rates of G groups: of one rate or several, of one class or each against the rest.

    Attributes:
        feature: The sensitive feature.
        groups: G group names.
        titles: K names of the families, empty for an only one.
        denominators: K names of what the rows are.
        rows: (K, G) int64.
        effective: (K, G) rows, fewer where rows are clustered.
        successes: (K, G) the rates times the effective rows.
        values: (K, G) the rates; NaN without rows.
        distinct: Rows in any denominator, each counted once.
        clustered: Whether rows of a cluster count for less than one each.
    """

    feature: str
    groups: tuple[str, ...]
    titles: tuple[str, ...]
    denominators: tuple[str, ...]
    rows: NDArray[np.int64]
    effective: NDArray[np.float64]
    successes: NDArray[np.float64]
    values: NDArray[np.float64]
    distinct: int
    clustered: bool

    @classmethod
    def of(cls, tally: GroupTally, names: Sequence[str]) -> StackedRates:
        """Reads the named rates off a tally.

        Examples:
            >>> from fairlead.measures import FeatureGroups
            >>> from fairlead.records import Labels
            >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
            >>> targets = np.array([1, 1, 0, 0])
            >>> tally = GroupTally.count(by, labels, np.array([0, 1, 0, 1]), targets, targets)
            >>> stack = StackedRates.of(tally, ["true_positive_rate", "false_positive_rate"])
            >>> stack.values.tolist(), stack.distinct
            ([[1.0, 1.0], [0.0, 0.0]], 4)
        """
        parts = [GroupRates.of(tally, name) for name in names]
        titles, denominators = [], []
        for part in parts:
            many = len(part.families) > 1
            for family in part.families:
                of_class = f" of {family}" if many else ""
                titles.append((part.name if len(parts) > 1 else "") + of_class)
                denominators.append(part.denominator + of_class)
        labelled = int(tally.counts[:-1, :-1].sum())
        return cls(
            feature=tally.by.feature,
            groups=tally.by.groups,
            titles=tuple(title.strip() for title in titles),
            denominators=tuple(denominators),
            rows=np.concatenate([part.rows for part in parts]),
            effective=np.concatenate([part.effective for part in parts]),
            successes=np.concatenate([part.effective_successes for part in parts]),
            values=np.concatenate([part.values for part in parts]),
            distinct=parts[0].distinct if len(parts) == 1 else min(labelled, sum(part.distinct for part in parts)),
            clustered=any(part.clustered for part in parts),
        )

    def without(self, left_out: NDArray[np.bool_]) -> StackedRates:
        """Returns the same with some groups as if they had no rows.

        Args:
            left_out: (K, G).
        """
        return replace(
            self,
            rows=np.where(left_out, 0, self.rows),
            effective=np.where(left_out, 0.0, self.effective),
            successes=np.where(left_out, 0.0, self.successes),
            values=np.where(left_out, np.nan, self.values),
        )
