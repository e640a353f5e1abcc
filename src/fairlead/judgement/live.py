"""The limits of a policy, held against a model in service: verdicts that may be looked at for ever."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError, FairleadError
from fairlead.evidence import OPEN, Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement.findings import listed, missing_values, sentence
from fairlead.judgement.group_table import FEWEST_SHOWN, hidden_groups
from fairlead.judgement.measurement import farthest_groups, figure_by_family
from fairlead.judgement.policy import Policy
from fairlead.judgement.registry import Figure, FigureKind
from fairlead.judgement.stacked_rates import StackedRates
from fairlead.measures import GroupTally, StartedTallies, rate_sequence_ends

LIVE = "live"
"""The split of findings in service; the release gate does not read it."""

_MISSED_CLEAR = 0.05  # the chance that a figure beyond its limit is ever called clear
_WITHOUT_TRUTH = ("selection_rate",)
_ROUND_TO = 10  # as in row_planning: an exact number would give away how many a small group has
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

    While each group's rates stay what they are, and no figure is beyond its limit, the chance that any is *flagged* at
    any time is at most ``alpha``. It is divided by the figures judged, by the starts (``StartedTallies.share``), and at
    each start by all rates the figure is made of (Bonferroni): but for that chance every rate lies in its confidence
    sequence from every start at all times, and so does every figure in what the ends of its rates allow. A flag rests
    on one start, and shows what was counted from there.

    A figure is *clear* by what was counted since the beginning. The chance that one beyond its limit is ever called so
    is at most 5 %, with no correction for many rates or figures: the two groups that are truly farthest apart, or the
    one that truly fares worst, would have to be missed (intersection-union).

    Args:
        asked: For each feature, all items answered; selection rates are read off them, and when service began.
        labelled: For each feature, in the same order, the items whose truth was told; for all other rates.
        policy: Figures and their limits.
        alpha: Chance of any false flag, for ever.
        fewest_shown: Rows a group must have for its own rate to be quoted, or read off an estimate.

    Returns:
        A finding for each feature and figure; none without features.

    Raises:
        ConfigurationError: other features asked for than labelled, or a chance that is not between 0 and 1.

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
        FAIR-001 live flagged 0.500 [0.428, 0.560]
    """
    features = [[tallies.total.by for tallies in counted] for counted in (asked, labelled)]
    if features[0] != features[1]:
        raise ConfigurationError("the features asked and labelled must be the same, in one order; count both by each")
    if not 0 < alpha < 1:
        raise ConfigurationError(f"the chance of a false flag lies between 0 and 1, got {alpha}; 0.05 is usual")
    chosen = [
        _Asked(figure, limit, both, labels if figure.rates != _WITHOUT_TRUTH else both, fewest_shown)
        for both, labels in zip(asked, labelled, strict=True)
        for figure, limit in ((Figure.named(name), limit) for name, limit in policy.limits.items())
    ]
    judged = sum(not each.unfit for each in chosen)
    return Ledger(tuple(each.finding(alpha / max(1, judged)) for each in chosen))


@dataclass(frozen=True, eq=False)
class _Asked:
    """One figure of one feature: what is held against its limit, and the clock whose beginning shares go by."""

    figure: Figure
    limit: Limit
    clock: StartedTallies
    counted: StartedTallies
    fewest: int

    @property
    def unfit(self) -> str:
        """Why the figure is not judged in service; empty where it is."""
        figure, tally = self.figure, self.counted.total
        if len(tally.by.groups) < 2:
            return f"{tally.by.feature} has fewer than two groups to compare; watch another feature."
        if tally.task not in figure.tasks:
            return f"{figure.name} is not of {tally.task.value} models; choose another figure."
        if figure.rates in (("auc",), ("loss",)):
            return f"{figure.name} is not watched in service; compact the request log and audit it."
        return ""

    def finding(self, alpha: float) -> Finding:
        figure, limit, total = self.figure, self.limit, self.counted.total
        estimate, needed = None, None
        if self.unfit:
            verdict, remedy = Verdict.NOT_APPLICABLE, sentence(self.unfit)
        else:
            try:
                verdict, estimate, remedy, lacking = self._judged(alpha)
                needed = lacking if verdict in OPEN else None
                remedy += missing_values(total, self.fewest)
            except (FairleadError, ArithmeticError, ValueError) as error:  # one broken figure hides no other
                verdict, estimate = Verdict.FAILED, None
                remedy = f"The audit itself failed ({type(error).__name__}: {error}); see {figure.anchor}."
        return Finding(
            figure.code,
            figure.name,
            LIVE,
            verdict,
            feature=total.by.feature,
            estimate=estimate,
            limit=limit,
            rows_needed=needed,
            remedy=remedy,
        )

    def _judged(self, alpha: float) -> tuple[Verdict, Estimate | None, str, dict[str, int]]:
        """Returns the verdict, the estimate it rests on, what to do, and the rows that groups lack."""
        limit = self.limit
        boxes = [self._box(None, self.counted.total, alpha)]
        boxes += [self._box(start, tally, alpha) for start, tally in self.counted.starts.items()]
        low = _low_ends(boxes)
        highest = int(np.argmax(low))
        if low[highest] > limit.most:
            box = boxes[highest]
            estimate, apart = box.shown(self.fewest, flagged=True)
            when = "since the beginning" if box.start is None else self._latest(box.start)
            remedy = (
                f"Beyond its limit {when}{apart}: look at the items of these groups that are wrong, then mend the data "
                f"or the threshold, or take the model out of service; {self.figure.anchor} says how."
            )
            return Verdict.FLAGGED, estimate, remedy, {}
        estimate, apart = boxes[0].shown(self.fewest, flagged=False)
        if short := boxes[0].short:
            asked = "wait for items" if self.figure.rates == _WITHOUT_TRUTH else "wait for items and send labels back"
            remedy = f"Fewer than {limit.rows} rows of the figure's own denominator in {listed(short)}: {asked}."
            return Verdict.INSUFFICIENT, estimate, remedy, boxes[0].lacking
        if estimate is None:
            remedy = "No group has a rate above 0, so a ratio has no meaning; judge a difference instead."
            return Verdict.INSUFFICIENT, None, remedy, {}
        if estimate.high < limit.most:
            return Verdict.CLEAR, estimate, f"Within its limit since the beginning{apart}; nothing to do.", {}
        remedy = f"The interval holds the limit{apart}: wait for more items, or accept that it is not settled."
        return Verdict.UNDECIDED, estimate, remedy, {}

    def _box(self, start: int | None, tally: GroupTally, alpha: float) -> _Box:
        stack = StackedRates.of(tally, self.figure.rates)
        return _Box(stack, self.figure.kind, self.limit, alpha * self.clock.share(start), start)

    def _latest(self, start: int) -> str:
        buckets = (self.clock.newest or start) - start + 1
        return f"over the latest {buckets} intervals of the clock" if buckets > 1 else "over its latest interval"


@dataclass(frozen=True, eq=False)
class _Box:
    """The rates of a figure since one start, and the chance that it is ever flagged wrongly from there."""

    stack: StackedRates
    kind: FigureKind
    limit: Limit
    miss: float
    start: int | None

    @property
    def short(self) -> tuple[str, ...]:
        """Names of the groups with fewer rows of a denominator than the limit asks for."""
        fewest = self.stack.rows.min(axis=0).tolist()
        return tuple(group for group, rows in zip(self.stack.groups, fewest, strict=True) if rows < self.limit.rows)

    @property
    def lacking(self) -> dict[str, int]:
        """Rows that they lack, in tens, by group and denominator."""
        tens = np.ceil(np.maximum(self.limit.rows - self.stack.rows, 0) / _ROUND_TO).astype(np.int64) * _ROUND_TO
        stack = self.stack
        names = [f"{stack.feature}={group}, {rows}" for rows in stack.denominators for group in stack.groups]
        return {name: count for name, count in zip(names, tens.ravel().tolist(), strict=True) if count}

    def shown(self, fewest: int, *, flagged: bool) -> tuple[Estimate | None, str]:
        """Returns the figure with its interval, and the groups that are farthest apart.

        Groups too small to show count as ones without rows; unless the figure is flagged, the next smallest does so
        beside an only one, as in ``measure``. None of them has a say in the lower end.
        """
        least = min(fewest, self.limit.rows)
        rows = self.stack.rows
        small = (rows > 0) & (rows < least)
        if not flagged:
            small = np.stack([hidden_groups(row, least) for row in rows])
        box = _Box(self.stack.without(small), self.kind, self.limit, self.miss, self.start)
        figures = figure_by_family(self.kind, box.stack.values)
        if np.isnan(figures).all():
            return None, ""
        worst = int(np.nanargmax(figures))
        value, low, high = float(figures[worst]), float(_low_ends([box])[0]), _high_end(box.stack, self.kind)
        method = (
            f"time-uniform (beta-binomial mixture) of every group's rate: at any time, {self.miss:.2g} may lie below "
            f"from this start, {_MISSED_CLEAR:.0%} above"
        )
        level = round(1 - self.miss - _MISSED_CLEAR, 6)
        estimate = Estimate(value, min(low, value), max(high, value), level, max(1, self.stack.distinct), method)
        apart = farthest_groups(self.kind, box.stack.groups, box.stack.values[worst], box.stack.rows[worst], fewest)
        title = f", {box.stack.titles[worst]}" if box.stack.titles[worst] else ""
        return estimate, f" ({apart}{title})" if apart else ""


def _low_ends(boxes: Sequence[_Box]) -> Floats:
    """Returns the least that each of S figures may be, by groups of rows enough alone; (S,)."""
    kind, rows = boxes[0].kind, np.stack([box.stack.rows for box in boxes])
    _, families, groups = rows.shape
    miss = np.array([box.miss for box in boxes])[:, None, None] / (families * groups)
    successes, effective = (np.stack([getattr(b.stack, name) for b in boxes]) for name in ("successes", "effective"))
    low, high = rate_sequence_ends(successes, effective, miss)
    counted = rows >= boxes[0].limit.rows
    top = np.where(counted, low, 0.0).max(axis=2)
    if kind is FigureKind.WORST:
        return np.asarray(top.max(axis=1), dtype=np.float64)
    bottom = np.where(counted, high, 1.0).min(axis=2)
    if kind is FigureKind.DIFFERENCE:
        return np.asarray(np.maximum(top - bottom, 0.0).max(axis=1), dtype=np.float64)
    short = 1 - bottom / np.where(top > 0, top, 1.0)
    return np.asarray(np.where(top > 0, np.maximum(short, 0.0), 0.0).max(axis=1), dtype=np.float64)


def _high_end(stack: StackedRates, kind: FigureKind) -> float:
    """Returns the most that a figure may be: that of the pair which may be farthest apart; any without rows."""
    rates = 1 if kind is FigureKind.WORST else 2
    low, high = rate_sequence_ends(stack.successes, stack.effective, _MISSED_CLEAR / rates)
    if kind is FigureKind.WORST:
        return float(high.max())
    top, bottom = high[:, :, None], low[:, None, :]
    apart = top - bottom if kind is FigureKind.DIFFERENCE else 1 - bottom / top
    return max(0.0, float(np.where(np.eye(len(stack.groups), dtype=bool), 0.0, apart).max()))
