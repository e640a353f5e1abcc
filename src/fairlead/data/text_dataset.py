"""Texts as tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from fairlead.data.augmentation import seed_of
from fairlead.data.batch import Batch
from fairlead.data.rows import Rows
from fairlead.data.sampling import Draw
from fairlead.data.text_augmentation import TextAugmentation
from fairlead.data.token_store import TokenStore


class TextDataset(Dataset[Batch]):
    """Gives whole batches of rows, padded to their longest; or single rows, of which ``pad`` makes a batch.

    Args:
        rows: All rows of all splits; a sampler chooses.
        tokens: The tokens of all rows.
        augmentation: What may vary in training; None for the text as it is.
        seed: Of what varies.
    """

    def __init__(self, rows: Rows, tokens: TokenStore, *, augmentation: TextAugmentation | None, seed: int) -> None:
        self.rows = rows
        self.tokens = tokens
        self.augmentation = augmentation
        self.seed = seed
        self.targets = torch.from_numpy(rows.targets)
        self.groups = torch.from_numpy(rows.groups)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, draw: Draw) -> Batch:
        """Returns a row as a Batch without its first dimension: inputs are (3, T) int32."""
        batch = self.__getitems__([draw])
        return Batch(batch.inputs[0], batch.target[0], batch.groups[0], batch.index[0])

    def __getitems__(self, draws: Sequence[Draw]) -> Batch:
        """Returns a batch of rows, which a loader asks for before any single row; padded to the longest."""
        rows = np.array([draw.row for draw in draws], dtype=np.int64)
        index = torch.from_numpy(rows)
        planes = self.tokens.planes(rows) if self.augmentation is None else self._varied(draws, self.augmentation)
        return Batch(torch.from_numpy(planes), self.targets[index], self.groups[index], index)

    def _varied(self, draws: Sequence[Draw], augmentation: TextAugmentation) -> NDArray[np.int32]:
        texts = [
            augmentation.vary(
                self.rows.items.read(draw.row), np.random.default_rng(seed_of(self.seed, draw.epoch, draw.row))
            )
            for draw in draws
        ]
        return self.tokens.preprocessing.tokens(texts).planes


def pad(rows: Sequence[Batch] | Batch, pad_id: int) -> Batch:
    """Makes a batch of texts, filled up on the right to the longest of them.

    Args:
        rows: N rows, whose inputs are (3, T) with T their own; a batch is left as it is.
        pad_id: The token id that fills up; its mask and type are 0.

    Returns:
        A batch whose inputs are (N, 3, T) int32, T the greatest of the rows.

    Examples:
        >>> none, known = torch.zeros(0, dtype=torch.int64), torch.tensor(0)
        >>> row = lambda length: Batch(torch.ones(3, length, dtype=torch.int32), known, none, known)
        >>> pad([row(1), row(3)], pad_id=9).inputs[0].tolist()
        [[1, 9, 9], [1, 0, 0], [1, 0, 0]]
    """
    if isinstance(rows, Batch):
        return rows
    longest = max(row.inputs.shape[1] for row in rows)
    inputs = torch.zeros((len(rows), 3, longest), dtype=torch.int32)
    inputs[:, 0] = pad_id
    for place, row in enumerate(rows):
        inputs[place, :, : row.inputs.shape[1]] = row.inputs
    return Batch(
        inputs=inputs,
        target=torch.stack([row.target for row in rows]),
        groups=torch.stack([row.groups for row in rows]),
        index=torch.stack([row.index for row in rows]),
    )
