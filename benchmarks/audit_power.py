"""Are the rows that an audit asks for enough?

A pilot of 100 rows a group is audited. One that is *clear* (or *flagged*) already asks for nothing, so it says nothing
of the rows that are asked for: it is counted apart. To the others, what they ask for is added, and a *new* audit of so
many rows is made.

    python -m benchmarks.audit_power --groups 2 4 --rates 0.8 0.9 0.95   # these cells alone, as Markdown
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.audit_cells import LIMIT, Design, Floats, rates_of, tally_of_hits
from fairlead.evidence import Limit, Verdict
from fairlead.judgement import Policy, judge
from fairlead.measures import GroupTally, Plan, TailShares, binomial_interval, difference_ends

PILOT = 100  # rows a group
NAME = "true_positive_rate_difference"
RATES, MARGINS = (0.5, 0.8, 0.9, 0.95), (0.05, 0.1)
SHARES = TailShares.of(0.95, 1)


@dataclass(frozen=True)
class Pilots:
    """What became of pilots at a true gap within the limit.

    Attributes:
        settled: Clear at once.
        wrong: Flagged at once.
        asked: All others.
        rows: The mean rows a group in all, of those that asked.
        clear: How many of those are clear in a new audit of so many rows.
    """

    settled: int
    wrong: int
    asked: int
    rows: float
    clear: int


@dataclass(frozen=True)
class Power:
    """How often a figure was settled on the rows that were asked for."""

    groups: int
    rate: float
    margin: float
    rows: int
    clear: float
    flagged: float
    pilots: Pilots


def power_cells(
    design: Design,
    generator: np.random.Generator,
    rates: Sequence[float] = RATES,
) -> Iterator[Power]:
    """Power on the rows that the true rate asks for, and on those that a pilot audit of 100 rows a group asks for."""
    for groups in design.groups:
        for rate in rates:
            for margin in MARGINS:
                limit = Limit(LIMIT, margin)
                rows = Plan(rate, limit, groups, 1, SHARES).rows_a_group() or 0
                within = rates_of(groups, rate - (LIMIT - margin) / 2, LIMIT - margin, "halves")
                beyond = rates_of(
                    groups, min(rate - (LIMIT + margin) / 2, 1 - LIMIT - margin), LIMIT + margin, "one pair"
                )
                everyone = np.full((design.samples // 2, groups), rows)
                _, high = _audited(within, everyone, generator)
                low, _ = _audited(beyond, everyone, generator)
                clear, flagged = float((high < LIMIT).mean()), float((low > LIMIT).mean())
                yield Power(groups, rate, margin, rows, clear, flagged, _pilots(within, limit, design.loops, generator))


def _audited(rates: Floats, rows: NDArray[np.int64], generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Returns the ends of the intervals of R new audits of (R, G) rows."""
    sizes = rows[:, None, :].astype(np.float64)
    return difference_ends(generator.binomial(rows, rates)[:, None, :] * 1.0, sizes, sizes > 0, SHARES)


def _pilots(within: Floats, limit: Limit, loops: int, generator: np.random.Generator) -> Pilots:
    policy, pilot = Policy({NAME: limit}), np.full(len(within), PILOT)
    settled, wrong, totals = 0, 0, []
    for _ in range(loops):
        (finding,) = judge([_tally_of_rates(generator.binomial(pilot, within), pilot)], policy, "test")
        settled += finding.verdict is Verdict.CLEAR
        wrong += finding.verdict is Verdict.FLAGGED
        if finding.rows_needed:
            needed = [finding.rows_needed.get(f"g=g{code}, positives", 0) for code in range(len(within))]
            totals.append(pilot + needed)
    if not totals:
        return Pilots(settled, wrong, 0, 0.0, 0)
    rows = np.array(totals)
    _, high = _audited(within, rows, generator)
    return Pilots(settled, wrong, len(rows), float(rows.mean()), int((high < LIMIT).sum()))


def power_table(powers: Sequence[Power]) -> Iterator[str]:
    """The cells as Markdown."""
    yield (
        "| groups | rate | margin | rows | clear | flagged | pilots clear, flagged at once | the others ask for | "
        "clear then |"
    )
    yield "|---" * 9 + "|"
    for p in powers:
        told = "none asks"
        if p.pilots.asked:
            low, high = binomial_interval([p.pilots.clear], [p.pilots.asked])
            told = f"{p.pilots.clear / p.pilots.asked:.0%} [{float(low[0]):.0%}, {float(high[0]):.0%}]"
        loops = p.pilots.settled + p.pilots.wrong + p.pilots.asked
        yield (
            f"| {p.groups} | {p.rate} | {p.margin} | {p.rows} | {p.clear:.0%} | {p.flagged:.0%} | "
            f"{p.pilots.settled / loops:.0%}, {p.pilots.wrong / loops:.1%} | {p.pilots.rows:.0f} | {told} |"
        )


def _tally_of_rates(successes: NDArray[np.int64], rows: NDArray[np.int64]) -> GroupTally:
    """A tally of positives, so many of which were found in each group."""
    hits = [np.arange(size) < hit for size, hit in zip(rows, successes, strict=True)]
    return tally_of_hits(np.repeat(np.arange(len(rows)), rows), np.concatenate(hits))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--groups", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    parser.add_argument("--pilots", type=int, default=600)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    design = Design(groups=tuple(options.groups), loops=options.pilots)
    for line in power_table(list(power_cells(design, np.random.default_rng(options.seed), options.rates))):
        print(line, flush=True)


if __name__ == "__main__":
    main()
