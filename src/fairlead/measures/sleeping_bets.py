"""Bets against uniform p-values, at every strength and from every moment on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures.special import ndtr, ndtri

FloatArray = NDArray[np.float64]

CELLS = 1024  # a density is constant on each: no p-value, not even 0 or 1, can make it infinite
# Each bet is on normal scores that moved by the first and spread by the second; the third is the share of items it
# believes to have changed. Chosen by trial: see `RankMartingales`.
_BETS = (
    (0.12, 1.0, 1.0), (-0.12, 1.0, 1.0), (0.35, 1.0, 1.0), (-0.35, 1.0, 1.0), (0.9, 1.0, 1.0), (-0.9, 1.0, 1.0),
    (0.0, 0.75, 1.0), (0.0, 1.4, 1.0),
    (2.0, 0.35, 0.1), (-2.0, 0.35, 0.1), (2.7, 0.4, 0.03), (-2.7, 0.4, 0.03),
)  # fmt: skip
_AT_START = 0.3  # of the stake is laid on a change before the first item
_SLOWNESS = 100.0  # items after which the rest begins to be laid more thinly
_MOST = 1e280  # wealth is cut here: it says no more, and floats end at 1e308


@cache  # and not at import: SciPy's functions load when first called
def _densities() -> FloatArray:
    """Returns (CELLS, J) the mean of each bet's density over each cell; every column has mean 1."""
    scores = ndtri(np.linspace(0, 1, CELLS + 1)[1:-1])
    columns = []
    for shift, spread, share in _BETS:
        moved = np.concatenate([[0.0], ndtr((scores - shift) / spread), [1.0]])
        columns.append(share * np.diff(moved) * CELLS + 1 - share)
    return np.stack(columns, axis=1)


def _asleep(items: NDArray[np.int64]) -> FloatArray:
    """Returns the stake that is not laid after so many items: 1 before the first, and 0 in the limit."""
    rest = (1 - _AT_START) / (1 + np.log1p(items / _SLOWNESS))
    return np.asarray(np.where(items > 0, rest, 1.0), dtype=np.float64)


class SleepingBets:
    """M bettors who start with 1 each, bet that p-values are not uniform, and may wake at any item.

    Bettor m splits its stake over J densities on [0, 1] and over the items at which to begin; what has begun is
    multiplied by its density at each p-value. While the p-values are independent and uniform, the wealth is a
    martingale with mean 1, so that it ever reaches 1 / alpha with a chance of at most alpha (Ville). The stakes fall
    as 1 / (k log^2 k) in the number k of the item: a change that comes late costs the logarithm of about that, no more.

    Args:
        bettors: M.

    References:
        Ville (1939), Etude critique de la notion de collectif. Vovk, Gammerman and Shafer (2022), Algorithmic Learning
        in a Random World, 2nd edition, chapter 8, for sleeping ("sleeper") and mixed bets. Vovk (2021), Testing
        randomness online, Statistical Science 36.

    Examples:
        >>> bets = SleepingBets(1)
        >>> wealth = bets.add(np.full((200, 1), 0.99))
        >>> bool(wealth[-1, 0] > np.log(1000)), bets.items.tolist()
        (True, [200])
    """

    def __init__(self, bettors: int) -> None:
        self._laid = np.zeros((bettors, len(_BETS)))
        self.items = np.zeros(bettors, dtype=np.int64)
        self.peak = np.zeros(bettors)

    @property
    def evidence(self) -> FloatArray:
        """(M,) natural logarithm of the wealth now."""
        return np.asarray(np.log(self._laid.sum(axis=1) + _asleep(self.items)), dtype=np.float64)

    def add(self, p_values: FloatArray) -> FloatArray:
        """Bets on each item in turn.

        Args:
            p_values: (N, M) from 0 to 1; NaN where a bettor does not see the item and waits.

        Returns:
            (N, M) natural logarithm of the wealth after each item.
        """
        known = ~np.isnan(p_values)
        cells = np.minimum((np.where(known, p_values, 0.0) * CELLS).astype(np.int64), CELLS - 1)
        factor = _densities()[cells]
        factor[~known] = 1.0
        items = self.items + known.cumsum(axis=0)
        asleep = _asleep(np.concatenate([self.items[None], items]))
        stakes = -np.diff(asleep, axis=0)[:, :, None] / len(_BETS)
        laid = self._laid
        # In order, item by item: so no rounding depends on how the stream was cut. No density exceeds CELLS.
        near = np.log2(laid.max(initial=1.0)) + len(factor) * np.log2(CELLS) > np.log2(_MOST) - 1
        for stake, gain in zip(stakes, factor, strict=True):
            np.multiply(np.add(laid, stake), gain, out=gain)
            laid = np.minimum(gain, _MOST, out=gain) if near else gain
        wealth = np.log(factor.sum(axis=2) + asleep[1:])
        if len(wealth):
            self._laid, self.items = laid.copy(), items[-1]
            self.peak = np.maximum(self.peak, wealth.max(axis=0))
        return np.asarray(wealth, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {"laid": self._laid.tolist(), "items": self.items.tolist(), "peak": self.peak.tolist()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> SleepingBets:
        """Reads what ``to_dict`` wrote; what follows is bit for bit as if there had been no break.

        Raises:
            DataError: content that is none.
        """
        try:
            bets = cls(len(content["items"]))
            laid = np.asarray(content["laid"], dtype=np.float64).reshape(-1, len(_BETS))
            items, peak = np.asarray(content["items"], dtype=np.int64), np.asarray(content["peak"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not a state of bets ({type(error).__name__}: {error}); start the monitor anew") from error
        if laid.shape != bets._laid.shape or peak.shape != bets.peak.shape:
            raise DataError(f"a state of {len(items)} bets has other shapes; start the monitor anew")
        bets._laid, bets.items, bets.peak = laid, items, peak
        return bets
