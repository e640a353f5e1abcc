"""The command line and the diary that every peer shares: which rows it gets, and when it knew what."""

import argparse
import csv
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

STARTED_VARIABLE = "BENCHMARK_STARTED"
"""Name of the environment variable that holds ``time.monotonic()`` as it was when the process was spawned."""

_IMPORTED = time.monotonic()  # the earliest moment a script started by hand knows of


@dataclass(frozen=True)
class Epoch:
    """What a contender knew at the end of one epoch.

    ``seconds`` runs from the start of the process to the moment the test accuracy is known. ``evaluation_seconds`` is
    the part of this epoch spent on the test rows, so that a reader can charge one evaluation instead of all of them.
    """

    seconds: float
    evaluation_seconds: float
    accuracy: float


class Timeline:
    """A JSON list of epochs, whole on disk after every one of them.

    The clock starts where the parent process says it spawned this one: ``time.monotonic`` is shared by all processes
    of a machine. The list is replaced, never rewritten in place, so a reader that polls never sees half of it.
    """

    def __init__(self, path: Path):
        self._path = path
        self._epochs: list[Epoch] = []
        self._started = float(os.environ.get(STARTED_VARIABLE, _IMPORTED))

    def add(self, accuracy: float, evaluation_seconds: float) -> None:
        """Note the accuracy on the test rows, known just now."""
        seconds = time.monotonic() - self._started
        self._epochs.append(Epoch(seconds, evaluation_seconds, accuracy))
        text = json.dumps([asdict(epoch) for epoch in self._epochs], indent=1)
        fresh = self._path.with_name(self._path.name + ".fresh")
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(self._path)
        print(f"epoch {len(self._epochs)}: accuracy {accuracy:.4f} at {seconds:.1f} s", flush=True)


@dataclass(frozen=True)
class Photos:
    """The rows of a split table: absolute files, class indices, and the class names in the order of the indices."""

    train: list[tuple[str, int]]
    test: list[tuple[str, int]]
    classes: list[str]


def read_photos(table: Path) -> Photos:
    """Read a CSV with the columns file, label and split; every row that is not ``test`` is for training."""
    with table.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    classes = sorted({row["label"] for row in rows if row["split"] != "test"})
    place = {name: index for index, name in enumerate(classes)}
    pairs = [(row["split"], (row["file"], place[row["label"]])) for row in rows]
    return Photos(
        train=[pair for split, pair in pairs if split != "test"],
        test=[pair for split, pair in pairs if split == "test"],
        classes=classes,
    )


def parse_arguments(description: str, *, epochs: int, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the small command line all peers share; ``epochs`` is the default that suits this peer."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--table", type=Path, required=True, help="CSV: file (absolute), label, split")
    parser.add_argument(
        "--weights", type=Path, required=True, help="folder in timm layout: config.json, model.safetensors"
    )
    parser.add_argument("--output", type=Path, required=True, help="where the JSON timeline goes")
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)
