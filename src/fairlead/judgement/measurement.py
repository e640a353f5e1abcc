"""One figure, measured on one tally."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Estimate, Limit
from fairlead.judgement.group_table import hidden_groups
from fairlead.judgement.registry import Figure, FigureKind
from fairlead.judgement.row_planning import rows_of_means, rows_of_rates
from fairlead.judgement.stacked_rates import StackedRates
from fairlead.measures import (
    BoundedMeans,
    GroupTally,
    LossTally,
    TailShares,
    difference_ends,
    group_auc,
    shortfall_ends,
    worst_rate_ends,
)

_ENDS = {
    FigureKind.DIFFERENCE: (difference_ends, "inverted exact binomial tests of every pair of groups"),
    FigureKind.SHORTFALL: (shortfall_ends, "inverted exact binomial tests of every pair of groups"),
    FigureKind.WORST: (worst_rate_ends, "exact binomial (Clopper-Pearson) of every group"),
}

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measurement:
    """What a tally says of a figure, before a verdict is given.

    Attributes:
        estimate: None where fewer than two groups have any row of a denominator that may be quoted, or all rates of a
            ratio are 0. Rows of groups that are too small to show do not enter it.
        short: Names of the declared groups with fewer rows of a denominator than the limit asks for.
        extremes: The groups that are farthest apart, in words; empty where one of them is too small to show.
        plan: Gives ``rows_needed``.
    """

    estimate: Estimate | None
    short: tuple[str, ...]
    extremes: str
    plan: Callable[[], Mapping[str, int]]

    @cached_property
    def rows_needed(self) -> Mapping[str, int]:
        """Rows to add by group and denominator, planned when asked for: a figure that is settled needs none."""
        return self.plan()


def measure(
    figure: Figure, tally: GroupTally | LossTally, limit: Limit, shares: TailShares, fewest: int = 10
) -> Measurement:
    """Measures a figure on a tally of a task it applies to, and plans for what would settle it.

    A group of fewer rows than ``fewest`` is taken for one without rows: its rate cannot be read off the estimate, whose
    interval allows for any. No verdict turns on that: a group of fewer rows than the limit asks for has no say in the
    lower end, and keeps the figure from being clear. Where a policy's own ``rows`` is smaller, that is what counts.

    Args:
        figure: What to measure.
        tally: Counts of at least two declared groups.
        limit: What the figure will be held against.
        shares: Chances of missing, below and above.
        fewest: Rows a group must have for its own rate to be shown.

    Examples:
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> groups, ones = np.arange(200) % 2, np.ones(200, dtype=np.int64)
        >>> tally = GroupTally.count(by, labels, groups, ones, (np.arange(200) % 8 > 0).astype(np.int64))
        >>> figure = Figure.named("true_positive_rate_difference")
        >>> found = measure(figure, tally, Limit(0.1, margin=0.1), TailShares.of(0.95, 1))
        >>> str(found.estimate), found.extremes
        ('0.250 [0.159, 0.350]', 'm 1.000, f 0.750')
    """
    if isinstance(tally, LossTally):
        return _of_means(figure, tally.means(), tally, limit, shares, fewest)
    if figure.rates == ("auc",):
        return _of_means(figure, group_auc(tally), tally, limit, shares, fewest)
    full = StackedRates.of(tally, figure.rates)
    stack, estimate = full, _of_rates(figure, full, limit, shares)
    small = (full.rows > 0) & (full.rows < min(fewest, limit.rows))
    if small.any():
        stack = full.without(small)
        estimate = _of_rates(figure, stack, limit, shares)
        if estimate is None or estimate.low <= limit.most:
            # Nothing is flagged: then the next smallest is left out with an only small one, as where rates are quoted.
            stack = full.without(np.stack([hidden_groups(rows, min(fewest, limit.rows)) for rows in full.rows]))
            estimate = _of_rates(figure, stack, limit, shares)
    extremes = ""
    if estimate is not None:
        worst = int(np.nanargmax(figure_by_family(figure.kind, stack.values)))
        extremes = farthest_groups(figure.kind, stack.groups, stack.values[worst], stack.rows[worst], fewest)
        extremes += f" ({stack.titles[worst]})" if extremes and stack.titles[worst] else ""
    plan = partial(rows_of_rates, full, figure.kind, limit, shares)
    return Measurement(estimate, _short(full.groups, full.rows, limit), extremes, plan)


def _of_rates(figure: Figure, stack: StackedRates, limit: Limit, shares: TailShares) -> Estimate | None:
    figures = figure_by_family(figure.kind, stack.values)
    if np.isnan(figures).all():
        return None
    ends, method = _ENDS[figure.kind]
    low, high = ends(stack.successes[None], stack.effective[None], (stack.rows >= limit.rows)[None], shares)
    method += ", on effective rows of clusters" if stack.clustered else ""
    value = float(np.nanmax(figures))
    return _estimate(value, (float(low[0]), float(high[0])), shares, stack.distinct, method)


def _of_means(
    figure: Figure, means: BoundedMeans, tally: GroupTally | LossTally, limit: Limit, shares: TailShares, fewest: int
) -> Measurement:
    unit = tally.most if isinstance(tally, LossTally) else 1.0
    scaled = replace(limit, most=limit.most / unit, margin=limit.margin / unit)
    plan = partial(rows_of_means, means, tally.by.feature, figure.kind, scaled, shares)
    short, rows = _short(means.groups, means.rows, limit), int(means.rows.sum())
    small = (means.rows > 0) & (means.rows < min(fewest, limit.rows))
    if small.any():
        shown = means.without(small)
        ends = shown.worst_ends if figure.kind is FigureKind.WORST else shown.difference_ends
        flagged = ends(shown.rows >= limit.rows, shares)[0] > scaled.most
        means = shown if flagged else means.without(hidden_groups(means.rows, min(fewest, limit.rows)))
    counted = means.rows >= limit.rows
    value = float(figure_by_family(figure.kind, means.values[None])[0])
    estimate, extremes = None, ""
    if not np.isnan(value):
        ends = means.worst_ends if figure.kind is FigureKind.WORST else means.difference_ends
        low, high = ends(counted, shares)
        method = "Chernoff-Hoeffding bounds of every group" + (
            "" if means.variances is None else ", or empirical Bernstein bounds where they are nearer"
        )
        estimate = _estimate(value * unit, (low * unit, high * unit), shares, rows, method)
        extremes = farthest_groups(figure.kind, means.groups, means.values * unit, means.rows, fewest)
    return Measurement(estimate, short, extremes, plan)


def figure_by_family(kind: FigureKind, values: Floats) -> Floats:
    """Returns (K,) the figure of each family from (K, G) rates; NaN where it has no meaning."""
    known = ~np.isnan(values)
    high = np.where(known, values, -np.inf).max(axis=1)
    low = np.where(known, values, np.inf).min(axis=1)
    groups = known.sum(axis=1)
    if kind is FigureKind.WORST:
        return np.where(groups > 0, high, np.nan)
    if kind is FigureKind.DIFFERENCE:
        return np.where(groups > 1, high - np.where(groups > 1, low, 0.0), np.nan)
    good = (groups > 1) & (high > 0)
    return np.where(good, 1 - np.where(good, low, 0.0) / np.where(good, high, 1.0), np.nan)


def _estimate(value: float, ends: tuple[float, float], shares: TailShares, rows: int, method: str) -> Estimate:
    chances = f"{shares.below:.2%} may lie below for all figures judged together, {shares.above:.2%} above"
    # The value of families that are too small to speak may be the largest; the ends enclose what is told.
    return Estimate(
        value, min(ends[0], value), max(ends[1], value), round(shares.level, 6), max(1, rows), f"{method}; {chances}"
    )


def farthest_groups(
    kind: FigureKind, groups: tuple[str, ...], values: Floats, rows: NDArray[np.int64], fewest: int
) -> str:
    """Returns the groups that are farthest apart, in words; nothing where one of them is too small to show."""
    top, bottom = int(np.nanargmax(values)), int(np.nanargmin(values))
    chosen = [top] if kind is FigureKind.WORST else [top, bottom]
    if min(int(rows[group]) for group in chosen) < fewest:
        return ""
    if len(chosen) == 2 and values[top] == values[bottom]:
        return f"all groups {values[top]:.3f}"
    return ", ".join(f"{groups[group]} {values[group]:.3f}" for group in chosen)


def _short(groups: tuple[str, ...], rows: NDArray[np.int64], limit: Limit) -> tuple[str, ...]:
    fewest = np.atleast_2d(rows).min(axis=0).tolist()
    return tuple(group for group, count in zip(groups, fewest, strict=True) if count < limit.rows)
