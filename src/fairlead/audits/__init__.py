"""Functions and callbacks that collect Predictions, measure them and keep the record."""

from fairlead.audits.before_after import BeforeAfter, Change
from fairlead.audits.evaluation import HELD_OUT, HeldOut, estimates, evaluate
from fairlead.audits.fairness_audit import FairnessAudit
from fairlead.audits.group_audit import GroupAudit, group_sets
from fairlead.audits.predictions_file import write_predictions
from fairlead.audits.run_files import Results, keep_run, write_environment

__all__ = [
    "HELD_OUT",
    "BeforeAfter",
    "Change",
    "FairnessAudit",
    "GroupAudit",
    "HeldOut",
    "Results",
    "estimates",
    "evaluate",
    "group_sets",
    "keep_run",
    "write_environment",
    "write_predictions",
]
