"""Verdicts against planted truth: one finding for each figure, feature and split, and what to do next."""

import json
from itertools import product

import numpy as np
import pytest

from fairlead.errors import ConfigurationError
from fairlead.evidence import Ledger, Verdict
from fairlead.judgement import FIGURES, Figure, Policy, findings, group_table, judge
from fairlead.measures import FeatureGroups, GroupTally, LossTally
from fairlead.records import Labels, Predictions, SensitiveFeature

TPR = "true_positive_rate_difference"
BINARY = Labels(("no", "yes"))


def of(**limits):
    return Policy.from_mapping({"limits": limits})


def only(limit, tally, **options):
    name = options.pop("figure", TPR)
    (finding,) = judge([tally], of(**{name: limit}), "test", **options)
    return finding


def tally_of(found, positives, *, groups=None, clusters=None, missing=0):
    """A tally of positives alone, so many of which were found in each group."""
    by = FeatureGroups("sex", groups or tuple(f"g{code}" for code in range(len(positives))))
    codes = np.repeat(np.arange(len(positives) + 1), [*positives, missing])
    hits = [np.arange(size) < hit for hit, size in zip([*found, missing], [*positives, missing], strict=True)]
    predicted = np.concatenate(hits).astype(np.int64)
    return GroupTally.count(by, BINARY, codes, np.ones(len(codes), dtype=np.int64), predicted, clusters=clusters)


def test_a_planted_gap_is_flagged_with_the_groups_that_are_apart():
    finding = only(0.1, tally_of([900, 650, 800], [1000, 1000, 1000]))
    assert finding.verdict is Verdict.FLAGGED
    assert finding.estimate.value == pytest.approx(0.25)
    assert finding.estimate.low > 0.2
    assert finding.rows_needed is None
    assert "g0 0.900, g1 0.650" in finding.remedy
    assert (finding.code, finding.feature, finding.split) == ("FAIR-003", "sex", "test")


def test_no_gap_on_many_rows_is_clear_and_on_few_undecided():
    assert only(0.1, tally_of([4000, 4010], [5000, 5000])).verdict is Verdict.CLEAR
    finding = only({"most": 0.1, "margin": 0.1}, tally_of([80, 81], [100, 100]))
    assert finding.verdict is Verdict.UNDECIDED
    assert finding.estimate.low <= 0.1 <= finding.estimate.high
    needed = finding.rows_needed["sex=g0, positives"]
    assert 200 < needed < 500
    assert needed % 10 == 0
    assert f"{needed} more sex=g0, positives" in finding.remedy


def test_a_gap_exactly_at_the_limit_is_neither():
    finding = only(0.1, tally_of([4500, 4000], [5000, 5000]))
    assert finding.verdict is Verdict.UNDECIDED


def test_minimum_counts_apply_to_the_figures_own_denominator():
    by, generator = FeatureGroups("sex", ("f", "m")), np.random.default_rng(0)
    groups = np.repeat([0, 1], 2000)
    # Plenty of rows in both groups, and thirty positives in one.
    targets = np.concatenate([np.arange(2000) < 1000, np.arange(2000) < 30]).astype(np.int64)
    predicted = np.where(generator.random(4000) < 0.9, targets, 1 - targets)
    ledger = judge(
        [GroupTally.count(by, BINARY, groups, targets, predicted)],
        of(**{TPR: 0.2, "false_positive_rate_difference": 0.2, "accuracy_difference": 0.2}),
        "test",
    )
    verdicts = {finding.figure: finding.verdict for finding in ledger}
    assert verdicts[TPR] is Verdict.INSUFFICIENT
    assert verdicts["false_positive_rate_difference"] is verdicts["accuracy_difference"] is Verdict.CLEAR
    (insufficient,) = ledger.with_verdict([Verdict.INSUFFICIENT])
    assert "sex=m, positives" in insufficient.rows_needed
    assert "Fewer than 50 rows of the figure's own denominator in m" in insufficient.remedy


@pytest.mark.parametrize("third", [0, 7])
def test_a_group_without_rows_enough_hides_no_gap_and_clears_none(third):
    flagged = only(0.1, tally_of([900, 500, third], [1000, 1000, third]))
    assert flagged.verdict is Verdict.FLAGGED
    assert "Too small to speak besides: g2" in flagged.remedy
    unknown = only(0.1, tally_of([8000, 8000, third], [10_000, 10_000, third]))
    assert unknown.verdict is Verdict.INSUFFICIENT
    assert unknown.rows_needed["sex=g2, positives"] >= 50 - third
    if third:  # of three groups the small one and the next smallest are not to be quoted: one is left, and no gap
        assert unknown.estimate is None
    else:
        assert unknown.estimate.high > 0.1


def test_a_rate_of_a_tiny_group_cannot_be_read_off_an_estimate():
    sizes = [10_000, 10_000, 10_000, 3]
    all_found, none_found = (only(0.1, tally_of([8000, 8000, 8000, found], sizes)) for found in (3, 0))
    assert all_found == none_found
    assert all_found.verdict is Verdict.INSUFFICIENT
    assert all_found.estimate.value == 0
    assert all_found.estimate.high > 0.1


def test_an_empty_denominator_everywhere_leaves_no_estimate_and_no_crash():
    empty = tally_of([0, 0], [0, 0], missing=20)
    finding = only(0.1, empty)
    assert (finding.verdict, finding.estimate) == (Verdict.INSUFFICIENT, None)
    assert "20 of 20 rows have no value of sex" in finding.remedy
    assert finding.rows_needed.keys() == {"sex=g0, positives", "sex=g1, positives"}


def test_rows_without_a_value_are_compared_with_no_one():
    finding = only(0.1, tally_of([4000, 4000], [5000, 5000], missing=400))
    assert finding.verdict is Verdict.CLEAR
    assert finding.estimate.rows == 10_000
    assert "400 of 10400 rows have no value of sex" in finding.remedy
    few = only(0.1, tally_of([4000, 4000], [5000, 5000], missing=3))
    assert "Fewer than 10 of 10003 rows have no value" in few.remedy


def test_every_declared_figure_feature_and_split_has_exactly_one_finding():
    generator = np.random.default_rng(1)
    rows = 300
    answers = Predictions(
        generator.dirichlet(np.ones(2), rows),
        generator.integers(-1, 2, rows),
        np.arange(rows),
        BINARY,
        np.stack([generator.integers(0, 3, rows), generator.integers(0, 2, rows)], axis=1),
        (SensitiveFeature("sex", ("f", "m")), SensitiveFeature("site", ("only",))),
    )
    tallies = [GroupTally.of(answers, names) for names in (["sex"], ["site"], ["sex", "site"])]
    tallies.append(LossTally.count(tallies[0].by, answers.groups[:, 0], generator.random(rows), most=2.0))
    policy = of(**{figure.name: 0.2 for figure in FIGURES})
    ledger = judge(tallies, policy, "val").add(*judge(tallies, policy, "test"))
    keys = [(finding.figure, finding.feature, finding.split) for finding in ledger]
    assert sorted(keys) == sorted(product(policy.limits, ("sex", "site", "sex x site"), ("val", "test")))
    assert Ledger.from_dict(json.loads(json.dumps(ledger.to_dict()))) == ledger
    for finding in ledger:
        assert finding.remedy.endswith(".")
        assert "nan" not in json.dumps(finding.to_dict()).casefold()
        if finding.feature == "site":
            assert finding.verdict is Verdict.NOT_APPLICABLE
            assert "one group, only" in finding.remedy
        if finding.verdict in (Verdict.UNDECIDED, Verdict.INSUFFICIENT):
            assert finding.rows_needed
    (loss,) = [
        finding for finding in ledger.on("test") if (finding.figure, finding.feature) == ("worst_group_loss", "sex")
    ]
    assert loss.verdict is not Verdict.NOT_APPLICABLE


def test_a_figure_of_another_task_does_not_apply():
    finding = only(0.1, tally_of([50, 50], [90, 90]), figure="worst_group_loss")
    assert finding.verdict is Verdict.NOT_APPLICABLE
    assert "Worst_group_loss" not in finding.remedy[1:]
    assert "binary" in finding.remedy
    assert only(0.1, tally_of([50, 50], [90, 90]), figure="auc_difference").verdict is Verdict.NOT_APPLICABLE


def test_of_many_classes_the_worst_counts():
    by, labels = FeatureGroups("sex", ("f", "m")), Labels(("a", "b", "c"))
    groups, targets = np.tile([0, 1], 3000), np.repeat([0, 1, 2], 2000)
    predicted = targets.copy()
    lost = (groups == 1) & (targets == 2) & (np.arange(6000) % 3 > 0)
    predicted[lost] = 0
    finding = only(0.1, GroupTally.count(by, labels, groups, targets, predicted))
    assert finding.verdict is Verdict.FLAGGED
    assert "of c" in finding.remedy
    assert finding.estimate.value == pytest.approx(lost.sum() / 1000)
    assert finding.estimate.rows == 6000


def test_equalized_odds_looks_at_both_rates():
    by = FeatureGroups("sex", ("f", "m"))
    groups, targets = np.tile([0, 1], 2000), np.repeat([0, 1], 2000)
    predicted = np.where((groups == 1) & (targets == 0) & (np.arange(4000) % 4 == 1), 1, targets)
    tally = GroupTally.count(by, BINARY, groups, targets, predicted)
    finding = only(0.1, tally, figure="equalized_odds_difference")
    assert finding.verdict is Verdict.FLAGGED
    assert "false_positive_rate" in finding.remedy
    assert finding.estimate.rows == 4000
    assert only(0.1, tally).verdict is Verdict.CLEAR


def test_a_ratio_of_nothing_has_no_meaning():
    by = FeatureGroups("sex", ("f", "m"))
    zeros = np.zeros(400, dtype=np.int64)
    tally = GroupTally.count(by, BINARY, np.arange(400) % 2, zeros, zeros)
    finding = only(0.2, tally, figure="selection_rate_ratio_shortfall")
    assert (finding.verdict, finding.estimate) == (Verdict.INSUFFICIENT, None)
    assert "judge a difference instead" in finding.remedy


def test_the_four_fifths_rule():
    by = FeatureGroups("sex", ("f", "m"))
    codes, predicted = np.arange(8000) % 2, (np.arange(8000) % 20 < 10).astype(np.int64)
    predicted[(codes == 1) & (np.arange(8000) % 20 < 5)] = 0
    tally = GroupTally.count(by, BINARY, codes, np.full(8000, -1), predicted)
    finding = only(0.2, tally, figure="selection_rate_ratio_shortfall")
    assert finding.verdict is Verdict.FLAGGED
    assert finding.estimate.value == pytest.approx(0.4)
    assert only(0.1, tally).verdict is Verdict.INSUFFICIENT  # no truth is known, so no positive is


def test_clusters_make_the_same_rows_less_sure():
    found, positives = [400, 250], [500, 500]
    alone = only(0.2, tally_of(found, positives))
    generator = np.random.default_rng(0)
    random = only(0.2, tally_of(found, positives, clusters=generator.integers(0, 100, 1000)))
    alike = only(0.2, tally_of(found, positives, clusters=np.arange(1000) // 10))
    widths = [finding.estimate.high - finding.estimate.low for finding in (alone, random, alike)]
    assert widths[0] < widths[1] < 1.3 * widths[0]
    assert widths[2] > 2 * widths[0]
    assert (alone.verdict, alike.verdict) == (Verdict.FLAGGED, Verdict.UNDECIDED)
    assert "clusters" in alike.estimate.method


def test_every_row_its_own_cluster_changes_nothing():
    plain = only(0.2, tally_of([40, 30], [60, 60]))
    assert only(0.2, tally_of([40, 30], [60, 60], clusters=np.arange(120))) == plain


def test_a_small_area_is_insufficient_and_a_large_difference_of_areas_is_flagged():
    by, generator = FeatureGroups("sex", ("f", "m")), np.random.default_rng(2)

    def finding(rows):
        groups, targets = np.arange(rows) % 2, generator.integers(0, 2, rows)
        noise = generator.random(rows)
        scores = np.where(groups == 0, 0.45 * targets + 0.5 * noise, noise)
        tally = GroupTally.count(by, BINARY, groups, targets, targets, scores=scores)
        return only(0.1, tally, figure="auc_difference")

    assert finding(60).verdict is Verdict.INSUFFICIENT
    assert finding(6000).verdict is Verdict.FLAGGED


def test_losses_are_judged_in_their_own_unit():
    by, generator = FeatureGroups("sex", ("f", "m")), np.random.default_rng(3)
    groups = np.arange(4000) % 2
    losses = generator.exponential(1.0, 4000) * (1 + groups)
    tally = LossTally.count(by, groups, losses, most=10.0)
    worst = only({"most": 1.5, "margin": 0.3}, tally, figure="worst_group_loss")
    assert worst.verdict is Verdict.FLAGGED
    assert worst.estimate.value == pytest.approx(2.0, abs=0.15)
    assert only({"most": 3.0, "margin": 0.5}, tally, figure="worst_group_loss").verdict is Verdict.CLEAR
    assert only({"most": 0.5, "margin": 0.2}, tally, figure="loss_difference").verdict is Verdict.FLAGGED


def test_the_unit_of_a_loss_changes_nothing_but_the_unit():
    by, losses = FeatureGroups("sex", ("f", "m")), np.random.default_rng(4).random(400)
    small, large = (LossTally.count(by, np.arange(400) % 2, losses * unit, most=unit) for unit in (1.0, 10.0))
    near = only({"most": 0.52, "margin": 0.05}, small, figure="worst_group_loss")
    same = only({"most": 5.2, "margin": 0.5}, large, figure="worst_group_loss")
    assert near.verdict is same.verdict is Verdict.UNDECIDED
    assert near.rows_needed == same.rows_needed
    assert same.estimate.high == pytest.approx(10 * near.estimate.high)


def test_one_broken_figure_fails_alone(monkeypatch):
    def broken(figure, *rest):
        if figure.name == TPR:
            raise ValueError("a planted mistake")
        return measured(figure, *rest)

    measured = findings.measure
    monkeypatch.setattr(findings, "measure", broken)
    ledger = judge([tally_of([400, 400], [500, 500])], of(**{TPR: 0.1, "accuracy_difference": 0.2}), "test")
    assert [finding.verdict for finding in ledger] == [Verdict.FAILED, Verdict.CLEAR]
    assert "a planted mistake" in next(iter(ledger)).remedy


def test_rows_are_planned_only_for_what_is_open_and_a_plan_that_breaks_fails_alone(monkeypatch):
    def broken(*given):
        raise ValueError("a planted mistake")

    monkeypatch.setattr("fairlead.judgement.measurement.rows_of_rates", broken)
    verdicts = {
        found: only(0.1, tally_of(found, rows)).verdict
        for found, rows in (((4000, 4000), (5000, 5000)), ((2000, 4000), (5000, 5000)), ((40, 41), (60, 60)))
    }
    assert list(verdicts.values()) == [Verdict.CLEAR, Verdict.FLAGGED, Verdict.FAILED]


def test_more_figures_make_flagging_harder_and_clearing_no_harder():
    tally = tally_of([450, 400], [500, 500])
    alone = only(0.05, tally)
    many = judge([tally], of(**{TPR: 0.05, "accuracy_difference": 0.05, "selection_rate_difference": 0.05}), "test")
    first = next(iter(many))
    assert first.estimate.low < alone.estimate.low
    assert first.estimate.high < alone.estimate.high


def test_nothing_or_one_thing_twice_is_refused():
    tally = tally_of([40, 30], [60, 60])
    with pytest.raises(ConfigurationError, match="nothing to judge"):
        judge([], of(**{TPR: 0.1}), "test")
    with pytest.raises(ConfigurationError, match="add them up"):
        judge([tally, tally], of(**{TPR: 0.1}), "test")


@pytest.mark.parametrize(("gap", "expected"), [(0.25, Verdict.FLAGGED), (0.0, Verdict.CLEAR)])
def test_planted_truth_through_predictions(gap, expected):
    generator = np.random.default_rng(5)
    rows = 6000
    group, target = generator.integers(0, 2, rows), generator.integers(0, 2, rows)
    hit = generator.random(rows) < np.where(group == 1, 0.85 - gap, 0.85)
    score = np.where(hit == (target == 1), 0.8, 0.2)
    answers = Predictions(
        np.stack([1 - score, score], axis=1),
        target,
        np.arange(rows),
        BINARY,
        group[:, None],
        (SensitiveFeature("sex", ("f", "m")),),
    )
    halves = [GroupTally.of(answers.take(part), ["sex"]) for part in np.array_split(generator.permutation(rows), 2)]
    whole = judge([GroupTally.of(answers, ["sex"])], of(**{TPR: 0.1}), "test")
    assert judge([halves[1] + halves[0]], of(**{TPR: 0.1}), "test") == whole
    assert [finding.verdict for finding in whole] == [expected]


def test_small_groups_are_not_shown():
    tally = tally_of([80, 4, 70], [100, 7, 90])
    assert "g1" not in only(0.9, tally).remedy.split("gather")[0].replace("denominator in g1", "")
    shown = {row.group: row for row in group_table(tally, "true_positive_rate")}
    assert shown["g1"].suppressed
    assert shown["g1"].rows is shown["g1"].estimate is None
    assert shown["g2"].suppressed  # or the total less the others would give g1 away
    assert shown["g0"].estimate.value == pytest.approx(0.8)
    assert not any(row.suppressed for row in group_table(tally, "true_positive_rate", fewest=1))
    empty = group_table(tally_of([80, 0], [100, 0]), "true_positive_rate")
    assert (empty[1].rows, empty[1].estimate, empty[1].suppressed) == (0, None, False)


def test_codes_are_stable_and_documented(request):
    codes = [figure.code for figure in FIGURES]
    assert codes == [f"FAIR-{number:03d}" for number in range(1, len(FIGURES) + 1)]
    page = (request.config.rootpath / "docs" / "figures.md").read_text(encoding="utf-8")
    for figure in FIGURES:
        assert f'<a id="{figure.code.lower()}"></a>' in page
        assert f"`{figure.name}`" in page
    assert '<a id="fair-900"></a>' in page
    assert Figure.named(TPR).code == "FAIR-003"
