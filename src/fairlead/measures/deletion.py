"""How fast a game loses its worth when players leave in an order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.owen_values import Game

_GONE = (0.0625, 0.125, 0.25, 0.5)  # shares of the players gone: a good order takes most of the worth early


def deletion_areas(
    game: Game, orders: NDArray[np.integer[Any]], *, base: float, full: float, batch: int = 16
) -> NDArray[np.float64]:
    """Returns (R,) mean worth while the players leave in each of R orders: the lower, the better the order.

    The area under the deletion curve (Petsiuk et al., 2018, "RISE"), by trapezoids over a few shares of the players.

    Args:
        game: From (N, P) who plays to (N,) what it is worth; called with N at most ``batch``.
        orders: (R, P) the players in the order in which they leave.
        base: What the game is worth without any player.
        full: With all of them.
        batch: Evaluations at a time.

    Examples:
        >>> worth = np.arange(16.0)
        >>> game = lambda plays: plays @ worth
        >>> orders = np.stack([np.arange(15, -1, -1), np.arange(16)])  # the weightiest first, and last
        >>> deletion_areas(game, orders, base=0.0, full=120.0).round(2).tolist()
        [41.72, 78.28]
    """
    players = orders.shape[1]
    gone = sorted({min(max(round(share * players), 1), players) for share in _GONE})
    plays = np.ones((len(orders), len(gone), players), dtype=np.bool_)
    for row, order in enumerate(orders):
        for column, number in enumerate(gone):
            plays[row, column, order[:number]] = False
    flat = plays.reshape(-1, players)
    parts = [game(flat[start : start + batch]) for start in range(0, len(flat), batch)]
    worths = np.concatenate(parts).reshape(len(orders), len(gone))
    ends = np.full((len(orders), 1), full), np.full((len(orders), 1), base)
    curves = np.hstack([ends[0], worths, ends[1]]).astype(np.float64)
    return np.asarray(np.trapezoid(curves, np.array([0, *gone, players]) / players, axis=1), dtype=np.float64)
