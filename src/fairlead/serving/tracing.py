"""What a request's span says of its answer, where traces are on."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace

from fairlead.bundle import Answer
from fairlead.serving.monitor_snapshot import MonitorSnapshot


def tell_span(model: str, answers: Sequence[Answer], snapshot: MonitorSnapshot | None) -> None:
    """Adds to the current span what was answered; nothing where there is none.

    Of several items the least sure one is told, and how many there were. No input and no group is.

    Args:
        model: Digest of the bundle.
        answers: At least one.
        snapshot: Of monitoring; None where there is none yet.

    Examples:
        >>> tell_span("ab12", [Answer("cat", {"cat": 0.75, "dog": 0.25})], None)  # outside of any span
    """
    span = trace.get_current_span()
    if not span.is_recording():
        return
    span.set_attribute("fairlead.model", model)
    span.set_attribute("fairlead.items", len(answers))
    sure = [(max(one.probabilities.values()), str(one.label)) for one in answers if one.probabilities]
    if sure:
        confidence, label = min(sure)
        span.set_attribute("fairlead.predicted", label)
        span.set_attribute("fairlead.confidence", confidence)
    if snapshot is not None:
        span.set_attribute("fairlead.drift_alarms", len(snapshot.report.alarms))
