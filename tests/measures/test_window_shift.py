"""Which score moved, and whether other shares of the classes explain it, on planted truth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from fairlead.errors import DataError
from fairlead.measures import Reference, ScoreReference, moved_scores, prior_shift
from fairlead.measures.window_shift import _median, fisher, holm
from fairlead.records import Labels

EVEN = np.array([0.4, 0.3, 0.3])


class Source:
    """Rows of three classes, a score that follows the class, one that the decision follows, and one of neither."""

    def __init__(self, seed: int, rows: int = 800) -> None:
        self.generator = np.random.default_rng(seed)
        self.edges = {name: np.linspace(-1.5, 2.5, 12) for name in ("input.size", "input.margin", "input.noise")}
        truth, decided, scores = self.draw(rows, EVEN)
        table = np.zeros((4, 3), dtype=np.int64)
        np.add.at(table, (truth, decided), 1)
        references = []
        for name, values in scores.items():
            counts = np.zeros((4, 13), dtype=np.int64)
            np.add.at(counts, (truth, np.searchsorted(self.edges[name], values, side="right")), 1)
            references.append(ScoreReference(name, "input", self.edges[name], counts))
        labels = Labels(("ant", "bee", "cat"))
        self.reference = Reference(labels, tuple(references), table, np.zeros((3, 3)), np.zeros(3))

    def draw(
        self, rows: int, shares: NDArray[np.float64], moved: float = 0.0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], dict[str, NDArray[np.float64]]]:
        truth = self.generator.choice(3, size=rows, p=shares)
        features = self.generator.normal(size=(rows, 3)) + 1.5 * np.eye(3)[truth]
        size = self.generator.normal(size=rows) + 0.6 * truth
        scores = {"input.size": size + moved, "input.margin": features[:, 0]}
        scores["input.noise"] = self.generator.normal(size=rows)
        return truth, features.argmax(axis=1), scores

    def window(
        self, rows: int, shares: NDArray[np.float64], moved: float = 0.0
    ) -> tuple[dict[str, NDArray[np.int64]], NDArray[np.int64]]:
        _, decided, scores = self.draw(rows, shares, moved)
        counts = {
            name: np.bincount(np.searchsorted(self.edges[name], values, side="right"), minlength=13)
            for name, values in scores.items()
        }
        return counts, np.bincount(decided, minlength=3)


def test_a_pure_shift_of_shares_is_told_and_explains_the_rest() -> None:
    fits, shares = [], []
    to = np.array([0.1, 0.3, 0.6])
    for seed in range(100):
        source = Source(seed)
        shift, explained = prior_shift(source.reference, *source.window(600, to))
        assert shift is not None
        assert set(explained) == {"input.size", "input.margin", "input.noise"}
        fits.append(shift.fits)
        shares.append(list(shift.window.values()))
        assert shift.fits == all(explained.values())  # decided shares differ in every run
        assert sum(shift.window.values()) == pytest.approx(1)
    # 5 % are wrongly refused by design; 11 of 100 or more would have a chance of about 1 %.
    assert sum(fits) >= 90
    np.testing.assert_allclose(np.mean(shares, axis=0), to, atol=0.02)


def test_what_shares_do_not_explain_is_named() -> None:
    for seed in range(20):
        source = Source(seed)
        counts, decided = source.window(600, np.array([0.1, 0.3, 0.6]), moved=0.6)
        shift, explained = prior_shift(source.reference, counts, decided)
        assert shift is not None
        assert not shift.fits
        assert not explained["input.size"]
        moved = moved_scores(source.reference, counts, decided, explained)
        named = {score.name: score for score in moved}
        assert named["input.size"].p_value < 1e-6
        assert named["input.size"].explained is False
        assert named["input.size"].window > named["input.size"].reference
        assert named["predicted.cat"].explained is None
        assert named["predicted.cat"].distance > 0.1


def test_without_a_shift_nothing_is_named_and_shares_stay() -> None:
    named, fits, shares = 0, 0, []
    for seed in range(100):
        source = Source(1000 + seed)
        counts, decided = source.window(600, EVEN)
        named += any(score.p_value < 0.05 for score in moved_scores(source.reference, counts, decided))
        shift, _ = prior_shift(source.reference, counts, decided)
        assert shift is not None
        fits += shift.fits
        shares.append(list(shift.window.values()))
    assert named <= 10
    assert fits <= 10
    np.testing.assert_allclose(np.mean(shares, axis=0), EVEN, atol=0.02)


def test_shares_lie_on_the_simplex_where_one_class_is_gone() -> None:
    source = Source(3)
    shift, _ = prior_shift(source.reference, *source.window(500, np.array([0.0, 0.5, 0.5])))
    assert shift is not None
    assert all(0 <= share <= 1 for share in shift.window.values())
    assert shift.window["ant"] < 0.06


@pytest.mark.parametrize(
    "table",
    [[[50, 50], [50, 50], [0, 0]], [[95, 5], [3, 6], [0, 0]], [[95, 5], [0, 0], [10, 20]]],
    ids=["confused", "few rows", "no rows"],
)
def test_shares_that_cannot_be_told_are_not(table: list[list[int]]) -> None:
    reference = Reference(Labels(("ant", "bee")), (), np.array(table), np.zeros((2, 2)), np.zeros(2))
    assert prior_shift(reference, {}, np.array([60, 40])) == (None, {})


def test_no_items_and_no_scores() -> None:
    source = Source(1)
    assert prior_shift(source.reference, {}, np.zeros(3, dtype=np.int64)) == (None, {})
    assert moved_scores(source.reference, {"input.size": np.zeros(13, dtype=np.int64)}, np.zeros(3, dtype=int)) == ()
    shift, explained = prior_shift(source.reference, {}, np.array([10, 80, 510]))
    assert shift is not None
    assert not shift.fits  # nothing was tested
    assert explained == {}


def test_smirnov_is_that_of_scipy_where_no_values_are_tied() -> None:
    generator = np.random.default_rng(5)
    first, second = generator.normal(size=300), generator.normal(size=500) + 0.15
    edges = np.sort(np.concatenate([first, second]))
    counts = [np.bincount(np.searchsorted(edges, values, side="right"), minlength=801) for values in (first, second)]
    score = ScoreReference("input.size", "input", edges, np.stack([counts[0], np.zeros(801, dtype=np.int64)]))
    reference = Reference(Labels(("ant",)), (score,), np.array([[300], [0]]), np.zeros((1, 1)), np.zeros(1))
    moved = moved_scores(reference, {"input.size": counts[1]}, np.zeros(1, dtype=np.int64))
    oracle = stats.ks_2samp(first, second, method="asymp")
    assert moved[0].distance == pytest.approx(oracle.statistic)
    assert moved[0].p_value == pytest.approx(oracle.pvalue, rel=0.2)
    assert moved[0].reference == pytest.approx(np.median(first), abs=0.02)
    assert moved[0].window == pytest.approx(np.median(second), abs=0.02)


@pytest.mark.parametrize(
    "table", [(3, 40, 9, 30), (0, 20, 0, 50), (20, 20, 50, 50), (250, 1000, 150, 500), (1, 9, 0, 1)]
)
def test_fisher_is_that_of_scipy(table: tuple[int, int, int, int]) -> None:
    first, rows, second, items = table
    oracle = stats.fisher_exact([[first, rows - first], [second, items - second]]).pvalue
    assert fisher(*table) == pytest.approx(oracle)


def test_holm_by_hand() -> None:
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03, 0.9])), [0.09, 0.04, 0.09, 0.9])
    assert holm(np.array([])).shape == (0,)


def test_medians_lie_within_the_edges() -> None:
    edges = np.array([0.0, 1.0, 3.0])
    assert _median(np.array([0, 4, 0, 0]), edges) == 0.5
    assert _median(np.array([2, 2, 4, 0]), edges) == 1.0
    assert _median(np.array([9, 1, 1, 0]), edges) == 0.0
    assert _median(np.array([1, 1, 1, 9]), edges) == 3.0
    assert np.isnan(_median(np.array([4]), np.array([])))


def test_counts_of_another_shape_are_refused() -> None:
    source = Source(1)
    for compared in (moved_scores, prior_shift):
        with pytest.raises(DataError, match=r"input\.size"):
            compared(source.reference, {"input.size": np.array([1, 2])}, np.array([1, 2, 3]))
        with pytest.raises(DataError, match="decided"):
            compared(source.reference, {}, np.array([1, 2]))
