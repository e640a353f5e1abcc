"""What a spreadsheet holds comes out as the text a person reads, in every format."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from fairlead.data import Table
from fairlead.errors import DataError, UnknownNameError


def csv_of(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n", b"\xef\xbb\xbf\r\n"])
def test_numbers_and_missing_words_stay_text(tmp_path: Path, start: bytes) -> None:
    content = 'id,"label","note, free"\r\n007,NA," a ""b"" "\r\n1.50,null,\r\n1e3,nan,"two\r\nlines"\r\ntrue,,   \r\n'
    table = Table.read(csv_of(tmp_path, start + content.encode()))
    assert table.columns == {
        "id": ["007", "1.50", "1e3", "true"],
        "label": ["NA", "null", "nan", None],
        "note, free": ['a "b"', None, "two\r\nlines", None],
    }
    assert len(table) == 4
    assert table.source == "t.csv"


def test_tabs(tmp_path: Path) -> None:
    assert Table.read(csv_of(tmp_path, "image\tlabel\na,b.png\t01\n", "t.TSV")).columns == {
        "image": ["a,b.png"],
        "label": ["01"],
    }


def test_spaces_around_names_and_values_do_not_count(tmp_path: Path) -> None:
    table = Table.read(csv_of(tmp_path, " image , label\n a.png , benign \n"))
    assert table.column("label") == ["benign"]
    assert table.column("image") == ["a.png"]


@pytest.mark.parametrize("suffix", [".parquet", ".pq"])
def test_parquet_is_read_as_csv_would_be(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    content = {
        "whole": pyarrow.array([1, None, 3], pyarrow.int64()),
        "float": pyarrow.array([1.0, 2.5, None]),
        "coded": pyarrow.array(["x", None, " y "]).dictionary_encode(),
        "yes": pyarrow.array([True, False, None]),
        "nothing": pyarrow.nulls(3),
        "day": pyarrow.array([date(2024, 2, 29)] * 3),
        "large": pyarrow.array(["007", "", "NA"], pyarrow.large_string()),
        "list": pyarrow.array([[1], [2], [3]]),
        "bytes": pyarrow.array([b"\xff", b"", None]),
        "fixed": pyarrow.array([b"\xff\x00"] * 3, pyarrow.binary(2)),
    }
    parquet.write_table(pyarrow.table(content), path)
    assert Table.read(path).columns == {
        "whole": ["1", None, "3"],
        "float": ["1", "2.5", None],
        "coded": ["x", None, "y"],
        "yes": ["true", "false", None],
        "nothing": [None, None, None],
        "day": ["2024-02-29"] * 3,
        "large": ["007", None, "NA"],
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"cannot be read as a table: Empty CSV file; save it again as UTF-8"),
        (b"a,b\n1,2\n1,2,3\n", r"cannot be read as a table: .*Expected 2 columns, got 3"),
        (b"a,b\n1\n", r"cannot be read as a table: .*Expected 2 columns, got 1"),
        (b"name\ncaf\xe9\n", r"cannot be read as a table: .*(?i:utf).*; save it again as UTF-8"),
        (b"caf\xe9,b\n1,2\n", r"cannot be read as a table: .*(?i:utf).*; save it again as UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), r"cannot be read as a table|has no rows"),
        (b"a,b\n", "has no rows; it needs a line for each picture"),
        (b"a,b,a\n1,2,3\n", "has more than one column 'a'; rename all but one"),
        (b"a,b, a\n1,2,3\n", "has more than one column 'a'; rename all but one"),
    ],
)
def test_what_is_no_table_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=rf"(?s)t\.csv {message}"):
        Table.read(csv_of(tmp_path, content))


def test_parquet_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.parquet cannot be read as a table"):
        Table.read(csv_of(tmp_path, "a,b\n1,2\n", "t.parquet"))
    columns = [pyarrow.array([1]), pyarrow.array([2])]
    parquet.write_table(pyarrow.Table.from_arrays(columns, names=["a", "a"]), tmp_path / "twice.parquet")
    with pytest.raises(DataError, match=r"twice\.parquet"):
        Table.read(tmp_path / "twice.parquet")


@pytest.mark.parametrize("name", ["t.xlsx", "t.txt", "t"])
def test_other_formats_are_refused_by_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"is no table that can be read; its name must end in \.csv, \.tsv"):
        Table.read(csv_of(tmp_path, "a\n1\n", name))


def test_the_near_column_is_suggested(tmp_path: Path) -> None:
    table = Table.read(csv_of(tmp_path, "image,Gender\na.png,f\n"))
    with pytest.raises(UnknownNameError, match=r"no column 'gendr' in t\.csv; did you mean 'Gender'.*image, Gender"):
        table.column("gendr")
    with pytest.raises(UnknownNameError, match="did you mean 'Gender'"):
        table.column("gender")


def test_rows_without_a_value_are_counted_and_named(tmp_path: Path) -> None:
    rows = "".join(f"{row}.png,{'' if row % 2 else 'x'}\n" for row in range(14))
    table = Table.read(csv_of(tmp_path, f"image,label\n{rows}"))
    with pytest.raises(DataError, match=r"7 of 14 rows of t\.csv have no value in column 'label' \(data rows 2, 4, "):
        table.complete("label", "column")
    assert table.complete("image", "column")[3] == "3.png"


def test_lines_within_quotes_are_one_value_also_in_a_large_file(tmp_path: Path) -> None:
    text = "\n".join(["a line"] * 20)
    table = Table.read(csv_of(tmp_path, "id,text\n" + "".join(f'{row},"{text}"\n' for row in range(20_000))))
    assert table.columns == {"id": [str(row) for row in range(20_000)], "text": [text] * 20_000}
