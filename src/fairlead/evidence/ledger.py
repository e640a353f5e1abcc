"""All findings of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.errors import EvidenceError
from fairlead.evidence.finding import Finding
from fairlead.evidence.verdict import Verdict


@dataclass(frozen=True)
class Ledger:
    """The findings of a run, one for each figure, subject, feature, group and split.

    Attributes:
        findings: In the order they were made.

    Raises:
        EvidenceError: two findings on the same figure, subject, feature, group and split.

    Examples:
        >>> ledger = Ledger().add(Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT))
        >>> len(ledger), len(ledger.on("val")), Ledger.from_dict(ledger.to_dict()) == ledger
        (1, 0, True)
    """

    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        seen: set[tuple[str | None, ...]] = set()
        for finding in self.findings:
            key = (finding.figure, finding.subject, finding.feature, finding.group, finding.split)
            if key in seen:
                raise EvidenceError(f"two findings on {key}: an audit leaves exactly one")
            seen.add(key)

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def add(self, *findings: Finding) -> Ledger:
        """Returns a ledger with these findings as well."""
        return Ledger((*self.findings, *findings))

    def on(self, split: str) -> Ledger:
        """Returns the findings of one split; the release gate reads ``on("test")`` only."""
        return Ledger(tuple(finding for finding in self if finding.split == split))

    def with_verdict(self, verdicts: Iterable[Verdict]) -> Ledger:
        """Returns the findings with one of these verdicts."""
        wanted = frozenset(verdicts)
        return Ledger(tuple(finding for finding in self if finding.verdict in wanted))

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values with the number of their schema."""
        return {"schema": 1, "findings": [finding.to_dict() for finding in self]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Ledger:
        """Reads what ``to_dict`` wrote.

        Raises:
            EvidenceError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise EvidenceError(f"a ledger of schema {content.get('schema')!r} is not known; this release reads 1")
        return cls(tuple(Finding.from_dict(finding) for finding in content["findings"]))
