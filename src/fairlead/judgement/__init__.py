"""From tallies to verdicts: the registry of figures, findings, a policy, and the gate that obeys it."""

from fairlead.judgement.drift_families import DRIFT_FAMILIES, LIVE_SHARE, DriftFamily
from fairlead.judgement.findings import judge
from fairlead.judgement.gate import GateDecision, ReleaseGate
from fairlead.judgement.group_table import FEWEST_SHOWN, GroupRow, group_table, hidden_groups
from fairlead.judgement.interventions import failed_interventions, judge_interventions
from fairlead.judgement.live import LIVE, judge_live
from fairlead.judgement.measurement import Measurement, measure
from fairlead.judgement.policy import Policy
from fairlead.judgement.registry import (
    ADVISORY,
    FIGURES,
    INTERVENTION_FIGURES,
    UNRELIABLE_EXPLANATIONS,
    Figure,
    FigureKind,
    InterventionFigure,
)

__all__ = [
    "ADVISORY",
    "DRIFT_FAMILIES",
    "FEWEST_SHOWN",
    "FIGURES",
    "INTERVENTION_FIGURES",
    "LIVE",
    "LIVE_SHARE",
    "UNRELIABLE_EXPLANATIONS",
    "DriftFamily",
    "Figure",
    "FigureKind",
    "GateDecision",
    "GroupRow",
    "InterventionFigure",
    "Measurement",
    "Policy",
    "ReleaseGate",
    "failed_interventions",
    "group_table",
    "hidden_groups",
    "judge",
    "judge_interventions",
    "judge_live",
    "measure",
]
