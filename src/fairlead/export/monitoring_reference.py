"""What a service will compare its traffic with, made of held-out rows as the service answers them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle import Predictor, Seen, scores_of
from fairlead.bundle.reader import Read
from fairlead.data import Rows
from fairlead.errors import DataError, UnreadableFileError
from fairlead.export.answers import Progress, group_values
from fairlead.export.reference import recorded_answers
from fairlead.measures import EmbeddingSketch, Reference
from fairlead.records import Labels, Split

_SHAPE_ROWS, _COUNTED_ROWS, _BATCH = 1000, 5000, 32
_HALVED = "there are no validation rows: every other calibration row gave the bins and was not counted"


def monitoring_reference(predictor: Predictor, rows: Rows, *, progress: Progress = lambda seen: seen) -> Reference:
    """Answers held-out rows from their raw files, as the service does, and counts the scores that drift is watched by.

    Validation rows give the bins and the sketch, 1000 at most; calibration rows are counted, 5000 at most. A row that
    cannot be read is left out.

    Args:
        predictor: Over the graph that is served, with its rule.
        rows: The run's data.
        progress: Is handed the starts of the batches, and may show where it is.
    """
    shape, counted, note = rows.of(Split.VAL), rows.of(Split.CALIBRATION), ""
    if not len(shape):
        shape, counted, note = counted[::2], counted[1::2], _HALVED
    chosen = [_evenly(shape, _SHAPE_ROWS), _evenly(counted, _COUNTED_ROWS)]
    (_, shaping), (kept, seen) = (_answered(predictor, rows, part, progress) for part in chosen)
    sketch, missing = _sketch(shaping)
    found = scores_of(seen, sketch)
    edges = {**scores_of(shaping, sketch), "confidence": _confidence(shaping)}
    nothing = np.zeros(0)
    return Reference.of(
        predictor.labels,
        {name: edges.get(name, nothing) for name in {*found, "confidence"}},
        found,
        probabilities=np.array([one.probabilities for one in seen]).reshape(len(seen), len(predictor.labels)),
        targets=rows.targets[kept],
        decided=np.array([one.code for one in seen], dtype=np.int64),
        sketch=sketch,
        note="; ".join(filter(None, (note, missing))),
    )


def recorded_reference(path: Path, labels: Labels, gone: str) -> Reference:
    """Counts what a run recorded of its held-out rows, where the rows themselves are gone.

    Args:
        path: ``predictions.parquet`` of the run.
        labels: The C classes.
        gone: Why there are no rows.

    Raises:
        UnreadableFileError: a file that is not there, or not one that a run writes.
    """
    shape, counted = (recorded_answers(path, labels, split) for split in (Split.VAL, Split.CALIBRATION))
    note, part = f"inputs and embeddings have no reference: {gone or 'the rows were not given'}", slice(None)
    confidence = shape.probabilities.max(axis=1, initial=0)
    if not len(confidence):
        confidence, part = counted.probabilities[::2].max(axis=1, initial=0), slice(1, None, 2)
        note = f"{note}; {_HALVED}"
    return Reference.of(
        labels,
        {"confidence": confidence},
        {},
        probabilities=counted.probabilities[part],
        targets=counted.targets[part],
        decided=counted.predicted[part],
        note=note,
    )


def _evenly(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    places = np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(np.int64)
    return rows[places]


def _answered(
    predictor: Predictor, rows: Rows, chosen: NDArray[np.int64], progress: Progress
) -> tuple[NDArray[np.int64], list[Seen]]:
    """Returns the rows that could be read, and what is known of their answers."""
    read_one, kept, seen = _reading(predictor, rows), [], []
    slots = predictor.slots(group_values(rows, chosen))
    with ThreadPoolExecutor(predictor.threads) as pool:
        for start in progress(range(0, len(chosen), _BATCH)):
            part = slice(start, start + _BATCH)
            found: list[Seen] = []
            predictor.answers(list(pool.map(read_one, chosen[part])), slots[part], observe=found.append)
            kept += [int(chosen[start + one.place]) for one in found]
            seen += found
    return np.array(kept, dtype=np.int64), seen


def _reading(predictor: Predictor, rows: Rows) -> Callable[[int], Read | str]:
    def read(index: int) -> Read | str:
        try:
            return predictor.read(rows.items.content(int(index)))
        except UnreadableFileError as error:
            return str(error)

    return read


def _sketch(seen: list[Seen]) -> tuple[EmbeddingSketch | None, str]:
    """Returns a sketch of the embeddings, or why there is none."""
    features = [one.features for one in seen]
    try:
        return EmbeddingSketch.of(np.stack(features) if features else np.zeros((0, 1))), ""
    except DataError as error:
        return None, f"embeddings have no reference: {error}"


def _confidence(seen: list[Seen]) -> NDArray[np.float64]:
    return np.array([one.probabilities.max() for one in seen], dtype=np.float64)
