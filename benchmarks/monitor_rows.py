"""Rows of a model in service whose law is known, as many as wanted: answers, scores, groups and truths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from fairlead.measures import FeatureGroups, GroupTally, Reference, softmax
from fairlead.records import Feedback, Labels, Observation

MODEL = "measured"
STRENGTH = 1.466  # of the evidence: two classes are told apart with an accuracy of 0.85
SEX, AGE = FeatureGroups("sex", ("f", "m")), FeatureGroups("age", ("young", "middle", "old"))
FEATURES = (SEX, AGE)
_SHARES = ((0.4, 0.6), (0.5, 0.35, 0.15))
_SIZES = np.array([224.0, 256.0, 480.0, 512.0, 1024.0])
# The gap of the selection rates of two classes is this, a hair's breadth within the usual limit of 0.1.
_GAP = 0.0995


@dataclass(frozen=True, eq=False)
class Rows:
    """N rows as they would be observed.

    Attributes:
        scores: By name, (N,) each; not a number where not measured.
        probabilities: (N, C) calibrated.
        decided: (N,) codes of the most probable class.
        targets: (N,) codes of the true class.
        groups: (N, F) slots of ``FEATURES``.
    """

    scores: Mapping[str, NDArray[np.float64]]
    probabilities: NDArray[np.float64]
    decided: NDArray[np.int64]
    targets: NDArray[np.int64]
    groups: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.decided)

    @property
    def labels(self) -> Labels:
        """The C classes."""
        return Labels(tuple(f"c{code}" for code in range(self.probabilities.shape[1])))

    @property
    def watched(self) -> dict[str, NDArray[np.float64]]:
        """The scores and the confidence."""
        return {**self.scores, "confidence": self.probabilities.max(axis=1)}

    def take(self, chosen: NDArray[np.int64] | slice) -> Rows:
        """Returns some of the rows."""
        scores = {name: values[chosen] for name, values in self.scores.items()}
        return Rows(scores, self.probabilities[chosen], self.decided[chosen], self.targets[chosen], self.groups[chosen])

    def observations(self, first: int, seconds: float = 1.0) -> list[Observation]:
        """Returns each row as a request of its own, numbered from ``first``, so many seconds apart."""
        names, labels = list(self.scores), self.labels.names
        columns = np.column_stack([self.scores[name] for name in names]).tolist()
        answers = zip(self.probabilities.tolist(), self.decided.tolist(), columns, self.groups.tolist(), strict=True)
        return [
            Observation(
                f"r{first + place}",
                1e9 + (first + place) * seconds,
                MODEL,
                labels[decided],
                tuple(probabilities),
                {name: value for name, value in zip(names, scores, strict=True) if value == value},  # noqa: PLR0124
                {by.feature: by.groups[slot] for by, slot in zip(FEATURES, slots, strict=True)},
            )
            for place, (probabilities, decided, scores, slots) in enumerate(answers)
        ]

    def feedback(self, first: int, chosen: Sequence[int], seconds: float = 1.0) -> list[Feedback]:
        """Returns the truth of some rows, as told when the last of them was answered."""
        labels, told = self.labels.names, 1e9 + (first + len(self)) * seconds
        return [Feedback(f"r{first + place}", told, labels[self.targets[place]]) for place in chosen]


def drawn_rows(rows: int, classes: int, generator: np.random.Generator) -> Rows:
    """Draws N independent rows: twelve scores with the confidence, tied, heavy-tailed, discrete, missing at times."""
    groups = np.column_stack([generator.choice(len(shares), rows, p=shares) for shares in _SHARES])
    targets = generator.integers(0, classes, rows)
    if classes == 2:
        likelier = _GAP / (2 * float(ndtr(STRENGTH / np.sqrt(2))) - 1) / 2
        targets = (generator.random(rows) < np.where(groups[:, 0] == 1, 0.5 + likelier, 0.5 - likelier)).astype(
            np.int64
        )
    looks = STRENGTH * (1 if classes == 2 else 2)
    evidence = generator.normal(size=(rows, classes)) + looks * np.eye(classes)[targets]
    probabilities = softmax(looks * evidence)
    shared, heavy = generator.normal(size=rows), generator.standard_t(3, rows)
    own = generator.normal(size=(rows, 8))
    light = np.clip(0.5 + 0.12 * shared + 0.08 * own[:, 0], 0, 1)
    size = generator.choice(len(_SIZES), rows, p=[0.5, 0.2, 0.1, 0.15, 0.05])
    scores = {
        "embedding.distance": np.exp(0.4 * heavy + 0.3 * shared - 0.5 * probabilities.max(axis=1)),
        "embedding.direction_1": evidence[:, 0] - evidence[:, 1] + 0.5 * own[:, 1],
        "embedding.direction_2": heavy + 0.5 * own[:, 2],
        "embedding.direction_3": shared * own[:, 3],
        "embedding.direction_4": own[:, 4] + 0.3 * targets,
        "input.brightness": light,
        "input.contrast": np.abs(0.2 + 0.05 * own[:, 5] - 0.1 * (light - 0.5) ** 2),
        "input.sharpness": np.round(np.exp(0.5 * own[:, 6] + 0.3 * shared) * 0.05, 3),
        "input.saturation": np.where(generator.random(rows) < 0.3, 0.0, np.abs(own[:, 7]) * 0.2),
        "input.pixels": np.log2(_SIZES[size] ** 2),
        "input.aspect": np.where(generator.random(rows) < 0.02, np.nan, np.round(0.3 * heavy, 1)),
    }
    return Rows(scores, probabilities, probabilities.argmax(axis=1), targets, groups)


def reference_of(shape: Rows, counted: Rows) -> Reference:
    """Counts rows in bins whose edges come from others."""
    return Reference.of(
        counted.labels,
        shape.watched,
        dict(counted.scores),
        probabilities=counted.probabilities,
        targets=counted.targets,
        decided=counted.decided,
    )


def tallies_of(counted: Rows) -> tuple[GroupTally, ...]:
    """Counts rows by the groups of each feature."""
    columns = zip(FEATURES, counted.groups.T, strict=True)
    return tuple(
        GroupTally.count(by, counted.labels, slots.astype(np.int64), counted.targets, counted.decided)
        for by, slots in columns
    )
