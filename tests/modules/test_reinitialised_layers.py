"""Top layers that start anew, and nothing else that does."""

import pytest
import torch

from fairlead.backbones import load_text_backbone
from fairlead.errors import ConfigurationError
from fairlead.modules import AdapterSettings, TextClassifier, load_model
from fairlead.records import RunFolder
from tests.fakes.encoders import SIZES, text_folder
from tests.fakes.texts import order_data
from tests.fakes.training import quiet_trainer


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    return {kind: str(text_folder(tmp_path_factory.mktemp(kind), kind)) for kind in SIZES}


def anew(folder, layers, seed=5, **settings):
    backbone = load_text_backbone(folder, **settings)
    with torch.no_grad():  # as if they had been learned: nothing is at its starting value
        for parameter in backbone.parameters():
            parameter.add_(0.25)
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    torch.manual_seed(seed)
    module = TextClassifier(["a", "b"], backbone=backbone, reinitialised_layers=layers)
    after = module.backbone.state_dict()
    return module, {name for name in before if not torch.equal(before[name], after[name])}


@pytest.mark.parametrize("kind", SIZES)
def test_the_last_layers_start_anew_and_the_others_are_as_they_were(kind, encoders):
    module, changed = anew(encoders[kind], 1)
    depths = module.backbone.parameter_groups()
    layer = {name for name in depths["depth2"] if ".1." in name}
    assert layer
    assert changed == layer
    weights = [module.backbone.get_parameter(name) for name in layer if name.endswith("weight")]
    assert {round(weight.std().item(), 1) for weight in weights if weight.ndim > 1} == {0.0}  # 0.02, not 0.02 + 0.25
    assert all(abs(weight.mean().item()) < 0.02 for weight in weights if weight.ndim > 1)
    assert {weight.unique().item() for weight in weights if weight.ndim == 1} == {1.0}
    _, both = anew(encoders[kind], 2)
    assert both == layer | {name for name in depths["depth1"] if ".0." in name}
    assert anew(encoders[kind], 0)[1] == set()


def test_a_pooling_that_is_used_starts_anew_with_them(encoders):
    module, changed = anew(encoders["bert"], 1, pooling="own")
    assert {name for name in changed if "pooler" in name} == {
        "encoder.pooler.dense.weight",
        "encoder.pooler.dense.bias",
    }
    assert module.backbone.origin.endswith(", the top 1 layers initialised anew")


def test_the_seed_decides(encoders):
    one, again, other = (anew(encoders["bert"], 2, seed)[0].backbone.digest() for seed in (5, 5, 6))
    assert one == again != other


def test_more_than_there_are_is_refused(encoders):
    for layers in (3, -1):
        with pytest.raises(ConfigurationError, match=f"bert has 2 layers, and {layers} cannot start anew; choose from"):
            anew(encoders["bert"], layers)
    with pytest.raises(ConfigurationError, match="adapters freeze them"):
        TextClassifier(["a", "b"], backbone=encoders["bert"], reinitialised_layers=1, adapter=AdapterSettings())


def test_a_checkpoint_brings_the_weights_and_says_what_was_done(encoders, tmp_path):
    module, _ = anew(encoders["bert"], 1)
    fitting = quiet_trainer(max_steps=2, limit_val_batches=0)
    fitting.fit(module, order_data(tmp_path))
    run = RunFolder.create(tmp_path / "run")
    fitting.save_checkpoint(run.model, weights_only=True)
    loaded, inputs = load_model(run).eval(), module.backbone.example(3)
    assert loaded.hparams["reinitialised_layers"] == 1
    assert loaded.backbone.origin == module.backbone.origin
    with torch.no_grad():
        assert torch.equal(loaded(inputs), module.eval()(inputs))
