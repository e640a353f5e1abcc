"""Thresholds against brute force, and against fairlearn itself."""

import itertools

import numpy as np
import pytest

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.judgement import Policy
from fairlead.records import Labels, Predictions, SensitiveFeature
from fairlead.tuning import METHODS, ChosenRule, ThresholdRows, best_threshold, group_thresholds, randomised_thresholds
from fairlead.tuning.randomised_thresholds import constraint_of, fit_fairlearn

TPR, FPR, SELECTED = "true_positive_rate", "false_positive_rate", "selection_rate"


def rows(count=300, groups=3, seed=0, digits=6):
    rng = np.random.default_rng(seed)
    slots = rng.integers(0, groups, count)
    targets = rng.integers(0, 2, count)
    scores = 1 / (1 + np.exp(-(1.5 * targets - 0.75 + 0.6 * slots + rng.normal(size=count))))
    return ThresholdRows(scores.round(digits), targets, slots)


def calibration(found, labels=("no", "yes"), groups=("a", "b", "c")):
    return Predictions(
        np.stack([1 - found.scores, found.scores], axis=1),
        found.targets,
        np.arange(len(found.scores)),
        Labels(labels),
        found.slots[:, None],
        (SensitiveFeature("tone", groups),),
    )


def rates(found, slot, threshold):
    mine = found.slots == slot
    passed, targets = found.scores[mine] > threshold, found.targets[mine]
    right = int((passed == targets).sum())
    return {TPR: passed[targets == 1].mean(), FPR: passed[targets == 0].mean(), SELECTED: passed.mean()}, right


@pytest.mark.parametrize("seed", range(5))
def test_the_one_threshold_is_right_as_often_as_any(seed):
    found = rows(80, seed=seed)
    threshold = best_threshold(found)
    right = [((found.scores > at) == found.targets).sum() for at in (-1, *found.scores)]
    assert ((found.scores > threshold) == found.targets).sum() == max(right)


@pytest.mark.parametrize("names", [[TPR], [FPR], [TPR, FPR], [TPR, FPR, SELECTED]], ids=" ".join)
@pytest.mark.parametrize("seed", range(4))
def test_group_thresholds_are_the_best_of_all_that_keep_the_rates_near(names, seed):
    found = rows(34, groups=2, seed=seed, digits=2)
    chosen = group_thresholds(found, [0, 1], dict.fromkeys(names, 0.15), 0.5)
    each = [[rates(found, slot, at) for at in (-1, *np.unique(found.scores))] for slot in (0, 1)]
    best = max(
        first[1] + second[1]
        for first, second in itertools.product(*each)
        if all(abs(first[0][name] - second[0][name]) <= 0.15 + 1e-9 for name in names)
    )
    mine = [rates(found, slot, at) for slot, at in enumerate(chosen)]
    assert all(abs(mine[0][0][name] - mine[1][0][name]) <= 0.15 + 1e-9 for name in names)
    assert mine[0][1] + mine[1][1] == best


@pytest.mark.parametrize("names", [[TPR], [FPR], [TPR, FPR], [SELECTED]], ids=" ".join)
def test_randomised_thresholds_decide_as_fairlearn_does(names):
    found = rows(400, seed=3)
    oracle = fit_fairlearn(found, [0, 1, 2], names)
    grid = np.concatenate([found.scores, np.linspace(0, 1, 201)])
    for slot, steps in enumerate(randomised_thresholds(found, [0, 1, 2], names)):
        theirs = oracle._pmf_predict(grid[:, None], sensitive_features=np.full(len(grid), slot))[:, 1]
        np.testing.assert_allclose(steps.chances_of(grid), theirs, atol=1e-12)


def test_fairlearn_is_asked_for_what_the_policy_limits():
    assert constraint_of([SELECTED]) == "demographic_parity"
    assert constraint_of([FPR, SELECTED]) == "false_positive_rate_parity"
    assert constraint_of([TPR, FPR]) == "equalized_odds"


@pytest.mark.parametrize("method", METHODS)
def test_a_rule_is_chosen_and_its_gap_on_the_rows_that_chose_it_is_within_the_aim(method):
    found = rows(900, seed=1)
    policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
    chosen = ChosenRule.on(calibration(found), method, policy)
    chances = chosen.rule.chances(calibration(found).probabilities, found.slots)
    found_rates = [chances[(found.slots == slot) & (found.targets == 1)].mean() for slot in range(3)]
    gap = max(found_rates) - min(found_rates)
    assert (gap <= 0.05 + 1e-9) == (method != "one-threshold")
    assert chosen.rule.needs_feature == (method != "one-threshold")
    assert chosen.rule.randomised == (method == "randomised-thresholds")
    assert chosen.rows == 900
    assert any("lawful" in note for note in chosen.notes) == (method != "one-threshold")


def test_a_group_of_too_few_rows_gets_the_threshold_for_all_and_that_is_said():
    found = rows(600, seed=2)
    slots = np.where((found.slots == 1) & (np.arange(600) > 40), 0, found.slots)
    few = ThresholdRows(found.scores, found.targets, slots)
    chosen = ChosenRule.on(calibration(few), "thresholds", Policy.default())
    pooled = best_threshold(few)
    assert [steps.at == (pooled,) for steps in chosen.rule.thresholds] == [False, True, False, True]
    assert any("calibration rows of b" in note for note in chosen.notes)


def test_where_no_two_groups_can_be_told_of_the_decision_does_not_take_the_group():
    chosen = ChosenRule.on(calibration(rows(60)), "thresholds", Policy.default())
    assert not chosen.rule.needs_feature
    assert "give the calibration split more rows" in chosen.notes[0]


def test_what_cannot_be_chosen_is_refused_with_the_way_out():
    three = Predictions(np.full((1, 3), 1 / 3), np.array([0]), np.array([0]), Labels(("a", "b", "c")))
    with pytest.raises(ConfigurationError, match="two classes, and there are 3: a, b, c; leave --mitigate out"):
        ChosenRule.on(three, "thresholds", Policy.default())
    with pytest.raises(UnknownNameError, match="did you mean 'thresholds'"):
        ChosenRule.on(calibration(rows()), "threshholds", Policy.default())
    with pytest.raises(UnknownNameError, match="no sensitive feature 'sex'"):
        ChosenRule.on(calibration(rows()), "thresholds", Policy.default(), feature="sex")
    policy = Policy.from_mapping({"limits": {"accuracy_difference": 0.1}})
    with pytest.raises(ConfigurationError, match="limits accuracy_difference, and thresholds are chosen for"):
        ChosenRule.on(calibration(rows()), "thresholds", policy)
    one = ThresholdRows(np.array([0.5]), np.array([1]), np.array([0]))
    with pytest.raises(DataError, match="rows of both classes"):
        ChosenRule.on(calibration(one), "one-threshold", Policy.default())
