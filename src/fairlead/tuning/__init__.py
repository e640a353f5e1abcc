"""Callbacks and functions that shape training, and what a model decides."""

from fairlead.tuning.chosen_rule import METHODS, ChosenRule, aims, check_method
from fairlead.tuning.linear_probe import LinearProbe, Probeable
from fairlead.tuning.logistic import LogisticHead, fit_logistic
from fairlead.tuning.randomised_thresholds import randomised_thresholds
from fairlead.tuning.temperature_scaling import TemperatureScaling
from fairlead.tuning.threshold_choice import best_threshold, group_thresholds
from fairlead.tuning.threshold_rows import ThresholdRows

__all__ = [
    "METHODS",
    "ChosenRule",
    "LinearProbe",
    "LogisticHead",
    "Probeable",
    "TemperatureScaling",
    "ThresholdRows",
    "aims",
    "best_threshold",
    "check_method",
    "fit_logistic",
    "group_thresholds",
    "randomised_thresholds",
]
