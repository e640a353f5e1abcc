"""Rows keep their number, and thinning takes pictures, labels and groups together."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.data import ArrayPictures, RawRows, Rows, SplitPlan, prepare_rows
from fairlead.errors import ConfigurationError, DataError, LabelError
from fairlead.records import Split


def raw(names: list[str], **fields: object) -> RawRows:
    """Pictures of one grey level each: the level is the row's number."""
    pictures = np.arange(len(names), dtype=np.uint8)[:, None, None, None] * np.ones((1, 4, 4, 3), np.uint8)
    return RawRows(ArrayPictures(pictures, "grey"), names, **fields)


def level(rows: Rows, row: int) -> int:
    return int(np.asarray(rows.items.read(row))[0, 0, 0])


NAMES = [("benign", "malignant", "unclear")[row % 3] for row in range(60)]
SEX = [("f", "m", None)[row % 7 % 3] for row in range(60)]


def test_index_code_and_group_belong_to_the_row() -> None:
    rows = prepare_rows(raw(NAMES, sensitive={"sex": SEX, "one": ["x"] * 60}), SplitPlan())
    assert [level(rows, row) for row in range(60)] == list(range(60))
    assert [rows.labels[code] for code in rows.targets] == NAMES
    sex, one = rows.sensitive
    assert [sex.slots[code] for code in rows.groups[:, 0]] == [value or "(missing)" for value in SEX]
    assert set(rows.groups[:, 1]) == {0}
    assert one.slots == ("x", "(missing)")
    assert rows.groups.dtype == rows.targets.dtype == np.int64
    held = np.concatenate([rows.of(split) for split in Split])
    assert sorted(held) == list(range(60))
    assert rows.class_counts().tolist() == [
        sum(rows.targets[row] == code for row in rows.of(Split.TRAIN)) for code in range(3)
    ]


def test_the_codes_are_those_of_the_training_rows_alone() -> None:
    splits = [Split.TRAIN if row < 30 else list(Split)[row % 4] for row in range(60)]
    names = ["b" if row % 2 else "c" for row in range(60)]
    assert list(prepare_rows(raw(names, splits=splits), SplitPlan()).labels) == ["b", "c"]
    names[31] = names[35] = "a"
    assert splits[31] is Split.TEST
    with pytest.raises(LabelError, match="the test split of the data has classes that no training row has: a"):
        prepare_rows(raw(names, splits=splits), SplitPlan())


def test_thinning_takes_everything_of_a_row() -> None:
    rows = prepare_rows(raw(NAMES, sensitive={"sex": SEX}), SplitPlan(most=30))
    assert len(rows) == 30
    origin = [level(rows, row) for row in range(30)]
    assert origin == sorted(set(origin))
    assert [rows.labels[code] for code in rows.targets] == [NAMES[row] for row in origin]
    assert [rows.sensitive[0].slots[code] for code in rows.groups[:, 0]] == [SEX[row] or "(missing)" for row in origin]
    assert [rows.items.name(row) for row in range(30)] == [f"grey-{row:06d}" for row in origin]
    whole = prepare_rows(raw(NAMES), SplitPlan())
    assert [rows.items.digest(row) for row in range(30)] == [whole.items.digest(row) for row in origin]
    assert np.bincount(rows.targets).tolist() == [10, 10, 10]
    assert "only 30 of 60 rows are used" in rows.notes


def test_thinning_keeps_the_splits_that_are_given() -> None:
    splits = [list(Split)[row // 15] for row in range(60)]
    rows = prepare_rows(raw(NAMES, splits=splits), SplitPlan(most=24))
    assert len(rows) == 24
    assert [rows.splits[row] for row in range(24)] == [splits[level(rows, row)].value for row in range(24)]
    assert set(rows.counts().values()) == {6}
    with pytest.raises(ConfigurationError, match="20 rows are too few to keep one of each of 24 classes and splits"):
        prepare_rows(
            raw([str(row % 6) for row in range(60)], splits=[list(Split)[row // 15] for row in range(60)]),
            SplitPlan(most=20),
        )
    assert len(prepare_rows(raw(NAMES), SplitPlan(most=60))) == 60


def test_classes_of_one_row_are_said() -> None:
    rows = prepare_rows(raw([*NAMES, "rare"]), SplitPlan())
    assert rows.splits[60] == "train"
    assert rows.notes == ("1 classes have a single row and cannot be tested: rare",)


def test_labels_that_teach_nothing() -> None:
    with pytest.raises(DataError, match="looks like an identifier"):
        prepare_rows(raw([str(row // 2 if row < 20 else row) for row in range(60)]), SplitPlan())
    with pytest.raises(DataError, match="of the one class 'a'"):
        prepare_rows(raw(["a"] * 60), SplitPlan())
    splits = [Split.TRAIN if row < 40 else Split.TEST for row in range(60)]
    with pytest.raises(LabelError, match="no training row has: b"):
        prepare_rows(raw(["a"] * 40 + ["b"] * 20, splits=splits), SplitPlan())
