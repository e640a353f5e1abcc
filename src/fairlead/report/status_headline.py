"""Whether anything is alarming, in words."""

from __future__ import annotations

from html import escape

from fairlead.evidence import OPEN, DriftMonitor, Finding, Verdict, WatchReport
from fairlead.judgement import DriftFamily
from fairlead.report.lettering import percent
from fairlead.report.quantity import moment, shortened, whole
from fairlead.report.sections import named
from fairlead.report.verdicts import is_advisory
from fairlead.report.watched import in_words

_SHOWN = 6  # alarms, in the headline
_MANY_DROPPED = 0.01


def headline(report: WatchReport) -> str:
    """Returns the answer to what a person on call asks first, as HTML.

    Examples:
        >>> headline(WatchReport("ab12", 0.05))[29:72]
        '<strong><bdi>No item yet: nothing can be sa'
    """
    word, first, *told = headline_lines(report)
    said = "".join(f"<p><bdi>{escape(line)}</bdi></p>" for line in told)
    return f'<section class="answer {word}"><strong><bdi>{escape(first)}</bdi></strong>{said}</section>'


def headline_lines(report: WatchReport) -> tuple[str, ...]:
    """Returns ``"alarm"``, ``"open"`` or ``"passes"``, and the lines to say.

    Examples:
        >>> headline_lines(WatchReport("ab12", 0.05, items=3, note="no reference"))[:2]
        ('open', 'Nothing raises an alarm here: drift is not watched')
    """
    alarms = [_drifted(monitor) for monitor in report.alarms] + [_flagged(one) for one in flagged(report)]
    lost = _lost(report)
    if alarms:
        first, *more = alarms
        also = [f"Also: {line}" for line in more[: _SHOWN - 1]]
        rest = [f"And {whole(len(alarms) - _SHOWN)} more, below."] if len(alarms) > _SHOWN else []
        return "alarm", f"ALARM: {first}", *also, *rest, *_remedy(report), *lost
    if not report.items:
        return "open", "No item yet: nothing can be said", *lost
    if not report.drift:
        return "open", "Nothing raises an alarm here: drift is not watched", *lost, *_unsettled(report)
    chance = (
        f"{whole(len(report.drift))} drift monitors; the chance of any false alarm, over all of them and for ever, is "
        f"at most {100 * report.alpha:g} %."
    )
    quiet = f"No alarm in {whole(report.items)} items"
    return "open" if lost else "passes", quiet, *lost, chance, *_unsettled(report)


def flagged(report: WatchReport) -> list[Finding]:
    """Returns the live findings over their limit, those that only advise left out.

    Examples:
        >>> flagged(WatchReport("ab12", 0.05))
        []
    """
    return [one for one in report.findings if one.verdict is Verdict.FLAGGED and not is_advisory(one)]


def _drifted(monitor: DriftMonitor) -> str:
    at = f"first at item {whole(monitor.raised_item or 0)}, {moment(monitor.raised_time)}"
    return f"{in_words(monitor.name)} moved ({monitor.code}), {at}"


def _flagged(finding: Finding) -> str:
    limit = f", limit {finding.limit.most:g}" if finding.limit else ""
    return f"{shortened(named(finding))} is over its limit ({finding.code}): {finding.estimate}{limit}"


def _remedy(report: WatchReport) -> list[str]:
    shift = report.prior_shift
    if report.alarms and shift is not None and shift.fits:
        explained = "In the latest window nothing is seen that a shift of the classes' shares alone would not explain."
    else:
        explained = ""
    if report.alarms:
        remedy = DriftFamily.named(report.alarms[0].family).remedy
        return [line for line in (explained, f"{remedy[:1].upper()}{remedy[1:]}.") if line]
    return [one.remedy for one in flagged(report)[:1] if one.remedy]


def _lost(report: WatchReport) -> list[str]:
    """Says what monitoring itself lost: where items are not seen, silence means less."""
    dropped = report.counts.get("dropped", 0)
    errors = sum(number for name, number in report.counts.items() if "error" in name)
    told = []
    if dropped > _MANY_DROPPED * (report.items + dropped):
        share = percent(dropped, report.items + dropped, decimals=1)
        told.append(f"Monitoring did not see {whole(dropped)} items ({share}): its queue was full. Silence means less.")
    if errors:
        told.append(f"Monitoring itself failed {whole(errors)} times; the log says where.")
    return told


def _unsettled(report: WatchReport) -> list[str]:
    waits = sum(one.verdict in OPEN and not is_advisory(one) for one in report.findings)
    return [f"{whole(waits)} live findings take more labels or items to settle."] if waits else []
