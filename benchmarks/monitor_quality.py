r"""Does the accuracy that is estimated without labels lie in its band?

Windows of 500 items of the reference's own law are sent through a watch without a label; their realised accuracy, and
recall and precision of each class, are then compared with the band that the report gave: 95 % of them lie in it, if
the band means what it says. The plain mean of the probabilities of the classes decided for, and nannyml's CBPE on the
same rows, stand beside.

    python -m benchmarks.monitor_quality --keep kept/ --streams
    uv run --no-project --with-requirements benchmarks/peers/monitoring.txt python benchmarks/peers/monitoring.py \
        cbpe kept/quality.npz kept/peers-quality.json
    python -m benchmarks.monitor_quality --keep kept/            # with --bundle, on real pictures too
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_delays import SHAPE, rows_of_pictures
from benchmarks.monitor_peers import share
from benchmarks.monitor_pictures import measured
from benchmarks.monitor_rows import MODEL, Rows, drawn_rows, reference_of, tallies_of
from fairlead.evidence import Estimate
from fairlead.judgement import Policy
from fairlead.measures import EmbeddingSketch
from fairlead.monitoring import Watch

RESULT = Path(__file__).parent / "results" / "monitor_quality.md"
WINDOW = 500

Draw = Callable[[int, np.random.Generator], Rows]


def overconfident(rows: int, generator: np.random.Generator) -> Rows:
    """Rows whose probabilities are too sure: their log odds are doubled."""
    drawn = drawn_rows(rows, 2, generator)
    squares = drawn.probabilities**2
    return replace(drawn, probabilities=squares / squares.sum(axis=1, keepdims=True))


LAWS: dict[str, Draw] = {
    "calibrated, 2 classes": lambda rows, generator: drawn_rows(rows, 2, generator),
    "calibrated, 10 classes": lambda rows, generator: drawn_rows(rows, 10, generator),
    "overconfident, 2 classes": overconfident,
}


def windows(draw: Draw, counted: int, count: int, seed: int) -> Iterator[tuple[dict[str, Estimate], Rows]]:
    """Yields what each window's report estimated, and the window; every one has a reference of its own."""
    for number in range(count):
        generator = np.random.default_rng([seed, counted, number])
        rows = draw(SHAPE + counted + WINDOW, generator)
        shape, known, window = (
            rows.take(slice(start, stop))
            for start, stop in ((0, SHAPE), (SHAPE, SHAPE + counted), (SHAPE + counted, SHAPE + counted + WINDOW))
        )
        watch = Watch(reference_of(shape, known), tallies_of(known), known.labels, model=MODEL, policy=Policy.default())
        watch.add(window.observations(0, seconds=0.1))
        yield {one.figure: one.estimate for one in watch.report().quality if one.estimate is not None}, window


def realised(figure: str, window: Rows) -> float:
    """The same figure of the window, by its truth; not a number where no item has a say."""
    kind, _, label = figure.partition(".")
    right = window.decided == window.targets
    if kind == "accuracy":
        return float(right.mean())
    code = window.labels.code(label)
    chosen = (window.targets if kind == "recall" else window.decided) == code
    return float(right[chosen].mean()) if chosen.any() else float("nan")


def _table(laws: dict[str, Draw], options: argparse.Namespace) -> Iterator[str]:
    yield (
        "| law | reference rows | windows | figure | in the band | mean width | mean estimate - realised | plain mean "
        "- realised |"
    )
    yield "|---|---|---|---|---|---|---|---|"
    for law, draw in laws.items():
        for counted in (300, 2000):
            inside: dict[str, list[bool]] = {}
            widths: dict[str, list[float]] = {}
            errors: dict[str, list[float]] = {}
            plain = []
            for estimates, window in windows(draw, counted, options.windows, options.seed):
                plain.append(_plain(window) - realised("accuracy", window))
                for figure, one in estimates.items():
                    truth, kind = realised(figure, window), figure.partition(".")[0]
                    if np.isfinite(truth):
                        inside.setdefault(kind, []).append(one.low - 1e-9 <= truth <= one.high + 1e-9)
                        widths.setdefault(kind, []).append(one.high - one.low)
                        errors.setdefault(kind, []).append(one.value - truth)
            for kind, hits in inside.items():
                beside = f"{np.mean(plain):+.4f}" if kind == "accuracy" else "-"
                yield (
                    f"| {law} | {counted} | {options.windows} | {kind} | {share(sum(hits), len(hits))} | "
                    f"{np.mean(widths[kind]):.3f} | {np.mean(errors[kind]):+.4f} | {beside} |"
                )


def _plain(window: Rows) -> float:
    return float(window.probabilities.max(axis=1).mean())


def _pictures(bundle: Path, keep: Path) -> Draw:
    """Real answers of a real model, drawn without replacement."""
    pictures = measured(bundle, keep, "unchanged", 8000, 100)
    whole = rows_of_pictures(pictures, EmbeddingSketch.of(pictures.features[:SHAPE].astype(np.float32)))

    def draw(rows: int, generator: np.random.Generator) -> Rows:
        later = SHAPE + generator.permutation(len(whole) - SHAPE)[: rows - SHAPE]
        return whole.take(np.concatenate([np.arange(SHAPE), later]))

    return draw


def _beside(keep: Path) -> Iterator[str]:
    """The same rows, by nannyml."""
    file = keep / "peers-quality.json"
    if not file.exists():
        yield "\nnannyml was not run."
        return
    found, rows = json.loads(file.read_text()), np.load(keep / "quality.npz")["stream"]
    sure = np.where(rows[:, 1] == 1, rows[:, 0], 1 - rows[:, 0]).reshape(-1, WINDOW).mean(axis=1)
    truth = (rows[:, 1] == rows[:, 2]).reshape(-1, WINDOW).mean(axis=1)
    theirs, plain = np.array(found["value"]), np.array(found["plain"])
    low, high = (np.array(found[f"{end}_confidence_boundary"]) for end in ("lower", "upper"))
    inside = int(((low <= truth) & (truth <= high)).sum())
    anew = "it calibrated the probabilities anew" if found["calibrated"] else "it took the probabilities as they are"
    yield (
        f"\nnannyml's CBPE on {len(theirs)} windows of {WINDOW}, calibrated, 2 classes, 2000 reference rows. With the "
        "probabilities as they are, its estimate and the plain mean differ by at most "
        f"{np.abs(plain - sure).max():.2g}. By "
        f"default ({anew}) they differ by at most {np.abs(theirs - sure).max():.2g}; mean estimate - realised: "
        f"{np.mean(theirs - truth):+.4f}, of the plain mean {np.mean(sure - truth):+.4f}. The realised accuracy lies "
        "in its "
        f"band, three sampling errors to either side, in {share(inside, len(theirs))} (mean width "
        f"{np.mean(high - low):.3f})."
    )


def write_streams(keep: Path, count: int) -> None:
    """Writes a reference and windows for nannyml."""
    generator = np.random.default_rng(23)
    content = {"reference": _columns(drawn_rows(2000, 2, generator))}
    content["stream"] = _columns(drawn_rows(count * WINDOW, 2, generator))
    np.savez(keep / "quality.npz", **content)


def _columns(rows: Rows) -> NDArray[np.float64]:
    return np.column_stack([rows.probabilities[:, 1], rows.decided, rows.targets])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of what was measured")
    parser.add_argument("--bundle", type=Path, help="of lesions: on real pictures too")
    parser.add_argument("--streams", action="store_true", help="write the rows for nannyml, and no table")
    parser.add_argument("--windows", type=int, default=1000, help="of each law and reference")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    if options.streams:
        write_streams(options.keep, 200)
        return
    laws = LAWS if options.bundle is None else LAWS | {"lesions, real": _pictures(options.bundle, options.keep)}
    lines = [
        "# Does the accuracy that is estimated without labels lie in its band?\n",
        "Made by `benchmarks/monitor_quality.py`, whose docstring says how. The band is of 95 %; a reference of its "
        "own, "
        f"and {WINDOW} unlabelled items of the same law, each time.\n",
        *_table(laws, options),
        *_beside(options.keep),
    ]
    text = "\n".join(lines) + "\n"
    options.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
