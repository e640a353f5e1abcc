"""The figures of a classifier on rows it has not seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fairlead.errors import DataError
from fairlead.evidence import Estimate
from fairlead.measures.calibration import expected_calibration_error
from fairlead.measures.confusion import ConfusionCounts
from fairlead.measures.intervals import tail_of
from fairlead.measures.ranking import macro_auroc
from fairlead.measures.rates import accuracy, macro_f1, macro_precision, macro_recall
from fairlead.measures.scoring import brier_score, log_loss
from fairlead.records import Predictions


def held_out_figures(predictions: Predictions, *, level: float = 0.95) -> dict[str, Estimate | None]:
    """Measures the nine figures that every run reports, each with its interval.

    The keys are always the same and in this order: accuracy, balanced_accuracy, precision_macro, recall_macro,
    f1_macro, auroc_macro, log_loss, brier, ece. Rows with target -1 are left out. A figure is None where it cannot
    be measured: all of them without a labelled row, ``auroc_macro`` where fewer than two classes occur.

    Macro figures are means over the classes that occur among the targets; ``recall_macro`` and
    ``balanced_accuracy`` are two names of one figure, both kept because readers look for either. Intervals
    take rows as independent; where rows share a cluster they do not, the intervals are too narrow, and the method
    says so. No random numbers are drawn: the same rows, in any order, give the same figures up to rounding.

    Args:
        predictions: Answers with the truth beside them, of one split.
        level: Coverage each interval aims at, one figure at a time.

    Raises:
        ConfigurationError: a level that is not between 0 and 1.
        DataError: fewer than two classes.

    Examples:
        >>> import numpy as np
        >>> from fairlead.records import Labels
        >>> answers = Predictions(
        ...     probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]),
        ...     targets=np.array([0, 1, 1]),
        ...     index=np.arange(3),
        ...     labels=Labels(("cat", "dog")),
        ... )
        >>> figures = held_out_figures(answers)
        >>> str(figures["accuracy"]), figures["log_loss"].rows
        ('0.667 [0.094, 0.992]', 3)
    """
    tail_of(level)
    if len(predictions.labels) < 2:
        raise DataError(
            f"a classifier tells at least two classes apart, these predictions know {len(predictions.labels)}; "
            "add rows of another class to the training split"
        )
    known = predictions.take(predictions.targets >= 0)
    probabilities, targets = known.probabilities.astype(np.float64, copy=False), known.targets
    confusion = ConfusionCounts.of(known)
    recall = macro_recall(confusion, level)
    figures = {
        "accuracy": accuracy(confusion, level),
        "balanced_accuracy": recall,
        "precision_macro": macro_precision(confusion, level),
        "recall_macro": recall,
        "f1_macro": macro_f1(confusion, level),
        "auroc_macro": macro_auroc(probabilities, targets, level),
        "log_loss": log_loss(probabilities, targets, level),
        "brier": brier_score(probabilities, targets, level),
        "ece": expected_calibration_error(probabilities, targets, level),
    }
    if known.clusters is None or len(np.unique(known.clusters)) == len(known):
        return figures
    return {name: estimate and _of_clusters(estimate) for name, estimate in figures.items()}


def _of_clusters(estimate: Estimate) -> Estimate:
    return replace(estimate, method=f"{estimate.method}; rows of a cluster taken as independent, so too narrow")
