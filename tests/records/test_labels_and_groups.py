"""Class names and groups: one order for one set of names, and a code for each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import DataError, LabelError, UnknownNameError
from fairlead.records import MISSING, Labels, SensitiveFeature, TaskKind, natural_order

names = st.lists(st.text(alphabet="aAbBßé09 ٣²-_1", max_size=6), max_size=8)


@given(names, st.randoms())
def test_natural_order_depends_on_the_set_of_names_alone(given_names: list[str], random: object) -> None:
    ordered = natural_order(given_names)
    assert set(ordered) == set(given_names)
    assert len(ordered) == len(set(given_names))
    shuffled = given_names + given_names
    random.shuffle(shuffled)
    assert natural_order(shuffled) == ordered == natural_order(ordered)


@given(st.lists(st.integers(0, 10**30), unique=True), st.text(alphabet="ab_", max_size=3))
def test_numbers_come_in_the_order_of_their_value(numbers: list[int], prefix: str) -> None:
    assert natural_order(f"{prefix}{number}" for number in numbers) == tuple(
        f"{prefix}{number}" for number in sorted(numbers)
    )


def test_natural_order_of_mixed_names() -> None:
    assert natural_order(["x10", "X9", "x1b", "x1", "10", "2", "x1a"]) == ("2", "10", "x1", "x1a", "x1b", "X9", "x10")
    assert natural_order(["01", "1", "001"]) == ("001", "01", "1")


@given(names.map(lambda many: [name for name in many if name]))
def test_position_is_code(training: list[str]) -> None:
    labels = Labels.from_training(training)
    assert [labels.code(name) for name in labels] == list(range(len(labels)))
    assert all(labels[labels.code(name)] == name for name in training)


def test_labels_refuse_what_is_no_class() -> None:
    with pytest.raises(LabelError, match="distinct"):
        Labels(("a", "a"))
    with pytest.raises(LabelError, match="not empty"):
        Labels(("a", ""))
    with pytest.raises(UnknownNameError, match="no class 'benigm' in the training split; did you mean 'benign'"):
        Labels(("benign", "malignant")).code("benigm")


def test_two_classes_are_binary_and_others_are_not() -> None:
    assert [TaskKind.of_classes(classes).value for classes in (2, 3, 10)] == ["binary", "multiclass", "multiclass"]


@given(st.lists(st.sampled_from(["f", "m", "", None, "x 2", "x 10"]), min_size=1))
def test_every_group_and_the_missing_slot_has_a_code(values: list[str | None]) -> None:
    if not any(values):
        with pytest.raises(DataError, match="'sex' has no value in any row; name another column"):
            SensitiveFeature.declare("sex", values)
        return
    feature = SensitiveFeature.declare("sex", values)
    codes = feature.encode(values)
    assert codes.dtype == np.int64
    assert [feature.slots[code] for code in codes] == [value or MISSING for value in values]
    assert feature.slots[feature.missing] == MISSING


def test_a_group_that_was_not_declared_is_refused() -> None:
    feature = SensitiveFeature("sex", ("female", "male"))
    with pytest.raises(UnknownNameError, match=r"no group of 'sex' 'Male'; did you mean 'male'"):
        feature.encode(["Male"])
    for groups in (("f", "f"), ("f", MISSING)):
        with pytest.raises(DataError, match="must be distinct and none may be"):
            SensitiveFeature("sex", groups)
