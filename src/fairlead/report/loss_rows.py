"""The rows a model was most wrong about."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from fairlead.errors import ConfigurationError
from fairlead.records import Predictions


@dataclass(frozen=True)
class LossRow:
    """What is said of one row.

    Attributes:
        index: Its number in the dataset.
        name: What a person calls it.
        true: The true class and its probability.
        predicted: The class that was decided for, and its probability.
        right: Whether the two are one.
    """

    index: int
    name: str
    true: tuple[str, float]
    predicted: tuple[str, float]
    right: bool

    @property
    def loss(self) -> str:
        """The loss in nats; a probability that underflowed to 0 has no finite one."""
        return f"loss {-math.log(self.true[1]) + 0.0:.2f}" if self.true[1] > 0 else "loss \u221e"


def worst_rows(predictions: Predictions, count: int, names: Callable[[int], str] | None = None) -> list[LossRow]:
    """Returns the rows of the highest loss, -log p(true class), highest first; of equals the lowest index first.

    Rows whose class is not known are left out.

    Raises:
        ConfigurationError: fewer than one row is asked for.

    Examples:
        >>> from fairlead.records import Labels
        >>> some = Predictions(np.eye(2), np.array([0, 0]), np.array([0, 1]), Labels(("cat", "dog")))
        >>> [(row.name, row.loss) for row in worst_rows(some, 2)]
        [('row 1', 'loss ∞'), ('row 0', 'loss 0.00')]
    """
    if count < 1:
        raise ConfigurationError(f"{count} rows of the largest losses cannot be shown; ask for at least 1")
    called = names or (lambda index: f"row {index}")
    known = np.flatnonzero(predictions.targets >= 0)
    true = predictions.probabilities[known, predictions.targets[known]]
    order = np.lexsort((predictions.index[known], true))[:count]
    return [_row(predictions, int(position), called) for position in known[order]]


def _row(predictions: Predictions, position: int, called: Callable[[int], str]) -> LossRow:
    index, target = int(predictions.index[position]), int(predictions.targets[position])
    probabilities, answer = predictions.probabilities[position], int(predictions.predicted[position])
    true, predicted = ((predictions.labels[code], float(probabilities[code])) for code in (target, answer))
    return LossRow(index, called(index), true, predicted, target == answer)
