"""What monitoring counted at one moment, for a scrape and a page."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import WatchReport
from fairlead.judgement import FEWEST_SHOWN
from fairlead.measures import GroupTally

if TYPE_CHECKING:
    from fairlead.monitoring import Watch


@dataclass(frozen=True, eq=False)
class MonitorSnapshot:
    """A report, and the counts behind it. It is made by the thread that watches, and never changes.

    Attributes:
        report: What is said.
        asked: For each watched feature the answered items.
        labelled: For each the items whose truth was told.
        told: (C, C) items whose truth was told, by class decided for and true class.
        labels: The C classes.
        fewest_shown: Items from which a group is shown.
        made: By ``time.monotonic``.
    """

    report: WatchReport
    asked: tuple[GroupTally, ...] = ()
    labelled: tuple[GroupTally, ...] = ()
    told: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 0), dtype=np.int64))
    labels: tuple[str, ...] = ()
    fewest_shown: int = FEWEST_SHOWN
    made: float = 0.0

    @classmethod
    def of(cls, watch: Watch) -> MonitorSnapshot:
        """Takes one of a watch; it may take a tenth of a second."""
        counted = watch.counted
        return cls(
            watch.report(),
            tuple(counted.all_asked),
            tuple(counted.all_labelled),
            counted.told.copy(),
            tuple(counted.labels),
            watch.watched.settings.fewest_shown,
            time.monotonic(),
        )
