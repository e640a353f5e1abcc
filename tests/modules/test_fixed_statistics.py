"""BatchNorm of a pretrained backbone in training: as it was, and as in evaluation."""

import lightning as L
import pytest
import torch

from fairlead.backbones import load_backbone
from fairlead.modules import ImageClassifier
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data, weights_folder


class Watch(L.Callback):
    """Compares the training pass of the backbone with its evaluation pass, on the first batch."""

    def __init__(self):
        self.same = None

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if self.same is None:
            with torch.no_grad():
                training = pl_module.backbone(batch.inputs)
                modes = {layer: layer.training for layer in pl_module.backbone.modules()}
                evaluation = pl_module.backbone.eval()(batch.inputs)
            for layer, mode in modes.items():
                layer.training = mode
            self.same = torch.equal(training, evaluation)


def fitted(backbone, epochs=2):
    module, watch = ImageClassifier(["benign", "malignant"], backbone=backbone), Watch()
    quiet_trainer(max_epochs=epochs, callbacks=[watch]).fit(module, tiny_data())
    return module, watch


def statistics(backbone):
    return {name: value.clone() for name, value in backbone.named_buffers() if "running" in name}


def test_a_pretrained_backbone_is_trained_under_the_statistics_it_came_with(tmp_path):
    backbone = load_backbone(str(weights_folder(tmp_path / "weights")), image_size=32)
    before = statistics(backbone)
    scales = [norm.weight.clone() for norm in backbone.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    module, watch = fitted(backbone)
    assert watch.same is True
    assert before
    assert all(torch.equal(value, statistics(module.backbone)[name]) for name, value in before.items())
    # Its scale and shift learn like any other weights, and no layer is left in eval mode.
    norms = [norm for norm in module.backbone.modules() if isinstance(norm, torch.nn.BatchNorm2d)]
    assert all(not torch.equal(norm.weight, scale) for norm, scale in zip(norms, scales, strict=True))
    assert all(layer.training for layer in module.backbone.modules())


@pytest.mark.parametrize("kind", ["random", "released"])
def test_statistics_that_are_not_fixed_follow_the_batches(tmp_path, kind):
    if kind == "random":
        backbone = tiny_backbone()
    else:
        backbone = load_backbone(str(weights_folder(tmp_path / "weights")), image_size=32)
        backbone.fixed_statistics = False
    before = statistics(backbone)
    module, watch = fitted(backbone, epochs=1)
    assert watch.same is False
    assert any(not torch.equal(value, statistics(module.backbone)[name]) for name, value in before.items())


def test_they_are_still_held_after_the_first_validation(tmp_path):
    seen = []

    class Modes(L.Callback):
        def on_train_epoch_end(self, trainer, pl_module):
            norms = [m for m in pl_module.backbone.modules() if isinstance(m, torch.nn.BatchNorm2d)]
            seen.append(not any(norm.training for norm in norms) and pl_module.backbone.training)

    backbone = load_backbone(str(weights_folder(tmp_path / "weights")), image_size=32)
    module = ImageClassifier(["benign", "malignant"], backbone=backbone)
    quiet_trainer(max_epochs=3, callbacks=[Modes()]).fit(module, tiny_data())
    assert seen == [True, True, True]
