"""Stratified splits of one labelled table, written as tables that every contender can read."""

import csv
import random
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TEST_SHARE = 1 / 3
VAL_SHARE = 0.1  # of the rows that are not for testing; peers train on them, fairlead selects on them
CALIBRATION_SHARE = 0.1  # likewise: fairlead fits its temperature on them


@dataclass(frozen=True)
class Row:
    """One photo: its absolute file and its class."""

    file: str
    label: str


def read_rows(table: Path, label: str) -> list[Row]:
    """Read the photos of a CSV that has a ``file`` column, relative to the table or absolute, and a label column."""
    with table.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        missing = {"file", label} - set(reader.fieldnames or ())
        if missing:
            raise SystemExit(f"{table}: no column {', '.join(sorted(missing))}; it has {reader.fieldnames}")
        return [Row(str((table.parent / row["file"]).resolve()), row[label]) for row in reader]


def write_split(rows: list[Row], path: Path, *, seed: int, most: int | None = None) -> None:
    """Draw a random split within every class and write it with the columns file, label and split.

    Args:
        rows: All photos.
        path: The CSV to write.
        seed: Of the draw.
        most: Keep only this many photos of each class; None keeps them all.
    """
    chance = random.Random(seed)
    by_class = defaultdict(list)
    for row in rows:
        by_class[row.label].append(row)
    lines = []
    for members in by_class.values():
        chance.shuffle(members)
        kept = members[:most]
        test = round(len(kept) * TEST_SHARE)
        rest = len(kept) - test
        val, calibration = max(1, round(rest * VAL_SHARE)), max(1, round(rest * CALIBRATION_SHARE))
        names = ["test"] * test + ["val"] * val + ["calibration"] * calibration
        names += ["train"] * (len(kept) - len(names))
        lines += [(row.file, row.label, name) for row, name in zip(kept, names, strict=True)]
    chance.shuffle(lines)
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("file", "label", "split"), *lines])
