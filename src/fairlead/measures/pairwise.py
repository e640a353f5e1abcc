"""How far apart two rates may be: exact binomial tests, inverted.

Let X1 of n1 and X2 of n2 rows be successes, independently, at unknown rates p1 and p2. For one point (p1, p2) the
two exact binomial tail probabilities are independent and never smaller, in law, than uniform ones; so is their
weighted sum of normal scores, whatever the weights, as long as these are at least 0 and chosen from the point alone.
The point is refused where that sum is too small. (A score is first cut at 1, so that one group cannot make up for all
that the other shows, and the critical value raised to allow for it.) A bound of p1 - p2 is the largest difference of
any point that is not refused, points being looked for in a box that holds (p1, p2) but for a fiftieth of the tail,
which is paid for. So the bound holds at every size and rate. With weights in proportion to the standard errors the sum
is, for many rows, the score statistic: little is lost against it, where a box alone is more than a third wider.

References:
    Clopper and Pearson (1934), Biometrika 26, for the tails. Liptak (1958), On the combination of independent tests,
    Publications of the Mathematical Institute of the Hungarian Academy of Sciences 3, for the sum. Berger and Boos
    (1994), P values maximized over a confidence set for the nuisance parameter, JASA 89, for the box.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.intervals import FloatArray, binomial_interval
from fairlead.measures.special import betainc, ndtr, ndtri

IntArray = NDArray[np.int64]

_BOX_SHARE = 0.02  # of the tail goes to the box: less of it widens the box, more of it the rest
_POINTS = 32  # a side of the lattice: 160 of them move a bound by less than 0.0001
_PAIRS_AT_ONCE = 512  # keeps the lattices of all pairs within a few MB
# The score statistic grows along a line of equal difference as its variance shrinks, and two thirds of that are taken
# back by the skewness of the tails. Turning the weights by the rest levels it, so that no far point decides.
_TURN = 1 / 3
_CAP = 1.0  # of the caps tried, from 0 to 3, the one that costs least where both groups are without a failure
_ANGLES = np.linspace(0, np.pi / 2, 257)


def _normal_beyond(start: float) -> tuple[FloatArray, FloatArray]:
    """Returns points beyond ``start`` and the normal mass that each stands for (Gauss-Legendre)."""
    points, weights = np.polynomial.legendre.leggauss(24)
    score = start + 3.5 * (points + 1)
    return score, 3.5 * weights * np.exp(-np.square(score) / 2) / np.sqrt(2 * np.pi)


_BEYOND_CAP = _normal_beyond(_CAP)


class _Lattice(NamedTuple):
    """For each of G groups M rates it may have, and how well each agrees with what was counted: arrays (G, M)."""

    rate: FloatArray
    score_below: FloatArray  # normal score of the chance of so few successes or fewer
    score_above: FloatArray  # of so many or more
    variance: FloatArray
    slope: FloatArray  # half the derivative of the variance by the rate


def largest_difference(
    successes: FloatArray, rows: FloatArray, first: IntArray, second: IntArray, tail: float
) -> FloatArray:
    """Bounds ``rate[first] - rate[second]`` from above, for P pairs of G groups.

    Args:
        successes: (G,) from 0 to ``rows``; may be fractional, as effective rows are.
        rows: (G,) more than 0.
        first: (P,) positions of the groups whose rate is taken as high as may be.
        second: (P,) positions of the groups whose rate is taken as low as may be.
        tail: The chance, at most, that the true difference lies above the bound.

    Returns:
        (P,) upper bounds.

    Examples:
        >>> counted, rows = np.array([270.0, 240.0]), np.array([300.0, 300.0])
        >>> high = largest_difference(counted, rows, np.array([0]), np.array([1]), tail=0.025)
        >>> low = -largest_difference(counted, rows, np.array([1]), np.array([0]), tail=0.025)
        >>> print(f"{low[0]:.2f} to {high[0]:.2f}")
        0.04 to 0.16
    """
    return _largest(successes, rows, first, second, tail, ratio=False)


def largest_ratio(
    successes: FloatArray, rows: FloatArray, first: IntArray, second: IntArray, tail: float
) -> FloatArray:
    """Bounds ``rate[first] / rate[second]`` from above, for P pairs of G groups; infinite where the second may be 0.

    Args:
        successes: (G,) from 0 to ``rows``.
        rows: (G,) more than 0.
        first: (P,) positions of the numerators.
        second: (P,) positions of the denominators.
        tail: The chance, at most, that the true ratio lies above the bound.

    Returns:
        (P,) upper bounds.

    Examples:
        >>> counted, rows = np.array([150.0, 240.0]), np.array([300.0, 300.0])
        >>> print(f"{largest_ratio(counted, rows, np.array([0]), np.array([1]), tail=0.025)[0]:.2f}")
        0.71
    """
    return _largest(successes, rows, first, second, tail, ratio=True)


def _largest(
    successes: FloatArray, rows: FloatArray, first: IntArray, second: IntArray, tail: float, *, ratio: bool
) -> FloatArray:
    groups, position = np.unique(np.concatenate([first, second]), return_inverse=True)
    lattice = _lattice(successes[groups], rows[groups], tail * _BOX_SHARE / 4)
    critical = -float(ndtri(tail * (1 - _BOX_SHARE)))
    bounds = np.empty(len(first))
    for start in range(0, len(first), _PAIRS_AT_ONCE):
        chosen = slice(start, start + _PAIRS_AT_ONCE)
        pair = position[: len(first)][chosen], position[len(first) :][chosen]
        bounds[chosen] = _farthest_kept(
            _Lattice(*(part[pair[0]][:, :, None] for part in lattice)),
            _Lattice(*(part[pair[1]][:, None, :] for part in lattice)),
            critical,
            ratio=ratio,
        )
    return bounds


def _lattice(successes: FloatArray, rows: FloatArray, tail: float) -> _Lattice:
    low, high = binomial_interval(successes, rows, 1 - 2 * tail)
    rate = low[:, None] + (high - low)[:, None] * np.linspace(0, 1, _POINTS)
    count, size = successes[:, None], rows[:, None]
    none, all_of_them = count <= 1e-9 * size, count >= (1 - 1e-9) * size
    below = np.where(all_of_them, 1.0, betainc(np.where(all_of_them, 1.0, size - count), count + 1, 1 - rate))
    above = np.where(none, 1.0, betainc(np.where(none, 1.0, count), size - count + 1, rate))
    scores = [np.clip(ndtri(chance), -30.0, _CAP) for chance in (below, above)]  # -30: no float holds such a chance
    return _Lattice(rate, scores[0], scores[1], rate * (1 - rate) / size, (1 - 2 * rate) / (2 * size))


def _farthest_kept(first: _Lattice, second: _Lattice, critical: float, *, ratio: bool) -> FloatArray:
    """Returns (P,) the largest difference or ratio among points whose combined score is not too small.

    The edge of what is kept is met from both sides: by going down in the second group's rate at each of the first's,
    and up in the first group's at each of the second's. Between two points the score is taken as straight.
    """
    margin = _margin(first, second, critical, ratio=ratio)
    top, bottom = first.rate[:, :, 0], second.rate[:, 0, :]
    lowest = _edge(margin, bottom)
    highest = _edge(margin.transpose(0, 2, 1)[:, :, ::-1], top[:, ::-1])
    ways = [(top, lowest), (highest, bottom)]
    if ratio:
        bounds = [np.divide(up, down, out=np.full_like(up, np.inf), where=down > 0) for up, down in ways]
    else:
        bounds = [up - down for up, down in ways]
    # A line that keeps no point has no edge; nor has it a bound.
    bounds = [np.where(np.isnan(edge), -np.inf, bound) for edge, bound in zip((lowest, highest), bounds, strict=True)]
    return np.asarray(np.concatenate(bounds, axis=1).max(axis=1), dtype=np.float64)


def _edge(margin: FloatArray, rates: FloatArray) -> FloatArray:
    """Returns (P, M) where along the last axis, with ``rates`` (P, M), points begin to be kept; NaN where none is."""
    pair, line = np.ogrid[: margin.shape[0], : margin.shape[1]]
    inside = (margin >= 0).argmax(axis=2)
    outside = np.maximum(inside - 1, 0)
    above, below = margin[pair, line, inside], margin[pair, line, outside]
    end, start = rates[pair, inside], rates[pair, outside]
    crossing = end - (end - start) * np.clip(above / np.where(above > below, above - below, 1.0), 0.0, 1.0)
    return np.asarray(np.where(above >= 0, crossing, np.nan), dtype=np.float64)  # where none is kept, the first is not


def _margin(first: _Lattice, second: _Lattice, critical: float, *, ratio: bool) -> FloatArray:
    """Returns (P, M, M) by how much the sum of normal scores is not too small, at each point of each pair's lattice.

    Scores are cut at ``_CAP``, lest a group without a failure, whose score knows no bound, outweigh the other. Cutting
    makes small sums more likely by no more than the chance that a normal score is cut and the other makes
    up for all that is left; the critical value is raised for it.
    """
    # p1 - p2 = d is a line with normal (1, -1); p1 / p2 = r one with normal (p2, -p1) at any of its points.
    normal = (second.rate, first.rate) if ratio else (np.float64(1.0), np.float64(1.0))
    one, two = normal[0] ** 2 * first.variance, normal[1] ** 2 * second.variance
    total = np.maximum(one + two, 1e-300)
    bend = normal[0] ** 2 * normal[1] * first.slope + normal[1] ** 2 * normal[0] * second.slope
    errors = np.sqrt(first.variance / total) * np.sqrt(second.variance / total)
    turn = np.arctan(_TURN * critical * errors * bend / np.sqrt(total))
    angle = np.clip(np.arctan2(np.sqrt(two) + 1e-150, np.sqrt(one) + 1e-150) - turn, 0.0, np.pi / 2)
    scores = np.cos(angle) * first.score_below + np.sin(angle) * second.score_above
    return np.asarray(scores + np.interp(angle, _ANGLES, _raised(critical)), dtype=np.float64)


@lru_cache(maxsize=256)
def _raised(critical: float) -> FloatArray:
    """Returns the critical value at each of ``_ANGLES``, raised for scores being cut.

    A sum of cut scores is too small more often than one of whole scores by the chance that one score is beyond the cap
    and the other so small that only the whole of the first would make up for it.
    """
    score, mass = (part[:, None] for part in _BEYOND_CAP)
    beyond = np.zeros_like(_ANGLES)
    for angle in (_ANGLES, _ANGLES[::-1]):
        weight, other = np.cos(angle), np.maximum(np.sin(angle), 1e-9)
        makes_up = ndtr(-(critical + weight * _CAP) / other) - ndtr(-(critical + weight * score) / other)
        beyond += (mass * makes_up).sum(axis=0)
    return np.asarray(-ndtri(ndtr(-critical) - beyond), dtype=np.float64)
