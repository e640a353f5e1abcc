"""Callbacks that shape training."""

from fairlead.tuning.linear_probe import LinearProbe, Probeable
from fairlead.tuning.logistic import LogisticHead, fit_logistic
from fairlead.tuning.temperature_scaling import TemperatureScaling

__all__ = ["LinearProbe", "LogisticHead", "Probeable", "TemperatureScaling", "fit_logistic"]
