"""The SHAP audit as a callback: planted truth is found, nothing else is changed, and what fails is said."""

import json
import random
import subprocess
import sys

import lightning as L
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fairlead.attribution import Effort
from fairlead.audits import Reading, ShapAudit, ShapSettings, border
from fairlead.errors import AttributionError, ConfigurationError, UnknownNameError
from fairlead.evidence import Verdict
from fairlead.judgement import Policy, ReleaseGate
from fairlead.modules import ImageClassifier, TextClassifier
from fairlead.preprocessing import ImagePreprocessing
from fairlead.records import RunFolder, SensitiveFeature, Split
from tests.fakes.encoders import text_folder
from tests.fakes.texts import order_data
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data

QUICK = Effort(tolerance=0.5, samples=64)
SIZE = 16
SEX = SensitiveFeature("sex", ("f", "m"))


def settings(**given):
    return ShapSettings(**({"effort": QUICK} | given))


def run_test(audit, module, data):
    quiet_trainer(callbacks=[audit]).test(module, data, verbose=False)
    return audit.found[Split.TEST]


def verdicts(shown, subject):
    return {
        finding.figure: finding.verdict
        for finding in shown.ledger
        if finding.subject == subject and not finding.feature
    }


# -- a module and data that are not ours, with planted truth ---------------------------------------------------------


class Corner(L.LightningModule):
    """Says yes where the upper left corner is bright, and looks at nothing else."""

    preprocessing = ImagePreprocessing.from_timm({"input_size": (3, SIZE, SIZE), "crop_pct": 1.0})

    def __init__(self, gain=8.0):
        super().__init__()
        self.pool = nn.Conv2d(3, 1, 2, 2, bias=False)
        self.pool.weight.data.fill_(1 / 12)
        self.head = nn.Linear(64, 1)
        weight = torch.zeros(8, 8)
        weight[:3, :3] = gain / 9
        self.head.weight.data = weight.reshape(1, 64)
        self.head.bias.data.fill_(-gain / 2)

    def forward(self, pixels):
        return self.head(torch.relu(self.pool(pixels.float() / 255)).flatten(1)).squeeze(1)

    def test_step(self, batch, number):
        pixels, target, group, index = batch
        return {"probabilities": torch.sigmoid(self(pixels)), "target": target, "groups": group, "index": index}

    validation_step = test_step


def pictures(count=200):
    drawn = torch.Generator().manual_seed(1)
    pixels = torch.randint(60, 120, (count, 3, SIZE, SIZE), generator=drawn, dtype=torch.uint8)
    bright = torch.arange(count) % 2 == 0
    pixels[bright, :, :6, :6] = 220
    return DataLoader(TensorDataset(pixels, bright.long(), torch.arange(count) // 2 % 2, torch.arange(count)), 32)


def square(top, left):
    def region(_index):
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        mask[top : top + 6, left : left + 6] = True
        return mask

    return region


def corner_audit(**given):
    reading = Reading(labels=["no", "yes"])
    return ShapAudit(
        **(
            {
                "rows": 6,
                "budget": 60,
                "sensitive": [SEX],
                "regions": {"corner": square(0, 0), "elsewhere": square(10, 10)},
                "settings": settings(method="pixels", reading=reading),
            }
            | given
        )
    )


def test_what_a_foreign_module_looks_at_is_found_and_what_it_does_not_is_clear():
    shown = run_test(corner_audit(), Corner(), pictures())
    assert not shown.explanations.failure
    assert verdicts(shown, "corner")["answer_change_rate"] is Verdict.FLAGGED
    assert verdicts(shown, "elsewhere") == dict.fromkeys(("answer_change_rate", "selection_rate_change"), Verdict.CLEAR)
    groups = {finding.group for finding in shown.ledger if finding.feature == "sex" and finding.subject == "corner"}
    assert groups == {"f", "m"}
    assert len(shown.explanations.rows) == 6
    for row in shown.explanations.rows:
        if row.predicted == "yes":  # what speaks for a "no" is that nothing is there, which no mask takes away
            assert row.attribution.certificate.reliable, row.attribution.certificate.reason
        assert row.mass["corner"] > 0.95
        assert row.mass["elsewhere"] < 0.01
    assert {flip.before for flip in shown.flips["corner"] if flip.changed} == {"yes"}


def test_explanations_never_decide_over_a_release_and_interventions_do():
    audit = corner_audit(regions={"elsewhere": square(10, 10)}, budget=1e-9)
    shown = run_test(audit, Corner(), pictures())
    assert all(not row.attribution.certificate.reliable for row in shown.explanations.rows)
    gate = ReleaseGate.of(Policy.default())
    assert not any("SHAP" in reason for reason in gate.decide(shown.ledger).blocked_by)
    flagged = run_test(corner_audit(), Corner(), pictures()).ledger
    assert "SHAP-101 answer_change_rate, corner: flagged" in gate.decide(flagged).blocked_by


class Wrapped(Corner):
    """Answers as transformers' models do, and has a temperature that its forward pass has used already."""

    def __init__(self, *, mapping):
        super().__init__()
        self.temperature = nn.Parameter(torch.tensor(0.25))
        self.mapping = mapping

    def forward(self, pixels):
        logits = super().forward(pixels) / self.temperature
        return {"logits": logits} if self.mapping else logits

    def test_step(self, batch, number):
        pixels, target, group, index = batch
        found = self(pixels)
        probabilities = torch.sigmoid(found["logits"] if self.mapping else found)
        return {"probabilities": probabilities, "target": target, "groups": group, "index": index}


@pytest.mark.parametrize("mapping", [True, False])
def test_what_a_module_returns_is_read_alike_for_explanations_and_interventions(mapping):
    shown = run_test(corner_audit(), Wrapped(mapping=mapping), pictures())
    assert verdicts(shown, "corner")["answer_change_rate"] is Verdict.FLAGGED
    assert not shown.explanations.failure
    expected = run_test(corner_audit(), Corner(), pictures()).explanations.rows[0].attribution
    found = shown.explanations.rows[0].attribution
    assert found.full == pytest.approx(4 * expected.full, rel=1e-4)  # divided once, by 0.25


def test_a_contrast_is_compared_with_where_it_is_not_the_answer_itself():
    reading = Reading(labels=["no", "yes"])
    audit = corner_audit(settings=settings(method="pixels", reading=reading, contrast="yes"))
    shown = run_test(audit, Corner(), pictures())
    assert {(row.predicted, row.attribution.contrast) for row in shown.explanations.rows} == {
        ("no", "yes"),
        ("yes", ""),
    }


def test_what_earlier_epochs_have_spent_is_not_spent_again():
    audit = ShapAudit(rows=3, budget="10%", regions={}, settings=settings(on=("validate",)))
    audit.budget.begin()
    audit.budget.spend(10.0)
    trained([audit])
    (finding,) = audit.ledger
    assert finding.verdict is Verdict.INSUFFICIENT
    assert "No row was explained: earlier audits have spent the time." in finding.remedy


def test_limits_are_as_in_a_policy():
    audit = corner_audit(limits={"answer_change_rate": {"most": 0.9, "margin": 0.05, "rows": 20}})
    shown = run_test(audit, Corner(), pictures())
    assert verdicts(shown, "corner") == {"answer_change_rate": Verdict.CLEAR}
    with pytest.raises(UnknownNameError, match="answer_change_rat"):
        corner_audit(limits={"answer_change_rat": 0.1})


# -- nothing else is changed -----------------------------------------------------------------------------------------


def state_of(module):
    return {
        "weights": {name: value.clone() for name, value in module.state_dict().items()},
        "gradients": {name: None if p.grad is None else p.grad.clone() for name, p in module.named_parameters()},
        "modes": {name: part.training for name, part in module.named_modules()},
        "learning": {name: p.requires_grad for name, p in module.named_parameters()},
        "hooks": {
            name: [len(getattr(part, kind)) for kind in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")]
            for name, part in module.named_modules()
        },
        "own": {name: sorted(vars(part)) for name, part in module.named_modules()},
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state()[1].copy(),
        "python": random.getstate(),
    }


def same(one, other):
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other


class States(L.Callback):
    """Notes the module's state around the callback that stands behind it."""

    def __init__(self, audit):
        self.audit, self.compared = audit, 0

    def on_validation_epoch_end(self, trainer, pl_module):
        before = state_of(pl_module)
        self.audit.on_validation_epoch_end(trainer, pl_module)
        assert same(before, state_of(pl_module))
        self.compared += 1

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, batch_idx, dataloader_idx=0):
        before = state_of(pl_module)
        self.audit.on_validation_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        assert same(before, state_of(pl_module))
        self.compared += 1

    def on_validation_epoch_start(self, trainer, pl_module):
        self.audit.on_validation_epoch_start(trainer, pl_module)

    def setup(self, trainer, pl_module, stage):
        self.audit.setup(trainer, pl_module, stage)


def trained(callbacks, **given):
    L.seed_everything(3, verbose=False)
    data = tiny_data(48, 24, 12, 11, batch_size=8)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    trainer = quiet_trainer(max_epochs=2, callbacks=callbacks, **given)
    trainer.fit(module, data)
    return module, torch.rand(3), np.random.rand(3)


@pytest.mark.parametrize("given", [{}, {"accumulate_grad_batches": 4, "precision": "bf16-mixed"}])
def test_training_with_the_audit_gives_the_model_of_training_without_it_bit_for_bit(given):
    audit = ShapAudit(
        rows=3, budget=60, regions={"border": border()}, settings=settings(on=("validate",), method="layer")
    )
    states = States(audit)
    plain, audited = trained([], **given), trained([states], **given)
    assert same(plain[0].state_dict(), audited[0].state_dict())
    assert torch.equal(plain[1], audited[1])
    assert np.array_equal(plain[2], audited[2])
    assert states.compared == 3 * (2 + 1)  # batches of 16 of 24 rows, and the end, in a sanity check and two epochs
    shown = audit.found[Split.VAL]
    assert len(shown.explanations.rows) == 3
    assert not shown.explanations.failure
    assert any(finding.subject == "border" for finding in shown.ledger)


def test_the_same_rows_are_explained_in_every_epoch_and_only_in_those_chosen():
    seen = []

    class Noted(ShapAudit):
        def on_validation_epoch_end(self, trainer, pl_module):
            self.found.clear()
            super().on_validation_epoch_end(trainer, pl_module)
            rows = self.found[Split.VAL].explanations.rows if self.found else None
            seen.append(rows and [row.index for row in rows])

    trained([Noted(rows=3, budget=60, settings=settings(on=("validate",), epochs=(1,)))])
    assert [bool(rows) for rows in seen] == [False, False, True]  # sanity check, first epoch, second
    again = list(seen)
    trained([Noted(rows=3, budget=60, settings=settings(on=("validate",)))])
    assert seen[4] == seen[5] == again[2]


def test_one_step_more_of_a_compiled_module_is_as_before():
    module = Corner()
    module.compile(backend="eager")
    shown = run_test(corner_audit(), module, pictures(64))
    assert not shown.explanations.failure
    assert shown.explanations.rows[0].mass["corner"] > 0.95


# -- what fails is said ----------------------------------------------------------------------------------------------


class Rounded(Corner):
    def forward(self, pixels):
        return super().forward(pixels).detach().round()


class Constant(Corner):
    def forward(self, pixels):
        return 0 * super().forward(pixels)


class NotANumber(Corner):
    """Its weights break after its steps were right: only the copy sees it."""

    def test_step(self, batch, number):
        outputs = super().test_step(batch, number)
        self.broken = True
        return outputs

    def forward(self, pixels):
        return super().forward(pixels) * (float("nan") if getattr(self, "broken", False) else 1.0)


@pytest.mark.parametrize(
    ("module", "reason"),
    [(Rounded, "no gradient"), (Constant, "every value is 0"), (NotANumber, "not a number")],
)
def test_what_cannot_be_explained_is_a_failed_finding_and_the_run_goes_on(module, reason, tmp_path):
    audit = corner_audit(
        regions=None, settings=settings(method="pixels", reading=Reading(labels=["no", "yes"]), output=tmp_path)
    )
    shown = run_test(audit, module(), pictures(64))
    (finding,) = shown.ledger
    assert (finding.code, finding.verdict) == ("SHAP-001", Verdict.FAILED)
    assert reason in finding.remedy
    assert reason in shown.explanations.failure
    assert ReleaseGate.of(Policy.default()).decide(shown.ledger).blocked_by == (
        ReleaseGate.of(Policy.default()).decide(type(shown.ledger)()).blocked_by
    )
    assert json.loads(RunFolder(tmp_path).explanations.read_text())["rows"] == []


def test_a_failure_stops_the_run_where_that_is_asked_for():
    reading = Reading(labels=["no", "yes"])
    audit = corner_audit(settings=settings(method="pixels", reading=reading, stop_on_failure=True))
    with pytest.raises(AttributionError, match="no gradient"):
        run_test(audit, Rounded(), pictures(64))
    audit = corner_audit(regions={"corner": lambda index: {}[index]}, rows=0, settings=audit.settings)
    with pytest.raises(AttributionError, match="KeyError: 0"):
        run_test(audit, Corner(), pictures(64))


def test_a_mask_of_another_size_than_its_picture_is_named_with_its_row():
    data = tiny_data(24, 9, 12, 20)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    shown = run_test(ShapAudit(rows=0, regions={"half": lambda _: np.ones((9, 9), dtype=bool)}), module, data)
    assert {finding.verdict for finding in shown.ledger} == {Verdict.FAILED}
    assert "row 45: the region 'half' is (9, 9) and its picture (32, 32)" in shown.ledger.findings[0].remedy


def test_a_budget_that_is_spent_leaves_explanations_unchecked_and_interventions_whole():
    shown = run_test(corner_audit(budget=1e-9), Corner(), pictures())
    assert {row.attribution.certificate.reason for row in shown.explanations.rows} == {"there was no time to check it"}
    assert shown.explanations.stopped == "the time was spent after 4 of 6 rows"
    assert len(shown.explanations.rows) == 4
    (rate,) = [f for f in shown.ledger if f.subject == "corner" and f.figure == "answer_change_rate" and not f.feature]
    assert rate.estimate.rows == 200


def test_mistakes_are_answered_before_the_first_step():
    with pytest.raises(ConfigurationError, match=r"no labels; give ShapSettings\(reading=Reading\(labels"):
        run_test(corner_audit(settings=settings()), Corner(), pictures())
    with pytest.raises(ConfigurationError, match="terms are swapped in texts"):
        run_test(corner_audit(terms=[["he", "she"]]), Corner(), pictures())
    data = tiny_data()
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    with pytest.raises(UnknownNameError, match="did you mean 'tone'"):
        run_test(ShapAudit(sensitive="ton", budget=5), module, data)
    for budget in ("ten", 0, "0%", "200%", float("nan")):
        with pytest.raises(ConfigurationError, match="a budget is"):
            ShapAudit(budget=budget)
    with pytest.raises(ConfigurationError, match="rows is -1"):
        ShapAudit(rows=-1)
    with pytest.raises(UnknownNameError, match="inpaint"):
        ShapSettings(fill="inpant")
    with pytest.raises(UnknownNameError, match="validate"):
        ShapSettings(on=("validation",))


def test_a_region_that_is_no_mask_is_named_with_its_row_and_fails_alone():
    def flat(_index):
        return np.ones(5, dtype=bool)

    shown = run_test(corner_audit(regions={"corner": flat}), Corner(), pictures(64))
    assert "corner" in shown.explanations.failure
    assert {finding.verdict for finding in shown.ledger} == {Verdict.FAILED}
    assert "corner" in next(finding.remedy for finding in shown.ledger if finding.subject == "corner")


def test_whatever_a_region_s_function_raises_is_a_finding():
    def nowhere(index):
        return {}[index]

    shown = run_test(corner_audit(regions={"corner": nowhere}, rows=0), Corner(), pictures(64))
    assert {(finding.subject, finding.verdict) for finding in shown.ledger} == {("corner", Verdict.FAILED)}
    assert "KeyError: 0" in shown.ledger.findings[0].remedy


def test_shared_weights_are_refused_with_the_alternative(monkeypatch):
    from lightning.pytorch.strategies import FSDPStrategy

    trainer = quiet_trainer()
    monkeypatch.setattr(type(trainer), "strategy", FSDPStrategy())
    with pytest.raises(ConfigurationError, match=r"FSDPStrategy shares the weights.*Trainer\(devices=1\)"):
        corner_audit().setup(trainer, Corner(), "test")


# -- ours ------------------------------------------------------------------------------------------------------------


def test_what_the_data_declare_is_masked_and_files_are_kept(tmp_path):
    data = tiny_data(24, 9, 12, 80)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    shown = run_test(ShapAudit(rows=4, budget=60, settings=settings(output=tmp_path)), module, data)
    world = data.source.draw()
    with_ruler = sum(bool(world.ruler_mask(index).any()) for index in data.rows.of(Split.TEST))
    (rate,) = [f for f in shown.ledger if f.subject == "ruler" and f.code == "SHAP-101" and not f.feature]
    assert rate.estimate.rows == with_ruler
    assert {f.feature for f in shown.ledger if f.subject == "ruler"} == {None, "tone"}
    run = RunFolder(tmp_path)
    kept = json.loads(run.explanations.read_text())
    assert [row["index"] for row in kept["rows"]] == [row.index for row in shown.explanations.rows]
    assert kept["flips"][0]["name"].startswith("synthetic-lesion-")
    with np.load(run.attributions) as values:
        np.testing.assert_array_equal(values["index"], [row.index for row in shown.explanations.rows])
        np.testing.assert_allclose(values["values"][0], shown.explanations.rows[0].attribution.values)
    assert run.explanations_picture.read_bytes()[1:4] == b"PNG"
    assert "<script" not in run.explanations_page.read_text()


def test_terms_are_swapped_in_texts_and_words_are_explained(tmp_path):
    data = order_data(tmp_path)
    module = TextClassifier(data.labels, backbone=str(text_folder(tmp_path / "encoder")))
    with torch.no_grad():
        table = module.backbone.encoder.get_input_embeddings().weight
        table[4:6] *= 12  # "good" and "bad"
    audit = ShapAudit(
        rows=4,
        budget=60,
        terms=[["the", "very"], ["good", "bad"]],
        settings=settings(),
        limits={"answer_change_rate": 0.1},
    )
    shown = run_test(audit, module, data)
    assert not shown.explanations.failure, shown.explanations.failure
    row = shown.explanations.rows[0]
    assert row.item == tuple(data.rows.items.read(row.index).split())
    assert row.attribution.values.shape == (1, len(row.item))
    assert 0 < row.mass["terms"] <= 1
    (rate,) = [finding for finding in shown.ledger if finding.subject is not None]
    assert rate.estimate.rows == len(data.rows.of(Split.TEST))
    flip = shown.flips[rate.subject][0]
    assert flip.texts[0] != flip.texts[1]
    assert sorted(flip.texts[0].replace("the", "very").split()) != sorted(flip.texts[0])


# -- several processes -----------------------------------------------------------------------------------------------

SCRIPT = """
import sys
from tests.audits.test_shap_audit import of_processes
if __name__ == "__main__":
    of_processes(sys.argv[1], devices=2, strategy="ddp_fork")
"""


class Written(ShapAudit):
    def __init__(self, folder, **given):
        super().__init__(**given)
        self.folder = folder

    def on_test_epoch_end(self, trainer, pl_module):
        super().on_test_epoch_end(trainer, pl_module)
        shown = self.found[Split.TEST]
        told = {
            "ledger": shown.ledger.to_dict(),
            "rows": [[row.index, row.predicted, row.attribution.values.tolist()] for row in shown.explanations.rows],
            "flips": [flip.to_dict() for flips in shown.flips.values() for flip in flips],
            "failure": shown.explanations.failure,
        }
        with open(f"{self.folder}/{trainer.world_size}-{trainer.global_rank}.json", "w") as file:
            json.dump(told, file)


def of_processes(folder, **given):
    torch.manual_seed(0)
    data = tiny_data(24, 9, 12, 41)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    audit = Written(
        folder,
        rows=3,
        budget=120,
        regions={"border": border(), "ruler": data.rows.nuisances.regions["ruler"]},
        settings=settings(),
    )
    quiet_trainer(callbacks=[audit], **given).test(module, data, verbose=False)


@pytest.mark.slow
def test_two_processes_find_what_one_does(tmp_path):
    of_processes(str(tmp_path))
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, *two = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("1-0", "2-0", "2-1"))
    assert not one["failure"]
    for found in two:
        assert found["ledger"] == one["ledger"]
        assert [row[:2] for row in found["rows"]] == [row[:2] for row in one["rows"]]
        for mine, theirs in zip(one["rows"], found["rows"], strict=True):
            np.testing.assert_allclose(mine[2], theirs[2], atol=1e-5)
        assert [flip["index"] for flip in found["flips"]] == [flip["index"] for flip in one["flips"]]
