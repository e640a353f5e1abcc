"""Players grouped two by two, down to each alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError

Nested = int | tuple[Any, Any]


@dataclass(frozen=True, eq=False)
class PartitionTree:
    """A binary tree over P players: each node is a coalition, each leaf one player.

    Attributes:
        members: (2 P - 1, P) who belongs to each node; the root is node 0, and all belong to it.
        children: (2 P - 1, 2) nodes that a node is made of; -1 for a leaf.

    Examples:
        >>> tree = PartitionTree.of_nested((0, (1, 2)))
        >>> tree.members.astype(int).tolist()
        [[1, 1, 1], [1, 0, 0], [0, 1, 1], [0, 1, 0], [0, 0, 1]]
        >>> PartitionTree.of_grid(14, 14).players
        196
    """

    members: NDArray[np.bool_]
    children: NDArray[np.int64]

    @classmethod
    def of_nested(cls, nested: Nested) -> PartitionTree:
        """Reads pairs of pairs, whose leaves are the numbers from 0 to P - 1.

        Raises:
            DataError: a number is there twice, or one is left out.
        """
        nodes: list[Nested] = [nested]
        children: list[tuple[int, int]] = []
        for node in nodes:  # grows while it is read: a tree of any depth, level by level
            if isinstance(node, tuple):
                children.append((len(nodes), len(nodes) + 1))
                nodes.extend(node)
            else:
                children.append((-1, -1))
        leaves = sorted(node for node in nodes if isinstance(node, int))
        if leaves != list(range(len(leaves))):
            raise DataError(f"the leaves of a partition are the numbers from 0, each once; got {leaves}")
        members = np.zeros((len(nodes), len(leaves)), dtype=np.bool_)
        for node in reversed(range(len(nodes))):
            left, right = children[node]
            if left < 0:
                members[node, nodes[node]] = True
            else:
                members[node] = members[left] | members[right]
        return cls(members, np.array(children, dtype=np.int64))

    @classmethod
    def of_grid(cls, rows: int, columns: int) -> PartitionTree:
        """Halves a grid of cells across its longer side, again and again; cells are numbered row by row."""

        def halved(top: int, bottom: int, left: int, right: int) -> Nested:
            if bottom - top == right - left == 1:
                return top * columns + left
            if bottom - top >= right - left:
                middle = (top + bottom) // 2
                return halved(top, middle, left, right), halved(middle, bottom, left, right)
            middle = (left + right) // 2
            return halved(top, bottom, left, middle), halved(top, bottom, middle, right)

        return cls.of_nested(halved(0, rows, 0, columns))

    @property
    def players(self) -> int:
        """How many there are."""
        return int(self.members.shape[1])
