"""What each player adds to a game, where players come in groups."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import ConfigurationError
from fairlead.measures.partition_tree import PartitionTree

Floats = NDArray[np.floating[Any]]
Game = Callable[[NDArray[np.bool_]], Floats]
_ALWAYS_SPLIT = 2  # levels: parts that cancel each other are looked into, down to quarters


@dataclass(frozen=True, eq=False)
class OwenValues:
    """How the worth of all players is shared among them.

    Attributes:
        values: (P,) of each player; their sum is ``full - base``, however few evaluations there were.
        base: What the game is worth without any player.
        full: With all of them.
        evaluations: Of the game.
        unresolved: Share of the absolute worth that still belongs to groups of players, and is spread evenly in them;
            0 where the values are exact.
    """

    values: NDArray[np.float64]
    base: float
    full: float
    evaluations: int
    unresolved: float


@dataclass(frozen=True, eq=False)
class _Part:
    """A node of the tree beside a coalition of others, and what it adds to it."""

    node: int
    depth: int
    beside: NDArray[np.bool_]
    without: float
    with_it: float

    @property
    def worth(self) -> float:
        """Each level halves the weight: a sibling is there in half of the orders."""
        return (self.with_it - self.without) * 0.5**self.depth

    @property
    def urgency(self) -> float:
        return np.inf if self.depth < _ALWAYS_SPLIT else abs(self.worth)


def owen_values(
    game: Game,
    tree: PartitionTree,
    *,
    evaluations: int,
    batch: int = 16,
    go_on: Callable[[], bool] = lambda: True,
) -> OwenValues:
    """Shares the worth of a game among players in nested groups: Owen's values of a tree of coalitions.

    A player's value is the mean of what it adds over all orders in which every group of the tree comes in one piece
    (Owen, 1977, "Values of games with a priori unions"; Winter, 1989, for nested ones). A group is split into its two
    parts beside each coalition it meets, the weightiest first, as shap's partition explainer does; what is not split
    when the evaluations are spent is spread evenly. So the values always add up, and a small budget costs resolution,
    not truth.

    Args:
        game: From (N, P) who plays to (N,) what it is worth; called with N at most ``batch``.
        tree: The groups of the P players.
        evaluations: The most of the game; at least 2.
        batch: Evaluations at a time.
        go_on: Asked before each batch; where it says no, the values are those of what was evaluated.

    Raises:
        ConfigurationError: fewer than 2 evaluations, or a batch of fewer than 2.

    Examples:
        >>> worth = np.array([3.0, 1.0, 0.0, -2.0])
        >>> shared = owen_values(lambda plays: plays @ worth, PartitionTree.of_grid(2, 2), evaluations=100)
        >>> shared.values.round(12).tolist(), shared.unresolved
        ([3.0, 1.0, 0.0, -2.0], 0.0)
    """
    if evaluations < 2 or batch < 2:
        raise ConfigurationError(f"at least 2 evaluations, 2 at a time; got {evaluations}, {batch} at a time")
    base, full = map(float, game(np.stack([np.zeros_like(tree.members[0]), tree.members[0]])))
    spent, number = 2, 0
    done: list[_Part] = []
    waiting: list[tuple[float, int, _Part]] = []

    def take(part: _Part) -> None:
        nonlocal number
        if tree.children[part.node, 0] < 0:
            done.append(part)
        else:
            heapq.heappush(waiting, (-part.urgency, number, part))  # of equals, the first
            number += 1

    take(_Part(0, 0, np.zeros_like(tree.members[0]), base, full))
    while waiting and evaluations - spent >= 2 and go_on():
        most = min(batch, evaluations - spent) // 2
        split = [heapq.heappop(waiting)[2] for _ in range(min(most, len(waiting)))]
        halves = [tree.children[part.node] for part in split]
        worths = game(
            np.stack(
                [part.beside | tree.members[half] for part, pair in zip(split, halves, strict=True) for half in pair]
            )
        )
        spent += len(worths)
        for row, part in enumerate(split):
            for new in _halved(part, tree, float(worths[2 * row]), float(worths[2 * row + 1])):
                take(new)
    left = [part for *_, part in waiting]
    values = np.zeros(tree.players)
    for part in [*done, *left]:
        members = tree.members[part.node]
        values[members] += part.worth / members.sum()
    total = sum(abs(part.worth) for part in [*done, *left])
    unresolved = sum(abs(part.worth) for part in left) / total if total else 0.0
    return OwenValues(values, base, full, spent, unresolved)


def _halved(part: _Part, tree: PartitionTree, with_left: float, with_right: float) -> list[_Part]:
    """Returns both halves of a part, each without the other and beside it."""
    left, right = map(int, tree.children[part.node])
    return [
        _Part(node, part.depth + 1, beside, without, with_it)
        for node, beside, without, with_it in (
            (left, part.beside, part.without, with_left),
            (left, part.beside | tree.members[right], with_right, part.with_it),
            (right, part.beside, part.without, with_right),
            (right, part.beside | tree.members[left], with_left, part.with_it),
        )
    ]
