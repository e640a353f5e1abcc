"""What a mitigation gained, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.evidence import Estimate, Ledger
from fairlead.judgement import Policy, group_table, judge
from fairlead.measures import ConfusionCounts, FeatureGroups, GroupTally, accuracy, paired_change
from fairlead.records import Predictions, Split


@dataclass(frozen=True)
class Change:
    """The accuracy of the same rows before and after.

    Attributes:
        feature: The sensitive feature, or empty for all rows.
        group: The group, or empty for all rows.
        before: None without labelled rows, or where they are too few to show.
        after: Likewise.
        change: After less before, with an interval of its own, for the rows are the same.
        suppressed: Whether the rows are too few to show.
    """

    feature: str
    group: str
    before: Estimate | None
    after: Estimate | None
    change: Estimate | None
    suppressed: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; what is absent is null."""
        figures = {name: getattr(self, name) for name in ("before", "after", "change")}
        told = {name: figure.to_dict() if figure else None for name, figure in figures.items()}
        return {"feature": self.feature or None, "group": self.group or None, **told, "suppressed": self.suppressed}


@dataclass(frozen=True, eq=False)
class BeforeAfter:
    """Two models, or one model and two ways to decide, on the same rows, which chose neither.

    Attributes:
        split: Of the rows.
        overall: The accuracy of all rows.
        groups: Of each group of each feature.
        before: The findings before.
        after: The findings after.

    Examples:
        >>> from fairlead.records import DecisionRule, Labels, SensitiveFeature
        >>> rows, sex = np.arange(400), SensitiveFeature("sex", ("f", "m"))
        >>> positive = np.where(rows % 4 == 0, 0.4, 0.9)  # half of the women are missed, and no man
        >>> test = Predictions(
        ...     np.stack([1 - positive, positive], axis=1), np.ones(400, dtype=np.int64), rows, Labels(("no", "yes")),
        ...     (rows % 2)[:, None], (sex,),
        ... )
        >>> cost = BeforeAfter.of(test, test.decided_by(DecisionRule.single(0.3)), Policy.default())
        >>> str(cost.overall.change), [str(change.after) for change in cost.groups]
        ('0.250 [0.192, 0.302]', ['1.000 [0.982, 1.000]', '1.000 [0.982, 1.000]'])
    """

    split: str
    overall: Change
    groups: tuple[Change, ...]
    before: Ledger
    after: Ledger

    @classmethod
    def of(
        cls,
        before: Predictions,
        after: Predictions,
        policy: Policy,
        *,
        intersections: Sequence[Sequence[str]] = (),
        split: Split = Split.TEST,
        fewest: int = 10,
    ) -> BeforeAfter:
        """Measures both, row by row, and judges both by the same policy.

        Args:
            before: Predictions of one split.
            after: Of the same rows, in any order.
            policy: What is accepted.
            intersections: Names of features to be crossed.
            split: What the rows are of.
            fewest: Labelled rows from which a group is shown.

        Raises:
            DataError: other rows, truths, classes or groups than before.
        """
        before, after = before.sorted(), after.sorted()
        _check_alike(before, after)
        asked = [*((feature.name,) for feature in before.sensitive), *intersections]
        tallies = [[GroupTally.of(part, names) for names in asked] for part in (before, after)]
        ledgers = [judge(part, policy, split.value) if part else Ledger() for part in tallies]
        groups: list[Change] = []
        for place, names in enumerate(asked):
            by, slots = FeatureGroups.codes(before, names)
            tables = [group_table(part[place], "accuracy", fewest=fewest) for part in tallies]
            for code, (old, new) in enumerate(zip(*tables, strict=True)):
                change = None if old.suppressed else _paired(before, after, slots == code)
                groups.append(Change(by.feature, old.group, old.estimate, new.estimate, change, old.suppressed))
        everyone = np.ones(len(before), dtype=bool)
        was, now = (accuracy(ConfusionCounts.of(part.take(part.targets >= 0)), 0.95) for part in (before, after))
        overall = Change("", "", was, now, _paired(before, after, everyone))
        return cls(split.value, overall, tuple(groups), *ledgers)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values with the number of their schema."""
        return {
            "schema": 1,
            "split": self.split,
            "accuracy": self.overall.to_dict(),
            "groups": [change.to_dict() for change in self.groups],
            "findings": {
                "before": [finding.to_dict() for finding in self.before],
                "after": [finding.to_dict() for finding in self.after],
            },
        }


def _check_alike(before: Predictions, after: Predictions) -> None:
    same = (
        np.array_equal(before.index, after.index)
        and np.array_equal(before.targets, after.targets)
        and np.array_equal(before.groups, after.groups)
        and (before.labels, before.sensitive) == (after.labels, after.sensitive)
    )
    if not same:
        raise DataError(
            "before and after are not predictions of the same rows; predict one split of one dataset with both models"
        )


def _paired(before: Predictions, after: Predictions, chosen: NDArray[np.bool_]) -> Estimate | None:
    chosen = chosen & (before.targets >= 0)
    was, now = (part.predicted[chosen] == part.targets[chosen] for part in (before, after))
    found = paired_change(was, now)
    if found is None or before.clusters is None or len(np.unique(before.clusters)) == len(before):
        return found
    method = f"{found.method}; rows of a cluster taken as independent, so too narrow"
    return Estimate(found.value, found.low, found.high, found.level, found.rows, method)
