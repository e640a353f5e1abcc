"""Do the intervals of the held-out figures hold what they promise?

Draws samples of N rows from populations whose figures are known exactly, asks ``held_out_figures`` for its 95 %
intervals and counts how often they miss the population's figure.

A population is a finite list of rows, drawn with replacement: its figures are known because all of its rows are.
Of one in which a class does not occur among a sample's targets, the macro figures are those of the classes that do,
which is what the figures are defined over. The populations differ in the number of classes, the accuracy and the law:

* even: classes equally common, probabilities calibrated;
* overconfident: class k is 1/k as common as the first, logits three times too large;
* hard rare class: as common as before, half of the rarest class looks exactly like the commonest, calibrated otherwise;
* rare blunders: as even, but one row in 50 is wrong with a probability of 1 where all other rows are modest.

    python -m benchmarks.interval_coverage            # about five minutes on one core
    python -m benchmarks.interval_coverage --quick    # half a minute, fewer cells
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from fairlead.measures import (
    ConfusionCounts,
    binomial_interval,
    brier_score,
    expected_calibration_error,
    held_out_figures,
    log_loss,
    macro_auroc,
    softmax,
)
from fairlead.records import Labels, Predictions

FIGURES = (
    "accuracy",
    "balanced_accuracy",
    "precision_macro",
    "recall_macro",
    "f1_macro",
    "auroc_macro",
    "log_loss",
    "brier",
    "ece",
)
MACRO = frozenset(FIGURES[1:6])
LAWS = ("even", "overconfident", "hard rare class", "rare blunders")
POPULATION = 60_000
RESULT = Path(__file__).parent / "results" / "interval_coverage.md"


@dataclass(frozen=True)
class Design:
    """The cells of the simulation and the samples drawn for each."""

    classes: tuple[int, ...] = (2, 3, 10)
    accuracies: tuple[float, ...] = (0.55, 0.8, 0.95, 0.99, 1.0)
    rows: tuple[int, ...] = (20, 50, 100, 300, 1000)
    replicates: int = 500


@dataclass(frozen=True, eq=False)
class Population:
    """Rows to draw from, and their own figures: a float for one, (C,) by class for a macro figure."""

    probabilities: NDArray[np.float64]
    targets: NDArray[np.int64]
    labels: Labels
    truth: dict[str, NDArray[np.float64]]

    def sample(self, rows: int, generator: np.random.Generator) -> Predictions:
        """Draws rows with replacement."""
        drawn = generator.integers(0, len(self.targets), rows)
        return Predictions(self.probabilities[drawn], self.targets[drawn], np.arange(rows), self.labels)

    def figure(self, name: str, sample: Predictions) -> float:
        """Returns the population's figure, over the classes that occur in the sample where it is a macro figure."""
        truth = self.truth[name]
        return float(truth[np.unique(sample.targets)].mean()) if name in MACRO else float(truth)


@dataclass
class Cell:
    """What was seen of one figure in one population at one N."""

    where: str
    rows: int
    below: int = 0  # the truth lies below the interval
    above: int = 0
    samples: int = 0
    widths: float = 0.0

    @property
    def miss(self) -> float:
        """The share of samples whose interval leaves out the truth."""
        return (self.below + self.above) / self.samples

    def excess(self, cells: int) -> bool:
        """Whether missing more than 5 % is shown beyond chance: at 99 %, over all cells at once (Bonferroni)."""
        low, _ = binomial_interval(self.below + self.above, self.samples, level=1 - 2 * 0.01 / cells)
        return float(low) > 0.05


@dataclass
class Tally:
    """All cells of one figure."""

    name: str
    cells: list[Cell] = field(default_factory=list)

    def at(self, rows: int) -> list[Cell]:
        """Returns the cells of one sample size."""
        return [cell for cell in self.cells if cell.rows == rows]


def population(classes: int, accuracy: float, law: str, seed: int) -> Population:
    """Makes rows whose argmax is right at the wished rate, as near as the law allows."""
    generator = np.random.default_rng([seed, classes, round(accuracy * 1000), LAWS.index(law)])
    prior = np.ones(classes) if law in ("even", "rare blunders") else 1 / np.arange(1, classes + 1)
    prior = prior / prior.sum()
    targets = generator.choice(classes, POPULATION, p=prior)
    noise, looks = generator.normal(size=(POPULATION, classes)), targets.copy()
    if law == "hard rare class":
        looks[(targets == classes - 1) & (generator.random(POPULATION) < 0.5)] = 0

    def logits(strength: float) -> NDArray[np.float64]:
        # The log posterior of Gaussian evidence: calibrated at any strength.
        return strength * (noise + strength * np.eye(classes)[looks]) + np.log(prior)

    def short(strength: float) -> float:
        return float((logits(strength).argmax(axis=1) == targets).mean()) - min(accuracy, 0.999)

    weakest, strongest = 0.01, 12.0
    strength = strongest if short(strongest) < 0 else weakest
    if short(weakest) < 0 < short(strongest):
        strength = brentq(short, weakest, strongest, xtol=1e-3)
    scores = logits(strength) * (3.0 if law == "overconfident" else 1.0)
    if law == "rare blunders":
        blunder = generator.random(POPULATION) < 0.02
        scores[blunder] = 40.0 * np.eye(classes)[(targets[blunder] + 1) % classes]
    if accuracy == 1.0:
        right = scores.argmax(axis=1) == targets
        scores, targets = scores[right], targets[right]
    return _with_truth(softmax(scores), targets.astype(np.int64), Labels(tuple(str(code) for code in range(classes))))


def _with_truth(probabilities: NDArray[np.float64], targets: NDArray[np.int64], labels: Labels) -> Population:
    confusion = ConfusionCounts.count(targets, probabilities.argmax(axis=1).astype(np.int64), len(labels))
    right, true, predicted = confusion.right, confusion.true, confusion.predicted
    # One against the rest, each as a problem of two classes.
    areas = [
        macro_auroc(np.column_stack([-scores, scores]), (targets == code).astype(np.int64)).value
        for code, scores in enumerate(probabilities.T)
    ]
    truth = {
        "accuracy": right.sum() / confusion.rows,
        "balanced_accuracy": right / true,
        "precision_macro": right / np.maximum(predicted, 1),
        "recall_macro": right / true,
        "f1_macro": 2 * right / (true + predicted),
        "auroc_macro": np.array(areas),
        "log_loss": log_loss(probabilities, targets).value,
        "brier": brier_score(probabilities, targets).value,
        "ece": expected_calibration_error(probabilities, targets).value,
    }
    return Population(probabilities, targets, labels, {name: np.asarray(value) for name, value in truth.items()})


def simulate(design: Design, seed: int) -> dict[str, Tally]:
    tallies = {name: Tally(name) for name in FIGURES}
    for classes, accuracy, law in itertools.product(design.classes, design.accuracies, LAWS):
        source = population(classes, accuracy, law, seed)
        where = f"C = {classes}, accuracy {float(source.truth['accuracy']):.2f}, {law}"
        generator = np.random.default_rng([seed, classes, round(accuracy * 1000), LAWS.index(law), 1])
        for rows in design.rows:
            for name, cell in measure(source, where, rows, design.replicates, generator).items():
                tallies[name].cells.append(cell)
    return tallies


def measure(
    source: Population, where: str, rows: int, replicates: int, generator: np.random.Generator
) -> dict[str, Cell]:
    cells = {name: Cell(where, rows) for name in FIGURES}
    for _ in range(replicates):
        sample = source.sample(rows, generator)
        for name, estimate in held_out_figures(sample).items():
            if estimate is None:
                continue
            cell, truth = cells[name], source.figure(name, sample)
            cell.samples += 1
            # Perfect truths are sums of rounded terms; an end that is 1 up to rounding has not missed.
            cell.below += truth < estimate.low - 1e-9
            cell.above += truth > estimate.high + 1e-9
            cell.widths += estimate.high - estimate.low
    return {name: cell for name, cell in cells.items() if cell.samples}


def table(tallies: dict[str, Tally], design: Design, seed: int) -> Iterator[str]:
    count = sum(len(tally.cells) for tally in tallies.values())
    populations = len(design.classes) * len(design.accuracies) * len(LAWS)
    yield "# Coverage of the 95 % intervals of the held-out figures\n"
    yield (
        f"{populations} populations (C = {', '.join(map(str, design.classes))}; accuracy wished "
        f"{', '.join(map(str, design.accuracies))}; laws: {', '.join(LAWS)}), each sampled {design.replicates} times "
        f"at every N, seed {seed}. Made by `python -m benchmarks.interval_coverage`, whose docstring says how.\n"
    )
    yield "*Misses*: mean over the populations, then the worst one. 5 % is promised. *Width*: mean of high - low.\n"
    yield "| figure | " + " | ".join(f"N = {rows} misses (worst), width" for rows in design.rows) + " |"
    yield "|---|" + "---|" * len(design.rows)
    for tally in tallies.values():
        entries = [_entry(tally.at(rows)) for rows in design.rows]
        yield f"| {tally.name} | " + " | ".join(entries) + " |"
    failed = [(tally.name, cell) for tally in tallies.values() for cell in tally.cells if cell.excess(count)]
    yield f"\n## Cells that miss more than 5 % beyond chance: {len(failed)} of {count}\n"
    yield "Counted where the lower 99 % bound of the miss rate, Bonferroni over all cells, is above 5 %.\n"
    yield from _rows_of(failed) if failed else ("None.",)
    yield (
        "\nA blunder that costs 36 nats and has not been seen cannot be told from one that does not exist: with rare "
        "blunders no interval of the log loss covers at small N unless it always reaches to about 130 / N.\n"
    )
    worst = [(tally.name, max(tally.cells, key=lambda cell: cell.miss)) for tally in tallies.values()]
    yield "\n## The worst cell of each figure\n"
    chance = 0.05 + float(ndtri(1 - 1 / len(tallies["accuracy"].cells))) * math.sqrt(0.05 * 0.95 / design.replicates)
    yield f"The largest of many: were each true miss rate 5 %, chance alone would show one of about {chance:.1%}.\n"
    yield from _rows_of(worst)


def _entry(cells: list[Cell]) -> str:
    miss, worst = np.mean([cell.miss for cell in cells]), max(cell.miss for cell in cells)
    width = np.mean([cell.widths / cell.samples for cell in cells])
    return f"{miss:.1%} ({worst:.1%}), {width:.3f}"


def _rows_of(cells: Sequence[tuple[str, Cell]]) -> Iterator[str]:
    yield "| figure | N | population | truth below | truth above | samples |"
    yield "|---|---|---|---|---|---|"
    for name, cell in cells:
        below, above = cell.below / cell.samples, cell.above / cell.samples
        yield f"| {name} | {cell.rows} | {cell.where} | {below:.1%} | {above:.1%} | {cell.samples} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer cells; writes a file only with --output")
    parser.add_argument("--replicates", type=int, help="samples a cell (500, quick: 200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help=f"Markdown file to write (full run: {RESULT.name} in results/)")
    options = parser.parse_args(arguments)
    design = Design(replicates=options.replicates or 500)
    if options.quick:
        design = Design((2, 10), (0.8, 0.99), (20, 100, 300), options.replicates or 200)
    started = time.perf_counter()
    text = "\n".join(table(simulate(design, options.seed), design, options.seed)) + "\n"
    print(text)
    output = options.output or (None if options.quick else RESULT)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} s" + (f", written to {output}" if output else ""))


if __name__ == "__main__":
    main()
