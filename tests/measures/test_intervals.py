"""Laws of the intervals: they hold their value, never shrink to a point, and cover."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest
from sklearn.metrics import roc_auc_score

from fairlead.errors import ConfigurationError
from fairlead.measures import (
    ConfusionCounts,
    binomial_interval,
    held_out_figures,
    macro_auroc,
    macro_f1,
    mean_loss_interval,
)
from fairlead.records import Labels, Predictions


def predictions_of(probabilities, targets, **more):
    classes = probabilities.shape[1]
    labels = Labels(tuple(f"c{code}" for code in range(classes)))
    return Predictions(np.asarray(probabilities), np.asarray(targets), np.arange(len(targets)), labels, **more)


def perfect(rows, classes, confidence=1.0):
    targets = np.arange(rows) % classes
    rest = (1 - confidence) / (classes - 1)
    return predictions_of(np.where(np.eye(classes)[targets] == 1, confidence, rest), targets)


@given(rows=st.integers(1, 60), seed=st.integers(0, 10**6), level=st.sampled_from([0.5, 0.9, 0.95, 0.999]))
@settings(max_examples=50, deadline=None)
def test_clopper_pearson_is_that_of_scipy(rows, seed, level):
    right = int(np.random.default_rng(seed).integers(0, rows + 1))
    low, high = binomial_interval(right, rows, level)
    exact = binomtest(right, rows).proportion_ci(level)
    assert (float(low), float(high)) == pytest.approx((exact.low, exact.high), abs=1e-10)


def test_clopper_pearson_covers_at_every_rate():
    rows = 17
    low, high = binomial_interval(np.arange(rows + 1), rows)
    for rate in np.linspace(0, 1, 201):
        covered = (low <= rate) & (rate <= high)
        assert binom.pmf(np.arange(rows + 1), rows, rate)[covered].sum() >= 0.95


def test_three_of_three_is_not_certainty():
    figure = held_out_figures(perfect(3, 2))["accuracy"]
    assert (round(figure.low, 2), figure.high) == (0.29, 1.0)


ranges = {"log_loss": 36.05, "brier": 2.0}


@given(
    rows=st.integers(1, 30),
    classes=st.integers(2, 5),
    seed=st.integers(0, 10**6),
    sharpness=st.sampled_from([0.0, 1.0, 60.0, 5000.0]),
    skill=st.sampled_from([-2.0, 0.0, 2.0, 50.0]),
)
@settings(max_examples=150, deadline=None)
def test_interval_holds_its_value_inside_the_range_and_has_width(rows, classes, seed, sharpness, skill):
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, classes, rows)
    scores = sharpness * (generator.normal(size=(rows, classes)) + skill * np.eye(classes)[targets])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    for name, figure in held_out_figures(predictions_of(powers / powers.sum(axis=1, keepdims=True), targets)).items():
        if figure is None:
            assert name == "auroc_macro"
            assert len(np.unique(targets)) < 2
            continue
        assert 0 <= figure.low <= figure.value <= figure.high <= ranges.get(name, 1.0)
        assert figure.high - figure.low > 1e-3, name
        assert figure.rows == rows


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("rows", [20, 300])
def test_perfect_predictions_leave_room_for_the_mistakes_that_were_not_seen(rows, classes):
    figures = held_out_figures(perfect(rows, classes))
    # Were the true error this large, 20 or 300 rows without one would happen 1 time in 20.
    unseen = 1 - 0.05 ** (1 / rows)
    for name in ("accuracy", "balanced_accuracy", "precision_macro", "f1_macro"):
        assert figures[name].low <= 1 - unseen, name
        assert figures[name].high == 1.0
    assert figures["auroc_macro"].low < 1
    assert figures["log_loss"].high > 36 * unseen
    assert figures["ece"].high > unseen


def test_macro_interval_is_not_fooled_by_many_nearly_perfect_classes():
    # Two mistakes in ten classes of two rows: at a true recall of 0.97 everywhere this or worse happens 12 % of the
    # time, so an interval of 95 % may not end below it. Squaring and adding alone ends at 0.969.
    predictions = perfect(20, 10, confidence=0.91)
    probabilities = predictions.probabilities.copy()
    probabilities[[0, 1]] = probabilities[[1, 0]]
    figure = held_out_figures(predictions_of(probabilities, predictions.targets))["balanced_accuracy"]
    assert figure.value == pytest.approx(0.9)
    assert figure.high > 0.97


def test_f1_is_widened_for_rows_that_count_against_two_classes():
    counts = np.array([[80, 10, 10], [10, 80, 10], [10, 10, 80]])
    figure = macro_f1(ConfusionCounts(counts))
    jaccard = binomtest(80, 120).proportion_ci()
    low, high = 2 * jaccard.low / (1 + jaccard.low), 2 * jaccard.high / (1 + jaccard.high)
    assert figure.value == pytest.approx(0.8)
    assert figure.low == pytest.approx(0.8 - np.sqrt(2 / 3) * (0.8 - low), abs=1e-9)
    assert figure.high == pytest.approx(0.8 + np.sqrt(2 / 3) * (high - 0.8), abs=1e-9)


def test_area_is_widened_for_rows_that_count_in_several_curves():
    # Half of the rarest class looks like the commonest; the oracle of the error is the jackknife.
    generator = np.random.default_rng(22)
    targets = np.repeat([0, 1, 2], [150, 60, 30])
    looks = np.where(np.arange(240) >= 225, 0, targets)
    scores = 4 * np.eye(3)[looks] + generator.normal(size=(240, 3))
    powers = np.exp(scores)
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    areas = []
    for row in range(240):
        kept = np.arange(240) != row
        areas.append(roc_auc_score(targets[kept], probabilities[kept], multi_class="ovr"))
    error = np.sqrt(239 / 240 * np.square(np.array(areas) - np.mean(areas)).sum())
    figure = macro_auroc(probabilities, targets)
    assert figure.high - figure.low > 2 * 1.9 * error


def test_precision_of_a_class_never_predicted_may_be_anything():
    probabilities = np.tile([0.9, 0.1], (20, 1))
    figure = held_out_figures(predictions_of(probabilities, np.arange(20) % 2))["precision_macro"]
    assert figure.value == pytest.approx(0.25)
    assert figure.low < 0.25
    assert figure.high > 0.75  # half of the mean, the unknown class, may be as high as 1


def test_a_rare_class_of_the_wrong_kind_widens_the_area():
    scores = np.linspace(0, 1, 100)
    ranked = np.column_stack([1 - scores, scores])
    few, many = (scores > 0.96).astype(np.int64), (scores > 0.5).astype(np.int64)
    assert few.sum() == 4
    rare, even = macro_auroc(ranked, few), macro_auroc(ranked, many)
    assert rare.value == even.value == 1.0
    assert 1 - rare.low > 3 * (1 - even.low)


def test_more_level_more_width_and_more_rows_less():
    small, large = perfect(30, 3, 0.8), perfect(600, 3, 0.8)
    narrow, wide, sure = (
        held_out_figures(small, level=0.8),
        held_out_figures(small, level=0.99),
        held_out_figures(large, level=0.8),
    )
    for name in narrow:
        assert wide[name].high - wide[name].low > narrow[name].high - narrow[name].low, name
        assert sure[name].high - sure[name].low < narrow[name].high - narrow[name].low, name
        assert wide[name].level == 0.99


def test_order_and_global_random_state_do_not_matter():
    generator = np.random.default_rng(3)
    probabilities = generator.dirichlet(np.ones(4), size=80)
    predictions = predictions_of(probabilities, generator.integers(0, 4, 80))
    before = np.random.get_state()[1].copy()
    first, again = held_out_figures(predictions), held_out_figures(predictions)
    shuffled = held_out_figures(predictions.take(generator.permutation(80)))
    assert first == again
    assert np.array_equal(before, np.random.get_state()[1])
    for name, figure in first.items():
        assert (figure.low, figure.value, figure.high) == pytest.approx(
            (shuffled[name].low, shuffled[name].value, shuffled[name].high), abs=1e-9
        )


def test_mean_loss_interval_of_one_row_knows_nothing():
    assert mean_loss_interval(np.array([0.1]), 3.0, 36.0, 0.95) == (0.0, 36.0)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0, float("nan")])
def test_a_level_that_is_none_is_refused(level):
    with pytest.raises(ConfigurationError, match=r"0\.95 is usual"):
        held_out_figures(perfect(4, 2), level=level)


def noisy(generator, rows, classes):
    targets = generator.integers(0, classes, rows)
    scores = 2.2 * (generator.normal(size=(rows, classes)) + 2.2 * np.eye(classes)[targets])
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), targets


@pytest.mark.parametrize(("rows", "classes"), [(20, 3), (60, 3)])
def test_intervals_cover(rows, classes):
    # The full table is made by benchmarks/interval_coverage.py; here a cell that a plain t or Wald interval fails.
    generator = np.random.default_rng(rows)
    probabilities, targets = noisy(generator, 30_000, classes)
    truth = held_out_figures(predictions_of(probabilities, targets))
    misses, samples = dict.fromkeys(truth, 0), 400
    for _ in range(samples):
        drawn = generator.integers(0, len(targets), rows)
        for name, figure in held_out_figures(predictions_of(probabilities[drawn], targets[drawn])).items():
            misses[name] += not figure.low <= truth[name].value <= figure.high
    # 34 or more of 400 would happen 1 time in 400 were the miss rate 5 %.
    assert max(misses.values()) < 34, misses


def test_area_of_a_class_of_two_halves_is_less_sure_than_delong_says():
    # Ten positives, half above and half below all of 90 negatives: the area rests on which half a row is of, that
    # is on ten rows. DeLong's variance, estimated from those ten, may be too small; the bound of the variance is not.
    scores = np.concatenate([np.full(7, 2.0), np.full(3, -2.0), np.linspace(-1, 1, 90)])
    targets = (np.arange(100) < 10).astype(np.int64)
    powers = 1 / (1 + np.exp(-scores))
    figure = macro_auroc(np.column_stack([1 - powers, powers]), targets)
    low, high = binomial_interval(7, 10)
    assert figure.value == pytest.approx(0.7)
    assert (figure.low, figure.high) == pytest.approx((float(low), float(high)), abs=1e-9)


def test_area_interval_lies_outside_that_of_delong_where_few_rows_measure_its_variance():
    above, below = np.concatenate([np.full(28, 0.6), np.full(12, -0.7)]), np.linspace(-1, 0.8, 40)
    wins = (above[:, None] > below).astype(float)
    area = wins.mean()
    variance = wins.mean(axis=1).var() / 40 + wins.mean(axis=0).var() / 40
    rows = area * (1 - area) / variance
    assert 45 < rows < 57  # above 40, where no shrinking is left, and below 57, where Hanley and McNeil would do
    powers = 1 / (1 + np.exp(-np.concatenate([above, below])))
    figure = macro_auroc(np.column_stack([1 - powers, powers]), (np.arange(80) < 40).astype(np.int64))
    low, high = binomial_interval(area * rows, rows)
    assert figure.value == pytest.approx(area)
    assert figure.low < float(low) - 0.001
    assert figure.high > float(high) + 0.001
