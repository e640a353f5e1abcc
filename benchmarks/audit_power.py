"""Are the rows that an audit asks for enough?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit_cells import LIMIT, Design, Floats, rates_of, tally_of_hits
from fairlead.evidence import Limit, Verdict
from fairlead.judgement import Policy, judge
from fairlead.measures import GroupTally, Plan, TailShares, difference_ends


@dataclass(frozen=True)
class Power:
    """How often a figure was settled on the rows that were asked for."""

    groups: int
    rate: float
    margin: float
    rows: int
    clear: float
    flagged: float
    asked_rows: float
    asked: float


def power_cells(design: Design, generator: np.random.Generator) -> Iterator[Power]:
    """Power on the rows that the true rate asks for, and on those that a pilot audit of 100 rows a group asks for."""
    shares = TailShares.of(0.95, 1)
    for groups in design.groups:
        for rate in (0.5, 0.8, 0.9, 0.95):
            for margin in (0.05, 0.1):
                limit = Limit(LIMIT, margin)
                rows = Plan(rate, limit, groups, 1, shares).rows_a_group() or 0
                sizes = np.full((design.samples // 2, 1, groups), float(rows))
                within = rates_of(groups, rate - (LIMIT - margin) / 2, LIMIT - margin, "halves")
                _, high = difference_ends(generator.binomial(rows, within, sizes.shape) * 1.0, sizes, sizes > 0, shares)
                beyond = rates_of(
                    groups, min(rate - (LIMIT + margin) / 2, 1 - LIMIT - margin), LIMIT + margin, "one pair"
                )
                low, _ = difference_ends(generator.binomial(rows, beyond, sizes.shape) * 1.0, sizes, sizes > 0, shares)
                asked, settled = _asked(within, limit, groups, design.loops // 2, generator)
                yield Power(
                    groups,
                    rate,
                    margin,
                    rows,
                    float((high < LIMIT).mean()),
                    float((low > LIMIT).mean()),
                    asked,
                    settled,
                )


def _asked(
    within: Floats, limit: Limit, groups: int, loops: int, generator: np.random.Generator
) -> tuple[float, float]:
    """Returns the mean of the rows a group a pilot asks for in all, and how often they settle the figure."""
    name = "true_positive_rate_difference"
    policy = Policy({name: limit})
    total, settled = 0, 0
    for _ in range(loops):
        pilot = np.full(groups, 100)
        (finding,) = judge([_tally_of_rates(generator.binomial(pilot, within), pilot)], policy, "test")
        needed = finding.rows_needed or {}
        rows = pilot + np.array([needed.get(f"g=g{code}, positives", 0) for code in range(groups)])
        (again,) = judge([_tally_of_rates(generator.binomial(rows, within), rows)], policy, "test")
        total += int(rows.mean())
        settled += again.verdict is Verdict.CLEAR
    return total / loops, settled / loops


def _tally_of_rates(successes: NDArray[np.int64], rows: NDArray[np.int64]) -> GroupTally:
    """A tally of positives, so many of which were found in each group."""
    hits = [np.arange(size) < hit for size, hit in zip(rows, successes, strict=True)]
    return tally_of_hits(np.repeat(np.arange(len(rows)), rows), np.concatenate(hits))
