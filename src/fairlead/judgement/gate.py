"""Whether a model may be released."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fairlead.evidence import OVERRIDE_CODE, Finding, Ledger, Override, Verdict
from fairlead.judgement.policy import Policy

NOTHING_TESTED = "no figure was judged on the test split"


@dataclass(frozen=True)
class GateDecision:
    """The gate's answer.

    Attributes:
        passes: Whether the release may go ahead: nothing blocks it, or a person answers for it.
        blocked_by: What blocks it, each as ``"FAIR-003 true_positive_rate_difference, sex: flagged"``.
        override: Who answers for releasing it all the same.
    """

    passes: bool
    blocked_by: tuple[str, ...] = ()
    override: Override | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values; an absent override is null."""
        return {
            "passes": self.passes,
            "blocked_by": list(self.blocked_by),
            "override": self.override.to_dict() if self.override else None,
        }


@dataclass(frozen=True)
class ReleaseGate:
    """Reads the *test* findings of a ledger and answers.

    A ledger without a test finding does not pass: what was not tested is not known to be within its limit.

    Attributes:
        block: Verdicts that block.

    Examples:
        >>> found = Finding("FAIR-003", "true_positive_rate_difference", "test", Verdict.FAILED, feature="sex")
        >>> gate = ReleaseGate.of(Policy.default())
        >>> gate.decide(Ledger((found,))).blocked_by
        ('FAIR-003 true_positive_rate_difference, sex: failed',)
        >>> gate.decide(Ledger((found,)), Override("a pilot", "A. Person", "2026-01-31")).passes
        True
        >>> gate.decide(Ledger()).passes
        False
    """

    block: tuple[Verdict, ...]

    @classmethod
    def of(cls, policy: Policy) -> ReleaseGate:
        """Makes the gate of a policy."""
        return cls(policy.block)

    def decide(self, ledger: Ledger, override: Override | None = None) -> GateDecision:
        """Answers for the findings on the test split; those on other splits are not read.

        Args:
            ledger: All findings of a run.
            override: Who answers for a release all the same; add its ``finding()`` to the ledger as well.
        """
        judged = [finding for finding in ledger.on("test") if finding.code != OVERRIDE_CODE]
        if not any(finding.verdict is not Verdict.NOT_APPLICABLE for finding in judged):
            blocked: tuple[str, ...] = (NOTHING_TESTED,)
        else:
            blocked = tuple(_told(finding) for finding in judged if finding.verdict in self.block)
        return GateDecision(not blocked or override is not None, blocked, override)


def _told(finding: Finding) -> str:
    places = [place for place in (finding.subject, finding.feature, finding.group) if place]
    return ", ".join([f"{finding.code} {finding.figure}", *places]) + f": {finding.verdict}"
