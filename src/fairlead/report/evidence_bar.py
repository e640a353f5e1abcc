"""The evidence of a sequential test against its threshold, as a bar."""

from __future__ import annotations

from fairlead.evidence import DriftMonitor

_WIDE, _LEFT = 200.0, 6.0


def evidence_bar(monitor: DriftMonitor) -> str:
    """Draws evidence on a logarithmic scale from 1, its peak as a ring, the threshold as an upright line.

    Evidence below 1, which speaks for no change, is an empty bar. The scale ends at one and a half times the logarithm
    of the threshold; a bar that goes on ends in an arrow. Hidden from a screen reader: the numbers stand beside it.

    Examples:
        >>> bar = evidence_bar(DriftMonitor("DRIFT-004", "input.brightness", "input", 3.0, 4.0, 6.0, 300))
        >>> 'x2="72.7"' in bar, 'cx="94.9"' in bar, "polygon" in bar
        (True, True, False)
    """
    end = 1.5 * max(monitor.threshold, 1e-9)
    now, peak, most = (_place(log, end) for log in (monitor.evidence, monitor.peak, monitor.threshold))
    arrow = (
        f'<polygon points="{_LEFT + _WIDE - 8:.0f},6 {_LEFT + _WIDE:.0f},12 {_LEFT + _WIDE - 8:.0f},18" '
        'fill="currentColor"/>'
        if max(monitor.evidence, monitor.peak) > end
        else ""
    )
    return (
        '<svg viewBox="0 0 212 24" aria-hidden="true" focusable="false"><line x1="6" x2="206" y1="12" y2="12" '
        'stroke="currentColor" stroke-opacity=".25"/>'
        f'<line x1="6" x2="{now:.1f}" y1="12" y2="12" stroke="currentColor" stroke-width="7" stroke-opacity=".6"/>'
        f'<circle cx="{peak:.1f}" cy="12" r="4" fill="none" stroke="currentColor" stroke-width="1.5"/>'
        f'<line x1="{most:.1f}" x2="{most:.1f}" y1="1" y2="23" stroke="currentColor" stroke-width="2"/>{arrow}</svg>'
    )


def _place(log: float, end: float) -> float:
    return _LEFT + _WIDE * min(max(log, 0.0), end) / end
