"""A checkpoint is the whole model: no network, no weights folder, no pickle."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from fairlead.backbones import load_backbone
from fairlead.modules import HeadSettings, ImageClassifier, LossSettings, OptimizationSettings
from fairlead.records import Labels
from tests.fakes.training import SIZE, quiet_trainer, tiny_data, weights_folder

LOAD = """
import json, socket, sys
def refuse(*arguments, **settings):
    raise AssertionError("a checkpoint asked for the network")
socket.socket.connect = refuse
socket.create_connection = refuse
import torch
from fairlead.modules import ImageClassifier
module = ImageClassifier.load_from_checkpoint(sys.argv[1], weights_only=True).eval()
pixels = torch.load(sys.argv[2], weights_only=True)
with torch.no_grad():
    print(json.dumps([list(module.labels), module.probabilities(module(pixels)).tolist(), module.backbone.origin]))
"""


class Rated(ImageClassifier):
    """A subclass with an argument of its own, and a head that needs it."""

    def __init__(self, labels, *, width, **settings):
        self.width = width
        super().__init__(labels, **settings)
        self.save_hyperparameters("width")

    def build_head(self, features, classes):
        return nn.Sequential(nn.Linear(features, self.width), nn.Linear(self.width, classes))


@pytest.fixture
def pixels():
    return torch.randint(0, 256, (5, 3, SIZE, SIZE), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


def answers(module, pixels):
    module.eval()
    with torch.no_grad():
        return module.probabilities(module(pixels))


@pytest.fixture
def trained(tmp_path):
    """A trained module, its checkpoint, and no trace of the folder its weights came from."""
    folder = weights_folder(tmp_path / "weights")
    data = tiny_data(train=16)
    module = ImageClassifier(
        data.labels,
        backbone=load_backbone(str(folder), image_size=SIZE),
        loss=LossSettings(label_smoothing=0.1, class_weights="auto"),
        optimization=OptimizationSettings(optimizer="sgd", learning_rate=0.01),
    )
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, data)
    module.calibrate(1.75)
    trainer.save_checkpoint(tmp_path / "model.ckpt", weights_only=True)
    shutil.rmtree(folder)
    return module, tmp_path / "model.ckpt"


def test_a_checkpoint_brings_back_the_answers_the_temperature_and_every_setting(trained, pixels):
    module, file = trained
    again = ImageClassifier.load_from_checkpoint(file, weights_only=True)
    torch.testing.assert_close(answers(again, pixels), answers(module, pixels), rtol=0, atol=0)
    assert again.temperature.item() == 1.75
    assert again.labels == Labels(("benign", "malignant"))
    assert again.loss_settings == module.loss_settings
    assert again.optimization == module.optimization
    assert again.preprocessing == module.preprocessing
    assert again.backbone.origin == "folder weights"
    assert torch.equal(again.class_weights, module.class_weights)


def test_a_fresh_interpreter_needs_neither_network_nor_weights_folder(trained, pixels, tmp_path):
    module, file = trained
    torch.save(pixels, tmp_path / "pixels.pt")
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(file), str(tmp_path / "pixels.pt")],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hub")},
    )
    assert done.returncode == 0, done.stderr
    labels, probabilities, origin = json.loads(done.stdout.splitlines()[-1])
    assert labels == ["benign", "malignant"]
    assert origin == "folder weights"
    np.testing.assert_allclose(probabilities, answers(module, pixels).numpy(), atol=1e-6)


def test_a_checkpoint_holds_primitives_and_tensors_alone(trained):
    _, file = trained
    content = torch.load(file, weights_only=True)
    assert set(content["hyper_parameters"]) == {"labels", "backbone", "head", "loss", "optimization", "adapter"}
    assert json.loads(json.dumps(content["hyper_parameters"])) == content["hyper_parameters"]
    assert "optimizer_states" not in content


def test_lightnings_own_checkpoints_load_with_weights_only_too(tmp_path, pixels):
    module = ImageClassifier(
        ["benign", "malignant"], backbone="random:test_resnet", head=HeadSettings("mlp", 5, 0.1, "silu")
    )
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, tiny_data(train=16))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    again = ImageClassifier.load_from_checkpoint(tmp_path / "last.ckpt", weights_only=True)
    assert again.head_settings == HeadSettings("mlp", 5, 0.1, "silu")
    torch.testing.assert_close(answers(again, pixels), answers(module, pixels), rtol=0, atol=0)


def test_restore_takes_the_weights_and_the_temperature_back(trained, pixels):
    module, file = trained
    expected = answers(module, pixels)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(1)
    module.calibrate(9.0)
    module.restore(file)
    torch.testing.assert_close(answers(module, pixels), expected, rtol=0, atol=0)
    assert module.temperature.item() == 1.75


def test_a_subclass_comes_back_with_its_own_argument(tmp_path, pixels):
    data = tiny_data(train=16)
    module = Rated(data.labels, width=7, backbone="random:test_resnet")
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, data)
    trainer.save_checkpoint(tmp_path / "rated.ckpt", weights_only=True)
    again = Rated.load_from_checkpoint(tmp_path / "rated.ckpt", weights_only=True)
    assert again.width == 7
    assert again.head[0].out_features == 7
    torch.testing.assert_close(answers(again, pixels), answers(module, pixels), rtol=0, atol=0)


def test_odd_class_names_survive(tmp_path):
    labels = ["9", "10", "naïve café", "日本", "a/b", " padded ", "0.5"]
    module = ImageClassifier(labels, backbone="random:test_resnet")
    trainer = quiet_trainer()
    trainer.strategy.connect(module)
    trainer.save_checkpoint(tmp_path / "odd.ckpt", weights_only=True)
    assert list(ImageClassifier.load_from_checkpoint(tmp_path / "odd.ckpt", weights_only=True).labels) == labels
