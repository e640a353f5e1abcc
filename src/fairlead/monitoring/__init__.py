"""Windows of the same tallies as in the audit, and alarms with a stated rate of false ones. NumPy and SciPy only."""

from fairlead.monitoring.counted import Counted
from fairlead.monitoring.drift import SequentialTests, Watched
from fairlead.monitoring.forgetting import Forgotten, forget
from fairlead.monitoring.log_reader import DamagedLines, read_log
from fairlead.monitoring.merging import MergedWatch, merged
from fairlead.monitoring.observation_reader import ObservationReader, ObservedColumns
from fairlead.monitoring.pending import Answered, PendingLabels
from fairlead.monitoring.request_log import RequestLog
from fairlead.monitoring.settings import WatchSettings
from fairlead.monitoring.state import load_watch, save_watch
from fairlead.monitoring.watch import Watch
from fairlead.monitoring.watched_model import WatchedModel
from fairlead.monitoring.windows import Window, Windows

__all__ = [
    "Answered",
    "Counted",
    "DamagedLines",
    "Forgotten",
    "MergedWatch",
    "ObservationReader",
    "ObservedColumns",
    "PendingLabels",
    "RequestLog",
    "SequentialTests",
    "Watch",
    "WatchSettings",
    "Watched",
    "WatchedModel",
    "Window",
    "Windows",
    "forget",
    "load_watch",
    "merged",
    "read_log",
    "save_watch",
]
