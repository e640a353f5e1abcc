"""How much of a request log is kept."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.errors import ConfigurationError

DAY = 86_400.0


@dataclass(frozen=True)
class LogSettings:
    """How large a request log grows, how long it is kept, and whether inputs are.

    Attributes:
        segment_bytes: As ``RequestLog`` takes it, as the others.
        total_bytes: Of all segments and inputs.
        keep_days: None for ever.
        keep_inputs: Whether inputs are kept.

    Raises:
        ConfigurationError: a bound that cannot be kept.

    Examples:
        >>> LogSettings(10, 20, keep_days=0.5, keep_inputs=False).segment_seconds
        10800.0
    """

    segment_bytes: int
    total_bytes: int
    keep_days: float | None
    keep_inputs: bool

    def __post_init__(self) -> None:
        if self.segment_bytes < 1 or self.total_bytes < 2 * self.segment_bytes:
            raise ConfigurationError(
                f"a log of {self.total_bytes} bytes cannot hold two segments of {self.segment_bytes}; raise "
                "total_bytes, or lower segment_bytes"
            )
        if self.keep_days is not None and not self.keep_days > 0:
            raise ConfigurationError(f"a log is kept for more than 0 days, got {self.keep_days}; or leave it out")
        if self.keep_inputs and self.keep_days is None:
            raise ConfigurationError("inputs are kept for a stated time only; give keep_days as well")

    @property
    def segment_seconds(self) -> float:
        """The longest a segment is written to, so that whole segments can be deleted in time."""
        return DAY if self.keep_days is None else min(DAY, self.keep_days * DAY / 4)
