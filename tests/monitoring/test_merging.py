"""Replicas read together: counts as of one that saw all, alarms at a raised threshold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import ConfigurationError
from fairlead.monitoring import Watch, Windows, merged
from tests.fakes.traffic import World, items, labels_of, observed, watch

_SHARED = ("items", "requests", "counts", "window_items", "moved", "prior_shift", "findings", "groups", "quality")


def _split(whose: Sequence[int], replicas: int, told: bool = True) -> tuple[Watch, list[Watch]]:
    """Feeds one watch with all, and each of several with its own part."""
    drawn = items(World(), len(whose), 3)
    seen = observed(drawn, apart=45.0)
    feedback = labels_of(drawn, seen)
    whole, parts = watch(buckets=6), [watch(buckets=6) for _ in range(replicas)]
    whole.add(seen)
    whole.told(feedback if told else [])
    for number, part in enumerate(parts):
        part.add([one for one, who in zip(seen, whose, strict=True) if who == number])
        part.told([one for one, who in zip(feedback, whose, strict=True) if who == number] if told else [])
    return whole, parts


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=1, max_size=150))
def test_what_replicas_counted_is_what_one_would_have(whose: list[int]) -> None:
    whole, parts = _split(whose, 3)
    together = merged(parts)
    # Which items came late depends on what else a replica has seen; where they went does not.
    whole.counted.counts.pop("late", None), together.counted.counts.pop("late", None)
    assert together.counted.to_dict() == whole.counted.to_dict()
    one, both = whole.report().to_dict(), together.report().to_dict()
    if not any(monitor["raised"] for monitor in (*one["drift"], *both["drift"])):
        assert {name: one[name] for name in _SHARED} == {name: both[name] for name in _SHARED}


def test_merging_knows_no_order() -> None:
    _, parts = _split(np.random.default_rng(0).integers(0, 3, 300).tolist(), 3)
    forwards, backwards = merged(parts), merged([merged(parts[:0:-1]), parts[0]])
    assert forwards.report().to_dict() == backwards.report().to_dict()
    assert forwards.counted.to_dict() == backwards.counted.to_dict()


def test_thresholds_rise_by_the_number_of_replicas() -> None:
    _, parts = _split([0, 1, 2] * 40, 3)
    for alone, together in zip(parts[0].monitors, merged(parts).monitors, strict=True):
        assert together.threshold == pytest.approx(alone.threshold + math.log(3))
        assert together.peak == max(part.monitors[0].peak for part in parts) or together.name != "confidence"
    assert merged(parts).monitors[0].items == 120


def test_an_alarm_stays_where_its_peak_reaches_the_raised_threshold() -> None:
    loud, calm = watch(), watch()
    loud.add(observed(items(World(), 300, 1) + items(World(brightness=2.0), 400, 2)))
    calm.add(observed(items(World(), 300, 3)))
    [alarm] = merged([loud, calm]).report().alarms
    [alone] = loud.report().alarms
    assert alarm.name == "input.brightness"
    assert (alarm.raised_item, alarm.raised_time) == (alone.raised_item, alone.raised_time)


def test_an_alarm_that_barely_was_one_goes() -> None:
    loud, calm = watch(), [watch() for _ in range(3)]
    seen = observed(items(World(), 300, 1) + items(World(brightness=2.0), 400, 2))
    for one in seen:
        loud.add([one])
        if loud.report().alarms:
            break
    [alarm] = loud.report().alarms
    assert alarm.peak - alarm.threshold < math.log(4)
    assert not merged([loud, *calm]).report().alarms


def test_a_merged_watch_reads_nothing_more() -> None:
    together = merged([watch(), watch()])
    assert not hasattr(together, "add")
    assert not hasattr(together, "told")


def test_merging_leaves_the_replicas_alone() -> None:
    one, other = watch(), watch()
    one.add(observed(items(World(), 20, 1)))
    together, before = merged([one, other]), one.to_dict()
    one.add(observed(items(World(), 20, 2), first=20))
    assert together.report().items == 20
    assert merged([one]).counted is not one.counted
    assert before != one.to_dict()


def test_watches_that_are_no_replicas_are_refused() -> None:
    one = watch()
    other = watch()
    other.watched = replace(other.watched, model="b" * 64)
    with pytest.raises(ConfigurationError, match=r"watch 1 is of the bundle bbbbbbbbbbbb.*replicas of one bundle"):
        merged([one, other])
    with pytest.raises(ConfigurationError, match="other settings"):
        merged([one, watch(bucket_seconds=60.0)])
    with pytest.raises(ConfigurationError, match="given twice"):
        merged([one, one])
    with pytest.raises(ConfigurationError, match="no watch to merge"):
        merged([])


_ROWS = st.lists(st.tuples(st.integers(0, 9), st.integers(-1, 2), st.integers(0, 1), st.floats(0, 1)), max_size=40)


def _windows(rows: list[tuple[int, int, int, float]]) -> Windows:
    windows = Windows([3], 2, buckets=4)
    for bucket, place, decided, chance in rows:
        shares = np.array([[1 - chance, chance]])
        windows.add(bucket, np.array([[place]]), np.array([decided]), shares, np.array([True]))
    return windows


@settings(max_examples=40, deadline=None)
@given(_ROWS, _ROWS, _ROWS)
def test_windows_add_up_exactly(
    first: list[tuple[int, int, int, float]],
    second: list[tuple[int, int, int, float]],
    third: list[tuple[int, int, int, float]],
) -> None:
    one, two, three = _windows(first), _windows(second), _windows(third)
    whole = _windows([*first, *second, *third])
    assert ((one + two) + three).to_dict() == (one + (two + three)).to_dict() == whole.to_dict()
    assert (one + two).to_dict() == (two + one).to_dict()
    assert Windows.from_dict(whole.to_dict()).to_dict() == whole.to_dict()
