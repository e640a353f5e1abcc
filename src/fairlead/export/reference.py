"""The held-out answers of a run, read back and counted for those who will watch the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from fairlead.errors import UnreadableFileError
from fairlead.measures import GroupTally
from fairlead.records import Labels, Predictions, SensitiveFeature, Split
from fairlead.records.labels import natural_order

_OWN = ("index", "file", "split", "target", "predicted")


def reference_tallies(path: Path, labels: Labels, declared: Sequence[SensitiveFeature] = ()) -> tuple[GroupTally, ...]:
    """Counts a run's calibration rows by the groups of each sensitive feature, as the kept model decides them.

    Args:
        path: ``predictions.parquet`` of the run.
        labels: The C classes.
        declared: The features with all their groups, where the data are at hand; a group without a held-out row
            has its slot then too.

    Raises:
        UnreadableFileError: a file that is not there, or not one that a run writes.
    """
    predictions = recorded_answers(path, labels, Split.CALIBRATION, declared)
    return tuple(GroupTally.of(predictions, (feature.name,)) for feature in predictions.sensitive)


def recorded_answers(
    path: Path, labels: Labels, split: Split, declared: Sequence[SensitiveFeature] = ()
) -> Predictions:
    """Reads what a run recorded of the rows of a split.

    Args:
        path: ``predictions.parquet`` of the run.
        labels: The C classes.
        split: Whose rows.
        declared: The features with all their groups, where the data are at hand.

    Raises:
        UnreadableFileError: a file that is not there, or not one that a run writes.
    """
    import pyarrow
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
        rows = [row for row, found in enumerate(columns["split"]) if found == split.value]
        own = {*_OWN, *(f"probability_{label}" for label in labels)}
        features = {name: values for name, values in columns.items() if name not in own}
        return _predictions(columns, rows, labels, _features(features, declared))
    except (OSError, KeyError, pyarrow.ArrowException) as error:
        raise UnreadableFileError(
            f"{path} does not hold the held-out rows of a run ({error}); name a finished run"
        ) from error


def _features(
    columns: Mapping[str, Sequence[str | None]], declared: Sequence[SensitiveFeature]
) -> list[tuple[SensitiveFeature, Sequence[str | None]]]:
    known = {feature.name: feature for feature in declared}
    found = []
    for column, values in columns.items():
        name = column.removeprefix("sensitive_") if column.removeprefix("sensitive_") in known else column
        groups = known[name].groups if name in known else ()
        seen = [value for value in values if value]
        if groups or seen:
            found.append((SensitiveFeature(name, natural_order([*groups, *seen])), values))
    return found


def _predictions(
    columns: Mapping[str, Sequence[object]],
    rows: Sequence[int],
    labels: Labels,
    sensitive: Sequence[tuple[SensitiveFeature, Sequence[str | None]]],
) -> Predictions:
    codes = {label: code for code, label in enumerate(labels)}
    encoded = [feature.encode([values[row] for row in rows]) for feature, values in sensitive]
    return Predictions(
        np.array(
            [[columns[f"probability_{label}"][row] for label in labels] for row in rows], dtype=np.float64
        ).reshape(-1, len(labels)),
        np.array([codes.get(str(columns["target"][row]), -1) for row in rows], dtype=np.int64),
        np.array([columns["index"][row] for row in rows], dtype=np.int64),
        labels,
        np.stack(encoded, axis=1) if encoded else np.zeros((len(rows), 0), dtype=np.int64),
        tuple(feature for feature, _ in sensitive),
        decided=np.array([codes[str(columns["predicted"][row])] for row in rows], dtype=np.int64),
    )
