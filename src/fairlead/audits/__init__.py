"""Functions and callbacks that collect Predictions, measure them and keep the record."""

from fairlead.audits.before_after import BeforeAfter, Change
from fairlead.audits.evaluation import HELD_OUT, HeldOut, estimates, evaluate
from fairlead.audits.fairness_audit import FairnessAudit
from fairlead.audits.group_audit import GroupAudit, group_sets
from fairlead.audits.intervened import Intervened, Intervention
from fairlead.audits.intervention_rows import InterventionRows
from fairlead.audits.interventions import Answer, Interventions
from fairlead.audits.masking import FILLS, masked
from fairlead.audits.predictions_file import write_predictions
from fairlead.audits.regions import Border, CroppedRegion, RegionMask, border
from fairlead.audits.run_files import Results, keep_run, write_environment
from fairlead.audits.shap_audit import Explanations, ShapAudit, Shown
from fairlead.audits.shap_settings import Reading, ShapSettings
from fairlead.audits.term_swaps import TermSwap, named_terms

__all__ = [
    "FILLS",
    "HELD_OUT",
    "Answer",
    "BeforeAfter",
    "Border",
    "Change",
    "CroppedRegion",
    "Explanations",
    "FairnessAudit",
    "GroupAudit",
    "HeldOut",
    "Intervened",
    "Intervention",
    "InterventionRows",
    "Interventions",
    "Reading",
    "RegionMask",
    "Results",
    "ShapAudit",
    "ShapSettings",
    "Shown",
    "TermSwap",
    "border",
    "estimates",
    "evaluate",
    "group_sets",
    "keep_run",
    "masked",
    "named_terms",
    "write_environment",
    "write_predictions",
]
