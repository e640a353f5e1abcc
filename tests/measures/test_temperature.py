"""Temperature scaling: laws, an independent minimiser, and the special cases."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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


@given(seed=seeds, classes=st.integers(2, 6), rows=st.sampled_from([8, 60, 400]))
@settings(max_examples=40, deadline=None)
def test_it_is_the_most_probable_temperature_under_the_stated_prior(seed, classes, rows):
    logits, targets = rows_of(seed, rows=rows, classes=classes)
    grid = np.linspace(np.log(0.05), np.log(20), 3001)
    posterior = [rows * loss(logits, targets, np.exp(log)) + log**2 / (2 * 0.5**2) for log in grid]
    fitted = fit_temperature(logits, targets)
    if len(np.unique(targets)) > 1:
        assert np.log(fitted) == pytest.approx(grid[int(np.argmin(posterior))], abs=0.003)


@given(seed=seeds, scale=scales, rows=st.integers(1, 40), skill=st.sampled_from([-1.0, 0.0, 1.0, 5.0, 50.0]))
@settings(max_examples=80, deadline=None)
def test_it_never_raises_the_log_loss_nor_moves_the_first_class(seed, scale, rows, skill):
    logits, targets = rows_of(seed, rows=rows, skill=skill, scale=scale)
    temperature = fit_temperature(logits, targets)
    assert 0.05 <= temperature <= 20
    before = loss(logits, targets, 1.0)
    assert loss(logits, targets, temperature) <= before + 1e-12 * (1 + before)
    assert np.array_equal(softmax(logits, temperature).argmax(axis=1), logits.argmax(axis=1))


def test_a_shift_of_every_logit_of_a_row_changes_nothing():
    logits, targets = rows_of(5)
    shift = np.random.default_rng(0).normal(size=(len(logits), 1)) * 100
    assert fit_temperature(logits + shift, targets) == pytest.approx(fit_temperature(logits, targets), rel=1e-6)


def test_calibrated_logits_keep_their_temperature_and_sharpened_ones_get_it_back():
    generator = np.random.default_rng(11)
    logits = 2 * generator.normal(size=(20_000, 3))
    targets = (generator.random((20_000, 1)) > softmax(logits).cumsum(axis=1)).sum(axis=1)
    assert fit_temperature(logits, targets) == pytest.approx(1.0, abs=0.04)
    assert fit_temperature(3 * logits, targets) == pytest.approx(3.0, abs=0.12)


def test_a_few_rows_do_not_outvote_the_prior_and_many_do():
    targets = np.arange(4000) % 2
    wrong_way = -1.0 * np.eye(2)[targets]  # worse than chance: the likelihood alone asks for infinity
    temperatures = [fit_temperature(wrong_way[:rows], targets[:rows]) for rows in (2, 20, 200, 4000)]
    assert 1.0 < temperatures[0] < 1.5
    assert temperatures == sorted(temperatures)
    assert temperatures[-1] > 10


def test_every_row_right_sharpens_by_degrees():
    targets = np.arange(400) % 2
    vague, sure = 0.5 * np.eye(2)[targets], 50.0 * np.eye(2)[targets]
    few, many = fit_temperature(vague[:20], targets[:20]), fit_temperature(vague, targets)
    assert 0.05 <= many < few < 1
    assert fit_temperature(sure, targets) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "targets"),
    [
        (np.tile([0.0, 3.0], (40, 1)), np.zeros(40, np.int64)),  # one class
        (np.full((40, 3), 0.1), np.arange(40) % 3),  # equal logits
        (np.tile([0.0, 3.0], (40, 1)), np.where(np.arange(40) < 9, 1, -1)),
        (np.zeros((0, 2)), np.zeros(0, np.int64)),
    ],
    ids=["one class", "constant", "one class labelled", "none"],
)
def test_nothing_to_learn_from_changes_nothing(logits, targets):
    assert fit_temperature(logits, targets) == pytest.approx(1.0, abs=1e-6)


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
