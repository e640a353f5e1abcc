"""Whether a stream is still exchangeable with the reference: conformal test martingales on binned scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures.sleeping_bets import SleepingBets

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_ROWS_AT_ONCE = 64  # the comparisons within a chunk grow with its square


class RankMartingales:
    """M sequential tests, each of whether reference and stream so far may be exchanged for one another.

    The p-value of an item is its randomised rank, from above, among the reference *and* the stream so far; the item
    then joins them. While all are exchangeable (as independent rows of one distribution are), the p-values are
    independent and exactly uniform, whatever the distribution, the bins and the size of the reference, and the wealth
    of who bets against that is a martingale with mean 1: it ever reaches 1 / alpha with a chance of at most alpha.
    Ranks among a fixed reference would not do: its sampling error looks like drift once the stream is long enough.

    An alarm says that the items came not as exchangeable draws from what the reference came from: a shift, a trend,
    bursts of like items, or a reference that was chosen otherwise. It does not say that a figure of quality has
    fallen; and a score whose distribution is as before raises none, however wrong the answers. As the pool learns the
    new distribution, a change that has not raised an alarm within about the size of the pool may raise none later.

    Args:
        counts: M arrays (B_m,) of integers: the reference's histogram of each score.
        seed: Of the lots that part ties.

    Raises:
        DataError: counts that are none.

    References:
        Vovk, Gammerman and Shafer (2005; 2nd edition 2022, chapter 8), Algorithmic Learning in a Random World. Vovk,
        Petej, Nouretdinov, Ahlberg, Carlsson and Gammerman (2021), Retrain or not retrain: conformal test martingales
        for change-point detection, COPA. Ville (1939), Etude critique de la notion de collectif.

    Examples:
        >>> monitors = RankMartingales([np.array([50, 40, 10]), np.array([90, 10])])
        >>> wealth = monitors.add(np.tile([2, 0], (60, 1)))  # the first score stands in its rarest bin
        >>> wealth.shape, bool(monitors.evidence[0] > np.log(1000)), bool(monitors.evidence[1] > np.log(1000))
        ((60, 2), True, False)
    """

    def __init__(self, counts: Sequence[IntArray], *, seed: int = 0) -> None:
        pools = [np.asarray(histogram) for histogram in counts]
        for number, pool in enumerate(pools):
            if pool.ndim != 1 or not pool.size or pool.dtype.kind not in "iu" or (pool < 0).any():
                raise DataError(f"histogram {number} holds no counts from 0 up; export the bundle anew")
        self._sizes = np.array([len(pool) for pool in pools], dtype=np.int64)
        self._pool = np.zeros(
            (len(pools), max(self._sizes, default=0) + 1), dtype=np.int64
        )  # one empty bin past the last
        for row, pool in zip(self._pool, pools, strict=True):
            row[: len(pool)] = pool
        self._bets = SleepingBets(len(pools))
        self._lots = np.random.Generator(np.random.PCG64(seed))

    @property
    def pools(self) -> tuple[IntArray, ...]:
        """M arrays (B_m,): reference and stream so far, counted."""
        return tuple(row[:size].copy() for row, size in zip(self._pool, self._sizes, strict=True))

    @property
    def evidence(self) -> FloatArray:
        """(M,) natural logarithm of the wealth now."""
        return self._bets.evidence

    @property
    def peak(self) -> FloatArray:
        """(M,) the largest it was."""
        return self._bets.peak.copy()

    @property
    def items(self) -> IntArray:
        """(M,) items read."""
        return self._bets.items.copy()

    def add(self, bins: IntArray) -> FloatArray:
        """Reads items in order; the result does not depend on how a stream is cut into calls.

        Args:
            bins: (N, M) bin of each item and score; -1 where it is not known, and that monitor waits.

        Returns:
            (N, M) natural logarithm of the wealth after each item.

        Raises:
            DataError: another shape, or bins that the reference lacks.
        """
        bins = np.asarray(bins, dtype=np.int64)
        if bins.ndim != 2 or bins.shape[1] != len(self._sizes):
            raise DataError(f"bins are (N, {len(self._sizes)}), one for each monitor; got {bins.shape}")
        if (bins < -1).any() or (bins >= self._sizes).any():
            raise DataError("a bin lies outside the reference's histogram; bin with the edges of the same reference")
        wealth = np.empty(bins.shape)
        for start in range(0, len(bins), _ROWS_AT_ONCE):
            chunk = bins[start : start + _ROWS_AT_ONCE]
            wealth[start : start + _ROWS_AT_ONCE] = self._bets.add(self._p_values(chunk))
        return wealth

    def _p_values(self, bins: IntArray) -> FloatArray:
        """Returns (N, M) randomised ranks among all before, NaN where not known; then adds the items to the pool."""
        known = bins >= 0
        column = np.arange(len(self._sizes))
        place = np.where(known, bins, 0)
        upwards = self._pool[:, ::-1].cumsum(axis=1)[:, ::-1]  # in each bin or a higher one; 0 past the last
        # Of the items of this chunk, up to and with each one, those in each bin or a higher one.
        reaching = (bins[:, :, None] >= np.arange(self._pool.shape[1])).cumsum(axis=0, dtype=np.int64)
        row = np.arange(len(bins))[:, None]
        above = upwards[column, place + 1] + reaching[row, column, place + 1]
        same = upwards[column, place] + reaching[row, column, place] - above  # and itself
        together = upwards[:, 0] + known.cumsum(axis=0)
        lots = self._lots.random(bins.shape)
        seen, monitor = np.nonzero(known)
        np.add.at(self._pool, (monitor, bins[seen, monitor]), 1)
        return np.asarray(np.where(known, (above + lots * same) / np.maximum(together, 1), np.nan), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values, the state of the lots included."""
        lots = self._lots.bit_generator.state
        return {
            "pools": [pool.tolist() for pool in self.pools], "bets": self._bets.to_dict(), "lots": lots,
        }  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RankMartingales:
        """Reads what ``to_dict`` wrote; what follows is bit for bit as if there had been no break.

        Raises:
            DataError: content that is none.
        """
        try:
            monitors = cls([np.asarray(pool, dtype=np.int64) for pool in content["pools"]])
            monitors._bets = SleepingBets.from_dict(content["bets"])
            monitors._lots.bit_generator.state = dict(content["lots"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"not a state of rank martingales ({type(error).__name__}: {error}); start the monitor anew"
            ) from error
        if len(monitors.items) != len(monitors.pools):
            raise DataError("a state of rank martingales has as many bets as pools; start the monitor anew")
        return monitors
