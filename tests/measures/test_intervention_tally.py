"""Any split of the rows adds up to the same counts, and they are those of a count by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fairlead.errors import DataError
from fairlead.measures import EVERY_ROW, FeatureGroups, InterventionTally, net_change_ends, paired_change
from fairlead.records import Labels

BY = FeatureGroups("tone", ("I", "II", "III"))
LABELS = Labels(("a", "b", "c"))


def columns(rows=200, seed=0):
    generator = np.random.default_rng(seed)
    return generator.integers(0, 4, rows), {
        "targets": generator.integers(-1, 3, rows),
        "before": generator.integers(0, 3, rows),
        "after": generator.integers(0, 3, rows),
    }


def tally(rows, groups, found):
    return InterventionTally.count(BY, LABELS, groups[rows], **{name: column[rows] for name, column in found.items()})


def test_the_counts_are_those_of_a_count_by_hand():
    groups, found = columns()
    counted = tally(np.arange(200), groups, found)
    for slot in range(4):
        chosen = [row for row in range(200) if groups[row] == slot]
        rows = [(found["targets"][row], found["before"][row], found["after"][row]) for row in chosen]
        assert counted.rows[slot] == len(rows)
        assert counted.changed[slot] == sum(before != after for _, before, after in rows)
        assert counted.known[slot] == sum(target >= 0 for target, _, _ in rows)
        assert counted.righted[slot] == sum(target == after != before for target, before, after in rows)
        assert counted.wronged[slot] == sum(target == before != after for target, before, after in rows)
        for code in range(3):
            assert counted.gained[slot, code] == sum(after == code != before for _, before, after in rows)
            assert counted.lost[slot, code] == sum(before == code != after for _, before, after in rows)


@pytest.mark.parametrize("parts", [1, 2, 7, 200])
def test_any_split_adds_up_to_the_whole(parts):
    groups, found = columns()
    order = np.random.default_rng(1).permutation(200)
    total, *others = [tally(rows, groups, found) for rows in np.array_split(order, parts)]
    for other in others:
        total += other
    assert total == tally(np.arange(200), groups, found)


def test_a_batch_without_a_row_is_a_tally_of_none():
    groups, found = columns()
    none = tally(np.zeros(0, dtype=np.int64), groups, found)
    assert none.rows.tolist() == [0, 0, 0, 0]
    assert none + tally(np.arange(9), groups, found) == tally(np.arange(9), groups, found)


def test_the_whole_is_what_a_count_without_groups_finds():
    groups, found = columns()
    whole = InterventionTally.count(EVERY_ROW, LABELS, np.zeros_like(groups), **found)
    assert tally(np.arange(200), groups, found).whole == whole
    assert whole.whole == whole
    assert whole.rows.tolist() == [200]


def test_it_reads_what_it_wrote_as_json():
    groups, found = columns()
    counted = tally(np.arange(200), groups, found)
    assert InterventionTally.from_dict(json.loads(json.dumps(counted.to_dict()))) == counted
    with pytest.raises(DataError, match="schema 2 is not known"):
        InterventionTally.from_dict(counted.to_dict() | {"schema": 2})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": [1, 1, 1]}, r"of shape \(4,\)"),
        ({"rows": [-1, 1, 1, 1]}, "integers from 0 up"),
        ({"rows": [0, 0, 0, 0]}, "no more of them than rows"),
        ({"wronged": [200, 0, 0, 0]}, "no more of them than rows"),
        ({"gained": [[0] * 3] * 4}, "lost by one class and gained by another"),
        ({"labels": ["a"]}, "at least two classes"),
    ],
)
def test_counts_that_cannot_be_are_refused(change, message):
    groups, found = columns()
    with pytest.raises(DataError, match=message):
        InterventionTally.from_dict(tally(np.arange(200), groups, found).to_dict() | change)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("after", 3, "class after 3 is not from 0 to 2"), ("targets", -2, "target -2 is not from -1 to 2")],
)
def test_a_code_that_is_none_is_named_with_its_row(name, value, message):
    groups, found = columns()
    found[name][5] = value
    with pytest.raises(DataError, match=f"row 5: {message}"):
        tally(np.arange(200), groups, found)


def test_tallies_of_other_groups_or_classes_do_not_add_up():
    groups, found = columns()
    counted = tally(np.arange(200), groups, found)
    with pytest.raises(DataError, match="do not add up"):
        counted + counted.whole


def test_the_ends_from_counts_are_those_from_rows():
    before, after = np.arange(80) < 50, (np.arange(80) < 60) & (np.arange(80) > 3)
    found = paired_change(before, after, level=0.9)
    assert (found.low, found.high) == net_change_ends(10, 4, 80, 0.05)
    assert found.low < 6 / 80 < found.high
