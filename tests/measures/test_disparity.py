"""The intervals hold: by counting every outcome where that can be done, by drawing where it cannot."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from fairlead.errors import ConfigurationError
from fairlead.evidence import Limit
from fairlead.measures import (
    BoundedMeans,
    Plan,
    TailShares,
    binomial_interval,
    difference_ends,
    disparity,
    largest_difference,
    largest_ratio,
    pairwise,
    shortfall_ends,
    worst_rate_ends,
)
from fairlead.measures.group_rates import _rows_of_clusters

ONE = TailShares.of(0.95, 1)


def every_outcome(first, second, tail, bound):
    """Bounds of all (first + 1) x (second + 1) outcomes."""
    counts = np.concatenate([np.arange(first + 1), np.arange(second + 1)]).astype(float)
    rows = np.concatenate([np.full(first + 1, first), np.full(second + 1, second)]).astype(float)
    one, two = np.meshgrid(np.arange(first + 1), np.arange(second + 1) + first + 1, indexing="ij")
    return bound(counts, rows, one.ravel(), two.ravel(), tail).reshape(one.shape)


def chance(outcomes, p1, p2):
    first, second = (size - 1 for size in outcomes.shape)
    return binom.pmf(np.arange(first + 1), first, p1) @ outcomes @ binom.pmf(np.arange(second + 1), second, p2)


@pytest.mark.parametrize("sizes", [(1, 1), (3, 3), (3, 20), (20, 3), (10, 10), (40, 40), (30, 150)])
@pytest.mark.parametrize("tail", [0.0025, 0.025, 0.0475])
def test_a_difference_is_beyond_its_bound_no_more_often_than_said(sizes, tail):
    bounds = every_outcome(*sizes, tail, largest_difference)
    for difference in (-0.6, -0.1, 0.0, 0.05, 0.1, 0.3, 0.8):
        rates = np.linspace(0, 1 - abs(difference), 41)
        for low in rates:
            p1, p2 = (low + difference, low) if difference > 0 else (low, low - difference)
            assert chance(bounds < difference - 1e-9, min(p1, 1.0), min(p2, 1.0)) <= tail


@pytest.mark.parametrize("sizes", [(3, 3), (3, 20), (10, 10), (40, 40), (30, 150)])
def test_a_ratio_is_beyond_its_bound_no_more_often_than_said(sizes):
    tail = 0.025
    bounds = every_outcome(*sizes, tail, largest_ratio)
    for ratio in (0.3, 0.8, 1.0, 1.25, 2.0):
        for p2 in np.linspace(0.01, min(1.0, 1 / ratio), 41):
            assert chance(bounds < ratio - 1e-9, min(1.0, ratio * p2), p2) <= tail


def test_the_bound_is_not_far_above_the_score_bound():
    # What exactness costs: the width of the normal interval, a continuity correction, and some per cent.
    for rows, rate, most in ((100, 0.8, 1.1), (340, 0.8, 1.05), (1000, 0.5, 1.02), (3000, 0.95, 1.08)):
        counts, sizes = np.full(2, rate * rows), np.full(2, float(rows))
        (bound,) = largest_difference(counts, sizes, np.array([0]), np.array([1]), 0.025)
        normal = 1.96 * np.sqrt(2 * rate * (1 - rate) / rows) + 1 / rows
        assert normal * 0.97 < bound < most * normal


def test_the_bound_is_well_inside_the_box():
    counts, sizes = np.full(2, 272.0), np.full(2, 340.0)
    (bound,) = largest_difference(counts, sizes, np.array([0]), np.array([1]), 0.025)
    low, high = binomial_interval(272, 340, np.sqrt(0.95))
    assert bound < 0.75 * float(high - low)


@given(seed=st.integers(0, 10**6), groups=st.integers(2, 6), families=st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_leaving_out_pairs_changes_nothing(seed, groups, families):
    generator = np.random.default_rng(seed)
    rows = generator.integers(1, 2000, (1, families, groups)).astype(float)
    rate = generator.choice([0.02, 0.5, 0.9]) + generator.uniform(-0.02, 0.1, (1, families, groups))
    successes = generator.binomial(rows.astype(int), np.clip(rate, 0, 1)).astype(float)
    quick = difference_ends(successes, rows, rows > 30, ONE)
    kept = disparity._LOOK_BACK
    try:
        disparity._LOOK_BACK = 1e9
        slow = difference_ends(successes, rows, rows > 30, ONE)
    finally:
        disparity._LOOK_BACK = kept
    assert np.array_equal(quick, slow)


@given(seed=st.integers(0, 10**6), groups=st.integers(2, 5))
@settings(max_examples=40, deadline=None)
def test_ends_enclose_the_figure_and_do_not_depend_on_the_order_of_groups(seed, groups):
    generator = np.random.default_rng(seed)
    rows = generator.integers(1, 400, groups).astype(float)
    successes = generator.binomial(rows.astype(int), generator.uniform(0, 1, groups)).astype(float)
    order, counted = generator.permutation(groups), np.ones(groups, dtype=bool)
    rates = successes / rows
    figures = (rates.max() - rates.min(), 1 - rates.min() / max(rates.max(), 1e-300), rates.max())
    for ends, figure in zip((difference_ends, shortfall_ends, worst_rate_ends), figures, strict=True):
        low, high = ends(successes[None, None], rows[None, None], counted[None, None], ONE)
        again = ends(successes[None, None, order], rows[None, None, order], counted[None, None], ONE)
        if rates.max() > 0:
            assert 0 <= low[0] <= figure + 1e-9
            assert figure - 1e-9 <= high[0] <= 1
        assert (low[0], high[0]) == pytest.approx((again[0][0], again[1][0]), abs=1e-9)


def test_a_group_without_rows_may_have_any_rate_but_hides_no_gap():
    successes, rows = np.array([[[90.0, 10.0, 0.0]]]), np.array([[[100.0, 100.0, 0.0]]])
    for ends in (difference_ends, shortfall_ends):
        low, high = ends(successes, rows, rows >= 50, ONE)
        assert low[0] > 0.6
        assert high[0] == 1.0
    assert worst_rate_ends(successes, rows, rows >= 50, ONE)[1][0] == 1.0


def test_many_samples_at_once_are_each_as_alone():
    generator = np.random.default_rng(7)
    rows = generator.integers(0, 90, (6, 2, 3)).astype(float)
    successes = generator.binomial(rows.astype(int), 0.3).astype(float)
    for ends in (difference_ends, shortfall_ends, worst_rate_ends):
        low, high = ends(successes, rows, rows >= 40, ONE)
        for sample in range(6):
            one = slice(sample, sample + 1)
            alone = ends(successes[one], rows[one], rows[one] >= 40, ONE)
            assert (low[sample], high[sample]) == pytest.approx((alone[0][0], alone[1][0]), abs=1e-12)


def test_a_group_too_small_to_speak_raises_no_lower_end():
    successes, rows = np.array([[[80.0, 80.0, 0.0]]]), np.array([[[100.0, 100.0, 20.0]]])
    silent, _ = difference_ends(successes, rows, rows >= 50, ONE)
    loud, _ = difference_ends(successes, rows, rows >= 10, ONE)
    assert silent[0] == 0.0
    assert loud[0] > 0.4


def test_lower_ends_pay_for_the_number_of_pairs_and_of_figures():
    successes, rows = np.full((1, 1, 4), 60.0), np.full((1, 1, 4), 100.0)
    successes[..., 0] = 90
    two = difference_ends(successes[..., :2], rows[..., :2], rows[..., :2] > 0, ONE)[0][0]
    four = difference_ends(successes, rows, rows > 0, ONE)[0][0]
    many = difference_ends(successes, rows, rows > 0, TailShares.of(0.95, 10))
    assert many[0][0] < four < two
    assert many[1][0] < difference_ends(successes, rows, rows > 0, ONE)[1][0]


@pytest.mark.parametrize("rates", [(0.2, 0.3), (0.95, 0.85, 0.9, 0.9), (0.1, 0.0, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("rows", [15, 200])
def test_intervals_of_a_gap_cover(rates, rows):
    # The full table is made by benchmarks/audit_truth.py. The percentile bootstrap fails the last cell every time.
    generator = np.random.default_rng(rows)
    successes = generator.binomial(rows, rates, (600, 1, len(rates))).astype(float)
    sizes = np.full(successes.shape, float(rows))
    low, high = difference_ends(successes, sizes, sizes > 0, ONE)
    gap = max(rates) - min(rates)
    missed = (low > gap).sum(), (high < gap).sum()
    # 28 of 600 would be seen 1 time in 700 at 2.5 %.
    assert max(missed) < 28


@pytest.mark.parametrize("tail", [0.001, 0.025, 0.2])
def test_cutting_scores_is_paid_for_at_every_angle(tail):
    critical = -float(norm.ppf(tail))
    grid = np.linspace(-9, 9, 40_001)
    weight = norm.pdf(grid) * (grid[1] - grid[0])
    cut = np.minimum(grid, pairwise._CAP)
    angles, raised = pairwise._ANGLES[::8], pairwise._raised(critical)[::8]
    plain = []
    for angle, least in zip(angles, raised, strict=True):
        one, two = max(np.cos(angle), 1e-9), max(np.sin(angle), 1e-9)
        # P(one * min(X, cap) + two * min(Y, cap) < -least) over Y, for every X.
        room = [(-value - one * cut) / two for value in (least, critical)]
        chances = [np.where(reach > pairwise._CAP, 1.0, norm.cdf(reach)) @ weight for reach in room]
        assert chances[0] <= tail * 1.001
        plain.append(chances[1])
    assert max(plain) > 1.01 * tail or tail < 0.02  # not paying would show


def test_a_mean_of_nothing_but_zeros_has_the_bound_of_a_rate():
    means = BoundedMeans("auc", "rows", ("a",), np.zeros(1), np.array([100]), np.array([100.0]))
    low, high = means.ends(0.025)
    assert (low[0], high[0]) == pytest.approx((0.0, 1 - 0.025**0.01), abs=1e-9)


def test_means_of_bounded_values_are_covered_whatever_their_law():
    generator = np.random.default_rng(0)
    # One value in thirty is 1, the others nearly 0: the normal interval misses this mean a third of the time.
    values = np.where(generator.random((400, 30)) < 1 / 30, 1.0, 0.01)
    truth = 1 / 30 + 0.01 * 29 / 30
    ends = [
        BoundedMeans(
            "loss",
            "rows",
            ("a",),
            row.mean(keepdims=True),
            np.array([30]),
            np.array([30.0]),
            row.var(keepdims=True, ddof=1),
        ).ends(0.025)
        for row in values
    ]
    missed = sum(not float(low[0]) <= truth <= float(high[0]) for low, high in ends)
    assert missed <= 20
    reach = 1.96 * values.std(axis=1, ddof=1) / np.sqrt(30)
    assert (np.abs(values.mean(axis=1) - truth) > reach).mean() > 0.3


def test_a_bound_of_many_values_is_near_their_mean():
    means = BoundedMeans("loss", "rows", ("a",), np.array([0.01]), np.array([10**6]), np.array([1e6]), np.array([1e-4]))
    low, high = means.ends(0.025)
    assert 0.0099 < low[0] < 0.01 < high[0] < 0.0101


def test_effective_rows_lie_between_clusters_and_rows():
    alike = np.repeat([[0.0], [10.0]], 30, axis=0)  # 60 clusters of ten rows, all alike within
    mixed = np.full((60, 1), 5.0)
    rows = np.full((60, 1), 10.0)
    assert 50 < _rows_of_clusters(alike, rows)[0] < 60
    assert _rows_of_clusters(mixed, rows)[0] > 250
    assert _rows_of_clusters(np.full((60, 1), 10.0), rows)[0] == pytest.approx(
        60, rel=0.1
    )  # no failure: the worst case
    assert _rows_of_clusters(np.ones((60, 1)), np.ones((60, 1)))[0] == 60
    assert _rows_of_clusters(np.array([[5.0]]), np.array([[10.0]]))[0] < 1


def test_intervals_on_effective_rows_cover_where_plain_ones_do_not():
    generator = np.random.default_rng(4)
    missed = {"plain": 0, "effective": 0}
    for _ in range(300):
        rate = generator.beta(1.0, 1.0, (40, 1))  # a cluster's own rate; 0.5 on the whole
        successes, rows = generator.binomial(8, rate).astype(float), np.full((40, 1), 8.0)
        effective = _rows_of_clusters(successes, rows)[0]
        for name, size in (("plain", rows.sum()), ("effective", effective)):
            low, high = binomial_interval(successes.sum() / rows.sum() * size, size)
            missed[name] += not low <= 0.5 <= high
    assert missed["plain"] > 45
    assert missed["effective"] <= 24  # 8 %: 25 would be seen 1 time in 80 at 5 %


@pytest.mark.parametrize("groups", [2, 4])
def test_the_planned_rows_settle_the_figure_four_times_in_five(groups):
    generator = np.random.default_rng(groups)
    limit = Limit(0.1, margin=0.1)
    rows = Plan(0.8, limit, groups, 1, ONE).rows_a_group()
    assert rows < {2: 650, 4: 1100}[groups]  # what the boxes would need
    sizes = np.full((500, 1, groups), float(rows))
    level = generator.binomial(rows, 0.8, sizes.shape).astype(float)
    _, high = difference_ends(level, sizes, sizes > 0, ONE)
    assert (high < limit.most).mean() > 0.75
    rates = np.full(groups, 0.8)
    rates[[0, -1]] = 0.9, 0.7
    low, _ = difference_ends(generator.binomial(rows, rates, sizes.shape).astype(float), sizes, sizes > 0, ONE)
    assert (low > limit.most).mean() > 0.75


@pytest.mark.parametrize(("level", "figures"), [(1.0, 1), (0.0, 1), (0.95, 0)])
def test_shares_of_nothing_are_refused(level, figures):
    with pytest.raises(ConfigurationError):
        TailShares.of(level, figures)
