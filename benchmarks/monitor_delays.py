"""How many items pass until a change is seen: streams of real pictures through a real model, and of errors by group."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.monitor_alarms import bins_of, thresholds
from benchmarks.monitor_pictures import CONDITIONS, Pictures, measured
from benchmarks.monitor_rows import FEATURES, Rows, drawn_rows, reference_of, tallies_of
from fairlead.measures import EmbeddingSketch
from fairlead.measures.rank_martingales import RankMartingales
from fairlead.monitoring import Watched
from fairlead.monitoring.watched import WatchedAnswers, WatchedErrors

SHAPE, COUNTED, UNCHANGED = 500, 2000, 5000  # rows that give the edges, of the reference, and before the change
GROUP = 2  # of the age: a group of 15 % of the items, whose errors double
NEVER = -1

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Delays:
    """What R streams of one change came to.

    Attributes:
        late: (R,) items from the change to the first alarm, after unchanged ones; NEVER where none was raised.
        early: (R,) the same where the change was there from the first item on.
        first: The name of the monitor that was first, most often.
        false: Streams with an alarm before the change.
        horizon: Changed items of a stream.
    """

    late: Ints
    early: Ints
    first: str
    false: int
    horizon: int


@dataclass(frozen=True, eq=False)
class Streams:
    """R streams side by side, their rows drawn without replacement: as (T, R, M) bins before and after a change."""

    watched: list[Watched]
    prefix: Ints
    changed: Mapping[str, Ints]

    def delays(self, seed: int) -> Iterator[tuple[str, Delays]]:
        """Yields each change with its delays."""
        monitors = self.prefix.shape[2]
        limits = np.array(thresholds(self.watched[:monitors]))
        fresh = RankMartingales([one.counts for one in self.watched], seed=seed)
        later = copy.deepcopy(fresh)
        before, _ = _first(later, self.prefix, limits)
        for name, bins in self.changed.items():
            late, monitor = _first(copy.deepcopy(later), bins, limits, skip=before != NEVER)
            early, _ = _first(copy.deepcopy(fresh), bins, limits)
            common = self.watched[int(np.bincount(monitor[late > 0], minlength=monitors).argmax())].name
            yield name, Delays(late[before == NEVER], early, common, int((before != NEVER).sum()), len(bins))


def _first(
    martingales: RankMartingales, bins: Ints, limits: NDArray[np.float64], skip: NDArray[np.bool_] | None = None
) -> tuple[Ints, Ints]:
    """Returns for each of R streams the item, from 1, at which any monitor first raised an alarm, and which it was."""
    runs = bins.shape[1]
    found, which = np.full(runs, NEVER), np.zeros(runs, dtype=np.int64)
    settled = np.zeros(runs, dtype=bool) if skip is None else skip.copy()
    for start in range(0, len(bins), 250):
        part = bins[start : start + 250]
        reached = martingales.add(part.reshape(len(part), -1)).reshape(part.shape) >= limits
        hit = reached.any(axis=2)
        for run in np.flatnonzero(hit.any(axis=0) & ~settled):
            row = int(hit[:, run].argmax())
            found[run], which[run], settled[run] = start + row + 1, int(reached[row, run].argmax()), True
        if settled.all():
            break
    return found, which


def kept_delays(file: Path, streams: Callable[[], Streams], seed: int) -> Iterator[tuple[str, Delays]]:
    """Yields each change with its delays, those that were kept from the file."""
    if not file.exists():
        found = {}
        for name, one in streams().delays(seed):
            found[name] = asdict(one) | {"late": one.late.tolist(), "early": one.early.tolist()}
            print(name, found[name]["first"], flush=True)
        file.write_text(json.dumps(found))
    for name, content in json.loads(file.read_text()).items():
        arrays = {key: np.array(content[key], dtype=np.int64) for key in ("late", "early")}
        yield name, Delays(**content | arrays)


# -- pictures ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PictureStreams:
    """Pictures of every condition, scored against one sketch.

    Attributes:
        edges: The rows that give the bins.
        pool: The unchanged rows that reference and stream are drawn from.
        changed: By condition.
    """

    edges: Rows
    pool: Rows
    changed: dict[str, Rows]

    @classmethod
    def of(cls, bundle: Path, keep: Path, rows: tuple[int, int]) -> PictureStreams:
        """Measures what is not kept: so many unchanged pictures, and so many of each change."""
        unchanged = measured(bundle, keep, "unchanged", rows[0], 100)
        sketch = EmbeddingSketch.of(unchanged.features[:SHAPE].astype(np.float32))
        whole = rows_of_pictures(unchanged, sketch)
        changed = {
            name: rows_of_pictures(measured(bundle, keep, name, rows[1], 200 + place), sketch)
            for place, name in enumerate(CONDITIONS)
        }
        return cls(whole.take(slice(SHAPE)), whole.take(slice(SHAPE, None)), changed)

    def drawn(self, run: int) -> tuple[Rows, Rows, Ints]:
        """Returns the reference rows of a stream, its unchanged items, and the order of the changed ones."""
        generator = np.random.default_rng([17, run])
        order = generator.permutation(len(self.pool))
        most = min(map(len, self.changed.values()))
        rows = [self.pool.take(order[part]) for part in (slice(COUNTED), slice(COUNTED, COUNTED + UNCHANGED))]
        return rows[0], rows[1], generator.permutation(most)

    def streams(self, runs: int) -> Streams:
        """Bins R streams."""
        watched: list[Watched] = []
        prefix: list[Ints] = []
        changed: dict[str, list[Ints]] = {name: [] for name in self.changed}
        for run in range(runs):
            counted, unchanged, order = self.drawn(run)
            answers = WatchedAnswers(reference_of(self.edges, counted))
            watched += answers.watched
            prefix.append(bins_of(answers, unchanged))
            for name, rows in self.changed.items():
                changed[name].append(bins_of(answers, rows.take(order)))
        return Streams(
            watched, np.stack(prefix, axis=1), {name: np.stack(one, axis=1) for name, one in changed.items()}
        )

    def written(self, file: Path, runs: int) -> None:
        """Writes R of the streams as numbers, for the peers."""
        names = [name for name in self.pool.watched if len(np.unique(self.pool.watched[name])) > 1]
        content: dict[str, list[NDArray[np.float64]]] = {}
        for run in range(runs):
            counted, unchanged, order = self.drawn(run)
            parts = {"reference": counted, "prefix": unchanged}
            parts |= {f"changed/{name}": rows.take(order) for name, rows in self.changed.items()}
            for name, rows in parts.items():
                content.setdefault(name, []).append(np.column_stack([rows.watched[score] for score in names]))
        np.savez(file, **{name: np.stack(rows) for name, rows in content.items()})


def rows_of_pictures(pictures: Pictures, sketch: EmbeddingSketch) -> Rows:
    scores = pictures.scores(sketch)
    scores.pop("confidence")
    decided = pictures.probabilities.argmax(axis=1)
    nobody = np.zeros((len(decided), len(FEATURES)), dtype=np.int64)
    return Rows(scores, pictures.probabilities, decided, pictures.targets.astype(np.int64), nobody)


# -- errors --------------------------------------------------------------------------------------------


def error_streams(runs: int, labelled: int, file: Path | None = None) -> Streams:
    """Answers whose truth was told, of which those about one group of 15 % become wrong twice as often.

    Args:
        runs: R.
        labelled: Answers with a label before the change, and half as many after it.
        file: Where to write them for the peers.
    """
    watched, prefix, changed = [], [], []
    for run in range(runs):
        generator = np.random.default_rng([19, run])
        counted = drawn_rows(COUNTED, 2, generator)
        errors = WatchedErrors(reference_of(drawn_rows(SHAPE, 2, generator), counted), tallies_of(counted))
        rows = drawn_rows(labelled + labelled, 2, generator)
        wrong = rows.decided != rows.targets
        group = rows.groups[:, 1] == GROUP
        rate = 0.15  # of either law, by the strength of its evidence
        doubled = group & (np.arange(len(rows)) >= labelled) & (generator.random(len(rows)) < rate / (1 - rate))
        bins = errors.bins(wrong | doubled, rows.groups)
        watched += errors.watched
        prefix.append(bins[:labelled])
        changed.append(bins[labelled:])
    streams = Streams(watched, np.stack(prefix, axis=1), {"errors of a group double": np.stack(changed, axis=1)})
    if file is not None:
        wide = {
            "prefix": streams.prefix,
            "changed/errors of a group double": streams.changed["errors of a group double"],
        }
        kept = {name: np.where(bins < 0, np.nan, bins).transpose(1, 0, 2)[:40] for name, bins in wide.items()}
        np.savez(file, **kept)
    return streams
