"""How often answers are right, told before their labels: beside what the labels say once they have come."""

from collections import Counter

import numpy as np
import pytest

from fairlead.errors import DataError
from fairlead.measures import Reference, expected_accuracy, expected_performance
from fairlead.records import Labels


def drawn(generator, rows, classes, *, sharp=0.5, overconfident=0.0):
    """Probabilities as told, of rows whose truth follows ones that are so much less sure of the class decided for."""
    true = generator.dirichlet(np.full(classes, sharp), size=rows)
    truth = (true.cumsum(axis=1) < generator.random((rows, 1))).sum(axis=1).clip(0, classes - 1)
    decided = true.argmax(axis=1)
    lacking = 1 - true[np.arange(rows), decided]
    told = true * (1 - np.minimum(overconfident / np.maximum(lacking, 1e-12), 1.0))[:, None]
    told[np.arange(rows), decided] += 1 - told.sum(axis=1)
    return told, truth


def summed(told, truth):
    """The confusion with a row for unknown truth, expected classes, squared errors and variances, by decision."""
    rows, classes = told.shape
    decided = told.argmax(axis=1)
    confusion, expected = np.zeros((classes + 1, classes), dtype=np.int64), np.zeros((classes, classes))
    np.add.at(confusion, (truth, decided), 1)
    np.add.at(expected, decided, told)
    sure = told[np.arange(rows), decided]
    squares = np.bincount(decided, ((truth == decided) - sure) ** 2, minlength=classes)
    return confusion, expected, squares, np.bincount(decided, sure * (1 - sure), minlength=classes)


def reference_of(told, truth):
    confusion, expected, squares, _ = summed(told, truth)
    return Reference(Labels(tuple(f"c{code}" for code in range(told.shape[1]))), (), confusion, expected, squares)


def realised(confusion):
    right, known = np.diag(confusion[:-1]), confusion[:-1]
    found = {"accuracy": right.sum() / known.sum()}
    for code in range(len(right)):
        if known[:, code].any():
            found[f"precision.c{code}"] = right[code] / known[:, code].sum()
        if known[code].any():
            found[f"recall.c{code}"] = right[code] / known[code].sum()
    return found


def coverage(*, classes=2, window=300, reference=300, of_window=None, runs=500, **how):
    generator, inside, told_of = np.random.default_rng(11), Counter(), Counter()
    for _ in range(runs):
        known = reference_of(*drawn(generator, reference, classes, **how))
        confusion, expected, _, variance = summed(*drawn(generator, window, classes, **how | (of_window or {})))
        truth = realised(confusion)
        for name, estimate in expected_performance(known, expected, variance, confusion.sum(axis=0)).items():
            if name in truth:
                figure = name.partition(".")[0]
                told_of[figure] += 1
                inside[figure] += estimate.low <= truth[name] <= estimate.high
    return {figure: inside[figure] / count for figure, count in told_of.items()}


@pytest.mark.parametrize("overconfident", [0.0, 0.05])
def test_the_band_holds_what_the_labels_will_say_also_of_a_model_too_sure_of_itself(overconfident):
    found = coverage(overconfident=overconfident)
    assert found.keys() == {"accuracy", "precision", "recall"}
    for figure, share in found.items():
        assert 0.93 <= share <= 0.98, figure


def test_a_model_that_is_sure_of_all_it_says_does_not_make_its_own_band_narrow():
    found = coverage(overconfident=0.3, reference=3000, runs=150)
    assert min(found.values()) >= 0.9


def test_of_several_classes_the_bands_hold_as_well():
    assert min(coverage(classes=4, runs=300).values()) >= 0.93


def test_easier_and_harder_items_within_the_support_are_followed():
    for sharp in (0.25, 1.0):
        assert min(coverage(of_window={"sharp": sharp}, runs=300).values()) >= 0.93


def test_a_band_for_a_window_of_few_items_is_wider_and_that_of_many_is_no_wider_than_the_reference_knows():
    generator = np.random.default_rng(5)
    known = reference_of(*drawn(generator, 400, 2))
    widths = []
    for rows in (100, 400, 100_000):
        confusion, expected, _, variance = summed(*drawn(generator, rows, 2))
        estimate = expected_performance(known, expected, variance, confusion.sum(axis=0))["accuracy"]
        assert estimate.rows == rows
        widths.append(estimate.high - estimate.low)
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] == pytest.approx(widths[1] / np.sqrt(2), rel=0.15)


def test_the_correction_is_the_gap_of_the_reference_and_the_plain_figure_is_the_mean_probability():
    generator = np.random.default_rng(2)
    told, truth = drawn(generator, 500, 3, overconfident=0.1)
    known = reference_of(told, truth)
    confusion, expected, _, variance = summed(told, truth)
    plain = expected_accuracy(expected)
    assert plain == pytest.approx(told.max(axis=1).mean())
    found = expected_performance(known, expected, variance, confusion.sum(axis=0))
    # Of the reference itself, what is corrected is what it is.
    for name, value in realised(confusion).items():
        assert found[name].value == pytest.approx(value), name
    assert plain - found["accuracy"].value > 0.03


def test_what_has_too_few_rows_is_not_estimated():
    generator = np.random.default_rng(2)
    told, truth = drawn(generator, 29, 2)
    confusion, expected, _, variance = summed(*drawn(generator, 500, 2))
    decided = confusion.sum(axis=0)
    assert expected_performance(reference_of(told, truth), expected, variance, decided) == {}
    known = reference_of(*drawn(generator, 300, 2))
    never = np.array([[480.0, 20.0], [0.0, 0.0]])
    found = expected_performance(known, never, np.array([18.0, 0.0]), np.array([500, 0]))
    assert found.keys() == {"accuracy", "precision.c0", "recall.c0", "recall.c1"}
    assert found["recall.c1"].low == 0
    nothing = np.zeros((2, 2))
    assert expected_performance(known, nothing, np.zeros(2), np.zeros(2, dtype=np.int64)) == {}
    with pytest.raises(DataError, match="no items"):
        expected_accuracy(nothing)


def test_where_all_is_right_and_sure_a_band_is_left():
    rows, sums = np.array([[100, 0], [0, 100], [0, 0]]), np.array([[100.0, 0.0], [0.0, 100.0]])
    known = Reference(Labels(("c0", "c1")), (), rows, sums, np.zeros(2))
    found = expected_performance(known, sums, np.zeros(2), np.array([100, 100]))
    for estimate in found.values():
        assert estimate.value == 1.0 == estimate.high
        assert 0.98 < estimate.low < 1


def test_a_class_that_the_reference_never_expected_has_no_recall_and_breaks_nothing():
    decided = np.array([[50, 0, 0], [0, 50, 0], [40, 0, 0], [0, 0, 0]])
    expected = np.diag([90.0, 50.0, 0.0])
    known = Reference(Labels(("a", "b", "c")), (), decided, expected, np.array([5.0, 5.0, 0.0]))
    window = np.array([[30.0, 0.0, 20.0], [0.0, 50.0, 0.0], [0.0, 0.0, 0.0]])
    found = expected_performance(known, window, np.array([5.0, 5.0, 0.0]), np.array([50, 50, 0]))
    assert "recall.c" not in found
    assert {"accuracy", "recall.a", "recall.b"} <= set(found)
