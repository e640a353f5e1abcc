"""Predictions are the same however they were gathered, and refuse what is none."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import DataError
from fairlead.records import Labels, Predictions, SensitiveFeature, TaskKind

LABELS = Labels(("a", "b", "c"))
SEX = SensitiveFeature("sex", ("f", "m"))


def fields(rows: int = 6, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    return {
        "probabilities": generator.dirichlet(np.ones(3), rows),
        "targets": generator.integers(-1, 3, rows),
        "index": generator.permutation(10 * rows + 1)[:rows],
        "labels": LABELS,
        "groups": generator.integers(0, 3, (rows, 1)),
        "sensitive": (SEX,),
        "clusters": generator.integers(0, 4, rows),
    }


def assert_same(one: Predictions, other: Predictions) -> None:
    for name in ("probabilities", "targets", "index", "groups", "clusters"):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    assert (one.labels, one.sensitive) == (other.labels, other.sensitive)


@given(st.integers(0, 12), st.integers(0, 99), st.lists(st.integers(0, 12), max_size=4), st.randoms())
def test_any_split_and_any_order_gives_the_same(rows: int, seed: int, cuts: list[int], random: Any) -> None:
    whole = Predictions(**fields(rows, seed))
    order = list(range(rows))
    random.shuffle(order)
    shuffled = whole.take(np.array(order, dtype=np.int64))
    edges = [0, *sorted(min(cut, rows) for cut in cuts), rows]
    parts = [shuffled.take(np.arange(start, stop)) for start, stop in itertools.pairwise(edges)]  # empty ones too
    random.shuffle(parts)
    joined = Predictions.concatenate(parts).sorted()
    assert_same(joined, whole.sorted())
    assert joined.index.tolist() == sorted(whole.index.tolist())
    assert len(joined) == rows


def test_a_mask_takes_rows_with_everything_they_have() -> None:
    whole = Predictions(**fields())
    mask = whole.predicted == 1
    assert 0 < mask.sum() < len(whole)
    taken = whole.take(mask)
    assert taken.predicted.tolist() == [1] * int(mask.sum())
    assert taken.index.tolist() == whole.index[mask].tolist()
    assert taken.groups.tolist() == whole.groups[mask].tolist()


def test_the_first_of_equals_is_predicted_and_the_kind_follows_the_classes() -> None:
    predictions = Predictions(np.full((1, 2), 0.5), np.zeros(1, np.int64), np.zeros(1, np.int64), Labels(("n", "y")))
    assert predictions.predicted.tolist() == [0]
    assert predictions.task is TaskKind.BINARY
    assert predictions.groups.shape == (1, 0)
    assert Predictions(**fields()).task is TaskKind.MULTICLASS


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"index": np.array([0, 1, 2, 3, 4, 4])}, "predicted twice: drop the padding"),
        ({"index": np.arange(6)[:, None]}, r"index has shape \(6, 1\), expected \(6,\)"),
        ({"index": np.arange(5)}, r"probabilities has shape \(6, 3\), expected \(5, 3\)"),
        ({"probabilities": np.full((6, 2), 0.5)}, r"probabilities has shape \(6, 2\), expected \(6, 3\)"),
        ({"probabilities": np.full(6, 0.5)}, "probabilities has shape"),
        ({"targets": np.zeros(7, np.int64)}, r"targets has shape \(7,\)"),
        ({"targets": np.array([0, 1, 2, 3, 0, 0])}, "codes from 0 to 2, or -1"),
        ({"targets": np.array([0, 1, 2, -2, 0, 0])}, "codes from 0 to 2, or -1"),
        ({"groups": np.zeros((6, 2), np.int64)}, r"groups has shape \(6, 2\), expected \(6, 1\)"),
        ({"groups": np.full((6, 1), 3)}, "groups of 'sex' must be codes from 0 to 2"),
        ({"groups": np.full((6, 1), -1)}, "groups of 'sex' must be codes from 0 to 2"),
        ({"sensitive": ()}, r"groups has shape \(6, 1\), expected \(6, 0\)"),
        ({"clusters": np.zeros(5, np.int64)}, r"clusters has shape \(5,\)"),
        ({"probabilities": np.full((6, 3), 0.3)}, "sum to 1 in every row"),
        (
            {"probabilities": np.array([[1.0, 0.0, 0.0]] * 3 + [[1.2, -0.2, 0.0]] * 3), "index": np.arange(6) + 40},
            r"at least 0 and sum to 1 in every row; those of row 43 are 1\.2, -0\.2, 0: apply softmax or sigmoid$",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, Any], message: str) -> None:
    assert len(Predictions(**fields())) == 6
    with pytest.raises(DataError, match=message):
        Predictions(**{**fields(), **change})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_probability_that_is_no_number_names_its_row(value: float) -> None:
    broken = fields()
    broken["probabilities"][4, 1] = value
    with pytest.raises(DataError, match=rf"^row {broken['index'][4]} has a probability that is not a number.*lower"):
        Predictions(**broken)


def test_only_parts_of_one_split_are_joined() -> None:
    first = Predictions(**fields())
    other = fields()
    other["index"] = other["index"] + 100
    with pytest.raises(DataError, match="the same labels and sensitive features"):
        Predictions.concatenate([first, Predictions(**{**other, "labels": Labels(("a", "b", "d"))})])
    with pytest.raises(DataError, match="give all or none"):
        Predictions.concatenate([first, Predictions(**{**other, "clusters": None})])
    with pytest.raises(DataError, match="predicted twice"):
        Predictions.concatenate([first, first])
    with pytest.raises(DataError, match="no predictions to join"):
        Predictions.concatenate([])
    without = [Predictions(**{**part, "clusters": None}) for part in (fields(), other)]
    assert Predictions.concatenate(without).clusters is None
