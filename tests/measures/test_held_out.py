"""What is left out, what cannot be measured, and what is refused."""

import numpy as np
import pytest

from fairlead.errors import DataError
from fairlead.measures import held_out_figures
from fairlead.records import Labels, Predictions

AB = Labels(("a", "b"))


def test_rows_without_a_target_are_left_out():
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(2), size=40)
    targets = generator.integers(0, 2, 40)
    hidden = np.where(np.arange(40) % 4 == 0, -1, targets)
    partly = held_out_figures(Predictions(probabilities, hidden, np.arange(40), AB))
    kept = hidden >= 0
    alone = held_out_figures(Predictions(probabilities[kept], targets[kept], np.arange(kept.sum()), AB))
    assert partly == alone
    assert partly["accuracy"].rows == 30


@pytest.mark.parametrize("rows", [0, 5])
def test_no_labelled_row_no_figure(rows):
    predictions = Predictions(np.full((rows, 2), 0.5), np.full(rows, -1), np.arange(rows), AB)
    figures = held_out_figures(predictions)
    assert len(figures) == 9
    assert set(figures.values()) == {None}


def test_one_class_alone_has_all_figures_but_the_area():
    figures = held_out_figures(Predictions(np.full((4, 2), 0.5), np.zeros(4, np.int64), np.arange(4), AB))
    assert [name for name, figure in figures.items() if figure is None] == ["auroc_macro"]
    assert figures["balanced_accuracy"].value == 1.0


def test_one_label_is_no_classifier():
    with pytest.raises(DataError, match="at least two classes"):
        held_out_figures(Predictions(np.ones((3, 1)), np.zeros(3, np.int64), np.arange(3), Labels(("a",))))


def test_shared_clusters_are_said_aloud_and_single_rows_are_not():
    probabilities, targets = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), np.array([0, 1, 1])
    shared = Predictions(probabilities, targets, np.arange(3), AB, clusters=np.array([7, 7, 8]))
    single = Predictions(probabilities, targets, np.arange(3), AB, clusters=np.array([7, 9, 8]))
    assert all("too narrow" in figure.method for figure in held_out_figures(shared).values())
    assert not any("too narrow" in figure.method for figure in held_out_figures(single).values())


def test_float32_probabilities_are_measured_in_double_precision():
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet(np.ones(3), size=50).astype(np.float32)
    targets = generator.integers(0, 3, 50)
    labels = Labels(("a", "b", "c"))
    single = held_out_figures(Predictions(probabilities, targets, np.arange(50), labels))
    double = held_out_figures(Predictions(probabilities.astype(np.float64), targets, np.arange(50), labels))
    assert single == double
