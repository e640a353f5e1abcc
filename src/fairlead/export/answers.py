"""What an exported model says of rows on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from fairlead.bundle import Predictor
from fairlead.data import Rows
from fairlead.errors import UnreadableFileError
from fairlead.records import Predictions

Progress = Callable[[Iterable[int]], Iterable[int]]
_BATCH = 32


def answers_of(
    predictors: Sequence[Predictor], rows: Rows, chosen: Iterable[int], *, progress: Progress = lambda seen: seen
) -> list[Predictions]:
    """Answers raw files or texts by several models; a file that is gone since the run is left out for all of them.

    Args:
        predictors: Of one preprocessing.
        rows: The data.
        chosen: Indices of rows.
        progress: Is handed the starts of the batches, and may show where it is.

    Returns:
        The predictions of each model, of the same rows.
    """
    places = np.fromiter(chosen, dtype=np.int64)
    found: list[list[np.ndarray]] = [[] for _ in predictors]
    read: list[int] = []
    for start in progress(range(0, len(places), _BATCH)):
        inputs = []
        for index in places[start : start + _BATCH]:
            try:
                inputs.append(predictors[0].inputs(rows.items.content(int(index))))
            except UnreadableFileError:
                continue
            read.append(int(index))
        if inputs:
            for parts, predictor in zip(found, predictors, strict=True):
                parts.append(predictor.run_all(inputs)[0])
    return [
        _recorded(predictor, rows, np.array(read, np.int64), parts)
        for predictor, parts in zip(predictors, found, strict=True)
    ]


def group_values(rows: Rows, chosen: np.ndarray) -> list[dict[str, str | None]]:
    """Returns the groups of some rows by the names of their features, as a caller of a service gives them."""
    return [
        {
            feature.name: (*feature.groups, None)[min(int(code), len(feature.groups))]
            for feature, code in zip(rows.sensitive, codes, strict=True)
        }
        for codes in rows.groups[chosen]
    ]


def _recorded(predictor: Predictor, rows: Rows, read: np.ndarray, parts: Sequence[np.ndarray]) -> Predictions:
    shape = (0, len(rows.labels))
    probabilities = np.concatenate(parts) if parts else np.zeros(shape, dtype=np.float32)
    decided = predictor.decide(probabilities, predictor.slots(group_values(rows, read))) if predictor.decision else None
    return Predictions(
        probabilities.astype(np.float64), rows.targets[read], read, rows.labels, rows.groups[read], rows.sensitive,
        decided=decided,
    )  # fmt: skip
