"""What mitigation.json says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.errors import EvidenceError
from fairlead.evidence import Estimate, Finding


@dataclass(frozen=True)
class MitigationRecord:
    """The same test rows before and after a mitigation.

    Attributes:
        method: Its name, and how many rows it was chosen on; empty where the file does not say.
        accuracy: Feature, group, then accuracy before, after, and the change; the first row is of all rows, with
            empty names. None where a figure is not shown.
        findings: Each finding before, and after.

    Examples:
        >>> record = MitigationRecord.of(
        ...     {"schema": 1, "accuracy": {"before": None, "after": None, "change": None}, "groups": [],
        ...      "findings": {"before": [], "after": []}, "method": "thresholds", "rows": 40}
        ... )
        >>> record.method, record.accuracy
        ('thresholds, chosen on 40 calibration rows', (('', '', None, None, None),))
    """

    method: str
    accuracy: tuple[tuple[str, str, Estimate | None, Estimate | None, Estimate | None], ...]
    findings: tuple[tuple[Finding, Finding], ...]

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> MitigationRecord:
        """Reads the content of the file.

        Raises:
            EvidenceError: a schema this release does not know.
        """
        if content.get("schema") != 1:
            raise EvidenceError(f"a mitigation of schema {content.get('schema')!r} is not known; this release reads 1")
        before, after = (
            [Finding.from_dict(finding) for finding in content["findings"][when]] for when in ("before", "after")
        )
        method = str(content.get("method", ""))
        if method and "rows" in content:
            method += f", chosen on {content['rows']} {content.get('chosen_on', 'calibration')} rows"
        changes = tuple(_change(change) for change in (content["accuracy"], *content["groups"]))
        return cls(method, changes, tuple(zip(before, after, strict=True)))


def _change(
    content: Mapping[str, Any],
) -> tuple[str, str, Estimate | None, Estimate | None, Estimate | None]:
    before, after, change = (
        Estimate.from_dict(content[name]) if content[name] and not content.get("suppressed") else None
        for name in ("before", "after", "change")
    )
    return content.get("feature") or "", content.get("group") or "", before, after, change
