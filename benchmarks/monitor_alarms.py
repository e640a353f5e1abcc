"""Unchanged streams, and how many of them a set of monitors calls changed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_rows import MODEL, Rows, drawn_rows, reference_of, tallies_of
from fairlead.evidence import Verdict
from fairlead.judgement import DriftFamily, Policy
from fairlead.measures import Reference
from fairlead.measures.rank_martingales import RankMartingales
from fairlead.measures.sleeping_bets import SleepingBets
from fairlead.monitoring import Watch, Watched, WatchSettings, merged
from fairlead.monitoring.watched import WatchedAnswers

ALPHA = 0.05
PART = 500  # items that are sent at a time
LOOK = 1000  # items between two looks at the live findings; the drift monitors are looked at after every item
LABELLED = 0.2

Alarms = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One kind of unchanged stream.

    Attributes:
        rows: Of the reference.
        classes: C.
        items: Of the stream.
    """

    rows: int
    classes: int
    items: int = 20_000

    def generator(self, kind: str, run: int) -> np.random.Generator:
        """Returns the numbers of one run, the same for whoever draws it again."""
        return np.random.default_rng([self.rows, self.classes, len(kind), run])

    def reference(self, generator: np.random.Generator) -> tuple[Reference, Rows]:
        """Returns a reference whose edges come from as many other rows, and the rows that were counted."""
        shape, counted = (drawn_rows(self.rows, self.classes, generator) for _ in range(2))
        return reference_of(shape, counted), counted


def whole_watch(setting: Setting, run: int, replicas: int = 1) -> Alarms:
    """Sends one unchanged stream through the whole of a watch, or of several that are merged at the end."""
    generator = setting.generator("whole", run)
    reference, counted = setting.reference(generator)
    watches = [
        Watch(
            reference, tallies_of(counted), counted.labels,
            model=MODEL, policy=Policy.default(), settings=WatchSettings(alpha=ALPHA, seed=run * 100 + replica),
        )
        for replica in range(replicas)
    ]  # fmt: skip
    flagged: set[str] = set()
    waiting: list[Any] = [[] for _ in watches]
    for first in range(0, setting.items, PART * replicas):
        for place, watch in enumerate(watches):
            rows, start = drawn_rows(PART, setting.classes, generator), first + place * PART
            watch.add(rows.observations(start))
            watch.told(waiting[place])
            chosen = np.flatnonzero(generator.random(PART) < LABELLED)
            waiting[place] = rows.feedback(start, generator.permutation(chosen).tolist())
            if replicas == 1 and not (first + PART) % LOOK:
                flagged |= {finding.code for finding in watch.report().findings if finding.verdict is Verdict.FLAGGED}
    last = watches[0] if replicas == 1 else merged(watches)
    report = last.report()
    flagged |= {finding.code for finding in report.findings if finding.verdict is Verdict.FLAGGED}
    raised = sorted({monitor.code for monitor in last.monitors if monitor.raised})
    return {"run": run, "raised": raised, "flagged": sorted(flagged), "monitors": len(last.monitors)}


def merged_watch(setting: Setting, run: int) -> Alarms:
    """Sends a quarter of one unchanged stream through each of four watches, and merges them."""
    return whole_watch(setting, run, replicas=4)


def drift_alone(setting: Setting, runs: range, *, fixed: bool = False) -> list[Alarms]:
    """Sends unchanged streams through the martingales of the answers, many side by side.

    Args:
        setting: The kind of stream.
        runs: Their numbers.
        fixed: Whether to take the ranks among the reference alone, as is often done, and wrongly.
    """
    bins: list[NDArray[np.int64]] = []
    watched: list[Watched] = []
    for run in runs:
        generator = setting.generator("drift", run)
        reference, _ = setting.reference(generator)
        answers = WatchedAnswers(reference)
        bins.append(bins_of(answers, drawn_rows(setting.items, setting.classes, generator)))
        watched += answers.watched
    width = bins[0].shape[1]
    peak = peaks(watched, np.hstack(bins), seed=runs.start, fixed=fixed)
    reached = (peak >= np.array(thresholds(watched[:width]) * len(runs))).reshape(len(runs), width)
    codes = [DriftFamily.named(one.family).code for one in watched[:width]]
    return [
        {"run": run, "raised": sorted({code for code, high in zip(codes, row, strict=True) if high}), "flagged": []}
        for run, row in zip(runs, reached, strict=True)
    ]


def bins_of(answers: WatchedAnswers, rows: Rows) -> NDArray[np.int64]:
    """Returns (N, M) bins of what is watched of rows."""
    scores = [score.bins_of(rows.watched[score.name]) for score in answers.scores]
    classes = rows.decided[:, None] == np.array(answers.classes)[None]
    return np.hstack([np.column_stack(scores), classes.astype(np.int64)])


def thresholds(watched: list[Watched] | tuple[Watched, ...], alpha: float = ALPHA) -> list[float]:
    """Returns the logarithmic threshold of each monitor of one watch."""
    families = [one.family for one in watched]
    return [-math.log(alpha * DriftFamily.named(name).share / families.count(name)) for name in families]


def peaks(watched: list[Watched], bins: NDArray[np.int64], *, seed: int, fixed: bool) -> NDArray[np.float64]:
    """Returns the (M,) largest logarithmic wealth of each monitor."""
    if not fixed:
        martingales = RankMartingales([one.counts for one in watched], seed=seed)
        for start in range(0, len(bins), 2000):
            martingales.add(bins[start : start + 2000])
        return martingales.peak
    bets, lots = SleepingBets(len(watched)), np.random.default_rng(seed)
    column = np.arange(len(watched))
    pool = np.zeros((len(watched), max(len(one.counts) for one in watched)))
    for place, one in enumerate(watched):
        pool[place, : len(one.counts)] = one.counts
    upwards = pool[:, ::-1].cumsum(axis=1)[:, ::-1]
    for start in range(0, len(bins), 64):
        part = bins[start : start + 64]
        same = pool[column, part]
        ranks = upwards[column, part] - same + lots.random(part.shape) * (same + 1)
        bets.add(np.where(part >= 0, ranks / (upwards[:, 0] + 1), np.nan))
    return bets.peak


# -- many runs -----------------------------------------------------------------------------------------


def kept_runs(kind: str, setting: Setting, runs: int, keep: Path, processes: int) -> list[Alarms]:
    """Returns the runs, those that were kept from the files and the others measured anew, chunk by chunk."""
    chunk = 25 if kind in ("drift", "fixed") else 5
    chunks = [range(start, min(start + chunk, runs)) for start in range(0, runs, chunk)]
    if not processes:
        chunks = [runs for runs in chunks if _kept(kind, setting, keep, runs).exists()]
    with ProcessPoolExecutor(processes or 1) as pool:
        parts = pool.map(partial(_chunk, kind, setting, keep), chunks)
        return [run for part in parts for run in part]


def _chunk(kind: str, setting: Setting, keep: Path, runs: range) -> list[Alarms]:
    file = _kept(kind, setting, keep, runs)
    if file.exists():
        return list(json.loads(file.read_text()))
    alarms = list(_KINDS[kind](setting, runs))
    file.with_suffix(".part").write_text(json.dumps(alarms))
    file.with_suffix(".part").replace(file)
    return alarms


def _kept(kind: str, setting: Setting, keep: Path, runs: range) -> Path:
    return keep / f"{'-'.join([kind, *map(str, asdict(setting).values()), str(runs.start), str(runs.stop)])}.json"


def _each(one: Callable[[Setting, int], Alarms]) -> Callable[[Setting, range], Iterator[Alarms]]:
    return lambda setting, runs: (one(setting, run) for run in runs)


_KINDS: dict[str, Callable[[Setting, range], Any]] = {
    "whole": _each(whole_watch),
    "merged": _each(merged_watch),
    "drift": drift_alone,
    "fixed": lambda setting, runs: drift_alone(setting, runs, fixed=True),
}


def merges_exactly(setting: Setting, run: int, items: int = 1200) -> bool:
    """Whether four watches, merged, counted what one watch did that saw all, labels of each included."""
    generator = setting.generator("exact", run)
    reference, counted = setting.reference(generator)
    one, *four = (
        Watch(reference, tallies_of(counted), counted.labels, model=MODEL, policy=Policy.default()) for _ in range(5)
    )
    rows = drawn_rows(items, setting.classes, generator)
    observations, feedback = rows.observations(0), rows.feedback(0, range(0, items, 3))
    dealt = generator.integers(0, 4, items)
    one.add(observations)
    one.told(feedback)
    place = {told.id: int(told.id[1:]) for told in feedback}
    for number, watch in enumerate(four):
        watch.add([seen for seen, to in zip(observations, dealt, strict=True) if to == number])
        watch.told([told for told in feedback if dealt[place[told.id]] == number])
    return merged(four).counted.to_dict() == one.counted.to_dict()
