"""A classifier of texts in Lightning's Trainer, from its data to its checkpoint."""

from __future__ import annotations

import lightning as L
import pytest
import torch

from fairlead.audits import evaluate
from fairlead.backbones import load_text_backbone
from fairlead.data import Loading, TextDataModule
from fairlead.errors import ConfigurationError
from fairlead.modules import ImageClassifier, OptimizationSettings, TextClassifier, load_model
from fairlead.records import RunFolder, Split
from fairlead.tuning import ContrastiveTuning, LinearProbe
from fairlead.tuning.contrastive import ContrastiveSettings
from tests.fakes.encoders import text_folder
from tests.fakes.texts import write_csv


@pytest.fixture
def data(tmp_path):
    kinds = {"praise": "good fine very the service", "blame": "bad a b c he"}
    rows = [
        (" ".join(words.split()[(start + step) % 5] for step in range(2 + start % 4)) + f" {start}", label)
        for label, words in kinds.items()
        for start in range(60)
    ]
    return TextDataModule(write_csv(tmp_path / "texts.csv", ("text", "label"), rows), loading=Loading(8, 0))


def trainer(folder, epochs, *callbacks):
    return L.Trainer(
        default_root_dir=folder, max_epochs=epochs, callbacks=list(callbacks), logger=False, devices=1,
        accelerator="cpu", enable_checkpointing=False, enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip


def classifier(data, folder):
    torch.manual_seed(0)
    backbone = load_text_backbone(str(text_folder(folder / "bert")))
    return TextClassifier(data.labels, backbone=backbone, optimization=OptimizationSettings(learning_rate=1e-2))


def test_it_learns_and_its_checkpoint_brings_all_it_needs(tmp_path, data):
    module = classifier(data, tmp_path)
    fitting = trainer(tmp_path, 4)
    fitting.fit(module, data)
    held = evaluate(fitting, module, data)
    assert held.figures[Split.TEST]["accuracy"].value > 0.9
    run = RunFolder.create(tmp_path / "run")
    fitting.save_checkpoint(run.model, weights_only=True)
    for file in (tmp_path / "bert").iterdir():
        file.unlink()
    loaded = load_model(run)
    assert type(loaded) is TextClassifier
    given = torch.from_numpy(module.preprocessing.tokens(["the service was good", "bad"]).planes)
    assert torch.equal(loaded.eval()(given), module.eval()(given))
    assert loaded.preprocessing == module.preprocessing


def test_it_is_probed_and_tuned_contrastively_first(tmp_path, data):
    module = classifier(data, tmp_path)
    before = module.backbone.digest()
    tuning, probe = ContrastiveTuning(ContrastiveSettings(steps=12, learning_rate=1e-2)), LinearProbe()
    trainer(tmp_path, 0, tuning, probe).fit(module, data)
    assert len(tuning.losses) == 12
    assert module.backbone.digest() != before
    answered = probe.outputs[Split.TEST]
    assert (answered.probabilities.argmax(dim=1) == answered.target).float().mean() > 0.9
    module.eval()
    rows = data.rows.of(Split.TEST)
    texts = [data.rows.items.read(int(row)) for row in rows]
    with torch.no_grad():
        logits = module(torch.from_numpy(module.preprocessing.tokens(texts).planes))
    assert torch.allclose(logits, answered.logits, atol=1e-4)


def test_a_backbone_of_the_other_kind_is_refused(data, tmp_path):
    of_images = TextClassifier(
        data.labels, backbone=ImageClassifier(["a", "b"], backbone="random:test_resnet").backbone
    )
    of_texts = ImageClassifier(data.labels, backbone=classifier(data, tmp_path).backbone)
    with pytest.raises(ConfigurationError, match="no backbone of texts"):
        _ = of_images.preprocessing
    with pytest.raises(ConfigurationError, match="no backbone of images"):
        _ = of_texts.preprocessing
