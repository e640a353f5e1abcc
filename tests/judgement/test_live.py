"""Live verdicts against planted truth: looked at after every interval of the clock, under the codes of the audit."""

import json

import numpy as np
import pytest

from fairlead.errors import ConfigurationError
from fairlead.evidence import Ledger, Verdict
from fairlead.judgement import LIVE, Policy, judge, judge_live, live
from fairlead.measures import FeatureGroups, GroupTally, StartedTallies, binomial_interval, rate_sequence_ends
from fairlead.records import Labels

LABELS = Labels(("no", "yes"))
SEX = FeatureGroups("sex", ("f", "m"))
GAP, WORST = "accuracy_difference", "worst_group_error_rate"


def of(**limits):
    return Policy.from_mapping({"limits": limits})


def tally_of(wrong, rows, by=SEX, missing=0):
    """Rows whose truth is yes, so many of them taken for no, by group."""
    counts = np.zeros((len(by.slots), 3, 2), dtype=np.int64)
    for group, (bad, size) in enumerate(zip(wrong, rows, strict=True)):
        counts[group, 1] = bad, size - bad
    counts[-1, 1, 1] = missing
    return GroupTally(by, LABELS, counts)


def empty(by=SEX):
    return StartedTallies(tally_of([0] * len(by.groups), [0] * len(by.groups), by))


def told(wrong, rows, by=SEX, bucket=7, **options):
    tallies = empty(by)
    tallies.add(bucket, tally_of(wrong, rows, by, **options))
    return tallies


def only(tallies, policy, **options):
    (finding,) = judge_live([tallies], [tallies], policy, **{"alpha": 0.05} | options)
    return finding


def groups_of(number):
    return FeatureGroups("sex", tuple(f"g{code}" for code in range(number)))


@pytest.mark.parametrize(
    ("name", "wrong", "verdict"),
    [
        (GAP, (100, 400), Verdict.FLAGGED),
        (GAP, (100, 100), Verdict.CLEAR),
        (GAP, (100, 200), Verdict.UNDECIDED),
        ("true_positive_rate_ratio_shortfall", (100, 500), Verdict.FLAGGED),
        ("true_positive_rate_ratio_shortfall", (20, 20), Verdict.CLEAR),
        ("true_positive_rate_ratio_shortfall", (0, 100), Verdict.UNDECIDED),
        (WORST, (10, 300), Verdict.FLAGGED),
        (WORST, (10, 20), Verdict.CLEAR),
        (WORST, (10, 100), Verdict.UNDECIDED),
    ],
)
def test_a_planted_figure_gets_its_verdict_by_the_code_of_the_audit(name, wrong, verdict):
    tallies, policy = told(wrong, (1000, 1000)), of(**{name: 0.1})
    found = only(tallies, policy)
    (audited,) = judge([tallies.total], policy, "test")
    assert found.verdict is verdict
    assert (found.code, found.figure, found.feature, found.limit, found.split) == (
        audited.code, audited.figure, audited.feature, audited.limit, LIVE,
    )  # fmt: skip
    assert found.estimate.value == pytest.approx(audited.estimate.value)
    assert found.estimate.rows == audited.estimate.rows == 2000
    # What may be looked at for ever is wider than what may be looked at once.
    assert found.estimate.low <= audited.estimate.low
    assert found.estimate.high >= audited.estimate.high
    assert found.estimate.method.startswith("time-uniform")
    assert Ledger.from_dict(json.loads(json.dumps(Ledger((found,)).to_dict()))) == Ledger((found,))


def test_a_flag_says_from_when_and_which_groups():
    finding = only(told((100, 400), (1000, 1000)), of(**{GAP: 0.1}))
    assert "since the beginning (f 0.900, m 0.600)" in finding.remedy
    assert "docs/figures.md#fair-008" in finding.remedy
    assert finding.rows_needed is None


def test_minimum_counts_are_those_of_the_denominator_and_small_groups_are_not_read_off():
    by = groups_of(3)
    for small in (0, 3, 40):
        flagged = only(told((100, 400, small), (1000, 1000, small), by), of(**{GAP: 0.1}))
        assert flagged.verdict is Verdict.FLAGGED, small
        assert flagged.estimate.low > 0.1
        silent = only(told((100, 100, small), (9000, 9000, small), by), of(**{GAP: 0.1}))
        assert silent.verdict is Verdict.INSUFFICIENT, small
        assert "Fewer than 50 rows of the figure's own denominator in g2: wait for items and send" in silent.remedy
        assert silent.rows_needed == {"sex=g2, labelled rows": 10 * -(-(50 - small) // 10)}
    by = groups_of(4)
    rows = (10_000, 10_000, 10_000, 3)
    one, other = (only(told((500, 500, 500, wrong), rows, by), of(**{GAP: 0.1})) for wrong in (0, 3))
    assert one == other
    assert one.estimate.value == 0
    assert one.estimate.high > 0.1


def test_selection_rates_are_read_off_all_items_and_the_rest_off_those_whose_truth_was_told():
    asked, labelled = empty(), empty()
    counts = np.zeros((3, 3, 2), dtype=np.int64)
    counts[0, 2], counts[1, 2] = (500, 500), (900, 100)  # truth not known
    asked.add(7, GroupTally(SEX, LABELS, counts))
    policy = of(selection_rate_difference=0.1, **{GAP: 0.1})
    rates, gap = judge_live([asked], [labelled], policy, alpha=0.05)
    assert (rates.verdict, gap.verdict) == (Verdict.FLAGGED, Verdict.INSUFFICIENT)
    assert rates.estimate.value == pytest.approx(0.4)
    assert gap.estimate is None
    labelled.add(7, tally_of((50, 50), (1000, 1000)))
    again, gap = judge_live([asked], [labelled], policy, alpha=0.05)
    assert again == rates
    assert gap.verdict is Verdict.CLEAR


def test_what_is_not_judged_in_service_says_why():
    none = told((100,), (1000,), FeatureGroups("sex", ("f",)))
    assert only(none, of(**{GAP: 0.1})).verdict is Verdict.NOT_APPLICABLE
    findings = judge_live([empty()], [empty()], of(auc_difference=0.1, worst_group_loss=0.1), alpha=0.05)
    assert {finding.verdict for finding in findings} == {Verdict.NOT_APPLICABLE}
    assert "not watched in service" in findings.findings[0].remedy
    assert len(judge_live([], [], Policy.default(), alpha=0.05)) == 0
    never = only(told((1000, 1000), (1000, 1000)), of(true_positive_rate_ratio_shortfall=0.1))
    assert (never.verdict, never.estimate) == (Verdict.INSUFFICIENT, None)
    assert "a ratio has no meaning" in never.remedy
    some = only(told((50, 50), (1000, 1000), missing=40), of(**{GAP: 0.1}))
    assert "40 of 2040 rows have no value of sex" in some.remedy


def test_a_broken_figure_hides_no_other(monkeypatch):
    def broken(stack, kind):
        if kind.value == "worst":
            raise ZeroDivisionError("planted")
        return 0.0

    monkeypatch.setattr(live, "_high_end", broken)
    tallies = told((50, 50), (1000, 1000))
    worst, gap = judge_live([tallies], [tallies], of(**{WORST: 0.2, GAP: 0.1}), alpha=0.05)
    assert (worst.verdict, gap.verdict) == (Verdict.FAILED, Verdict.CLEAR)
    assert "planted" in worst.remedy


def test_other_features_or_no_chance_are_refused():
    other = FeatureGroups("age", ("old", "young"))
    with pytest.raises(ConfigurationError, match="features asked and labelled"):
        judge_live([empty()], [empty(other)], Policy.default(), alpha=0.05)
    with pytest.raises(ConfigurationError, match="features asked and labelled"):
        judge_live([empty()], [], Policy.default(), alpha=0.05)
    with pytest.raises(ConfigurationError, match=r"got 0\.0"):
        judge_live([empty()], [empty()], Policy.default(), alpha=0.0)


def test_more_figures_make_a_flag_dearer_and_leave_clear_as_it_is():
    tallies = told((100, 300), (1000, 1000))
    names = [GAP, WORST, "true_positive_rate_difference", "worst_group_false_negative_rate"]
    alone, among = only(tallies, of(**{GAP: 0.1})), judge_live([tallies], [tallies], of(**dict.fromkeys(names, 0.1)),
        alpha=0.05).findings[0]  # fmt: skip
    assert among.estimate.low < alone.estimate.low
    assert among.estimate.high == alone.estimate.high
    # The chance is divided by the figures, the start and the two rates.
    miss = 0.05 / 4 * 0.5 / 2
    low, high = rate_sequence_ends([300, 100], 1000, miss)
    assert among.estimate.low == pytest.approx(float(low[0] - high[1]))
    low, high = rate_sequence_ends([300, 100], 1000, 0.05 / 2)
    assert among.estimate.high == pytest.approx(float(high[0] - low[1]))


def test_at_the_limit_none_of_many_looks_flags_where_an_interval_for_one_look_would():
    generator, runs, policy = np.random.default_rng(8), 15, of(**{GAP: 0.1})
    flagged = naive = 0
    for _ in range(runs):
        tallies = empty()
        for bucket in range(500, 520):
            rows = generator.poisson(60, 2)
            tallies.add(bucket, tally_of(generator.binomial(rows, (0.05, 0.15)), rows))
            flagged += only(tallies, policy).verdict is Verdict.FLAGGED
            # The same starts, each with the exact interval of its own size.
            for since in (tallies.total, *tallies.starts.values()):
                low, high = binomial_interval(since.counts[:2, 1, 0], since.rows[:2], 0.95)
                naive += float(low[1] - high[0]) > 0.1
    assert flagged == 0
    assert naive > 3


@pytest.mark.parametrize("clean", [60, 240])
def test_a_group_that_turns_bad_is_flagged_soon_however_long_all_was_well(clean):
    tallies, policy, generator = empty(), of(**{WORST: 0.15}), np.random.default_rng(4)
    for bucket in range(5000, 5000 + clean):
        tallies.add(bucket, tally_of(generator.binomial(15, (0.1, 0.1)), (15, 15)))
    assert only(tallies, policy).verdict is Verdict.CLEAR
    soon = None
    for after in range(1, 80):
        tallies.add(5000 + clean + after, tally_of(generator.binomial(15, (0.1, 0.3)), (15, 15)))
        finding = only(tallies, policy)
        if finding.verdict is Verdict.FLAGGED:
            soon = after
            break
    assert soon is not None
    assert soon * 15 < 900
    assert "intervals of the clock" in finding.remedy
    assert "m 0." in finding.remedy
    low, _ = rate_sequence_ends(tallies.total.counts[:2, 1, 0], tallies.total.rows[:2], 0.05)
    assert low.max() < 0.15  # since the beginning alone, nothing is to be seen yet


def test_merged_replicas_give_the_findings_of_one_that_saw_all():
    generator, parts, whole = np.random.default_rng(6), [empty(), empty()], empty()
    for bucket in range(900, 960):
        rows = generator.integers(0, 9, 2)
        tally = tally_of(generator.binomial(rows, (0.1, 0.5)), rows)
        parts[int(generator.integers(2)) if bucket > 901 else bucket % 2].add(bucket, tally)
        whole.add(bucket, tally)
    both, policy = parts[0] + parts[1], of(**{GAP: 0.1, WORST: 0.2, "selection_rate_difference": 0.1})
    assert judge_live([both], [both], policy, alpha=0.01) == judge_live([whole], [whole], policy, alpha=0.01)
    assert only(whole, of(**{GAP: 0.1})).verdict is Verdict.FLAGGED


def test_labels_that_come_in_disorder_spend_by_the_clock_of_the_answers():
    asked, labelled = empty(), empty()
    for bucket in range(100, 140):
        asked.add(bucket, tally_of((0, 0), (0, 0)))
    for bucket in reversed(range(100, 140)):
        labelled.add(bucket, tally_of((1, 1 if bucket < 120 else 9), (20, 20)))
    in_order = empty()
    for bucket in range(100, 140):
        in_order.add(bucket, tally_of((1, 1 if bucket < 120 else 9), (20, 20)))
    policy = of(**{WORST: 0.2})
    found = judge_live([asked], [labelled], policy, alpha=0.05)
    assert found == judge_live([asked], [in_order], policy, alpha=0.05)
    assert found.findings[0].verdict is Verdict.FLAGGED


def test_a_policy_is_read_back_from_the_findings_it_led_to():
    policy = of(**{GAP: {"most": 0.2, "margin": 0.02, "rows": 80}, WORST: 0.3})
    tally = told((100, 400), (1000, 1000)).total
    assert Policy.of_ledger(judge([tally], policy, "test")).limits == policy.limits
    mixed = judge([tally], policy, "test").add(*judge([tally], of(**{GAP: 0.4}), "val"))
    assert Policy.of_ledger(mixed).limits == policy.limits
    assert Policy.of_ledger(Ledger()) == Policy.default()
