"""What an audit tells the person who started it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairlead.evidence import Finding, Ledger, Verdict
from fairlead.judgement import GateDecision
from fairlead.tables import AuditColumns, TableTallies

_STYLES = {
    Verdict.CLEAR: "green",
    Verdict.FLAGGED: "bold red",
    Verdict.FAILED: "bold red",
    Verdict.UNDECIDED: "yellow",
    Verdict.INSUFFICIENT: "yellow",
    Verdict.NOT_APPLICABLE: "dim",
}
_WIDTH = 120  # of a table in a file or a pipe, which has no width of its own


def tell_audit(
    counted: TableTallies, columns: AuditColumns, ledger: Ledger, decision: GateDecision, evidence: Path
) -> None:
    """Prints what was counted, every finding with what to do next, and the gate's answer."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_WIDTH)
    for line in _counted(counted, columns):
        console.print(Text(line))
    console.print(_table(ledger))
    for finding in ledger:
        place = f", {finding.feature}" if finding.feature else ""
        console.print(Text(f"{finding.code}{place}: {finding.remedy}"), soft_wrap=True)
    console.print()
    for line, style in _gate(counted, decision):
        console.print(Text(line, style=style), soft_wrap=True)
    console.print(Text(f"evidence: {evidence}"), soft_wrap=True)


def _counted(counted: TableTallies, columns: AuditColumns) -> list[str]:
    labels = counted.labels
    shown = ", ".join(list(labels)[:6]) + (f", ... ({len(labels)} in all)" if len(labels) > 6 else "")
    lines = [f"{counted.rows} rows ({counted.split}); classes: {shown}"]
    if len(labels) == 2:
        lines[0] += f" (positive: {labels[1]})"
    if counted.unknown:
        lines.append(
            f"{counted.unknown} rows have no value in {columns.answers.target}: they count towards selection rates, "
            "and towards nothing that needs the truth; fill them in for the rest"
        )
    return lines


def _table(ledger: Ledger) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in ("code", "figure", "feature", "estimate", "limit", "verdict"):
        table.add_column(name, no_wrap=name in {"code", "verdict", "estimate"}, overflow="fold")
    for finding in ledger:
        table.add_row(*_cells(finding))
    return table


def _cells(finding: Finding) -> list[Text]:
    estimate, limit = finding.estimate, finding.limit
    cells = [
        finding.code,
        finding.figure,
        finding.feature or "",
        str(estimate) if estimate else "-",
        f"{limit.most:g}" if limit else "",
    ]
    return [*map(Text, cells), Text(finding.verdict.value, style=_STYLES[finding.verdict])]


def _gate(counted: TableTallies, decision: GateDecision) -> list[tuple[str, str]]:
    if not decision.blocked_by:
        return [("gate: passes", "green")]
    lines = [(f"blocked by {reason}", "") for reason in decision.blocked_by]
    if decision.override is not None:
        signed = decision.override
        return [*lines, (f"gate: passes by override of {signed.name}, {signed.date}: {signed.reason}", "yellow")]
    if counted.split != "test":
        lines.append((f"these rows are of the split {counted.split!r}, and the gate reads test findings alone", ""))
    return [*lines, ("gate: blocked", "bold red")]
