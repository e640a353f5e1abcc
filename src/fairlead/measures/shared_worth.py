"""The worth of a game, divided among nested groups as far as it was measured."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.partition_tree import PartitionTree

Floats = NDArray[np.float64]
_ALWAYS_SPLIT = 2  # levels: parts that cancel each other are looked into, down to quarters


@dataclass(frozen=True, eq=False)
class Part:
    """A group beside a coalition of others, and what it adds to it.

    Attributes:
        node: The group, as a node of the tree.
        depth: Of the node; each level halves the weight, for a sibling is there in half of the orders.
        beside: (P,) who is there already.
        without: What those are worth.
        with_it: What they are worth with the group.
    """

    node: int
    depth: int
    beside: NDArray[np.bool_]
    without: float
    with_it: float

    @property
    def adds(self) -> float:
        """What the group adds to the coalition."""
        return self.with_it - self.without

    @property
    def weight(self) -> float:
        """Share of the orders in which the group meets this coalition."""
        return 0.5**self.depth


class SharedWorth:
    """Which groups were split beside which coalitions, and what follows for each player.

    Args:
        tree: The groups.
        root: All players, beside nobody.
    """

    def __init__(self, tree: PartitionTree, root: Part) -> None:
        self.root = root
        self._tree = tree
        self._sizes = tree.members.sum(axis=1)
        self._parts: defaultdict[int, list[Part]] = defaultdict(list, {root.node: [root]})
        self._halves: dict[Part, list[Part]] = {}  # a part split: left and right, each without the other and beside it
        self._split_adds: defaultdict[int, list[float]] = defaultdict(list)

    def can_split(self, part: Part) -> bool:
        """Returns whether the group is more than one player."""
        return bool(self._tree.children[part.node, 0] >= 0)

    def unknown(self, part: Part) -> float:
        """Returns how much worth a split of a part would place, as far as can be said before."""
        if part.depth < _ALWAYS_SPLIT:
            return np.inf
        known = self._split_adds[part.node]
        least = abs(part.adds)
        if known:  # its division is known from others, as far as it adds what they add
            least = min(least, abs(part.adds - sum(known) / len(known)))
        return part.weight * least

    def split(self, part: Part, with_left: float, with_right: float) -> list[Part]:
        """Divides a part in two, given what the coalition is worth with either half; returns the four new parts."""
        left, right = map(int, self._tree.children[part.node])
        halves = [
            Part(node, part.depth + 1, beside, without, with_it)
            for node, beside, without, with_it in (
                (left, part.beside, part.without, with_left),
                (left, part.beside | self._tree.members[right], with_right, part.with_it),
                (right, part.beside, part.without, with_right),
                (right, part.beside | self._tree.members[left], with_left, part.with_it),
            )
        ]
        self._halves[part] = halves
        self._split_adds[part.node].append(part.adds)
        for half in halves:
            self._parts[half.node].append(half)
        return halves

    def values(self) -> Floats:
        """Returns (P,) values; their sum is what the root adds."""
        found: dict[Part, Floats] = {}
        for node in sorted(self._parts, reverse=True):  # a child's number is above its parent's
            split = [part for part in self._parts[node] if part in self._halves]
            for part in split:
                found[part] = sum((found[half] for half in self._halves[part]), np.zeros(self._tree.players)) / 2
            pattern = np.mean([found[part] for part in split], axis=0) if split else np.zeros(self._tree.players)
            evenly = self._tree.members[node] / self._sizes[node]
            for part in self._parts[node]:
                if part not in self._halves:
                    found[part] = pattern + (part.adds - pattern.sum()) * evenly
        return found[self.root]

    def grain(self) -> float:
        """Returns the mean size of the smallest group measured by itself around a player, weighted by its value."""
        around = np.empty(self._tree.players)
        for node in sorted(self._parts):  # children after parents
            around[self._tree.members[node]] = self._sizes[node]
        weights = np.abs(self.values())
        return float(np.average(around, weights=weights) if weights.any() else around.max())

    def inferred(self) -> float:
        """Returns the share of the absolute worth of parts that were not split themselves, though they could be."""
        parts = [part for same in self._parts.values() for part in same if part not in self._halves]
        worth = np.array([abs(part.adds) * part.weight for part in parts])
        open_ones = np.array([self.can_split(part) for part in parts])
        return float(worth[open_ones].sum() / worth.sum()) if worth.any() else float(open_ones.any())
