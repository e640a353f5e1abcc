"""Batches of similar length, by an order that is still random and still a function of seed and epoch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DistributedSampler

from fairlead.data import LengthGroupedSampler


def visits(lengths: Sequence[int], batch_size: int, *, epoch: int = 0, seed: int = 0, replicas: int = 1):
    found = []
    for rank in range(replicas):
        sampler = LengthGroupedSampler(
            range(len(lengths)), lengths=lengths, batch_size=batch_size, seed=seed, replicas=replicas, rank=rank
        )
        sampler.set_epoch(epoch)
        found.append(list(sampler))
        assert len(found[-1]) == len(sampler)
    return found


def batches(rows: Sequence[int], size: int) -> list[list[int]]:
    return [list(rows[start : start + size]) for start in range(0, len(rows), size)]


def padded_share(order: Sequence[int], lengths: np.ndarray, size: int) -> float:
    parts = [lengths[part] for part in batches(order, size)]
    return 1 - float(lengths[list(order)].sum() / sum(part.max() * len(part) for part in parts))


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=150),
    st.integers(1, 9),
    st.integers(1, 3),
    st.integers(0, 3),
    st.integers(0, 9),
)
def test_every_row_is_visited_and_every_process_has_as_many(
    lengths: list[int], batch_size: int, replicas: int, epoch: int, seed: int
) -> None:
    found = visits(lengths, batch_size, epoch=epoch, seed=seed, replicas=replicas)
    assert {len(visit) for visit in found} == {-(-len(lengths) // replicas)}
    counts = Counter(draw.row for visit in found for draw in visit)
    assert set(counts) == set(range(len(lengths)))
    assert max(counts.values()) - min(counts.values()) <= 1
    assert {draw.epoch for visit in found for draw in visit} == {epoch}
    assert found == visits(lengths, batch_size, epoch=epoch, seed=seed, replicas=replicas)


def test_processes_work_on_texts_of_similar_length_at_the_same_time() -> None:
    lengths = np.random.default_rng(0).lognormal(3.3, 0.8, 1003).astype(int) + 2
    first, second = ([draw.row for draw in visit] for visit in visits(lengths, 8, replicas=2))
    longest = [[lengths[part].max() for part in batches(rows, 8)] for rows in (first, second)]
    apart = np.abs(np.subtract(*longest))
    together = np.maximum(*longest)
    assert apart.sum() < 0.15 * together.sum()
    assert np.abs(np.subtract(longest[0], np.roll(longest[1], 1))).sum() > 3 * apart.sum()


def test_less_than_fifteen_in_a_hundred_tokens_are_padding_where_shuffling_pads_half() -> None:
    """On mixed lengths, log-normal as those of reviews and comments are."""
    for rows, size in ((800, 16), (800, 32), (2000, 32), (5000, 32), (20_000, 64)):
        lengths = np.clip(np.random.default_rng(rows).lognormal(3.5, 0.7, rows).astype(int) + 2, 3, 256)
        (grouped,) = visits(lengths, size)
        shuffled = np.random.default_rng(1).permutation(rows).tolist()
        assert padded_share([draw.row for draw in grouped], lengths, size) < 0.15
        assert padded_share(shuffled, lengths, size) > 0.5


def test_batches_are_new_in_each_epoch_and_come_in_no_order_of_length() -> None:
    lengths = np.random.default_rng(0).lognormal(3.5, 0.7, 800).astype(int) + 2
    epochs = [[draw.row for draw in visits(lengths, 16, epoch=epoch)[0]] for epoch in range(3)]
    made = [{frozenset(part) for part in batches(rows, 16)} for rows in epochs]
    assert not made[0] & made[1]
    assert not made[1] & made[2]
    again = [len(one & other) for one in made[0] for other in made[1] if min(one) in other]
    assert np.mean(again) < 8  # more than half of a row's company is new
    means = [lengths[part].mean() for part in batches(epochs[0], 16)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.4


def test_the_batch_short_of_rows_is_of_any_length() -> None:
    """A trainer that leaves out a last batch of one row would else never see the longest, or the shortest."""
    lengths = list(range(1, 34))
    last = [visits(lengths, 8, epoch=epoch)[0][-1].row for epoch in range(60)]
    assert len(set(last)) >= 5
    assert min(last) < 8
    assert max(last) > 24


def test_lightning_leaves_it_alone() -> None:
    assert isinstance(LengthGroupedSampler([1], lengths=[1], batch_size=1, seed=0), DistributedSampler)
