"""The data module in Lightning's own Trainer, and what can be asked of it before one."""

from __future__ import annotations

import shutil
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from fairlead.data import Augmentation, Batch, Columns, ImageDataModule, Loading, SplitPlan, pixels
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.errors import ConfigurationError, DataError, UnknownNameError, UnreadableFileError
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import Split

PREPROCESSING = ImagePreprocessing.from_timm({"input_size": (3, 16, 16)})


class Recorder(L.LightningModule):
    """A module of someone else's that remembers what it was given."""

    def __init__(self, preprocessing: ImagePreprocessing | None = PREPROCESSING) -> None:
        super().__init__()
        if preprocessing is not None:
            self.preprocessing = preprocessing
        self.layer = nn.Linear(3, 3)
        self.seen: dict[str, list[Batch]] = {"train": [], "val": [], "test": []}
        self.epochs: list[int] = []

    def answer(self, batch: Batch) -> torch.Tensor:
        return nn.functional.cross_entropy(self.layer(batch.inputs.float().mean(dim=(2, 3)) / 255), batch.target)

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.seen["train"].append(batch)
        self.epochs.append(self.current_epoch)
        return self.answer(batch)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["val"].append(batch)

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self.seen["test"].append(batch)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> torch.Tensor:
        return batch.index

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(folder: Path, epochs: int = 2) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu", max_epochs=epochs, num_sanity_val_steps=0, logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False, default_root_dir=folder,
    )  # fmt: skip


def data_of(photos: Path, **options: object) -> ImageDataModule:
    options.setdefault("loading", Loading(batch_size=8, workers=0))
    return ImageDataModule(photos, **options)


def indices(batches: list[Batch]) -> list[int]:
    return [index for batch in batches for index in batch.index.tolist()]


def test_a_run_sees_every_row_where_it_belongs(tmp_path: Path, photos: Path) -> None:
    data, module = data_of(photos, seed=3), Recorder()
    assert list(data.labels) == ["blue", "green", "red"]  # before any setup
    run = trainer(tmp_path)
    run.fit(module, datamodule=data)
    rows = {split: data.rows.of(split).tolist() for split in Split}
    for epoch in (0, 1):
        batches = [batch for batch, at in zip(module.seen["train"], module.epochs, strict=True) if at == epoch]
        assert sorted(indices(batches)) == rows[Split.TRAIN]
        assert [len(batch) for batch in batches] == [8, 8, 4]
    assert indices(module.seen["train"])[:20] != indices(module.seen["train"])[20:]
    assert indices(module.seen["val"]) == rows[Split.VAL] * 2
    for batch in module.seen["train"] + module.seen["val"]:
        assert batch.inputs.shape[1:] == (3, 16, 16)
        assert batch.inputs.dtype == torch.uint8
        assert batch.target.tolist() == data.rows.targets[batch.index.numpy()].tolist()
        assert batch.groups.shape == (len(batch), 0)
    for row, shown in zip(module.seen["val"][0].index, module.seen["val"][0].inputs, strict=True):
        assert torch.equal(shown, pixels(data.rows.items.read(int(row)), PREPROCESSING))

    run.test(module, datamodule=data, verbose=False)
    assert indices(module.seen["test"]) == rows[Split.TEST]
    predicted = run.predict(module, datamodule=data)
    assert [torch.cat(part).tolist() for part in predicted] == [
        rows[Split.VAL],
        rows[Split.CALIBRATION],
        rows[Split.TEST],
    ]


def test_two_runs_of_one_seed_see_the_same_views(tmp_path: Path, photos: Path) -> None:
    runs = []
    for seed, workers, noise in ((3, 0, 1), (3, 2, 2), (4, 0, 1)):
        torch.manual_seed(noise)
        module = Recorder()
        data = data_of(photos, seed=seed, splits=SplitPlan(), loading=Loading(batch_size=8, workers=workers))
        trainer(tmp_path, epochs=1).fit(module, datamodule=data)
        runs.append(module.seen["train"])
    assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(runs[0], runs[1], strict=True))
    assert indices(runs[0]) == indices(runs[1]) != indices(runs[2])


def test_loaders_leave_the_generator_of_the_run_alone(photos: Path) -> None:
    data = data_of(photos, preprocessing=PREPROCESSING)
    before = torch.get_rng_state()
    for loader in (data.train_dataloader(), data.val_dataloader(), data.calibration_dataloader()):
        assert sum(len(batch) for batch in loader) > 0
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("batch_size", "lengths"), [(19, [19]), (10, [10, 10]), (20, [20]), (6, [6, 6, 6, 2]), (1, [1] * 20)]
)
def test_a_last_batch_of_one_row_is_dropped(photos: Path, batch_size: int, lengths: list[int]) -> None:
    data = data_of(photos, preprocessing=PREPROCESSING, loading=Loading(batch_size=batch_size, workers=0))
    assert data.rows.counts()["train"] == 20
    loader = data.train_dataloader()
    assert [len(batch) for batch in loader] == lengths
    assert len(loader) == len(lengths)


def test_evaluation_drops_nothing(photos: Path) -> None:
    data = data_of(photos, preprocessing=PREPROCESSING, loading=Loading(batch_size=1, workers=0))
    loaders = [data.val_dataloader(), data.calibration_dataloader(), data.test_dataloader()]
    assert [indices(list(loader)) for loader in loaders] == [
        data.rows.of(split).tolist() for split in (Split.VAL, Split.CALIBRATION, Split.TEST)
    ]
    assert len(next(iter(loaders[0]))) == 2


def test_the_preprocessing_is_the_given_one_or_the_modules(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"give ImageDataModule\(preprocessing=\.\.\.\)"):
        data_of(photos).train_dataloader()
    with pytest.raises(ConfigurationError, match="says nothing of the inputs it wants"):
        trainer(tmp_path).fit(Recorder(preprocessing=None), datamodule=data_of(photos))
    module = Recorder()
    given = data_of(photos, preprocessing=PREPROCESSING.with_size((8, 12)), augmentation=Augmentation.off())
    trainer(tmp_path, epochs=1).fit(module, datamodule=given)
    assert {batch.inputs.shape[2:] for batch in module.seen["train"]} == {(8, 12)}
    row = int(module.seen["train"][0].index[0])
    assert torch.equal(module.seen["train"][0].inputs[0], pixels(given.rows.items.read(row), given.preprocessing))


def test_mistakes_show_in_setup(tmp_path: Path, photo_table: Path) -> None:
    data = ImageDataModule(photo_table, columns=Columns(sensitive=("age",)))
    with pytest.raises(UnknownNameError, match="no column 'age'"):
        data.setup("fit")
    shutil.rmtree(photo_table.parent / "photos" / "red")
    with pytest.raises(DataError, match="12 of 36 pictures"):
        trainer(tmp_path).fit(Recorder(), datamodule=ImageDataModule(photo_table))


def test_a_picture_that_cannot_be_read_stops_the_run_with_its_name(tmp_path: Path, photos: Path) -> None:
    for file in (photos / "red").iterdir():
        file.write_bytes(b"none")
    with pytest.raises(UnreadableFileError, match=r"red/red\d+\.png is not an image"):
        trainer(tmp_path).fit(Recorder(), datamodule=data_of(photos))


def test_groups_travel_in_batches(photo_table: Path) -> None:
    data = data_of(photo_table, columns=Columns(sensitive=("sex",)), preprocessing=PREPROCESSING)
    for batch in data.train_dataloader():
        assert np.array_equal(batch.groups.numpy(), data.rows.groups[batch.index.numpy()])


def test_a_synthetic_world_is_data_too() -> None:
    world = LesionWorld(SplitSizes(train=12, val=4, calibration=4, test=4))
    data = ImageDataModule(world, preprocessing=PREPROCESSING)
    assert data._workers() == 0
    assert [feature.name for feature in data.rows.sensitive] == ["tone"]
    assert indices(list(data.test_dataloader())) == data.rows.of(Split.TEST).tolist()
    with pytest.raises(
        UnknownNameError, match="no sensitive feature 'tones' in synthetic:lesions; did you mean 'tone'"
    ):
        ImageDataModule(world, columns=Columns(sensitive=("tones",))).setup("fit")
    with pytest.raises(ConfigurationError, match="leave --label out"):
        ImageDataModule(world, columns=Columns(label="ruler")).setup("fit")


def test_workers_are_counted_where_none_are_given(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairlead.data import data_module

    monkeypatch.setattr(data_module.os, "sched_getaffinity", lambda process: set(range(4)))
    assert ImageDataModule(photos)._workers() == 3
    monkeypatch.delattr(data_module.os, "sched_getaffinity")  # as on macOS
    monkeypatch.setattr(data_module.os, "cpu_count", lambda: 20)
    assert ImageDataModule(photos)._workers() == 8
