"""Rates by depth, decay by shape, and the schedule."""

import itertools

import pytest
import torch
from torch import nn

from fairlead.backbones import load_backbone
from fairlead.errors import ConfigurationError
from fairlead.modules import ImageClassifier, OptimizationSettings, warmup_cosine
from tests.fakes.training import quiet_trainer, tiny_backbone, tiny_data

SETTINGS = OptimizationSettings(learning_rate=1e-3, head_multiplier=4.0, layer_decay=0.5, weight_decay=0.3)


def groups_of(name):
    module = ImageClassifier(["a", "b", "c"], backbone=load_backbone(name), optimization=SETTINGS)
    return module, module.parameter_groups()


@pytest.mark.parametrize("name", ["random:test_resnet", "random:test_vit", "random:test_convnext"])
def test_every_trainable_parameter_is_in_exactly_one_group(name):
    module, groups = groups_of(name)
    grouped = [id(parameter) for group in groups for parameter in group["params"]]
    trainable = [id(parameter) for parameter in module.parameters() if parameter.requires_grad]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) == set(trainable)


@pytest.mark.parametrize("name", ["random:test_resnet", "random:test_vit", "random:test_convnext"])
def test_rates_are_absolute_and_fall_with_the_distance_from_the_head(name):
    module, groups = groups_of(name)
    rate = {group["name"].removesuffix("/no_decay"): group["lr"] for group in groups}
    depths = [f"depth{depth}" for depth in range(len(rate) - 1)]
    assert len(depths) > 2
    assert set(rate) == {*depths, "head"}
    assert rate["head"] == pytest.approx(4e-3)
    assert [rate[depth] for depth in depths[::-1]] == pytest.approx([1e-3 * 0.5**below for below in range(len(depths))])
    by_parameter = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert by_parameter[id(module.head.linear.weight)] == pytest.approx(4e-3)
    first = next(iter(module.backbone.encoder.parameters()))
    assert by_parameter[id(first)] == min(rate.values())


@pytest.mark.parametrize("name", ["random:test_resnet", "random:test_vit", "random:test_convnext"])
def test_norms_and_biases_and_positions_do_not_decay_and_matrices_do(name):
    module, groups = groups_of(name)
    decay = {id(parameter): group["weight_decay"] for group in groups for parameter in group["params"]}
    norms = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)
    exempt = [id(p) for part in module.modules() if isinstance(part, norms) for p in part.parameters(recurse=False)]
    exempt += [id(parameter) for name, parameter in module.named_parameters() if name.endswith("bias")]
    exempt += [id(parameter) for name, parameter in module.named_parameters() if "pos_embed" in name]
    assert exempt
    assert {decay[parameter] for parameter in exempt} == {0.0}
    matrices = [p for part in module.modules() if isinstance(part, nn.Linear | nn.Conv2d) for p in [part.weight]]
    assert {decay[id(matrix)] for matrix in matrices} == {0.3}


def test_a_layer_decay_of_one_gives_the_backbone_one_rate():
    settings = OptimizationSettings(learning_rate=1e-3, head_multiplier=1.0, layer_decay=1.0)
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone(), optimization=settings)
    assert {group["lr"] for group in module.parameter_groups()} == {1e-3}


def test_parameters_a_subclass_adds_learn_like_the_head():
    class Scaled(ImageClassifier):
        def __init__(self, labels, **settings):
            super().__init__(labels, **settings)
            self.scale = nn.Parameter(torch.ones(2, 2))

    module = Scaled(["a", "b"], backbone=tiny_backbone(), optimization=SETTINGS)
    (group,) = [group for group in module.parameter_groups() if any(p is module.scale for p in group["params"])]
    assert group["name"] == "head"


@pytest.mark.parametrize(("kind", "expected"), [("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)])
def test_both_optimizers_train_every_group(kind, expected):
    data = tiny_data(train=16)
    settings = OptimizationSettings(optimizer=kind, learning_rate=0.1, layer_decay=1.0)
    module = ImageClassifier(data.labels, backbone=tiny_backbone(), optimization=settings)
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    trainer = quiet_trainer(max_epochs=1)
    trainer.fit(module, data)
    optimizer = trainer.optimizers[0]
    assert type(optimizer) is expected
    assert kind == "adamw" or optimizer.param_groups[0]["momentum"] == 0.9
    assert all(not torch.equal(before[name], parameter) for name, parameter in module.named_parameters())


def test_ratios_between_groups_survive_the_whole_schedule():
    module = ImageClassifier(["a", "b"], backbone=tiny_backbone(), optimization=SETTINGS)
    groups = module.parameter_groups()
    at_first = [group["lr"] for group in groups]
    optimizer = SETTINGS.build(groups)
    schedule = warmup_cosine(optimizer, steps=20, warmup=0.25)
    for _ in range(20):
        rates = [group["lr"] for group in optimizer.param_groups]
        assert [rate / rates[-1] for rate in rates] == pytest.approx([rate / at_first[-1] for rate in at_first])
        optimizer.step()
        schedule.step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.0] * len(groups), abs=1e-12)


def factors(steps, warmup):
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = warmup_cosine(optimizer, steps, warmup)
    found = []
    for _ in range(steps + 1):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_the_rate_rises_in_a_line_to_its_peak_then_falls_to_zero():
    found = factors(steps=40, warmup=0.25)
    assert found[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert found[10] == pytest.approx(1.0)
    assert found[25] == pytest.approx(0.5)  # half way down the cosine
    assert found[40] == pytest.approx(0.0, abs=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(found[10:]))


def test_without_warm_up_the_first_step_is_the_largest():
    found = factors(steps=10, warmup=0.0)
    assert found[0] == 1.0
    assert max(found) == found[0]


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.99])
def test_even_the_shortest_run_learns_at_every_step(steps, warmup):
    assert all(factor > 0 for factor in factors(steps, warmup)[:steps])


def test_the_schedule_ends_with_the_run():
    data = tiny_data(train=16, batch_size=4)
    module = ImageClassifier(data.labels, backbone=tiny_backbone())
    trainer = quiet_trainer(max_epochs=3, accumulate_grad_batches=2)
    trainer.fit(module, data)
    assert trainer.global_step == 6
    assert trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.0, abs=1e-12)


def test_a_run_without_an_end_is_refused():
    module = ImageClassifier(["benign", "malignant"], backbone=tiny_backbone())
    with pytest.raises(ConfigurationError, match="max_epochs or max_steps"):
        quiet_trainer(max_epochs=-1, max_time="00:00:00:05").fit(module, tiny_data())


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam"},
        {"learning_rate": 0.0},
        {"head_multiplier": -1.0},
        {"weight_decay": -0.1},
        {"layer_decay": 0.0},
        {"layer_decay": 1.1},
        {"warmup": 1.0},
        {"warmup": -0.1},
        {"learning_rate": float("nan")},
    ],
)
def test_numbers_out_of_range_are_refused(settings):
    with pytest.raises(ConfigurationError):
        OptimizationSettings(**settings)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_at_any_precision(precision):
    """Lightning refuses to clip in mixed precision what a fused optimizer holds."""
    module = ImageClassifier(["benign", "malignant"], backbone=tiny_backbone())
    trainer = quiet_trainer(max_epochs=1, precision=precision, gradient_clip_val=0.5)
    trainer.fit(module, tiny_data())
    assert trainer.global_step == 3
