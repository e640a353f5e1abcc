"""How many rows would settle a figure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from fairlead.evidence import Limit
from fairlead.measures.special import ndtr, ndtri
from fairlead.measures.tail_shares import TailShares

POWER = 0.8
# What the exact inversion needs beyond the normal approximation of it, as measured by benchmarks/audit_truth.py.
_EXACTNESS = 1.05
_ROUNDS = 3
_MOST_FOR_SKEWNESS = 20.0


@dataclass(frozen=True)
class Plan:
    """What is judged, as far as the number of rows depends on it.

    Attributes:
        rate: A rate in the middle of the groups' rates.
        limit: The limit and the margin beyond it that matters.
        groups: Groups compared.
        families: Families of rates of which the worst counts.
        shares: The chances of missing that the figure's interval has.
        ratio: Whether the limit is of one minus a ratio, not of a difference.

    Examples:
        >>> plan = Plan(0.8, Limit(0.1, margin=0.1), groups=2, families=1, shares=TailShares.of(0.95, 1))
        >>> plan.rows_a_group(), Plan(0.8, Limit(0.1, margin=0.0), 2, 1, plan.shares).rows_a_group()
        (398, None)
    """

    rate: float
    limit: Limit
    groups: int
    families: int
    shares: TailShares
    ratio: bool = False

    def rows_a_group(self) -> int | None:
        """Rows of the denominator that each group needs for a verdict in four cases of five.

        That is, *clear* where the true figure lies the margin below the limit (at 0, if that is nearer), with half of
        the groups at either end; and *flagged* where it lies the margin above, with one group at either end.
        None where the margin is 0, for then no number of rows settles it.
        """
        most, margin = self.limit.most, self.limit.margin
        if margin <= 0 or self.groups < 2:
            return None
        within = max(0.0, most - margin)
        needed = [self._clear(within)] if most > 0 else []
        if most + margin < 1:
            pairs = self.families * self.groups * (self.groups - 1) // 2
            critical = -float(ndtri(self.shares.below / (2 * pairs - 1)))
            needed.append(self._rows(most + margin, critical, float(ndtri(POWER)) * math.sqrt(2)))
        return max(needed) if needed else None

    def _clear(self, within: float) -> int:
        critical = -float(ndtri(self.shares.above))
        return self._rows(within, critical, _spread(self.groups, within == 0, POWER ** (1 / self.families)))

    def _rows(self, truth: float, critical: float, spread: float) -> int:
        """Solves for N: the distance of truth and limit is what the test asks for and what chance may take away."""
        at_truth, distance = self._variance(truth), self._distance(truth)
        doubtful, rows = self, 0.0
        for _ in range(_ROUNDS):
            # The test allows for rates that are more variable than those seen, by about a standard error.
            at_limit = doubtful._variance(self.limit.most)
            root = (critical * math.sqrt(2 * at_limit) + spread * math.sqrt(at_truth)) / distance
            # Beside the discreteness, rates near 0 and 1 pay for their skewness, whose square is 1 / (p q) - 4.
            rows = _EXACTNESS * root**2 + 3 / distance + min(1 / at_truth - 4, _MOST_FOR_SKEWNESS)
            error = math.sqrt(at_truth / rows)
            toward = min(error, abs(0.5 - self.rate))
            doubtful = replace(self, rate=self.rate + math.copysign(toward, 0.5 - self.rate))
        return math.ceil(rows)

    def _ends(self, figure: float) -> tuple[float, float]:
        """Returns the lowest and the highest rate when the figure is so large and ``rate`` is in the middle."""
        if self.ratio:
            top = min(1.0, 2 * self.rate / (2 - figure))
            return top * (1 - figure), top
        middle = min(max(self.rate, figure / 2), 1 - figure / 2)
        return middle - figure / 2, middle + figure / 2

    def _variance(self, figure: float) -> float:
        low, high = self._ends(figure)
        weight = (1 - self.limit.most) ** 2 if self.ratio else 1.0
        return max(1e-4, (low * (1 - low) + weight * high * (1 - high)) / 2)

    def _distance(self, truth: float) -> float:
        apart = abs(truth - self.limit.most)
        return apart * max(self._ends(truth)[1], 1e-3) if self.ratio else apart


def worst_rate_rows(limit: Limit, groups: int, shares: TailShares) -> int | None:
    """Rows of the denominator that each group needs for a verdict on the largest of the groups' rates.

    Args:
        limit: The limit of the rate; the true rate is taken to be the margin off it, in all groups at once.
        groups: Rates compared.
        shares: The chances of missing that the figure's interval has.

    Returns:
        Rows, or None where the margin is 0.

    Examples:
        >>> worst_rate_rows(Limit(0.2, margin=0.1), 2, TailShares.of(0.95, 1))
        175
    """
    most, needed = limit.most, []
    for truth, tail, power in (
        (max(0.0, most - limit.margin), shares.above, POWER ** (1 / groups)),
        (most + limit.margin, shares.below / groups, POWER),
    ):
        if truth < 1 and truth != most:
            spread = [math.sqrt(max(1e-4, rate * (1 - rate))) for rate in (most, truth)]
            apart = abs(truth - most)
            root = (-float(ndtri(tail)) * spread[0] + float(ndtri(power)) * spread[1]) / apart
            needed.append(math.ceil(root**2 + 1 / apart))
    return max(needed) if needed else None


def bounded_mean_rows(variance: float, limit: Limit, groups: int, shares: TailShares, *, ends: int) -> int | None:
    """Rows that each group needs for a verdict on means that are only known to lie between 0 and 1.

    Args:
        variance: Of one value, as far as it is known; 0.25 at most.
        limit: The limit and its margin, as shares of the bound.
        groups: Groups compared.
        shares: The chances of missing that the figure's interval has.
        ends: 2 where two groups' bounds are set against each other, 1 where one group's is.

    Returns:
        Rows, or None where the margin is 0.

    Examples:
        >>> bounded_mean_rows(0.16, Limit(0.1, margin=0.1), 2, TailShares.of(0.95, 1), ends=2)
        1179
    """
    if limit.margin <= 0:
        return None
    tail = min(shares.above, shares.below / groups) / ends
    root = ends * math.sqrt(-2 * math.log(tail)) + float(ndtri(POWER ** (1 / groups))) * math.sqrt(ends)
    return math.ceil(max(variance, 1e-4) * (root / limit.margin) ** 2 + 7 * -math.log(tail) / (3 * limit.margin))


def net_change_rows(churn: float, limit: Limit, shares: TailShares, *, classes: int = 1) -> int | None:
    """Rows that are needed for a verdict on by how much a rate changed on the same rows.

    Args:
        churn: Share of the rows that changed, for better or worse.
        limit: The limit of the change and its margin.
        shares: The chances of missing that the figure's interval has.
        classes: Changes of which the worst counts.

    Returns:
        Rows, or None where the margin is 0.

    Examples:
        >>> net_change_rows(0.2, Limit(0.1, margin=0.05), TailShares.of(0.95, 1))
        1571
    """
    if limit.margin <= 0:
        return None
    # An absolute value has two sides that may be too far out, and each side is made of two binomial ends.
    tail = min(shares.above / 2, shares.below / (4 * classes))
    # Gains and losses are added as they are, not in squares, and are widest apart where they are alike.
    root = -float(ndtri(tail)) * math.sqrt(2) + float(ndtri(POWER))
    return math.ceil(max(churn, 1e-4) * (root / limit.margin) ** 2 + 2 / limit.margin)


@lru_cache(maxsize=256)
def _spread(groups: int, together: bool, power: float) -> float:
    """The quantile of the largest minus the smallest of so many normal errors.

    Of all of them where the groups are together; else of the largest of one half and the smallest of the other.
    """
    grid = np.linspace(-8, 8, 801)
    density = np.exp(-np.square(grid) / 2) / math.sqrt(2 * math.pi)
    upper, lower = groups - groups // 2, groups // 2

    def excess(reach: float) -> float:
        if together:
            inside = groups * density * (ndtr(grid) - ndtr(grid - reach)) ** (groups - 1)
        else:
            inside = upper * density * ndtr(grid) ** (upper - 1) * ndtr(reach - grid) ** lower
        return float(np.trapezoid(inside, grid)) - power

    from scipy.optimize import brentq  # as in fairlead.measures.special

    return float(brentq(excess, -8.0, 20.0) if not together else brentq(excess, 1e-9, 20.0))
