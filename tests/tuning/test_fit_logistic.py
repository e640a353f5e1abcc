"""The logistic head against scikit-learn, with fewer and more rows than features."""

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from fairlead.tuning import LogisticHead, fit_logistic
from fairlead.tuning.logistic import PENALTIES

SHAPES = [(120, 8), (40, 90)]  # more rows than features, and fewer


def problem(rows, features, classes, *, seed=0, noise=1.5):
    """Overlapping clouds in features of very different scales, as a backbone's are."""
    rng = np.random.default_rng(seed)
    targets = np.arange(rows) % classes
    centres = rng.normal(size=(classes, features))
    scale = 10.0 ** rng.uniform(-3, 2, size=features)
    points = (centres[targets] + noise * np.sqrt(features) / 2 * rng.normal(size=(rows, features))) * scale + 5 * scale
    return points.astype(np.float32), targets.astype(np.int64)


def probabilities(head: LogisticHead, features):
    return softmax(features @ head.weight.T + head.bias, axis=1)


def standardised(features):
    features = features.astype(np.float64)
    return (features - features.mean(0)) / features.std(0)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(("rows", "features"), SHAPES)
def test_it_answers_as_scikit_learn_does_at_the_same_penalty(rows, features, classes):
    x, y = problem(rows, features, classes)
    head = fit_logistic(x, y, classes)
    assert head.weight.shape == (classes, features)
    assert head.bias.shape == (classes,)
    # In all D features, without a rotation, and to the end.
    oracle = LogisticRegression(C=head.penalty, tol=1e-8, max_iter=20_000).fit(standardised(x), y)
    np.testing.assert_allclose(probabilities(head, x), oracle.predict_proba(standardised(x)), atol=2e-3)
    new = (x[1:] + x[:-1]) / 2
    placed = (new.astype(np.float64) - x.mean(0, dtype=np.float64)) / x.std(0, dtype=np.float64)
    np.testing.assert_allclose(probabilities(head, new), oracle.predict_proba(placed), atol=1e-2)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize(("rows", "features"), SHAPES)
def test_the_chosen_penalty_has_the_least_held_out_loss(rows, features, classes):
    x, y = problem(rows, features, classes)
    head = fit_logistic(x, y, classes, folds=4, seed=3)
    assert head.losses[head.penalty] == min(head.losses.values())
    parts = list(StratifiedKFold(4, shuffle=True, random_state=3).split(x, y))
    expected = {}
    for penalty in PENALTIES:
        answers = np.empty((rows, classes))
        for train, held in parts:
            model = LogisticRegression(C=penalty, tol=1e-6, max_iter=20_000).fit(standardised(x)[train], y[train])
            answers[held] = model.predict_proba(standardised(x)[held])
        expected[penalty] = log_loss(y, answers)
    for penalty, loss in head.losses.items():
        assert loss == pytest.approx(expected[penalty], rel=1e-2)  # cross-validation ends its fits early
    # Ending the path early has cost nothing: no penalty of the whole path does better.
    assert expected[head.penalty] <= min(expected.values()) * 1.005


def test_a_rotation_into_the_span_of_the_rows_changes_nothing():
    x, y = problem(40, 90, 3)
    wide = fit_logistic(x, y, 3)
    # The same rows, each written twice: now there are not fewer rows than features, and nothing is rotated.
    # Twice the rows at half the inverse penalty is the same problem.
    twice_x, twice_y = np.concatenate([x, x, x]), np.concatenate([y, y, y])
    oracle = LogisticRegression(C=wide.penalty / 3, tol=1e-8, max_iter=20_000).fit(standardised(twice_x), twice_y)
    np.testing.assert_allclose(probabilities(wide, x), oracle.predict_proba(standardised(x)), atol=2e-3)


def test_the_order_and_the_units_of_features_do_not_matter():
    x, y = problem(80, 6, 3)
    head = fit_logistic(x, y, 3)
    order, units = np.array([3, 1, 5, 0, 2, 4]), np.float32([0.1, 1, 8, 10, 0.5, 2])
    other = fit_logistic(x[:, order] * units, y, 3)
    assert other.penalty == head.penalty
    np.testing.assert_allclose(probabilities(other, x[:, order] * units), probabilities(head, x), atol=1e-3)


@pytest.mark.parametrize(("rows", "features"), SHAPES)
def test_a_constant_feature_carries_nothing(rows, features):
    x, y = problem(rows, features, 3)
    with_constants = np.column_stack([x, np.full(rows, 1e4), np.zeros(rows)]).astype(np.float32)
    head, plain = fit_logistic(with_constants, y, 3), fit_logistic(x, y, 3)
    np.testing.assert_allclose(head.weight[:, -2:], 0, atol=1e-10)
    np.testing.assert_allclose(probabilities(head, with_constants), probabilities(plain, x), atol=5e-3)


def test_a_feature_that_is_a_breath_beside_the_others_gets_no_weight():
    """all-MiniLM-L6-v2 has one that varies by 1e-33: its weight would be 1e31, and fine-tuning would move it."""
    x, y = problem(60, 6, 3)
    breath = (1e-33 * np.where(y == 1, 1.0, -1.0)).astype(np.float32)  # and it would even tell a class apart
    head, plain = fit_logistic(np.column_stack([x, breath]), y, 3), fit_logistic(x, y, 3)
    np.testing.assert_allclose(head.weight[:, :-1], plain.weight, rtol=1e-6)
    assert not head.weight[:, -1].any()


def test_features_that_are_all_constant_give_the_shares_of_the_classes():
    y = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2])
    for features in (2, 30):
        head = fit_logistic(np.full((12, features), 3.0, dtype=np.float32), y, 3)
        shares = probabilities(head, np.full((1, features), 3.0))[0]
        np.testing.assert_allclose(shares, [0.25, 0.5, 0.25], atol=1e-3)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_class_with_one_row_is_learned_without_cross_validation(classes):
    x, y = problem(30, 6, 2, noise=0.1)
    y = np.where(np.arange(30) == 7, 1, 0) if classes == 2 else np.where(np.arange(30) == 7, 2, y)
    x[7] += 3 * x.std(axis=0)
    head = fit_logistic(x, y, classes)
    assert head.losses == {}
    assert head.weight.shape == (classes, 6)
    assert np.isfinite(head.weight).all()
    odd = probabilities(head, x)[:, classes - 1]
    assert odd.argmax() == 7


def test_folds_are_fewer_where_the_rarest_class_has_fewer_rows():
    x, y = problem(32, 5, 2)
    y = np.where(np.arange(32) < 3, 1, 0)
    head = fit_logistic(x, y, 2, folds=5)  # a warning that a class is too small would fail this test
    assert head.losses


def test_separable_classes_are_told_apart_with_finite_weights():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 4)).astype(np.float32)
    x[:, 0] = np.where(y == 1, 5, -5)
    head = fit_logistic(x, y.astype(np.int64), 2)
    assert np.isfinite(head.weight).all()
    assert (probabilities(head, x).argmax(1) == y).all()
    assert head.penalty == max(PENALTIES)


def test_labels_of_pure_noise_get_the_strongest_penalty_and_the_prior():
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(60, 200)).astype(np.float32), np.arange(60) % 2
    head = fit_logistic(x, y, 2)
    assert head.penalty == min(PENALTIES)
    assert abs(probabilities(head, x) - 0.5).max() < 0.15


def test_a_seed_decides_everything():
    x, y = problem(60, 10, 3)
    first, second, other = (fit_logistic(x, y, 3, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.weight, second.weight)
    assert first.losses == second.losses
    assert first.losses != other.losses
