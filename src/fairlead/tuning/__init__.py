"""Callbacks and functions that shape training, and what a model decides."""

from fairlead.tuning.chosen_rule import METHODS, ChosenRule, aims, check_method
from fairlead.tuning.contrastive import (
    ContrastiveSettings,
    class_balanced_batches,
    pair_loss,
    tune_contrastively,
)
from fairlead.tuning.contrastive_tuning import ContrastiveTuning
from fairlead.tuning.linear_probe import LinearProbe, Probeable
from fairlead.tuning.logistic import LogisticHead, fit_logistic
from fairlead.tuning.randomised_thresholds import randomised_thresholds
from fairlead.tuning.temperature_scaling import TemperatureScaling
from fairlead.tuning.threshold_choice import best_threshold, group_thresholds
from fairlead.tuning.threshold_rows import ThresholdRows

__all__ = [
    "METHODS",
    "ChosenRule",
    "ContrastiveSettings",
    "ContrastiveTuning",
    "LinearProbe",
    "LogisticHead",
    "Probeable",
    "TemperatureScaling",
    "ThresholdRows",
    "aims",
    "best_threshold",
    "check_method",
    "class_balanced_batches",
    "fit_logistic",
    "group_thresholds",
    "pair_loss",
    "randomised_thresholds",
    "tune_contrastively",
]
