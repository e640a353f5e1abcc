"""What can be said of a model and how sure we are. Standard library only."""

from fairlead.evidence.estimate import Estimate
from fairlead.evidence.finding import Finding
from fairlead.evidence.ledger import Ledger
from fairlead.evidence.limit import Limit
from fairlead.evidence.override import OVERRIDE_CODE, Override
from fairlead.evidence.verdict import MEASURED, OPEN, Verdict
from fairlead.evidence.watch_report import (
    DriftMonitor,
    LiveGroup,
    MovedScore,
    PriorShift,
    QualityEstimate,
    WatchReport,
)

__all__ = [
    "MEASURED",
    "OPEN",
    "OVERRIDE_CODE",
    "DriftMonitor",
    "Estimate",
    "Finding",
    "Ledger",
    "Limit",
    "LiveGroup",
    "MovedScore",
    "Override",
    "PriorShift",
    "QualityEstimate",
    "Verdict",
    "WatchReport",
]
