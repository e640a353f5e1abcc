"""What travels between the packages: plain records, NumPy at most."""

from fairlead.records.attribution import Attribution
from fairlead.records.attribution_certificate import AttributionCertificate
from fairlead.records.decision_rule import DecisionRule
from fairlead.records.explained_row import ExplainedRow
from fairlead.records.flip import Flip
from fairlead.records.labels import Labels, natural_order
from fairlead.records.modality import Modality
from fairlead.records.observation import Feedback, Observation
from fairlead.records.predictions import Predictions
from fairlead.records.run_folder import RunFolder
from fairlead.records.sensitive import MISSING, SensitiveFeature
from fairlead.records.split import SPLITS, Split
from fairlead.records.task import TaskKind
from fairlead.records.thresholds import Thresholds

__all__ = [
    "MISSING",
    "SPLITS",
    "Attribution",
    "AttributionCertificate",
    "DecisionRule",
    "ExplainedRow",
    "Feedback",
    "Flip",
    "Labels",
    "Modality",
    "Observation",
    "Predictions",
    "RunFolder",
    "SensitiveFeature",
    "Split",
    "TaskKind",
    "Thresholds",
    "natural_order",
]
