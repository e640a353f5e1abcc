"""Which findings would give a small group away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fairlead.evidence import Finding, Ledger, Verdict
from fairlead.judgement import Figure
from fairlead.measures import GroupTally
from fairlead.report.published_groups import PublishedGroups, concealed_slots, has_small_cell
from fairlead.report.small_groups import small_groups

Key = tuple[str | None, ...]


def key_of(finding: Finding) -> Key:
    """Returns what a finding is known by: of an intervention each group is a finding, of a gap all groups are one.

    Examples:
        >>> key_of(Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, "sex"))
        ('selection_rate_difference', 'sex', 'test')
    """
    if finding.subject is None:
        return finding.figure, finding.feature, finding.split
    return finding.figure, finding.subject, finding.feature, finding.group, finding.split


def withheld_findings(
    ledger: Ledger, tallies: Mapping[str, Sequence[GroupTally]], fewest: int | None, judged_at: int | None
) -> frozenset[Key]:
    """Returns the findings whose numbers are not shown.

    Args:
        ledger: All of them.
        tallies: By split.
        fewest: Rows from which a group is shown; None for all groups.
        judged_at: From which the gaps were judged: they need no second look at the same number.

    Examples:
        >>> withheld_findings(Ledger(), {}, 10, None)
        frozenset()
    """
    if fewest is None:
        return frozenset()
    gaps = [] if fewest == judged_at else _gaps(ledger, tallies, fewest)
    return frozenset([*gaps, *_changes(ledger, tallies, fewest)])


def _gaps(ledger: Ledger, tallies: Mapping[str, Sequence[GroupTally]], fewest: int) -> list[Key]:
    return [
        key_of(finding)
        for finding in ledger
        if finding.subject is None
        for tally in tallies.get(finding.split, ())
        if tally.by.feature == finding.feature
        and (concealed_slots(tally, fewest).any() or has_small_cell(tally, Figure.named(finding.figure).rates, fewest))
    ]


def _changes(ledger: Ledger, tallies: Mapping[str, Sequence[GroupTally]], fewest: int) -> list[Key]:
    """Returns the findings of an intervention on groups that are small here, or are hidden in the tables of groups."""
    tables = dict[tuple[str, str | None, str, str], list[Finding]]()
    for finding in ledger:
        if finding.subject is not None and finding.feature is not None:
            place = finding.figure, finding.subject, finding.feature, finding.split
            tables.setdefault(place, []).append(finding)
    keys = list[Key]()
    for (_, _, feature, split), found in tables.items():
        rows = {finding.group: _rows(finding) for finding in found if finding.group is not None}
        hidden = [
            group
            for tally in tallies.get(split, ())
            if tally.by.feature == feature
            for group in PublishedGroups.of(tally, fewest).hidden
        ]
        small = small_groups(str(feature), rows, fewest, hidden)
        keys += [key_of(finding) for finding in found if finding.group in small or (small and finding.group is None)]
    return keys


def _rows(finding: Finding) -> int:
    """Returns the rows a figure rests on; one where it is not told how many, for they may be few."""
    if finding.estimate is not None:
        return finding.estimate.rows
    return int(finding.verdict is Verdict.INSUFFICIENT)
