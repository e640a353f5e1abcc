"""Point values agree with fairlearn's MetricFrame where it is right; where it is not, the difference is shown."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, precision_score, roc_auc_score

from fairlead.evidence import Limit, Verdict
from fairlead.judgement import Figure, Policy, judge, measure
from fairlead.measures import RATES, FeatureGroups, GroupRates, GroupTally, TailShares, group_auc, group_calibration
from fairlead.records import Labels

fairlearn = pytest.importorskip("fairlearn.metrics")

ORACLES = {
    "selection_rate": lambda y, p: fairlearn.selection_rate(y, p, pos_label=1),
    "true_positive_rate": lambda y, p: fairlearn.true_positive_rate(y, p, pos_label=1),
    "false_positive_rate": lambda y, p: fairlearn.false_positive_rate(y, p, pos_label=1),
    "true_negative_rate": lambda y, p: fairlearn.true_negative_rate(y, p, pos_label=1),
    "false_negative_rate": lambda y, p: fairlearn.false_negative_rate(y, p, pos_label=1),
    "precision": lambda y, p: precision_score(y, p, zero_division=0.0),
    "accuracy": accuracy_score,
    "error_rate": lambda y, p: 1 - accuracy_score(y, p),
}


def columns(rows, groups, seed):
    generator = np.random.default_rng(seed)
    return generator.integers(0, groups, rows), generator.integers(0, 2, rows), generator.integers(0, 2, rows)


def tally_of(group, target, predicted, groups, scores=None):
    by = FeatureGroups("g", tuple(f"g{code}" for code in range(groups)))
    return GroupTally.count(by, Labels(("no", "yes")), group, target, predicted, scores=scores)


@given(rows=st.integers(60, 200), groups=st.integers(2, 5), seed=st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_rates_differences_and_ratios_are_those_of_metric_frame(rows, groups, seed):
    group, target, predicted = columns(rows, groups, seed)
    tally = tally_of(group, target, predicted, groups)
    if (tally.counts[:-1, :2].sum(axis=2) == 0).any() or (tally.counts[:-1, :2].sum(axis=1) == 0).any():
        return  # an empty denominator, which the next test is about
    frame = fairlearn.MetricFrame(metrics=ORACLES, y_true=target, y_pred=predicted, sensitive_features=group)
    for name in RATES:
        assert GroupRates.of(tally, name).values[0] == pytest.approx(frame.by_group[name].to_numpy(), abs=1e-12)
    shares, limit = TailShares.of(0.95, 1), Limit(0.1)

    def ours(name):
        return measure(Figure.named(name), tally, limit, shares, fewest=1).estimate.value  # no group is left out

    differences, ratios = frame.difference(), frame.ratio()
    for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy"):
        assert ours(f"{name}_difference") == pytest.approx(differences[name], abs=1e-12)
    for name in ("selection_rate", "true_positive_rate"):
        if frame.by_group[name].max() > 0:
            assert 1 - ours(f"{name}_ratio_shortfall") == pytest.approx(ratios[name], abs=1e-12)
    odds = fairlearn.equalized_odds_difference(target, predicted, sensitive_features=group)
    assert ours("equalized_odds_difference") == pytest.approx(odds, abs=1e-12)
    assert ours("worst_group_error_rate") == pytest.approx(frame.group_max()["error_rate"], abs=1e-12)
    assert ours("worst_group_false_negative_rate") == pytest.approx(frame.group_max()["false_negative_rate"], abs=1e-12)


def test_rows_whose_truth_is_not_known_count_as_rows_alone():
    group, target, predicted = columns(300, 2, 0)
    unknown = np.arange(300) % 3 == 0
    tally = tally_of(group, np.where(unknown, -1, target), predicted, 2)
    known = tally_of(group[~unknown], target[~unknown], predicted[~unknown], 2)
    every = tally_of(group, target, predicted, 2)
    for name in RATES:
        expected = GroupRates.of(every if name == "selection_rate" else known, name)
        assert np.array_equal(GroupRates.of(tally, name).rows, expected.rows), name
        assert np.array_equal(GroupRates.of(tally, name).successes, expected.successes), name


def test_a_group_without_positives_is_no_group_with_a_rate_of_zero():
    group = np.repeat([0, 1], 100)
    target, predicted = (group == 0).astype(np.int64), (group == 0).astype(np.int64)
    assert fairlearn.equal_opportunity_difference(target, predicted, sensitive_features=group) == 1.0
    policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
    (finding,) = judge([tally_of(group, target, predicted, 2)], policy, "test")
    assert finding.verdict is Verdict.INSUFFICIENT
    assert finding.estimate is None
    assert finding.rows_needed["g=g1, positives"] >= 50


def test_three_of_three_is_not_certainty():
    group, ones = np.repeat([0, 1], [3, 300]), np.ones(303, dtype=np.int64)
    rates = GroupRates.of(tally_of(group, ones, ones, 2), "true_positive_rate")
    frame = fairlearn.MetricFrame(
        metrics=ORACLES["true_positive_rate"],
        y_true=ones,
        y_pred=ones,
        sensitive_features=group,
        n_boot=20,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    assert frame.by_group_ci[0].loc[0] == frame.by_group_ci[1].loc[0] == 1.0
    assert rates.estimate("g0").low == pytest.approx(0.2924, abs=1e-4)


def test_no_gap_lies_in_the_interval_of_no_gap_but_not_in_that_of_the_bootstrap():
    group, target = np.repeat([0, 1], 100), np.ones(200, dtype=np.int64)
    predicted = (np.arange(200) % 5 > 0).astype(np.int64)  # 80 of 100 in either
    frame = fairlearn.MetricFrame(
        metrics=ORACLES["true_positive_rate"],
        y_true=target,
        y_pred=predicted,
        sensitive_features=group,
        n_boot=50,
        ci_quantiles=[0.025, 0.975],
        random_state=0,
    )
    assert frame.difference_ci()[0] > 0
    found = measure(
        Figure.named("true_positive_rate_difference"),
        tally_of(group, target, predicted, 2),
        Limit(0.1),
        TailShares.of(0.95, 1),
    )
    assert found.estimate.low == found.estimate.value == 0.0


@given(rows=st.integers(10, 200), seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_the_area_is_that_of_scikit_learn_on_the_bins(rows, seed):
    generator = np.random.default_rng(seed)
    scores, target = generator.integers(0, 40, rows) / 40 + 0.01, generator.integers(0, 2, rows)
    group = generator.integers(0, 2, rows)
    area = group_auc(tally_of(group, target, target, 2, scores=scores))
    for code in range(2):
        chosen = group == code
        if len(np.unique(target[chosen])) == 2:
            assert area.values[code] == pytest.approx(roc_auc_score(target[chosen], scores[chosen]), abs=1e-12)
            assert area.rows[code] == np.bincount(target[chosen]).min()
        else:
            assert np.isnan(area.values[code])


def test_calibration_by_group_finds_the_group_that_is_off():
    generator = np.random.default_rng(0)
    scores, group = generator.random(20_000), generator.integers(0, 2, 20_000)
    truth = np.where(group == 0, scores, scores**2)
    target = (generator.random(20_000) < truth).astype(np.int64)
    good, bad = group_calibration(tally_of(group, target, target, 2, scores=scores))
    assert good.error < 0.02
    assert bad.error == pytest.approx(1 / 2 - 1 / 3, abs=0.02)
    middle = bad.observed()[5]
    assert middle.low < 0.55**2 < middle.high
    assert middle.rows == bad.rows[5]
