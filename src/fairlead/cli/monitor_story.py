"""What a watch tells the person who asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from fairlead.evidence import DriftMonitor, LiveGroup, MovedScore, QualityEstimate, Verdict, WatchReport
from fairlead.judgement import DriftFamily
from fairlead.records import Labels
from fairlead.report import summarise_findings

_MOVED = 0.05  # adjusted p-value up to which a difference is told
_SHOWN = 8

Line = tuple[str, str, str]


def tell_watch(report: WatchReport, labels: Labels) -> None:
    """Prints what was read, every alarm, what moved, how good the model still seems, and how groups fare."""
    console = Console(soft_wrap=True, highlight=False)
    for lines in (_read(report), _alarms(report), _moved(report), _quality(report), _findings(report)):
        for name, text, style in lines:
            console.print(Text(f"{name:<12}", style="bold"), Text(text, style=style), sep="")
    for name, text, style in _groups(report, labels):
        console.print(Text(f"{name:<12}", style="bold"), Text(text, style=style), sep="")


def _read(report: WatchReport) -> Iterator[Line]:
    yield "model", report.model[:12], ""
    yield "reference", f"{report.reference_rows} rows" if report.reference_rows else "none", ""
    if report.started is not None and report.latest is not None:
        span = f", {_when(report.started)} to {_when(report.latest)}"
        replicas = f", added up over {report.replicas} replicas" if report.replicas > 1 else ""
        yield "items", f"{report.items} in {report.requests} requests{span}{replicas}", ""
    else:
        yield "items", "none that could be read", "yellow"
    if report.counts:
        yield "counted", ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in report.counts.items()), ""
    if report.note:
        yield "note", report.note, "yellow"


def _alarms(report: WatchReport) -> Iterator[Line]:
    watched = len(report.drift)
    if not watched:
        return
    if not report.alarms:
        closest = max(report.drift, key=lambda monitor: monitor.peak - monitor.threshold)
        text = f"none of {watched} monitors raised one; the chance of any false one, ever, is at most {report.alpha:g}"
        yield "alarms", text, "green"
        yield "", f"closest: {closest.name}, evidence {_odds(closest.peak)} of {_odds(closest.threshold)}", ""
        return
    for alarm in report.alarms:
        family = DriftFamily.named(alarm.family)
        yield "alarm", f"{alarm.code} {alarm.name}: {family.says}", "bold red"
        yield "", _raised(alarm), ""
    for family in dict.fromkeys(DriftFamily.named(alarm.family) for alarm in report.alarms):
        yield "to do", f"{family.code}: {family.remedy}", ""
    yield (
        "",
        f"{len(report.alarms)} of {watched} monitors; any at all while nothing changed: at most {report.alpha:g}",
        "",
    )


def _raised(alarm: DriftMonitor) -> str:
    when = "" if alarm.raised_time is None else f" ({_when(alarm.raised_time)})"
    return (
        f"raised at item {alarm.raised_item}{when}; evidence {_odds(alarm.peak)} at its peak, of "
        f"{_odds(alarm.threshold)} that raise it"
    )


def _moved(report: WatchReport) -> Iterator[Line]:
    told = [score for score in report.moved if score.p_value <= _MOVED]
    name = "moved"
    for score in told[:_SHOWN]:
        yield name, _move(score), "yellow"
        name = ""
    if len(told) > _SHOWN:
        yield "", f"and {len(told) - _SHOWN} more", ""
    if not told and report.moved:
        yield "moved", f"nothing significantly in the latest {report.window_items} items", ""
    shift = report.prior_shift
    if shift is not None and shift.fits and told:
        shares = ", ".join(
            f"{label} {shift.reference[label]:.0%} -> {share:.0%}"
            for label, share in list(shift.window.items())[:_SHOWN]
        )
        yield "prior shift", f"the classes' shares alone explain the window: {shares}", ""


def _move(score: MovedScore) -> str:
    explained = {True: "; a prior shift explains it", False: "; a prior shift does not explain it", None: ""}
    return (
        f"{score.name}: {score.reference:.3g} -> {score.window:.3g}, distance {score.distance:.2f}, "
        f"p {score.p_value:.2g}{explained[score.explained]}"
    )


def _quality(report: WatchReport) -> Iterator[Line]:
    reasons = {figure.withheld for figure in report.quality if figure.estimate is None}
    told = reasons.pop() if len(reasons) == 1 and all(figure.withheld for figure in report.quality) else ""
    name = "quality"
    if told:  # once, and not with every figure
        yield name, f"withheld: {told}", "yellow"
        name = ""
    for figure in report.quality[:_SHOWN]:
        yield name, _figure(figure, told), "yellow" if figure.withheld and not told else ""
        name = ""


def _figure(figure: QualityEstimate, told: str) -> str:
    parts = []
    if figure.estimate is not None:
        parts.append(f"estimated {figure.estimate}")
    elif figure.withheld != told:
        parts.append(f"withheld: {figure.withheld}")
    if figure.reference is not None:
        parts.append(f"on the reference {figure.reference:.3f}")
    if figure.realised is not None:
        parts.append(f"of {figure.realised.rows} labels {figure.realised}")
    return f"{figure.figure} {'; '.join(parts)}"


def _findings(report: WatchReport) -> Iterator[Line]:
    findings = list(report.findings)
    name = "live"
    for finding, line in zip(findings, summarise_findings(findings), strict=True):
        yield name, line, "red" if finding.verdict is Verdict.FLAGGED else ""
        name = ""


def _groups(report: WatchReport, labels: Labels) -> Iterator[Line]:
    name = "groups"
    for group in report.groups:
        yield name, _group(group, labels), ""
        name = ""


def _group(group: LiveGroup, labels: Labels) -> str:
    if group.items is None:
        return f"{group.feature} {group.group}: too few to show"
    parts = [f"{group.items} items"]
    if group.selection_rate is not None:
        parts.append(f"{group.selection_rate:.1%} {labels[1]}")
    if group.labelled is not None and group.error_rate is not None:
        parts.append(f"of {group.labelled} labels {group.error_rate:.1%} wrong")
    return f"{group.feature} {group.group}: {', '.join(parts)}"


def _odds(logarithm: float) -> str:
    """Says a martingale's value, which may be past what a float holds."""
    return f"{math.exp(logarithm):.3g}" if abs(logarithm) < 700 else f"10^{logarithm / math.log(10):.0f}"


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
