"""The few rows of an evaluation that are explained: the same ones in every epoch, and over any number of processes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_ODD, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


@dataclass(frozen=True, eq=False)
class ProbeRow:
    """A row as a batch held it.

    Attributes:
        index: Its number in its dataset.
        inputs: Of the row alone, in main memory.
        target: Its class code; -1 where it is not known.
        answer: The class code that the model answers.
        groups: (S,) its group codes.
    """

    index: int
    inputs: Tensor
    target: int
    answer: int
    groups: NDArray[np.int64]


class ProbeSet:
    """Chooses rows by lot, as many of each class, and others as their background.

    The lot depends on the seed and the row's number alone: whatever the order, the batches, the processes and the
    padding of a sampler, the same rows are chosen, and from one epoch to the next.

    Args:
        rows: So many are explained; fewer where there are not as many.
        background: So many others.
        seed: Of the lot.

    Examples:
        >>> classes = torch.tensor([0] * 8 + [1] * 4)
        >>> batch = torch.arange(12.0).reshape(12, 1), classes, classes, torch.zeros(12, 0)
        >>> one, other = ProbeSet(4, 3), ProbeSet(4, 3)
        >>> one.add(torch.arange(12), *batch)
        >>> for part in (slice(6, 12), slice(0, 6), slice(0, 2)):
        ...     other.add(torch.arange(12)[part], *(column[part] for column in batch))
        >>> [row.index for row in one.rows] == [row.index for row in other.rows]
        True
        >>> sorted(row.target for row in one.rows), len(one.background)
        ([0, 0, 1, 1], 3)
    """

    def __init__(self, rows: int, background: int, seed: int = 0) -> None:
        self._most = rows
        self._others = background
        self._seed = seed
        self._kept: dict[int, ProbeRow] = {}

    def clear(self) -> None:
        """Forgets all rows."""
        self._kept = {}

    def add(self, index: Tensor, inputs: Tensor, target: Tensor, answer: Tensor, groups: Tensor) -> None:
        """Looks at a batch.

        Args:
            index: (N,) row numbers.
            inputs: (N, ...).
            target: (N,) class codes.
            answer: (N,) class codes.
            groups: (N, S) group codes.
        """
        numbers, truths, answers = (column.cpu().numpy() for column in (index, target, answer))
        candidates = {int(number): int(truth) for number, truth in zip(numbers, truths, strict=True)}
        chosen = self._choose({**{number: row.target for number, row in self._kept.items()}, **candidates})
        kept = {number: row for number, row in self._kept.items() if number in chosen}
        for place, number in enumerate(numbers.tolist()):
            if number in chosen and number not in kept:
                codes = groups[place].cpu().numpy().astype(np.int64)
                kept[number] = ProbeRow(
                    number, inputs[place].detach().cpu().clone(), candidates[number], int(answers[place]), codes
                )
        self._kept = kept

    def gather(self) -> None:
        """Takes the rows of all processes, so that each holds the same; without others it does nothing.

        Every process must call it.
        """
        if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
            return
        found: list[dict[int, ProbeRow] | None] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(found, self._kept)
        rows = {number: row for part in found if part for number, row in part.items()}
        chosen = self._choose({number: row.target for number, row in rows.items()})
        self._kept = {number: row for number, row in rows.items() if number in chosen}

    @property
    def rows(self) -> list[ProbeRow]:
        """Those that are explained, by their numbers."""
        return [self._kept[number] for number in sorted(self._probe(self._targets()))]

    @property
    def background(self) -> list[ProbeRow]:
        """The others, by their numbers; those that are explained where there are no others."""
        probe = self._probe(self._targets())
        others = [number for number in self._by_lot(self._kept, 1) if number not in probe][: self._others]
        return [self._kept[number] for number in sorted(others or probe)]

    def _targets(self) -> dict[int, int]:
        return {number: row.target for number, row in self._kept.items()}

    def _choose(self, targets: dict[int, int]) -> set[int]:
        """Returns which rows may still be wanted, whatever comes: a row that is not among them now never will be."""
        return self._probe(targets) | set(self._by_lot(targets, 1)[: self._most + self._others])

    def _probe(self, targets: dict[int, int]) -> set[int]:
        """Returns the rows that are explained: one of each class in turn, those of unknown class last."""
        classes = sorted(set(targets.values()), key=lambda truth: (truth < 0, _hash(self._seed, 2, truth)))
        queues = [self._by_lot((number for number, own in targets.items() if own == truth), 0) for truth in classes]
        chosen: list[int] = []
        for turn in range(self._most):
            chosen += [queue[turn] for queue in queues if turn < len(queue)]
        return set(chosen[: self._most])

    def _by_lot(self, numbers: Iterable[int], lot: int) -> list[int]:
        return sorted(numbers, key=lambda number: (_hash(self._seed, lot, number), number))


def _hash(seed: int, lot: int, number: int) -> int:
    """Mixes three numbers into 64 bits (the finaliser of splitmix64; Steele et al. 2014)."""
    mask = 2**64 - 1
    value = (number + _ODD * (2 * seed + lot + 1)) & mask
    value = ((value ^ (value >> 30)) * _FIRST) & mask
    value = ((value ^ (value >> 27)) * _SECOND) & mask
    return value ^ (value >> 31)
