"""Buckets of the clock, and answered items that wait for their label."""

from __future__ import annotations

import base64
import tracemalloc
import zlib

import numpy as np
import pytest

from fairlead.errors import DataError
from fairlead.monitoring import Answered, PendingLabels, Windows


def _add(windows: Windows, bucket: int, rows: int, leads: bool = True) -> None:
    decided = np.arange(rows) % 2
    probabilities = np.where(decided[:, None] == np.arange(2), 0.75, 0.25)
    windows.add(bucket, np.full((rows, 1), 1), decided, probabilities, np.full(rows, leads))


def test_the_latest_window_is_the_newest_buckets_with_items_enough() -> None:
    windows = Windows([2], 2, buckets=10)
    for bucket, rows in ((1, 100), (2, 40), (5, 70)):
        _add(windows, bucket, rows)
    assert [windows.latest(items).items for items in (1, 70, 71, 110, 111, 5000)] == [70, 70, 110, 110, 210, 210]


def test_what_a_window_holds() -> None:
    windows = Windows([2], 2, buckets=10)
    _add(windows, 3, 4)
    _add(windows, 3, 2, leads=False)
    windows.tell(3, np.array([0, 1, 1]), np.array([0, 1, 0]))
    assert not windows.tell(-20, np.array([0]), np.array([0]))
    latest = windows.latest(500)
    assert (latest.items, latest.leading) == (6, 4)
    assert latest.histograms[0].tolist() == [0, 4]
    assert (latest.decided.tolist(), latest.answered.tolist()) == ([2, 2], [3, 3])
    assert latest.expected.tolist() == [[2.25, 0.75], [0.75, 2.25]]
    assert latest.squares.tolist() == [3 * 0.1875, 3 * 0.1875]
    assert latest.labelled.tolist() == [[1, 0], [1, 1]]


def test_many_classes_keep_fewer_buckets() -> None:
    assert Windows([50] * 12, 2, buckets=288).kept == 288
    assert Windows([50] * 12, 1000, buckets=288).kept == 3


def test_windows_of_other_shapes_do_not_add_up() -> None:
    with pytest.raises(DataError, match="do not add up"):
        Windows([2], 2, buckets=10) + Windows([3], 2, buckets=10)


@pytest.mark.parametrize("harm", ["bomb", "short", "negative", "text"])
def test_poisoned_buckets_are_refused(harm: str) -> None:
    windows = Windows([2], 2, buckets=10)
    _add(windows, 3, 4)
    raw = {
        "bomb": bytes(50_000_000),
        "short": bytes(8),
        "negative": np.full(len(windows.to_dict()), -1, dtype="<i8").tobytes() * 4,
        "text": b"",
    }[harm]
    packed = base64.b64encode(zlib.compress(raw)).decode() if harm != "text" else "no base64!"
    with pytest.raises(DataError, match=r"no windows.*start anew"):
        Windows.from_dict(windows.to_dict() | {"buckets": {"3": packed}})


def test_the_oldest_gives_way_and_its_label_is_unknown() -> None:
    pool = PendingLabels(100, 2)
    for number in range(250):
        assert pool.add(f"r{number}", Answered(number, number % 3, True, (number % 2, 1)))
    assert (len(pool), pool.evicted) == (100, 150)
    assert pool.tell("r149", 0) == ("unknown", None)
    assert pool.tell("r150", 0) == ("joined", Answered(150, 0, True, (0, 1)))
    assert pool.tell("r249", 0)[1] == Answered(249, 0, True, (1, 1))


def test_an_id_that_comes_again_after_it_gave_way_is_a_new_one() -> None:
    pool = PendingLabels(1, 0)
    for name in ("a", "b", "a"):
        assert pool.add(name, Answered(0, 0, True, ()))
    assert pool.tell("a", 1)[0] == "joined"


def test_an_entry_takes_the_same_memory_whatever_its_id() -> None:
    tracemalloc.start()
    pool = PendingLabels(5000, 2)
    for number in range(15_000):
        pool.add("x" * 200 + str(number), Answered(number, 1, True, (0, 1)))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(pool) == 5000
    assert taken < 300 * 5000  # 50 000 take less than 15 MB


@pytest.mark.parametrize("change", [{"next": 700}, {"keys": "AAAA"}, {"bucket": ""}, {"capacity": 2}])
def test_a_poisoned_pool_is_refused(change: dict[str, object]) -> None:
    pool = PendingLabels(5, 1)
    for name in "abc":
        pool.add(name, Answered(0, 0, True, (0,)))
    with pytest.raises(DataError, match="start anew"):
        PendingLabels.from_dict(pool.to_dict() | change)
