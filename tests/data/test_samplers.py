"""Which rows are visited, and when, is a function of seed and epoch."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from fairlead.data import Draw, EvaluationSampler, TrainingSampler

rows_strategy = st.lists(st.integers(0, 10**6), unique=True, max_size=30)


@given(rows_strategy, st.integers(1, 4))
def test_evaluation_visits_each_row_once_over_all_processes(rows: list[int], replicas: int) -> None:
    samplers = [EvaluationSampler(rows, replicas=replicas, rank=rank) for rank in range(replicas)]
    visits = [list(sampler) for sampler in samplers]
    assert [len(sampler) for sampler in samplers] == [len(visit) for visit in visits]
    assert sorted(draw.row for visit in visits for draw in visit) == sorted(rows)
    assert max(map(len, visits)) - min(map(len, visits)) <= 1
    assert all(draw.epoch == 0 for visit in visits for draw in visit)


@given(rows_strategy.filter(bool), st.integers(1, 4), st.integers(0, 3), st.integers(0, 9))
def test_training_visits_every_row_and_pads_to_equal_lengths(
    rows: list[int], replicas: int, epoch: int, seed: int
) -> None:
    visits = []
    for rank in range(replicas):
        sampler = TrainingSampler(rows, seed=seed, replicas=replicas, rank=rank)
        sampler.set_epoch(epoch)
        visits.append(list(sampler))
        assert len(sampler) == len(visits[-1]) == -(-len(rows) // replicas)
    counts = Counter(draw.row for visit in visits for draw in visit)
    assert set(counts) == set(rows)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {draw.epoch for visit in visits for draw in visit} == {epoch}
    # Side by side, the processes walk the order that one alone would.
    alone = TrainingSampler(rows, seed=seed)
    alone.set_epoch(epoch)
    together = [visit[step].row for step in range(len(visits[0])) for visit in visits]
    assert together[: len(rows)] == [draw.row for draw in alone]


def test_the_order_is_new_in_each_epoch_and_with_each_seed() -> None:
    def order(seed: int, epoch: int) -> list[Draw]:
        sampler = TrainingSampler(range(20), seed=seed)
        sampler.set_epoch(epoch)
        return [draw.row for draw in sampler]

    orders = [order(seed, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    assert len({tuple(rows) for rows in orders}) == 6
    assert order(1, 2) == orders[5]
    assert sorted(orders[0]) == list(range(20)) != orders[0]


@pytest.mark.parametrize("kind", [TrainingSampler, EvaluationSampler])
def test_lightning_leaves_a_distributed_sampler_alone(kind: type) -> None:
    sampler = kind([1, 2], **({"seed": 0} if kind is TrainingSampler else {}))
    assert isinstance(sampler, DistributedSampler)
