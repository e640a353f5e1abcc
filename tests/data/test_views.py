"""A view is a function of (seed, epoch, row); every option does what it says, and none does more."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from fairlead.data import (
    Augmentation,
    Batch,
    Columns,
    Draw,
    ImageDataset,
    SplitPlan,
    TrainingSampler,
    pixels,
    prepare_rows,
    read_rows,
)
from fairlead.data.augmentation import seed_of
from fairlead.errors import ConfigurationError
from fairlead.preprocessing import ImagePreprocessing
from tests.fakes import images

PREPROCESSING = ImagePreprocessing.from_timm({"input_size": (3, 32, 32), "mean": (0.1, 0.5, 0.9)})
PICTURE = Image.fromarray(images.noise(64, 48))
OFF = Augmentation.off()
EVERYTHING = Augmentation(vertical_flip=0.5, policy="rand", erase=0.5)


def views(augmentation: Augmentation, picture: Image.Image = PICTURE, count: int = 30) -> list[torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        view = augmentation.build(PREPROCESSING)
        return [view(picture) for _ in range(count)]


def dataset(photos: Path, augmentation: Augmentation | None = EVERYTHING, seed: int = 0) -> ImageDataset:
    rows = prepare_rows(read_rows(photos, Columns()), SplitPlan())
    return ImageDataset(rows, PREPROCESSING, augmentation=augmentation, seed=seed)


# -- what varies -----------------------------------------------------------------------------------------


def test_off_is_the_evaluation_crop_exactly() -> None:
    crop = pixels(PICTURE, PREPROCESSING)
    assert crop.dtype == torch.uint8
    assert np.array_equal(crop.permute(1, 2, 0).numpy(), PREPROCESSING.evaluation_crop(PICTURE))
    assert all(torch.equal(view, crop) for view in views(OFF))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest", "lanczos", "hamming", "box"])
def test_every_interpolation_crops(interpolation: str) -> None:
    preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 20, 30), "interpolation": interpolation})
    view = Augmentation().build(preprocessing)(PICTURE)
    assert view.shape == (3, 20, 30)
    assert view.dtype == torch.uint8


def test_the_crop_keeps_at_least_its_share() -> None:
    ramp = np.zeros((200, 200, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(200)[:, None], np.arange(200)[None]  # a pixel says where it lies

    def shares(scale: float) -> list[float]:
        drawn = views(Augmentation(scale=scale, flip=0, jitter=0, erase=0), Image.fromarray(ramp), 60)
        spans = [[float(view[channel].max()) - float(view[channel].min()) for channel in (0, 1)] for view in drawn]
        return [height * width / 200**2 for height, width in spans]

    assert 0.28 < min(shares(0.35)) < 0.6
    assert min(shares(0.9)) > 0.75
    assert len(set(shares(0.35))) > 30


def test_flips_are_flips_and_as_frequent_as_asked() -> None:
    crop = pixels(PICTURE, PREPROCESSING)
    for name, dims in (("flip", [2]), ("vertical_flip", [1])):
        fields = {"scale": 1, "flip": 0, "jitter": 0, "erase": 0}
        assert all(torch.equal(view, crop.flip(dims)) for view in views(Augmentation(**{**fields, name: 1})))
        some = views(Augmentation(**{**fields, name: 0.5}), count=60)
        flipped = sum(torch.equal(view, crop.flip(dims)) for view in some)
        assert 15 <= flipped <= 45
        assert sum(torch.equal(view, crop) for view in some) == 60 - flipped


def test_erasing_fills_one_rectangle_with_the_mean_colour() -> None:
    crop = pixels(PICTURE, PREPROCESSING)
    for view in views(Augmentation(scale=1, flip=0, jitter=0, erase=1)):
        changed = (view != crop).any(dim=0)
        rows, columns = changed.any(dim=1).nonzero(), changed.any(dim=0).nonzero()
        box = view[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert changed.any()
        assert torch.equal(box, torch.tensor([26, 128, 230], dtype=torch.uint8)[:, None, None].expand_as(box))


def test_jitter_changes_levels_and_moves_nothing() -> None:
    grey = Image.new("RGB", (40, 40), (120, 130, 140))
    drawn = views(Augmentation(scale=1, flip=0, jitter=0.4, erase=0), grey)
    assert len({tuple(view[:, 0, 0].tolist()) for view in drawn}) > 20
    assert all((view == view[:, :1, :1]).all() for view in drawn)


@pytest.mark.parametrize("policy", ["trivial", "rand"])
def test_policies_change_the_picture(policy: str) -> None:
    crop = pixels(PICTURE, PREPROCESSING)
    drawn = views(Augmentation(scale=1, flip=0, jitter=0, erase=0, policy=policy))
    assert sum(not torch.equal(view, crop) for view in drawn) > 15
    assert {view.shape for view in drawn} == {(3, 32, 32)}
    assert {view.dtype for view in drawn} == {torch.uint8}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"flip": 1.1}, r"flip must lie in \[0, 1\], got 1.1"),
        ({"vertical_flip": -0.1}, "vertical_flip must lie"),
        ({"jitter": 2}, "jitter must lie"),
        ({"erase": float("nan")}, "erase must lie"),
        ({"scale": 0}, r"scale must lie in \(0, 1\]"),
        ({"policy": "auto"}, "policy must be one of none, trivial, rand, got 'auto'"),
    ],
)
def test_options_that_cannot_work(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Augmentation(**fields)


# -- what it is a function of ----------------------------------------------------------------------------


def test_a_view_is_a_function_of_seed_epoch_and_row(photos: Path) -> None:
    rows = dataset(photos)
    first = rows[Draw(3, 1)].inputs
    rows[Draw(4, 1)], rows[Draw(3, 2)]
    assert torch.equal(rows[Draw(3, 1)].inputs, first)
    assert torch.equal(dataset(photos)[Draw(3, 1)].inputs, first)
    others = [rows[Draw(3, 2)], rows[Draw(3, 0)], dataset(photos, seed=1)[Draw(3, 1)]]
    assert all(not torch.equal(other.inputs, first) for other in others)


def test_seeds_of_views_do_not_meet() -> None:
    seeds = {seed_of(seed, epoch, row) for seed in range(5) for epoch in range(20) for row in range(50)}
    assert len(seeds) == 5000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_row_carries_its_index_target_and_groups(photo_table: Path) -> None:
    rows = prepare_rows(read_rows(photo_table, Columns(sensitive=("sex",))), SplitPlan())
    data = ImageDataset(rows, PREPROCESSING, augmentation=None, seed=0)
    assert len(data) == 36
    batch = Batch.collate([data[Draw(row, 5)] for row in (30, 0)])
    assert len(batch) == 2
    assert (batch.index.tolist(), batch.target.tolist(), batch.groups.tolist()) == ([30, 0], [2, 0], [[0], [2]])
    assert torch.equal(batch.inputs[0], pixels(rows.items.read(30), PREPROCESSING))
    assert batch.index.dtype == batch.target.dtype == batch.groups.dtype == torch.int64


def test_the_generators_of_the_run_are_left_as_they_were(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With a GPU, seeding its generators for every picture would repeat the dropout of a step.
    reseeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()
    dataset(photos)[Draw(0, 0)]
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert reseeded == []


@pytest.mark.parametrize("augmentation", [None, OFF, EVERYTHING])
def test_a_dataset_can_be_sent_to_a_worker(photos: Path, augmentation: Augmentation | None) -> None:
    data = dataset(photos, augmentation)
    sent = pickle.loads(pickle.dumps(data))  # noqa: S301 - our own bytes
    assert torch.equal(sent[Draw(1, 1)].inputs, data[Draw(1, 1)].inputs)


def test_batches_are_the_same_on_any_number_of_workers(photos: Path) -> None:
    def batches(workers: int, epoch: int) -> list[Batch]:
        data = dataset(photos)
        sampler = TrainingSampler(range(36), seed=0)
        sampler.set_epoch(epoch)
        loader = DataLoader(data, batch_size=8, sampler=sampler, num_workers=workers, collate_fn=Batch.collate)
        return list(loader)

    torch.manual_seed(1)
    alone = batches(0, 1)
    torch.manual_seed(2)
    together = batches(2, 1)
    assert len(alone) == len(together) == 5
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one.inputs, other.inputs)
        assert torch.equal(one.index, other.index)
        assert torch.equal(one.target, other.target)
    assert not torch.equal(batches(0, 2)[0].index, alone[0].index)
