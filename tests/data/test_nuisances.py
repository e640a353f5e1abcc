"""What in the data should not matter: masks in a table's columns, and what the embedded data declare."""

import numpy as np
import pytest
from PIL import Image

from fairlead.data import Columns, ImageDataModule, SplitPlan, TextDataModule
from fairlead.data.synthetic import ApplicationWorld, LesionWorld, SplitSizes
from fairlead.errors import ConfigurationError, DataError, UnknownNameError, UnreadableFileError
from fairlead.records import Split
from tests.fakes.texts import write_csv

SIZES = SplitSizes(train=12, val=4, calibration=4, test=6)


def table(folder, rows=24, *, size=(20, 16), broken=None):
    """Pictures of 20 x 16, every third with a mask of its left half."""
    lines = []
    for row in range(rows):
        Image.new("RGB", (20, 16), (row * 9, 90, 40)).save(folder / f"{row}.png")
        mask = ""
        if row % 3 == 0:
            mask = f"mask{row}.png"
            drawn = np.zeros(size[::-1], dtype=np.uint8)
            drawn[:, : size[0] // 2] = 255
            Image.fromarray(drawn).save(folder / mask)
        lines.append((f"{row}.png", ("cat", "dog")[row % 2], broken if broken and row == 3 else mask))
    return write_csv(folder / "photos.csv", ("image", "label", "strap"), lines)


def rows_of(path, **given):
    return ImageDataModule(path, columns=Columns(regions=("strap",)), **given).rows


def test_a_column_of_masks_is_a_region_and_an_empty_cell_is_none(tmp_path):
    rows = rows_of(table(tmp_path))
    region = rows.nuisances.regions["strap"]
    for index in range(len(rows)):
        mask = region(index)
        assert mask.any() == (index % 3 == 0)
        if mask.any():
            assert mask.shape == (16, 20)
            assert mask[:, :10].all()
            assert not mask[:, 10:].any()


def test_rows_that_are_chosen_keep_their_own_masks(tmp_path):
    every = rows_of(table(tmp_path))
    few = rows_of(tmp_path / "photos.csv", splits=SplitPlan(most=21))
    assert len(few) == 21
    found = [few.nuisances.regions["strap"](row).any() for row in range(21)]
    assert found == [int(few.items.name(row).removesuffix(".png")) % 3 == 0 for row in range(21)]
    picked = every.choose(np.array([5, 3]), "two")
    assert [picked.nuisances.regions["strap"](row).any() for row in (0, 1)] == [False, True]


def test_masks_that_are_missing_or_of_another_size_are_named(tmp_path):
    with pytest.raises(DataError, match=r"1 masks named in column 'strap' of photos\.csv are not there \(row 4"):
        rows_of(table(tmp_path, broken="nope.png"))
    region = rows_of(table(tmp_path, size=(16, 20))).nuisances.regions["strap"]
    with pytest.raises(DataError, match=r"mask3\.png is 16 x 20 pixels, and its picture 3\.png 20 x 16"):
        region(3)
    (tmp_path / "mask3.png").write_bytes(b"no picture")
    with pytest.raises(UnreadableFileError, match=r"mask3\.png"):
        region(3)
    with pytest.raises(UnknownNameError, match="did you mean 'strap'"):
        _ = ImageDataModule(tmp_path / "photos.csv", columns=Columns(regions=("strapp",))).rows


def test_a_folder_holds_no_masks(tmp_path):
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        for row in range(8):
            Image.new("RGB", (9, 9)).save(tmp_path / name / f"{row}.png")
    with pytest.raises(ConfigurationError, match="a folder holds no masks of regions; name strap as columns"):
        rows_of(tmp_path)


def test_the_embedded_data_declare_what_is_planted_in_them():
    world = LesionWorld(SIZES, size=32)
    lesions = world.draw()
    rows = ImageDataModule(world).rows
    assert list(rows.nuisances.regions) == ["ruler"]
    for index in rows.of(Split.TEST):
        np.testing.assert_array_equal(rows.nuisances.regions["ruler"](index), lesions.ruler_mask(index))
    other = ImageDataModule(world, columns=Columns(regions=("lesion",))).rows
    assert list(other.nuisances.regions) == ["lesion"]
    with pytest.raises(UnknownNameError, match="did you mean 'ruler'"):
        _ = ImageDataModule(world, columns=Columns(regions=("rulr",))).rows
    texts = TextDataModule(ApplicationWorld(SIZES)).rows
    (terms,) = texts.nuisances.terms
    assert {"Muslim", "Sikh"} < set(terms)
    assert all(any(term in texts.items.read(row) for term in terms) for row in range(len(texts)))
