"""The cells of ``audit_truth``: groups of which the truth is known, audited many times over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from fairlead.evidence import Limit
from fairlead.judgement import Figure, measure
from fairlead.measures import (
    FeatureGroups,
    GroupTally,
    LossTally,
    TailShares,
    binomial_interval,
    difference_ends,
    group_auc,
    largest_difference,
    shortfall_ends,
    worst_rate_ends,
)
from fairlead.records import Labels

LIMIT = 0.1
BINARY = Labels(("no", "yes"))
Floats = NDArray[np.float64]


@dataclass
class Cell:
    """What was seen of one figure in one population: how often of ``samples`` each thing happened."""

    figure: str
    where: str
    groups: int
    rows: int
    at_limit: bool
    samples: int
    flagged: int
    clear: int
    missed: int
    width: float

    def errors(self) -> dict[str, int]:
        """Returns the counts that may each be at most 5 % of the samples."""
        counts = {"interval misses": self.missed}
        return counts | ({"flagged": self.flagged, "clear": self.clear} if self.at_limit else {})


def beyond_chance(count: int, samples: int, cells: int) -> bool:
    """Whether more than 5 % is shown: at 99 %, over all cells at once (Bonferroni)."""
    low, _ = binomial_interval(count, samples, level=1 - 2 * 0.01 / cells)
    return float(low) > 0.05


def rates_of(groups: int, low: float, gap: float, layout: str) -> Floats:
    """Returns (G,) rates that are ``gap`` apart: one group at either end, or half of them."""
    rates = np.full(groups, low + gap / 2)
    rates[0], rates[-1] = low + gap, low
    if layout == "halves":
        rates = np.where(np.arange(groups) < groups // 2, low + gap, low)
    return rates


@dataclass(frozen=True)
class Design:
    """Which cells are simulated, and how often."""

    groups: tuple[int, ...] = (2, 4, 8)
    rows: tuple[int, ...] = (10, 30, 100, 300, 1000, 3000)
    lows: tuple[float, ...] = (0.02, 0.1, 0.45, 0.8, 0.88)
    figures_judged: tuple[int, ...] = (1, 9)
    samples: int = 1000
    loops: int = 300


def gap_cells(design: Design, generator: np.random.Generator) -> Iterator[Cell]:
    """Differences: the gap at its limit, in two layouts, and no gap at all; equal rows and very unequal ones."""
    for groups in design.groups:
        for rows in design.rows:
            for low in design.lows:
                for gap, layout in ((LIMIT, "one pair"), (LIMIT, "halves"), (0.0, "together")):
                    if groups == 2 and layout == "halves":
                        continue
                    rates = rates_of(groups, low, gap, layout)
                    judged = design.figures_judged[(groups + rows) % len(design.figures_judged)]
                    sizes = np.full(groups, rows)
                    if layout == "halves":
                        sizes[-1] = max(10, rows // 10)
                    yield _cell("difference", difference_ends, rates, sizes, gap, judged, design.samples, generator)


def other_cells(design: Design, generator: np.random.Generator) -> Iterator[Cell]:
    """Ratios, worst groups, and the worst of two families, in fewer populations."""
    for groups in design.groups[:2]:
        for rows in design.rows[::2]:
            for low in design.lows[1::2]:
                rates = rates_of(groups, low, LIMIT, "one pair")
                sizes, samples = np.full(groups, rows), design.samples
                shortfall = 1 - low / (low + LIMIT)
                yield _cell("ratio shortfall", shortfall_ends, rates, sizes, shortfall, 1, samples, generator)
                yield _cell("worst rate", worst_rate_ends, rates, sizes, float(rates.max()), 1, samples, generator)
                both = np.stack([rates, rates[::-1]])
                yield _cell("worst of two", difference_ends, both, sizes, LIMIT, 1, samples, generator)


def _cell(
    name: str,
    ends: Callable[..., tuple[Floats, Floats]],
    rates: Floats,
    sizes: NDArray[np.int64],
    truth: float,
    judged: int,
    samples: int,
    generator: np.random.Generator,
) -> Cell:
    rates = np.atleast_2d(rates)
    rows = np.broadcast_to(sizes, (samples, *rates.shape)).astype(np.float64)
    successes = generator.binomial(sizes, rates, rows.shape).astype(np.float64)
    low, high = ends(successes, rows, rows > 0, TailShares.of(0.95, judged))
    limit = LIMIT if name == "difference" else truth
    where = f"rates {rates[0].min():.2f} to {rates[0].max():.2f}, {judged} judged"
    if len(set(sizes.tolist())) > 1:
        where += f", smallest group {sizes.min()}"
    return Cell(
        name,
        where,
        rates.shape[1],
        int(sizes.max()),
        truth >= limit,
        samples,
        int((low > limit + 1e-9).sum()),
        int((high < limit - 1e-9).sum()),
        int(((low > truth + 1e-9) | (high < truth - 1e-9)).sum()),
        float((high - low).mean()),
    )


def exact_sizes(pairs: tuple[tuple[int, int], ...]) -> Iterator[tuple[int, int, float, float]]:
    """The largest chance of either error at the limit over all rates, by adding up every outcome of two groups.

    Yields:
        Rows of the two groups, the chance of *flagged* and that of *clear*, the largest over a grid of 401 rates.
    """
    for first, second in pairs:
        counts = np.concatenate([np.arange(first + 1), np.arange(second + 1)]).astype(np.float64)
        rows = np.concatenate([np.full(first + 1, first), np.full(second + 1, second)]).astype(np.float64)
        one, two = np.meshgrid(np.arange(first + 1), np.arange(second + 1) + first + 1, indexing="ij")
        up, down = (
            largest_difference(counts, rows, a.ravel(), b.ravel(), 0.025).reshape(one.shape)
            for a, b in ((one, two), (two, one))
        )
        flagged = (-up > LIMIT) | (-down > LIMIT)
        clear = (up < LIMIT) & (down < LIMIT)
        worst = [0.0, 0.0]
        for low in np.linspace(0, 1 - LIMIT, 401):
            for p1, p2 in ((low + LIMIT, low), (low, low + LIMIT)):
                chances = np.outer(
                    binom.pmf(np.arange(first + 1), first, p1), binom.pmf(np.arange(second + 1), second, p2)
                )
                worst = [max(worst[0], float(chances[flagged].sum())), max(worst[1], float(chances[clear].sum()))]
        yield first, second, worst[0], worst[1]


def tally_of_hits(
    codes: NDArray[np.int64], hits: NDArray[np.bool_], clusters: NDArray[np.int64] | None = None
) -> GroupTally:
    """A tally of positives of each group, found or not."""
    by = FeatureGroups("g", tuple(f"g{code}" for code in range(int(codes.max()) + 1)))
    return GroupTally.count(
        by, BINARY, codes, np.ones(len(codes), dtype=np.int64), hits.astype(np.int64), clusters=clusters
    )


def cluster_cells(design: Design, generator: np.random.Generator) -> Iterator[Cell]:
    """Two groups whose rows come in clusters that are more or less alike, the gap at its limit."""
    figure = Figure.named("true_positive_rate_difference")
    for number, size in ((20, 5), (60, 10), (200, 5)):
        for alike in (0.05, 0.3, 0.8):
            for low in (0.45, 0.85):
                seen = []
                for _ in range(design.loops):
                    rates = np.repeat([low + LIMIT, low], number)
                    spread = 1 / alike - 1  # the intraclass correlation of a beta-binomial is 1 / (a + b + 1)
                    own = generator.beta(rates * spread, (1 - rates) * spread)
                    hits = generator.random((2 * number, size)) < own[:, None]
                    codes, clusters = np.repeat([0, 1], number * size), np.repeat(np.arange(2 * number), size)
                    tally = tally_of_hits(codes, hits.ravel(), clusters)
                    seen.append(measure(figure, tally, Limit(LIMIT, rows=1), TailShares.of(0.95, 1)).estimate)
                where = f"{number} clusters of {size}, alike {alike}, rates from {low}"
                yield _of_estimates("difference, clustered", where, number * size, seen, LIMIT)


def bounded_cells(design: Design, generator: np.random.Generator) -> Iterator[Cell]:
    """Areas from histograms, and clipped losses, the figure at its limit."""
    area, by = Figure.named("auc_difference"), FeatureGroups("g", ("g0", "g1"))
    for rows in (100, 1000):
        for shift in (1.0, 2.5):
            areas = group_auc(_tally_of_scores(by, 200 * rows, shift, generator)).values
            truth, seen = float(abs(areas[0] - areas[1])), []
            for _ in range(design.loops):
                tally = _tally_of_scores(by, rows, shift, generator)
                seen.append(measure(area, tally, Limit(truth, rows=1), TailShares.of(0.95, 1)).estimate)
            yield _of_estimates("auc difference", f"areas {areas.min():.2f} and {areas.max():.2f}", rows, seen, truth)
    worst = Figure.named("worst_group_loss")
    for rows in (30, 1000):
        for rare in (0.02, 0.5):
            seen = []
            for _ in range(design.loops):
                losses = np.where(generator.random(2 * rows) < rare, 1.0, 0.01)
                tally = LossTally.count(by, np.tile([0, 1], rows), losses, most=1.0)
                truth = rare + 0.01 * (1 - rare)
                seen.append(measure(worst, tally, Limit(truth, rows=1), TailShares.of(0.95, 1)).estimate)
            yield _of_estimates("worst group loss", f"one loss in {1 / rare:.0f} is large", rows, seen, truth)


def _tally_of_scores(by: FeatureGroups, rows: int, shift: float, generator: np.random.Generator) -> GroupTally:
    groups, targets = np.tile([0, 1], 2 * rows), np.repeat([0, 1], 2 * rows)
    logits = generator.normal(size=4 * rows) + np.where(groups == 0, shift, shift - 0.5) * targets - 1
    return GroupTally.count(by, BINARY, groups, targets, targets, scores=1 / (1 + np.exp(-logits)))


def _of_estimates(name: str, where: str, rows: int, seen: list, truth: float) -> Cell:
    low, high = (np.array([getattr(estimate, end) for estimate in seen]) for end in ("low", "high"))
    return Cell(
        name,
        where,
        2,
        rows,
        True,
        len(seen),
        int((low > truth + 1e-6).sum()),
        int((high < truth - 1e-6).sum()),
        int(((low > truth + 1e-6) | (high < truth - 1e-6)).sum()),
        float((high - low).mean()),
    )
