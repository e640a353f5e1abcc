"""The rule belongs to the weights: saved with them, obeyed everywhere, forgotten when they change."""

import numpy as np
import pytest
import torch

from fairlead.audits import FairnessAudit, GroupAudit, evaluate
from fairlead.data import Columns
from fairlead.errors import ConfigurationError
from fairlead.judgement import Policy
from fairlead.modules import ImageClassifier
from fairlead.records import DecisionRule, Split, Thresholds
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data


def toned(**settings):
    return tiny_data(columns=Columns(sensitive=("tone",)), **settings)


def rule_of(data):
    feature = data.rows.sensitive[0]
    edges = np.linspace(0.1, 0.9, len(feature.slots))
    return DecisionRule(tuple(Thresholds.single(float(edge)) for edge in edges), feature)


def module_of(data):
    torch.manual_seed(0)
    return ImageClassifier(data.labels, backbone=tiny_backbone())


def save(module, path):
    trainer = quiet_trainer()
    trainer.strategy.connect(module)
    trainer.save_checkpoint(path, weights_only=True)


def test_a_checkpoint_keeps_the_rule_and_one_without_loads_without(tmp_path):
    data = toned()
    module, rule = module_of(data), rule_of(data)
    save(module, tmp_path / "plain.ckpt")
    module.decide_by(rule)
    save(module, tmp_path / "ruled.ckpt")
    load = ImageClassifier.load_from_checkpoint
    assert load(tmp_path / "ruled.ckpt", weights_only=True).decision == rule
    assert load(tmp_path / "plain.ckpt", weights_only=True).decision is None
    module.restore(tmp_path / "plain.ckpt")
    assert module.decision is None
    module.restore(tmp_path / "ruled.ckpt")
    assert module.decision == rule


def test_the_audit_and_the_accuracy_of_any_trainer_follow_the_rule():
    data = toned(test=60)
    module, audit = module_of(data), FairnessAudit()
    trainer = quiet_trainer(callbacks=[audit])
    plain = evaluate(quiet_trainer(), module, data).predictions[Split.TEST]
    module.decide_by(rule_of(data))
    expected = plain.decided_by(rule_of(data))
    assert (expected.predicted != plain.predicted).any()
    logged = trainer.test(module, data, verbose=False)[0]
    assert (
        audit.tallies[Split.TEST][0] == GroupAudit.of({Split.TEST: expected}, Policy.default()).tallies[Split.TEST][0]
    )
    assert logged["test_accuracy"] == pytest.approx((expected.predicted == expected.targets).mean())
    again = evaluate(quiet_trainer(), module, data).predictions[Split.TEST]
    np.testing.assert_array_equal(again.predicted, expected.predicted)


def test_training_forgets_the_rule():
    data = toned()
    module = module_of(data)
    module.decide_by(rule_of(data))
    quiet_trainer(max_epochs=1, limit_train_batches=1, limit_val_batches=0).fit(module, data)
    assert module.decision is None


def test_a_rule_is_refused_where_it_cannot_mean_anything():
    data = toned()
    module = module_of(data)
    module.decide_by(rule_of(data))
    with pytest.raises(ConfigurationError, match=r"chosen at the temperature 1\.0000 .* call decide_by\(None\) first"):
        module.calibrate(2.0)
    with pytest.raises(ConfigurationError, match="decides by the groups of 'tone', which the data do not declare"):
        quiet_trainer().test(module, tiny_data(columns=Columns(sensitive=("ruler",))), verbose=False)
    with pytest.raises(ConfigurationError, match="this model tells 3 apart"):
        ImageClassifier(["a", "b", "c"], backbone=tiny_backbone()).decide_by(DecisionRule.single(0.5))
