"""The LightningDataModule for images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.utilities.types import EVAL_DATALOADERS
from torch.utils.data import DataLoader

from fairlead.data.augmentation import Augmentation
from fairlead.data.batch import Batch
from fairlead.data.image_dataset import ImageDataset
from fairlead.data.image_rows import ImageRows, prepare_rows
from fairlead.data.reading import Columns, read_rows
from fairlead.data.sampling import EvaluationSampler, TrainingSampler
from fairlead.data.splitting import SplitPlan
from fairlead.data.synthetic import LesionWorld
from fairlead.data.synthetic_rows import LESIONS, draw_rows
from fairlead.errors import ConfigurationError
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import Labels, Split


@dataclass(frozen=True)
class Loading:
    """How batches are made.

    Attributes:
        batch_size: Rows a batch in training; evaluation takes twice as many, since it keeps no gradients.
        workers: Processes that decode; None takes one less than the machine has, and none for pictures
            that are in memory already.

    Examples:
        >>> Loading(batch_size=16).workers is None
        True
    """

    batch_size: int = 32
    workers: int | None = None


class ImageDataModule(L.LightningDataModule):
    """Images with labels and sensitive features in four splits: train, val, calibration, test.

    The classes come from the training split and can be read before ``setup``, so that a model can be built
    from them. The preprocessing is the module's own unless one is given.

    Args:
        data: A folder of class folders (or of train, val and test folders of them), a CSV, TSV or Parquet
            table, ``"synthetic:lesions"``, or a ``LesionWorld`` of your own parameters.
        columns: Which columns of a table hold what.
        splits: Shares and seed of the splits that the data does not give.
        preprocessing: Evaluation crop and normalisation; None takes those of the module's backbone.
        augmentation: Random views for training.
        loading: Batch size and workers.
        seed: Of order and views.

    Examples:
        >>> from fairlead.data.synthetic import SplitSizes
        >>> data = ImageDataModule(LesionWorld(SplitSizes(train=20, val=5, calibration=5, test=10)))
        >>> list(data.labels), data.rows.counts()
        (['benign', 'malignant'], {'train': 20, 'val': 5, 'calibration': 5, 'test': 10})
    """

    def __init__(
        self,
        data: str | Path | LesionWorld = LESIONS,
        *,
        columns: Columns | None = None,
        splits: SplitPlan | None = None,
        preprocessing: ImagePreprocessing | None = None,
        augmentation: Augmentation | None = None,
        loading: Loading | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.source = LesionWorld(seed=seed) if data == LESIONS else data
        self.columns = columns or Columns()
        self.plan = splits or SplitPlan(seed=seed)
        self.given_preprocessing = preprocessing
        self.augmentation = augmentation or Augmentation()
        self.loading = loading or Loading()
        self.seed = seed

    @cached_property
    def rows(self) -> ImageRows:
        """All rows of all splits.

        Raises:
            DataError: data that cannot be used; the message names the file or rows and the remedy.
        """
        if isinstance(self.source, LesionWorld):
            return prepare_rows(draw_rows(self.source, self.columns), self.plan)
        return prepare_rows(read_rows(self.source, self.columns), self.plan)

    @property
    def labels(self) -> Labels:
        """The C classes, from the training split alone."""
        return self.rows.labels

    @property
    def preprocessing(self) -> ImagePreprocessing:
        """What is given, or what the module in training wants.

        Raises:
            ConfigurationError: neither is there.
        """
        if self.given_preprocessing is not None:
            return self.given_preprocessing
        module = getattr(self.trainer, "lightning_module", None)
        wanted = getattr(module, "preprocessing", None)
        if not isinstance(wanted, ImagePreprocessing):
            raise ConfigurationError(
                "the module says nothing of the pictures it wants; give ImageDataModule(preprocessing=...)"
            )
        return wanted

    def setup(self, stage: str) -> None:
        """Reads the rows, so that every mistake in the data shows before the first batch."""
        del stage
        self.rows.counts()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Random views in a new order each epoch; the last batch is dropped if a single row would be in it."""
        rows = self.rows.of(Split.TRAIN)
        replicas, rank = self._processes()
        sampler = TrainingSampler(rows.tolist(), seed=self.seed, replicas=replicas, rank=rank)
        # BatchNorm cannot normalise one row: a last batch of one would raise in the first epoch.
        alone = len(sampler) % self.loading.batch_size == 1 and len(sampler) > 1
        dataset = ImageDataset(self.rows, self.preprocessing, augmentation=self.augmentation, seed=self.seed)
        workers = self._workers()
        return DataLoader(
            dataset,
            batch_size=self.loading.batch_size,
            sampler=sampler,
            drop_last=alone,
            num_workers=workers,
            persistent_workers=workers > 0,  # a Ctrl-C while workers are forked is lost: fork them once
            generator=self._generator(),
            collate_fn=Batch.collate,
        )

    def evaluation_dataloader(self, split: Split, *, whole: bool = False) -> DataLoader[Batch]:
        """Evaluation crops of one split, each row once over all processes, or once in each for the whole of it."""
        replicas, rank = (1, 0) if whole else self._processes()
        dataset = ImageDataset(self.rows, self.preprocessing, augmentation=None, seed=self.seed)
        workers = self._workers()
        return DataLoader(
            dataset,
            batch_size=2 * self.loading.batch_size,
            sampler=EvaluationSampler(self.rows.of(split).tolist(), replicas=replicas, rank=rank),
            num_workers=workers,
            persistent_workers=workers > 0,  # a Ctrl-C while workers are forked is lost: fork them once
            generator=self._generator(),
            collate_fn=Batch.collate,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        """The validation split."""
        return self.evaluation_dataloader(Split.VAL)

    def calibration_dataloader(self) -> DataLoader[Batch]:
        """The calibration split, whole in each process; Lightning does not ask for it, those who calibrate do."""
        return self.evaluation_dataloader(Split.CALIBRATION, whole=True)

    def test_dataloader(self) -> DataLoader[Batch]:
        """The test split."""
        return self.evaluation_dataloader(Split.TEST)

    def predict_dataloader(self) -> EVAL_DATALOADERS:
        """The three held-out splits, in the order val, calibration, test."""
        return [self.evaluation_dataloader(split) for split in Split if split is not Split.TRAIN]

    def _processes(self) -> tuple[int, int]:
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _generator(self) -> torch.Generator:
        """Returns what a loader draws the seeds of its workers from: the run's own generator it leaves alone."""
        return torch.Generator().manual_seed(self.seed)

    def _workers(self) -> int:
        if self.loading.workers is not None:
            return self.loading.workers
        # Not every system says which of its cores this process may use.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return 0 if isinstance(self.source, LesionWorld) else max(0, min(8, cores - 1))
