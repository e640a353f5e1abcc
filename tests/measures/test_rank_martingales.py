"""Rank martingales: false alarms at the stated rate on unchanged streams, and planted changes found."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fairlead.errors import DataError
from fairlead.measures import RankMartingales
from fairlead.measures.sleeping_bets import CELLS, SleepingBets, _asleep, _densities

SHARES = np.array([0.5, 0.2, 0.15, 0.1, 0.05])  # heavy ties


def drawn(generator: np.random.Generator, items: int, monitors: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    draws = np.searchsorted(np.cumsum(shares)[:-1], generator.random((items, monitors)), side="right")
    return draws.astype(np.int64)


def frozen_ranks(counts: NDArray[np.int64], bins: NDArray[np.int64], lots: np.random.Generator) -> NDArray[np.float64]:
    """Ranks among the reference alone."""
    above = np.concatenate([counts[:, ::-1].cumsum(axis=1)[:, ::-1], np.zeros((len(counts), 1), dtype=int)], axis=1)
    column = np.arange(len(counts))
    high, reached = above[column, bins + 1], above[column, bins]
    return (high + lots.random(bins.shape) * (reached - high + 1)) / (above[:, 0] + 1)


def test_every_bet_and_all_stakes_are_proper() -> None:
    densities = _densities()
    assert densities.shape[0] == CELLS
    assert (densities > 0).all()
    np.testing.assert_allclose(densities.mean(axis=0), 1.0, atol=1e-12)
    asleep = _asleep(np.arange(100_000))
    assert asleep[0] == 1.0
    assert (np.diff(asleep) < 0).all()
    assert _asleep(np.array([10**15]))[0] < 0.04


def test_p_values_are_the_ranks_that_counting_gives() -> None:
    generator = np.random.default_rng(2)
    bins = generator.integers(-1, 4, (150, 3))
    counts = [generator.integers(0, 9, 4) for _ in range(3)]
    monitors = RankMartingales(counts, seed=9)
    seen = np.concatenate([monitors._p_values(bins[:70]), monitors._p_values(bins[70:])])
    lots = np.random.Generator(np.random.PCG64(9)).random(bins.shape)
    for place in range(3):
        pool = np.repeat(np.arange(4), counts[place]).tolist()
        for item in range(150):
            value = bins[item, place]
            if value < 0:
                assert np.isnan(seen[item, place])
                continue
            above, same = sum(other > value for other in pool), sum(other == value for other in pool)
            expected = (above + lots[item, place] * (same + 1)) / (len(pool) + 1)
            assert seen[item, place] == pytest.approx(expected, abs=1e-12)
            pool.append(value)
        assert monitors.pools[place].tolist() == np.bincount(pool, minlength=4).tolist()


@pytest.mark.parametrize("rows", [0, 5, 60])
def test_p_values_of_an_exchangeable_stream_are_uniform_and_independent(rows: int) -> None:
    generator = np.random.default_rng(rows)
    p_values = []
    for seed in range(40):
        monitors = RankMartingales([generator.multinomial(rows, SHARES)], seed=seed)
        p_values.append(monitors._p_values(drawn(generator, 100, 1, SHARES))[:, 0])
    together = np.concatenate(p_values)
    assert stats.kstest(together, "uniform").pvalue > 0.001
    assert stats.kstest([run[0] for run in p_values], "uniform").pvalue > 0.001
    successive = np.corrcoef(together[:-1], together[1:])[0, 1]
    assert abs(successive) < 4 / np.sqrt(len(together))


def test_wealth_has_mean_one_while_nothing_changes() -> None:
    runs = 4000
    generator = np.random.default_rng(4)
    monitors = RankMartingales([generator.multinomial(30, SHARES) for _ in range(runs)], seed=1)
    wealth = np.exp(monitors.add(drawn(generator, 20, runs, SHARES)))
    for item in (0, 4, 19):
        error = wealth[item].std() / np.sqrt(runs)
        assert abs(wealth[item].mean() - 1) < 4 * error
        assert error < 0.05


def test_an_endless_unchanged_stream_raises_no_more_alarms_than_stated() -> None:
    """300 runs of 2000 items after a reference of 60 rows, at alpha = 5 %."""
    runs = 300
    generator = np.random.default_rng(11)
    counts = generator.multinomial(60, SHARES, size=runs)
    monitors, frozen = RankMartingales(list(counts), seed=3), SleepingBets(runs)
    for _ in range(20):
        bins = drawn(generator, 100, runs, SHARES)
        monitors.add(bins)
        frozen.add(frozen_ranks(counts, bins, generator))
    alarms = int((monitors.peak >= np.log(20)).sum())
    assert stats.binomtest(alarms, runs, 0.05, alternative="greater").pvalue > 0.01
    # The same bets against the reference alone take its sampling error for drift.
    assert (frozen.peak >= np.log(20)).mean() > 0.5


def normal_bins(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.searchsorted(stats.norm.ppf(np.arange(1, 20) / 20), values, side="right").astype(np.int64)


@pytest.mark.parametrize("before", [0, 1000])
@pytest.mark.parametrize(
    ("shift", "spread", "within"), [(1.0, 1.0, 120), (-1.0, 1.0, 120), (0.5, 1.0, 400), (0, 2, 200)]
)
def test_a_planted_change_is_found(before: int, shift: float, spread: float, within: int) -> None:
    generator = np.random.default_rng(6)
    monitors = RankMartingales([np.full(20, 50)] * 10, seed=2)
    monitors.add(normal_bins(generator.normal(size=(before, 10))))
    threshold = np.log(1000)
    assert (monitors.peak < threshold).all()
    monitors.add(normal_bins(shift + spread * generator.normal(size=(within, 10))))
    assert (monitors.peak >= threshold).sum() >= 9


def test_the_cut_of_a_stream_changes_nothing() -> None:
    generator = np.random.default_rng(8)
    bins = generator.integers(-1, 5, (333, 2))
    whole = RankMartingales([np.array([5, 4, 3, 2, 1])] * 2, seed=7)
    parts = RankMartingales([np.array([5, 4, 3, 2, 1])] * 2, seed=7)
    wealth = whole.add(bins)
    pieces = [parts.add(piece) for piece in np.split(bins, [0, 1, 2, 65, 200])]
    np.testing.assert_allclose(np.concatenate(pieces), wealth, rtol=0, atol=1e-9)
    np.testing.assert_allclose(parts.peak, wealth.max(axis=0).clip(0), atol=1e-9)
    np.testing.assert_allclose(parts.evidence, wealth[-1], atol=1e-9)


def test_a_monitor_waits_where_an_item_is_not_known() -> None:
    generator = np.random.default_rng(8)
    seen = generator.integers(0, 3, 50)
    with_gaps = np.full((100, 1), -1)
    with_gaps[::2, 0] = seen
    monitors = RankMartingales([np.array([9, 9, 9])])
    wealth = monitors.add(with_gaps)
    np.testing.assert_array_equal(wealth[::2], wealth[1::2])
    assert monitors.items.tolist() == [50]
    assert monitors.pools[0].sum() == 27 + 50
    # The clock of the stakes stood still too: what has not been laid is that of 50 items.
    lone = SleepingBets(1)
    lone.add(np.full((50, 1), 0.5))
    waited = SleepingBets(1)
    waited.add(np.where(np.arange(100)[:, None] % 2, np.nan, 0.5))
    assert waited.evidence.tolist() == lone.evidence.tolist()


def test_a_state_continues_bit_for_bit() -> None:
    generator = np.random.default_rng(3)
    bins = generator.integers(-1, 4, (500, 3))
    uninterrupted = RankMartingales([np.array([3, 1, 0, 8]), np.array([1, 1, 1, 1]), np.array([0, 0, 0, 0])], seed=5)
    uninterrupted.add(bins[:123])
    content = json.loads(json.dumps(uninterrupted.to_dict(), allow_nan=False))
    restored = RankMartingales.from_dict(content)
    assert restored.add(bins[123:]).tolist() == uninterrupted.add(bins[123:]).tolist()
    assert restored.to_dict() == uninterrupted.to_dict()


def test_wealth_beyond_all_floats_stays_finite() -> None:
    bets = SleepingBets(2)
    wealth = bets.add(np.column_stack([np.zeros(3000), np.ones(3000)]))
    assert np.isfinite(wealth).all()
    assert (wealth[-1] > 600).all()
    later = bets.add(np.full((100, 2), 0.5))
    assert np.isfinite(later).all()
    assert (later[-1] < wealth[-1]).all()


def test_nothing_to_watch_and_nothing_read() -> None:
    none = RankMartingales([])
    assert none.add(np.zeros((5, 0), dtype=np.int64)).shape == (5, 0)
    assert none.evidence.shape == (0,)
    assert RankMartingales.from_dict(json.loads(json.dumps(none.to_dict()))).pools == ()
    idle = RankMartingales([np.array([1, 2])])
    assert idle.add(np.zeros((0, 1), dtype=np.int64)).shape == (0, 1)
    assert idle.evidence.tolist() == [0.0]
    assert idle.items.tolist() == [0]
    with pytest.raises(DataError, match="holds no counts"):
        RankMartingales([np.array([1, -2])])


@pytest.mark.parametrize("bins", [np.array([[2]]), np.array([[-2]]), np.array([[0, 0]]), np.array([0])])
def test_bins_that_the_reference_lacks_are_refused(bins: NDArray[np.int64]) -> None:
    monitors = RankMartingales([np.array([1, 2])])
    with pytest.raises(DataError, match="bin"):
        monitors.add(bins)
    assert monitors.items.tolist() == [0]


@pytest.mark.parametrize("change", [{"bets": None}, {"lots": {"state": 1}}, {"pools": [[1, 2]]}, {"pools": "no"}])
def test_a_damaged_state_is_refused(change: dict[str, object]) -> None:
    content = RankMartingales([np.array([1, 2]), np.array([3])]).to_dict() | change
    with pytest.raises(DataError, match="anew"):
        RankMartingales.from_dict(content)
