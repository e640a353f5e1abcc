"""Seconds by stage."""

import time

import pytest

from fairlead.cli.clock import STAGES, Clock


def test_the_keys_are_always_the_same_and_stages_add_up():
    clock = Clock(time.perf_counter() - 2)
    for _ in range(2):
        with clock.stage("probe"):
            time.sleep(0.02)
    seconds = clock.seconds()
    assert tuple(seconds) == (*STAGES, "total")
    assert seconds["import"] >= 2
    assert seconds["probe"] >= 0.04
    assert seconds["finetune"] == 0
    assert seconds["total"] >= sum(seconds[name] for name in STAGES) - 0.01


def test_a_stage_that_fails_is_counted():
    clock = Clock(time.perf_counter())
    with pytest.raises(ValueError, match="length"), clock.stage("data"):
        time.sleep(0.02) or time.sleep(-1)  # no one can sleep for a negative length of time
    assert clock.seconds()["data"] >= 0.02
