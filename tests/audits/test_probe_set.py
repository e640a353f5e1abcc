"""The rows that are explained are the same ones, however they come."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.audits.probe_set import ProbeSet


def filled(numbers, targets, rows=4, background=3, seed=0, size=5):
    probe = ProbeSet(rows, background, seed)
    for start in range(0, len(numbers), size):
        index = torch.tensor(numbers[start : start + size])
        target = torch.tensor([targets[number] for number in index.tolist()])
        probe.add(index, index[:, None].float(), target, target, torch.zeros((len(index), 1), dtype=torch.int64))
    return probe


def told(probe):
    return [row.index for row in probe.rows], [row.index for row in probe.background]


@settings(deadline=None, max_examples=60)
@given(st.data(), st.integers(1, 60), st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_order_batches_and_padding_change_nothing(data, count, rows, background, classes):
    targets = {number: data.draw(st.integers(-1, classes - 1)) for number in range(count)}
    numbers = data.draw(st.permutations(range(count)))
    padding = data.draw(st.lists(st.sampled_from(numbers), max_size=5))
    whole = filled(list(range(count)), targets, rows, background, size=count)
    other = filled([*numbers, *padding], targets, rows, background, size=data.draw(st.integers(1, 7)))
    assert told(whole) == told(other)
    probe, behind = told(whole)
    assert len(probe) == min(rows, count)
    assert behind == probe if count <= rows else not set(probe) & set(behind)
    assert len(other._kept) <= 2 * rows + background  # of any number of rows, few are held


def test_two_halves_make_the_set_of_the_whole(monkeypatch):
    targets = {number: number % 3 for number in range(40)}
    whole = filled(list(range(40)), targets)
    parts = [filled(list(range(rank, 40, 2)), targets) for rank in (0, 1)]

    def gathered(found, _own):
        found[:] = [part._kept for part in parts]

    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_gather_object", gathered)
    joined = ProbeSet(4, 3)
    joined.gather()
    assert told(joined) == told(whole)


def test_each_class_has_its_turn_and_unknown_ones_come_last():
    targets = {number: (0 if number < 90 else 1 if number < 95 else -1) for number in range(100)}
    rows = filled(list(range(100)), targets, rows=6).rows
    assert sorted(row.target for row in rows) == [-1, -1, 0, 0, 1, 1]
    assert [row.target for row in filled(list(range(100)), targets, rows=2).rows].count(-1) == 0


def test_another_seed_is_another_set_and_inputs_are_of_their_rows():
    targets = dict.fromkeys(range(100), 0)
    one, other = (filled(list(range(100)), targets, seed=seed) for seed in (0, 1))
    assert told(one) != told(other)
    assert all(float(row.inputs[0]) == row.index for row in (*one.rows, *one.background))


@pytest.mark.parametrize("classes", [2, 1000])
def test_more_classes_than_rows_are_chosen_by_lot_and_not_by_name(classes):
    targets = {number: number % classes for number in range(2000)}
    chosen = [row.target for row in filled(list(range(2000)), targets, rows=8, size=500).rows]
    assert len(set(chosen)) == min(classes, 8)
    if classes == 1000:
        assert np.mean(chosen) > 50  # the first eight by name have 3.5
