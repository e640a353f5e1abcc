"""A person's word against the gate's."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date as Date

from fairlead.errors import ConfigurationError
from fairlead.evidence.finding import Finding
from fairlead.evidence.verdict import Verdict

OVERRIDE_CODE = "FAIR-900"


@dataclass(frozen=True)
class Override:
    """The release of a blocked model, signed for. It is itself a finding, so every report shows it.

    Attributes:
        reason: Why the release goes ahead.
        name: Who answers for it.
        date: When, as in 2026-01-31.

    Raises:
        ConfigurationError: any of the three left out, or a date that is none.

    Examples:
        >>> signed = Override("pilot with ten users, reviewed weekly", "A. Person", "2026-01-31")
        >>> signed.finding().code, signed.to_dict()["name"]
        ('FAIR-900', 'A. Person')
    """

    reason: str
    name: str
    date: str

    def __post_init__(self) -> None:
        for field, value in asdict(self).items():
            if not str(value).strip():
                raise ConfigurationError(f"an override states its {field}; without one the gate stays shut")
        try:
            Date.fromisoformat(self.date)
        except ValueError as error:
            raise ConfigurationError(f"an override is dated as in 2026-01-31, got {self.date!r}") from error

    def finding(self) -> Finding:
        """Returns the record for the ledger."""
        return Finding(
            OVERRIDE_CODE,
            "release_override",
            "test",
            Verdict.NOT_APPLICABLE,
            remedy=f"Released by {self.name} on {self.date} against the gate: {self.reason}",
        )

    def to_dict(self) -> dict[str, str]:
        """Returns plain JSON values."""
        return asdict(self)
