"""From counts to what can be said of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fairlead.errors import ConfigurationError, FairleadError
from fairlead.evidence import OPEN, Finding, Ledger, Limit, Verdict
from fairlead.judgement.group_table import FEWEST_SHOWN
from fairlead.judgement.measurement import Measurement, measure
from fairlead.judgement.policy import Policy
from fairlead.judgement.registry import Figure
from fairlead.measures import GroupTally, LossTally, TailShares

Tally = GroupTally | LossTally
_SHOWN = 4  # of a list of groups in a sentence


def judge(
    tallies: Iterable[Tally], policy: Policy, split: str, *, level: float = 0.95, fewest_shown: int = FEWEST_SHOWN
) -> Ledger:
    """Holds every feature's tally against every limit of a policy: one finding for each figure, feature and split.

    An interval is made for each figure, and its verdict read off it: *flagged* where it lies above the limit, *clear*
    where it lies below, *undecided* where it holds it. Over all the figures that are judged together, the chance that
    any is flagged though within its limit is at most 5 %; that a figure beyond its limit is called clear, at most 5 %.

    Where a declared group has too few rows of a figure's own denominator, or none, the figure is *insufficient*,
    unless those groups that have enough are already farther apart than the limit: more groups cannot bring them
    nearer. Rows without a value of the feature are counted, told of, and compared with no one: they are not a group.

    Args:
        tallies: One for each feature or intersection; a classifier's and a loss's of one feature may both be given.
        policy: Figures and their limits.
        split: What the rows are of.
        level: Coverage of each interval.
        fewest_shown: Rows a group must have for its own rate to be quoted. A smaller one does not enter an estimate,
            lest its rate be read off it; the interval then allows for any rate of it.

    Raises:
        ConfigurationError: no tally, or two of one feature that a figure could be read off.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures import FeatureGroups
        >>> from fairlead.records import Labels
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> groups, ones = np.arange(2000) % 2, np.ones(2000, dtype=np.int64)
        >>> found = (np.arange(2000) % 8 > 0).astype(np.int64)
        >>> policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
        >>> for finding in judge([GroupTally.count(by, labels, groups, ones, found)], policy, "test"):
        ...     print(finding.verdict.value, finding.estimate)
        flagged 0.250 [0.223, 0.278]
    """
    by_feature: dict[str, list[Tally]] = {}
    for tally in tallies:
        by_feature.setdefault(tally.by.feature, []).append(tally)
    if not by_feature:
        raise ConfigurationError("there is nothing to judge: declare a sensitive feature and count by it")
    asked = [
        (Figure.named(name), limit, _tally_for(Figure.named(name), given), given[0])
        for given in by_feature.values()
        for name, limit in policy.limits.items()
    ]
    judged = sum(tally is not None for _, _, tally, _ in asked)
    shares = TailShares.of(level, max(1, judged))
    return Ledger(
        tuple(
            _not_applicable(figure, limit, first, split)
            if tally is None
            else _judged(figure, limit, tally, split, shares, fewest_shown)
            for figure, limit, tally, first in asked
        )
    )


def _tally_for(figure: Figure, tallies: Sequence[Tally]) -> Tally | None:
    """Returns the tally the figure can be read off, if there is one."""
    fitting = [
        tally
        for tally in tallies
        if tally.task in figure.tasks
        and len(tally.by.groups) > 1
        and (figure.rates != ("auc",) or (isinstance(tally, GroupTally) and tally.scores is not None))
    ]
    if len(fitting) > 1:
        raise ConfigurationError(
            f"two tallies of {fitting[0].by.feature!r} would each give {figure.name}: add them up, or give one"
        )
    return fitting[0] if fitting else None


def _not_applicable(figure: Figure, limit: Limit, tally: Tally, split: str) -> Finding:
    feature = tally.by.feature
    if len(tally.by.groups) < 2:
        why = f"{feature} has one group, {tally.by.groups[0]}, and no other to compare it with; audit another feature."
    elif tally.task not in figure.tasks:
        tasks = " or ".join(sorted(task.value for task in figure.tasks))
        why = f"{figure.name} is of {tasks} models, this one is {tally.task.value}; choose another figure."
    else:
        why = f"{figure.name} needs scores, and the tally holds none; count it with the positive class's probability."
    return Finding(
        figure.code, figure.name, split, Verdict.NOT_APPLICABLE, feature=feature, limit=limit, remedy=sentence(why)
    )


def _judged(figure: Figure, limit: Limit, tally: Tally, split: str, shares: TailShares, fewest_shown: int) -> Finding:
    try:
        found = measure(figure, tally, limit, shares, fewest_shown)
        verdict = _verdict(found, limit)
        needed = found.rows_needed if verdict in OPEN else None
    except (FairleadError, ArithmeticError, ValueError) as error:  # one broken figure hides no other
        return Finding(
            figure.code,
            figure.name,
            split,
            Verdict.FAILED,
            feature=tally.by.feature,
            limit=limit,
            remedy=f"The audit itself failed ({type(error).__name__}: {error}); see {figure.anchor}.",
        )
    return Finding(
        figure.code,
        figure.name,
        split,
        verdict,
        feature=tally.by.feature,
        estimate=found.estimate,
        limit=limit,
        rows_needed=needed,
        remedy=_remedy(figure, limit, found, verdict) + missing_values(tally, fewest_shown),
    )


def _verdict(found: Measurement, limit: Limit) -> Verdict:
    if found.estimate is None:
        return Verdict.INSUFFICIENT
    if found.estimate.low > limit.most:
        return Verdict.FLAGGED
    if found.short:
        return Verdict.INSUFFICIENT
    return Verdict.CLEAR if found.estimate.high < limit.most else Verdict.UNDECIDED


def _remedy(figure: Figure, limit: Limit, found: Measurement, verdict: Verdict) -> str:
    shown = f" ({found.extremes})" if found.extremes else ""
    needed = found.rows_needed if verdict in OPEN else {}
    rows = listed([f"{count} more {name}" for name, count in needed.items()], "; ")
    if verdict is Verdict.FLAGGED:
        text = (
            f"Beyond its limit{shown}: look at the rows of these groups that are wrong, then mend the data, the "
            f"training or the threshold, and audit again; {figure.anchor} says how."
        )
        if found.short:
            text += f" Too small to speak besides: {listed(found.short)}."
    elif verdict is Verdict.CLEAR:
        text = f"Within its limit{shown}; nothing to do."
    elif verdict is Verdict.INSUFFICIENT:
        text = (
            f"Fewer than {limit.rows} rows of the figure's own denominator in {listed(found.short)}: gather {rows}."
            if found.short
            else "No group has a rate above 0, so a ratio has no meaning; judge a difference instead."
        )
    else:
        text = f"The interval holds the limit{shown}: gather {rows}, or accept that it is not settled."
    return text


def missing_values(tally: Tally, fewest: int) -> str:
    """Returns how many rows have no value of the feature, in a sentence; nothing where all have one."""
    per_slot = tally.rows
    missing, rows = int(per_slot[-1]), int(per_slot.sum())
    if not missing:
        return ""
    told = f"{missing} of {rows}" if missing >= fewest else f"Fewer than {fewest} of {rows}"
    return f" {told} rows have no value of {tally.by.feature} and are compared with no one."


def listed(names: Sequence[str], joint: str = ", ") -> str:
    """Returns the first of some names, and how many others there are."""
    more = f"{joint}and {len(names) - _SHOWN} others" if len(names) > _SHOWN else ""
    return joint.join(names[:_SHOWN]) + more


def sentence(text: str) -> str:
    """Begins a text with a capital."""
    return text[:1].upper() + text[1:]
