"""Evidence survives JSON as it is, and refuses what contradicts itself."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import EvidenceError
from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict

numbers = st.floats(-1e6, 1e6)
limits = st.builds(Limit, most=numbers, margin=st.floats(0, 1e6), rows=st.integers(1, 10**9))


@st.composite
def estimates(draw: st.DrawFn) -> Estimate:
    low, value, high = sorted(draw(st.tuples(numbers, numbers, numbers)))
    level = draw(st.floats(0, 1, exclude_min=True, exclude_max=True))
    return Estimate(value, low, high, level, draw(st.integers(1, 10**9)), draw(st.text(min_size=1, max_size=20)))


@st.composite
def findings(draw: st.DrawFn) -> Finding:
    estimate, limit = draw(st.none() | estimates()), draw(st.none() | limits)
    verdicts = [Verdict.INSUFFICIENT, Verdict.NOT_APPLICABLE, Verdict.FAILED]
    if estimate and limit:
        verdicts.append(Verdict.UNDECIDED)
        verdicts += [Verdict.FLAGGED] * (estimate.low > limit.most) + [Verdict.CLEAR] * (estimate.high < limit.most)
    return Finding(
        code=draw(st.from_regex(r"\A[A-Z]{1,6}-[0-9]{3}\Z")),
        figure=draw(st.text(max_size=10)),
        split=draw(st.sampled_from(["val", "test"])),
        verdict=draw(st.sampled_from(verdicts)),
        feature=draw(st.none() | st.text(max_size=5)),
        group=draw(st.none() | st.text(max_size=5)),
        estimate=estimate,
        limit=limit,
        rows_needed=draw(st.none() | st.dictionaries(st.text(max_size=5), st.integers(0, 10**6), max_size=3)),
        remedy=draw(st.text(max_size=20)),
    )


def through_json(content: dict[str, Any]) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    return loaded


@given(estimates(), limits)
def test_numbers_survive_json(estimate: Estimate, limit: Limit) -> None:
    assert Estimate.from_dict(through_json(estimate.to_dict())) == estimate
    assert Limit.from_dict(through_json(limit.to_dict())) == limit


def distinct(found: Finding) -> tuple[object, ...]:
    return found.figure, found.feature, found.group, found.split


@given(st.lists(findings(), max_size=4, unique_by=distinct))
def test_a_ledger_survives_json_and_divides_by_split_and_verdict(found: list[Finding]) -> None:
    ledger = Ledger().add(*found)
    assert Ledger.from_dict(through_json(ledger.to_dict())) == ledger
    assert list(ledger) == found
    assert len(ledger.on("val")) + len(ledger.on("test")) == len(ledger)
    assert all(finding.split == "test" for finding in ledger.on("test"))
    flagged = ledger.with_verdict([Verdict.FLAGGED])
    assert [finding for finding in found if finding.verdict is Verdict.FLAGGED] == list(flagged)


@given(findings())
def test_a_ledger_holds_one_finding_on_a_thing(finding: Finding) -> None:
    with pytest.raises(EvidenceError, match="exactly one"):
        Ledger((finding,)).add(finding)


def test_a_ledger_of_another_schema_is_refused() -> None:
    for content in ({"schema": 2, "findings": []}, {"findings": []}):
        with pytest.raises(EvidenceError, match="this release reads 1"):
            Ledger.from_dict(content)


GOOD = {"value": 0.5, "low": 0.4, "high": 0.6, "level": 0.95, "rows": 10, "method": "exact"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": math.nan}, "must be finite"),
        ({"high": math.inf}, "must be finite"),
        ({"value": 0.7}, "leaves out its own value"),
        ({"low": 0.9, "high": 0.1}, "leaves out its own value"),
        ({"level": 1.0}, "between 0 and 1"),
        ({"level": 0}, "between 0 and 1"),
        ({"rows": 0}, "at least one row"),
        ({"method": ""}, "names its method"),
    ],
)
def test_an_estimate_that_contradicts_itself(change: dict[str, Any], message: str) -> None:
    assert Estimate(**GOOD).rows == 10
    with pytest.raises(EvidenceError, match=message):
        Estimate(**{**GOOD, **change})


@pytest.mark.parametrize("change", [{"most": math.nan}, {"margin": -0.1}, {"margin": math.inf}, {"rows": 0}])
def test_a_limit_that_can_limit_nothing(change: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="limit"):
        Limit(**{"most": 0.1, **change})


@pytest.mark.parametrize("code", ["FAIR-01", "FAIR-0001", "fair-001", "FAIR001", "-001", "FAIR-001\n"])
def test_a_malformed_code(code: str) -> None:
    with pytest.raises(EvidenceError, match="three digits"):
        Finding(code, "figure", "test", Verdict.FAILED)


def test_a_verdict_agrees_with_its_own_numbers() -> None:
    estimate = Estimate(**GOOD)
    verdicts = {
        most: {verdict for verdict in Verdict if accepted(verdict, estimate, Limit(most))}
        for most in (0.3, 0.4, 0.5, 0.6, 0.7)
    }
    always = {Verdict.UNDECIDED, Verdict.INSUFFICIENT, Verdict.NOT_APPLICABLE, Verdict.FAILED}
    assert verdicts == {
        0.3: always | {Verdict.FLAGGED},
        0.4: always,  # an interval that touches its limit settles nothing
        0.5: always,
        0.6: always,
        0.7: always | {Verdict.CLEAR},
    }
    for verdict in (Verdict.CLEAR, Verdict.FLAGGED, Verdict.UNDECIDED):
        with pytest.raises(EvidenceError, match="needs an estimate and a limit"):
            Finding("FAIR-001", "figure", "test", verdict, estimate=estimate)


def accepted(verdict: Verdict, estimate: Estimate, limit: Limit) -> bool:
    try:
        Finding("FAIR-001", "figure", "test", verdict, estimate=estimate, limit=limit)
    except EvidenceError:
        return False
    return True
