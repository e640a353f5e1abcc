"""Estimated quality, live findings and the groups, as HTML."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fairlead.evidence import Estimate, Finding, LiveGroup, QualityEstimate, Verdict, WatchReport
from fairlead.judgement import FEWEST_SHOWN
from fairlead.report.interval_bar import interval_bar
from fairlead.report.lettering import percent
from fairlead.report.quantity import shortened, whole
from fairlead.report.sections import places_of
from fairlead.report.status_drift import SHOWN, more
from fairlead.report.verdicts import is_advisory
from fairlead.report.web_page import grid, rows_of

_MOST_FINDINGS = 40
_ORDER = (Verdict.FLAGGED, Verdict.FAILED, Verdict.UNDECIDED, Verdict.INSUFFICIENT, Verdict.CLEAR)
_HIDDEN = "not shown"


def quality_section(report: WatchReport) -> str:
    """Returns the figures of the latest window, estimated without labels, beside the reference and what labels say.

    Examples:
        >>> quality_section(WatchReport("ab12", 0.05))
        '<section><h2>Estimated quality</h2><p>Nothing is estimated yet.</p></section>'
    """
    if not report.quality:
        return "<section><h2>Estimated quality</h2><p>Nothing is estimated yet.</p></section>"
    reasons = dict.fromkeys(one.withheld for one in report.quality if one.withheld)
    why = "".join(f"<p><strong>Withheld:</strong> <bdi>{escape(reason)}</bdi></p>" for reason in reasons)
    figures = sorted(report.quality, key=lambda one: (one.figure != "accuracy", _gain(one)))
    head = ("Figure", "Estimated, with its band", "On the reference", "By labels of the window")
    body = rows_of(
        (
            _figure(one.figure),
            _with_rows(one.estimate) if one.estimate else "withheld" if one.withheld else "cannot be estimated",
            "not known" if one.reference is None else f"{one.reference:.3f}",
            _with_rows(one.realised) if one.realised else "no labels",
        )
        for one in figures[:SHOWN]
    )
    caption = "Latest window. Estimated from the probabilities, as far as they are calibrated for what is asked now"
    return (
        f"<section><h2>Estimated quality</h2>{why}{grid(caption, head, body)}{more(figures, 'fallen less')}</section>"
    )


def _gain(one: QualityEstimate) -> float:
    return 1.0 if one.estimate is None or one.reference is None else one.estimate.value - one.reference


def _figure(name: str) -> str:
    figure, dot, of = name.partition(".")
    return f"{figure.replace('_', ' ')} of {shortened(of)}" if dot else figure


def _with_rows(found: Estimate) -> str:
    return f"{found}, {whole(found.rows)} rows"


def findings_section(report: WatchReport) -> str:
    """Returns the policy's limits on live traffic, under the codes of the audit, the worst first.

    Examples:
        >>> findings_section(WatchReport("ab12", 0.05))
        '<section><h2>Live findings</h2><p>No limit of the policy is watched.</p></section>'
    """
    if not len(report.findings):
        return "<section><h2>Live findings</h2><p>No limit of the policy is watched.</p></section>"
    worst = sorted(report.findings, key=lambda one: _ORDER.index(one.verdict) if one.verdict in _ORDER else len(_ORDER))
    body = "".join(map(_finding, worst[:_MOST_FINDINGS]))
    left = len(worst) - _MOST_FINDINGS
    rest = f'<p class="soft">And {whole(left)} more, of milder verdicts.</p>' if left > 0 else ""
    head = ("Figure", "Verdict", "Interval against its limit", "Counted", "What to do")
    caption = "The same figures, limits and codes as in the audit; intervals hold at every moment"
    return f"<section><h2>Live findings</h2>{grid(caption, head, body)}{rest}</section>"


def _finding(finding: Finding) -> str:
    advisory = ", advisory" if is_advisory(finding) else ""
    word, found = finding.verdict.value, finding.estimate
    limit = f", limit {finding.limit.most:g}" if finding.limit else ""
    return (
        f'<tr><th scope="row" class="figure">{escape(finding.figure.replace("_", " "))}<br>'
        f"<bdi>{escape(shortened(places_of(finding)))}</bdi><br>"
        f'<span class="soft">{escape(finding.code)}{advisory}</span></th>'
        f'<td class="{word}">{word.replace("_", " ")}</td>'
        f'<td class="bar">{interval_bar(finding)}{found or "no value"}{limit}</td>'
        f"<td>{f'{whole(found.rows)} rows' if found else ''}</td>"
        f'<td class="says"><bdi>{escape(finding.remedy)}</bdi></td></tr>'
    )


def groups_section(report: WatchReport) -> str:
    """Returns what is told of the groups of each declared feature that clients send.

    Examples:
        >>> groups_section(WatchReport("ab12", 0.05, groups=(LiveGroup("sex", "f", None),))).count("not shown")
        3
    """
    if not report.groups:
        return "<section><h2>Groups</h2><p>No sensitive feature is read from requests.</p></section>"
    features = dict.fromkeys(group.feature for group in report.groups)
    tables = "".join(_feature(name, [one for one in report.groups if one.feature == name]) for name in features)
    return f"<section><h2>Groups</h2>{tables}</section>"


def _feature(feature: str, groups: Iterable[LiveGroup]) -> str:
    shown = list(groups)
    selected = any(one.selection_rate is not None for one in shown)
    rows = [
        (
            shortened(one.group),
            _HIDDEN if one.items is None else whole(one.items),
            *([_rate(one.selection_rate, one.items)] if selected else []),
            _HIDDEN if one.labelled is None else whole(one.labelled),
            _rate(one.error_rate, one.labelled),
        )
        for one in shown
    ]
    caption = "Since the start."
    if any(one.items is None or one.labelled is None for one in shown):
        few = f"fewer than {FEWEST_SHOWN} items of the kind"
        caption += f" Not shown: {few}, or a group whose numbers would give such a one away."
    selection = ("Decided positive",) if selected else ()
    head = ("Group", "Items", *selection, "With a label", "Of those, wrong")
    return f"<h3><bdi>{escape(shortened(feature))}</bdi></h3>{grid(caption, head, rows_of(rows))}"


def _rate(rate: float | None, items: int | None) -> str:
    if rate is not None and 0 <= rate <= 1:
        return percent(rate, decimals=1)
    return _HIDDEN if items is None else "none"
