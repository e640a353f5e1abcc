"""What a training or evaluation step receives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Batch:
    """N rows of a dataset. Not frozen: Lightning moves a batch by rebuilding its fields in place.

    Attributes:
        inputs: (N, 3, H, W) uint8 pixels as stored, which the module's first layer normalises; or (N, 3, T) int32
            token ids, attention mask (1, and 0 for padding) and token types of texts.
        target: (N,) class codes, int64; -1 where the truth is not known.
        groups: (N, S) group codes of the declared sensitive features, int64.
        index: (N,) each row's number in its dataset, int64.

    Examples:
        >>> row = Batch(torch.zeros(3, 2, 2), torch.tensor(1), torch.zeros(0, dtype=torch.int64), torch.tensor(7))
        >>> Batch.collate([row, row]).index.tolist()
        [7, 7]
    """

    inputs: Tensor
    target: Tensor
    groups: Tensor
    index: Tensor

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def collate(cls, rows: Sequence[Batch]) -> Batch:
        """Stacks rows into a batch."""
        return cls(
            inputs=torch.stack([row.inputs for row in rows]),
            target=torch.stack([row.target for row in rows]),
            groups=torch.stack([row.groups for row in rows]),
            index=torch.stack([row.index for row in rows]),
        )
