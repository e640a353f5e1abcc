"""One figure of an intervention, with its exact interval."""

from __future__ import annotations

from dataclasses import dataclass

from fairlead.evidence import Estimate
from fairlead.measures import (
    PAIRED_METHOD,
    InterventionTally,
    TailShares,
    binomial_interval,
    net_change_ends,
)

_PLANNED_LEVEL = 0.6  # a plan is made for the largest churn that an interval of this level holds, as for rates


@dataclass(frozen=True)
class PairedFigure:
    """What changed among rows that are compared with themselves.

    Attributes:
        rows: All of them, changed or not.
        counts: Rows gained and rows lost: one pair, or one for each class of which the worst counts.
        signed: Whether a loss alone is bad; else a change either way.
        is_rate: Whether the share of rows that changed at all is meant; they are kept as gained.

    Examples:
        >>> found = PairedFigure(600, ((20, 110),)).estimate(TailShares.of(0.95, 1))
        >>> str(found)
        '0.150 [0.089, 0.202]'
    """

    rows: int
    counts: tuple[tuple[int, int], ...]
    signed: bool = False
    is_rate: bool = False

    def estimate(self, shares: TailShares) -> Estimate:
        """Estimates the figure.

        A change either way lies too low at two sides, which share the chance; it lies too high at one only, that on
        which it truly lies. Of several classes the largest is too low if any is, and too high only if its own is.
        """
        if self.is_rate:
            changed = self.counts[0][0]
            low = float(binomial_interval(changed, self.rows, 1 - 2 * shares.below)[0])
            high = float(binomial_interval(changed, self.rows, 1 - 2 * shares.above)[1])
            value, method = changed / self.rows, "exact binomial (Clopper-Pearson)"
        elif self.signed:
            ((gained, lost),) = self.counts
            value, method = (gained - lost) / self.rows, PAIRED_METHOD
            low = net_change_ends(gained, lost, self.rows, shares.below)[0]
            high = net_change_ends(gained, lost, self.rows, shares.above)[1]
        else:
            below = shares.below / (2 * len(self.counts))
            least = [net_change_ends(*pair, self.rows, below) for pair in self.counts]
            most = [net_change_ends(*pair, self.rows, shares.above) for pair in self.counts]
            value = max(abs(gained - lost) for gained, lost in self.counts) / self.rows
            low = max(0.0, *(max(start, -end) for start, end in least))
            high = min(1.0, max(max(end, -start) for start, end in most))
            method = PAIRED_METHOD
        chances = f"{shares.below:.2%} may lie below for all figures judged together, {shares.above:.2%} above"
        return Estimate(
            value, min(low, value), max(high, value), round(shares.level, 6), self.rows, f"{method}; {chances}"
        )

    def most_churn(self) -> float:
        """Returns the largest share of rows that may well change, for better or worse."""
        churn = max(gained + lost for gained, lost in self.counts)
        return float(binomial_interval(churn, self.rows, _PLANNED_LEVEL)[1]) if self.rows else 0.5


def paired_figure(name: str, tally: InterventionTally, slot: int) -> PairedFigure:
    """Reads a registered figure off one slot of a tally.

    Args:
        name: Of an ``InterventionFigure``.
        tally: What was counted.
        slot: Which of its groups.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures import EVERY_ROW
        >>> from fairlead.records import Labels
        >>> rows = np.zeros(4, dtype=np.int64)
        >>> columns = {"targets": rows, "before": rows, "after": np.array([0, 0, 1, 1])}
        >>> tally = InterventionTally.count(EVERY_ROW, Labels(("no", "yes")), rows, **columns)
        >>> paired_figure("accuracy_change", tally, 0)
        PairedFigure(rows=4, counts=((2, 0),), signed=True, is_rate=False)
    """
    rows = int(tally.rows[slot])
    if name == "answer_change_rate":
        return PairedFigure(rows, ((int(tally.changed[slot]), 0),), is_rate=True)
    if name == "accuracy_change":
        lost = (int(tally.wronged[slot]), int(tally.righted[slot]))
        return PairedFigure(int(tally.known[slot]), (lost,), signed=True)
    judged = (1,) if len(tally.labels) == 2 else range(len(tally.labels))
    return PairedFigure(rows, tuple((int(tally.gained[slot, c]), int(tally.lost[slot, c])) for c in judged))
