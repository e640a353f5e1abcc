"""Counts add up, and refuse what is none."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from fairlead.errors import DataError
from fairlead.measures import ConfusionCounts, accuracy, macro_f1, macro_precision, macro_recall


@given(rows=st.integers(0, 50), classes=st.integers(2, 6), cut=st.integers(0, 50), seed=st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_any_split_of_the_rows_adds_up_to_all(rows, classes, cut, seed):
    generator = np.random.default_rng(seed)
    targets, predicted = generator.integers(-1, classes, rows), generator.integers(0, classes, rows)
    whole = ConfusionCounts.count(targets, predicted, classes)
    parts = ConfusionCounts.count(targets[:cut], predicted[:cut], classes) + ConfusionCounts.count(
        targets[cut:], predicted[cut:], classes
    )
    assert np.array_equal(whole.counts, parts.counts)
    known = targets >= 0
    if known.any():
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # it warns where one class occurs
            oracle = confusion_matrix(targets[known], predicted[known], labels=np.arange(classes))
        assert np.array_equal(whole.counts, oracle)
    assert whole.rows == known.sum()


def test_margins_are_the_right_way_round():
    confusion = ConfusionCounts(np.array([[5, 1, 0], [0, 2, 2], [0, 0, 0]]))
    assert confusion.true.tolist() == [6, 4, 0]
    assert confusion.predicted.tolist() == [5, 3, 2]
    assert confusion.right.tolist() == [5, 2, 0]
    assert confusion.occurring.tolist() == [True, True, False]


def test_counts_without_rows_give_no_figure():
    empty = ConfusionCounts(np.zeros((3, 3), np.int64))
    assert [figure(empty) for figure in (accuracy, macro_recall, macro_precision, macro_f1)] == [None] * 4


@pytest.mark.parametrize(
    "counts", [np.zeros((2, 3), np.int64), np.array([[1, -1], [0, 0]]), np.eye(2), np.zeros(4, np.int64)]
)
def test_what_is_no_count_is_refused(counts):
    with pytest.raises(DataError, match=r"ConfusionCounts\.count"):
        ConfusionCounts(counts)


def test_codes_of_no_class_and_unequal_lengths_are_refused():
    with pytest.raises(DataError, match="class code 2 is not from 0 to 1"):
        ConfusionCounts.count(np.array([0, 2]), np.array([0, 1]), 2)
    with pytest.raises(DataError, match="class code -1"):
        ConfusionCounts.count(np.array([0, 1]), np.array([0, -1]), 2)
    with pytest.raises(DataError, match="2 targets but 1 predictions"):
        ConfusionCounts.count(np.array([0, 1]), np.array([0]), 2)


def test_counts_of_different_classes_do_not_add_up():
    with pytest.raises(DataError, match="of 2 and of 3 classes"):
        ConfusionCounts(np.eye(2, dtype=np.int64)) + ConfusionCounts(np.eye(3, dtype=np.int64))
