"""In which order rows are visited, as a function of (seed, epoch) alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Dataset, DistributedSampler


class Draw(NamedTuple):
    """A row in an epoch: what augmentation is a function of.

    Attributes:
        row: The row's index.
        epoch: The epoch it is drawn in.
    """

    row: int
    epoch: int


class _Rows(Dataset[int]):
    """As many rows as a sampler has to visit; their content is of no concern here."""

    def __init__(self, rows: Sequence[int]) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)


class TrainingSampler(DistributedSampler[Draw]):
    """Shuffles the training rows anew each epoch, the same way on every machine.

    It is a ``DistributedSampler`` so that Lightning neither replaces nor wraps it, and calls ``set_epoch``.
    With several processes the order is padded to equal lengths, as training requires.

    Args:
        rows: Indices of the training rows.
        seed: Of the order.
        replicas: Number of processes.
        rank: This process.

    Examples:
        >>> sampler = TrainingSampler([3, 5, 8], seed=1)
        >>> sampler.set_epoch(2)
        >>> sorted(sampler)
        [Draw(row=3, epoch=2), Draw(row=5, epoch=2), Draw(row=8, epoch=2)]
    """

    def __init__(self, rows: Sequence[int], *, seed: int, replicas: int = 1, rank: int = 0) -> None:
        super().__init__(_Rows(rows), num_replicas=replicas, rank=rank, shuffle=True, seed=seed)
        self.rows = np.asarray(rows, dtype=np.int64)

    def __iter__(self) -> Iterator[Draw]:
        generator = np.random.default_rng([self.seed, self.epoch, 0x5A3])
        order = generator.permutation(self.rows)
        padded = np.resize(order, self.total_size)
        return (Draw(int(row), self.epoch) for row in padded[self.rank :: self.num_replicas])


class EvaluationSampler(DistributedSampler[Draw]):
    """Visits every row exactly once over all processes, without padding, in the order given.

    Lightning's own sampler repeats rows to give every process as many; a figure would count them twice.

    Args:
        rows: Indices of the rows, in the order in which they are visited.
        replicas: Number of processes.
        rank: This process.

    Examples:
        >>> [draw.row for rank in (0, 1) for draw in EvaluationSampler([1, 2, 3], replicas=2, rank=rank)]
        [1, 3, 2]
    """

    def __init__(self, rows: Sequence[int], *, replicas: int = 1, rank: int = 0) -> None:
        super().__init__(_Rows(rows), num_replicas=replicas, rank=rank, shuffle=False)
        self.own = [int(row) for row in rows[rank::replicas]]

    def __iter__(self) -> Iterator[Draw]:
        return (Draw(row, 0) for row in self.own)

    def __len__(self) -> int:
        return len(self.own)
