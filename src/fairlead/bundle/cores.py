"""How many threads are worth starting."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_cores(cgroup: Path = _CGROUP) -> int:
    """Returns the cores this process may use: by its affinity, and by what its container may spend.

    A container of two cores on a machine of 64 would else start 64 threads that wait for one another.

    Args:
        cgroup: Where the container's limits stand (version 2, or version 1 below ``cpu``).

    Examples:
        >>> usable_cores() >= 1
        True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota(cgroup) or cores))


def _quota(cgroup: Path) -> int | None:
    """Returns whole cores, rounded up, that the container's quota comes to; None where there is none."""
    try:
        if (cgroup / "cpu.max").is_file():
            quota, period = (cgroup / "cpu.max").read_text().split()
        else:
            quota = (cgroup / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu" / "cpu.cfs_period_us").read_text().strip()
        share = float(quota) / float(period)
    except (OSError, ValueError, ZeroDivisionError):  # no limit, written "max", or none that can be read
        return None
    return math.ceil(share) if share > 0 else None
