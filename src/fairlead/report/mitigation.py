"""What a mitigation gained and cost, in a few lines."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.evidence import MEASURED, Estimate, Finding


def compare_accuracy(changes: Sequence[tuple[str, Estimate | None, Estimate | None, Estimate | None]]) -> list[str]:
    """Returns a line for each row of what was measured: its name, before, after, and the change.

    Args:
        changes: Name, accuracy before and after, and after less before; None where it is not shown.

    Examples:
        >>> accuracy = Estimate(0.9, 0.8, 0.95, 0.95, 60, "exact")
        >>> compare_accuracy([("all", accuracy, accuracy, Estimate(0.0, -0.1, 0.1, 0.95, 60, "exact"))])
        ['accuracy, all  0.900 [0.800, 0.950] -> 0.900 [0.800, 0.950]  change +0.000 [-0.100, +0.100]']
    """
    width = max((len(name) for name, *_ in changes), default=0)
    lines = []
    for name, before, after, change in changes:
        told = f"accuracy, {name:<{width}}  "
        if before is None or after is None or change is None:
            lines.append(told + "too few rows to show")
        else:
            lines.append(
                f"{told}{before} -> {after}  change {change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"
            )
    return lines


def compare_findings(before: Sequence[Finding], after: Sequence[Finding]) -> list[str]:
    """Returns a line for each figure and feature: value, interval and verdict, before and after.

    Examples:
        >>> from fairlead.evidence import Limit, Verdict
        >>> found, limit = Estimate(0.25, 0.2, 0.3, 0.95, 900, "exact"), Limit(0.1)
        >>> name = "true_positive_rate_difference"
        >>> was = Finding("FAIR-003", name, "test", Verdict.FLAGGED, "sex", None, found, limit)
        >>> compare_findings([was], [was])
        ['sex, true positive rate difference  0.250 [0.200, 0.300] flagged -> 0.250 [0.200, 0.300] flagged']
    """
    names = [f"{found.feature}, {found.figure.replace('_', ' ')}" for found in before]
    width = max(map(len, names), default=0)
    return [
        f"{name:<{width}}  {_told(old)} -> {_told(new)}" for name, old, new in zip(names, before, after, strict=True)
    ]


def _told(finding: Finding) -> str:
    word = finding.verdict.value.replace("_", " ")
    return f"{finding.estimate} {word}" if finding.estimate and finding.verdict in MEASURED else word
