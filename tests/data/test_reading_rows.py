"""Folders and tables as people have them become the same rows, or an error that names what is wrong."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fairlead.data import Columns, Rows, SplitPlan, list_pictures, prepare_rows, read_rows
from fairlead.errors import ConfigurationError, DataError, LabelError, UnknownNameError
from fairlead.records import Split


def rows_of(source: Path, columns: Columns | None = None) -> Rows:
    return prepare_rows(read_rows(source, columns or Columns()), SplitPlan())


def divided(folder: Path, photos: Path, parts: dict[str, list[str]], count: int = 4) -> Path:
    """Copies some photos of some classes into a folder for each split."""
    for split, classes in parts.items():
        for name in classes:
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                shutil.copy(photos / name / f"{name}{number}.png", folder / split / name)
    return folder


ALL = ["blue", "green", "red"]


def test_class_folders(photos: Path) -> None:
    rows = rows_of(photos)
    assert list(rows.labels) == ALL
    assert sum(rows.counts().values()) == len(rows) == 36
    assert [rows.items.name(row) for row in (0, 2, 11, 12)] == [
        "blue/blue0.png",
        "blue/blue2.png",
        "blue/blue11.png",
        "green/green0.png",
    ]
    for row in range(36):
        assert rows.labels[rows.targets[row]] == rows.items.name(row).partition("/")[0]
        brightest = np.asarray(rows.items.read(row)).mean(axis=(0, 1)).argmax()
        assert rows.labels[rows.targets[row]] == ("red", "green", "blue")[brightest]
    assert rows.groups.shape == (36, 0)
    assert rows.notes == ()


def test_folders_of_splits(tmp_path: Path, photos: Path) -> None:
    folder = divided(tmp_path / "d", photos, {"Train": ALL, "valid": ALL, "calib": ALL, "testing": ALL, "extra": ALL})
    rows = rows_of(folder)
    assert rows.counts() == {"train": 12, "val": 12, "calibration": 12, "test": 12}
    assert {rows.items.name(int(row)).partition("/")[0] for row in rows.of(Split.VAL)} == {"valid"}
    assert rows.notes == ("folders beside the splits are not read: extra",)


def test_a_class_that_val_lacks_changes_nothing(tmp_path: Path, photos: Path) -> None:
    whole = rows_of(divided(tmp_path / "a", photos, {"train": ALL, "val": ALL, "calibration": ALL, "test": ALL}))
    lacking = divided(tmp_path / "b", photos, {"train": ALL, "val": ["red"], "calibration": ALL, "test": ALL})
    (lacking / "val" / "blue").mkdir()  # as Git and some archives leave it
    (lacking / "val" / "aaa").mkdir()
    rows = rows_of(lacking)
    assert rows.labels == whole.labels
    codes = {rows.items.name(row): int(rows.targets[row]) for row in range(len(rows))}
    expected = {whole.items.name(row): int(whole.targets[row]) for row in range(len(whole))}
    assert codes == {name: expected[name] for name in codes}
    assert rows.counts() == {"train": 12, "val": 4, "calibration": 12, "test": 12}


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_class_no_training_row_has_is_named(tmp_path: Path, photos: Path, split: str) -> None:
    parts = {"train": ["blue", "red"], "val": ["red"], "calibration": ["red"], "test": ["red"]} | {split: ALL}
    with pytest.raises(LabelError, match=f"the {split} split of .* that no training row has: green; add training rows"):
        rows_of(divided(tmp_path / "d", photos, parts))


def test_splits_the_folder_lacks_are_carved_and_said(tmp_path: Path, photos: Path) -> None:
    rows = rows_of(divided(tmp_path / "d", photos, {"train": ALL, "test": ["blue"]}, count=12))
    assert rows.counts()["test"] == 12
    assert min(rows.counts().values()) > 0
    assert "no val and calibration split: taken from its training rows" in rows.notes[0]


def test_hidden_folders_and_files_are_no_class(photos: Path) -> None:
    for hidden in (".ipynb_checkpoints", "__MACOSX", "red/.ipynb_checkpoints"):
        (photos / hidden).mkdir()
        shutil.copy(photos / "red" / "red0.png", photos / hidden)
    shutil.copy(photos / "red" / "red0.png", photos / "red" / "._red0.png")
    assert len(rows_of(photos)) == 36
    assert rows_of(photos).notes == ()


def test_deep_files_count_and_strangers_are_said(photos: Path) -> None:
    (photos / "red" / "more").mkdir()
    shutil.move(photos / "red" / "red0.png", photos / "red" / "more" / "RED0.PNG")
    (photos / "red" / "Thumbs.db").touch()
    rows = rows_of(photos)
    assert len(rows) == 36
    assert "red/more/RED0.PNG" in {rows.items.name(row) for row in range(36)}
    assert len(rows.notes) == 1
    assert rows.notes[0].startswith("1 files below")


def test_an_empty_class_folder_is_named(tmp_path: Path, photos: Path) -> None:
    (photos / "violet").mkdir()
    with pytest.raises(DataError, match=r"the class folder .*violet holds no pictures; add some, or remove"):
        rows_of(photos)
    folder = divided(tmp_path / "d", photos, {"train": ALL, "val": ALL})
    (folder / "train" / "violet").mkdir()
    with pytest.raises(DataError, match=r"train/violet holds no pictures"):
        rows_of(folder)


def test_a_split_that_is_ambiguous_or_without_training_rows(tmp_path: Path, photos: Path) -> None:
    both = divided(tmp_path / "a", photos, {"train": ALL, "val": ALL, "validation": ALL})
    with pytest.raises(DataError, match="has the val split twice, as val and validation; make one of them"):
        rows_of(both)
    none = divided(tmp_path / "b", photos, {"trian": ALL, "val": ALL, "test": ALL})
    with pytest.raises(DataError, match="has the splits test, val and none to train on; name that folder 'train'"):
        rows_of(none)
    empty = divided(tmp_path / "c", photos, {"train": ALL})
    (empty / "test" / "red").mkdir(parents=True)
    with pytest.raises(DataError, match=r"c/test holds no class folders with pictures"):
        rows_of(empty)


def test_one_folder_named_as_a_split_may_be_a_class(photos: Path) -> None:
    (photos / "red").rename(photos / "test")
    assert list(rows_of(photos).labels) == ["blue", "green", "test"]


def test_nothing_to_tell_apart(tmp_path: Path, photos: Path) -> None:
    shutil.rmtree(photos / "red")
    shutil.rmtree(photos / "green")
    with pytest.raises(DataError, match="is of the one class 'blue': nothing to tell apart"):
        rows_of(photos)
    with pytest.raises(DataError, match="holds no class folders"):
        rows_of(photos / "blue")


def test_a_training_split_of_one_class(tmp_path: Path, photos: Path) -> None:
    table = tmp_path / "t.csv"
    lines = [f"photos/red/red{number}.png,{'b' if number > 9 else 'a'},train" for number in range(10)]
    table.write_text("image,label,split\n" + "\n".join(lines) + "\n")
    with pytest.raises(DataError, match="one class"):
        rows_of(table)


def test_a_folder_has_no_sensitive_features(photos: Path) -> None:
    with pytest.raises(ConfigurationError, match="holds no sensitive features; name sex as columns of a table"):
        rows_of(photos, Columns(sensitive=("sex",)))


def test_a_misspelt_path_suggests_the_near_one(photos: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no file or folder 'phtos' in .*; did you mean 'photos'"):
        rows_of(photos.parent / "phtos")
    with pytest.raises(DataError, match=r"there is no file or folder .*/gone/photos; name a table"):
        rows_of(photos.parent / "gone" / "photos")


# -- tables ----------------------------------------------------------------------------------------------


def test_a_table_with_a_sensitive_column(photo_table: Path) -> None:
    rows = rows_of(photo_table, Columns(sensitive=("sex",)))
    assert list(rows.labels) == ALL
    (sex,) = rows.sensitive
    assert sex.slots == ("f", "m", "(missing)")
    assert np.flatnonzero(rows.groups[:, 0] == sex.missing).tolist() == [0, 12]
    assert [rows.groups[row, 0] for row in (1, 2, 13, 24)] == [1, 0, 1, 0]
    assert rows.items.name(24) == "photos/red/red0.png"
    with pytest.raises(UnknownNameError, match="did you mean 'sex'"):
        rows_of(photo_table, Columns(sensitive=("sexx",)))


def test_relative_and_absolute_paths_are_the_same_pictures(tmp_path: Path, photo_table: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "t.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_text(photo_table.read_text().replace("photos/", f"{photo_table.parent.as_posix()}/photos/"))
    one, other = rows_of(photo_table), rows_of(elsewhere)
    assert [one.items.digest(row) for row in range(36)] == [other.items.digest(row) for row in range(36)]
    assert other.items.name(0) == str(photo_table.parent / "photos/blue/blue0.png")
    assert np.array_equal(one.splits, other.splits)


def test_a_tilde_is_the_home_folder_only_where_it_stands_alone(
    tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(photos / "red" / "red0.png", tmp_path / "~lock.png")
    table = tmp_path / "sub" / "t.csv"
    table.parent.mkdir()
    table.write_text("image\n~/photos/red/red1.png\n../~lock.png\n../photos/red/red2.png\n")
    pictures = list_pictures(table, Columns())
    assert [file.name for file in pictures.files] == ["red1.png", "~lock.png", "red2.png"]
    (table.parent / "~lock.png").write_bytes((tmp_path / "~lock.png").read_bytes())
    table.write_text("image\n~lock.png\n")
    assert pictures.read(0).mode == list_pictures(table, Columns()).read(0).mode == "RGB"


def test_missing_pictures_are_counted_and_their_rows_named(photo_table: Path) -> None:
    for number in (1, 3, 5, 7):
        (photo_table.parent / "photos" / "blue" / f"blue{number}.png").unlink()
    message = r"4 of 36 pictures named in column 'image' of photos\.csv are not there \(row 2: .*blue1\.png; row 4: "
    with pytest.raises(DataError, match=message + r".*; \.\.\.\); paths count from the table's folder"):
        rows_of(photo_table)
    with pytest.raises(DataError, match="4 of 36 pictures"):
        list_pictures(photo_table, Columns())


def with_split(table: Path, values: list[str], header: str = "split") -> Path:
    lines = table.read_text().splitlines()
    lines = [f"{lines[0]},{header}", *(f"{line},{values[row % len(values)]}" for row, line in enumerate(lines[1:]))]
    table.write_text("\n".join(lines) + "\n")
    return table


def test_what_people_call_the_splits(photo_table: Path) -> None:
    rows = rows_of(with_split(photo_table, ["TRAIN", "valid", "Calibration", "dev", "testing", "training", " val "]))
    assert rows.splits[:7].tolist() == ["train", "val", "calibration", "val", "test", "train", "val"]


@pytest.mark.parametrize("value", ["holdout", ""])
def test_a_split_that_means_nothing_names_its_row(photo_table: Path, value: str) -> None:
    table = with_split(photo_table, ["train", "val", value])
    with pytest.raises(DataError, match=r"photos\.csv, data row 3: split .* is not one of train, val"):
        rows_of(table)


def test_a_split_column_asked_for_by_name_must_be_there(photo_table: Path) -> None:
    table = with_split(photo_table, ["train", "val", "calibration", "test"], header="fold")
    assert rows_of(table, Columns(split="fold")).counts() == dict.fromkeys(("train", "val", "calibration", "test"), 9)
    with pytest.raises(UnknownNameError, match=r"no column 'flod' in .*; did you mean 'fold'"):
        rows_of(table, Columns(split="flod"))


def test_columns_by_their_usual_and_by_given_names(tmp_path: Path, photos: Path) -> None:
    table = tmp_path / "t.csv"
    lines = [f"photos/{name}/{name}{number}.png,{name},{number}" for name in ALL for number in range(12)]
    table.write_text("File_Name,Class,id\n" + "\n".join(lines) + "\n")
    assert list(rows_of(table).labels) == ALL
    table.write_text("where,what,id\n" + "\n".join(lines) + "\n")
    assert list(rows_of(table, Columns(image="where", label="what")).labels) == ALL
    with pytest.raises(
        ConfigurationError, match=r"no label column by a usual name .*--label\. It has: where, what, id"
    ):
        rows_of(table, Columns(image="where"))
    with pytest.raises(ConfigurationError, match=r"no image column by a usual name .*--image-column"):
        rows_of(table, Columns(label="what"))
    with pytest.raises(UnknownNameError, match="did you mean 'what'"):
        rows_of(table, Columns(image="where", label="waht"))


def test_an_identifier_is_no_label(photo_table: Path) -> None:
    with pytest.raises(DataError, match="36 classes for 36 rows: the label looks like an identifier"):
        rows_of(photo_table, Columns(label="image"))


def test_pictures_without_labels(tmp_path: Path, photos: Path, photo_table: Path) -> None:
    assert len(list_pictures(photos, Columns())) == len(list_pictures(photo_table, Columns())) == 36
    flat = list_pictures(photos / "red", Columns())
    assert [flat.name(row) for row in (0, 1, 10)] == ["red0.png", "red1.png", "red10.png"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty holds no pictures; their names end in .*\.jpg"):
        list_pictures(tmp_path / "empty", Columns())
    with pytest.raises(DataError, match="there is no file or folder"):
        list_pictures(tmp_path / "gone", Columns())


def test_rows_are_numbered_alike_whatever_the_disk_lists_first(photos: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for file in sorted(photos.rglob("*.png"), reverse=True):
        (copy / file.parent.name).mkdir(parents=True, exist_ok=True)
        Image.open(file).save(copy / file.parent.name / file.name)
    one, other = rows_of(photos), rows_of(copy)
    assert [one.items.name(row) for row in range(36)] == [other.items.name(row) for row in range(36)]
    assert np.array_equal(one.splits, other.splits)
