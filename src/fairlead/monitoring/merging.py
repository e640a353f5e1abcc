"""The watches of several replicas of one service, read together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from fairlead.errors import ConfigurationError
from fairlead.evidence import DriftMonitor, WatchReport
from fairlead.monitoring.counted import Counted
from fairlead.monitoring.telling import tell
from fairlead.monitoring.watch import Watch
from fairlead.monitoring.watched_model import WatchedModel

_MAY_DIFFER = ("seed", "pending", "window_items", "fewest_shown")


@dataclass(frozen=True, eq=False)
class MergedWatch:
    """What several replicas counted together. It can be told and merged further, and reads nothing more.

    Windows, tallies and counts add up exactly to those of one watch that saw all. The sequential tests depend on the
    order of the items, which replicas do not share: a monitor keeps the largest peak of its R replicas, and its
    threshold rises by log R. One of R martingales reaches R / alpha with a chance of at most alpha, however they depend
    on each other, so the rate of false alarms is kept. An alarm of a replica stays where its peak reaches the raised
    threshold; item and time are those at which that replica's own alarm was raised, at the lower one.

    Attributes:
        watched: The model.
        counted: All that was counted.
        replicas: For each of the R replicas its monitors.
    """

    watched: WatchedModel
    counted: Counted
    replicas: tuple[tuple[DriftMonitor, ...], ...]

    @property
    def monitors(self) -> tuple[DriftMonitor, ...]:
        """What the sequential tests of all replicas say together."""
        return tuple(_joined(monitors) for monitors in zip(*self.replicas, strict=True))

    def report(self) -> WatchReport:
        """Returns what can be said."""
        return tell(self.watched, self.counted, self.monitors, replicas=len(self.replicas))


def merged(watches: Sequence[Watch | MergedWatch]) -> MergedWatch:
    """Adds the watches of replicas up.

    Args:
        watches: Each of another replica of one service.

    Raises:
        ConfigurationError: none, or some of another bundle, other settings or the same watch twice.

    Examples:
        >>> from fairlead.judgement import Policy
        >>> from fairlead.records import Labels, Observation
        >>> replicas = [Watch(None, (), Labels(("cat", "dog")), model="ab", policy=Policy.default()) for _ in range(2)]
        >>> replicas[0].add([Observation("r1", 5.0, "ab", "cat", (0.75, 0.25))])
        >>> together = merged(replicas).report()
        >>> together.items, together.replicas
        (1, 2)
    """
    if not watches:
        raise ConfigurationError("there is no watch to merge; name at least one")
    first = watches[0].watched
    kept = _alike(first)
    for number, watch in enumerate(watches):
        if watch.watched.model != first.model:
            raise ConfigurationError(
                f"watch {number} is of the bundle {watch.watched.model[:12]}, and the first of {first.model[:12]}; "
                "merge replicas of one bundle"
            )
        if _alike(watch.watched) != kept:
            raise ConfigurationError(f"watch {number} was kept with other settings than the first; merge those alike")
        if any(watch is other for other in watches[:number]):
            raise ConfigurationError(f"watch {number} is given twice, and would be counted twice; leave it out")
    counted = watches[0].counted.blank()
    for watch in watches:
        counted = counted + watch.counted
    parts = [watch.replicas if isinstance(watch, MergedWatch) else (watch.monitors,) for watch in watches]
    return MergedWatch(first, counted, tuple(monitors for part in parts for monitors in part))


def _joined(monitors: Sequence[DriftMonitor]) -> DriftMonitor:
    highest = max(monitors, key=lambda monitor: (monitor.peak, -(monitor.raised_time or 0.0)))
    threshold = highest.threshold + math.log(len(monitors))
    raised = highest.peak >= threshold
    return replace(
        highest,
        threshold=threshold,
        items=sum(monitor.items for monitor in monitors),
        raised_item=highest.raised_item if raised else None,
        raised_time=highest.raised_time if raised else None,
    )


def _alike(watched: WatchedModel) -> dict[str, object]:
    settings = watched.settings.to_dict()
    features = tuple(by.feature for by in watched.features)
    return {name: value for name, value in settings.items() if name not in _MAY_DIFFER} | {"features": features}
