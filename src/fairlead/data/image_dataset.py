"""Rows as tensors."""

from __future__ import annotations

from collections.abc import Callable

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from fairlead.data.augmentation import Augmentation, pixels, seed_of
from fairlead.data.batch import Batch
from fairlead.data.rows import Rows
from fairlead.data.sampling import Draw
from fairlead.preprocessing import ImagePreprocessing


class ImageDataset(Dataset[Batch]):
    """Gives one row at a time, in the evaluation crop or in a random view of it.

    Args:
        rows: All rows of all splits; a sampler chooses.
        preprocessing: The backbone's.
        augmentation: Random views for training; None for the evaluation crop.
        seed: Of the views.
    """

    def __init__(
        self, rows: Rows, preprocessing: ImagePreprocessing, *, augmentation: Augmentation | None, seed: int
    ) -> None:
        self.rows = rows
        self.preprocessing = preprocessing
        self.seed = seed
        self.view: Callable[[Image.Image], Tensor] | None = augmentation.build(preprocessing) if augmentation else None
        self.targets = torch.from_numpy(rows.targets)
        self.groups = torch.from_numpy(rows.groups)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch:
        """Returns a row as a Batch without its first dimension."""
        image = self.rows.items.read(draw.row)
        if self.view is None:
            inputs = pixels(image, self.preprocessing)
        else:
            # The view is a function of (seed, epoch, row), and the run's own generators are left as they were:
            # torch.manual_seed would also seed those of every GPU, which nothing here draws from.
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed_of(self.seed, draw.epoch, draw.row))
                inputs = self.view(image)
        return Batch(inputs, self.targets[draw.row], self.groups[draw.row], torch.tensor(draw.row))
