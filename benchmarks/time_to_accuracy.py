"""How long until a model as good as our linear probe? Ours against three peers, timed from outside.

    uv run --group benchmarks python -m benchmarks.time_to_accuracy --data photos.csv --label gender --weights DIR

See benchmarks/README.md for what is measured and where the peers are given the benefit of the doubt.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.contender import OURS, PEERS, Point, run_fairlead, run_peer
from benchmarks.split_table import Row, read_rows, write_split

PACKAGES = ("torch", "timm", "lightning", "transformers", "accelerate", "fastai", "scikit-learn")
WARM_UP_ROWS = 12  # of each class: enough to import, compile and touch everything once


@dataclass(frozen=True)
class Arrival:
    """How one contender did on one split.

    ``seconds`` are those to the first accuracy that is at least ours; where there is none, those to its best one.
    """

    seconds: float
    accuracy: float
    best: float
    reached: bool


def arrive(points: list[Point], target: float) -> Arrival:
    """Find the first point that is as accurate as ``target``, else the most accurate one.

    >>> arrive([Point(5, 0.5), Point(9, 0.7), Point(13, 0.8)], target=0.7)
    Arrival(seconds=9, accuracy=0.7, best=0.8, reached=True)
    >>> arrive([Point(5, 0.5), Point(9, 0.6), Point(13, 0.6)], target=0.7)
    Arrival(seconds=9, accuracy=0.6, best=0.6, reached=False)
    """
    best = max(points, key=lambda point: point.accuracy)
    for point in points:
        if point.accuracy >= target - 1e-6:  # a peer's float32 mean may lie a hair under the same count of rows
            return Arrival(point.seconds, point.accuracy, best.accuracy, reached=True)
    return Arrival(best.seconds, best.accuracy, best.accuracy, reached=False)


@dataclass(frozen=True)
class Race:
    """The rows, the weights and the field."""

    rows: list[Row]
    weights: Path
    peers: Sequence[str]
    epochs: int | None

    def warm_up(self, folder: Path) -> None:
        """Run every contender once and throw the figures away: bytecode is compiled and files are in memory."""
        write_split(self.rows, folder / "whole.csv", seed=0)
        write_split(self.rows, folder / "few.csv", seed=0, most=WARM_UP_ROWS)
        run_fairlead(folder / "whole.csv", self.weights, folder / "warm-ours")
        for name in self.peers:
            run_peer(name, folder / "few.csv", self.weights, folder / f"warm-{name}", epochs=1, seed=0)

    def run_split(self, seed: int, folder: Path) -> dict[str, list[Point]]:
        """Run every contender on one split; who goes first changes with the split."""
        table = folder / f"split{seed}.csv"
        write_split(self.rows, table, seed=seed)
        field = [OURS, *self.peers]
        turn = seed % len(field)
        seen = {}
        for name in field[turn:] + field[:turn]:
            place = folder / f"{name}-{seed}"
            if name == OURS:
                seen[name] = run_fairlead(table, self.weights, place)
            else:
                seen[name] = run_peer(name, table, self.weights, place, epochs=self.epochs, seed=seed)
            print(f"split {seed}, {name}: " + ", ".join(f"{p.accuracy:.3f} at {p.seconds:.1f} s" for p in seen[name]))
        return seen


def spread(values: Sequence[float], form: str) -> str:
    """Write a median and the range it comes from.

    >>> spread([3.0, 1.0, 2.0], ".1f")
    '2.0 (1.0 to 3.0)'
    """
    return f"{statistics.median(values):{form}} ({min(values):{form}} to {max(values):{form}})"


def describe_machine() -> str:
    """Name the processor count, the platform and the versions that ran."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{os.cpu_count()} CPU cores, {platform.machine()}, Python {platform.python_version()}; {packages}."


def tabulate(races: list[dict[str, list[Point]]], peers: Sequence[str]) -> list[str]:
    """Lay the races out as a Markdown table, one row a contender."""
    ours = [race[OURS][0] for race in races]
    seconds, accuracies = [point.seconds for point in ours], [point.accuracy for point in ours]
    lines = [
        "| contender | seconds, median (range) | times ours | got there | accuracy then | best of all its epochs |",
        "|---|---|---|---|---|---|",
        f"| fairlead, linear probe | {spread(seconds, '.1f')} | 1 | {len(ours)} of {len(ours)} "
        f"| {spread(accuracies, '.3f')} | {spread(accuracies, '.3f')} |",
    ]
    for name in peers:
        arrivals = [arrive(race[name], target) for race, target in zip(races, accuracies, strict=True)]
        ratios = [arrival.seconds / mine for arrival, mine in zip(arrivals, seconds, strict=True)]
        reached = sum(arrival.reached for arrival in arrivals)
        lines.append(
            f"| {PEERS[name]} | {spread([arrival.seconds for arrival in arrivals], '.1f')} | {spread(ratios, '.1f')} "
            f"| {reached} of {len(arrivals)} | {spread([arrival.accuracy for arrival in arrivals], '.3f')} "
            f"| {spread([arrival.best for arrival in arrivals], '.3f')} |"
        )
    return lines


def compose(races: list[dict[str, list[Point]]], race: Race, *, data: str, test_rows: int) -> str:
    """Write the page: what was run, the table, and how to read it; ``data`` names the dataset and the label."""
    text = [
        "# Time to the accuracy of the probe",
        "",
        f"{data}: {len(race.rows)} photos, {test_rows} of them test rows, {len(races)} random splits by class. "
        f"Weights: `{race.weights.name}`. {describe_machine()}",
        "",
        *tabulate(races, race.peers),
        "",
        "Seconds run from the start of the process to the moment the test accuracy is written; imports, decoding and "
        "one evaluation included. For a split on which a peer never got there, they are those to its best epoch, so "
        f"its ratio is a lower bound. One test row is {1 / test_rows:.4f} of accuracy. Made by "
        "`python -m benchmarks.time_to_accuracy`; `benchmarks/README.md` says how.",
        "",
    ]
    return "\n".join(text)


def keep(output: Path, page: str, races: list[dict[str, list[Point]]]) -> None:
    """Write the page, and every point behind it as JSON beside it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    points = [{name: [asdict(point) for point in seen] for name, seen in found.items()} for found in races]
    output.with_suffix(".json").write_text(json.dumps(points, indent=1) + "\n", encoding="utf-8")
    print(page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CSV with a column file and the label column")
    parser.add_argument("--label", required=True)
    parser.add_argument("--weights", type=Path, required=True, help="folder in timm layout")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--epochs", type=int, help="of every peer; default: what suits each")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/time_to_accuracy.md"))
    command = parser.parse_args()
    race = Race(read_rows(command.data, command.label), command.weights.resolve(), command.peers, command.epochs)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        race.warm_up(folder)
        test_rows = sum(line.endswith(",test") for line in (folder / "whole.csv").read_text("utf-8").splitlines())
        races = [race.run_split(seed, folder) for seed in range(command.splits)]
    data = f"`{command.data.name}`, label `{command.label}`"
    keep(command.output, compose(races, race, data=data, test_rows=test_rows), races)


if __name__ == "__main__":
    main()
