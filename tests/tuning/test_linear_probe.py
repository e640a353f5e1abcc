"""The probe in a Trainer: what it fits, what it leaves alone, when it runs."""

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from fairlead.backbones import load_backbone
from fairlead.data import FeatureCache
from fairlead.errors import ConfigurationError
from fairlead.measures import fit_temperature, softmax
from fairlead.modules import HeadSettings, ImageClassifier, Outputs
from fairlead.records import Split
from fairlead.tuning import LinearProbe
from tests.fakes.training import SIZE, quiet_trainer, tiny_backbone, tiny_data, weights_folder

HELD_OUT = (Split.VAL, Split.CALIBRATION, Split.TEST)


def probed(module, data, **settings):
    probe = LinearProbe(**settings)
    quiet_trainer(max_epochs=0, callbacks=[probe]).fit(module, data)
    return probe


@pytest.fixture
def data():
    return tiny_data(train=60, val=23, calibration=41, test=17, batch_size=4)


@pytest.fixture
def pretrained(tmp_path):
    return load_backbone(str(weights_folder(tmp_path / "weights")), image_size=SIZE)


def test_without_epochs_the_head_is_the_fitted_one_and_the_backbone_is_untouched(data, pretrained):
    module = ImageClassifier(data.labels, backbone=pretrained)
    before = {name: tensor.clone() for name, tensor in module.backbone.state_dict().items()}
    probe = probed(module, data)
    after = module.backbone.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    np.testing.assert_allclose(module.head.linear.weight.detach().numpy(), probe.fitted.weight, rtol=1e-6)
    np.testing.assert_allclose(module.head.linear.bias.detach().numpy(), probe.fitted.bias, rtol=1e-6)
    assert module.head.linear.weight.requires_grad


def test_random_weights_get_statistics_and_keep_their_weights(data):
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    before = {name: parameter.detach().clone() for name, parameter in module.backbone.named_parameters()}
    probed(module, data)
    assert all(torch.equal(before[name], parameter) for name, parameter in module.backbone.named_parameters())
    means = [tensor for name, tensor in module.backbone.named_buffers() if name.endswith("running_mean")]
    assert any(mean.abs().max() > 1e-3 for mean in means)
    # Under these statistics the features of training and of evaluation are of one size, as a fitted head needs.
    inputs = torch.stack([row.inputs for row in map(data.val_dataloader().dataset.__getitem__, sampled(data))])
    with torch.no_grad():
        evaluated = module.eval().backbone(inputs).std()
        trained = module.train().backbone(inputs).std()
    assert 0.5 < evaluated / trained < 2


def sampled(data):
    return list(data.val_dataloader().sampler)


@pytest.mark.parametrize("origin", ["pretrained", "random"])
def test_its_answers_are_the_modules_own_for_every_held_out_split(data, pretrained, origin):
    backbone = pretrained if origin == "pretrained" else tiny_backbone()
    module = ImageClassifier(data.labels, backbone=backbone)
    probe = probed(module, data)
    parts = quiet_trainer().predict(module, data)
    for split, batches in zip(HELD_OUT, parts, strict=True):
        own, said = Outputs.concatenate(batches), probe.outputs[split]
        torch.testing.assert_close(said.probabilities, own.probabilities, rtol=0, atol=1e-4)
        torch.testing.assert_close(said.logits, own.logits, rtol=1e-3, atol=1e-3)
        for name in ("target", "groups", "index"):
            assert torch.equal(getattr(said, name), getattr(own, name))


def test_its_temperature_is_of_the_calibration_rows(data, pretrained):
    module = ImageClassifier(data.labels, backbone=pretrained)
    probe = probed(module, data)
    calibration = probe.outputs[Split.CALIBRATION]
    expected = fit_temperature(calibration.logits.numpy(), calibration.target.numpy())
    assert module.temperature.item() == pytest.approx(expected, rel=1e-6)
    test = probe.outputs[Split.TEST]
    np.testing.assert_allclose(test.probabilities.numpy(), softmax(test.logits.numpy(), expected), atol=1e-6)


def test_fine_tuning_starts_from_the_fitted_head(data, pretrained):
    module = ImageClassifier(data.labels, backbone=pretrained)
    probe = LinearProbe()
    seen = []
    module.head.linear.register_forward_pre_hook(
        lambda part, given: seen.append(part.weight.detach().numpy().copy()) if part.training else None
    )
    quiet_trainer(max_epochs=1, callbacks=[probe], limit_train_batches=1, num_sanity_val_steps=0).fit(module, data)
    np.testing.assert_allclose(seen[0], probe.fitted.weight, rtol=1e-6)
    assert not np.allclose(module.head.linear.weight.detach().numpy(), probe.fitted.weight, rtol=1e-6)


def test_a_resumed_run_keeps_its_head_and_does_not_fit_again(data, tmp_path, monkeypatch):
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    first = quiet_trainer(max_epochs=1, callbacks=[LinearProbe()])
    first.fit(module, data)
    first.save_checkpoint(tmp_path / "last.ckpt")
    expected = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    again = ImageClassifier(data.labels, backbone=tiny_backbone(seed=9))
    probe = LinearProbe()
    monkeypatch.setattr("fairlead.tuning.linear_probe.fit_logistic", lambda *a, **k: pytest.fail("fitted again"))
    resumed = quiet_trainer(max_epochs=1, callbacks=[probe])
    resumed.fit(again, data, ckpt_path=tmp_path / "last.ckpt", weights_only=True)
    assert probe.fitted is None
    assert all(torch.equal(expected[name], tensor) for name, tensor in again.state_dict().items())


@pytest.mark.parametrize("kind", ["mlp", "own"])
def test_a_head_that_is_not_linear_is_refused_with_the_remedy(data, kind):
    class Own(ImageClassifier):
        def build_head(self, features, classes):
            return torch.nn.Linear(features, classes)

    if kind == "mlp":
        module = ImageClassifier(data.labels, backbone=tiny_backbone(), head=HeadSettings(kind="mlp"))
    else:
        module = Own(data.labels, backbone=tiny_backbone())
    with pytest.raises(ConfigurationError, match=r'HeadSettings\(kind="linear"\)'):
        probed(module, data)


def test_loaders_without_rows_are_refused_with_the_remedy():
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone())
    loader = DataLoader([torch.zeros(1)])
    with pytest.raises(ConfigurationError, match="ImageDataModule"):
        quiet_trainer(max_epochs=0, callbacks=[LinearProbe()]).fit(module, loader, loader)


def test_features_are_computed_once_and_kept(data, pretrained, tmp_path, monkeypatch):
    module = ImageClassifier(data.labels, backbone=pretrained)
    first = probed(module, data, cache=FeatureCache(tmp_path / "cache"))
    monkeypatch.setattr("fairlead.data.feature_cache.compute_features", lambda *a, **k: pytest.fail("computed again"))
    second = probed(
        module, tiny_data(train=60, val=23, calibration=41, test=17), cache=FeatureCache(tmp_path / "cache")
    )
    np.testing.assert_array_equal(first.fitted.weight, second.fitted.weight)
