"""Predictions as a table, for anyone's own analysis."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
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
    columns: dict[str, object] = {
        "index": part.index,
        "file": _text(name_of(int(index)) for index in part.index),
        "split": _text([split.value] * len(part)),
        "target": _text(part.labels[code] if code >= 0 else None for code in part.targets),
        "predicted": _text(part.labels[code] for code in part.predicted),
    }
    for code, label in enumerate(part.labels):
        columns[f"probability_{label}"] = part.probabilities[:, code]
    for position, feature in enumerate(part.sensitive):
        groups = (*feature.groups, None)
        name = f"sensitive_{feature.name}" if feature.name in columns else feature.name
        columns[name] = _text(groups[code] for code in part.groups[:, position])
    return columns


def _text(values: Iterable[str | None]) -> object:
    """Types a column, so that a split in which every value is missing still joins the others."""
    import pyarrow

    return pyarrow.array(list(values), pyarrow.string())
