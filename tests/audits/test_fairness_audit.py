"""The audit as a callback: the verdicts of the predictions, in any Trainer, and nothing else changed."""

import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint

from fairlead.audits import FairnessAudit, GroupAudit
from fairlead.data import Columns
from fairlead.errors import ConfigurationError, DataError, UnknownNameError
from fairlead.evidence import Ledger, Verdict
from fairlead.judgement import Policy, judge
from fairlead.measures import GroupTally
from fairlead.modules import HeadSettings, ImageClassifier
from fairlead.records import SensitiveFeature, Split
from tests.fakes.readers import AGE, LABELS, SEX, Reader, adapted, loader, planted
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data

TPR = "true_positive_rate_difference"
LIMITS = {TPR: 0.1, "selection_rate_difference": {"most": 0.2, "rows": 20}}


def reader_audit(**given):
    return FairnessAudit(**({"sensitive": [SEX, AGE], "outputs": adapted, "labels": list(LABELS)} | given))


def validated(audit, rows, module=None):
    trainer = quiet_trainer(callbacks=[audit])
    trainer.validate(module or Reader(), rows, verbose=False)
    return {key: value.item() for key, value in trainer.callback_metrics.items()}


def by_hand(predictions, split="val", names=(("sex",), ("age",), ("sex", "age")), policy=None):
    return judge([GroupTally.of(predictions, name) for name in names], policy or Policy.default(), split)


def clustered(predictions, rows=40):
    """So many rows in a row belong together."""
    return replace(predictions, clusters=predictions.index // rows)


# -- the verdicts of the predictions -----------------------------------------------------------------------------


@pytest.mark.parametrize(("gap", "verdict"), [(0.3, Verdict.FLAGGED), (0.0, Verdict.CLEAR)])
def test_a_planted_gap_is_found_in_a_module_that_is_not_ours(gap, verdict):
    predictions = planted(4000, gap)
    audit = reader_audit(intersections=[("sex", "age")])
    logged = validated(audit, loader(predictions))
    assert audit.ledger == by_hand(predictions)
    found = {(finding.figure, finding.feature): finding for finding in audit.ledger}
    assert found[TPR, "sex"].verdict is verdict
    assert found[TPR, "sex"].estimate.value == pytest.approx(gap)
    assert found[TPR, "age"].verdict is Verdict.CLEAR
    assert logged["val_true_positive_rate_difference_sex"] == pytest.approx(gap)
    assert set(logged) == {
        "val_accuracy_within_limits",
        *(f"val_{name}_{by}" for name in Policy.default().limits for by in ("sex", "age", "sex_x_age")),
    }


def test_validation_and_test_are_kept_apart_and_the_gate_reads_the_test():
    audit = reader_audit()
    trainer = quiet_trainer(callbacks=[audit])
    trainer.validate(Reader(), loader(planted(4000, 0.0)), verbose=False)
    assert audit.decision.blocked_by == ("no figure was judged on the test split",)
    trainer.test(Reader(), loader(planted(4000, 0.3)), verbose=False)
    assert audit.ledger.on("val") == by_hand(planted(4000, 0.0), "val", (("sex",), ("age",)))
    assert audit.ledger.on("test") == by_hand(planted(4000, 0.3), "test", (("sex",), ("age",)))
    assert not audit.decision.passes
    assert audit.tallies[Split.TEST][0] == GroupTally.of(planted(4000, 0.3), ["sex"])


def test_on_names_where_it_runs():
    audit = reader_audit(on=("test",))
    trainer = quiet_trainer(callbacks=[audit])
    trainer.validate(Reader(), loader(planted()), verbose=False)
    assert not trainer.callback_metrics
    assert len(audit.ledger) == 0
    trainer.test(Reader(), loader(planted()), verbose=False)
    assert {finding.split for finding in audit.ledger} == {"test"}


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), batch_size=st.integers(1, 400), again=st.integers(0, 60))
def test_order_batches_and_rows_seen_twice_change_nothing(seed, batch_size, again):
    predictions, audit = planted(200, 0.2), reader_audit()
    order = np.random.default_rng(seed).permutation(200)
    validated(audit, loader(predictions, order=[*order, *order[:again]], batch_size=batch_size))
    assert audit.ledger == by_hand(predictions, names=(("sex",), ("age",)))


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 99), batch_size=st.integers(7, 400), again=st.integers(0, 60))
def test_clustered_rows_are_judged_as_clustered_predictions_are(seed, batch_size, again):
    predictions, audit = clustered(planted(1001, 0.2)), reader_audit(intersections=[("sex", "age")])
    order = np.random.default_rng(seed).permutation(1001)
    validated(audit, loader(predictions, order=[*order, *order[:again]], batch_size=batch_size))
    expected = GroupAudit.of({Split.VAL: predictions}, Policy.default(), [("sex", "age")])
    assert audit.ledger == expected.ledger
    assert audit.tallies[Split.VAL] == expected.tallies[Split.VAL]


def test_rows_that_belong_together_say_less():
    alone, together = reader_audit(limits={TPR: 0.1}), reader_audit(limits={TPR: 0.1})
    validated(alone, loader(planted(4000, 0.3)))
    validated(together, loader(clustered(planted(4000, 0.3))))
    one, other = (audit.ledger.findings[0].estimate for audit in (alone, together))
    assert other.value == one.value
    assert (other.low, -other.high) < (one.low, -one.high)
    assert other.high - other.low > 1.5 * (one.high - one.low)


def test_clusters_of_some_batches_alone_are_refused():
    def at_first(output, batch):
        told = adapted(output, batch)
        return {name: tensor for name, tensor in told.items() if name != "clusters" or batch[3][0] < 64}

    with pytest.raises(DataError, match="some of the steps' outputs have clusters and some have none"):
        validated(reader_audit(outputs=at_first), loader(clustered(planted(200))))


def test_a_second_validation_forgets_the_first():
    audit = reader_audit()
    for rows in (planted(800, 0.3), planted(400, 0.1)):
        validated(audit, loader(rows))
    assert audit.ledger == by_hand(planted(400, 0.1), names=(("sex",), ("age",)))


def test_more_than_two_classes():
    targets = np.arange(600) % 3
    probabilities = np.eye(3)[targets] * 0.7 + 0.1
    rows = torch.utils.data.TensorDataset(
        *map(torch.from_numpy, (probabilities, targets, np.arange(600) // 3 % 2, np.arange(600)))
    )
    audit = FairnessAudit([SEX], outputs=adapted, labels=["a", "b", "c"])
    logged = validated(audit, torch.utils.data.DataLoader(rows, batch_size=100))
    assert logged[f"val_{TPR}_sex"] == 0
    assert {finding.verdict for finding in audit.ledger} == {Verdict.CLEAR}


def test_half_precision_and_one_column_groups_are_read():
    predictions = planted(4000, 0.25)
    positive = torch.from_numpy(predictions.probabilities[:, 1]).bfloat16()
    rows = torch.utils.data.TensorDataset(
        torch.stack([1 - positive, positive], 1),
        *map(torch.from_numpy, (predictions.targets, predictions.groups[:, 0])),
        torch.from_numpy(predictions.index),
    )
    audit = reader_audit(sensitive=[SEX])
    validated(audit, torch.utils.data.DataLoader(rows, batch_size=500))
    assert audit.ledger.findings[0].estimate.value == pytest.approx(0.25)


# -- with a module and data of ours ------------------------------------------------------------------------------


def ours(**settings):
    data = tiny_data(train=48, val=40, columns=Columns(sensitive=("tone", "ruler")), **settings)
    module = ImageClassifier(data.labels, backbone=tiny_backbone(), head=HeadSettings(dropout=0.5))
    return module, data


class Seen(L.Callback):
    def __init__(self, audit):
        self.audit, self.findings = audit, {}

    def on_sanity_check_end(self, trainer, pl_module):
        self.findings["sanity"] = len(self.audit.ledger)

    def on_train_epoch_end(self, trainer, pl_module):
        self.findings[trainer.current_epoch] = len(self.audit.ledger)


def test_fit_validate_and_test_of_ours_with_names_chosen(tmp_path):
    module, data = ours()
    audit = FairnessAudit("tone", limits=LIMITS, intersections=[("ruler", "tone")])
    seen = Seen(audit)
    best = ModelCheckpoint(tmp_path, "best", monitor="val_accuracy_within_limits", mode="max")
    stop = EarlyStopping(f"val_{TPR}_tone", patience=1, check_finite=True)
    trainer = quiet_trainer(
        callbacks=[audit, seen, best, stop], max_epochs=2, enable_checkpointing=True, num_sanity_val_steps=2
    )
    trainer.fit(module, data)
    assert seen.findings == {"sanity": 0, 0: 4, 1: 4}
    assert Path(best.best_model_path).is_file()
    logged = {key: value.item() for key, value in trainer.callback_metrics.items()}
    assert {key for key in logged if key.endswith("_tone")} >= {
        f"val_{TPR}_tone",
        "val_selection_rate_difference_ruler_x_tone",
    }
    assert all(math.isfinite(value) for value in logged.values())
    assert logged["val_accuracy_within_limits"] in (
        pytest.approx(logged["val_accuracy"]),
        pytest.approx(logged["val_accuracy"] - 1),
    )
    trainer.test(module, data, verbose=False)
    assert len(audit.ledger.on("test")) == len(audit.ledger.on("val")) == 4


def test_training_with_the_audit_gives_bit_for_bit_the_model_without():
    def trained(callbacks):
        L.seed_everything(5, verbose=False)
        module, data = ours()
        quiet_trainer(callbacks=callbacks, max_epochs=2, num_sanity_val_steps=1).fit(module, data)
        drawn = torch.rand(1).item(), np.random.rand(), random.random()  # noqa: S311
        return module.state_dict(), drawn

    audit = FairnessAudit()
    with_it, without = trained([audit]), trained([])
    assert len(audit.ledger) == 6
    assert with_it[1] == without[1]
    assert all(torch.equal(with_it[0][name], tensor) for name, tensor in without[0].items())


def test_nothing_of_the_module_is_touched():
    class Still(FairnessAudit):
        def state(self, module):
            grads = {name: p.grad for name, p in module.named_parameters()}
            modes = [part.training for part in module.modules()]
            hooks = [len(part._forward_hooks) + len(part._forward_pre_hooks) for part in module.modules()]
            tensors = {name: tensor.clone() for name, tensor in module.state_dict().items()}
            return grads, modes, hooks, tensors, torch.get_rng_state()

        def on_validation_epoch_end(self, trainer, pl_module):
            before = self.state(pl_module)
            super().on_validation_epoch_end(trainer, pl_module)
            after = self.state(pl_module)
            assert before[:3] == after[:3]
            assert all(torch.equal(before[3][name], tensor) for name, tensor in after[3].items())
            assert torch.equal(before[4], after[4])

    module, data = ours()
    audit = Still()
    quiet_trainer(callbacks=[audit]).validate(module, data, verbose=False)
    assert len(audit.ledger) == 6


# -- what is logged ----------------------------------------------------------------------------------------------


def test_too_few_rows_log_the_upper_end_and_nothing_is_ever_nan():
    audit = reader_audit(sensitive=[SEX, AGE, SensitiveFeature("site", ("a", "b", "none"))])
    few = planted(60, 0.1)
    few = replace(
        few, groups=np.column_stack([few.groups, np.zeros(60, np.int64)]), sensitive=audit.sensitive
    )  # every row at site a
    logged = validated(audit, loader(few))
    assert all(math.isfinite(value) for value in logged.values())
    finding = audit.ledger.findings[0]
    assert finding.verdict is Verdict.INSUFFICIENT
    assert finding.estimate.high > finding.estimate.value
    assert logged[f"val_{TPR}_sex"] == pytest.approx(finding.estimate.high)
    assert logged[f"val_{TPR}_site"] == 1  # one group alone: there is no estimate
    # Too small to tell is not within: the accuracy less 1.
    accuracy = float((few.predicted == few.targets).mean())
    assert logged["val_accuracy_within_limits"] == pytest.approx(accuracy - 1)


@pytest.mark.parametrize("gap", [0.05, 0.3])
def test_accuracy_counts_whole_where_every_gap_is_within_its_limit(gap):
    predictions = planted(4000, gap)
    logged = validated(reader_audit(limits={TPR: 0.1}), loader(predictions))
    accuracy = float((predictions.predicted == predictions.targets).mean())
    assert logged["val_accuracy_within_limits"] == pytest.approx(accuracy if gap < 0.1 else accuracy - 1)


def test_a_model_that_diverged_is_failed_and_does_not_stop_the_run():
    dataset = loader(planted(200)).dataset.dataset
    answers = dataset.tensors[0].clone()
    answers[7] = math.nan
    rows = torch.utils.data.TensorDataset(answers, *dataset.tensors[1:])
    audit = reader_audit()
    logged = validated(audit, torch.utils.data.DataLoader(rows, batch_size=50))
    assert {finding.verdict for finding in audit.ledger} == {Verdict.FAILED}
    assert "row 7 has a probability that is not a number" in audit.ledger.findings[0].remedy
    assert logged.pop("val_accuracy_within_limits") == -1
    assert set(logged.values()) == {1.0}


def test_a_figure_that_does_not_apply_is_not_logged():
    audit = reader_audit(limits={TPR: 0.1, "worst_group_loss": 0.5})
    logged = validated(audit, loader(planted(400)))
    assert not any("worst_group_loss" in key for key in logged)
    assert Verdict.NOT_APPLICABLE in {finding.verdict for finding in audit.ledger}


# -- mistakes ----------------------------------------------------------------------------------------------------


def test_a_name_that_is_not_declared_is_answered_with_the_nearest_before_the_first_step():
    module, data = ours()
    for audit in (FairnessAudit(["tnoe"]), FairnessAudit(intersections=[("tnoe", "ruler")])):
        with pytest.raises(UnknownNameError, match="did you mean 'tone'"):
            quiet_trainer(callbacks=[audit], max_epochs=1).fit(module, data)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"limits": {"true_positive_rate_diffrence": 0.1}}, "did you mean 'true_positive_rate_difference'"),
        ({"limits": {TPR: 0.1}, "policy": Policy.default()}, "limits or a policy"),
        ({"on": ("tset",)}, "did you mean 'test'"),
        ({"labels": ["a", "a"]}, "distinct"),
    ],
)
def test_a_mistake_in_the_arguments_is_named(given, said):
    with pytest.raises((ConfigurationError, DataError), match=said):
        reader_audit(**given)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"sensitive": None}, "no sensitive feature is declared"),
        ({"labels": None}, "give FairnessAudit\\(labels="),
        ({"outputs": None}, "lack probabilities, target, groups, index"),
        ({"outputs": lambda output, batch: adapted(output, batch) | {"target": batch[1][:3]}}, "64 probabilities, 3"),
        (
            {"outputs": lambda output, batch: adapted(output, batch) | {"target": batch[1] * 1.0}},
            "target holds integers",
        ),
        (
            {"outputs": lambda output, batch: adapted(output, batch) | {"clusters": batch[1][:3]}},
            "64 indices, 3 clusters; give one of each",
        ),
        (
            {"outputs": lambda output, batch: adapted(output, batch) | {"clusters": batch[0]}},
            "clusters holds integers",
        ),
        ({"sensitive": [SEX]}, "groups has shape"),
        ({"intersections": [("sex", "sex")]}, "different features"),
        ({"intersections": [("sex",)]}, "one name"),
        (
            {"outputs": lambda output, batch: adapted(output, batch) | {"probabilities": batch[0] * 5 - 1}},
            "at least 0 and sum to 1",
        ),
    ],
)
def test_a_module_that_gives_something_else_is_told_what_is_needed(given, said):
    with pytest.raises((ConfigurationError, DataError), match=said):
        validated(reader_audit(**given), loader(planted(100)))


def test_several_dataloaders_are_refused():
    with pytest.raises(ConfigurationError, match="val has 2"):
        validated(reader_audit(), [loader(planted(100)), loader(planted(100))])


# -- several processes -------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from tests.audits.test_fairness_audit import of_processes
if __name__ == "__main__":
    of_processes(sys.argv[1])
"""


class Kept(FairnessAudit):
    """Writes what each process found, from within it."""

    folder: Path

    def on_validation_end(self, trainer, pl_module):
        metrics = {key: value.item() for key, value in trainer.callback_metrics.items()}
        content = {"ledger": self.ledger.to_dict(), "logged": metrics}
        (self.folder / f"{trainer.global_rank}.json").write_text(json.dumps(content))


def diverged(row):
    """Rows by hand, of which the answer to one is not a number: only one of two processes has it."""
    answers, *others = loader(planted(401, 0.3)).dataset.dataset.tensors
    answers = answers.clone()
    answers[row] = math.nan
    return torch.utils.data.DataLoader(torch.utils.data.TensorDataset(answers, *others), batch_size=32)


def evaluations():
    """401 rows, which neither 2 nor 4 divides: with and without clusters, and with one answer that is no number."""
    predictions = planted(401, 0.3)
    return {
        "whole": loader(predictions, batch_size=32),
        "clustered": loader(clustered(predictions, rows=7), batch_size=32),
        "diverged": diverged(7),
    }


def of_processes(folder):
    """Lightning shares the foreign rows among the processes, and pads them to 402 and to 404."""
    for devices in (2, 4):
        for name, rows in evaluations().items():
            audit = Kept([SEX, AGE], outputs=adapted, labels=list(LABELS), intersections=[("sex", "age")])
            audit.folder = Path(folder) / f"{devices} {name}"
            audit.folder.mkdir()
            trainer = quiet_trainer(callbacks=[audit], devices=devices, strategy="ddp_fork")
            trainer.validate(Reader(), rows, verbose=False)


@pytest.mark.slow
def test_two_and_four_processes_reach_the_verdicts_of_one(tmp_path):
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ledgers = []
    for name, rows in evaluations().items():
        audit = reader_audit(intersections=[("sex", "age")])
        logged = validated(audit, rows)
        ledgers.append(audit.ledger)
        for place in [f"{devices} {name}/{rank}.json" for devices in (2, 4) for rank in range(devices)]:
            found = json.loads((tmp_path / place).read_text())
            assert Ledger.from_dict(found["ledger"]) == audit.ledger, place
            assert found["logged"] == logged, place
    assert ledgers[0] != ledgers[1] != ledgers[2]


# -- predictions at hand -----------------------------------------------------------------------------------------


def test_predictions_at_hand_are_judged_alike_and_written_as_evidence():
    predictions = {Split.VAL: planted(400, 0.2), Split.TEST: planted(4000, 0.3)}
    audit = GroupAudit.of(predictions, Policy.default(), [("sex", "age")])
    assert audit.ledger.on("test") == by_hand(predictions[Split.TEST], "test")
    assert audit.ledger.on("val") == by_hand(predictions[Split.VAL], "val")
    content = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert list(content) == ["schema", "findings", "gate"]
    assert list(content["gate"]) == ["passes", "blocked_by", "override"]
    assert content["gate"]["passes"] is False
    assert content["gate"]["override"] is None
    assert "FAIR-003 true_positive_rate_difference, sex: flagged" in content["gate"]["blocked_by"]
    assert {finding["feature"] for finding in content["findings"]} == {"sex", "age", "sex x age"}
    assert Ledger.from_dict({"schema": 1, "findings": content["findings"]}) == audit.ledger


def test_without_a_sensitive_feature_there_is_no_finding_and_the_gate_does_not_pass():
    plain = replace(planted(100), groups=np.zeros((100, 0), np.int64), sensitive=())
    content = GroupAudit.of({Split.TEST: plain}, Policy.default()).to_dict()
    assert content["findings"] == []
    assert content["gate"] == {
        "passes": False,
        "blocked_by": ["no figure was judged on the test split"],
        "override": None,
    }
