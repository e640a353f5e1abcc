"""A dataset of the ``datasets`` library as a table, without importing it: whoever has one has imported it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.data.splitting import SPLIT_NAMES
from fairlead.data.table import Table, as_text
from fairlead.errors import ConfigurationError, DataError


def is_dataset(source: object) -> bool:
    """Returns whether this is a ``datasets.Dataset`` or ``DatasetDict``, or reads as one does."""
    if isinstance(source, Mapping):
        return bool(source) and all(_has_columns(part) for part in source.values())
    return _has_columns(source)


def table_of(source: Any, split_column: str) -> Table:
    """Reads a ``Dataset``, or the splits of a ``DatasetDict``, class codes as the names they stand for.

    Args:
        source: The dataset; ``is_dataset`` says yes to it.
        split_column: What the column with the keys of a ``DatasetDict`` is called.

    Raises:
        DataError: no rows, columns that differ from split to split, or two keys for one split.
        ConfigurationError: it streams, and so has no rows to count.
    """
    if not isinstance(source, Mapping):
        return _whole(_columns(source), "the dataset")
    keys = [key for key in source if str(key).casefold() in SPLIT_NAMES]
    if not keys:
        raise DataError(
            f"the dataset has the splits {', '.join(map(str, source))}, of which none is train, val, calibration or "
            "test; rename one to 'train'"
        )
    parts = [_columns(source[key]) for key in keys]
    names = list(parts[0])
    for key, part in zip(keys, parts, strict=True):
        if set(part) != set(names):
            unlike = ", ".join(sorted(set(part) ^ set(names))[:5])
            raise DataError(
                f"the splits {keys[0]} and {key} differ in the columns {unlike}; remove or rename those of one"
            )
    sizes = [len(part[names[0]]) if names else 0 for part in parts]
    columns = {name: [value for part in parts for value in part[name]] for name in names}
    columns[split_column] = [str(key) for key, size in zip(keys, sizes, strict=True) for _ in range(size)]
    rows = [f"{key} row {row + 1}" for key, size in zip(keys, sizes, strict=True) for row in range(size)]
    others = [str(key) for key in source if key not in keys]
    notes = (f"splits by other names are not read: {', '.join(others[:5])}",) if others else ()
    return _whole(columns, "the dataset", tuple(rows), notes)


def _whole(
    columns: dict[str, list[str | None]], source: str, rows: tuple[str, ...] | None = None, notes: tuple[str, ...] = ()
) -> Table:
    if not any(columns.values()):
        raise DataError(f"{source} has no rows of text or numbers; give one that has")
    return Table.of(columns, source, rows, notes)


def _has_columns(source: object) -> bool:
    return hasattr(source, "column_names") and hasattr(source, "features")


def _columns(dataset: Any) -> dict[str, list[str | None]]:
    if not hasattr(dataset, "__len__"):
        raise ConfigurationError(
            "a dataset that streams has no rows to divide; load it without streaming=True, or take some: "
            "datasets.Dataset.from_list(list(stream.take(10_000)))"
        )
    columns = {}
    for name in dataset.column_names:
        texts = _texts(dataset, name)
        if texts is not None:
            columns[name] = texts
    return columns


def _texts(dataset: Any, name: str) -> list[str | None] | None:
    """Returns a column as text; None where it holds lists, pictures or sounds, which nothing here decodes."""
    import pyarrow

    feature = (dataset.features or {}).get(name)
    classes = getattr(feature, "names", None)
    if classes is not None:  # a ClassLabel; -1 stands for a class that is kept secret
        return [classes[code] if code is not None and code >= 0 else None for code in dataset[name]]
    if not isinstance(getattr(feature, "dtype", None), str) or hasattr(feature, "decode"):
        return None
    return as_text(pyarrow.array(list(dataset[name])))
