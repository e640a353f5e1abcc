"""A rate that is looked at after every row: its interval holds at all times together."""

import numpy as np
import pytest
from scipy.special import betaln, xlog1py, xlogy

from fairlead.errors import ConfigurationError
from fairlead.measures import binomial_interval, rate_sequence_ends


def log_mixture_over(rate, successes, rows):
    """The logarithm of the martingale at one rate, written down anew."""
    mixture = betaln(successes + 0.5, rows - successes + 0.5) - betaln(0.5, 0.5)
    return mixture - xlogy(successes, rate) - xlog1py(rows - successes, -rate)


@pytest.mark.parametrize("miss", [0.05, 1e-6])
@pytest.mark.parametrize(("successes", "rows"), [(1, 1), (3, 10), (1, 5000), (2500, 5000), (4999, 5000), (7, 10**9)])
def test_the_ends_are_where_the_martingale_reaches_one_over_the_chance(successes, rows, miss):
    low, high = (float(end) for end in rate_sequence_ends(successes, rows, miss))
    assert 0 < low < successes / rows <= high
    assert log_mixture_over(low, successes, rows) == pytest.approx(-np.log(miss), abs=1e-3)
    if successes < rows:
        assert log_mixture_over(high, successes, rows) == pytest.approx(-np.log(miss), abs=1e-3)
        assert high < 1


def test_no_rows_say_nothing_and_none_or_all_keep_their_end():
    low, high = rate_sequence_ends([0, 0, 20, 10**12], [0, 20, 20, 10**12], 0.05)
    assert (low[0], high[0]) == (0.0, 1.0)
    assert low[1] == 0.0
    assert high[2] == high[3] == 1.0
    assert high[1] == pytest.approx(1 - low[2], abs=1e-12)
    assert 0.99 < low[3] < 1


def test_chances_and_counts_broadcast_and_a_smaller_chance_is_a_wider_interval():
    low, high = rate_sequence_ends(np.array([[3.5, 10.0]]), 20.0, np.array([[0.05], [0.001]]))
    assert low.shape == high.shape == (2, 2)
    assert (low[1] < low[0]).all()
    assert (high[1] > high[0]).all()
    assert float(low[0, 0]) == float(rate_sequence_ends(3.5, 20, 0.05)[0])


@pytest.mark.parametrize("rate", [0.02, 0.5])
def test_it_covers_at_all_times_where_an_exact_interval_of_one_time_does_not(rate):
    runs, rows = 400, 2000
    successes = (np.random.default_rng(3).random((runs, rows)) < rate).cumsum(axis=1)
    looks = np.arange(1, rows + 1)
    missed = (log_mixture_over(rate, successes, looks[None]) >= np.log(20)).any(axis=1)
    assert missed.mean() < 0.08  # 5 % at most; of 400 runs, 8 % would be seen once in 100
    some = np.unique(np.geomspace(10, rows, 60).astype(int))
    low, high = rate_sequence_ends(successes[:, some - 1], looks[some - 1], 0.05)
    assert ((low > rate) | (high < rate)).any(axis=1).mean() <= missed.mean()
    low, high = binomial_interval(successes[:, some - 1], np.broadcast_to(looks[some - 1], (runs, len(some))))
    assert ((low > rate) | (high < rate)).any(axis=1).mean() > 0.12


@pytest.mark.parametrize(
    ("successes", "rows", "miss"), [(3, 2, 0.05), (-1, 2, 0.05), (np.nan, 2, 0.05), (1, 2, 0.0), (1, 2, 1.0)]
)
def test_what_is_no_count_or_no_chance_is_refused(successes, rows, miss):
    with pytest.raises(ConfigurationError, match=r"rate has|chance to miss"):
        rate_sequence_ends(successes, rows, miss)
