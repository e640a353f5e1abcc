"""Batches of texts of similar length, so that little is padded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fairlead.data.sampling import Draw, TrainingSampler

_TOGETHER = 100  # batches that are sorted by length together
# How far a length is moved before rows are sorted by it. Without it small data, whose rows are all sorted together,
# would come in nearly the same batches in each epoch; it costs about 3 tokens of padding in 100.
_JITTER = 0.1


class LengthGroupedSampler(TrainingSampler):
    """Shuffles the training rows anew each epoch, such that each batch holds texts of similar length.

    The order is a function of (seed, epoch) alone. All rows are shuffled; runs of 100 batches' worth are sorted by
    their length, give or take a tenth of it, each cut into batches, and the batches are shuffled. Which rows share a
    batch is new in each epoch, and so is where short and long batches come. With several processes each batch is cut
    of one place in the sorted run for all of them, so that they have as many batches, of similar length at the same
    time: none waits for another.

    Args:
        rows: Indices of the N training rows.
        lengths: (N,) their lengths in tokens.
        batch_size: Rows a batch, in each process.
        seed: Of the order.
        replicas: Number of processes.
        rank: This process.

    Examples:
        >>> sampler = LengthGroupedSampler(range(8), lengths=[9, 1, 8, 2, 9, 1, 8, 2], batch_size=2, seed=0)
        >>> sorted(draw.row for draw in sampler)
        [0, 1, 2, 3, 4, 5, 6, 7]
    """

    def __init__(
        self,
        rows: Sequence[int],
        *,
        lengths: Sequence[int] | NDArray[np.int64],
        batch_size: int,
        seed: int,
        replicas: int = 1,
        rank: int = 0,
    ) -> None:
        super().__init__(rows, seed=seed, replicas=replicas, rank=rank)
        self.lengths = np.asarray(lengths, dtype=np.int64)
        self.batch_size = batch_size

    def __iter__(self) -> Iterator[Draw]:
        order = self._order(np.random.default_rng([self.seed, self.epoch, 0x1E46]))
        return (Draw(int(row), self.epoch) for row in self.rows[order[self.rank :: self.num_replicas]])

    def _order(self, generator: np.random.Generator) -> NDArray[np.int64]:
        """Returns (total_size,) positions of rows, batch after batch; the last may be short of rows."""
        whole = self.batch_size * self.num_replicas  # rows of one batch in all processes
        shuffled = np.resize(generator.permutation(len(self.rows)), self.total_size)
        moved = self.lengths[shuffled] * np.exp(generator.uniform(-_JITTER, _JITTER, len(shuffled)))
        full: list[NDArray[np.int64]] = []
        short: list[NDArray[np.int64]] = []
        for start in range(0, len(shuffled), _TOGETHER * whole):
            stretch = slice(start, start + _TOGETHER * whole)
            run = shuffled[stretch][np.argsort(moved[stretch], kind="stable")]
            rest = len(run) % whole
            if rest:
                # The batch that is short of rows is of any length: always the longest rows, or the shortest, would be
                # seen more rarely where it is left out.
                first = int(generator.integers(len(run) // whole + 1)) * whole
                short.append(run[first : first + rest])
                run = np.delete(run, slice(first, first + rest))
            full += np.split(run, len(run) // whole) if len(run) else []
        places = generator.permutation(len(full))
        return np.concatenate([*(full[place] for place in places), *short])
