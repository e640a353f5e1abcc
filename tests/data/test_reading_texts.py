"""Texts come out the same from every source, and what is wrong with them is counted and named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from fairlead.data import Columns, RawRows, SplitPlan, StoredTexts, prepare_rows, read_texts
from fairlead.data.duplicates import Duplicates
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.records import SPLITS, Split
from tests.fakes.texts import write_csv

ROWS = [(f"text {row}, with a comma", "no" if row % 3 else "yes", "fm"[row % 2]) for row in range(24)]


def table(folder: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("text", "label"), name: str = "t.csv"):
    return write_csv(folder / name, header, rows)


def many(*special: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Sixty rows of two classes, the first of them as given."""
    width = len(special[0]) if special else 2
    rest = [(f"text {row}", "ab"[row % 2], *["train"] * (width - 2)) for row in range(60)]
    return [*special, *rest[len(special) :]]


def sources(folder: Path) -> Iterator[Any]:
    header = ("Sentence", "label", "sex")
    yield table(folder, ROWS, header)
    tabs = folder / "t.tsv"
    tabs.write_text("\n".join("\t".join(row) for row in [header, *ROWS]) + "\n")
    yield str(tabs)
    lines = folder / "t.jsonl"
    lines.write_text("\n\n".join(json.dumps(dict(zip(header, row, strict=True))) for row in ROWS))
    yield lines
    columns = dict(zip(header, map(list, zip(*ROWS, strict=True)), strict=True))
    parquet.write_table(pyarrow.table(columns), folder / "t.parquet")
    yield folder / "t.parquet"
    datasets = pytest.importorskip("datasets")
    kinds = {"Sentence": "string", "sex": "string"}
    features = datasets.Features({name: datasets.Value(kind) for name, kind in kinds.items()})
    features["label"] = datasets.ClassLabel(names=["yes", "no"])
    yield datasets.Dataset.from_dict(columns, features=features)


def test_every_source_gives_the_same_rows(tmp_path: Path) -> None:
    for source in sources(tmp_path):
        raw = read_texts(source, Columns(sensitive=("sex",)))
        assert [raw.items.read(row) for row in range(24)] == [text for text, _, _ in ROWS], source
        assert raw.names == [label for _, label, _ in ROWS]
        assert raw.sensitive == {"sex": [sex for _, _, sex in ROWS]}
        assert raw.splits is None
        assert raw.notes == ()
        assert raw.items.name(16) == "row 17"


class Part:
    """A dataset as this package sees one: names, features and columns."""

    def __init__(self, **columns: list[Any]) -> None:
        self.columns = columns
        self.column_names = list(columns)
        kind = type("Value", (), {"dtype": "string"})
        self.features = dict.fromkeys(columns, kind())

    def __len__(self) -> int:
        return len(self.columns[self.column_names[0]])

    def __getitem__(self, name: str) -> list[Any]:
        return self.columns[name]


def part(*labels: str | None, start: int = 0) -> Part:
    return Part(text=[f"text {start + row}" for row in range(len(labels))], label=list(labels))


def test_the_keys_of_a_dataset_dict_are_splits() -> None:
    parts = {"train": part(*"ab" * 20), "validation": part("a", start=50), "unsupervised": part("a", start=60)}
    raw = read_texts(parts, Columns())
    assert raw.splits == [Split.TRAIN] * 40 + [Split.VAL]
    assert [raw.items.name(row) for row in (0, 39, 40)] == ["train row 1", "train row 40", "validation row 1"]
    assert raw.notes == ("splits by other names are not read: unsupervised",)
    assert prepare_rows(raw, SplitPlan()).counts()["val"] == 1


def test_a_split_whose_labels_are_kept_secret_is_left_out() -> None:
    raw = read_texts({"train": part(*"ab" * 20), "test": part(None, None, start=50)}, Columns())
    assert len(raw.names) == 40
    assert raw.notes == ("no row of the split test has a label: its 2 rows are left out",)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"a": part("a"), "b": part("a")}, r"the splits a, b, of which none is train, .*; rename one to 'train'"),
        ({"train": part("a"), "test": Part(text=["x"])}, "the splits train and test differ in the columns label"),
        ({"train": part()}, "the dataset has no rows"),
        ([("text", "label")], "texts cannot be read from a list; give the path of a table, or a datasets.Dataset"),
        (type("Stream", (), {"column_names": ["text"], "features": {}})(), "a dataset that streams has no rows"),
    ],
)
def test_what_is_no_dataset_of_texts_is_said(source: Any, message: str) -> None:
    with pytest.raises((DataError, ConfigurationError), match=message):
        read_texts(source, Columns())


def test_a_file_that_is_not_there_suggests_one_that_is(tmp_path: Path) -> None:
    table(tmp_path, many(), name="reviews.csv")
    with pytest.raises(UnknownNameError, match=r"did you mean 'reviews\.csv'"):
        read_texts(tmp_path / "review.csv", Columns())
    with pytest.raises(DataError, match="is a folder; name a table of texts"):
        read_texts(tmp_path, Columns())


def test_the_text_column_is_found_by_its_usual_names_or_asked_for(tmp_path: Path) -> None:
    odd = table(tmp_path, many(), ("Remarks", "label"))
    with pytest.raises(
        ConfigurationError, match=r"no text column by a usual name \(text, .*Columns\(text=\.\.\.\).*Remarks"
    ):
        read_texts(odd, Columns())
    with pytest.raises(UnknownNameError, match=r"no text column 'remark' in t\.csv; did you mean 'Remarks'"):
        read_texts(odd, Columns(text="remark"))
    assert read_texts(odd, Columns(text="Remarks")).items.read(3) == "text 3"


def test_pairs_are_read_together(tmp_path: Path) -> None:
    rows = [(f"why {row}?", f"so {row}", "ab"[row % 2]) for row in range(30)]
    rows[4] = ("why 4?", "  ", "a")
    path = table(tmp_path, rows, ("question", "answer", "label"))
    raw = read_texts(path, Columns(text_pair="answer"))
    assert raw.items.read(4) == ("why 5?", "so 5")
    assert raw.items.content(4) == ("why 5?", "so 5")
    assert raw.notes == ("1 of 30 rows have no text in column 'question' or 'answer' and are left out (row 5)",)
    assert raw.items.digest(3) != raw.items.digest(4)


def test_rows_without_a_text_are_left_out_counted_and_keep_their_numbers(tmp_path: Path) -> None:
    rows = many(("", "a"), ("  \t ", "b"), ("NaN", "a"), ("none", "b"))
    raw = read_texts(table(tmp_path, rows), Columns())
    assert raw.notes == ("3 of 60 rows have no text in column 'text' and are left out (row 1, row 2, row 3)",)
    assert raw.items.read(0) == "none"
    assert raw.items.name(0) == "row 4"
    assert len(raw.items) == len(raw.names) == 57


def test_too_many_rows_without_a_text_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, many(*[("", "a")] * 7))
    with pytest.raises(
        DataError,
        match=r"7 of 60 rows of t\.csv have no text in column 'text' \(row 1, row 2, row 3, row 4, row 5, \.\.\.\); "
        r"name the right column with --text-column or Columns\(text=\.\.\.\), or take those rows out",
    ):
        read_texts(path, Columns())
    assert len(read_texts(table(tmp_path, many(*[("", "a")] * 6)), Columns()).names) == 54


def test_rows_without_a_label_are_named_even_where_others_are_left_out(tmp_path: Path) -> None:
    path = table(tmp_path, many(("", ""), ("text", "")))
    with pytest.raises(DataError, match=r"1 of 59 rows of t\.csv have no value in column 'label' \(row 2\)"):
        read_texts(path, Columns())


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_bytes_that_are_no_utf8_are_found(tmp_path: Path, suffix: str) -> None:
    good, bad = (b'{"text": "x"}', b'{"text": "caf\xe9"}') if suffix == "jsonl" else (b"text", b"caf\xe9")
    path = tmp_path / f"t.{suffix}"
    path.write_bytes(good + b"\n" + bad + b"\n")
    place = len(good) + 1 + bad.index(b"\xe9")
    with pytest.raises(DataError, match=rf"t\.{suffix} cannot .*line 2 is no UTF-8 \(byte 0xe9 at {place} of the file"):
        read_texts(path, Columns())


def test_half_a_surrogate_pair_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    texts = ["a \\ud83d b", "\\ud83d\\ude00", "\xe9"]
    path.write_text("\n".join(f'{{"text": "{text}", "label": "a"}}' for text in texts), encoding="utf-8")
    raw = read_texts(path, Columns())
    assert [raw.items.read(row) for row in range(3)] == ["a \ufffd b", "\U0001f600", "\xe9"]
    assert raw.items.content(0) == "a \ufffd b"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_text_of_ten_megabytes_is_a_text(tmp_path: Path, suffix: str) -> None:
    long = "word " * 2_000_000 + "end"
    path = tmp_path / f"t.{suffix}"
    if suffix == "csv":
        table(tmp_path, [(long, "a"), ("short", "b")])
    elif suffix == "jsonl":
        path.write_text(f'{{"text": "{long}", "label": "a"}}\n{{"text": "short", "label": "b"}}\n')
    else:
        parquet.write_table(pyarrow.table({"text": [long, "short"], "label": ["a", "b"]}), path)
    raw = read_texts(path, Columns())
    assert [len(raw.items.read(row)) for row in range(2)] == [len(long), 5]


def test_what_a_later_split_has_too_is_left_out_of_the_earlier(tmp_path: Path) -> None:
    special = [("same", "a", "train"), ("same", "a", "test"), ("both", "b", "val"), ("both", "b", "calibration")]
    raw = read_texts(table(tmp_path, many(*special), ("text", "label", "split")), Columns())
    assert raw.notes == (
        "1 rows of train and 1 rows of val have a text that a later split has too (row 1, row 3): they are left out, "
        "so that nothing is judged on what it was fitted to",
    )
    assert [raw.items.name(row) for row in (0, 1)] == ["row 2", "row 4"]
    assert raw.splits is not None
    assert raw.splits[:2] == [Split.TEST, Split.CALIBRATION]


def test_nothing_left_to_train_on_is_said(tmp_path: Path) -> None:
    rows = [(f"text {row // 2}", "ab"[row // 2 % 2], ("train", "test")[row % 2]) for row in range(40)]
    with pytest.raises(
        DataError, match=r"every training text of t\.csv is also in a held-out split \(20 rows of train"
    ):
        read_texts(table(tmp_path, rows, ("text", "label", "split")), Columns())


def test_copies_of_a_text_go_to_one_split_and_contradictions_are_named(tmp_path: Path) -> None:
    rows = [(f"text {row % 30}", "ab"[row % 30 % 2]) for row in range(90)]
    rows[63] = ("text 3", "a")
    raw = read_texts(table(tmp_path, rows), Columns())
    assert raw.notes == (
        "60 rows repeat the text of another; all rows of a text are in one split",
        "1 texts have rows of different classes, e.g. row 4 is b and row 64, the same text, a",
    )
    prepared = prepare_rows(raw, SplitPlan())
    splits = {f"text {text}": {prepared.splits[row] for row in range(text, 90, 30)} for text in range(30)}
    assert all(len(found) == 1 for found in splits.values())
    assert set.union(*splits.values()) == {split.value for split in SPLITS}


@given(
    st.lists(st.tuples(st.integers(0, 40), st.sampled_from("ab")), min_size=60, max_size=120),
    st.booleans(),
    st.integers(0, 5),
)
def test_no_text_is_in_two_splits_however_they_are_drawn(
    drawn: list[tuple[int, str]], test_given: bool, seed: int
) -> None:
    """Also where the test split is given, and val and calibration are taken from train."""
    contents = [number for number, _ in drawn]
    copies = Duplicates.of(contents)
    splits = [Split.TEST if number % 7 == 0 else Split.TRAIN for number in contents] if test_given else None
    raw = RawRows(StoredTexts([str(number) for number in contents]), [name for _, name in drawn], splits)
    raw = RawRows(raw.items, raw.names, splits, together=copies.clusters)
    try:
        rows = prepare_rows(raw, SplitPlan(seed=seed, most=50))
    except DataError:  # a class without a training row, or too few texts
        return
    found: dict[str, set[str]] = {}
    for row in range(len(rows)):
        found.setdefault(rows.items.read(row), set()).add(str(rows.splits[row]))
    assert all(len(places) == 1 for places in found.values())


@given(st.lists(st.tuples(st.integers(0, 8), st.sampled_from(SPLITS)), min_size=1, max_size=40))
def test_after_leaks_are_left_out_each_text_is_in_the_last_split_that_had_it(rows: list[tuple[int, Split]]) -> None:
    copies = Duplicates.of([text for text, _ in rows])
    leaks = set(copies.leaks([split for _, split in rows]).tolist())
    for text in {text for text, _ in rows}:
        before = [SPLITS.index(split) for other, split in rows if other == text]
        after = [SPLITS.index(split) for row, (other, split) in enumerate(rows) if other == text and row not in leaks]
        assert after == [place for place in before if place == max(before)]
    assert copies.count() == len(rows) - len({text for text, _ in rows})


def test_names_are_as_many_as_texts() -> None:
    with pytest.raises(DataError, match="2 texts cannot have 1 names"):
        StoredTexts(["a", "b"], ["one"])
    assert np.unique([StoredTexts(["a", "b"]).digest(row) for row in (0, 1)]).size == 2
