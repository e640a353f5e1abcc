"""Tallies and pure mathematics over arrays. NumPy and SciPy only; no random numbers, no state."""

from fairlead.measures.calibration import expected_calibration_error
from fairlead.measures.confusion import ConfusionCounts
from fairlead.measures.held_out import held_out_figures
from fairlead.measures.intervals import binomial_interval, macro_interval, mean_loss_interval
from fairlead.measures.ranking import macro_auroc
from fairlead.measures.rates import accuracy, macro_f1, macro_precision, macro_recall
from fairlead.measures.scoring import brier_score, log_loss
from fairlead.measures.temperature import fit_temperature, softmax

__all__ = [
    "ConfusionCounts",
    "accuracy",
    "binomial_interval",
    "brier_score",
    "expected_calibration_error",
    "fit_temperature",
    "held_out_figures",
    "log_loss",
    "macro_auroc",
    "macro_f1",
    "macro_interval",
    "macro_precision",
    "macro_recall",
    "mean_loss_interval",
    "softmax",
]
