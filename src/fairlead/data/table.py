"""Rows as they stand in a file, before anything is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.errors import DataError, UnknownNameError

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")


@dataclass(frozen=True)
class Table:
    """Columns of text, read from CSV, TSV or Parquet.

    Every value is text as a person reads it, so that a label ``1`` is the same in CSV and Parquet; what is
    null, empty or only blanks is None.

    Attributes:
        columns: N values by column name.
        source: What the rows came from, for messages.
    """

    columns: dict[str, list[str | None]]
    source: str

    @classmethod
    def read(cls, path: Path) -> Table:
        """Reads a file by its suffix.

        Raises:
            DataError: not one of the formats, unreadable, or without rows.
        """
        import pyarrow
        from pyarrow import parquet

        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path} is no table that can be read; its name must end in {', '.join(SUFFIXES)}")
        try:
            content = parquet.read_table(path) if path.suffix.lower() in {".parquet", ".pq"} else _read_text(path)
            names = [name.strip() for name in content.column_names]
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as a table: {error}; save it again as UTF-8 CSV or Parquet") from (
                error
            )
        if not content.num_rows:
            raise DataError(f"{path} has no rows; it needs a line for each picture")
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{path} has more than one column {twice[0]!r}; rename all but one")
        columns = {}
        for name, column in zip(names, content.columns, strict=True):
            texts = _as_text(column)
            if texts is not None:
                columns[name] = [text.strip() if text and text.strip() else None for text in texts]
        return cls(columns, path.name)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str, kind: str = "column") -> list[str | None]:
        """Returns a column.

        Raises:
            UnknownNameError: no such column; the nearest is suggested.
        """
        if name not in self.columns:
            raise UnknownNameError(kind, name, self.columns, where=self.source)
        return self.columns[name]

    def complete(self, name: str, kind: str) -> list[str]:
        """Returns a column in which every row must have a value.

        Raises:
            DataError: rows without one; the first are named.
        """
        values = self.column(name, kind)
        empty = [row for row, value in enumerate(values) if value is None]
        if empty:
            raise DataError(
                f"{len(empty)} of {len(values)} rows of {self.source} have no value in column {name!r} "
                f"(data rows {_first(empty)}); fill them in or take those rows out"
            )
        return [value for value in values if value is not None]


def _read_text(path: Path) -> Any:  # a pyarrow.Table, which has no types
    """Reads CSV or TSV with every column as text: "007" must not become 7, nor "NA" a number that is missing."""
    import pyarrow
    from pyarrow import csv

    parsing = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True)
    with csv.open_csv(path, parse_options=parsing) as reader:  # the names as pyarrow itself reads them
        types = dict.fromkeys(reader.schema.names, pyarrow.string())
    converting = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    return csv.read_csv(path, parse_options=parsing, convert_options=converting)


def _as_text(column: Any) -> list[str | None] | None:  # a pyarrow.ChunkedArray, which has no types
    """Returns the values as text, or None where they are none, such as lists or raw bytes."""
    import pyarrow
    from pyarrow import compute

    types = pyarrow.types
    if types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if types.is_nested(column.type) or types.is_binary(column.type) or types.is_large_binary(column.type):
        return None
    try:
        texts: list[str | None] = compute.cast(column, pyarrow.string()).to_pylist()
    except pyarrow.ArrowException:  # a type without a text of its own
        return None
    return texts


def _first(rows: Sequence[int], count: int = 5) -> str:
    """Names the first of many rows, counted from 1 as a spreadsheet without its header does."""
    return ", ".join(str(row + 1) for row in rows[:count]) + (", ..." if len(rows) > count else "")
