"""Adapters by name: what they sit in, what learns, what is saved, and what they become."""

import re

import lightning as L
import pytest
import torch
from safetensors.torch import load
from torch import nn

from fairlead.backbones import load_backbone, load_text_backbone
from fairlead.data import FeatureCache, Loading, TextDataModule
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.export.graph import export_weights
from fairlead.modules import (
    ADAPTER_METHODS,
    AdapterSettings,
    HeadSettings,
    ImageClassifier,
    OptimizationSettings,
    TextClassifier,
    load_model,
)
from fairlead.modules.adapters import adapt, merged
from fairlead.records import RunFolder
from fairlead.tuning import ContrastiveTuning, LinearProbe
from fairlead.tuning.contrastive import ContrastiveSettings
from tests.fakes.encoders import SIZES, text_folder
from tests.fakes.texts import write_csv
from tests.fakes.training import SIZE, quiet_trainer, tiny_backbone, tiny_data, weights_folder

FAST = OptimizationSettings(learning_rate=3e-2, layer_decay=1.0, warmup=0.0)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    """A folder for each kind of text encoder."""
    return {kind: str(text_folder(tmp_path_factory.mktemp(kind), kind)) for kind in SIZES}


@pytest.fixture
def text_data(tmp_path):
    rows = [
        (" ".join((words * 2)[start % 4 : start % 4 + 3]) + f" {start}", label)
        for label, words in {"praise": ["good", "fine", "very", "the"], "blame": ["bad", "a", "b", "c"]}.items()
        for start in range(30)
    ]
    return TextDataModule(write_csv(tmp_path / "texts.csv", ("text", "label"), rows), loading=Loading(8, 0))


def backbone_of(kind, encoders):
    torch.manual_seed(0)
    return load_text_backbone(encoders[kind]) if kind in encoders else load_backbone(f"random:{kind}", image_size=SIZE)


def classifier(backbone, method="lora", **settings):
    kind = ImageClassifier if backbone.preprocessing.to_dict().get("kind", "image") == "image" else TextClassifier
    return kind(["a", "b"], backbone=backbone, optimization=FAST, adapter=AdapterSettings(method, rank=4, **settings))


def stirred(module):
    """Gives every weight that learns a value of its own."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter), alpha=0.05)
    return module.eval()


def learning(module):
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


KINDS = ["test_resnet", "test_vit", "test_convnext", "test_efficientnet", *SIZES]


@pytest.mark.parametrize("kind", KINDS)
def test_only_adapters_and_norms_and_the_head_learn_and_all_of_them_do(kind, encoders):
    backbone = backbone_of(kind, encoders)
    plain = {
        name: layer for name, layer in backbone.encoder.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)
    }
    module = classifier(backbone)
    norms = {
        f"backbone.encoder.{name}.{own}"
        for name, layer in backbone.encoder.named_modules()
        if isinstance(layer, nn.LayerNorm | nn.BatchNorm2d | nn.GroupNorm)
        for own, _ in layer.named_parameters(recurse=False)
    }
    adapters = {name for name in learning(module) if "lora_" in name}
    assert norms
    assert set(learning(module)) == norms | adapters | {"head.linear.weight", "head.linear.bias"}
    # In attention and in the MLP of every layer, and nowhere before or behind the layers.
    inside = {name for name, layer in plain.items() if re.search(r"\.\d+\.", name) and getattr(layer, "groups", 1) == 1}
    assert set(module.adapter.targets) == inside
    assert len(adapters) == 2 * len(inside)
    inputs = backbone.example(2)
    stirred(module).train()
    nn.functional.cross_entropy(module(inputs), torch.tensor([0, 1])).backward()
    assert [name for name in learning(module) if module.get_parameter(name).grad is None] == []
    assert [name for name in learning(module) if not module.get_parameter(name).grad.any()] == []
    assert all(parameter.grad is None for parameter in module.parameters() if not parameter.requires_grad)


@pytest.mark.parametrize("method", ADAPTER_METHODS)
@pytest.mark.parametrize("kind", ["test_resnet", "test_vit", "test_convnext", "bert", "deberta-v2"])
def test_adapters_start_where_they_change_nothing_and_merge_into_what_they_became(method, kind, encoders):
    backbone = backbone_of(kind, encoders)
    inputs = backbone.example(2)
    names = backbone.encoder.state_dict().keys()
    with torch.no_grad():
        plain = backbone.eval()(inputs)
        module = classifier(backbone, method).eval()
        assert torch.allclose(backbone(inputs), plain, atol=1e-6)
        stirred(module)
        answered = module(inputs)
        assert not torch.allclose(backbone(inputs), plain, atol=1e-5)
        other = merged(backbone.encoder)
        assert list(other.state_dict()) == list(names)
        assert torch.equal(module(inputs), answered)  # merged() is a copy: the module is as it was
        module.merge_adapters()
        assert torch.allclose(module(inputs), answered, atol=1e-5)
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert module.adapter is None
    assert not any("base_layer" in name for name in module.state_dict())


@pytest.mark.parametrize("method", ADAPTER_METHODS)
def test_a_checkpoint_answers_as_the_model_it_was_made_of(method, encoders, tmp_path, text_data):
    torch.manual_seed(0)
    module = TextClassifier(
        text_data.labels,
        backbone=load_text_backbone(encoders["bert"]),
        head=HeadSettings(kind="mlp", hidden=8),
        optimization=FAST,
        adapter={"method": method, "rank": 4, "dropout": 0.0 if method == "ia3" else 0.1},
    )
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    fitting = quiet_trainer(max_steps=3, limit_val_batches=0)
    fitting.fit(module, text_data)
    moved = {name for name, parameter in module.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == set(learning(module))
    assert all(parameter.any() for parameter in module.parameters() if parameter.requires_grad)
    run = RunFolder.create(tmp_path / "run")
    fitting.save_checkpoint(run.model, weights_only=True)
    inputs = module.backbone.example(5)
    with torch.no_grad():
        answered = module.eval()(inputs)
        torch.manual_seed(9)
        for loaded in (load_model(run), TextClassifier.load_from_checkpoint(run.model, weights_only=True)):
            assert loaded.adapter == module.adapter
            assert learning(loaded) == learning(module)
            assert torch.allclose(loaded.eval()(inputs), answered, atol=1e-6)
        loaded.merge_adapters()
        fitting.strategy.connect(loaded)
        fitting.save_checkpoint(tmp_path / "merged.ckpt", weights_only=True)
        again = TextClassifier.load_from_checkpoint(tmp_path / "merged.ckpt", weights_only=True)
        assert again.adapter is None
        assert torch.allclose(again.eval()(inputs), answered, atol=1e-5)


@pytest.mark.parametrize("kind", ["test_resnet", "test_vit", "test_convnext", *SIZES])
@pytest.mark.parametrize("method", ["dora", "ia3"])
def test_adapters_learn_at_the_depth_of_their_layer_and_frozen_weights_keep_their_groups(kind, method, encoders):
    backbone = backbone_of(kind, encoders)
    plain = {name: depth for depth, names in backbone.parameter_groups().items() for name in names}
    module = classifier(backbone, method)
    found = {name: depth for depth, names in backbone.parameter_groups().items() for name in names}
    assert set(found) == {name for name, _ in backbone.named_parameters()}
    for name, depth in found.items():
        layer = name.replace(".base_layer.", ".")
        if layer not in plain:  # an adapter's own: it goes where the weight it changes is
            (target,) = [target for target in module.adapter.targets if name.startswith(f"encoder.{target}.")]
            layer = f"encoder.{target}.weight"
        assert plain[layer] == depth, name
    groups = module.parameter_groups()
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(grouped) == sorted(id(parameter) for parameter in module.parameters())
    # What multiplies is not drawn to 0.
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    decayed = {names[id(parameter)] for group in groups if group["weight_decay"] for parameter in group["params"]}
    assert not [name for name in decayed if "ia3_l" in name or "magnitude" in name]
    assert method == "ia3" or any("lora_A" in name for name in decayed)


class Modes(L.Callback):
    """Calls train() in the middle of the run, as others' callbacks do, and looks what then is in training mode."""

    def __init__(self):
        self.training, self.validated = [], 0

    def on_train_batch_end(self, trainer, pl_module, *_):
        pl_module.train()
        modules = dict(pl_module.backbone.encoder.named_modules())
        self.training.append({name for name, layer in modules.items() if layer.training})

    def on_validation_end(self, trainer, pl_module):
        self.validated += 1


@pytest.mark.parametrize("kind", ["bert", "test_resnet"])
def test_frozen_layers_are_in_eval_mode_in_training_and_adapters_are_not(kind, encoders, text_data):
    data = text_data if kind == "bert" else tiny_data(train=16)
    module = classifier(backbone_of(kind, encoders), dropout=0.2)
    module.labels = data.labels
    statistics = {name: value.clone() for name, value in module.backbone.named_buffers() if "running" in name}
    modes = Modes()
    quiet_trainer(max_epochs=2, callbacks=[modes]).fit(module, data)
    assert modes.validated >= 2
    adapted = {f"{target}.lora_dropout.default" for target in module.adapter.targets}
    for seen in modes.training:
        assert adapted <= seen
        assert all(any(name == t or name.startswith(f"{t}.lora_") for t in module.adapter.targets) for name in seen)
    assert kind == "bert" or statistics
    assert all(torch.equal(value, module.backbone.get_buffer(name)) for name, value in statistics.items())
    assert all(layer.training for layer in module.modules())


def test_a_probe_is_fitted_to_the_features_of_the_backbone_as_it_came(tmp_path):
    folder = str(weights_folder(tmp_path / "weights"))
    fitted = []
    for adapter in (None, AdapterSettings(rank=4)):
        data = tiny_data(train=40)
        backbone = load_backbone(folder, image_size=SIZE)
        module = ImageClassifier(data.labels, backbone=backbone, adapter=adapter, optimization=FAST)
        probe = LinearProbe(FeatureCache(tmp_path / "cache"))
        quiet_trainer(max_epochs=0, callbacks=[probe]).fit(module, data)
        fitted.append(module.head.linear.weight.detach().clone())
        assert len(list((tmp_path / "cache").iterdir())) == len(fitted)  # a file for each digest
    assert torch.allclose(*fitted, atol=1e-4)
    stirred(module)
    quiet_trainer(max_epochs=0, callbacks=[LinearProbe(FeatureCache(tmp_path / "cache"))]).fit(module, data)
    assert len(list((tmp_path / "cache").iterdir())) == 3
    assert not torch.allclose(module.head.linear.weight, fitted[0], atol=1e-3)


def test_contrastive_tuning_moves_adapters_alone(encoders, text_data):
    module = classifier(backbone_of("bert", encoders))
    module.labels = text_data.labels
    before = {name: parameter.detach().clone() for name, parameter in module.backbone.named_parameters()}
    tuning = ContrastiveTuning(ContrastiveSettings(steps=3, learning_rate=1e-2))
    quiet_trainer(max_epochs=0, callbacks=[tuning]).fit(module, text_data)
    moved = {name for name, parameter in module.backbone.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == set(learning(module.backbone))


def test_the_weights_of_a_merged_model_are_exported_under_plain_names():
    plain = ImageClassifier(["a", "b"], backbone=tiny_backbone())
    module = stirred(classifier(tiny_backbone()))
    module.merge_adapters()
    assert load(export_weights(module)).keys() == plain.state_dict().keys()


def test_targets_are_taken_by_the_ends_of_their_names(encoders):
    module = classifier(backbone_of("bert", encoders), targets=["query", "attention.output.dense"])
    assert sorted(module.adapter.targets) == [
        f"encoder.layer.{layer}.attention.{end}" for layer in (0, 1) for end in ("output.dense", "self.query")
    ]
    with pytest.raises(UnknownNameError, match=r"'qeury' in bert; did you mean 'query'.*dense"):
        classifier(backbone_of("bert", encoders), targets=["value", "qeury"])


def test_a_layer_that_is_not_called_is_no_target():
    class Fused(nn.Module):
        """Reads a layer's weight itself, as some attention does."""

        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(nn.ModuleDict({"fused": nn.Linear(3, 3), "out": nn.Linear(3, 3)}) for _ in "ab")

        def forward(self, pixels):
            found = pixels.mean(dim=(2, 3))
            for block in self.blocks:
                found = block["out"](nn.functional.linear(found, block["fused"].weight))
            return found

    backbone = tiny_backbone()
    backbone.encoder = Fused()
    assert adapt(backbone, AdapterSettings()).targets == ("blocks.0.out", "blocks.1.out")
    backbone = tiny_backbone()
    backbone.encoder = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    with pytest.raises(ConfigurationError, match="no linear layer or convolution in repeated layers"):
        adapt(backbone, AdapterSettings())


def test_layers_that_stand_in_no_list_are_found_by_their_depth():
    backbone = load_backbone("random:regnetx_002", image_size=SIZE)
    targets = adapt(backbone, AdapterSettings()).targets
    assert {"s1.b1.conv1.conv", "s4.b7.conv3.conv"} < set(targets)
    assert not [name for name in targets if name.startswith("stem") or name.endswith("conv2.conv")]  # grouped


def test_a_backbone_is_adapted_once():
    module = classifier(tiny_backbone())
    with pytest.raises(ConfigurationError, match="adapters of another classifier"):
        ImageClassifier(["a", "b"], backbone=module.backbone)
    module.merge_adapters()
    assert ImageClassifier(["a", "b"], backbone=module.backbone).adapter is None
    assert classifier(module.backbone, "ia3").adapter.method == "ia3"


def test_constructing_leaves_modes_and_the_generator_of_the_plain_head():
    with torch.random.fork_rng():
        torch.manual_seed(3)
        plain = ImageClassifier(["a", "b"], backbone=tiny_backbone())
        torch.manual_seed(3)
        module = classifier(tiny_backbone())
    assert torch.equal(plain.head.linear.weight, module.head.linear.weight)
    assert all(layer.training for layer in module.modules())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "lorra"}, "did you mean 'lora'.*ia3"),
        ({"rank": 0}, "rank is at least 1"),
        ({"alpha": 0.0}, "alpha above 0"),
        ({"alpha": float("nan")}, "alpha above 0"),
        ({"dropout": 1.0}, r"dropout lies in \[0, 1\)"),
        ({"method": "ia3", "dropout": 0.1}, "set dropout to 0"),
        ({"targets": ()}, "no layer is to be adapted"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        AdapterSettings(**settings)
