"""From tallies to verdicts: the registry of figures, findings, a policy, and the gate that obeys it."""

from fairlead.judgement.findings import judge
from fairlead.judgement.gate import GateDecision, ReleaseGate
from fairlead.judgement.group_table import FEWEST_SHOWN, GroupRow, group_table, hidden_groups
from fairlead.judgement.measurement import Measurement, measure
from fairlead.judgement.policy import Policy
from fairlead.judgement.registry import FIGURES, Figure, FigureKind

__all__ = [
    "FEWEST_SHOWN",
    "FIGURES",
    "Figure",
    "FigureKind",
    "GateDecision",
    "GroupRow",
    "Measurement",
    "Policy",
    "ReleaseGate",
    "group_table",
    "hidden_groups",
    "judge",
    "measure",
]
