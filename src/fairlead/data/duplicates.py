"""Texts that several rows have, and what follows for the splits."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.records import SPLITS, Split

_PLACES = {split: place for place, split in enumerate(SPLITS)}


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Which of N rows are exact copies of each other.

    Attributes:
        clusters: (N,) int64, the number of the first row with the same content.

    Examples:
        >>> Duplicates.of(["yes", "no", "yes"]).clusters.tolist()
        [0, 1, 0]
    """

    clusters: NDArray[np.int64]

    @classmethod
    def of(cls, contents: Sequence[Hashable]) -> Duplicates:
        """Compares contents exactly: another case or another blank makes another content."""
        first: dict[Hashable, int] = {}
        codes = [first.setdefault(content, row) for row, content in enumerate(contents)]
        return cls(np.array(codes, dtype=np.int64))

    def count(self) -> int:
        """Returns how many rows repeat an earlier one."""
        return int((self.clusters != np.arange(len(self.clusters))).sum())

    def leaks(self, splits: Sequence[Split]) -> NDArray[np.int64]:
        """Returns the rows whose content a later split has too, ascending; test is the last split, train the first.

        Without them every content is in one split, and the last of the splits that had it is as it was.

        Examples:
            >>> train, test = Split.TRAIN, Split.TEST
            >>> Duplicates.of(["a", "b", "a", "a"]).leaks([train, train, test, test]).tolist()
            [0]
        """
        places = np.array([_PLACES[split] for split in splits], dtype=np.int64)
        last = np.zeros(len(places), dtype=np.int64)
        np.maximum.at(last, self.clusters, places)
        return np.flatnonzero(places < last[self.clusters])

    def contradictions(self, names: Sequence[str]) -> list[tuple[int, int]]:
        """Returns, for each content whose rows differ in class, its first row and the first of another class.

        Examples:
            >>> Duplicates.of(["a", "b", "a", "a"]).contradictions(["pos", "neg", "neg", "neg"])
            [(0, 2)]
        """
        found: dict[int, int] = {}
        for row, first in enumerate(self.clusters.tolist()):
            if names[row] != names[first]:
                found.setdefault(first, row)
        return sorted(found.items())
