"""Which rows to gather, group by group, so that the next audit settles a figure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fairlead.evidence import Limit
from fairlead.judgement.registry import FigureKind
from fairlead.judgement.stacked_rates import StackedRates
from fairlead.measures import BoundedMeans, Plan, TailShares, binomial_interval, bounded_mean_rows, worst_rate_rows

_ROUND_TO = 10  # rows are given in tens: their exact number would give away how many a small group has
_LEVEL = 0.6  # a plan is made for the most variable rate that an interval of this level holds
_HALVINGS = 3


def rows_of_rates(stack: StackedRates, kind: FigureKind, limit: Limit, shares: TailShares) -> dict[str, int]:
    """Returns the rows to add by group and denominator; a group that has enough is left out.

    Args:
        stack: What has been counted.
        kind: How the figure is made of rates.
        limit: The limit, the margin beyond it that matters, and the fewest rows.
        shares: Chances of missing that the figure's interval has.
    """
    families, groups = stack.rows.shape
    design = np.where(stack.effective > 0, stack.rows / np.where(stack.effective > 0, stack.effective, 1.0), 1.0)
    rates = [_most_variable(stack, family) for family in range(families)]

    def wanted(limit: Limit) -> NDArray[np.float64] | None:
        if kind is FigureKind.WORST:
            needed = [worst_rate_rows(limit, groups * families, shares)] * families
        else:
            ratio = kind is FigureKind.SHORTFALL
            needed = [Plan(rate, limit, groups, families, shares, ratio).rows_a_group() for rate in rates]
        return None if None in needed else np.array(needed, dtype=np.float64)[:, None] * design

    names = [f"{stack.feature}={group}, {rows}" for rows in stack.denominators for group in stack.groups]
    return _missing(names, stack.rows, limit, wanted)


def rows_of_means(
    means: BoundedMeans, feature: str, kind: FigureKind, limit: Limit, shares: TailShares
) -> dict[str, int]:
    """Returns the rows to add by group, for means of bounded values.

    Args:
        means: What has been counted.
        feature: The sensitive feature.
        kind: How the figure is made of the means.
        limit: The limit as a share of the bound.
        shares: Chances of missing that the figure's interval has.
    """
    known = means.rows > 0
    spread = means.values * (1 - means.values) if means.variances is None else means.variances
    variance = float(spread[known].max()) if known.any() else 0.25

    def wanted(limit: Limit) -> NDArray[np.float64] | None:
        ends = 1 if kind is FigureKind.WORST else 2
        needed = bounded_mean_rows(variance, limit, len(means.groups), shares, ends=ends)
        return None if needed is None else np.full(len(means.groups), float(needed))

    return _missing([f"{feature}={group}, {means.denominator}" for group in means.groups], means.rows, limit, wanted)


def _missing(
    names: list[str],
    rows: NDArray[np.int64],
    limit: Limit,
    wanted: Callable[[Limit], NDArray[np.float64] | None],
) -> dict[str, int]:
    """Where as many rows as planned are there already, the figure lies near its limit: plans for half the margin."""
    fewest = np.full(rows.shape, float(limit.rows))
    short = np.zeros(rows.shape)
    for halving in range(_HALVINGS):
        planned = wanted(replace(limit, margin=limit.margin / 2**halving))
        short = np.maximum(fewest if planned is None else np.maximum(planned, fewest), rows) - rows
        if short.any() or planned is None:
            break
    tens = (np.ceil(short / _ROUND_TO) * _ROUND_TO).astype(np.int64)
    return {name: count for name, count in zip(names, tens.ravel().tolist(), strict=True) if count}


def _most_variable(stack: StackedRates, family: int) -> float:
    rows = float(stack.effective[family].sum())
    if not rows:
        return 0.5
    low, high = (float(end) for end in binomial_interval(stack.successes[family].sum(), rows, _LEVEL))
    return min(max(0.5, low), high)
