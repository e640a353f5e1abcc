"""What masking did is said as exactly as it can be, small groups are not told, and the gate obeys what may gate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement import (
    ADVISORY,
    INTERVENTION_FIGURES,
    UNRELIABLE_EXPLANATIONS,
    Policy,
    ReleaseGate,
    failed_interventions,
    judge_interventions,
)
from fairlead.measures import EVERY_ROW, FeatureGroups, InterventionTally, binomial_interval
from fairlead.records import Labels

LABELS = Labels(("benign", "malignant"))
SIX = FeatureGroups("tone", ("I", "II", "III", "IV", "V", "VI"))
USUAL = Policy.default().interventions
TENTH = dict.fromkeys(("answer_change_rate", "selection_rate_change"), Limit(0.1))
RATE = {"answer_change_rate": Limit(0.1)}


def of_counts(rows, gained=0, lost=0, labels=LABELS, righted=0, wronged=0, known=0):
    """A tally of every row, with these counts of the last class."""
    up, down = np.zeros((2, 1, len(labels)), dtype=np.int64)
    up[0, -1], down[0, -1], up[0, 0], down[0, 0] = gained, lost, lost, gained
    one = {"rows": rows, "known": known, "righted": righted, "wronged": wronged}
    return InterventionTally(
        EVERY_ROW, labels, gained=up, lost=down, **{name: np.array([count]) for name, count in one.items()}
    )


def by_group(rows, gained, lost, by=SIX):
    """A tally of groups, with these counts of the positive class in each."""
    rows, gained, lost = (np.append(np.broadcast_to(count, len(by.groups)), 0) for count in (rows, gained, lost))
    up, down = np.stack([lost, gained], axis=1), np.stack([gained, lost], axis=1)
    none = np.zeros_like(rows)
    return InterventionTally(by, LABELS, rows=rows, gained=up, lost=down, known=none, righted=none, wronged=none)


def only(ledger, **wanted):
    (found,) = [f for f in ledger if all(getattr(f, name) == value for name, value in wanted.items())]
    return found


def test_a_change_rate_has_the_exact_binomial_interval():
    (found,) = judge_interventions({"ruler": [of_counts(200, 12, 30)]}, RATE, "test")
    oracle = stats.binomtest(42, 200).proportion_ci(0.95, method="exact")
    assert found.estimate.value == 0.21
    assert (found.estimate.low, found.estimate.high) == pytest.approx((oracle.low, oracle.high), abs=1e-9)
    assert (found.code, found.subject, found.rows_needed) == ("SHAP-101", "ruler", None)
    assert found.verdict is Verdict.FLAGGED
    assert "docs/figures.md#shap-101" in found.remedy


@pytest.mark.parametrize(
    ("changed", "rows", "verdict"),
    [
        (60, 200, Verdict.FLAGGED),
        (4, 200, Verdict.CLEAR),
        (20, 200, Verdict.UNDECIDED),
        (40, 49, Verdict.INSUFFICIENT),
        (0, 0, Verdict.NOT_APPLICABLE),
    ],
)
def test_each_verdict_says_what_to_do(changed, rows, verdict):
    (found,) = judge_interventions({"ruler": [of_counts(rows, changed)]}, RATE, "test")
    assert found.verdict is verdict
    assert found.remedy.endswith(".")
    assert (found.rows_needed is not None) is (verdict in (Verdict.UNDECIDED, Verdict.INSUFFICIENT))
    if verdict is Verdict.NOT_APPLICABLE:
        assert found.remedy == "No row of the test split has ruler, so nothing could be changed in it."
        assert found.estimate is None


@pytest.mark.parametrize(("gained", "lost"), [(60, 4), (4, 60)])
def test_a_selection_rate_is_judged_by_how_far_it_moves_either_way(gained, lost):
    tallies = {"ruler": [of_counts(200, gained, lost)]}
    (found,) = judge_interventions(tallies, {"selection_rate_change": Limit(0.1)}, "test")
    assert found.estimate.value == pytest.approx(0.28)
    assert found.verdict is Verdict.FLAGGED
    (even,) = judge_interventions({"ruler": [of_counts(200, 30, 30)]}, {"selection_rate_change": Limit(0.1)}, "test")
    assert (even.estimate.value, even.estimate.low) == (0, 0)
    assert even.verdict is Verdict.UNDECIDED


def test_of_several_classes_the_one_that_moves_most_is_judged():
    three = Labels(("a", "b", "c"))
    before, after = np.repeat([0, 1, 2], 100), np.repeat([0, 2, 2], 100)
    columns = {"targets": before, "before": before, "after": after}
    tally = InterventionTally.count(EVERY_ROW, three, np.zeros(300, dtype=np.int64), **columns)
    (found,) = judge_interventions({"ruler": [tally]}, {"selection_rate_change": Limit(0.1)}, "test")
    assert found.estimate.value == pytest.approx(1 / 3)
    (two,) = judge_interventions({"ruler": [of_counts(300, 0, 100)]}, {"selection_rate_change": Limit(0.1)}, "test")
    assert found.estimate.low < two.estimate.low  # three classes share the chance of a false alarm


def test_accuracy_that_masking_gains_is_no_loss():
    limits = {"accuracy_change": Limit(0.1)}
    lost = of_counts(300, 60, 0, known=200, wronged=60)
    won = of_counts(300, 60, 0, known=200, righted=60)
    unknown = of_counts(300, 60, 0)
    verdicts = [judge_interventions({"ruler": [tally]}, limits, "test").findings[0] for tally in (lost, won, unknown)]
    assert [found.verdict for found in verdicts] == [Verdict.FLAGGED, Verdict.CLEAR, Verdict.NOT_APPLICABLE]
    assert [found.estimate and found.estimate.value for found in verdicts] == [0.3, -0.3, None]
    assert verdicts[0].estimate.rows == 200
    assert "No row of known truth" in verdicts[2].remedy


def test_every_group_is_judged_beside_the_whole():
    tallies = {"ruler": [by_group(200, [0, 0, 0, 0, 80, 0], 0)], "he/she": [by_group(200, 0, 0)]}
    ledger = judge_interventions(tallies, USUAL, "test")
    assert len(ledger) == 2 * 2 * 7
    flagged = [(f.subject, f.group) for f in ledger.with_verdict([Verdict.FLAGGED])]
    assert flagged == [("ruler", "V")] * 2
    assert only(ledger, subject="ruler", figure="answer_change_rate", feature=None).group is None


def test_a_small_group_is_not_told_nor_what_gives_it_away():
    tally = by_group([400, 300, 60, 7, 0, 100], [2, 2, 1, 7, 0, 1], 0)
    ledger = judge_interventions({"ruler": [tally]}, RATE, "test")
    shown = {f.group: f.estimate is not None for f in ledger}
    assert shown == {None: True, "I": True, "II": True, "III": False, "IV": False, "V": False, "VI": True}
    assert only(ledger, group="III").verdict is Verdict.INSUFFICIENT
    assert "could be worked out" in only(ledger, group="III").remedy
    both = judge_interventions({"ruler": [by_group([400, 300, 60, 7, 8, 100], 1, 0)]}, RATE, "test")
    assert only(both, group="III").estimate is not None  # two small ones hide each other
    assert only(both, group="IV").estimate is None
    every = judge_interventions({"ruler": [tally]}, RATE, "test", fewest_shown=1)
    assert only(every, group="IV").estimate.value == 1
    assert only(every, group="IV").verdict is Verdict.INSUFFICIENT


def test_a_flagged_group_is_told_beside_a_small_one():
    ledger = judge_interventions(
        {"ruler": [by_group([400, 300, 60, 7, 100, 100], [0, 0, 50, 7, 0, 0], 0)]}, RATE, "test"
    )
    assert only(ledger, group="III").verdict is Verdict.FLAGGED
    hidden = [f.group for f in ledger if f.estimate is None]
    assert hidden in (["IV", "V"], ["IV", "VI"])


def test_more_figures_make_flagging_harder_and_clearing_no_harder():
    one = judge_interventions({"ruler": [of_counts(300, 40)]}, RATE, "test").findings[0].estimate
    many = {f"region {number}": [of_counts(300, 40)] for number in range(20)}
    shared = judge_interventions(many, RATE, "test").findings[0].estimate
    assert shared.low < one.low
    assert shared.high <= one.high


def alarms(change, seeds, rows=120):
    """Shares of draws in which anything is flagged, and in which the whole is clear, by each figure."""
    flagged, clear = 0, np.zeros(len(TENTH))
    for seed in range(seeds):
        gained, lost = np.random.default_rng(seed).multinomial(rows, [*change, 1 - sum(change)], size=6).T[:2]
        ledger = judge_interventions({"ruler": [by_group(rows, gained, lost)]}, TENTH, "test")
        flagged += bool(ledger.with_verdict([Verdict.FLAGGED]))
        clear += [only(ledger, figure=name, feature=None).verdict is Verdict.CLEAR for name in TENTH]
    return flagged, clear


def test_at_the_limit_hardly_anything_is_flagged_or_cleared():
    flagged, clear = alarms((0.1, 0.0), seeds=300)  # both figures are 0.1 in every group
    least = [float(binomial_interval(count, 300, 0.98)[0]) for count in (flagged, *clear)]
    assert max(least) <= 0.05


def test_a_change_twice_the_limit_is_flagged_and_a_small_one_cleared():
    assert alarms((0.02, 0.25), seeds=40)[0] == 40
    flagged, clear = alarms((0.015, 0.015), seeds=40)
    assert flagged == 0
    assert clear.min() >= 36


@pytest.mark.parametrize("change", [(0.0, 0.0), (0.02, 0.02), (0.1, 0.02), (0.3, 0.3), (0.005, 0.2)])
@pytest.mark.parametrize("rows", [15, 200])
def test_the_interval_of_a_net_change_covers(change, rows):
    truth, drawn = abs(change[0] - change[1]), 300
    counts = np.random.default_rng(rows).multinomial(rows, [*change, 1 - sum(change)], size=drawn)
    limit = {"selection_rate_change": Limit(0.1, rows=1)}
    found = [judge_interventions({"r": [of_counts(rows, *pair)]}, limit, "test").findings[0] for pair in counts[:, :2]]
    missed = sum(not f.estimate.low <= truth <= f.estimate.high for f in found)
    assert binomial_interval(missed, drawn, 0.98)[0] <= 0.05


@pytest.mark.parametrize(("name", "churn"), [("answer_change_rate", 0.0), ("selection_rate_change", 0.1)])
def test_the_rows_it_asks_for_settle_it_in_four_cases_of_five(name, churn):
    limits = {name: Limit(0.1, margin=0.05)}
    rows = 400
    (found,) = judge_interventions(
        {"r": [of_counts(rows, int(rows * (0.1 + churn)), int(rows * churn))]}, limits, "test"
    )
    assert found.verdict is Verdict.UNDECIDED
    rows += sum(found.rows_needed.values())
    for truth, wanted in ((0.05, Verdict.CLEAR), (0.15, Verdict.FLAGGED)):
        counts = np.random.default_rng(0).multinomial(rows, [truth + churn, churn, 1 - truth - 2 * churn], size=200)
        settled = sum(
            judge_interventions({"r": [of_counts(rows, *pair)]}, limits, "test").findings[0].verdict is wanted
            for pair in counts[:, :2]
        )
        assert binomial_interval(settled, 200, 0.98)[1] >= 0.8


def test_what_cannot_be_judged_is_refused():
    with pytest.raises(UnknownNameError, match="answer_change_rate"):
        judge_interventions({"ruler": [of_counts(9)]}, {"answer_changes": Limit(0.1)}, "test")
    with pytest.raises(ConfigurationError, match="ruler has no tally"):
        judge_interventions({"ruler": []}, RATE, "test")
    with pytest.raises(ConfigurationError, match="of different rows"):
        judge_interventions({"ruler": [of_counts(9), of_counts(8)]}, RATE, "test")
    assert len(judge_interventions({"ruler": [of_counts(9)]}, {}, "test")) == 0


# -- policy and gate -----------------------------------------------------------------------------------


def test_a_policy_says_what_an_intervention_may_change():
    limits = {"selection_rate_difference": 0.1}
    assert Policy.from_mapping({"limits": limits}).interventions == Policy.default().interventions
    assert {name: limit.most for name, limit in USUAL.items()} == {
        "answer_change_rate": 0.1,
        "selection_rate_change": 0.05,
    }
    policy = Policy.from_mapping({"limits": limits, "interventions": {"accuracy_change": {"most": 0.02, "rows": 200}}})
    assert policy.interventions == {"accuracy_change": Limit(0.02, rows=200)}
    assert Policy.from_mapping(policy.to_mapping()) == policy
    none = Policy.from_mapping({"limits": limits, "interventions": {}})
    assert none.interventions == {}
    assert Policy.from_mapping(none.to_mapping()) == none


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"answer_change": 0.1}, "did you mean 'answer_change_rate'"),
        ({"selection_rate_difference": 0.1}, "selection_rate_change"),
        ({"answer_change_rate": 10}, "0.1 is one row in ten"),
        ({"accuracy_change": -0.1}, "a share from 0 to 1"),
        ({"accuracy_change": "little"}, "is a number"),
        ([], "limits by name"),
    ],
)
def test_limits_of_interventions_that_are_none_are_refused(given, message):
    with pytest.raises(ConfigurationError, match=message):
        Policy.from_mapping({"limits": {"selection_rate_difference": 0.1}, "interventions": given})


GROUPS = Finding("FAIR-001", "selection_rate_difference", "test", Verdict.INSUFFICIENT, feature="tone")


def test_an_intervention_gates_and_an_explanation_does_not():
    gate = ReleaseGate.of(Policy.default())
    flagged = judge_interventions({"ruler": [of_counts(200, 90)]}, RATE, "test")
    assert gate.decide(flagged.add(GROUPS)).blocked_by == ("SHAP-101 answer_change_rate, ruler: flagged",)
    estimate = Estimate(0.9, 0.8, 0.95, 0.95, 60, "planted")
    advice = [
        Finding(code, f"figure {code} {verdict}", "test", verdict, estimate=estimate, limit=Limit(0.1))
        for code in (UNRELIABLE_EXPLANATIONS, "SHAP-099")
        for verdict in (Verdict.FLAGGED, Verdict.FAILED)
    ]
    assert gate.decide(Ledger((GROUPS, *advice))).passes
    assert not gate.decide(Ledger(tuple(advice))).passes  # and is no test


def test_masking_does_not_stand_for_a_test_of_groups():
    gate = ReleaseGate.of(Policy.default())
    clear = judge_interventions({"ruler": [of_counts(200)]}, RATE, "test")
    assert gate.decide(clear).blocked_by == ("no figure of a sensitive feature was judged on the test split",)
    assert gate.decide(clear.add(GROUPS)).passes
    failed = failed_interventions(["ruler"], RATE, "test", "row 3 is not a number")
    assert gate.decide(failed.add(GROUPS)).blocked_by == ("SHAP-101 answer_change_rate, ruler: failed",)


def test_every_figure_has_a_code_that_the_docs_explain(request):
    page = (request.config.rootpath / "docs" / "figures.md").read_text(encoding="utf-8")
    assert [figure.code for figure in INTERVENTION_FIGURES] == ["SHAP-101", "SHAP-102", "SHAP-103"]
    assert not any(figure.code.startswith(ADVISORY) for figure in INTERVENTION_FIGURES)
    assert UNRELIABLE_EXPLANATIONS.startswith(ADVISORY)
    named = {figure.code: figure.name for figure in INTERVENTION_FIGURES} | {
        UNRELIABLE_EXPLANATIONS: "unreliable_explanations"
    }
    for code, name in named.items():
        assert f'<a id="{code.lower()}"></a>\n### {code} `{name}`' in page
