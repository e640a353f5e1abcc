"""What monitoring says of a service, as one page for the person on call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from fairlead.evidence import WatchReport
from fairlead.report.lettering import percent
from fairlead.report.quantity import moment, shortened, whole
from fairlead.report.status_drift import SHOWN, drift_section, window_section
from fairlead.report.status_headline import headline
from fairlead.report.status_quality import findings_section, groups_section, quality_section
from fairlead.report.web_page import table, web_page

_STYLE = """
h3{font-size:1rem;margin:1.6rem 0 0}.answer.open{border-color:var(--open)}td.says{min-width:6rem}
main>section:first-of-type{margin-top:0}
@media screen and (max-width:40rem){body{padding:1.2rem .9rem 3rem}tr:has(.says) td.bar{max-width:14rem}}
"""
_LONGEST = 2000  # characters of a fact
_COUNTED = {
    "dropped": "Items monitoring did not see, its queue being full",
    "feedback_joined": "Labels joined to their items",
    "feedback_duplicate": "Labels told twice, alike",
    "feedback_conflict": "Labels told twice, differently",
    "feedback_unknown": "Labels of no item that is remembered",
    "feedback_ambiguous": "Labels of an id that two items have",
    "ambiguous_ids": "Items whose id another item has",
    "late": "Items too late for the windows",
    "errors": "Failures of monitoring itself",
}


def status_page(report: WatchReport, model: Mapping[str, Any]) -> str:
    """Returns the page: whether anything is alarming, then what is served, then what that rests on.

    It runs no script and makes no request. Names that came from outside are text, whatever they hold.

    Args:
        report: What monitoring says at one moment.
        model: What ``/model`` tells of what is served; what it does not tell is left out.

    Examples:
        >>> page = status_page(WatchReport("ab12", 0.05), {"digest": "ab12", "labels": ["<b>", "cat"]})
        >>> "No item yet" in page, "&lt;b&gt;" in page, "<b>" in page, "<script" in page
        (True, True, False, False)
    """
    parts = [
        headline(report),
        _read(report),
        _model(report, model),
        drift_section(report),
        window_section(report),
        quality_section(report),
        findings_section(report),
        groups_section(report),
        _counts(report),
        _unwatched(report),
    ]
    page = web_page("fairlead: status", "Status of the service", parts, _STYLE)
    # Half a surrogate pair, which a name may hold and UTF-8 cannot.
    return page.encode("utf-8", "replace").decode("utf-8")


def _read(report: WatchReport) -> str:
    if report.started is None:
        return ""
    return f'<p class="soft">Items from {moment(report.started)} to {moment(report.latest)}.</p>'


def _model(report: WatchReport, model: Mapping[str, Any]) -> str:
    gate, override = model.get("gate") or {}, model.get("override")
    facts = {
        "Digest": str(model.get("digest", report.model)),
        "Task": _told(model, "task"),
        "Classes": _classes(list(model.get("labels", ()))),
        "Precision": ", ".join(word for word in (_told(model, "precision"), _told(model, "runtime")) if word),
        "Release gate": _gate(gate),
        "Override": _override(override) if isinstance(override, Mapping) else "none" if gate else "",
        "Signature": _told(model, "signature"),
        "Reference rows": whole(report.reference_rows) if report.reference_rows else "none",
        "Replicas": whole(report.replicas),
    }
    rows = [(name, fact[:_LONGEST]) for name, fact in facts.items() if fact]
    return table("The model", "What is served, and who answers for it", ("Fact", "Value"), rows)


def _told(model: Mapping[str, Any], name: str) -> str:
    return str(model.get(name) or "").replace("_", " ")


def _classes(labels: Sequence[object]) -> str:
    if not labels:
        return ""
    named = ", ".join(shortened(str(label)) for label in labels[:SHOWN])
    rest = f", and {whole(len(labels) - SHOWN)} more" if len(labels) > SHOWN else ""
    return f"{whole(len(labels))}: {named}{rest}"


def _gate(gate: Mapping[str, Any]) -> str:
    if not gate:
        return ""
    blocked = [str(reason) for reason in gate.get("blocked_by", ())]
    return "passes" if gate.get("passes") else f"blocked: {'; '.join(blocked) or 'it does not say by what'}"


def _override(override: Mapping[str, Any]) -> str:
    by = f"by {override.get('name', 'someone unnamed')}, {override.get('date', 'undated')}"
    kept = " (recorded in the bundle)" if override.get("held") == "bundle" else ""
    return f"{by}: {override.get('reason', 'no reason')}{kept}"


def _counts(report: WatchReport) -> str:
    dropped = report.counts.get("dropped", 0)
    rows = [("Items read", whole(report.items)), ("Requests they came in", whole(report.requests))]
    for name, number in report.counts.items():
        share = f", {percent(dropped, report.items + dropped, decimals=1)}" if name == "dropped" and dropped else ""
        rows.append((_COUNTED.get(name, name.replace("_", " ")), whole(number) + share))
    return table("Counted", "Since the start", ("What", "How many"), rows)


def _unwatched(report: WatchReport) -> str:
    told = [report.note] if report.note else []
    if not report.reference_rows:
        told.append("Drift and estimated quality: this bundle holds no reference rows to compare with.")
    if not report.groups:
        told.append("Groups: no sensitive feature is read from requests.")
    told.append("What a class means may change without any number above moving, unless labels come back.")
    items = "".join(f"<li><bdi>{escape(line)}</bdi></li>" for line in dict.fromkeys(told))
    return f"<section><h2>What is not watched</h2><ul>{items}</ul></section>"
