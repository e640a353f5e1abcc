"""An audit in a few lines that a person understands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from fairlead.evidence import MEASURED, OPEN, Finding
from fairlead.judgement import ADVISORY, GateDecision

_SHOWN = 4  # of what blocks, in a line
_CODE = re.compile(r"[A-Z]+-[0-9]{3} ")


def summarise_findings(findings: Sequence[Finding]) -> list[str]:
    """Returns a line a finding: verdict, feature, figure, value with its interval, limit and code.

    Where something was masked or swapped, that stands before the feature, and the group after it.

    Examples:
        >>> from fairlead.evidence import Estimate, Limit, Verdict
        >>> found = Estimate(0.25, 0.2, 0.3, 0.95, 900, "exact")
        >>> flagged = Finding("FAIR-003", "true_positive_rate_difference", "test", Verdict.FLAGGED, "sex", None, found,
        ...     Limit(0.1))
        >>> summarise_findings([flagged])
        ['flagged  sex  true positive rate difference  0.250 [0.200, 0.300]  limit 0.1  FAIR-003']
    """
    cells = [
        (
            finding.verdict.value.replace("_", " "),
            ", ".join(place for place in (finding.subject, finding.feature, finding.group) if place)
            if finding.subject
            else finding.feature or "",
            finding.figure.replace("_", " "),
            str(finding.estimate) if finding.estimate and finding.verdict in MEASURED else "-",
            f"limit {finding.limit.most:g}" if finding.limit else "",
            finding.code,
        )
        for finding in findings
    ]
    widths = [max((len(row[column]) for row in cells), default=0) for column in range(6)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def is_advisory(finding: Finding) -> bool:
    """Returns whether a finding is shown and never blocks: what an attribution says is no proof of a fault.

    Examples:
        >>> from fairlead.evidence import Verdict
        >>> is_advisory(Finding("SHAP-001", "unreliable_explanations", "test", Verdict.INSUFFICIENT))
        True
    """
    return finding.code.startswith(ADVISORY)


def how_many_unsettled(findings: Iterable[Finding]) -> int:
    """Returns how many findings more rows would settle, of those that may block.

    Examples:
        >>> from fairlead.evidence import Verdict
        >>> how_many_unsettled([Finding("SHAP-101", "answer_change_rate", "test", Verdict.INSUFFICIENT)])
        1
    """
    return sum(finding.verdict in OPEN and not is_advisory(finding) for finding in findings)


def explain_gate(decision: GateDecision, unsettled: int = 0) -> str:
    """Says whether the release gate passes, and what blocks it.

    Args:
        decision: What the gate says.
        unsettled: How many test findings are undecided or insufficient: to pass is not to be clear.

    Examples:
        >>> explain_gate(GateDecision(False, ("FAIR-003 true_positive_rate_difference, sex: flagged",)))
        'blocked by FAIR-003 true_positive_rate_difference, sex: flagged'
        >>> explain_gate(GateDecision(False, ("no figure was judged on the test split",)))
        'blocked: no figure was judged on the test split'
        >>> explain_gate(GateDecision(True))
        'passes: no finding on test rows blocks it'
    """
    if decision.override is not None:
        return f"passes by override of {decision.override.name}, {decision.override.date}: {decision.override.reason}"
    if decision.passes:
        open_ = f"; {unsettled} would take more rows to settle, and the policy may make them block" if unsettled else ""
        return "passes: no finding on test rows blocks it" + open_
    more = len(decision.blocked_by) - _SHOWN
    reasons = "; ".join(decision.blocked_by[:_SHOWN]) + (f"; and {more} findings more" if more > 0 else "")
    # A finding blocks by its code; without findings the gate says in words why it stays shut.
    return f"blocked by {reasons}" if _CODE.match(reasons) else f"blocked: {reasons}" if reasons else "blocked"
