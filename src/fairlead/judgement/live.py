"""The limits of a policy, held against a model in service: verdicts that may be looked at for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import FairleadError
from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement.group_table import FEWEST_SHOWN, hidden_groups
from fairlead.judgement.policy import Policy
from fairlead.judgement.registry import Figure, FigureKind
from fairlead.judgement.stacked_rates import StackedRates
from fairlead.measures import GroupTally, StartedTallies, rate_sequence_ends

LIVE = "live"
"""The split of findings in service; the release gate does not read it."""

_MISSED_CLEAR = 0.05
_WITHOUT_TRUTH = ("selection_rate",)
Floats = NDArray[np.float64]


def judge_live(
    asked: Sequence[StartedTallies],
    labelled: Sequence[StartedTallies],
    policy: Policy,
    *,
    alpha: float,
    fewest_shown: int = FEWEST_SHOWN,
) -> Ledger:
    """Holds what was counted in service against every limit of a policy, under the codes of every other audit.

    As long as no figure is beyond its limit, the chance that any is *flagged*, at any time, is at most ``alpha``: it is
    divided by the figures judged and over the starts, and at each start by the rates of a figure, so that all of them
    lie in their confidence sequences for ever but for that chance; then no figure, whatever it is made of, lies
    outside of what their ends allow. A figure is *clear* by the same construction since the beginning, with a chance of
    at most 5 % for each that it is ever called so though it is beyond its limit.

    Args:
        asked: For each feature, all items answered; selection rates are read off them.
        labelled: For each feature, in the same order, the items whose truth was told; for all other rates.
        policy: Figures and their limits.
        alpha: Chance of any false flag, for ever.
        fewest_shown: Rows a group must have for its own rate to be quoted, or read off an estimate.

    Examples:
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> groups, unknown = np.arange(2000) % 2, np.full(2000, -1)
        >>> tallies = StartedTallies(GroupTally.count(by, labels, groups[:0], unknown[:0], unknown[:0]))
        >>> tallies.add(7, GroupTally.count(by, labels, groups, unknown, (np.arange(2000) % 4 > 0).astype(np.int64)))
        >>> policy = Policy.from_mapping({"limits": {"selection_rate_difference": 0.1}})
        >>> for finding in judge_live([tallies], [tallies], policy, alpha=0.05):
        ...     print(finding.code, finding.split, finding.verdict.value, finding.estimate)
        FAIR-001 live flagged 0.500 [0.428, 0.563]
    """
    chosen = [
        (Figure.named(name), limit, with_truth if Figure.named(name).rates != _WITHOUT_TRUTH else without)
        for without, with_truth in zip(asked, labelled, strict=True)
        for name, limit in policy.limits.items()
    ]
    judged = sum(not _unfit(figure, tallies.total) for figure, _, tallies in chosen)
    return Ledger(
        tuple(
            _finding(figure, limit, tallies, alpha / max(1, judged), fewest_shown) for figure, limit, tallies in chosen
        )
    )


def _unfit(figure: Figure, tally: GroupTally) -> str:
    """Returns why a figure is not judged in service; empty where it is."""
    if len(tally.by.groups) < 2:
        return f"{tally.by.feature} has fewer than two groups; watch another feature."
    if tally.task not in figure.tasks:
        return f"{figure.name} is not of {tally.task.value} models; choose another figure."
    if figure.rates in (("auc",), ("loss",)):
        return f"{figure.name} is not watched in service; audit the request log, compacted, for it."
    return ""


@dataclass(frozen=True, eq=False)
class _Box:
    """The ends of every rate of a figure, and what they make of it."""

    stack: StackedRates
    kind: FigureKind
    miss: float

    def ends(self, counted: NDArray[np.bool_]) -> tuple[float, float]:
        """Returns the lower and upper end of the figure; only (K, G) counted groups have a say in the lower one."""
        families, groups = self.stack.rows.shape
        low, high = rate_sequence_ends(self.stack.successes, self.stack.effective, self.miss / (families * groups))
        under, over = np.where(counted, low, np.nan), np.where(counted, high, np.nan)
        if self.kind is FigureKind.WORST:
            return _largest(under), float(high.max())
        if self.kind is FigureKind.DIFFERENCE:
            return max(0.0, _largest(under[:, :, None] - over[:, None, :])), float((high.max(1) - low.min(1)).max())
        with np.errstate(divide="ignore", invalid="ignore"):
            apart = 1 - over[:, None, :] / np.where(under > 0, under, np.nan)[:, :, None]
            widest = 1 - low.min(1) / high.max(1)
        return max(0.0, _largest(apart)), float(widest.max())

    def value(self) -> float:
        """Returns the figure itself; NaN where it has no meaning."""
        values = self.stack.values
        known = (~np.isnan(values)).sum(axis=1)
        values = values[known > (0 if self.kind is FigureKind.WORST else 1)]
        if not len(values):
            return float("nan")
        top, bottom = np.nanmax(values, axis=1), np.nanmin(values, axis=1)
        if self.kind is FigureKind.WORST:
            return float(top.max())
        if self.kind is FigureKind.DIFFERENCE:
            return float((top - bottom).max())
        return _largest(1 - bottom / np.where(top > 0, top, np.nan), float("nan"))


def _largest(values: Floats, otherwise: float = 0.0) -> float:
    return otherwise if np.isnan(values).all() else float(np.nanmax(values))


def _finding(figure: Figure, limit: Limit, tallies: StartedTallies, alpha: float, fewest: int) -> Finding:
    feature = tallies.total.by.feature

    def say(verdict: Verdict, remedy: str, estimate: Estimate | None = None) -> Finding:
        return Finding(
            figure.code, figure.name, LIVE, verdict, feature=feature, estimate=estimate, limit=limit, remedy=remedy
        )

    if unfit := _unfit(figure, tallies.total):
        return say(Verdict.NOT_APPLICABLE, unfit[:1].upper() + unfit[1:])
    try:
        verdict, estimate, remedy = _judged(figure, limit, tallies, alpha, fewest)
        return say(verdict, remedy, estimate)
    except (FairleadError, ArithmeticError, ValueError) as error:  # one broken figure hides no other
        return say(Verdict.FAILED, f"The audit itself failed ({type(error).__name__}: {error}); see {figure.anchor}.")


def _judged(
    figure: Figure, limit: Limit, tallies: StartedTallies, alpha: float, fewest: int
) -> tuple[Verdict, Estimate | None, str]:
    since: list[tuple[int | None, GroupTally]] = [(None, tallies.total), *tallies.starts.items()]
    for start, tally in since:
        box = _Box(StackedRates.of(tally, figure.rates), figure.kind, alpha * tallies.share(start))
        if box.ends(box.stack.rows >= limit.rows)[0] > limit.most:
            when = "since the beginning" if start is None else f"over the latest {_buckets(tallies, start)}"
            estimate = _estimate(box, limit, fewest, complement=False)
            if estimate is not None and estimate.low > limit.most:
                what = f"Beyond its limit {when}: look at the items of these groups, send more labels back, and"
                return Verdict.FLAGGED, estimate, f"{what} mend or withdraw the model; {figure.anchor} says how."
    box = _Box(StackedRates.of(tallies.total, figure.rates), figure.kind, _MISSED_CLEAR)
    estimate = _estimate(box, limit, fewest, complement=True)
    fewest_rows = box.stack.rows.min(axis=0)
    short = {
        group: limit.rows - rows
        for group, rows in zip(box.stack.groups, fewest_rows.tolist(), strict=True)
        if rows < limit.rows
    }
    if short or estimate is None:
        return Verdict.INSUFFICIENT, estimate, _wanting(limit, list(short), box.stack.denominators[0])
    if estimate.high < limit.most:
        return Verdict.CLEAR, estimate, "Within its limit since the beginning; nothing to do."
    return Verdict.UNDECIDED, estimate, "The interval holds the limit: wait for more items, or accept that it is open."


def _estimate(box: _Box, limit: Limit, fewest: int, *, complement: bool) -> Estimate | None:
    """Returns the figure with its interval; groups too small to show count as ones without rows."""
    least = min(fewest, limit.rows)
    rows = box.stack.rows
    small = (rows > 0) & (rows < least)
    if complement:
        small = np.stack([hidden_groups(row, least) for row in rows])
    shown = _Box(box.stack.without(small), box.kind, box.miss) if small.any() else box
    value = shown.value()
    if np.isnan(value):
        return None
    low, high = shown.ends(shown.stack.rows >= limit.rows)
    distinct = max(1, box.stack.distinct)
    method = "confidence sequences (beta-binomial mixture) of every group, valid at all times together"
    return Estimate(value, min(low, value), max(high, value), round(1 - box.miss, 6), distinct, method)


def _buckets(tallies: StartedTallies, start: int) -> str:
    buckets = (tallies.newest or start) - start + 1
    return f"{buckets} windows" if buckets > 1 else "window"


def _wanting(limit: Limit, short: Sequence[str], denominator: str) -> str:
    if not short:
        return "No group has a rate above 0, so a ratio has no meaning; judge a difference instead."
    more = f" and {len(short) - 4} others" if len(short) > 4 else ""
    return (
        f"Fewer than {limit.rows} {denominator} in {', '.join(short[:4])}{more}: wait for items, or send labels back."
    )
