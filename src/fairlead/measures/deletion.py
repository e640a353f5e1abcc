"""How fast a game loses its worth when players leave in an order, and gains it when they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.measures.moved_maps import moved_maps
from fairlead.measures.owen_values import Game

_MOVED = (0.0625, 0.125, 0.25, 0.5)  # shares of the players gone or come: a good order moves most of the worth early


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
    return _areas(game, orders, first=full, last=base, batch=batch, leaving=True)


def insertion_areas(
    game: Game, orders: NDArray[np.integer[Any]], *, base: float, full: float, batch: int = 16
) -> NDArray[np.float64]:
    """Returns (R,) mean worth while the players come in each of R orders: the higher, the better the order.

    Args:
        game: As for ``deletion_areas``, and so are the others.
        orders: (R, P) the players in the order in which they come.
        base: What the game is worth without any player.
        full: With all of them.
        batch: Evaluations at a time.

    Examples:
        >>> worth = np.arange(16.0)
        >>> orders = np.stack([np.arange(15, -1, -1), np.arange(16)])
        >>> insertion_areas(lambda plays: plays @ worth, orders, base=0.0, full=120.0).round(2).tolist()
        [78.28, 41.72]
    """
    return _areas(game, orders, first=base, last=full, batch=batch, leaving=False)


def map_curves(
    game: Game,
    values: NDArray[np.float64],
    prior: NDArray[np.float64],
    *,
    base: float,
    full: float,
    batch: int = 16,
    insertion: bool = False,
) -> dict[str, Any]:
    """Measures a map, the map moved elsewhere, and a map that knows nothing of the item.

    Args:
        game: From (N, P) which parts are shown to (N,) the score.
        values: (rows, columns) of the P parts.
        prior: Likewise, from what is known without the item.
        base: The score of no part.
        full: Of all.
        batch: Evaluations at a time.
        insertion: Whether insertion is measured too, for as much again.

    Returns:
        The fields of an ``AttributionCertificate`` that hold areas.

    Examples:
        >>> values = np.arange(64.0).reshape(8, 8)
        >>> game = lambda plays: plays @ values.ravel()
        >>> found = map_curves(game, values, -values, base=0.0, full=float(values.sum()), insertion=True)
        >>> found["area"] < min(found["moved"]), found["inserted"] > max(found["inserted_moved"])
        (True, True)
    """
    maps = [values, *moved_maps(values), prior]
    orders = np.stack([np.argsort(-one, axis=None, kind="stable") for one in maps])
    area, *moved, known = map(float, deletion_areas(game, orders, base=base, full=full, batch=batch))
    found: dict[str, Any] = {"area": area, "moved": tuple(moved), "prior": known}
    if insertion:
        area, *moved, known = map(float, insertion_areas(game, orders, base=base, full=full, batch=batch))
        found |= {"inserted": area, "inserted_moved": tuple(moved), "inserted_prior": known}
    return found


def _areas(
    game: Game, orders: NDArray[np.integer[Any]], *, first: float, last: float, batch: int, leaving: bool
) -> NDArray[np.float64]:
    players = orders.shape[1]
    numbers = sorted({min(max(round(share * players), 1), players) for share in _MOVED})
    plays = np.full((len(orders), len(numbers), players), leaving, dtype=np.bool_)
    for row, order in enumerate(orders):
        for column, number in enumerate(numbers):
            plays[row, column, order[:number]] = not leaving
    flat = plays.reshape(-1, players)
    parts = [game(flat[start : start + batch]) for start in range(0, len(flat), batch)]
    worths = np.concatenate(parts).reshape(len(orders), len(numbers))
    ends = np.full((len(orders), 1), first), np.full((len(orders), 1), last)
    curves = np.hstack([ends[0], worths, ends[1]]).astype(np.float64)
    return np.asarray(np.trapezoid(curves, np.array([0, *numbers, players]) / players, axis=1), dtype=np.float64)
