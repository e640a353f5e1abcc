"""How the five in a hundred that may go wrong are shared out."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.errors import ConfigurationError
from fairlead.measures.intervals import tail_of


@dataclass(frozen=True)
class TailShares:
    """The chance that a figure lies below its interval, and above.

    An end is too low when the true figure lies above it: that is when *clear* may be said wrongly. All figures are
    clear together only if each is, so no figure pays for its being one of many. *Flagged* may be said wrongly
    where the figure lies below its interval, and the more figures are looked at the more often one is: the chance
    below is divided by their number (Bonferroni), and what that leaves over is given to the chance above. One
    interval thus covers at its level, and both verdicts can be read off it.

    Attributes:
        below: Chance that the true figure lies below the interval.
        above: Chance that it lies above.

    Examples:
        >>> one, ten = TailShares.of(0.95, figures=1), TailShares.of(0.95, figures=10)
        >>> print(f"{one.below:.4f} {one.above:.4f}, {ten.below:.4f} {ten.above:.4f}, {ten.level:.2f}")
        0.0250 0.0250, 0.0025 0.0475, 0.95
    """

    below: float
    above: float

    @classmethod
    def of(cls, level: float, figures: int) -> TailShares:
        """Shares out what ``level`` leaves, for one of so many figures that are judged together.

        Raises:
            ConfigurationError: a level that is not between 0 and 1, or no figures.
        """
        if figures < 1:
            raise ConfigurationError(f"an interval is one of at least one figure, got {figures}; give their number")
        below = tail_of(level) / figures
        return cls(below, 1 - level - below)

    @property
    def level(self) -> float:
        """What the interval covers at."""
        return 1 - self.below - self.above
