"""Every row gets one split: totals exact, classes in their shares, the draw a function of the seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fairlead.data import SplitPlan
from fairlead.data.splitting import divide, singletons, thin
from fairlead.errors import ConfigurationError, DataError
from fairlead.records import Split

# Three rows a class at least, so that none has to be given to train against its share.
sizes = st.lists(st.integers(3, 60), min_size=2, max_size=8).filter(lambda many: sum(many) >= 40)


def targets_of(class_sizes: list[int], seed: int = 0) -> list[str]:
    names = [f"class {code}" for code, size in enumerate(class_sizes) for _ in range(size)]
    return list(np.random.default_rng(seed).permutation(names))


@given(sizes, st.integers(0, 50))
@example([6, 9, 9, 10, 13], 0)
def test_totals_are_exact_and_no_class_lacks_its_share(class_sizes: list[int], seed: int) -> None:
    targets, plan = targets_of(class_sizes, seed), SplitPlan(seed=seed)
    splits, notes = divide(targets, None, plan)
    assert notes == ()
    assert set(splits) == {split.value for split in Split}
    cells = Counter(zip(targets, splits, strict=True))
    totals = Counter(splits)
    assert sum(totals.values()) == sum(class_sizes)
    for split in Split:
        assert abs(totals[split.value] - plan.share(split) * len(targets)) <= 1 + 1e-9
        for code, size in enumerate(class_sizes):
            count = cells[f"class {code}", split.value]
            assert abs(count - plan.share(split) * size) < 1, (code, split)
    assert all(cells[f"class {code}", "train"] for code in range(len(class_sizes)))


@given(st.lists(st.integers(1, 4), min_size=15, max_size=40), st.integers(0, 5))
def test_every_class_is_learned_from_however_small(class_sizes: list[int], seed: int) -> None:
    targets = targets_of(class_sizes, seed)
    try:
        splits, _ = divide(targets, None, SplitPlan(seed=seed))
    except DataError as error:
        assert "leave none for" in str(error)  # noqa: PT017 - most sizes do work
        return
    assert {name for name, split in zip(targets, splits, strict=True) if split == "train"} == set(targets)


def test_the_draw_is_a_function_of_the_seed() -> None:
    targets = targets_of([40, 30])
    drawn = [divide(targets, None, SplitPlan(seed=seed))[0].tolist() for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    thinned = [thin(targets, 30, seed).tolist() for seed in (1, 1, 2)]
    assert thinned[0] == thinned[1] != thinned[2]


def test_splits_that_are_given_are_kept() -> None:
    targets = targets_of([10, 10])
    given_splits = [list(Split)[row % 4] for row in range(20)]
    splits, notes = divide(targets, given_splits, SplitPlan())
    assert splits.tolist() == [split.value for split in given_splits]
    assert notes == ()


def test_a_split_that_is_missing_is_taken_from_train_and_said() -> None:
    targets = targets_of([60, 60])
    given_splits = [Split.TEST if row < 20 else Split.TRAIN for row in range(120)]
    splits, notes = divide(targets, given_splits, SplitPlan())
    assert set(np.flatnonzero(splits == "test")) == set(range(20))
    counts = {name: int((splits == name).sum()) for name in ("train", "val", "calibration")}
    assert counts == {"train": 75, "val": 15, "calibration": 10}
    assert len(notes) == 1
    assert "no val and calibration split: taken from its training rows by class (val 15, calibration 10)" in notes[0]


def test_rows_that_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="no row belongs to the training split; give some rows split 'train'"):
        divide(["a", "b"], [Split.VAL, Split.TEST], SplitPlan())
    with pytest.raises(DataError, match="11 training rows are too few to take val, calibration and test from"):
        divide(["a", "b"] * 5 + ["a"], None, SplitPlan())
    with pytest.raises(DataError, match="12 rows of 2 classes leave none for val; add rows, raise its share"):
        divide(["a", "b"] * 6, None, SplitPlan(val=0.001, calibration=0.2, test=0.2))


@pytest.mark.parametrize(
    "shares", [{"val": 0.0}, {"test": 1.0}, {"val": 0.5, "test": 0.4, "calibration": 0.1}, {"calibration": -0.1}]
)
def test_shares_that_leave_nothing(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=r"each lie in \(0, 1\) and sum below 1"):
        SplitPlan(**shares)


def test_too_few_rows_are_asked_for() -> None:
    with pytest.raises(ConfigurationError, match="at least 20 rows, got most=19"):
        SplitPlan(most=19)


@given(sizes, st.integers(20, 100), st.integers(0, 5))
@example([60, 3, 3, 3, 3, 3, 3, 3], 20, 0)
def test_thinning_keeps_the_shares_and_the_order(class_sizes: list[int], most: int, seed: int) -> None:
    targets = targets_of(class_sizes, seed)
    kept = thin(targets, most, seed)
    assert len(kept) == len(set(kept)) == min(most, len(targets))
    assert np.all(np.diff(kept) > 0)
    counts = Counter(targets[row] for row in kept)
    due = [min(1, most / len(targets)) * size for size in class_sizes]
    assert min(counts.values()) >= 1
    if min(due) >= 1:  # else small classes take a row more than their share from the large ones
        assert all(abs(counts[f"class {code}"] - share) < 1 for code, share in enumerate(due))


def test_more_classes_than_rows_to_keep() -> None:
    with pytest.raises(
        ConfigurationError, match=r"20 rows are too few to keep one of each of 30 classes .* at least 60"
    ):
        thin(targets_of([3] * 30), 20, 0)


def test_classes_of_one_row() -> None:
    assert singletons(["b", "a", "c", "a"]) == ["b", "c"]
