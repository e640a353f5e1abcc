"""Intervals of a rate that may be looked at after every row, for ever."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairlead.errors import ConfigurationError
from fairlead.measures.special import betaln

FloatArray = NDArray[np.float64]
_PRIOR = 0.5  # of both outcomes: Jeffreys', under which no true rate is met with a much wider interval than another
_LEAST = 2.0**-50  # of a rate: its logarithm, and that of what it lacks to 1, are finite
_MOST = 1 - 2.0**-53
_HALVINGS = 50  # what is left of a halved way is 1e-15; the end outside is taken, which errs on the safe side


def rate_sequence_ends(successes: ArrayLike, rows: ArrayLike, miss: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """A confidence sequence of a rate: over all numbers of rows together, it misses the rate with chance ``miss``.

    Whoever thinks that the rate is p, and is paid the likelihood of the rows under a Beta(1/2, 1/2) mixture of rates
    over that under p, holds a martingale; the interval is of those p under which it never reached ``1 / miss``
    (Ville 1939). It depends on the counts alone, so that counts of replicas, added up, give that of all their rows.
    The price of looking always is its width: beside an exact interval, 1.5 times at 50 rows, 1.95 times at 5000.

    Args:
        successes: (K,) or scalar, from 0 to ``rows``.
        rows: (K,) or scalar, from 0 up; without rows, the interval is all of [0, 1].
        miss: Chance that the rate is ever outside, both ends together; (K,) or scalar.

    Returns:
        Lower and upper ends, each (K,).

    Raises:
        ConfigurationError: a chance that is not between 0 and 1, or more successes than rows.

    References:
        Robbins (1970), Statistical methods related to the law of the iterated logarithm, Annals of Mathematical
        Statistics 41; Howard, Ramdas, McAuliffe and Sekhon (2021), Time-uniform, nonparametric, nonasymptotic
        confidence sequences, Annals of Statistics 49.

    Examples:
        >>> low, high = rate_sequence_ends([5, 0], [100, 0], 0.05)
        >>> low.round(3).tolist(), high.round(3).tolist()
        ([0.007, 0.0], [0.156, 1.0])
    """
    given = (
        np.asarray(successes, dtype=np.float64),
        np.asarray(rows, dtype=np.float64),
        np.asarray(miss, dtype=np.float64),
    )
    count, size, chance = np.broadcast_arrays(*given)
    if not ((chance > 0) & (chance < 1)).all():
        raise ConfigurationError(
            f"the chance to miss lies between 0 and 1, got {chance.min():g} to {chance.max():g}; 0.05 is usual"
        )
    if not ((count >= 0) & (count <= size)).all():
        raise ConfigurationError("a rate has from 0 to as many successes as rows; count them anew")
    # Inside are the rates whose likelihood is above this one, the likeliest among them; both ends are sought at once.
    least = betaln(_PRIOR + count, _PRIOR + size - count) - betaln(_PRIOR, _PRIOR) + np.log(chance)
    none, every = count <= 0, count >= size
    likeliest = np.clip(np.divide(count, size, out=np.full(count.shape, 0.5), where=size > 0), _LEAST, 1 - _LEAST)
    inside = np.stack([likeliest, likeliest])
    outside = np.stack([np.zeros_like(likeliest), np.ones_like(likeliest)])
    for _ in range(_HALVINGS):
        between = np.minimum((outside + inside) / 2, _MOST)
        within = count * np.log(between) + (size - count) * np.log1p(-between) > least
        inside, outside = np.where(within, between, inside), np.where(within, outside, between)
    return np.where(none, 0.0, outside[0]), np.where(every, 1.0, outside[1])
