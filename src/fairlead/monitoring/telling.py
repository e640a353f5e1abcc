"""From counts and sequential tests to what is said of a model at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import DriftMonitor, LiveGroup, WatchReport
from fairlead.judgement import LIVE_SHARE, hidden_groups, judge_live
from fairlead.measures import GroupTally
from fairlead.monitoring.counted import Counted
from fairlead.monitoring.latest_window import FEWEST, LatestWindow
from fairlead.monitoring.watched_model import WatchedModel


def tell(
    watched: WatchedModel, counted: Counted, monitors: Sequence[DriftMonitor], *, replicas: int = 1
) -> WatchReport:
    """Says what was counted of a model.

    Args:
        watched: The model.
        counted: Of one replica, or of several together.
        monitors: What the sequential tests say.
        replicas: How many were added up.
    """
    settings = watched.settings
    window = LatestWindow(watched, counted.windows.latest(settings.window_items, FEWEST))
    raised = any(monitor.raised for monitor in monitors)
    moved, shift = window.moved()
    return WatchReport(
        model=watched.model,
        alpha=settings.alpha,
        started=counted.started,
        latest=counted.latest,
        items=counted.items,
        requests=counted.requests,
        replicas=replicas,
        reference_rows=0 if watched.reference is None else watched.reference.rows,
        counts={name: number for name, number in sorted(counted.counts.items()) if number},
        drift=_without_small_groups(monitors, watched),
        window_items=window.window.items,
        moved=moved,
        prior_shift=shift,
        quality=window.quality(raised=raised),
        findings=judge_live(
            counted.asked,
            counted.labelled,
            watched.policy,
            alpha=settings.alpha * LIVE_SHARE,
            fewest_shown=settings.fewest_shown,
        ),
        groups=_groups(counted, settings.fewest_shown),
        note=watched.note,
    )


def _groups(counted: Counted, fewest: int) -> tuple[LiveGroup, ...]:
    """Returns every group, those of too few items without numbers, and beside an only one the next smallest."""
    groups = []
    for answered, known in zip(counted.all_asked, counted.all_labelled, strict=True):
        hidden, untold = hidden_groups(answered.rows, fewest), hidden_groups(known.rows, fewest)
        wrong = _wrong(known)
        for slot, group in enumerate(answered.by.slots):
            rows, told = int(answered.rows[slot]), int(known.rows[slot])
            positive = int(answered.counts[slot, :, 1].sum())
            silent = hidden[slot] or untold[slot]
            groups.append(
                LiveGroup(
                    answered.by.feature,
                    group,
                    None if hidden[slot] else rows,
                    None if hidden[slot] or not rows or len(answered.labels) > 2 else positive / rows,
                    None if silent else told,
                    None if silent or not told else int(wrong[slot]) / told,
                )
            )
    return tuple(groups)


def _wrong(tally: GroupTally) -> NDArray[np.int64]:
    known = tally.counts[:, :-1]
    return np.asarray(known.sum(axis=(1, 2)) - np.trace(known, axis1=1, axis2=2), dtype=np.int64)


def _without_small_groups(monitors: Sequence[DriftMonitor], watched: WatchedModel) -> tuple[DriftMonitor, ...]:
    """Leaves out what tests of groups say that have read too few labels to be told apart from persons.

    An alarm is told of all the same: it is what the test is for.
    """
    hidden = np.zeros(len(monitors), dtype=np.bool_)
    for by in watched.features:
        names = {f"error.{by.feature}={group}" for group in by.groups}
        places = [place for place, monitor in enumerate(monitors) if monitor.name in names]
        items = np.array([monitors[place].items for place in places], dtype=np.int64)
        hidden[places] = hidden_groups(items, watched.settings.fewest_shown)
    return tuple(
        replace(monitor, evidence=0.0, peak=0.0, items=0) if small and not monitor.raised else monitor
        for monitor, small in zip(monitors, hidden, strict=True)
    )
