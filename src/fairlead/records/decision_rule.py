"""How the probabilities of two classes become a decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.records.sensitive import SensitiveFeature
from fairlead.records.thresholds import Thresholds


@dataclass(frozen=True)
class DecisionRule:
    """Thresholds on the probability of the second of two classes: one for all rows, or one for each group.

    A randomised rule draws by its seed and a number of the row's own, so that a decision is the same however often
    and in whatever order it is made.

    Attributes:
        thresholds: One for all rows; or one for each slot of ``feature``, that of rows without a value last.
        feature: The sensitive feature whose groups have thresholds of their own; None for one threshold for all.
        seed: Of what a randomised rule draws.

    Raises:
        DataError: another number of thresholds than slots.

    Examples:
        >>> sex = SensitiveFeature("sex", ("f", "m"))
        >>> rule = DecisionRule(tuple(map(Thresholds.single, (0.3, 0.6, 0.5))), sex)
        >>> scores = np.array([0.4, 0.4, 0.4])
        >>> rule.decide(np.stack([1 - scores, scores], axis=1), np.array([0, 1, 2]), np.arange(3)).tolist()
        [1, 0, 0]
        >>> rule.needs_feature, rule.randomised, DecisionRule.from_dict(rule.to_dict()) == rule
        (True, False, True)
    """

    thresholds: tuple[Thresholds, ...]
    feature: SensitiveFeature | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        slots = 1 if self.feature is None else len(self.feature.slots)
        if len(self.thresholds) != slots:
            whom = "all rows" if self.feature is None else f"the groups of {self.feature.name!r} and for no value"
            raise DataError(f"{len(self.thresholds)} thresholds, expected {slots} for {whom}; give one for each")
        if not 0 <= self.seed < 2**63:
            raise DataError(f"the seed of a decision rule is from 0 to 2**63 - 1, got {self.seed}; choose another")

    @classmethod
    def single(cls, threshold: float) -> DecisionRule:
        """One threshold for all rows.

        Examples:
            >>> str(DecisionRule.single(0.4))
            'one threshold, 0.400'
        """
        return cls((Thresholds.single(threshold),))

    @property
    def needs_feature(self) -> bool:
        """Whether a decision takes the row's group, and so the sensitive feature where the model is used."""
        return self.feature is not None

    @property
    def randomised(self) -> bool:
        """Whether any decision is drawn."""
        return any(steps.randomised for steps in self.thresholds)

    def chances(
        self, probabilities: NDArray[np.floating[Any]], slots: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Returns (N,) chances that each row is decided positive; 0 or 1 where nothing is drawn.

        Args:
            probabilities: (N, 2).
            slots: (N,) slot of each row's group, for a rule by groups.

        Raises:
            DataError: other than two classes, or a slot that is not the feature's.
            ConfigurationError: no slots for a rule by groups.
        """
        if probabilities.ndim != 2 or probabilities.shape[1] != 2:
            raise DataError(
                f"thresholds decide between two classes, got probabilities of shape {probabilities.shape}; "
                "leave the decision rule out"
            )
        scores = probabilities[:, 1].astype(np.float64)
        if self.feature is None:
            return self.thresholds[0].chances_of(scores)
        if slots is None:
            raise ConfigurationError(_needs(self.feature))
        if slots.shape != scores.shape or (len(slots) and not 0 <= slots.min() <= slots.max() <= self.feature.missing):
            raise DataError(
                f"slots of {self.feature.name!r} are codes from 0 to {self.feature.missing}, one for each row; "
                "encode them with SensitiveFeature.encode"
            )
        found = np.zeros(len(scores))
        for slot, steps in enumerate(self.thresholds):
            found[slots == slot] = steps.chances_of(scores[slots == slot])
        return found

    def decide(
        self, probabilities: NDArray[np.floating[Any]], slots: NDArray[np.int64] | None, index: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Returns (N,) class codes, a function of each row alone.

        Args:
            probabilities: (N, 2).
            slots: (N,) slot of each row's group; None will do for a rule without a feature.
            index: (N,) each row's number, by which a randomised rule draws.

        Raises:
            DataError: other than two classes, or a slot that is not the feature's.
            ConfigurationError: no slots for a rule by groups.
        """
        return (self.chances(probabilities, slots) > _draws(self.seed, index)).astype(np.int64)

    def slots_of(self, declared: Sequence[SensitiveFeature], groups: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns (N,) slots of this rule's feature from (N, S) group codes of declared features, by group name.

        Raises:
            ConfigurationError: the feature is not declared.
            UnknownNameError: a row of a group that the rule does not know.
        """
        if self.feature is None:
            return np.zeros(len(groups), dtype=np.int64)
        names = [feature.name for feature in declared]
        if self.feature.name not in names:
            raise ConfigurationError(_needs(self.feature))
        column = names.index(self.feature.name)
        values = (*declared[column].groups, None)
        known: dict[str | None, int] = {group: code for code, group in enumerate(self.feature.groups)}
        known[None] = self.feature.missing
        for code in np.unique(groups[:, column]):
            if values[code] not in known:
                name = f"group of {self.feature.name!r}"
                raise UnknownNameError(name, str(values[code]), self.feature.groups, where="the decision rule")
        into = np.asarray([known.get(value, -1) for value in values], dtype=np.int64)
        return into[groups[:, column]]

    def __str__(self) -> str:
        if self.feature is None:
            return f"one threshold, {self.thresholds[0]}"
        each = zip(self.feature.slots, self.thresholds, strict=True)
        kind = "randomised thresholds" if self.randomised else "thresholds"
        return f"{kind} by {self.feature.name}: " + "; ".join(f"{slot} {steps}" for slot, steps in each)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        feature = self.feature and {"name": self.feature.name, "groups": list(self.feature.groups)}
        thresholds = [steps.to_dict() for steps in self.thresholds]
        return {"schema": 1, "thresholds": thresholds, "feature": feature, "seed": self.seed}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> DecisionRule:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise DataError(f"a decision rule of schema {content.get('schema')!r} is not known; this release reads 1")
        feature = content["feature"] and SensitiveFeature(
            content["feature"]["name"], tuple(content["feature"]["groups"])
        )
        return cls(tuple(map(Thresholds.from_dict, content["thresholds"])), feature, int(content["seed"]))


def _needs(feature: SensitiveFeature) -> str:
    return (
        f"this model decides by the groups of {feature.name!r}, which the data do not declare; name the column: "
        f"Columns(sensitive=[{feature.name!r}]) for an ImageDataModule, --sensitive-column for fairlead predict"
    )


def _draws(seed: int, index: NDArray[np.int64]) -> NDArray[np.float64]:
    """Returns (N,) numbers in [0, 1), each a function of the seed and the row's number alone.

    References:
        Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, OOPSLA, for the mixing.
    """
    with np.errstate(over="ignore"):
        mixed = index.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(seed) * np.uint64(
            0xD1342543DE82EF95
        )
        for _ in range(2):  # twice, so that neighbouring seeds do not give shifted rows
            mixed += np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            mixed ^= mixed >> np.uint64(31)
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
