"""What page and card say of explanations and interventions, as plain text."""

from __future__ import annotations

from fairlead.evidence import Finding
from fairlead.report.run_record import RunRecord
from fairlead.report.sections import Section, splits_of
from fairlead.report.withheld import key_of

_HIDDEN = "not shown"


def explained_words(record: RunRecord) -> str:
    """Returns how many rows were explained, and how many explanations are reliable; empty where none was asked for.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> explained_words(RunRecord("a", Ledger(), GateDecision(True), {}, {}, {}, {}))
        ''
    """
    told = record.explanations
    if told is None:
        return ""
    spent = f" in {told.seconds:.0f} s" if told.seconds is not None and told.seconds >= 0.5 else ""
    rows = "1 row was" if told.explained == 1 else f"{told.explained} rows were"
    some = "is" if told.reliable == 1 else "are"
    stopped = f" Sampling ended: {told.stopped}." if told.stopped else ""
    rest = ", and the others are not drawn" if told.reliable < told.explained else ""
    return (
        f"{rows} explained{spent}; {told.reliable} of {told.explained} explanations {some} reliable{rest}.{stopped} "
        "An explanation shows what an answer rests on, not whether it ought to; it blocks no release."
    )


def mass_section(record: RunRecord) -> Section:
    """Returns on what the maps lie: the declared regions, of all rows and by group, small groups left out.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> mass_section(RunRecord("a", Ledger(), GateDecision(True), {}, {}, {}, {})).rows
        ()
    """
    told, rows = record.explanations, list[tuple[str, str, str]]()
    hidden = frozenset[tuple[str, str, str]]()
    if told is not None:
        elsewhere = {table.feature: frozenset(table.hidden) for table in record.groups}
        hidden = told.hidden(record.fewest, elsewhere)
        for region, feature, group, found in told.mass:
            share = f"{found}, {found.rows} rows" if found else "no rows"
            shown = _HIDDEN if (region, feature, group) in hidden else share
            rows.append((region, f"{feature}: {group}" if feature else "all rows", shown))
    caption = "Mean share of the absolute values that lies on each declared region, with its interval."
    if hidden:
        caption += f" A group with fewer than {record.fewest} rows is not shown, nor those that would give it away."
    return Section("What it looks at", caption, ("Region", "Rows", "Share of the map on it"), tuple(rows))


def changed_sections(record: RunRecord) -> list[Section]:
    """Returns a table for whatever was masked or swapped: what changed, of all rows and by group.

    Examples:
        >>> from fairlead.evidence import Ledger
        >>> from fairlead.judgement import GateDecision
        >>> changed_sections(RunRecord("a", Ledger(), GateDecision(True), {}, {}, {}, {}))
        []
    """
    sections = list[Section]()
    for split in splits_of(record):
        found = [finding for finding in record.ledger.on(split) if finding.subject]
        subjects = dict.fromkeys(finding.subject for finding in found)
        sections += [_changed(record, split, [one for one in found if one.subject == each]) for each in subjects]
    return sections


def _changed(record: RunRecord, split: str, found: list[Finding]) -> Section:
    figures = dict.fromkeys(finding.figure for finding in found)
    told = {(finding.feature, finding.group, finding.figure): _told(record, finding) for finding in found}
    places = sorted(dict.fromkeys((one.feature, one.group) for one in found), key=lambda place: place[0] is not None)
    rows = tuple(
        (_place(feature, group), *(told.get((feature, group, figure), "") for figure in figures))
        for feature, group in places
    )
    caption = (
        f"{split.capitalize()} rows as they are, and the same rows changed; each figure with its interval, its limit "
        "and what can be said of it."
    )
    if any(key_of(finding) in record.withheld for finding in found):
        caption += f" A group with fewer than {record.fewest} rows is not shown, nor those that would give it away."
    head = ("Rows", *(figure.replace("_", " ") for figure in figures))
    return Section(f"What changed when {found[0].subject} was masked or swapped", caption, head, rows)


def _place(feature: str | None, group: str | None) -> str:
    return ": ".join(place for place in (feature, group) if place) or "all rows"


def _told(record: RunRecord, finding: Finding) -> str:
    if key_of(finding) in record.withheld:
        return _HIDDEN
    word, found = finding.verdict.value.replace("_", " "), record.estimate_of(finding)
    limit = f", limit {finding.limit.most:g}" if finding.limit else ""
    return f"{found}, {found.rows} rows{limit}: {word}" if found else word
