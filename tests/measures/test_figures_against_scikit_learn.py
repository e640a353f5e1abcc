"""Every point value is scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from fairlead.measures import held_out_figures
from fairlead.records import Labels, Predictions


def answers(rows: int, classes: int, seed: int, *, every_class: bool = True, coarse: bool = False) -> Predictions:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, classes, rows)
    if every_class:
        targets[:classes] = np.arange(classes)
    scores = generator.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[targets]
    probabilities = np.exp(2 * scores)
    if coarse:  # ties everywhere, and exact zeros
        probabilities = np.floor(4 * probabilities / probabilities.sum(axis=1, keepdims=True)) + (
            np.arange(classes) == 0
        )
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return Predictions(probabilities, targets, np.arange(rows), Labels(tuple(f"c{code}" for code in range(classes))))


def values_of_scikit_learn(given: Predictions) -> dict[str, float]:
    y, p, c = given.targets, given.probabilities, given.predicted
    codes, occurring = np.arange(len(given.labels)), np.unique(given.targets)
    binary = len(codes) == 2
    each = [metrics.roc_auc_score(y == code, p[:, code]) for code in occurring] if len(occurring) > 1 else []
    macro = {"labels": occurring, "average": "macro", "zero_division": 0}
    return {
        "accuracy": metrics.accuracy_score(y, c),
        "balanced_accuracy": metrics.recall_score(y, c, **macro),
        "precision_macro": metrics.precision_score(y, c, **macro),
        "recall_macro": metrics.recall_score(y, c, **macro),
        "f1_macro": metrics.f1_score(y, c, **macro),
        "auroc_macro": metrics.roc_auc_score(y, p[:, 1]) if binary else float(np.mean(each)),
        "log_loss": metrics.log_loss(y, p, labels=codes),
        "brier": metrics.brier_score_loss(y, p, labels=codes),
    }


@pytest.mark.parametrize("coarse", [False, True], ids=["distinct", "tied"])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_all_classes_occur(classes, coarse):
    predictions = answers(150, classes, seed=classes, coarse=coarse)
    y, p, c = predictions.targets, predictions.probabilities, predictions.predicted
    figures = held_out_figures(predictions)
    assert list(figures) == [
        "accuracy",
        "balanced_accuracy",
        "precision_macro",
        "recall_macro",
        "f1_macro",
        "auroc_macro",
        "log_loss",
        "brier",
        "ece",
    ]
    # The defaults of scikit-learn, without naming labels.
    assert figures["balanced_accuracy"].value == pytest.approx(metrics.balanced_accuracy_score(y, c), abs=1e-12)
    assert figures["precision_macro"].value == pytest.approx(
        metrics.precision_score(y, c, average="macro", zero_division=0), abs=1e-12
    )
    assert figures["f1_macro"].value == pytest.approx(
        metrics.f1_score(y, c, average="macro", zero_division=0), abs=1e-12
    )
    area = metrics.roc_auc_score(y, p[:, 1]) if classes == 2 else metrics.roc_auc_score(y, p, multi_class="ovr")
    assert figures["auroc_macro"].value == pytest.approx(area, abs=1e-12)
    for name, value in values_of_scikit_learn(predictions).items():
        assert figures[name].value == pytest.approx(value, abs=1e-12), name


@given(
    rows=st.integers(2, 40),
    classes=st.integers(2, 6),
    seed=st.integers(0, 10_000),
    coarse=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_any_classes_occur(rows, classes, seed, coarse):
    predictions = answers(rows, classes, seed, every_class=False, coarse=coarse)
    if len(np.unique(predictions.targets)) < 2:
        assert held_out_figures(predictions)["auroc_macro"] is None
        return
    figures = held_out_figures(predictions)
    for name, value in values_of_scikit_learn(predictions).items():
        assert figures[name].value == pytest.approx(value, abs=1e-10), name


def test_a_class_that_is_predicted_but_does_not_occur_is_not_charged_to_recall():
    predictions = Predictions(
        np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
        np.array([0, 1, 1]),
        np.arange(3),
        Labels(("a", "b", "c")),
    )
    figures = held_out_figures(predictions)
    assert figures["recall_macro"].value == pytest.approx(0.75)  # not (1 + 0.5 + 0) / 3
    assert figures["recall_macro"] == figures["balanced_accuracy"]


def ece_by_hand(given: Predictions, bins: int = 15) -> float:
    total = 0.0
    for number in range(bins):
        inside = [
            (row.max(), row.argmax() == target)
            for row, target in zip(given.probabilities, given.targets, strict=True)
            if number / bins < row.max() <= (number + 1) / bins
        ]
        if inside:
            confidence, right = zip(*inside, strict=True)
            total += len(inside) / len(given) * abs(np.mean(confidence) - np.mean(right))
    return total


@pytest.mark.parametrize("classes", [2, 3, 10])
def test_ece_by_hand(classes):
    predictions = answers(200, classes, seed=40 + classes)
    assert held_out_figures(predictions)["ece"].value == pytest.approx(ece_by_hand(predictions), abs=1e-12)


def test_ece_keeps_the_upper_edge_of_a_bin_in_it():
    # 0.6 = 9/15 closes the ninth bin; 0.62 is in the tenth. In one bin the two gaps would cancel.
    probabilities = np.array([[0.6, 0.4], [0.62, 0.38]])
    predictions = Predictions(probabilities, np.array([0, 1]), np.arange(2), Labels(("a", "b")))
    assert held_out_figures(predictions)["ece"].value == pytest.approx((0.4 + 0.62) / 2)
