"""What monitoring says at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fairlead.evidence.estimate import Estimate
from fairlead.evidence.ledger import Ledger


@dataclass(frozen=True)
class DriftMonitor:
    """One sequential test: the evidence that what it watches is no longer exchangeable with the reference.

    Attributes:
        code: Stable code of its family, e.g. ``"DRIFT-004"``.
        name: What it watches, e.g. ``"input.brightness"``, ``"predicted.cat"``, ``"error.sex=f"``.
        family: ``"embedding"``, ``"prediction"``, ``"confidence"``, ``"input"`` or ``"error"``.
        evidence: Natural logarithm of the martingale now.
        peak: The largest it was.
        threshold: Natural logarithm of one over the share of alpha that was spent on it.
        items: Items it has read.
        raised_item: How many it had read when the threshold was first reached; None where it never was.
        raised_time: Seconds since 1970 of that; None where it never was.

    Examples:
        >>> DriftMonitor("DRIFT-004", "input.brightness", "input", 1.5, 2.0, 6.9, 300).raised
        False
    """

    code: str
    name: str
    family: str
    evidence: float
    peak: float
    threshold: float
    items: int
    raised_item: int | None = None
    raised_time: float | None = None

    @property
    def raised(self) -> bool:
        """Whether the alarm was raised; it stays so."""
        return self.raised_item is not None


@dataclass(frozen=True)
class MovedScore:
    """How the latest window of items differs from the reference in one respect.

    Attributes:
        name: What was compared, as in ``DriftMonitor.name``.
        p_value: Of a two-sample test, adjusted for all that were compared (Holm).
        reference: The median on the reference; of a class, its share there.
        window: The same in the window.
        distance: The largest difference of the two distribution functions (Kolmogorov-Smirnov); of a class, the
            difference of its shares, with its sign.
        explained: Whether a shift of the classes' shares alone would make it move so; None where not asked.
    """

    name: str
    p_value: float
    reference: float
    window: float
    distance: float
    explained: bool | None = None


@dataclass(frozen=True)
class PriorShift:
    """The shares of the true classes, as estimated from the answers of the window.

    Attributes:
        reference: Share of each class on the reference, by name.
        window: Share of each class in the window, estimated.
        fits: Whether such a shift alone explains the window: nothing else differs significantly.
        p_value: Of the test of that, adjusted (Holm).
    """

    reference: Mapping[str, float]
    window: Mapping[str, float]
    fits: bool
    p_value: float


@dataclass(frozen=True)
class QualityEstimate:
    """A figure of quality over the latest window, estimated without labels.

    Attributes:
        figure: ``"accuracy"``, or ``"recall.cat"``, ``"precision.cat"``.
        estimate: With its sampling band; None where it is withheld.
        reference: The figure on the reference rows, whose truth is known; None where there are none.
        withheld: Why it is withheld; empty where it is not.
        realised: The same figure on those rows of the window whose truth has been told; None where there are none.
    """

    figure: str
    estimate: Estimate | None
    reference: float | None = None
    withheld: str = ""
    realised: Estimate | None = None


@dataclass(frozen=True)
class LiveGroup:
    """What is told of one group of a declared feature.

    Attributes:
        feature: The sensitive feature.
        group: Its group; ``"(missing)"`` for items without a value.
        items: Answered since the start; None where the group is too small to show.
        selection_rate: Share decided positive, of two classes; None where not shown or of more classes.
        labelled: Items whose truth has been told; None where too few to show.
        error_rate: Of those; None where too few to show.
    """

    feature: str
    group: str
    items: int | None
    selection_rate: float | None = None
    labelled: int | None = None
    error_rate: float | None = None


@dataclass(frozen=True)
class WatchReport:
    """What monitoring says at one moment, for a page, a scrape and the command line.

    Attributes:
        model: Digest of the bundle.
        alpha: Chance of any false alarm, over all monitors and for ever, at most.
        started: Seconds since 1970 of the first item; None before it.
        latest: The same of the latest item.
        items: Answered items that were read.
        requests: Requests they came in.
        replicas: States that were merged; 1 for one service.
        reference_rows: Rows of the reference; 0 for a bundle without one.
        counts: What else was counted, by name: ``feedback_joined``, ``feedback_unknown``, ``dropped``, ...
        drift: The sequential tests.
        window_items: Items of the latest window.
        moved: What differs in the window, the most significant first.
        prior_shift: The classes' shares; None where they cannot be estimated.
        quality: Estimates without labels.
        findings: Live findings, by the policy's limits and under its codes; of the split ``"live"``.
        groups: The groups of every allow-listed feature.
        note: What is not watched and why; empty where all is.
    """

    model: str
    alpha: float
    started: float | None = None
    latest: float | None = None
    items: int = 0
    requests: int = 0
    replicas: int = 1
    reference_rows: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    drift: tuple[DriftMonitor, ...] = ()
    window_items: int = 0
    moved: tuple[MovedScore, ...] = ()
    prior_shift: PriorShift | None = None
    quality: tuple[QualityEstimate, ...] = ()
    findings: Ledger = field(default_factory=Ledger)
    groups: tuple[LiveGroup, ...] = ()
    note: str = ""

    @property
    def alarms(self) -> tuple[DriftMonitor, ...]:
        """The sequential tests that raised an alarm, the first one first."""
        raised = [monitor for monitor in self.drift if monitor.raised]
        return tuple(sorted(raised, key=lambda monitor: monitor.raised_time or 0.0))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        content = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return content | {
            "schema": 1,
            "counts": dict(self.counts),
            "drift": [asdict(monitor) | {"raised": monitor.raised} for monitor in self.drift],
            "moved": [asdict(score) for score in self.moved],
            "prior_shift": self.prior_shift and asdict(self.prior_shift),
            "quality": [
                asdict(figure)
                | {
                    "estimate": figure.estimate and figure.estimate.to_dict(),
                    "realised": figure.realised and figure.realised.to_dict(),
                }
                for figure in self.quality
            ],
            "findings": self.findings.to_dict()["findings"],
            "groups": [asdict(group) for group in self.groups],
        }
