"""A policy says what is accepted and the gate obeys it; a person may answer for more."""

import json

import pytest

from fairlead.errors import ConfigurationError, UnknownNameError, UnreadableFileError
from fairlead.evidence import OVERRIDE_CODE, Estimate, Finding, Ledger, Limit, Override, Verdict
from fairlead.judgement import Policy, ReleaseGate

TPR = "true_positive_rate_difference"


def finding(verdict, split="test", feature="sex"):
    middle = {Verdict.FLAGGED: 0.3, Verdict.CLEAR: 0.05}.get(verdict, 0.1)
    estimate = Estimate(middle, middle - 0.04, middle + 0.04, 0.95, 100, "planted")
    return Finding("FAIR-003", TPR, split, verdict, feature=feature, estimate=estimate, limit=Limit(0.1))


def test_a_policy_file_reads_as_written(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        f"limits:\n  {TPR}: 0.1\n  selection_rate_difference: {{most: 0.2, margin: 0.1, rows: 80}}\n"
        "block: [flagged, failed, insufficient]\n",
        encoding="utf-8",
    )
    policy = Policy.from_file(path)
    assert policy.limits == {TPR: Limit(0.1), "selection_rate_difference": Limit(0.2, 0.1, 80)}
    assert policy.block == (Verdict.FLAGGED, Verdict.FAILED, Verdict.INSUFFICIENT)
    assert Policy.from_mapping(json.loads(json.dumps(policy.to_mapping()))) == policy


def test_the_default_policy_is_three_differences():
    policy = Policy.default()
    assert policy.limits == dict.fromkeys(
        (TPR, "false_positive_rate_difference", "selection_rate_difference"), Limit(0.1, margin=0.05, rows=50)
    )
    assert policy.block == (Verdict.FLAGGED, Verdict.FAILED)


def test_an_unknown_figure_is_refused_with_the_known_ones():
    with pytest.raises(UnknownNameError, match=r"no figure 'true_positve_rate_difference'.*did you mean '" + TPR):
        Policy.from_mapping({"limits": {"true_positve_rate_difference": 0.1}})
    with pytest.raises(UnknownNameError, match=r"selection_rate_ratio_shortfall"):
        Policy.from_mapping({"limits": {"selection_rate_ratio": 0.8}})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "needs limits"),
        ([], "needs limits"),
        ({"limits": {}}, "at least one limit"),
        ({"limits": {TPR: 10}}, "ten points in a hundred"),
        ({"limits": {TPR: -0.1}}, "a share from 0 to 1"),
        ({"limits": {"worst_group_loss": -1}}, "at least 0"),
        ({"limits": {TPR: float("nan")}}, "finite"),
        ({"limits": {TPR: "a tenth"}}, "is a number"),
        ({"limits": {TPR: True}}, "is a number"),
        ({"limits": {TPR: {"margin": 0.1}}}, "is a number"),
        ({"limits": {TPR: {"most": 0.1, "rows": 2.5}}}, "whole rows"),
        ({"limits": {TPR: {"most": 0.1, "rows": 0}}}, "at least one row"),
        ({"limits": {TPR: {"most": 0.1, "least": 0}}}, "no entry of " + TPR + " 'least'"),
        ({"limits": {TPR: 0.1}, "blocks": []}, "did you mean 'block'"),
        ({"limits": {TPR: 0.1}, "block": ["flaged"]}, "did you mean 'flagged'"),
        ({"limits": {TPR: 0.1}, "block": "flagged"}, "is a list of verdicts"),
        ({"limits": {TPR: 0.1}, "block": ["clear"]}, "cannot block"),
    ],
)
def test_a_policy_that_is_none_is_refused(content, message):
    with pytest.raises(ConfigurationError, match=message):
        Policy.from_mapping(content)


def test_a_policy_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UnreadableFileError, match=r"nowhere\.yaml"):
        Policy.from_file(tmp_path / "nowhere.yaml")
    path = tmp_path / "policy.yaml"
    path.write_text("limits: [", encoding="utf-8")
    with pytest.raises(UnreadableFileError, match=r"policy\.yaml"):
        Policy.from_file(path)
    path.write_text("", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"policy\.yaml needs limits"):
        Policy.from_file(path)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_the_gate_blocks_what_the_policy_says_and_nothing_else(verdict):
    ledger = Ledger((finding(Verdict.CLEAR, feature="age"), finding(verdict)))
    usual = ReleaseGate.of(Policy.default()).decide(ledger)
    assert usual.passes is (verdict not in (Verdict.FLAGGED, Verdict.FAILED))
    strict = ReleaseGate((Verdict.UNDECIDED, Verdict.INSUFFICIENT)).decide(ledger)
    assert strict.passes is (verdict not in (Verdict.UNDECIDED, Verdict.INSUFFICIENT))
    if not usual.passes:
        assert usual.blocked_by == (f"FAIR-003 {TPR}, sex: {verdict.value}",)


def test_only_the_test_split_is_read():
    gate = ReleaseGate.of(Policy.default())
    assert gate.decide(Ledger((finding(Verdict.FLAGGED, split="val"), finding(Verdict.CLEAR)))).passes


@pytest.mark.parametrize("ledger", [Ledger(), Ledger((finding(Verdict.CLEAR, split="val"),))])
def test_what_was_not_tested_does_not_pass(ledger):
    decision = ReleaseGate.of(Policy.default()).decide(ledger)
    assert not decision.passes
    assert decision.to_dict() == {
        "passes": False,
        "blocked_by": ["no figure was judged on the test split"],
        "override": None,
    }


def test_figures_that_do_not_apply_are_not_a_test():
    only = Finding("FAIR-003", TPR, "test", Verdict.NOT_APPLICABLE, feature="sex")
    assert not ReleaseGate.of(Policy.default()).decide(Ledger((only,))).passes


def test_an_override_passes_is_shown_and_is_a_finding():
    signed = Override("a pilot with ten users", "A. Person", "2026-01-31")
    ledger = Ledger((finding(Verdict.FLAGGED),)).add(signed.finding())
    gate = ReleaseGate.of(Policy.default())
    assert not gate.decide(ledger).passes
    decision = gate.decide(ledger, signed)
    assert decision.passes
    assert decision.blocked_by == (f"FAIR-003 {TPR}, sex: flagged",)
    assert decision.to_dict()["override"] == signed.to_dict()
    (kept,) = [one for one in ledger if one.code == OVERRIDE_CODE]
    assert all(part in kept.remedy for part in ("A. Person", "2026-01-31", "a pilot with ten users"))
    assert Finding.from_dict(json.loads(json.dumps(kept.to_dict()))) == kept


def test_an_override_does_not_block_itself():
    signed = Override("a pilot", "A. Person", "2026-01-31")
    ledger = Ledger((finding(Verdict.CLEAR), signed.finding()))
    assert ReleaseGate((Verdict.NOT_APPLICABLE,)).decide(ledger).passes


def test_an_override_alone_is_not_a_test():
    signed = Override("a pilot", "A. Person", "2026-01-31")
    decision = ReleaseGate.of(Policy.default()).decide(Ledger((signed.finding(),)))
    assert not decision.passes


@pytest.mark.parametrize(
    ("reason", "name", "date", "message"),
    [
        ("", "A. Person", "2026-01-31", "states its reason"),
        ("a pilot", "  ", "2026-01-31", "states its name"),
        ("a pilot", "A. Person", "", "states its date"),
        ("a pilot", "A. Person", "31.1.2026", "dated as in 2026-01-31"),
        ("a pilot", "A. Person", "2026-02-31", "dated as in 2026-01-31"),
    ],
)
def test_an_override_without_reason_name_or_date_is_refused(reason, name, date, message):
    with pytest.raises(ConfigurationError, match=message):
        Override(reason, name, date)
