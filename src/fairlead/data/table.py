"""Rows as they stand in a file, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.data.json_lines import read_json_lines
from fairlead.errors import DataError, UnknownNameError

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Table:
    """Columns of text, read from CSV, TSV, Parquet or JSON Lines.

    Every value is text as a person reads it, so that a label ``1`` is the same in CSV and Parquet; what is
    null, empty or only blanks is None, and blanks around a value do not count.

    Attributes:
        columns: N values by column name.
        source: What the rows came from, for messages.
        rows: What a person calls each row; None counts them as ``row 1``, ``row 2`` and so on.
        notes: What the reader decided.
    """

    columns: dict[str, list[str | None]]
    source: str
    rows: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: Path) -> Table:
        """Reads a file by its suffix.

        Raises:
            DataError: not one of the formats, unreadable, or without rows.
        """
        import pyarrow

        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path} is no table that can be read; its name must end in {', '.join(SUFFIXES)}")
        try:
            found = _read(path)
        except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
            told = _first_bad_byte(path) or str(error)
            raise DataError(f"{path} cannot be read as a table: {told}; save it again as UTF-8 CSV or Parquet") from (
                error
            )
        names = [name.strip() for name, _ in found]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(f"{path} has more than one column {twice[0]!r}; rename all but one")
        columns = {name: texts for name, (_, texts) in zip(names, found, strict=True) if texts is not None}
        if not any(columns.values()):
            raise DataError(f"{path} has no rows; it needs a line for each picture or text")
        return cls.of(columns, path.name)

    @classmethod
    def of(
        cls,
        columns: Mapping[str, Sequence[str | None]],
        source: str,
        rows: tuple[str, ...] | None = None,
        notes: tuple[str, ...] = (),
    ) -> Table:
        """Takes columns as they are, without the blanks around values."""
        return cls({name: [_stripped(text) for text in texts] for name, texts in columns.items()}, source, rows, notes)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def row_name(self, row: int) -> str:
        """Returns what a person calls a row, counted from 1 as a spreadsheet without its header does."""
        return f"row {row + 1}" if self.rows is None else self.rows[row]

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
                f"(data rows {first_rows(empty)}); fill them in or take those rows out"
            )
        return [value for value in values if value is not None]


def _read(path: Path) -> list[tuple[str, list[str | None] | None]]:
    """Reads names and values; those of a column that holds no text, nor what can be written as one, are None."""
    if path.suffix.lower() in {".jsonl", ".ndjson"}:
        return list(read_json_lines(path).items())
    if path.suffix.lower() in {".parquet", ".pq"}:
        from pyarrow import parquet

        content = parquet.read_table(path)
    else:
        content = _read_text(path)
    return [(name, as_text(column)) for name, column in zip(content.column_names, content.columns, strict=True)]


def _read_text(path: Path) -> Any:  # a pyarrow.Table, which has no types
    """Reads CSV or TSV with every column as text: "007" must not become 7, nor "NA" a number that is missing."""
    import pyarrow
    from pyarrow import csv

    parsing = csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",", newlines_in_values=True)
    # A row must lie within one block or two: a text of 10 MB would not.
    reading = csv.ReadOptions(block_size=min(max(path.stat().st_size, 1 << 20), (1 << 31) - 1))
    with csv.open_csv(path, reading, parse_options=parsing) as reader:  # the names as pyarrow itself reads them
        types = dict.fromkeys(reader.schema.names, pyarrow.string())
    converting = csv.ConvertOptions(column_types=types, strings_can_be_null=False)
    return csv.read_csv(path, reading, parse_options=parsing, convert_options=converting)


def _first_bad_byte(path: Path) -> str | None:
    """Says where a text file stops being UTF-8, which its readers do not; None where it does not."""
    if path.suffix.lower() in {".parquet", ".pq"}:
        return None
    position = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    line.decode()
                except UnicodeDecodeError as error:
                    byte = line[error.start]
                    return f"line {number} is no UTF-8 (byte 0x{byte:02x} at {position + error.start} of the file)"
                position += len(line)
    except OSError:
        return None
    return None


def as_text(column: Any) -> list[str | None] | None:  # a pyarrow array, which has no types
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


def _stripped(text: str | None) -> str | None:
    return (text.strip() or None) if text else None


def first_rows(rows: Sequence[int], count: int = 5) -> str:
    """Names the first of many rows, counted from 1 as a spreadsheet without its header does."""
    return ", ".join(str(row + 1) for row in rows[:count]) + (", ..." if len(rows) > count else "")
