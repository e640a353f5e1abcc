"""A decision is a function of the row, whatever else is decided with it, and survives JSON."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.records import DecisionRule, Labels, Predictions, SensitiveFeature, Thresholds

SEX = SensitiveFeature("sex", ("f", "m"))
DRAWN = Thresholds((0.25, 0.75), (0.1, 0.5, 0.9))


def predictions(rows=500, labels=("no", "yes"), sensitive=(SEX,), seed=0):
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.ones(len(labels)), rows)
    groups = rng.integers(0, 3, (rows, len(sensitive)))
    return Predictions(
        probabilities, rng.integers(0, len(labels), rows), rng.permutation(rows), Labels(labels), groups, sensitive
    )


RULES = [
    DecisionRule.single(0.3),
    DecisionRule(tuple(map(Thresholds.single, (0.2, 0.8, 0.5))), SEX),
    DecisionRule((DRAWN, Thresholds.single(0.5), Thresholds((), (0.25,))), SEX, seed=7),
]


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_a_rule_comes_back_from_json_as_it_was(rule):
    assert DecisionRule.from_dict(json.loads(json.dumps(rule.to_dict(), allow_nan=False))) == rule


@pytest.mark.parametrize("rule", RULES, ids=str)
@given(seed=st.integers(0, 1000))
def test_a_row_is_decided_the_same_alone_and_in_any_company_and_order(rule, seed):
    part = predictions(60)
    whole = part.decided_by(rule).sorted()
    rows = np.random.default_rng(seed).permutation(60)[:23]
    some = part.take(rows).decided_by(rule).sorted()
    np.testing.assert_array_equal(some.predicted, whole.predicted[np.isin(whole.index, some.index)])


def test_one_half_is_the_most_probable_class():
    part = predictions()
    np.testing.assert_array_equal(part.decided_by(DecisionRule.single(0.5)).predicted, part.predicted)
    tie = Predictions(np.array([[0.5, 0.5]]), np.array([1]), np.array([0]), Labels(("no", "yes")))
    assert tie.decided_by(DecisionRule.single(0.5)).predicted.tolist() == tie.predicted.tolist() == [0]


def test_each_group_has_its_own_threshold_and_rows_without_a_value_the_last():
    scores = np.full(3, 0.6)
    rule = DecisionRule(tuple(map(Thresholds.single, (0.5, 0.7, 0.1))), SEX)
    assert rule.decide(np.stack([1 - scores, scores], axis=1), np.arange(3), np.arange(3)).tolist() == [1, 0, 1]


@pytest.mark.parametrize("seed", [0, 1, 2**40])
def test_chances_are_kept_and_draws_of_two_seeds_and_of_neighbouring_rows_are_unrelated(seed):
    rows = 40_000
    half = np.full((rows, 2), 0.5)
    one, other = (
        DecisionRule((DRAWN,), seed=number).decide(half, None, np.arange(rows)) for number in (seed, seed + 1)
    )
    assert abs(one.mean() - 0.5) < 4 * 0.5 / rows**0.5
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / rows**0.5
    assert abs(np.corrcoef(one[1:], other[:-1])[0, 1]) < 4 / rows**0.5
    assert abs(np.corrcoef(one[1:], one[:-1])[0, 1]) < 4 / rows**0.5


def test_groups_are_matched_by_name_where_other_data_declare_them_in_another_order():
    rule = DecisionRule(tuple(map(Thresholds.single, (0.2, 0.8, 0.5))), SEX)
    turned = (SensitiveFeature("age", ("old",)), SensitiveFeature("sex", ("m", "f")))
    assert rule.slots_of(turned, np.array([[0, 0], [0, 1], [1, 2]])).tolist() == [1, 0, 2]
    with pytest.raises(UnknownNameError, match="no group of 'sex' 'x' in the decision rule"):
        rule.slots_of((SensitiveFeature("sex", ("f", "x")),), np.array([[1]]))
    with pytest.raises(ConfigurationError, match="decides by the groups of 'sex', which the data do not declare"):
        predictions(sensitive=()).decided_by(rule)


def test_a_rule_is_for_two_classes_and_for_groups_that_are_told():
    with pytest.raises(DataError, match="decide between two classes"):
        predictions(labels=("a", "b", "c")).decided_by(DecisionRule.single(0.5))
    with pytest.raises(ConfigurationError, match="which the data do not declare"):
        RULES[1].decide(np.full((1, 2), 0.5), None, np.arange(1))
    with pytest.raises(DataError, match="2 thresholds, expected 3"):
        DecisionRule((DRAWN, DRAWN), SEX)
    with pytest.raises(DataError, match="ascend"):
        Thresholds((0.5, 0.5), (0.0, 0.5, 1.0))
    with pytest.raises(DataError, match="need 2 chances"):
        Thresholds((0.5,), (1.0,))


def test_decisions_travel_with_their_rows():
    part = predictions().decided_by(RULES[1])
    assert (part.predicted != part.decided_by(None).predicted).any()
    joined = Predictions.concatenate([part.take(part.index < 200), part.take(part.index >= 200)]).sorted()
    np.testing.assert_array_equal(joined.predicted, part.sorted().predicted)
    other = part.decided_by(None)
    with pytest.raises(DataError, match="decided by a rule and some were not"):
        Predictions.concatenate([part.take(part.index < 200), other.take(other.index >= 200)])
    with pytest.raises(DataError, match="decided must be codes from 0 to 1"):
        Predictions(np.full((1, 2), 0.5), np.array([0]), np.array([0]), part.labels, decided=np.array([2]))
