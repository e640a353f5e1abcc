"""The tables that page and card share, as plain text: each escapes it in its own way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.evidence import Estimate, Finding, Verdict
from fairlead.report.run_record import RunRecord

_HIDDEN = "not shown"
_WHY = {
    Verdict.UNDECIDED: "undecided, for its interval holds the limit",
    Verdict.INSUFFICIENT: "insufficient, for there are too few rows to say",
    Verdict.NOT_APPLICABLE: "not applicable here; the table of verdicts says why",
    Verdict.FAILED: "failed, for the audit itself broke",
}


@dataclass(frozen=True)
class Section:
    """One table.

    Attributes:
        title: What stands above it.
        caption: A sentence on how to read it.
        head: Names of the columns.
        rows: A text for each column.

    Examples:
        >>> Section("Rows", "By split", ("split", "rows"), (("test", "120"),)).rows[0][1]
        '120'
    """

    title: str
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def figures_section(record: RunRecord) -> Section:
    """Returns the figures of the kept model on test rows.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> accuracy = {"accuracy": Estimate(0.9, 0.8, 0.95, 0.95, 60, "exact"), "ece": None}
        >>> figures_section(RunRecord("a", Ledger(), GateDecision(True), {}, accuracy, {}, {})).rows
        (('accuracy', '0.900', '0.800 to 0.950', '60'), ('ece', 'cannot be measured', '', ''))
    """
    rows = tuple(
        (
            name.replace("_", " "),
            f"{found.value:.3f}" if found else "cannot be measured",
            f"{found.low:.3f} to {found.high:.3f}" if found else "",
            str(found.rows) if found else "",
        )
        for name, found in record.test.items()
    )
    levels = sorted({f"{100 * found.level:.0f} %" for found in record.test.values() if found})
    caption = f"Test rows; intervals of {' and '.join(levels)}" if levels else "Test rows"
    return Section("How well it answers", caption, ("Figure", "Value", "Interval", "Rows"), rows)


def group_sections(record: RunRecord) -> list[Section]:
    """Returns a table for each sensitive feature: the rates of its groups, small ones left out.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> group_sections(RunRecord("a", Ledger(), GateDecision(True), {}, {}, {}, {}))
        []
    """
    sections = []
    for table in record.groups:
        rows = [(group, *map(_rate, estimates)) for group, estimates in table.rows]
        rows += [(group, *[_HIDDEN] * len(table.rates)) for group in table.hidden]
        caption = "Test rows; each rate with its 95 % interval, and the rows it rests on."
        if table.hidden:
            caption += (
                f" A group with fewer than {record.fewest} rows of a kind that is counted here is not shown, nor the "
                "groups whose numbers would give it away."
            )
        head = ("Group", *(rate.replace("_", " ") for rate in table.rates))
        sections.append(Section(f"Groups of {table.feature}", caption, head, tuple(rows)))
    return sections


def mitigation_sections(record: RunRecord) -> list[Section]:
    """Returns what a mitigation gained and cost: accuracy, then every gap, before and after.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> mitigation_sections(RunRecord("a", Ledger(), GateDecision(True), {}, {}, {}, {}))
        []
    """
    told = record.mitigation
    if told is None:
        return []
    hidden = {(table.feature, group) for table in record.groups for group in table.hidden}
    accuracy = tuple(
        (
            f"{feature}: {group}" if feature else "all rows",
            *([_HIDDEN] * 3 if (feature, group) in hidden else (_shown(before), _shown(after), _change(change))),
        )
        for feature, group, before, after, change in told.accuracy
    )
    method = f" Method: {told.method}." if told.method else ""
    gaps = tuple((named(old), _gap(record, old), _gap(record, new)) for old, new in told.findings)
    return [
        Section(
            "Accuracy before and after the mitigation",
            f"The same test rows; the change has an interval of its own.{method}",
            ("Rows", "Before", "After", "Change"),
            accuracy,
        ),
        Section(
            "Gaps between groups before and after the mitigation",
            "The same test rows, held against the same limits.",
            ("Figure", "Before", "After"),
            gaps,
        ),
    ]


def untested(record: RunRecord) -> list[str]:
    """Returns what no one should read into the evidence.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> untested(RunRecord("a", Ledger(), GateDecision(False), {}, {}, {}, {}))[0]
        'No sensitive feature was audited on test rows: nothing is known of gaps between groups.'
    """
    test = record.ledger.on("test")
    told = []
    if not any(finding.feature for finding in test):
        told.append("No sensitive feature was audited on test rows: nothing is known of gaps between groups.")
    told += [f"{named(finding)} ({finding.code}): {_WHY[finding.verdict]}." for finding in test.with_verdict(_WHY)]
    if record.rows:
        told += [
            f"There is no {split} split." for split in ("val", "calibration", "test") if not record.rows.get(split)
        ]
    return [
        *told,
        "Whether these rows are like those the model will meet in use.",
        *_looked_into(record),
    ]


def _looked_into(record: RunRecord) -> list[str]:
    """Says what explanations and interventions leave open, as far as there were any."""
    explained = record.explanations
    subjects = list(dict.fromkeys(one.subject for one in record.ledger.on("test") if one.subject))
    if explained is None and not subjects:
        return [
            "Explanations, robustness to changed inputs, and drift once in use: no audit of them is in this evidence."
        ]
    told = []
    if explained is None:
        told.append("Explanations: no audit of them is in this evidence.")
    elif not explained.reliable:
        told.append(f"What it looks at: none of the {explained.explained} explanations is reliable.")
    else:
        told.append(f"What it looks at in rows other than the {explained.reliable} with a reliable explanation.")
    told.append(
        f"Robustness to other changes of the inputs than masking or swapping {', '.join(subjects)}."
        if subjects
        else "Robustness to changed inputs: nothing was masked or swapped."
    )
    return [*told, "Drift once in use: no audit of it is in this evidence."]


def places_of(finding: Finding) -> str:
    """Returns what was masked or swapped, the feature and the group, as far as a finding has them.

    Examples:
        >>> places_of(Finding("SHAP-101", "answer_change_rate", "test", Verdict.INSUFFICIENT, subject="ruler"))
        'ruler'
    """
    return ", ".join(place for place in (finding.subject, finding.feature, finding.group) if place)


def named(finding: Finding) -> str:
    """Returns the figure and where it was measured, in words.

    Examples:
        >>> named(Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, "sex"))
        'selection rate difference of sex'
        >>> named(Finding("SHAP-101", "answer_change_rate", "test", Verdict.INSUFFICIENT, "tone", "V", subject="ruler"))
        'answer change rate where ruler is masked or swapped, of tone, V'
    """
    changed = f" where {finding.subject} is masked or swapped" if finding.subject else ""
    place = ", ".join(place for place in (finding.feature, finding.group) if place)
    return finding.figure.replace("_", " ") + changed + (f"{',' * bool(changed)} of {place}" if place else "")


def splits_of(record: RunRecord) -> Sequence[str]:
    """Returns the splits that were judged, test first.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> splits_of(RunRecord("a", Ledger(), GateDecision(False), {}, {}, {}, {}))
        []
    """
    return sorted({finding.split for finding in record.ledger}, key=lambda split: (split != "test", split))


def _rate(found: Estimate | None) -> str:
    return f"{found}, {found.rows} rows" if found else "no rows"


def _shown(found: Estimate | None) -> str:
    return f"{found}, {found.rows} rows" if found else _HIDDEN


def _change(found: Estimate | None) -> str:
    return f"{found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}]" if found else _HIDDEN


def _gap(record: RunRecord, finding: Finding) -> str:
    word, found = finding.verdict.value.replace("_", " "), record.estimate_of(finding)
    return f"{found}, {word}" if found else word
