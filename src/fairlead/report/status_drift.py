"""The drift monitors, what moved in the latest window, and the classes' shares, as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fairlead.evidence import DriftMonitor, MovedScore, PriorShift, WatchReport
from fairlead.judgement import DRIFT_FAMILIES, DriftFamily
from fairlead.report.evidence_bar import evidence_bar
from fairlead.report.lettering import percent
from fairlead.report.quantity import chance, moment, number_of_log, shortened, whole
from fairlead.report.watched import in_words
from fairlead.report.web_page import grid

SHOWN = 10
"""Rows of one kind that are shown; the page says how many more there are."""
_MOVED = 0.05  # adjusted p-value below which something is said to have moved


def drift_section(report: WatchReport) -> str:
    """Returns the sequential tests, a table for each family, the nearest to an alarm first.

    Examples:
        >>> drift_section(WatchReport("ab12", 0.05, note="this bundle holds no reference"))
        '<section><h2>Drift since the start</h2><p>Drift is not watched.</p></section>'
    """
    if not report.drift:
        return "<section><h2>Drift since the start</h2><p>Drift is not watched.</p></section>"
    tables = "".join(
        _family(family, [one for one in report.drift if one.family == family.name]) for family in DRIFT_FAMILIES
    )
    read = (
        "Evidence is what a bet against “nothing has changed” would have made of 1 by now. The bar is its logarithm, "
        "the ring its highest so far, the upright line the alarm. An alarm stays raised."
    )
    many = f" {whole(report.replicas)} replicas are put together." if report.replicas > 1 else ""
    return f'<section><h2>Drift since the start</h2><p class="soft">{read}{many}</p>{tables}</section>'


def _family(family: DriftFamily, monitors: Sequence[DriftMonitor]) -> str:
    if not monitors:
        return ""
    nearest = sorted(monitors, key=lambda one: (one.raised, one.peak / max(one.threshold, 1e-9)), reverse=True)
    caption = f"An alarm means that {family.says}."
    head = ("What is watched", "State", "Evidence, and where it alarms", "Read")
    body = "".join(map(_monitor, nearest[:SHOWN]))
    return f"<h3>{escape(family.title)}</h3>{grid(caption, head, body)}{more(monitors, _left(nearest))}"


def _left(nearest: Sequence[DriftMonitor]) -> str:
    raised = sum(one.raised for one in nearest[SHOWN:])
    return f"{whole(raised)} of them raised" if raised else "each farther from an alarm than these"


def more(rows: Sequence[object], which: str) -> str:
    """Returns a line that says how many rows are left out; empty where none is.

    Examples:
        >>> more(range(12), "smaller"), more(range(10), "smaller")
        ('<p class="soft">And 2 more, smaller.</p>', '')
    """
    left = len(rows) - SHOWN
    return f'<p class="soft">And {whole(left)} more, {escape(which)}.</p>' if left > 0 else ""


def _monitor(one: DriftMonitor) -> str:
    state = ("flagged", f"alarm<br>{moment(one.raised_time)}") if one.raised else ("clear", "no alarm")
    if not one.items:
        state = ("insufficient", "nothing to show") if not one.raised else state
    numbers = f"{number_of_log(one.evidence)} of {number_of_log(one.threshold)}, peak {number_of_log(one.peak)}"
    read = f"{whole(one.items)} items" if one.items else "none, or too few to show"
    at = f"<br>alarm at {whole(one.raised_item or 0)}" if one.raised else ""
    return (
        f'<tr><th scope="row" class="figure"><bdi>{escape(in_words(one.name))}</bdi><br>'
        f'<span class="soft">{escape(one.code)}</span></th><td class="{state[0]}">{state[1]}</td>'
        f'<td class="bar">{evidence_bar(one)}{numbers}</td><td class="says">{read}{at}</td></tr>'
    )


def window_section(report: WatchReport) -> str:
    """Returns what differs in the latest window, and the shares of the classes in it.

    Examples:
        >>> window_section(WatchReport("ab12", 0.05))
        '<section><h2>The latest window</h2><p>Nothing is compared: 0 items in the latest window.</p></section>'
    """
    if not report.moved and report.prior_shift is None:
        few = f"Nothing is compared: {whole(report.window_items)} items in the latest window."
        return f"<section><h2>The latest window</h2><p>{few}</p></section>"
    items = f'<p class="soft">{whole(report.window_items)} items beside the reference rows.</p>'
    moved = _moved(report.moved) if report.moved else ""
    return f"<section><h2>The latest window</h2>{items}{moved}{_shares(report.prior_shift)}</section>"


def _moved(scores: Sequence[MovedScore]) -> str:
    moved = [score for score in scores if score.p_value < _MOVED]
    told = f"{whole(len(moved))} of {whole(len(scores))} differ significantly" if moved else "Nothing differs"
    head = ("What", "Moved?", "Reference to window", "Test")
    caption = f"{told}. Medians, of a class its share; the difference of distributions goes from 0 to 1."
    return grid(caption, head, "".join(map(_score, scores[:SHOWN]))) + more(scores, "with a larger p")


def _score(score: MovedScore) -> str:
    moved = score.p_value < _MOVED
    word = '<td class="undecided">moved</td>' if moved else '<td class="same">no difference seen</td>'
    before, now = (_value(score, value) for value in (score.reference, score.window))
    apart = f"{100 * score.distance:+.1f} points" if _is_share(score) else f"difference {score.distance:.2f}"
    told = {
        None: "",
        True: "; a shift of the classes alone explains it",
        False: "; no shift of the classes explains it",
    }
    return (
        f'<tr><th scope="row" class="figure"><bdi>{escape(in_words(score.name))}</bdi></th>{word}'
        f'<td class="rate">{before} to {now}, {apart}</td>'
        f'<td class="says">adjusted p {chance(score.p_value)}{told[score.explained]}</td></tr>'
    )


def _is_share(score: MovedScore) -> bool:
    return score.name.startswith("predicted.")


def _value(score: MovedScore, value: float) -> str:
    return percent(value, decimals=1) if _is_share(score) and 0 <= value <= 1 else f"{value:.3g}"


def _shares(shift: PriorShift | None) -> str:
    if shift is None:
        return "<h3>Shares of the classes</h3><p>They cannot be estimated from this window.</p>"
    chances = f"adjusted p {chance(shift.p_value)}"
    if shift.fits:
        told = f"Nothing is seen that a shift of these shares alone would not explain ({chances})."
    elif shift.p_value >= _MOVED:
        told = f"They are not seen to differ from the reference's, nor is what the classes look like ({chances})."
    else:
        told = (
            f"Such a shift alone does not explain the window ({chances}): what the classes look like has changed too."
        )
    names = sorted(shift.reference, key=lambda name: -abs(shift.window.get(name, 0.0) - shift.reference.get(name, 0.0)))
    rows = "".join(_share(name, shift.reference[name], shift.window.get(name, 0.0)) for name in names[:SHOWN])
    head = ("Class", "Reference to window", "Reference", "Window", "Change")
    caption = "True classes, estimated from the answers: the line is the reference, the bar the window"
    table = grid(caption, head, rows)
    return f"<h3>Shares of the classes</h3><p>{told}</p>{table}{more(names, 'changed less')}"


def _share(name: str, before: float, now: float) -> str:
    line, bar = (6 + 200 * min(max(share, 0.0), 1.0) for share in (before, now))
    svg = (
        '<svg viewBox="0 0 212 24" aria-hidden="true" focusable="false"><line x1="6" x2="206" y1="12" y2="12" '
        f'stroke="currentColor" stroke-opacity=".25"/><line x1="6" x2="{bar:.1f}" y1="12" y2="12" '
        'stroke="currentColor" stroke-width="7" stroke-opacity=".6"/>'
        f'<line x1="{line:.1f}" x2="{line:.1f}" y1="1" y2="23" stroke="currentColor" stroke-width="2"/></svg>'
    )
    shares = "".join(f"<td>{percent(min(max(share, 0.0), 1.0), decimals=1)}</td>" for share in (before, now))
    return (
        f'<tr><th scope="row"><bdi>{escape(shortened(name))}</bdi></th><td class="bar">{svg}</td>{shares}'
        f"<td>{100 * (now - before):+.1f} points</td></tr>"
    )
