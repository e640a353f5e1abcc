"""A run that is stopped and resumed is the run that was not."""

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from fairlead.data import Augmentation
from fairlead.modules import HeadSettings, ImageClassifier
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data


def trained(folder, *, resume=None, dropout=0.0, seed=5):
    """Trains four epochs, with random views in a new order each, and keeps the checkpoint of every epoch."""
    torch.manual_seed(seed)
    module = ImageClassifier(["benign", "malignant"], backbone=tiny_backbone(seed), head=HeadSettings(dropout=dropout))
    data = tiny_data(train=20)
    data.augmentation = Augmentation(scale=0.5, jitter=0.3, erase=0.3)
    saved = ModelCheckpoint(folder, "{epoch}", save_top_k=-1)
    trainer = quiet_trainer(max_epochs=4, enable_checkpointing=True, callbacks=[saved])
    trainer.fit(module, data, ckpt_path=resume, weights_only=True if resume else None)
    return module.state_dict(), trainer.global_step


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_a_run_resumed_elsewhere_ends_bit_for_bit_as_the_whole_run(tmp_path, dropout):
    whole, steps = trained(tmp_path, dropout=dropout)
    for later in ("epoch=2.ckpt", "epoch=3.ckpt"):
        (tmp_path / later).unlink()
    resumed, again = trained(tmp_path, resume=tmp_path / "epoch=1.ckpt", dropout=dropout, seed=9)
    assert again == steps == 12
    assert (tmp_path / "epoch=3.ckpt").exists()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_loading_a_model_leaves_the_generator_alone(tmp_path):
    trained(tmp_path)
    torch.manual_seed(77)
    before = torch.get_rng_state()
    module = ImageClassifier.load_from_checkpoint(tmp_path / "epoch=3.ckpt", weights_only=True, strict=True)
    draws = torch.rand(3)
    torch.set_rng_state(before)
    # Building the architecture draws from the generator; what the checkpoint remembers of it must not be set.
    ImageClassifier(module.labels, backbone=module.backbone.describe())
    assert torch.equal(draws, torch.rand(3))


def test_a_model_to_use_carries_no_generator(tmp_path):
    module = ImageClassifier(["benign", "malignant"], backbone=tiny_backbone())
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, tiny_data(train=16))
    trainer.save_checkpoint(tmp_path / "model.ckpt", weights_only=True)
    assert "generators" not in torch.load(tmp_path / "model.ckpt", weights_only=True)
