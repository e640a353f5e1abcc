"""One record of one audit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.errors import EvidenceError
from fairlead.evidence.estimate import Estimate
from fairlead.evidence.limit import Limit
from fairlead.evidence.verdict import MEASURED, Verdict

_CODE = re.compile(r"[A-Z]+-\d{3}")


@dataclass(frozen=True)
class Finding:
    """What an audit says of one figure on one split, and what to do next.

    Attributes:
        code: Stable code of the figure, e.g. ``"FAIR-001"``; documentation and muting go by it.
        figure: Name of the figure, e.g. ``"true_positive_rate_difference"``.
        split: The split it was measured on.
        verdict: What can be said.
        feature: The sensitive feature; an intersection joins names with ``" x "``; None for the whole.
        group: The group concerned, where the figure is of one group.
        estimate: The figure with its interval; None where it could not be measured.
        limit: What it was held against; None where the figure is only reported.
        rows_needed: Rows to add by denominator, e.g. ``{"sex=f, positives": 120}``, to settle it.
        remedy: What to do next, in a sentence.
        subject: What in the input was masked or swapped, e.g. the name of a region; None where nothing was.

    Raises:
        EvidenceError: a malformed code, or a verdict its own numbers contradict.

    Examples:
        >>> finding = Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, feature="sex")
        >>> Finding.from_dict(finding.to_dict()) == finding
        True
    """

    code: str
    figure: str
    split: str
    verdict: Verdict
    feature: str | None = None
    group: str | None = None
    estimate: Estimate | None = None
    limit: Limit | None = None
    rows_needed: Mapping[str, int] | None = None
    remedy: str = ""
    subject: str | None = None

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise EvidenceError(f"a code is letters, a dash and three digits, e.g. FAIR-001; got {self.code!r}")
        if self.verdict in MEASURED and (self.estimate is None or self.limit is None):
            raise EvidenceError(f"{self.code}: {self.verdict.value} needs an estimate and a limit")
        if self.estimate and self.limit:
            over, under = self.estimate.low > self.limit.most, self.estimate.high < self.limit.most
            if (self.verdict is Verdict.FLAGGED and not over) or (self.verdict is Verdict.CLEAR and not under):
                raise EvidenceError(
                    f"{self.code}: {self.verdict.value} contradicts {self.estimate} against {self.limit.most}"
                )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; what is absent is null."""
        return {
            "code": self.code,
            "figure": self.figure,
            "feature": self.feature,
            "group": self.group,
            "subject": self.subject,
            "split": self.split,
            "estimate": self.estimate.to_dict() if self.estimate else None,
            "limit": self.limit.to_dict() if self.limit else None,
            "verdict": self.verdict.value,
            "rows_needed": dict(self.rows_needed) if self.rows_needed is not None else None,
            "remedy": self.remedy,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Finding:
        """Reads what ``to_dict`` wrote."""
        fields = dict(content)
        estimate, limit = fields.pop("estimate", None), fields.pop("limit", None)
        return cls(
            **{**fields, "verdict": Verdict(fields["verdict"])},
            estimate=Estimate.from_dict(estimate) if estimate else None,
            limit=Limit.from_dict(limit) if limit else None,
        )
