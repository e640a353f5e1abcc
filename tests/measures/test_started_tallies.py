"""Tallies since several starts: the same for one that saw all rows and for replicas that share them."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import DataError
from fairlead.measures import FeatureGroups, GroupTally, StartedTallies
from fairlead.records import Labels

BY, LABELS = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))


def tally_of(cell=0, rows=1, by=BY):
    counts = np.zeros((len(by.slots), 3, 2), dtype=np.int64)
    counts.ravel()[cell] = rows
    return GroupTally(by, LABELS, counts)


def counted(rows):
    tallies = StartedTallies(tally_of(rows=0))
    for bucket, cell in rows:
        tallies.add(bucket, tally_of(cell))
    return tallies


rows_of = st.lists(st.tuples(st.integers(900, 1100), st.integers(0, 17)), max_size=40)


@given(rows=rows_of)
@settings(max_examples=60, deadline=None)
def test_a_start_holds_all_rows_from_it_on_in_whatever_order_they_came(rows):
    tallies = counted(rows)
    assert tallies.total.rows.sum() == len(rows)
    for start, tally in tallies.starts.items():
        assert tallies.first < start <= tallies.newest
        assert tally == counted([row for row in rows if row[0] >= start]).total


@given(rows=rows_of, to=st.lists(st.integers(0, 2), min_size=40, max_size=40))
@settings(max_examples=60, deadline=None)
def test_replicas_add_up_to_one_that_saw_all(rows, to):
    parts = [counted([row for row, one in zip(rows, to, strict=False) if one == replica]) for replica in range(3)]
    both, whole = parts[0] + parts[1] + parts[2], counted(rows)
    assert both.total == whole.total
    assert (both.first, both.newest) == (whole.first, whole.newest)
    assert both.starts == whole.starts
    assert (parts[2] + (parts[1] + parts[0])).to_dict() == both.to_dict()
    in_order, sorted_parts = counted(sorted(rows)), [counted(sorted(r for r in rows if r[1] % 2 == k)) for k in (0, 1)]
    assert (sorted_parts[0] + sorted_parts[1]).to_dict() == in_order.to_dict()


def test_a_replica_born_later_gives_all_it_has_to_earlier_starts():
    old, new = counted([(bucket, 0) for bucket in range(100, 112)]), counted([(111, 1), (112, 1)])
    both = old + new
    assert both.starts[104].rows.sum() == 8 + 2
    assert both.starts[112].rows.sum() == 1
    assert both.anchor == 100


@given(rows=rows_of, more=rows_of)
@settings(max_examples=30, deadline=None)
def test_written_and_read_it_goes_on_as_if_never_stopped(rows, more):
    read = StartedTallies.from_dict(json.loads(json.dumps(counted(rows).to_dict())))
    for bucket, cell in more:
        read.add(bucket, tally_of(cell))
    assert read.to_dict() == counted(rows + more).to_dict()
    assert read.starts == counted(rows + more).starts


def test_starts_are_few_dense_where_recent_and_the_same_after_a_gap():
    born, now = 5_911_345, 5_912_345
    tallies = counted([(born, 0), (now, 0)])
    steady = counted([(bucket, 0) for bucket in range(born, now + 1)])
    assert list(tallies.starts) == list(steady.starts)
    assert len(tallies.starts) <= 2 * math.log2(now - born) + 2
    assert {now, now - 1} <= set(tallies.starts)
    for ago in (3, 17, 200):  # some start lies as far back, or up to four times as far
        assert any(ago <= now - start + 1 <= 4 * ago for start in tallies.starts), ago


def test_the_shares_of_an_endless_run_are_one_at_most_wherever_late_rows_begin():
    tallies = counted([(1000, 0), (400, 0), (1200, 0)])
    assert (tallies.first, tallies.anchor) == (400, 1000)
    spent = tallies.share(None) + sum(tallies.share(start) for start in range(-20_000, 60_000))
    assert 0.9 < spent < 1
    assert tallies.share(None) == 0.5
    after = [tallies.share(start) for start in range(1001, 1400)]
    assert sorted(after, reverse=True) == after
    assert min(after) > 0
    # A row from before the first one makes no start dearer than it was.
    assert tallies.share(1100) == counted([(1000, 0)]).share(1100)


def test_what_does_not_add_up_is_refused_and_changes_nothing():
    tallies = counted([(7, 0), (9, 1)])
    before = tallies.to_dict()
    other = FeatureGroups("age", ("old", "young"))
    with pytest.raises(DataError, match="do not add up"):
        tallies.add(12, tally_of(by=other))
    assert tallies.to_dict() == before
    with pytest.raises(DataError, match="do not add up"):
        tallies + StartedTallies(tally_of(rows=0, by=other))
    with pytest.raises(DataError, match="begin with an empty one"):
        StartedTallies(tally_of())


@pytest.mark.parametrize(
    "damage",
    [
        {"newest": 500},
        {"first": None},
        {"anchor": 3},
        {"parts": []},
        {"parts": None},
        {"empty": {}},
        {"newest": "soon"},
        {"parts": [[7, tally_of(by=FeatureGroups("age", ("old", "young"))).to_dict()]]},
    ],
)
def test_a_damaged_state_is_refused(damage):
    with pytest.raises(DataError, match=r"start a new state|do not add up|is not known"):
        StartedTallies.from_dict(counted([(7, 0), (9, 1)]).to_dict() | damage)
