r"""Real shifts: are they seen, and called by their name?

    python -m benchmarks.monitor_shifts --pneumonia RUN BUNDLE pneumoniamnist.npz \
        --texts RUN BUNDLE test_suite_cases.csv --rows madlibs.csv

``--pneumonia``: a run of ``recipes.finetune_image`` on the pictures of the train file alone, enlarged to 64 x 64 and
named by their number, its bundle, and the data; the stream is the test file, whose share of pneumonia is another.
``--texts``: a run of ``recipes.finetune_text`` on some of the madlibs, its bundle, and the cases of HateCheck, which
are the stream; ``--rows`` is the table that the run was made with. A bundle holds the reference, the run's calibration
rows. The control of either is a stream of the run's own test rows, which the reference does not hold. Every stream is
sent through the watch of the bundle in several random orders.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet
from scipy.stats import ks_2samp

from benchmarks.monitor_peers import share
from fairlead.bundle import Bundle, Predictor, Seen, scores_of
from fairlead.evidence import WatchReport
from fairlead.monitoring import Watch, WatchSettings
from fairlead.preprocessing import picture_properties
from fairlead.records import Observation

RESULT = Path(__file__).parent / "results" / "monitor_shifts.md"
ORDERS = 20
HOW = (
    f"Made by `benchmarks/monitor_shifts.py`, whose docstring says how: {ORDERS} random orders of each stream, the "
    "whole "
    "watch of the bundle, at its defaults. *Fits a prior shift*: the shares of the classes are said to explain the "
    "latest window alone.\n"
)


def seen_of(bundle: Bundle, items: Sequence[bytes | str]) -> list[Observation]:
    """Answers items and returns what is observed of each."""
    predictor, seen = Predictor.of(bundle, threads=1), list[Seen]()
    slots = predictor.slots([{}] * len(items))
    for start in range(0, len(items), 32):
        read = [predictor.read(item) for item in items[start : start + 32]]
        found: list[Seen] = []
        predictor.answers(read, slots[start : start + 32], observe=found.append)
        seen += found
    scores = scores_of(seen, bundle.reference.sketch if bundle.reference else None)
    return [
        Observation(
            f"r{place}",
            1e9 + place,
            bundle.digest,
            predictor.labels[one.code],
            tuple(map(float, one.probabilities)),
            {name: float(values[place]) for name, values in scores.items() if np.isfinite(values[place])},
        )
        for place, one in enumerate(seen)
    ]


def watched_in(bundle: Bundle, stream: Sequence[Observation], seed: int) -> WatchReport:
    """Sends a stream in a random order through a watch, a second between two."""
    watch = Watch.of(bundle, WatchSettings(seed=seed))
    order = np.random.default_rng(seed).permutation(len(stream))
    times = [one.time for one in stream]
    watch.add([_at(stream[place], time) for place, time in zip(order, times, strict=True)])
    return watch.report()


def _at(seen: Observation, time: float) -> Observation:
    return Observation(seen.id, time, seen.model, seen.predicted, seen.probabilities, seen.scores, seen.groups)


def rows_of(name: str, bundle: Bundle, stream: Sequence[Observation]) -> Iterator[str]:
    """A line of the table, from all orders of a stream, and what the last report says of the window."""
    reports = [watched_in(bundle, stream, seed) for seed in range(ORDERS)]
    raised = [report.alarms for report in reports if report.alarms]
    delays = [min(alarm.raised_item or 0 for alarm in alarms) for alarms in raised]
    first = Counter(alarms[0].name for alarms in raised).most_common(2)
    codes = Counter(code for alarms in raised for code in {alarm.code for alarm in alarms})
    fits = [report.prior_shift.fits for report in reports if report.prior_shift is not None]
    cells = (
        name,
        len(stream),
        share(len(raised), ORDERS),
        f"{np.median(delays):.0f}, {np.quantile(delays, 0.9):.0f}" if delays else "-",
        ", ".join(f"{monitor} {count}" for monitor, count in first) or "-",
        ", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or "-",
        share(sum(fits), len(fits)),
    )
    yield f"| {' | '.join(map(str, cells))} |"


def details(name: str, bundle: Bundle, stream: Sequence[Observation], true: dict[str, float]) -> Iterator[str]:
    """What the report of one order says in words and numbers."""
    report = watched_in(bundle, stream, 0)
    if report.prior_shift is not None:
        shares = ", ".join(
            f"{label} {report.prior_shift.reference[label]:.1%} -> {value:.1%} (true {true[label]:.1%})"
            for label, value in report.prior_shift.window.items()
        )
        known = "a prior shift alone explains the window" if report.prior_shift.fits else "a prior shift is not enough"
        yield (
            f"\n{name}, first order, the latest {report.window_items} items: {shares}; {known} (p = "
            f"{report.prior_shift.p_value:.2g})."
        )
    moved = [one for one in report.moved if one.p_value < 0.05][:6]
    if moved:
        told = "; ".join(
            f"{one.name} {one.reference:.3g} -> {one.window:.3g}{' (explained)' if one.explained else ''}"
            for one in moved
        )
        yield f"Moved: {told}."


def pneumonia(run: Path, bundle: Path, data: Path) -> Iterator[str]:
    """The test file of pneumoniamnist against a reference that was held out of its train file."""
    content = np.load(data)
    labels = ("normal", "pneumonia")
    images = {part: content[f"{part}_images"] for part in ("train", "val", "test")}
    held_out = [int(Path(name).stem) for name in _own_test(run, "file")]
    streams = {
        "val file": [_png(image) for image in images["val"]],
        "test file": [_png(image) for image in images["test"]],
        "control: rows held out of the train file": [_png(images["train"][place]) for place in held_out],
    }
    shares = {
        f"{part} file": {label: float((content[f"{part}_labels"] == code).mean()) for code, label in enumerate(labels)}
        for part in ("val", "test")
    }
    yield from _lines("pneumoniamnist", Bundle.open(bundle), streams, shares)
    yield from _within_classes(images, {part: content[f"{part}_labels"][:, 0] for part in images}, labels)


def texts(run: Path, bundle: Path, data: Path, rows: Path) -> Iterator[str]:
    """HateCheck against a reference of madlibs."""
    with data.open(encoding="utf-8") as file:
        cases = list(csv.DictReader(file))
    with rows.open(encoding="utf-8") as file:
        madlibs = [row["text"] for row in csv.DictReader(file)]
    streams = {
        "HateCheck": [case["test_case"] for case in cases],
        "control: madlibs held out": [madlibs[int(place)] for place in _own_test(run, "index")],
    }
    hateful = float(np.mean([case["label_gold"] == "hateful" for case in cases]))
    yield from _lines("madlibs", Bundle.open(bundle), streams, {"HateCheck": {"BAD": hateful, "NOT_BAD": 1 - hateful}})


def _lines(
    name: str, bundle: Bundle, streams: dict[str, Sequence[bytes | str]], true: dict[str, dict[str, float]]
) -> Iterator[str]:
    rows = bundle.reference.rows if bundle.reference else 0
    observed = {stream: seen_of(bundle, items) for stream, items in streams.items()}
    yield f"\n## {name}: {rows} rows of reference\n"
    yield (
        "| stream | items | orders with an alarm | items to the first: median, 90 % | first monitor | alarms | fits a "
        "prior shift |"
    )
    yield "|---|---|---|---|---|---|---|"
    for stream, seen in observed.items():
        yield from rows_of(stream, bundle, seen)
    for stream, shares in true.items():
        yield from details(stream, bundle, observed[stream], shares)


def _within_classes(
    images: dict[str, NDArray[np.uint8]], targets: dict[str, NDArray[np.int64]], labels: Sequence[str]
) -> Iterator[str]:
    """Whether the pictures of one class are alike in two files, which a prior shift alone would leave so."""
    sharp = {
        part: np.array([picture_properties(np.stack([image] * 3))["input.sharpness"] for image in pictures])
        for part, pictures in images.items()
    }
    yield "\nApart from the monitors: sharpness of the pictures as they come, within a class, against the train file's."
    for part in ("val", "test"):
        for code, label in enumerate(labels):
            one, other = (sharp[name][targets[name] == code] for name in ("train", part))
            found = ks_2samp(one, other)
            yield (
                f"\n* {part} file, {label}: median {np.median(one):.4f} -> {np.median(other):.4f}, "
                f"Kolmogorov-Smirnov distance {found.statistic:.2f}, p = {found.pvalue:.2g} ({len(other)} pictures)"
            )


def _own_test(run: Path, column: str) -> NDArray[np.str_]:
    table = parquet.read_table(run / "predictions.parquet")
    chosen = np.array(table.column("split").to_pylist()) == "test"
    return np.array(table.column(column).to_pylist())[chosen]


def _png(image: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).convert("RGB").resize((64, 64), Image.Resampling.BILINEAR).save(content, "png")
    return content.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """Answers, watches and writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("pneumonia", "the .npz"), ("texts", "the .csv")):
        parser.add_argument(f"--{name}", type=Path, nargs=3, metavar=("RUN", "BUNDLE", "DATA"), help=f"and {what}")
    parser.add_argument("--rows", type=Path, help="the table of texts that the run was made with")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    lines = ["# Real shifts: are they seen, and called by their name?\n", HOW]
    if options.pneumonia:
        lines += pneumonia(*options.pneumonia)
    if options.texts:
        lines += texts(*options.texts, options.rows)
    text = "\n".join(lines) + "\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
