"""Do the verdicts of an audit hold what they promise?

Draws groups whose rates are known, audits them and counts how often the audit errs:

* *flagged* where the true gap equals the limit, and *clear* where it does: at most 5 % each;
* intervals that leave out the true figure: at most 5 %;
* figures that are settled on the rows which the audit itself asks for: at least 80 %.

For two groups the chance of either error is also had exactly, by adding up all outcomes, at its least favourable rates.
A cell is accepted when the lower 99 % bound of its error, Bonferroni over all cells, is at most 5 %.

    python -m benchmarks.audit_truth            # some minutes on one core
    python -m benchmarks.audit_truth --quick    # half a minute, fewer cells
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import audit_peers
from benchmarks.audit_cells import (
    Cell,
    Design,
    beyond_chance,
    bounded_cells,
    cluster_cells,
    exact_sizes,
    gap_cells,
    other_cells,
)
from benchmarks.audit_power import Power, power_cells, power_table

RESULT = Path(__file__).parent / "results" / "audit_truth.md"
EXACT = ((1, 1), (3, 3), (3, 30), (10, 10), (10, 100), (30, 30), (50, 50), (30, 300), (100, 100), (150, 150))
QUICK = Design(groups=(2, 4), rows=(10, 100, 1000), lows=(0.02, 0.45, 0.88), samples=400, loops=60)


def table(design: Design, seed: int, *, quick: bool) -> Iterator[str]:
    generator = np.random.default_rng(seed)
    cells = [
        cell for kind in (gap_cells, other_cells, cluster_cells, bounded_cells) for cell in kind(design, generator)
    ]
    yield "# Do the verdicts of an audit hold what they promise?\n"
    yield (
        f"Made by `python -m benchmarks.audit_truth{' --quick' if quick else ''}`, seed {seed}, whose docstring says "
        f"how. Groups: {_list(design.groups)}; rows a group: {_list(design.rows)}; lowest rates: {_list(design.lows)}; "
        f"{design.samples} samples a cell, {design.loops} where rows are made one by one.\n"
    )
    yield from _gaps([cell for cell in cells if cell.figure == "difference"], design)
    yield from _others([cell for cell in cells if cell.figure != "difference"])
    yield from _failed(cells)
    yield from _exact(EXACT[:6] if quick else EXACT)
    yield from _powers(list(power_cells(design, generator)), design)
    yield "\n## A rare group that most batches lack\n"
    yield from audit_peers.rare_group(generator)
    yield "\n## False alarms where there is no gap\n"
    yield from audit_peers.false_alarms(generator, design.loops)
    yield "\n## Speed\n"
    yield from audit_peers.speed(generator)


def _list(numbers: Sequence[float]) -> str:
    return ", ".join(str(number) for number in numbers)


def _gaps(cells: list[Cell], design: Design) -> Iterator[str]:
    yield "## Differences between groups, limit 0.1\n"
    yield "The largest share over the cells, that is over rates and layouts. At most 5 % is promised of each.\n"
    yield "| groups | rows | flagged, gap at limit | clear, gap at limit | interval misses | mean width |"
    yield "|---|---|---|---|---|---|"
    for groups in design.groups:
        for rows in design.rows:
            here = [cell for cell in cells if (cell.groups, cell.rows) == (groups, rows)]
            limit = [cell for cell in here if cell.at_limit]
            flagged, clear = (
                max(getattr(cell, name) / cell.samples for cell in limit) for name in ("flagged", "clear")
            )
            missed, width = max(cell.missed / cell.samples for cell in here), np.mean([cell.width for cell in here])
            yield f"| {groups} | {rows} | {flagged:.1%} | {clear:.1%} | {missed:.1%} | {width:.3f} |"


def _others(cells: list[Cell]) -> Iterator[str]:
    yield "\n## Other figures, each at its limit\n"
    yield "The largest share over the cells.\n"
    yield "| figure | cells | flagged | clear | interval misses |"
    yield "|---|---|---|---|---|"
    for name in dict.fromkeys(cell.figure for cell in cells):
        here = [cell for cell in cells if cell.figure == name]
        shares = (max(getattr(c, kind) / c.samples for c in here) for kind in ("flagged", "clear", "missed"))
        yield f"| {name} | {len(here)} | " + " | ".join(f"{share:.1%}" for share in shares) + " |"


def _failed(cells: list[Cell]) -> Iterator[str]:
    errors = [(cell, name, count) for cell in cells for name, count in cell.errors().items()]
    failed = [(c, name, count) for c, name, count in errors if beyond_chance(count, c.samples, len(errors))]
    yield f"\n## Errors shown to be above 5 % beyond chance: {len(failed)} of {len(errors)}\n"
    yield "Where the lower 99 % bound, Bonferroni over all of them, is above 5 %.\n"
    if not failed:
        yield "None."
        return
    yield "| figure | groups | rows | where | error | seen |"
    yield "|---|---|---|---|---|---|"
    for cell, name, count in failed:
        share = f"{count / cell.samples:.1%} of {cell.samples}"
        yield f"| {cell.figure} | {cell.groups} | {cell.rows} | {cell.where} | {name} | {share} |"


def _exact(pairs: tuple[tuple[int, int], ...]) -> Iterator[str]:
    yield "\n## Two groups, exactly\n"
    yield "Chance of either error at a gap of 0.1, at the least favourable of 401 rates, all outcomes added up.\n"
    yield "| rows of one | of the other | flagged | clear |"
    yield "|---|---|---|---|"
    for first, second, flagged, clear in exact_sizes(pairs):
        yield f"| {first} | {second} | {flagged:.2%} | {clear:.2%} |"


def _powers(powers: list[Power], design: Design) -> Iterator[str]:
    yield "\n## Power on the rows that are asked for, limit 0.1\n"
    yield (
        "*Rows*: those that the true rate asks for. *Clear*: true gap a margin below the limit, half of the groups at "
        "either end (0 where the margin is the limit). *Flagged*: a margin above, one group at either end. *Pilots*: "
        f"{design.loops} of 100 rows a group. Some are settled at once and ask for nothing; to the others, what they "
        "ask for is added (mean rows a group in all), and a new audit of so many rows is made: how often it is clear, "
        "with an exact 95 % interval.\n"
    )
    yield from power_table(powers)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer cells; writes a file only with --output")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help=f"Markdown file to write (full run: {RESULT.name} in results/)")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    text = "\n".join(table(QUICK if options.quick else Design(), options.seed, quick=options.quick)) + "\n"
    print(text)
    output = options.output or (None if options.quick else RESULT)
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
    print(f"{time.perf_counter() - started:.0f} s" + (f", written to {output}" if output else ""))


if __name__ == "__main__":
    main()
