"""Writes the dashboard that Grafana is provisioned with: `make dashboard`.

A row is a line of figures under one title; a panel has a title, a kind, a width and what it asks Prometheus. What is
asked for exists in a scrape of the service or is a ratio of ../prometheus/ratios.yml: the tests look.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PLACE = Path(__file__).parent / "dashboards" / "fairlead.json"
_SOURCE = {"type": "prometheus", "uid": "fairlead-prometheus"}
_SHARE: dict[str, Any] = {"unit": "percentunit", "min": 0, "max": 1}
_STACKED = {**_SHARE, "custom": {"stacking": {"mode": "normal"}, "fillOpacity": 40}}
_WIDTH = 24


@dataclass(frozen=True)
class Panel:
    """One picture of the dashboard.

    Attributes:
        title: What it shows.
        asks: Expressions by their legend; an empty legend is that of the labels.
        says: How to read it.
        kind: ``"timeseries"``, ``"stat"`` or ``"table"``.
        width: Of 24.
        height: In lines of the grid.
        drawn: Unit, ends and thresholds, as in Grafana's ``fieldConfig.defaults``.
    """

    title: str
    asks: dict[str, str]
    says: str = ""
    kind: str = "timeseries"
    width: int = 12
    height: int = 8
    drawn: dict[str, Any] = field(default_factory=dict)


def _alarm_at(value: float) -> dict[str, Any]:
    """Returns a figure that turns red at a value."""
    steps = [{"color": "green", "value": None}, {"color": "red", "value": value}]
    return {"thresholds": {"mode": "absolute", "steps": steps}}


def _quantile(share: float) -> dict[str, str]:
    return {
        "{{stage}}": f"histogram_quantile({share}, sum by (stage, le) (rate(fairlead_stage_seconds_bucket[5m])))",
    }


_SERVICE = (
    Panel(
        "Replicas that serve",
        {"": "sum(fairlead_ready)"},
        "Replicas whose bundle passed every check: digests, signature, gate or override, goldens.",
        "stat", 4, 4,
    ),
    Panel(
        "Model",
        {"": "count by (digest, gate, version) (fairlead_build_info)"},
        "Digest of the bundle's manifest, and whether its gate passes or someone answers for it. More than one row: a "
        "rollout, or a mistake.",
        "table", 12, 4,
    ),
    Panel(
        "Slots taken",
        {"predictions": "sum(fairlead_slots_taken)", "explanations": "sum(fairlead_explanations_taken)"},
        kind="stat", width=8, height=4,
    ),
    Panel(
        "Requests",
        {"{{endpoint}} {{outcome}}": "sum by (endpoint, outcome) (rate(fairlead_requests_total[1m]))"},
        drawn={"unit": "reqps"},
    ),
    Panel(
        "Refused, by reason",
        {"{{reason}}": "sum by (reason) (rate(fairlead_rejected_total[1m]))"},
        "busy: every slot is taken. deadline: too slow. unreadable_image: what was sent is no picture. internal: a "
        "defect.",
        drawn={"unit": "reqps"},
    ),
    Panel("Stages, median", _quantile(0.5), drawn={"unit": "s"}),
    Panel("Stages, 99 of 100", _quantile(0.99), "wait near the deadline of 10 s: add replicas.", drawn={"unit": "s"}),
)  # fmt: skip
_DRIFT = (
    Panel(
        "Monitors that raise an alarm",
        {"": "count(fairlead:drift_log_peak:max >= fairlead:drift_log_threshold:replicas) or vector(0)"},
        "Over all replicas of the last day, each with the same share of the chance of a false alarm.",
        "stat", 6, 8, _alarm_at(1),
    ),
    Panel(
        "Evidence, of the way to an alarm",
        {
            "{{code}} {{monitor}}": "topk(10, max by (monitor, code) (fairlead_drift_log_evidence) "
            "/ on (monitor, code) fairlead:drift_log_threshold:replicas)"
        },
        "Logarithm of the evidence over that of the threshold, which is 1. The ten nearest.",
        width=18, drawn={"unit": "percentunit", "max": 1.5, **_alarm_at(1)},
    ),
    Panel(
        "Alarms of single replicas",
        {"": "max by (monitor, code, instance) (fairlead_drift_raised) == 1"},
        "By the threshold of a replica that is alone; its page /status says since when.",
        "table", 12,
    ),
    Panel(
        "Classes given",
        {
            "{{predicted}}": "sum by (predicted) (rate(fairlead_predictions_total[15m])) "
            "/ ignoring (predicted) group_left sum(rate(fairlead_predictions_total[15m]))"
        },
        "Share of each class among the answers: a shift says that the model is asked something else than before.",
        drawn=_STACKED,
    ),
)  # fmt: skip
_QUALITY = (
    Panel(
        "Expected accuracy",
        {"": "fairlead:expected_accuracy:ratio_rate1h"},
        "Mean probability of the class given: the accuracy to expect, as far as the model is calibrated for what it is "
        "asked. It sees no change in what a class means.",
        "stat", 6, 8, {"unit": "percentunit"},
    ),
    Panel(
        "Estimated and realised accuracy",
        {
            "estimated, {{bound}}": "fairlead:estimated_accuracy:avg",
            "by labels of a day": "fairlead:realised_accuracy:ratio_increase1d",
        },
        "Without labels, corrected by the reference, with its band: it is withheld while drift is raised. Beside it, "
        "what labels say.",
        width=10, drawn=_SHARE,
    ),
    Panel(
        "Confidence",
        {
            "the tenth least sure": "histogram_quantile(0.1, sum by (le) (rate(fairlead_confidence_bucket[15m])))",
            "median": "histogram_quantile(0.5, sum by (le) (rate(fairlead_confidence_bucket[15m])))",
        },
        width=8, drawn=_SHARE,
    ),
)  # fmt: skip
_GROUPS = (
    Panel(
        "Live findings",
        {"": "max by (code, figure, feature, verdict) (fairlead_live_verdict) == 1"},
        "The limits of the policy on live traffic, under the codes of the audit.",
        "table",
        24,
        6,
    ),
    Panel(
        "Class given, by group",
        {"{{feature}} {{group}}: {{predicted}}": "fairlead:group_selection:ratio_increase1d"},
        "Share of a group's items of a day; groups of fewer than 50 are left out.",
        drawn=_SHARE,
    ),
    Panel(
        "Wrong, by group",
        {"{{feature}} {{group}}": "fairlead:group_error:ratio_increase1d"},
        "Of a group's items of a day whose truth was told; groups of fewer than 50 are left out.",
        drawn=_SHARE,
    ),
)
_FEEDBACK = (
    Panel(
        "Labels told, by outcome",
        {"{{outcome}}": "sum by (outcome) (rate(fairlead_feedback_total[15m]))"},
        "joined: to its item. unknown: of no item that is remembered. conflict: told otherwise before.",
        drawn={"unit": "cps"},
    ),
    Panel(
        "Items with a label",
        {"": "fairlead:feedback:ratio_increase1d"},
        "Labels joined in a day, over items of that day.",
        "stat", 4, 8, _SHARE,
    ),
    Panel(
        "Confusion of a day",
        {"": "sum by (predicted, actual) (increase(fairlead_feedback_confusion_total[1d])) > 0"},
        kind="table", width=8,
    ),
)  # fmt: skip
_HEALTH = (
    Panel("Monitors alive", {"": "sum(fairlead_monitor_alive)"}, "One a replica.", "stat", 4, 6),
    Panel(
        "Reference rows",
        {"": "min(fairlead_reference_rows)"},
        "0: the bundle holds no reference, and drift is not watched.",
        "stat", 4, 6,
    ),
    Panel(
        "Items seen, and dropped",
        {
            "seen": "sum(rate(fairlead_observed_total[5m]))",
            "dropped": "sum(rate(fairlead_monitor_dropped_total[5m]))",
        },
        "Dropped: the queue was full. No answer waits for monitoring.",
        width=8, height=6, drawn={"unit": "cps"},
    ),
    Panel(
        "Failures of monitoring, by step",
        {"{{step}}": "sum by (step) (increase(fairlead_monitor_errors_total[15m]))"},
        width=8, height=6,
    ),
)  # fmt: skip
ROWS = {
    "Service": _SERVICE,
    "Drift": _DRIFT,
    "Quality": _QUALITY,
    "Groups, live": _GROUPS,
    "Feedback": _FEEDBACK,
    "Health of monitoring": _HEALTH,
}


def dashboard() -> dict[str, Any]:
    """Returns what Grafana reads."""
    panels: list[dict[str, Any]] = []
    line = 0
    for title, figures in ROWS.items():
        place = {"x": 0, "y": line, "w": _WIDTH, "h": 1}
        panels.append(
            {"id": len(panels) + 1, "title": title, "type": "row", "collapsed": False, "gridPos": place, "panels": []}
        )
        line, column, tallest = line + 1, 0, 0
        for figure in figures:
            if column + figure.width > _WIDTH:
                line, column, tallest = line + tallest, 0, 0
            place = {"x": column, "y": line, "w": figure.width, "h": figure.height}
            panels.append(_panel(figure, len(panels) + 1, place))
            column, tallest = column + figure.width, max(tallest, figure.height)
        line += tallest
    return {
        "uid": "fairlead",
        "title": "fairlead",
        "tags": ["fairlead"],
        "timezone": "browser",
        "schemaVersion": 39,
        "version": 2,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": []},
        "annotations": {"list": []},
        "panels": panels,
    }


def _panel(figure: Panel, number: int, place: dict[str, int]) -> dict[str, Any]:
    table = {"instant": True, "format": "table"} if figure.kind == "table" else {}
    return {
        "id": number,
        "title": figure.title,
        "description": figure.says,
        "type": figure.kind,
        "datasource": _SOURCE,
        "gridPos": place,
        "targets": [
            {"refId": chr(ord("A") + place), "expr": asked, "legendFormat": legend, **table}
            for place, (legend, asked) in enumerate(figure.asks.items())
        ],
        "fieldConfig": {"defaults": figure.drawn, "overrides": []},
        "options": {},
    }


def main() -> int:
    """Writes the dashboard."""
    PLACE.write_text(json.dumps(dashboard(), indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
