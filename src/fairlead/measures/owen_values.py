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
from fairlead.measures.shared_worth import Part, SharedWorth

Game = Callable[[NDArray[np.bool_]], NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class OwenValues:
    """How the worth of all players is shared among them.

    Attributes:
        values: (P,) of each player; their sum is ``full - base``, however few evaluations there were.
        base: What the game is worth without any player.
        full: With all of them.
        evaluations: Of the game.
        grain: Players in the smallest group that was measured by itself and that a player is in, in the mean weighted
            by absolute value; 1 where every player that matters was measured.
        inferred: Share of the absolute worth that was divided as other coalitions divide it, or evenly; 0 where every
            value is exact.
    """

    values: NDArray[np.float64]
    base: float
    full: float
    evaluations: int
    grain: float
    inferred: float


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
    (Owen, 1977, "Values of games with a priori unions"; Winter, 1989, for nested ones). To know it, each group is
    split into its two parts beside each coalition that it meets: 4 times as many splits at every level of the tree.
    shap's partition explainer splits the weightiest first, and spreads evenly what is not split when the evaluations
    are spent, so that few groups are ever looked into. Here what is not split beside one coalition is divided as it is
    beside the others where it was split (exact where the group does not interact with them), and splits go first where
    that says least. The values add up at any time, and with enough evaluations they are exact.

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
        >>> shared.values.round(12).tolist(), shared.inferred
        ([3.0, 1.0, 0.0, -2.0], 0.0)
    """
    if evaluations < 2 or batch < 2:
        raise ConfigurationError(f"at least 2 evaluations, 2 at a time; got {evaluations}, {batch} at a time")
    nobody, everybody = np.zeros_like(tree.members[0]), tree.members[0]
    base, full = map(float, game(np.stack([nobody, everybody])))
    worth = SharedWorth(tree, Part(0, 0, nobody, base, full))
    spent = 2
    queue = _Queue(worth)
    while evaluations - spent >= 2 and (chosen := queue.next(min(batch, evaluations - spent) // 2)) and go_on():
        plays = [part.beside | tree.members[half] for part in chosen for half in tree.children[part.node]]
        found = game(np.stack(plays))
        spent += len(found)
        for part, with_left, with_right in zip(chosen, found[::2], found[1::2], strict=True):
            queue.add(worth.split(part, float(with_left), float(with_right)))
    return OwenValues(worth.values(), base, full, spent, worth.grain(), worth.inferred())


class _Queue:
    """The parts that can be split, the one that says least of itself first; of equals, the first that came."""

    def __init__(self, worth: SharedWorth) -> None:
        self._worth = worth
        self._heap: list[tuple[float, int, Part]] = []
        self._number = 0
        self.add([worth.root])

    def add(self, parts: list[Part]) -> None:
        for part in parts:
            if self._worth.can_split(part):
                heapq.heappush(self._heap, (-self._worth.unknown(part), self._number, part))
                self._number += 1

    def next(self, most: int) -> list[Part]:
        """Takes out as many parts; none twice of a group that no other part has been split of."""
        chosen: list[Part] = []
        later: list[Part] = []
        nodes: set[int] = set()
        while self._heap and len(chosen) < most:
            urgency, _, part = heapq.heappop(self._heap)
            unknown = self._worth.unknown(part)
            if unknown < -urgency:  # its group was split beside another coalition meanwhile
                self.add([part])
            elif part.node in nodes:
                later.append(part)
            else:
                chosen.append(part)
                nodes.add(part.node)
        self.add(later)
        return chosen
