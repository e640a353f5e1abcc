"""The fairness audit of predictions that are at hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.evidence import Ledger
from fairlead.judgement import FEWEST_SHOWN, GateDecision, Policy, ReleaseGate, judge
from fairlead.measures import FeatureGroups, GroupTally, written_tallies
from fairlead.records import Predictions, SensitiveFeature, Split


@dataclass(frozen=True, eq=False)
class GroupAudit:
    """What was counted by the groups of every declared sensitive feature, and what is to be said of it.

    Without a sensitive feature there is nothing to count and no finding. The gate does not pass then: a model that
    was not tested is not known to be within its limits.

    Attributes:
        policy: The limits, set before the figures were seen.
        tallies: By split, one for each sensitive feature and intersection.
        ledger: The findings of all splits.

    Examples:
        >>> import numpy as np
        >>> from fairlead.records import Labels, SensitiveFeature
        >>> rows, sex = np.arange(2000), SensitiveFeature("sex", ("f", "m"))
        >>> positive = np.where((rows % 8 == 0), 0.1, 0.9)  # one in four of the women is missed, and no man
        >>> test = Predictions(
        ...     np.stack([1 - positive, positive], axis=1), np.ones(2000, dtype=np.int64), rows, Labels(("no", "yes")),
        ...     (rows % 2)[:, None], (sex,),
        ... )
        >>> audit = GroupAudit.of({Split.TEST: test}, Policy.default())
        >>> audit.decision.passes, audit.decision.blocked_by[0]
        (False, 'FAIR-003 true_positive_rate_difference, sex: flagged')
    """

    policy: Policy
    tallies: Mapping[Split, tuple[GroupTally, ...]]
    ledger: Ledger

    @classmethod
    def of(
        cls, predictions: Mapping[Split, Predictions], policy: Policy, intersections: Sequence[Sequence[str]] = ()
    ) -> GroupAudit:
        """Counts and judges the predictions of each split.

        Args:
            predictions: By split; each row once.
            policy: What is accepted.
            intersections: Names of features to be crossed, e.g. ``[("sex", "age_group")]``.

        Raises:
            UnknownNameError: an intersection of a feature that is not declared.
            DataError: a feature of more than 256 groups.
        """
        tallies = {}
        for split, part in predictions.items():
            asked = group_sets(part.sensitive, intersections)
            tallies[split] = tuple(GroupTally.of(part, names) for names in asked)
        return cls.counted(tallies, policy)

    @classmethod
    def counted(cls, tallies: Mapping[Split, tuple[GroupTally, ...]], policy: Policy) -> GroupAudit:
        """Judges what has been counted already, each split for itself."""
        judged = [judge(part, policy, split.value) for split, part in tallies.items() if part]
        return cls(policy, tallies, Ledger(tuple(finding for ledger in judged for finding in ledger)))

    def with_findings(self, ledger: Ledger) -> GroupAudit:
        """Returns the same audit with the findings of another beside its own."""
        return replace(self, ledger=self.ledger.add(*ledger))

    @property
    def decision(self) -> GateDecision:
        """What the release gate says, which reads the test findings alone."""
        return ReleaseGate.of(self.policy).decide(self.ledger)

    def to_dict(self) -> dict[str, Any]:
        """Returns the content of ``evidence.json``, plain JSON values."""
        return {**self.ledger.to_dict(), "gate": self.decision.to_dict()}

    def counts(self) -> dict[str, Any]:
        """Returns the content of ``tallies.json``, plain JSON values: every group, small ones too."""
        return written_tallies({split.value: part for split, part in self.tallies.items()}, FEWEST_SHOWN)


def group_sets(
    sensitive: Sequence[SensitiveFeature], intersections: Sequence[Sequence[str]] = ()
) -> tuple[tuple[str, ...], ...]:
    """Returns what is counted by: each feature alone, then each intersection. Call it before anything takes long.

    Args:
        sensitive: The declared features.
        intersections: Names of features to be crossed.

    Raises:
        UnknownNameError: an intersection of a feature that is not declared.
        DataError: more than 256 groups, or an intersection of fewer than two different features.

    Examples:
        >>> group_sets([SensitiveFeature("sex", ("f", "m")), SensitiveFeature("age", ("old",))], [("sex", "age")])
        (('sex',), ('age',), ('sex', 'age'))
    """
    declared = {feature.name: feature for feature in sensitive}
    for names in intersections:
        if len(names) < 2:
            raise ConfigurationError(f"an intersection is of two or more different features, got {' '.join(names)!r}")
        for name in names:
            if name not in declared:
                raise UnknownNameError("sensitive feature", name, declared, where="the data")
    asked = (*((name,) for name in declared), *(tuple(names) for names in intersections))
    for names in asked:
        FeatureGroups.of([declared[name] for name in names])
    return asked
