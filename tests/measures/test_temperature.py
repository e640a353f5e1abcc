"""Temperature scaling: laws, an independent minimiser, and the special cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp
from scipy.special import softmax as softmax_of_scipy

from fairlead.errors import ConfigurationError, DataError
from fairlead.measures import fit_temperature, softmax


def loss(logits, targets, temperature):
    scores = logits / temperature
    return float(np.mean(logsumexp(scores, axis=1) - scores[np.arange(len(targets)), targets]))


def rows_of(seed, rows=60, classes=4, skill=1.5, scale=3.0):
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, classes, rows)
    return scale * (generator.normal(size=(rows, classes)) + skill * np.eye(classes)[targets]), targets


seeds = st.integers(0, 10**6)
scales = st.sampled_from([1e-3, 0.3, 1.0, 4.0, 1e3])


@given(seed=seeds, classes=st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_it_is_the_minimum_of_the_log_loss(seed, classes):
    logits, targets = rows_of(seed, classes=classes)
    oracle = minimize_scalar(
        lambda log: loss(logits, targets, np.exp(log)),
        bounds=(np.log(0.05), np.log(20)),
        method="bounded",
        options={"xatol": 1e-9},
    )
    fitted = fit_temperature(logits, targets)
    assert fitted == pytest.approx(float(np.exp(oracle.x)), rel=1e-3)
    assert loss(logits, targets, fitted) <= oracle.fun + 1e-12


@given(seed=seeds, scale=scales, rows=st.integers(1, 40), skill=st.sampled_from([-1.0, 0.0, 1.0, 5.0, 50.0]))
@settings(max_examples=80, deadline=None)
def test_it_never_raises_the_log_loss_nor_moves_the_first_class(seed, scale, rows, skill):
    logits, targets = rows_of(seed, rows=rows, skill=skill, scale=scale)
    temperature = fit_temperature(logits, targets)
    assert 0.05 <= temperature <= 20
    before = loss(logits, targets, 1.0)
    assert loss(logits, targets, temperature) <= before + 1e-12 * (1 + before)
    assert np.array_equal(softmax(logits, temperature).argmax(axis=1), logits.argmax(axis=1))


@given(seed=seeds, factor=st.floats(0.2, 5.0))
@settings(max_examples=40, deadline=None)
def test_it_scales_with_the_logits(seed, factor):
    logits, targets = rows_of(seed, skill=1.0, scale=1.0)
    one = fit_temperature(logits, targets)
    assert 0.3 < one < 3.9  # so that neither fit meets a bound
    assert fit_temperature(factor * logits, targets) == pytest.approx(factor * one, rel=1e-9)


def test_a_shift_of_every_logit_of_a_row_changes_nothing():
    logits, targets = rows_of(5)
    shift = np.random.default_rng(0).normal(size=(len(logits), 1)) * 100
    assert fit_temperature(logits + shift, targets) == pytest.approx(fit_temperature(logits, targets), rel=1e-9)


def test_calibrated_logits_keep_their_temperature_and_sharpened_ones_get_it_back():
    generator = np.random.default_rng(11)
    logits = 2 * generator.normal(size=(20_000, 3))
    targets = (generator.random((20_000, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(logits, targets) == pytest.approx(1.0, abs=0.04)
    assert fit_temperature(3 * logits, targets) == pytest.approx(3.0, abs=0.12)


def test_every_row_right_sharpens_no_further_than_the_rows_vouch_for():
    targets = np.arange(30) % 2
    vague, sure = 0.1 * np.eye(2)[targets], 50.0 * np.eye(2)[targets]
    # Platt: one mistake in 32 rows, a logit of log(31) where the model says 0.1.
    assert fit_temperature(vague, targets) == pytest.approx(max(0.05, 0.1 / np.log(31)), rel=1e-9)
    assert fit_temperature(2.0 * np.eye(2)[targets], targets) == pytest.approx(2.0 / np.log(31), rel=1e-9)
    assert fit_temperature(sure, targets) == 1.0


def test_smoothing_spreads_over_all_other_classes():
    targets = np.arange(28) % 4
    # Of 30 rows one wrong, a third of it to each other class: odds of 29 to 1/3.
    assert fit_temperature(3.0 * np.eye(4)[targets], targets) == pytest.approx(3.0 / np.log(29 * 3), rel=1e-9)


def test_no_better_than_chance_is_held_at_the_hottest():
    targets = np.arange(30) % 2
    assert fit_temperature(-4.0 * np.eye(2)[targets], targets) == 20.0


def test_nearly_every_row_right_by_far_is_held_at_the_coldest():
    targets = np.arange(400) % 2
    logits = 0.01 * np.eye(2)[targets]
    logits[0] = logits[0, ::-1]
    assert fit_temperature(logits, targets) == 0.05


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (np.tile([0.0, 3.0], (9, 1)), np.arange(9) % 2),  # nine rows: ten would ask for the hottest
        (np.tile([0.0, 3.0], (40, 1)), np.zeros(40, np.int64)),  # one class
        (np.full((40, 3), 0.1), np.arange(40) % 3),  # equal logits
        (np.tile([0.0, 3.0], (40, 1)), np.where(np.arange(40) < 9, np.arange(40) % 2, -1)),
        (np.zeros((0, 2)), np.zeros(0, np.int64)),
    ],
    ids=["few", "one class", "constant", "few labelled", "none"],
)
def test_nothing_to_learn_from_changes_nothing(logits, targets):
    assert fit_temperature(logits, targets) == 1.0


def test_ten_rows_are_enough():
    assert fit_temperature(np.tile([0.0, 3.0], (10, 1)), np.arange(10) % 2) == 20.0


def test_rows_without_a_target_are_left_out():
    logits, targets = rows_of(9)
    hidden = np.where(np.arange(60) % 3 == 0, -1, targets)
    assert fit_temperature(logits, hidden) == fit_temperature(logits[hidden >= 0], targets[hidden >= 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_logit_that_is_no_number_is_named(bad):
    logits, targets = rows_of(1)
    logits[17, 2] = bad
    with pytest.raises(DataError, match=r"row 17 .*lower the learning rate"):
        fit_temperature(logits, targets)


def test_shapes_and_codes_that_do_not_fit_are_refused():
    logits, targets = rows_of(1)
    with pytest.raises(DataError, match="do not belong together"):
        fit_temperature(logits[:-1], targets)
    with pytest.raises(DataError, match="do not belong together"):
        fit_temperature(logits[:, 0], targets)
    with pytest.raises(DataError, match="float64 targets"):
        fit_temperature(logits, targets.astype(float))
    targets[3] = 4
    with pytest.raises(DataError, match="row 3 has target 4"):
        fit_temperature(logits, targets)
    targets[3] = -2
    with pytest.raises(DataError, match="row 3 has target -2"):
        fit_temperature(logits, targets)


@given(seed=seeds, temperature=st.sampled_from([0.05, 1.0, 20.0]), scale=st.sampled_from([1.0, 1e4]))
@settings(max_examples=30, deadline=None)
def test_softmax_is_that_of_scipy(seed, temperature, scale):
    logits, _ = rows_of(seed, rows=5, scale=scale)
    assert softmax(logits, temperature) == pytest.approx(softmax_of_scipy(logits / temperature, axis=1), abs=1e-12)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_softmax_refuses_what_is_no_temperature(temperature):
    with pytest.raises(ConfigurationError, match="above 0"):
        softmax([[0.0, 1.0]], temperature)
