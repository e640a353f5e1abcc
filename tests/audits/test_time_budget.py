"""What explanations may take, over all the audits of a run."""

import pytest

from fairlead.audits import time_budget
from fairlead.audits.time_budget import TimeBudget


@pytest.fixture
def clock(monkeypatch):
    """A clock that a test sets."""
    now = [1000.0]
    monkeypatch.setattr(time_budget.time, "monotonic", lambda: now[0])
    return now


def test_seconds_are_of_each_audit(clock):
    budget = TimeBudget(30)
    budget.begin()
    for _ in range(5):
        assert budget.seconds() == 30
        budget.spend(30)


def test_a_share_is_of_the_whole_run_for_all_its_audits_together(clock):
    budget = TimeBudget("10%")
    budget.begin()
    taken = 0.0
    for _ in range(200):  # epochs of five seconds, each with an audit that takes what it may
        clock[0] += 5
        given = budget.seconds()
        clock[0] += given
        budget.spend(given)
        taken += given
    assert taken == pytest.approx(0.1 * 200 * 5, rel=0.02)


def test_a_run_that_has_only_begun_gives_ten_seconds_once(clock):
    budget = TimeBudget("10%")
    budget.begin()
    clock[0] += 1
    assert budget.seconds() == 10
    budget.spend(10)
    clock[0] += 10
    assert budget.seconds() == 0
    budget.begin()  # the next stage of the same run
    clock[0] += 199
    assert budget.seconds() == pytest.approx(10, abs=0.1)
