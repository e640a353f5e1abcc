"""Windows of the same tallies as in the audit, and alarms with a stated rate of false ones. NumPy and SciPy only."""

from fairlead.monitoring.forgetting import Forgotten, forget
from fairlead.monitoring.log_reader import DamagedLines, read_log
from fairlead.monitoring.request_log import RequestLog

__all__ = ["DamagedLines", "Forgotten", "RequestLog", "forget", "read_log"]
