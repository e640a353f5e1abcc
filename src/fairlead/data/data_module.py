"""What every LightningDataModule of fairlead does, whatever its rows hold."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.types import EVAL_DATALOADERS
from torch.utils.data import DataLoader, Dataset

from fairlead.data.batch import Batch
from fairlead.data.rows import Rows
from fairlead.data.sampling import EvaluationSampler, TrainingSampler
from fairlead.errors import ConfigurationError
from fairlead.records import Labels, Split


@dataclass(frozen=True)
class Loading:
    """How batches are made.

    Attributes:
        batch_size: Rows a batch in training; evaluation takes twice as many, since it keeps no gradients.
        workers: Processes that read; None takes one less than the machine has, and none for what is in memory already.

    Examples:
        >>> Loading(batch_size=16).workers is None
        True
    """

    batch_size: int = 32
    workers: int | None = None


class RowsDataModule(L.LightningDataModule):
    """Rows with labels and sensitive features in four splits: train, val, calibration, test.

    ``ImageDataModule`` and ``TextDataModule`` are what is used. The classes come from the training split and can be
    read before ``setup``, so that a model can be built from them.

    Args:
        preprocessing: What inputs are made by; None takes that of the module in training.
        loading: Batch size and workers.
        seed: Of order and views.
    """

    kind: type  # of the preprocessing

    def __init__(self, *, preprocessing: Any, loading: Loading | None, seed: int) -> None:
        super().__init__()
        self.given_preprocessing = preprocessing
        self.loading = loading or Loading()
        self.seed = seed

    # -- what a kind of data is ------------------------------------------------------------------------

    @abstractmethod
    def read(self) -> Rows:
        """Reads all rows of all splits."""

    @abstractmethod
    def dataset(self, *, training: bool) -> Dataset[Batch]:
        """Returns all rows as tensors, by ``Draw``; with what training adds to them, or without."""

    @abstractmethod
    def in_memory(self) -> bool:
        """Returns whether rows cost nothing to read."""

    @property
    def collate(self) -> Callable[[Sequence[Batch]], Batch]:
        """What makes a batch of rows: a function that a worker can be sent, and the trainer not with it."""
        return Batch.collate

    def training_sampler(self, rows: Sequence[int], *, replicas: int, rank: int) -> TrainingSampler:
        """Returns the order of the training rows."""
        return TrainingSampler(rows, seed=self.seed, replicas=replicas, rank=rank)

    def evaluation_order(self, rows: Sequence[int]) -> Sequence[int]:
        """Returns the order in which rows are evaluated."""
        return rows

    # -- what all have in common -----------------------------------------------------------------------

    @cached_property
    def rows(self) -> Rows:
        """All rows of all splits.

        Raises:
            DataError: data that cannot be used; the message names the file or rows and the remedy.
        """
        return self.read()

    @property
    def labels(self) -> Labels:
        """The C classes, from the training split alone."""
        return self.rows.labels

    @property
    def preprocessing(self) -> Any:  # of self.kind
        """What is given, or what the module in training wants.

        Raises:
            ConfigurationError: neither is there.
        """
        if self.given_preprocessing is not None:
            return self.given_preprocessing
        module = getattr(self.trainer, "lightning_module", None)
        wanted = getattr(module, "preprocessing", None)
        if not isinstance(wanted, self.kind):
            raise ConfigurationError(
                f"the module says nothing of the inputs it wants; give {type(self).__name__}(preprocessing=...) a "
                f"{self.kind.__name__}"
            )
        return wanted

    def setup(self, stage: str) -> None:
        """Reads the rows, so that every mistake in the data shows before the first batch."""
        del stage
        self.rows.counts()

    def train_dataloader(self) -> DataLoader[Batch]:
        """Training rows in a new order each epoch; the last batch is dropped if a single row would be in it."""
        replicas, rank = self._processes()
        sampler = self.training_sampler(self.rows.of(Split.TRAIN).tolist(), replicas=replicas, rank=rank)
        # BatchNorm cannot normalise one row: a last batch of one would raise in the first epoch.
        alone = len(sampler) % self.loading.batch_size == 1 and len(sampler) > 1
        return self._loader(self.dataset(training=True), sampler, self.loading.batch_size, drop_last=alone)

    def evaluation_dataloader(self, split: Split, *, whole: bool = False) -> DataLoader[Batch]:
        """One split as it is evaluated, each row once over all processes, or once in each for the whole of it."""
        replicas, rank = (1, 0) if whole else self._processes()
        order = self.evaluation_order(self.rows.of(split).tolist())
        sampler = EvaluationSampler(order, replicas=replicas, rank=rank)
        return self._loader(self.dataset(training=False), sampler, 2 * self.loading.batch_size)

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

    def _loader(
        self, dataset: Dataset[Batch], sampler: Any, batch_size: int, *, drop_last: bool = False
    ) -> DataLoader[Batch]:
        workers = self._workers()
        return DataLoader(
            dataset,
            batch_size=batch_size,
            sampler=sampler,
            drop_last=drop_last,
            num_workers=workers,
            persistent_workers=workers > 0,  # a Ctrl-C while workers are forked is lost: fork them once
            # What a loader draws the seeds of its workers from: the run's own generator it leaves alone.
            generator=torch.Generator().manual_seed(self.seed),
            collate_fn=self.collate,
        )

    def _processes(self) -> tuple[int, int]:
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _workers(self) -> int:
        if self.loading.workers is not None:
            return self.loading.workers
        # Not every system says which of its cores this process may use.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return 0 if self.in_memory() else max(0, min(8, cores - 1))
