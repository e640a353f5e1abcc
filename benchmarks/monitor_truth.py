r"""Do the alarms of monitoring mean what they say?

* Unchanged streams: in how many of them does *any* monitor of the whole set raise an alarm, or a live finding is
  flagged, however long one looks? At most alpha = 5 %.
* Changed streams: after how many items is the change seen? Real pictures through a real model, made brighter, blurred
  or noisy, other shares of the classes, pictures of another kind, and a group whose errors double.
* Four replicas that are merged: the same question of the merged alarms, and whether what was counted adds up exactly.

The peers get the same streams, from a file, as they need an environment of their own (``benchmarks/peers/monitoring``).

    uv run python -m benchmarks.monitor_truth --keep kept/ --bundle RUN/bundle --streams   # writes what peers read
    uv run --no-project --with-requirements benchmarks/peers/monitoring.txt \
        python benchmarks/peers/monitoring.py drift kept/pictures.npz kept/peers-pictures.json   # and rows, errors
    uv run python -m benchmarks.monitor_truth --keep kept/ --bundle RUN/bundle

``RUN`` is a run of ``recipes.finetune_image`` without ``--data``. What was measured is kept in the folder, and a second
call goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.monitor_alarms import ALPHA, Alarms, Setting, kept_runs, merges_exactly
from benchmarks.monitor_delays import (
    COUNTED,
    NEVER,
    UNCHANGED,
    Delays,
    PictureStreams,
    Streams,
    error_streams,
    kept_delays,
)
from benchmarks.monitor_peers import delay_cells, error_delays, false_alarms, said_by_peers, share
from benchmarks.monitor_rows import drawn_rows
from fairlead.measures import binomial_interval

RESULT = Path(__file__).parent / "results" / "monitor_truth.md"
SETTINGS = tuple(Setting(rows, classes) for rows in (300, 2000) for classes in (2, 10))
SAID = "## What this says"  # from here on, written by hand
PEERS = {"rows": 40, "pictures": 20}  # streams that are written for them


def report(options: argparse.Namespace) -> Iterator[str]:
    """The whole of the result."""
    yield "# Do the alarms of monitoring mean what they say?\n"
    yield (
        "Made by `benchmarks/monitor_truth.py`, whose docstring says how. Intervals are exact (Clopper-Pearson), 95 "
        "%.\n"
    )
    yield from _false_alarms(options)
    yield from false_alarms(options.keep)
    if options.bundle is not None:
        yield from _delays(options)
    yield from _errors(options)
    yield from _merged(options)


# -- unchanged -----------------------------------------------------------------------------------------


def _false_alarms(options: argparse.Namespace) -> Iterator[str]:
    yield "## False alarms: nothing changed\n"
    yield (
        f"Streams of {SETTINGS[0].items:,} items of the law of the reference (`benchmarks/monitor_rows.py`: twelve "
        "scores, "
        "correlated, tied, heavy-tailed, discrete and at times missing; two sensitive features, one of whose groups "
        "are "
        "selected at rates 0.0995 apart, the limit being 0.1). *Whole watch*: every observation and label through "
        "`fairlead.monitoring.Watch`, a fifth of the items labelled, later and in another order; a run counts where "
        "any "
        "monitor ever raised an alarm, or any of its live findings was flagged at a look every 1000 items. *Drift "
        "alone*: the martingales of embedding, prediction, confidence and input, after every item. *Fixed reference*: "
        "the same bets at the same thresholds, on ranks among the reference alone. Shown to err: where the one-sided "
        f"lower 99 % bound is above {ALPHA:.0%}.\n"
    )
    yield "| what | reference rows | classes | runs | with an alarm | share | lower 99 % bound | by code |"
    yield "|---|---|---|---|---|---|---|---|"
    for kind, name, runs in (
        ("whole", "whole watch", options.whole),
        ("drift", "drift alone", options.runs),
        ("fixed", "fixed reference", options.fixed),
    ):
        for setting in SETTINGS:
            found = kept_runs(kind, setting, runs, options.keep, options.processes)
            if found:
                yield _alarm_row(name, setting, found)


def _alarm_row(name: str, setting: Setting, found: Sequence[Alarms]) -> str:
    codes = Counter(code for run in found for code in {*run["raised"], *run["flagged"]})
    alarms = sum(bool(run["raised"] or run["flagged"]) for run in found)
    low = float(binomial_interval(alarms, len(found), 0.98)[0])
    verdict = "**shown to err**" if low > ALPHA else "holds"
    by_code = ", ".join(f"{code} {count}" for code, count in sorted(codes.items())) or "-"
    cells = (name, setting.rows, setting.classes, len(found), alarms, share(alarms, len(found)))
    return f"| {' | '.join(map(str, cells))} | {low:.1%}, {verdict} | {by_code} |"


# -- changed -------------------------------------------------------------------------------------------


def _delays(options: argparse.Namespace) -> Iterator[str]:
    file = options.keep / f"delays-pictures-{options.streams_read}.json"

    def streams() -> Streams:
        return PictureStreams.of(options.bundle, options.keep, options.pictures).streams(options.streams_read)

    yield "\n## Delay: what changed in real pictures\n"
    yield (
        "Generated lesions through a fine-tuned mobilenetv2_100, its features and the properties of the picture "
        "scored as "
        f"in service; reference of {COUNTED} rows; {options.streams_read} streams, rows drawn without replacement. "
        "*After "
        f"{UNCHANGED}*: the change comes after so many unchanged items; *at once*: it is there from the first. Items "
        "from "
        "the change to the first alarm of any monitor: median and 90 % of all streams; *seen*: share with an alarm "
        "within "
        "the changed items of a stream. Peers: the first alarm after the change, of how many streams, beside their "
        "false "
        "alarms above; a detector that cries every few hundred items is always quick.\n"
    )
    peers = said_by_peers(options.keep, "pictures")
    yield (
        "| change | after 5000: median, 90 % | seen | at once: median, 90 % | seen | first monitor | ADWIN median "
        "(seen) "
        "| KSWIN median (seen) | evidently, half / any column, of batches |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    horizon = false = 0
    for name, one in kept_delays(file, streams, options.seed):
        horizon, false = one.horizon, one.false
        yield f"| {name} | {_delay_cells(one)} | {' | '.join(delay_cells(peers, name))} |"
    total = options.streams_read
    yield f"\nChanged items of a stream: {horizon}. Streams with an alarm before the change: {share(false, total)}."


def _delay_cells(one: Delays) -> str:
    cells = []
    for delays in (one.late, one.early):
        seen = delays[delays != NEVER]
        known = np.where(delays == NEVER, np.inf, delays)
        ends = [float(np.quantile(known, level, method="higher")) for level in (0.5, 0.9)]
        cells += [", ".join(f"{end:.0f}" if np.isfinite(end) else f"> {one.horizon}" for end in ends)]
        cells += [f"{len(seen) / len(delays):.0%} of {len(delays)}"]
    return " | ".join([*cells, one.first])


def _errors(options: argparse.Namespace) -> Iterator[str]:
    yield "\n## Delay: the errors of one group double\n"
    yield (
        "A group of 15 % of the items is wrong 30 % of the time in place of 15 %, the others as before. The answers "
        "whose "
        "truth was told are read; of a stream of which a fifth is labelled, five times as many items pass.\n"
    )
    yield (
        "| labels before, and after | streams | after: median, 90 % | seen | at once: median, 90 % | seen | first "
        "monitor |"
    )
    yield "|---|---|---|---|---|---|---|"
    for labelled in (1000, 5000):
        file = options.keep / f"delays-errors-{labelled}-{options.streams_read}.json"
        made = partial(error_streams, options.streams_read, labelled)
        for _, one in kept_delays(file, made, options.seed):
            yield f"| {labelled} | {options.streams_read} | {_delay_cells(one)} |"
    yield from error_delays(options.keep)


# -- replicas ------------------------------------------------------------------------------------------


def _merged(options: argparse.Namespace) -> Iterator[str]:
    yield "\n## Four replicas, merged\n"
    yield "Each saw a quarter of an unchanged stream; the alarms are those of the merged state.\n"
    yield "| what | reference rows | classes | runs | with an alarm | share | lower 99 % bound | by code |"
    yield "|---|---|---|---|---|---|---|---|"
    for setting in SETTINGS[:2]:
        found = kept_runs("merged", setting, options.merged, options.keep, options.processes)
        if found:
            yield _alarm_row("merged", setting, found)
    same = [merges_exactly(setting, run) for setting in SETTINGS for run in range(options.exact)]
    yield (
        f"\nTallies, windows and counts of the merged state equal those of one watch that saw all: {sum(same)} of "
        f"{len(same)}."
    )


def _said_before(file: Path) -> str:
    """Returns what someone has written of an earlier table, to be looked at anew."""
    found = file.read_text(encoding="utf-8").partition(SAID) if file.exists() else ("", "", "")
    return "\n" + found[1] + found[2] if found[1] else ""


def write_streams(options: argparse.Namespace) -> None:
    """Writes what the peers read."""
    rows = []
    for run in range(PEERS["rows"]):
        generator = SETTINGS[2].generator("drift", run)
        SETTINGS[2].reference(generator)
        drawn = drawn_rows(SETTINGS[2].items, SETTINGS[2].classes, generator)
        rows.append(np.column_stack(list(drawn.watched.values())))
    np.savez(options.keep / "rows.npz", prefix=np.stack(rows))
    error_streams(PEERS["rows"], 5000, options.keep / "errors.npz")
    if options.bundle is not None:
        streams = PictureStreams.of(options.bundle, options.keep, options.pictures)
        streams.written(options.keep / "pictures.npz", PEERS["pictures"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures what is not kept, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of what was measured; what is there is used")
    parser.add_argument("--bundle", type=Path, help="of lesions; without one, no picture is measured")
    parser.add_argument("--streams", action="store_true", help="write the streams for the peers, and no table")
    parser.add_argument(
        "--runs", type=int, default=1000, help="unchanged streams through the drift monitors, a setting"
    )
    parser.add_argument("--whole", type=int, default=250, help="unchanged streams through the whole watch, a setting")
    parser.add_argument("--fixed", type=int, default=50, help="unchanged streams against a fixed reference, a setting")
    parser.add_argument("--merged", type=int, default=100, help="unchanged streams of four replicas, a setting")
    parser.add_argument("--exact", type=int, default=5, help="streams whose merged counts are compared, a setting")
    parser.add_argument("--streams-read", type=int, default=100, help="streams of each change")
    parser.add_argument("--pictures", type=int, nargs=2, default=(8000, 2500), help="unchanged, and of each change")
    parser.add_argument("--processes", type=int, default=2, help="0: no unchanged stream is sent that was not kept")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    options.keep.mkdir(parents=True, exist_ok=True)
    if options.streams:
        write_streams(options)
        return
    started = time.perf_counter()
    text = "\n".join(report(options)) + "\n" + _said_before(options.output)
    options.output.write_text(text, encoding="utf-8")
    print(text, f"{time.perf_counter() - started:.0f} s, written to {options.output}", sep="\n")


if __name__ == "__main__":
    main()
