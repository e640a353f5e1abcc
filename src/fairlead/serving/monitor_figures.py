"""What monitoring counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from fairlead.evidence import QualityEstimate, WatchReport
from fairlead.judgement import hidden_groups
from fairlead.measures import GroupTally
from fairlead.serving.monitor_snapshot import MonitorSnapshot
from fairlead.serving.recording import STEPS, Recorder

OUTCOMES = ("joined", "duplicate", "conflict", "unknown", "ambiguous")
_EMPTY = MonitorSnapshot(WatchReport("", 0.05))


class MonitorFigures(Collector):
    """Figures of monitoring, read from the latest snapshot when they are asked for.

    Nothing is computed in a scrape beyond writing numbers down. A group of too few items is not shown. Counters of
    answers and labels go on over a restart where monitoring has a folder; what was dropped and what failed begin at 0.

    Args:
        recorder: What is read.

    Examples:
        >>> from fairlead.serving.monitor_settings import MonitorSettings
        >>> [family.name for family in MonitorFigures(Recorder(MonitorSettings())).collect()][:2]
        ['fairlead_observed', 'fairlead_monitor_dropped']
    """

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    def collect(self) -> Iterator[Metric]:
        """Yields every family, those without a sample too."""
        recorder, snapshot = self._recorder, self._recorder.snapshot or _EMPTY
        recorder.ask()  # for the next scrape
        report = snapshot.report
        observed = CounterMetricFamily("fairlead_observed", "Answered items that monitoring read", value=report.items)
        yield observed
        yield CounterMetricFamily(
            "fairlead_monitor_dropped", "Answered items that found the queue full", value=recorder.dropped
        )
        errors = CounterMetricFamily("fairlead_monitor_errors", "Failures of monitoring itself", labels=["step"])
        for step in STEPS:
            errors.add_metric([step], recorder.errors[step])
        yield errors
        feedback = CounterMetricFamily("fairlead_feedback", "Labels told, by what became of them", labels=["outcome"])
        for outcome in OUTCOMES:
            feedback.add_metric([outcome], report.counts.get(f"feedback_{outcome}", 0))
        yield feedback
        yield _confusion(snapshot)
        yield from _groups(snapshot)
        yield from _drift(report)
        yield from _said(report)
        yield GaugeMetricFamily(
            "fairlead_reference_rows", "Rows of the bundle's reference", value=report.reference_rows
        )
        if recorder.settings.on:  # what is switched off is not dead, and raises no alarm
            yield GaugeMetricFamily("fairlead_monitor_alive", "1 where monitoring reads", value=int(recorder.alive))


def _confusion(snapshot: MonitorSnapshot) -> Metric:
    family = CounterMetricFamily(
        "fairlead_feedback_confusion", "Labels by class given and true class", labels=["predicted", "actual"]
    )
    for row, column, count in _cells(snapshot.told):
        family.add_metric([snapshot.labels[row], snapshot.labels[column]], count)
    return family


def _cells(counts: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> Iterator[tuple[int, int, int]]:
    """Yields the cells of (C, C) counts that hold something, and the diagonal: of many classes most are empty."""
    held = counts != 0
    np.fill_diagonal(held, val=True)
    for row, column in np.argwhere(held).tolist():
        yield row, column, int(counts[row, column])


def _groups(snapshot: MonitorSnapshot) -> Iterator[Metric]:
    answers = CounterMetricFamily(
        "fairlead_group_answers", "Answers by group and class given", labels=["feature", "group", "predicted"]
    )
    for feature, group, counts, labels in _shown(snapshot.asked, snapshot.fewest_shown):
        for predicted, count in zip(labels, counts.sum(axis=0).tolist(), strict=True):
            answers.add_metric([feature, group, predicted], count)
    yield answers
    labelled = CounterMetricFamily(
        "fairlead_group_labelled",
        "Labels by group, class given and true class",
        labels=["feature", "group", "predicted", "actual"],
    )
    for feature, group, counts, labels in _shown(snapshot.labelled, snapshot.fewest_shown):
        for row, column, count in _cells(counts[: len(labels)]):
            labelled.add_metric([feature, group, labels[column], labels[row]], count)
    yield labelled


def _shown(
    tallies: Sequence[GroupTally], fewest: int
) -> Iterator[tuple[str, str, np.ndarray[tuple[int, int], np.dtype[np.int64]], tuple[str, ...]]]:
    """Yields the (C + 1, C) counts of every group that is large enough to be shown."""
    for tally in tallies:
        hidden = hidden_groups(tally.rows, fewest)
        for slot, group in enumerate(tally.by.slots):
            if tally.rows[slot] and not hidden[slot]:
                yield tally.by.feature, group, tally.counts[slot], tuple(tally.labels)


def _drift(report: WatchReport) -> Iterator[Metric]:
    names = ["monitor", "code"]
    told = {
        "evidence": "Logarithm of the evidence against no change, now",
        "peak": "The largest it was",
        "threshold": "Where an alarm is raised",
    }
    for field, text in told.items():
        family = GaugeMetricFamily(f"fairlead_drift_log_{field}", text, labels=names)
        for monitor in report.drift:
            family.add_metric([monitor.name, monitor.code], getattr(monitor, field))
        yield family
    raised = GaugeMetricFamily("fairlead_drift_raised", "1 where an alarm was raised; it stays", labels=names)
    for monitor in report.drift:
        raised.add_metric([monitor.name, monitor.code], int(monitor.raised))
    yield raised


def _said(report: WatchReport) -> Iterator[Metric]:
    accuracy = GaugeMetricFamily(
        "fairlead_expected_accuracy", "Estimated without labels, with its band; none while withheld", labels=["bound"]
    )
    for figure in report.quality:
        for bound, value in _bounds(figure):
            accuracy.add_metric([bound], value)
    yield accuracy
    verdict = GaugeMetricFamily(
        "fairlead_live_verdict",
        "1 for what a live finding says",
        labels=["code", "figure", "feature", "verdict"],
    )
    said = {(finding.code, finding.figure, finding.feature or "", finding.verdict.value) for finding in report.findings}
    for labels in sorted(said):
        verdict.add_metric(list(labels), 1)
    yield verdict


def _bounds(figure: QualityEstimate) -> list[tuple[str, float]]:
    if figure.figure != "accuracy" or figure.estimate is None:
        return []
    found = figure.estimate
    return [("value", found.value), ("low", found.low), ("high", found.high)]
