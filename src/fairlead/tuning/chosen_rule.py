"""A decision rule, and how it was come by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.judgement import Policy
from fairlead.records import DecisionRule, Labels, Predictions, Thresholds
from fairlead.tuning.randomised_thresholds import randomised_thresholds
from fairlead.tuning.threshold_choice import RATES_BY_FIGURE, best_threshold, group_thresholds
from fairlead.tuning.threshold_rows import ThresholdRows, check_classes

METHODS = ("one-threshold", "thresholds", "randomised-thresholds")
"""One for all, deterministic by group, and fairlearn's by group."""


@dataclass(frozen=True)
class ChosenRule:
    """What was chosen on calibration rows, and what is to be known about it.

    Attributes:
        rule: How the model decides from now on.
        method: One of ``METHODS``.
        rows: Calibration rows it was chosen on.
        most: How much each rate was allowed to differ on them.
        notes: What a person should know, a sentence each.

    Examples:
        >>> import numpy as np
        >>> from fairlead.records import Labels
        >>> positive = np.array([0.1, 0.2, 0.3, 0.9])
        >>> rows = Predictions(
        ...     np.stack([1 - positive, positive], axis=1), np.array([0, 0, 1, 1]), np.arange(4), Labels(("no", "yes"))
        ... )
        >>> str(ChosenRule.on(rows, "one-threshold", Policy.default()).rule)
        'one threshold, 0.250'
    """

    rule: DecisionRule
    method: str
    rows: int
    most: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @classmethod
    def on(
        cls,
        calibration: Predictions,
        method: str,
        policy: Policy,
        *,
        feature: str | None = None,
        fewest: int | None = None,
        seed: int = 0,
    ) -> ChosenRule:
        """Chooses a rule on calibration rows, which must not be the rows that it is certified on.

        One threshold for all is the one that is right most often. Thresholds by group are right most often while the
        rates that the policy limits differ by no more than its limits less their margins. Groups of too few rows, and
        rows without a value, get the threshold for all.

        Args:
            calibration: Predictions of the calibration split.
            method: One of ``METHODS``.
            policy: Whose limits are aimed at.
            feature: The sensitive feature by whose groups thresholds differ; the first that is declared by default.
            fewest: Positives, and negatives, that a group needs for a threshold of its own; the ``rows`` of the
                policy's limits by default: fewer than the policy speaks of are too few to choose by
                (docs/decisions/0008).
            seed: Of what a randomised rule draws.

        Raises:
            UnknownNameError: a method or a feature that is not known.
            ConfigurationError: more than two classes, no sensitive feature, or a policy without a limit that
                thresholds can meet.
            DataError: not both classes among the rows.
        """
        check_method(method, calibration.labels, policy, calibration.targets)
        if method == "one-threshold":
            rows = ThresholdRows.of(calibration)
            return cls(DecisionRule.single(best_threshold(rows)), method, len(rows.scores))
        if not calibration.sensitive:
            raise ConfigurationError("thresholds by group need a sensitive feature; name a column with --sensitive")
        feature = feature or calibration.sensitive[0].name
        rows, most = ThresholdRows.of(calibration, feature), aims(policy)
        declared = next(found for found in calibration.sensitive if found.name == feature)
        pooled = best_threshold(rows)
        fewest = fewest or max(limit.rows for name, limit in policy.limits.items() if name in RATES_BY_FIGURE)
        large = [slot for slot in range(len(declared.groups)) if rows.fewest(slot) >= fewest]
        if len(large) < 2:  # nothing to equalise: then the decision shall not take the group either
            told = f"fewer than two groups of {feature} have {fewest} positives and {fewest} negatives among the "
            told += "calibration rows, so that all get one threshold; give the calibration split more rows"
            return cls(DecisionRule.single(pooled), method, len(rows.scores), most, (told,))
        if method == "thresholds":
            own = list(map(Thresholds.single, group_thresholds(rows, large, most, pooled).tolist()))
        else:
            own = randomised_thresholds(rows, large, list(most))
        thresholds = [Thresholds.single(pooled)] * len(declared.slots)
        for slot, steps in zip(large, own, strict=True):
            thresholds[slot] = steps
        rule = DecisionRule(tuple(thresholds), declared, seed)
        small = [group for slot, group in enumerate(declared.groups) if slot not in large]
        return cls(rule, method, len(rows.scores), most, _notes(rule, small, fewest))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "method": self.method,
            "rule": self.rule.to_dict(),
            "chosen_on": "calibration",
            "rows": self.rows,
            "most": dict(self.most),
            "notes": list(self.notes),
        }


def check_method(method: str, labels: Labels, policy: Policy, targets: NDArray[np.int64]) -> None:
    """Checks what is known before anything is trained.

    Args:
        method: One of ``METHODS``.
        labels: The classes.
        policy: Whose limits are aimed at.
        targets: (N,) class codes of the calibration rows; -1 where the truth is not known.

    Raises:
        UnknownNameError: no such method.
        ConfigurationError: more than two classes, or a policy without a limit that thresholds can meet.
        DataError: not both classes among the rows.

    Examples:
        >>> check_method("thresholds", Labels(("no", "yes")), Policy.default(), np.array([0, 1]))
    """
    if method not in METHODS:
        raise UnknownNameError("mitigation", method, METHODS)
    if len(labels) != 2:
        raise ConfigurationError(
            f"thresholds are chosen for two classes, and there are {len(labels)}: {', '.join(list(labels)[:5])}"
            f"{', ...' if len(labels) > 5 else ''}; leave --mitigate out, or name a --label of two classes"
        )
    check_classes(targets)
    if method != "one-threshold":
        aims(policy)


def aims(policy: Policy) -> dict[str, float]:
    """Returns how much each rate may differ on calibration rows: the limit less its margin, for test rows differ more.

    Raises:
        ConfigurationError: a policy without a limit that thresholds can meet.

    Examples:
        >>> aims(Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}}))
        {'true_positive_rate': 0.05}
    """
    most: dict[str, float] = {}
    for name, limit in policy.limits.items():
        for rate in RATES_BY_FIGURE.get(name, ()):
            most[rate] = min(most.get(rate, 1.0), max(0.0, limit.most - limit.margin))
    if not most:
        raise ConfigurationError(
            f"the policy limits {', '.join(policy.limits)}, and thresholds are chosen for one of "
            f"{', '.join(RATES_BY_FIGURE)}; add such a limit, or use --mitigate one-threshold"
        )
    return most


def _notes(rule: DecisionRule, small: list[str], fewest: int) -> tuple[str, ...]:
    name = rule.feature.name if rule.feature else ""
    notes = [f"the decision takes the row's {name}: it must be lawful to use, and known, wherever the model decides"]
    if small:
        shown = ", ".join(small[:4]) + (f" and {len(small) - 4} others" if len(small) > 4 else "")
        notes.append(
            f"fewer than {fewest} positives or negatives among the calibration rows of {shown}: "
            "the threshold for all is used there, and nothing was equalised"
        )
    if rule.randomised:
        notes.append(
            "decisions are drawn: two alike people may be told different things, and export refuses such a rule; the "
            "figures are those of one draw, by the run's seed"
        )
    return tuple(notes)
