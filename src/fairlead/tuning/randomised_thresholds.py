"""fairlearn's randomised thresholds as a decision rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from fairlead.errors import ConfigurationError
from fairlead.records import Thresholds
from fairlead.tuning.threshold_rows import ThresholdRows


class ScoreColumn(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model that is fitted already: its one input is its score.

    Examples:
        >>> ScoreColumn().predict_proba(np.array([[0.25]])).tolist()
        [[0.75, 0.25]]
    """

    def __init__(self) -> None:
        self.fitted_ = True

    def fit(self, X: NDArray[np.float64], y: NDArray[np.int64]) -> ScoreColumn:  # scikit-learn's names
        """Does nothing."""
        del X, y
        return self

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns (N, 2) probabilities of (N, 1) scores."""
        return np.concatenate([1 - X, X], axis=1)


def randomised_thresholds(rows: ThresholdRows, slots: Sequence[int], rates: Sequence[str]) -> list[Thresholds]:
    """Returns what fairlearn's ``ThresholdOptimizer`` finds for each of the named slots, step for step.

    It makes the rates equal on these rows, on average over draws, at the best accuracy.

    Args:
        rows: Calibration rows.
        slots: The groups, each with positives and negatives.
        rates: The rates to be made equal; of several that are not both rates of error, those of error are.

    References:
        Hardt, Price and Srebro (2016), Equality of opportunity in supervised learning, NeurIPS.

    Examples:
        >>> scores, targets = np.array([0.2, 0.4, 0.6, 0.6, 0.8, 0.9]), np.array([0, 1, 1, 0, 1, 1])
        >>> rows = ThresholdRows(scores, targets, np.array([0, 0, 0, 1, 1, 1]))
        >>> [str(found) for found in randomised_thresholds(rows, [0, 1], ["true_positive_rate"])]
        ['0.300', '0.700']
    """
    fitted = fit_fairlearn(rows, slots, rates)
    rules = fitted.interpolated_thresholder_.interpolation_dict
    return [_steps(rules[slot]) for slot in slots]


def fit_fairlearn(rows: ThresholdRows, slots: Sequence[int], rates: Sequence[str]) -> Any:
    """Returns fairlearn's fitted ``ThresholdOptimizer`` itself, which has no types.

    Raises:
        ConfigurationError: fairlearn is not installed.
    """
    try:
        from fairlearn.postprocessing import ThresholdOptimizer
    except ImportError as error:
        raise ConfigurationError(
            'randomised thresholds are fairlearn\'s, which is not installed; pip install "fairlead[train]"'
        ) from error
    chosen = np.isin(rows.slots, slots)
    optimizer = ThresholdOptimizer(
        estimator=ScoreColumn(),
        constraints=constraint_of(rates),
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    return optimizer.fit(rows.scores[chosen, None], rows.targets[chosen], sensitive_features=rows.slots[chosen])


def constraint_of(rates: Sequence[str]) -> str:
    """Returns fairlearn's name of what makes these rates equal.

    Examples:
        >>> constraint_of(["true_positive_rate", "false_positive_rate", "selection_rate"])
        'equalized_odds'
    """
    errors = {"true_positive_rate", "false_positive_rate"} & set(rates)
    if len(errors) == 2:
        return "equalized_odds"
    return f"{errors.pop()}_parity" if errors else "demographic_parity"


def _steps(rule: Any) -> Thresholds:
    """Reads a mixture of two thresholds and a constant as steps."""
    operations = (rule.operation0, rule.operation1)
    if any(operation.operator != ">" for operation in operations):
        raise ConfigurationError("fairlearn turned a threshold round, which no decision rule can; call it without flip")
    marks = [float(operation.threshold) for operation in operations]
    at = sorted({mark for mark in marks if np.isfinite(mark)})
    chances = []
    for passed in (-np.inf, *at):  # a score just above each
        chance = sum(weight for weight, mark in zip((rule.p0, rule.p1), marks, strict=True) if mark <= passed)
        if "p_ignore" in rule:
            chance = rule.p_ignore * rule.prediction_constant + (1 - rule.p_ignore) * chance
        chances.append(min(1.0, max(0.0, float(chance))))
    return Thresholds(tuple(at), tuple(chances))
