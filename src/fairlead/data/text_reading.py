"""From the texts a user has, in a table or a Hugging Face dataset, to rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.columns import Columns
from fairlead.data.duplicates import Duplicates
from fairlead.data.hugging_face import is_dataset, table_of
from fairlead.data.rows import RawRows
from fairlead.data.table import Table
from fairlead.data.texts import StoredTexts
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.preprocessing import Text, whole_characters
from fairlead.records import Split, natural_order

MOST_WITHOUT = 0.1  # share of rows without a text, above which the data, or the column, is taken to be wrong
_MISSING = frozenset({"nan", "<na>", "null"})  # what programs write where there is no text; "none" a person may write


def read_texts(source: Any, columns: Columns) -> RawRows:  # a path, or a dataset of a library not imported here
    """Reads a CSV, TSV, Parquet or JSON Lines table, or a ``datasets.Dataset`` or ``DatasetDict``.

    Rows without a text are left out and counted. Where the data gives splits, a row whose exact text a later split
    has too (train, val, calibration, test) is left out; where splits are drawn, copies of a text go to one of them.

    Raises:
        DataError: what cannot be read, or too many rows without a text; the rows and the remedy are named.
        UnknownNameError: a column that is not there.
    """
    table = open_table(source, columns)
    texts, notes = texts_of(table, columns)
    label = columns.label_of(table)
    labels, splits = table.column(label), columns.splits_of(table)
    sensitive = {name: table.column(name) for name in columns.sensitive}
    rows = np.array([row for row, text in enumerate(texts) if text is not None], dtype=np.int64)
    if splits is not None:
        rows, said = _labelled_splits(rows, labels, splits)
        notes += said
    without = [row for row in rows.tolist() if labels[row] is None]
    if without:
        raise DataError(
            f"{len(without)} of {len(rows)} rows of {table.source} have no value in column {label!r} "
            f"({_named(table, without)}); fill them in or take those rows out"
        )
    if splits is not None:
        rows, said = _once_each(table, rows, texts, splits)
        notes += said
    duplicates = Duplicates.of([texts[row] for row in rows])
    names = [labels[row] or "" for row in rows]
    return RawRows(
        items=StoredTexts([texts[row] or "" for row in rows], [table.row_name(row) for row in rows]),
        names=names,
        splits=None if splits is None else [splits[row] for row in rows],
        sensitive={name: [values[row] for row in rows] for name, values in sensitive.items()},
        source=table.source,
        notes=(*notes, *_said_of(duplicates, table, rows, names)),
        together=duplicates.clusters,
    )


def open_table(source: Any, columns: Columns) -> Table:  # as read_texts
    """Reads a table or dataset as columns of text.

    Raises:
        DataError: it cannot be read.
        UnknownNameError: no such file, and others in its folder.
    """
    if is_dataset(source):
        return table_of(source, columns.split)
    if not isinstance(source, str | Path):
        raise ConfigurationError(
            f"texts cannot be read from a {type(source).__name__}; give the path of a table, or a datasets.Dataset"
        )
    path = Path(source).expanduser()
    if path.is_file():
        return Table.read(path)
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a table of texts, which ends in .csv, .tsv, .parquet or .jsonl")
    near = natural_order(item.name for item in path.parent.iterdir()) if path.parent.is_dir() else ()
    if near:
        raise UnknownNameError("file", path.name, near, where=str(path.parent))
    raise DataError(f"there is no file {path}; name a table of texts, which ends in .csv, .tsv, .parquet or .jsonl")


def texts_of(
    table: Table, columns: Columns, most_without: float = MOST_WITHOUT
) -> tuple[list[Text | None], tuple[str, ...]]:
    """Returns what each row holds, or None where it lacks its text or one of a pair."""
    names = [columns.text_of(table), *([columns.text_pair] if columns.text_pair else [])]
    parts = [[value and whole_characters(value) for value in table.column(name, "text column")] for name in names]
    without = [row for row, values in enumerate(zip(*parts, strict=True)) if not all(map(_is_text, values))]
    wanted = " or ".join(map(repr, names))
    if len(without) > most_without * len(table):
        raise DataError(
            f"{len(without)} of {len(table)} rows of {table.source} have no text in column {wanted} "
            f"({_named(table, without)}); name the right column with --text-column or Columns(text=...), or take those "
            "rows out"
        )
    texts: list[Text | None] = [
        values[0] if len(parts) == 1 else (values[0], values[1]) for values in zip(*parts, strict=True)
    ]
    for row in without:
        texts[row] = None
    told = f"{len(without)} of {len(table)} rows have no text in column {wanted} and are left out"
    return texts, (*table.notes, *((f"{told} ({_named(table, without)})",) if without else ()))


def _is_text(value: str | None) -> bool:
    return value is not None and value.casefold() not in _MISSING


def _labelled_splits(
    rows: NDArray[np.int64], labels: Sequence[str | None], splits: Sequence[Split]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Leaves out splits of which no row has a label: a public test split whose answers are kept secret."""
    labelled = {splits[row] for row in rows if labels[row] is not None}
    secret = [split for split in Split if split not in labelled and any(splits[row] is split for row in rows)]
    if not labelled or not secret:
        return rows, ()
    kept = np.array([row for row in rows.tolist() if splits[row] in labelled], dtype=np.int64)
    names = ", ".join(split.value for split in secret)
    return kept, (f"no row of the split {names} has a label: its {len(rows) - len(kept)} rows are left out",)


def _once_each(
    table: Table, rows: NDArray[np.int64], texts: Sequence[Text | None], splits: Sequence[Split]
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Leaves out rows whose text is in a later split, so that nothing is judged on a text it was made from."""
    leaks = Duplicates.of([texts[row] for row in rows]).leaks([splits[row] for row in rows])
    if not len(leaks):
        return rows, ()
    counts = Counter(splits[row].value for row in rows[leaks].tolist())
    told = " and ".join(f"{count} rows of {split}" for split, count in counts.items())
    kept = np.delete(rows, leaks)
    if Split.TRAIN not in {splits[row] for row in kept.tolist()}:
        raise DataError(
            f"every training text of {table.source} is also in a held-out split ({told}), so that none is left to "
            "train on; take the copies out of one of them"
        )
    return kept, (
        f"{told} have a text that a later split has too ({_named(table, rows[leaks].tolist())}): they are left out, "
        "so that nothing is judged on what it was fitted to",
    )


def _said_of(duplicates: Duplicates, table: Table, rows: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if duplicates.count():
        notes.append(f"{duplicates.count()} rows repeat the text of another; all rows of a text are in one split")
    disputed = duplicates.contradictions(names)
    if disputed:
        first, other = disputed[0]
        notes.append(
            f"{len(disputed)} texts have rows of different classes, e.g. {table.row_name(int(rows[first]))} is "
            f"{names[first]} and {table.row_name(int(rows[other]))}, the same text, {names[other]}"
        )
    return tuple(notes)


def _named(table: Table, rows: Sequence[int], count: int = 5) -> str:
    return ", ".join(table.row_name(row) for row in rows[:count]) + (", ..." if len(rows) > count else "")
