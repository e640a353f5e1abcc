"""What a rule gained and cost, on the same rows."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fairlead.audits import BeforeAfter, GroupAudit
from fairlead.errors import DataError
from fairlead.judgement import Policy
from fairlead.records import DecisionRule, Labels, Predictions, SensitiveFeature, Split, Thresholds

TONE = SensitiveFeature("tone", ("dark", "light", "rare"))
POLICY = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
RULE = DecisionRule(tuple(map(Thresholds.single, (0.3, 0.6, 0.5, 0.5))), TONE)


def predictions(rows=3000, seed=0, rare=4):
    rng = np.random.default_rng(seed)
    tone = rng.choice([0, 1, 3], rows, p=[0.45, 0.53, 0.02])
    tone[:rare] = 2
    target = rng.integers(0, 2, rows)
    logit = 3 * target - 1.5 - 0.8 * (tone == 0) + 0.5 * (tone == 1) + rng.normal(size=rows)
    score = 1 / (1 + np.exp(-logit))
    return Predictions(
        np.stack([1 - score, score], axis=1), target, np.arange(rows), Labels(("no", "yes")), tone[:, None], (TONE,)
    )


def test_accuracy_and_findings_before_and_after_are_those_of_the_two_audits():
    before = predictions(rare=60)
    after = before.decided_by(RULE)
    found = BeforeAfter.of(before, after.take(np.random.default_rng(1).permutation(3000)), POLICY)
    for part, told, ledger in ((before, found.overall.before, found.before), (after, found.overall.after, found.after)):
        assert told.value == pytest.approx((part.predicted == part.targets).mean())
        assert ledger == GroupAudit.of({Split.TEST: part}, POLICY).ledger
    assert found.overall.change.value == pytest.approx(found.overall.after.value - found.overall.before.value)
    assert [finding.verdict.value for finding in found.before] == ["flagged"]
    assert found.after.findings[0].estimate.value < found.before.findings[0].estimate.value
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_group_too_small_to_show_is_not_shown_nor_the_next():
    before = predictions()
    found = BeforeAfter.of(before, before.decided_by(RULE), POLICY)
    hidden = [change for change in found.groups if change.suppressed]
    assert [change.group for change in hidden] == ["dark", "rare"]
    assert all(change.before is change.after is change.change is None for change in hidden)


def test_without_features_the_whole_is_compared_and_nothing_judged():
    before = replace(predictions(), groups=np.zeros((3000, 0), dtype=np.int64), sensitive=())
    found = BeforeAfter.of(before, before.decided_by(DecisionRule.single(0.4)), POLICY)
    assert found.groups == ()
    assert len(found.before) == len(found.after) == 0


def test_other_rows_are_refused():
    with pytest.raises(DataError, match="not predictions of the same rows"):
        BeforeAfter.of(predictions(), predictions(seed=1), POLICY)
