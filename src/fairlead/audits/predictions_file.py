"""Predictions as a table, for anyone's own analysis."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

from fairlead.records import Predictions, RunFolder, Split


def write_predictions(path: Path, predictions: Mapping[Split, Predictions], name_of: Callable[[int], str]) -> None:
    """Writes a Parquet file with a row for each held-out row.

    Columns: index, file, split, target, predicted, ``probability_<label>`` for each class, and each sensitive
    feature, null where its value is missing. A feature called like one of the other columns is written as
    ``sensitive_<name>``.

    Args:
        path: The file; it appears whole or not at all.
        predictions: By split.
        name_of: From a row's index to its file's name.
    """
    import pyarrow
    from pyarrow import parquet

    tables = [pyarrow.table(_columns(split, part, name_of)) for split, part in predictions.items()]
    content = io.BytesIO()
    parquet.write_table(pyarrow.concat_tables(tables), content)
    RunFolder.write_atomically(path, content.getvalue())


def _columns(split: Split, part: Predictions, name_of: Callable[[int], str]) -> dict[str, object]:
    import pyarrow

    columns: dict[str, object] = {
        "index": part.index,
        "file": [name_of(int(index)) for index in part.index],
        "split": [split.value] * len(part),
        "target": [part.labels[code] if code >= 0 else None for code in part.targets],
        "predicted": [part.labels[code] for code in part.predicted],
    }
    for code, label in enumerate(part.labels):
        columns[f"probability_{label}"] = part.probabilities[:, code]
    for position, feature in enumerate(part.sensitive):
        groups = (*feature.groups, None)
        # Typed, so that a split in which every value is missing still joins the others.
        name = f"sensitive_{feature.name}" if feature.name in columns else feature.name
        columns[name] = pyarrow.array([groups[code] for code in part.groups[:, position]], pyarrow.string())
    return columns
