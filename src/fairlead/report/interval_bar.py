"""An interval against its limit, as a bar."""

from __future__ import annotations

from fairlead.evidence import Finding


def interval_bar(finding: Finding) -> str:
    """Draws an interval against its limit; hidden from a screen reader, for the numbers stand beside it.

    Examples:
        >>> from fairlead.evidence import Verdict
        >>> interval_bar(Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT))
        ''
    """
    found, limit = finding.estimate, finding.limit
    if found is None or limit is None:
        return ""
    scale = 200 / max(1.0, found.high, limit.most)
    ends = (found.low, found.high, found.value, limit.most)
    low, high, value, most = (6 + scale * max(0.0, number) for number in ends)
    return (
        '<svg viewBox="0 0 212 24" aria-hidden="true" focusable="false"><line x1="6" x2="206" y1="12" y2="12" '
        'stroke="currentColor" stroke-opacity=".25"/>'
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="12" y2="12" stroke="currentColor" stroke-width="5" '
        f'stroke-opacity=".6"/><circle cx="{value:.1f}" cy="12" r="5" fill="currentColor"/>'
        f'<line x1="{most:.1f}" x2="{most:.1f}" y1="1" y2="23" stroke="currentColor" stroke-width="2"/></svg>'
    )
