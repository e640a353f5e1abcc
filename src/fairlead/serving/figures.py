"""What a service counts of itself, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

STAGES = ("read", "wait", "decode", "infer", "explain")
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class ServiceFigures:
    """Counters that add up over replicas; every label is from a closed list, never a path or an identity.

    Ratios are derived where they are read: the expected accuracy is the rate of ``fairlead_expected_correct_total``
    over the rate of ``fairlead_predictions_total``. One worker a service: the registry is of this process.

    Examples:
        >>> figures = ServiceFigures()
        >>> figures.rejected.labels("busy").inc()
        >>> 'fairlead_rejected_total{reason="busy"} 1.0' in figures.text().decode()
        True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "fairlead_requests", "Requests answered", ["endpoint", "outcome"], registry=self.registry
        )
        self.stages = Histogram(
            "fairlead_stage_seconds", "Time by stage", ["stage"], buckets=_SECONDS, registry=self.registry
        )
        self.rejected = Counter("fairlead_rejected", "Requests refused", ["reason"], registry=self.registry)
        self.predictions = Counter("fairlead_predictions", "Answers by class", ["predicted"], registry=self.registry)
        self.expected_correct = Counter(
            "fairlead_expected_correct", "Sum of the calibrated probability of the class given", registry=self.registry
        )
        self.confidence = Histogram(
            "fairlead_confidence", "Largest probability of each answer", buckets=_SHARES, registry=self.registry
        )
        self.slots = Gauge("fairlead_slots_taken", "Requests waiting or worked on", registry=self.registry)
        self.explaining = Gauge("fairlead_explanations_taken", "Explanations worked on", registry=self.registry)
        self.ready = Gauge("fairlead_ready", "1 where requests are answered", registry=self.registry)
        self.build = Gauge(
            "fairlead_build_info", "What is served", ["version", "digest", "gate"], registry=self.registry
        )
        for stage in STAGES:
            self.stages.labels(stage)

    def text(self) -> bytes:
        """Returns the exposition."""
        return generate_latest(self.registry)
