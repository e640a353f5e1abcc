"""What many explanations say together, by group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement import UNRELIABLE_EXPLANATIONS
from fairlead.measures import BoundedMeans, binomial_interval
from fairlead.records import ExplainedRow, SensitiveFeature, Split

_LEVEL = 0.95
_LIMIT = Limit(0.5, margin=0.25, rows=20)

ByGroup = dict[str, dict[str, Estimate | None]]
"""By feature, then group; of all rows under the feature and group ""."""


def unreliable_finding(rows: Sequence[ExplainedRow], failure: str, split: Split, stopped: str = "") -> Ledger:
    """Returns the one finding on a split's explanations: how many are not reliable. The release gate does not read it.

    Args:
        rows: Those explained.
        failure: Why there are none.
        split: Of the rows.
        stopped: Why they are fewer, or their values rougher, than was asked for; empty where they are not.

    Examples:
        >>> [(one.code, one.verdict.value) for one in unreliable_finding((), "no gradient", Split.TEST)]
        [('SHAP-001', 'failed')]
    """

    def finding(verdict: Verdict, remedy: str, estimate: Estimate | None = None) -> Ledger:
        made = Finding(
            UNRELIABLE_EXPLANATIONS,
            "unreliable_explanations",
            split.value,
            verdict,
            estimate=estimate,
            limit=_LIMIT,
            remedy=remedy,
        )
        return Ledger((made,))

    if failure:
        return finding(Verdict.FAILED, f"Not explained: {failure}")
    if not rows:
        why = f": {stopped}" if stopped else ""
        return finding(
            Verdict.INSUFFICIENT, f"No row was explained{why}. Explain {_LIMIT.rows} or more, or give more time."
        )
    bad = sum(not row.attribution.certificate.reliable for row in rows)
    low, high = binomial_interval(bad, len(rows), _LEVEL)
    estimate = Estimate(bad / len(rows), float(low), float(high), _LEVEL, len(rows), "exact binomial (Clopper-Pearson)")
    told = f"{len(rows) - bad} of {len(rows)} explanations are reliable by their certificates"
    told += f"; {stopped}." if stopped else "."
    if len(rows) < _LIMIT.rows:
        return finding(Verdict.INSUFFICIENT, f"{told} Explain {_LIMIT.rows} or more to say more.", estimate)
    if estimate.low > _LIMIT.most:
        remedy = (
            f"{told} Most show nothing that can be relied on: look at the reasons, or take another method or layer."
        )
        return finding(Verdict.FLAGGED, remedy, estimate)
    if estimate.high < _LIMIT.most:
        return finding(Verdict.CLEAR, told, estimate)
    return finding(Verdict.UNDECIDED, f"{told} Explain more rows to say more.", estimate)


def mass_by_group(rows: Sequence[ExplainedRow], sensitive: Sequence[SensitiveFeature]) -> dict[str, ByGroup]:
    """Returns for each region the mean share of the attribution on it, of the rows that have it.

    Args:
        rows: Reliable or not: those that are not are left out.
        sensitive: The declared features.
    """
    reliable = [row for row in rows if row.attribution.certificate.reliable]
    names = dict.fromkeys(name for row in reliable for name in row.mass)
    return {name: _by_group([row for row in reliable if name in row.mass], sensitive, _mass_on(name)) for name in names}


def reliable_by_group(rows: Sequence[ExplainedRow], sensitive: Sequence[SensitiveFeature]) -> ByGroup:
    """Returns the share of explanations that are reliable.

    Args:
        rows: Reliable or not.
        sensitive: The declared features.
    """
    return _by_group(list(rows), sensitive, lambda row: float(row.attribution.certificate.reliable))


def _mass_on(region: str) -> Callable[[ExplainedRow], float]:
    return lambda row: row.mass[region]


def _by_group(
    rows: Sequence[ExplainedRow], sensitive: Sequence[SensitiveFeature], value: Callable[[ExplainedRow], float]
) -> ByGroup:
    found: ByGroup = {"": {"": _mean([value(row) for row in rows])}}
    for place, feature in enumerate(sensitive):
        found[feature.name] = {
            group: _mean([value(row) for row in rows if row.groups[place] == group]) for group in feature.groups
        }
    return found


def _mean(values: Sequence[float]) -> Estimate | None:
    """Returns the mean of values from 0 to 1, with bounds that hold whatever their law."""
    if not values:
        return None
    count, array = len(values), np.array(values)
    means = BoundedMeans(
        "share", "rows", ("",), np.array([array.mean()]), np.array([count]), np.array([float(count)]),
        np.array([array.var(ddof=1) if count > 1 else 0.25]),
    )  # fmt: skip
    low, high = means.ends((1 - _LEVEL) / 2)
    value = float(array.mean())
    return Estimate(
        value,
        min(float(low[0]), value),
        max(float(high[0]), value),
        _LEVEL,
        count,
        "Chernoff-Hoeffding bounds, or empirical Bernstein bounds where they are nearer",
    )
