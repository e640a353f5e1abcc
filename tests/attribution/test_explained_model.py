"""A model is explained in a copy: whatever it is, and wherever it stands, it is as it was."""

import random
import warnings

import lightning as L
import numpy as np
import pytest
import torch
import torchmetrics
from torch import nn
from transformers.modeling_outputs import SequenceClassifierOutput

from fairlead.attribution import (
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    PixelSite,
    Question,
    deepest_map,
)
from fairlead.attribution.memory import kept_for_gradients
from fairlead.errors import AttributionError
from tests.fakes.networks import CLASSES, linear, pictures, seeded, small_cnn
from tests.fakes.peers import shap
from tests.fakes.training import quiet_trainer


def explain(network, rows=None, layer=False, **settings):
    rows = pictures(4) if rows is None else rows
    model = ExplainedModel(network, rows, **settings)
    site = LayerSite(model, deepest_map(model.network, rows), rows) if layer else PixelSite(model)
    method = ExpectedGradients(model, site, rows[1:], effort=Effort(tolerance=0, samples=64))
    return method.explain(rows[:1], Question(torch.tensor([1])), [0])[0]


def state_of(module):
    """All that an audit could disturb, as what can be compared."""
    tensors = {name: value.detach().clone() for name, value in module.state_dict(keep_vars=True).items()}
    gradients = {
        name: None if weight.grad is None else weight.grad.clone() for name, weight in module.named_parameters()
    }
    modes = [part.training for part in module.modules()]
    asked = [weight.requires_grad for weight in module.parameters()]
    hooks = [
        {name: list(value) for name, value in vars(part).items() if name.endswith("hooks")} for part in module.modules()
    ]
    attributes = [sorted(vars(part)) for part in module.modules()]
    generators = (torch.get_rng_state(), np.random.get_state()[1].copy(), np.random.get_state()[2], random.getstate())
    return tensors, gradients, modes, asked, hooks, attributes, generators


def changes(before, after):
    """The names of what differs."""
    found = []
    for kind, one, other in (("tensors", before[0], after[0]), ("gradients", before[1], after[1])):
        found += [
            f"{kind}: {name}"
            for name in one
            if (one[name] is None) != (other[name] is None)
            or (one[name] is not None and not torch.equal(one[name], other[name]))
        ]
    names = ("modes", "requires_grad", "hooks", "attributes")
    found += [name for name, one, other in zip(names, before[2:6], after[2:6], strict=True) if one != other]
    torchs, numpys, position, pythons = before[6]
    same = torch.equal(torchs, after[6][0]), (numpys == after[6][1]).all() and position == after[6][2]
    found += [name for name, kept in zip(("torch's generator", "NumPy's generator"), same, strict=True) if not kept]
    return found + ([] if pythons == after[6][3] else ["Python's generator"])


def in_training(network):
    """With a gradient accumulated, one part frozen, one in eval mode, and a hook."""
    network.train()
    network[1].eval()
    network[0].weight.requires_grad_(False)
    network[3].register_forward_hook(lambda *_: None)
    nn.functional.cross_entropy(network(pictures(6, seed=3)), torch.arange(6) % CLASSES).backward()
    return network


SURROUNDINGS = {
    "none": lambda: warnings.catch_warnings(),
    "no_grad": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("surroundings", SURROUNDINGS)
@pytest.mark.parametrize("layer", [False, True])
def test_nothing_of_the_module_changes_nor_do_the_values(surroundings, layer):
    network = in_training(small_cnn())
    expected = explain(small_cnn(), layer=layer)
    before = state_of(network)
    with SURROUNDINGS[surroundings]():
        rows = pictures(4)
        found = explain(network, rows, layer=layer)
    assert changes(before, state_of(network)) == []
    # The running mean has moved with the batch that was trained on; the values are those of what the module is now.
    assert found.values.shape == expected.values.shape
    with torch.no_grad():
        score = Question(torch.tensor([1])).score(network.eval()(rows[:1].clone()))
    assert found.full == pytest.approx(float(score), abs=1e-5)


def test_the_same_check_finds_what_shaps_explainer_changes():
    """A defect of shap 0.51, kept as a test: it explains in the module itself."""
    network = in_training(small_cnn())
    before, rows = state_of(network), pictures(4)
    shap.GradientExplainer(network, rows[1:]).shap_values(rows[:1], nsamples=4, ranked_outputs=1)
    found = changes(before, state_of(network))
    assert "modes" in found
    assert "NumPy's generator" in found
    assert "gradients: 6.weight" in found
    with torch.inference_mode(), pytest.raises(RuntimeError, match="does not require grad"):
        shap.GradientExplainer(network, rows[1:]).shap_values(rows[:1], nsamples=4, ranked_outputs=1)


class Answers(nn.Module):
    def __init__(self, form):
        super().__init__()
        self.network, self.form = small_cnn(), form

    def forward(self, inputs):
        return self.form(self.network(inputs))


@pytest.mark.parametrize(
    "form",
    [
        lambda logits: {"logits": logits, "loss": None},
        lambda logits: SequenceClassifierOutput(logits=logits),
        lambda logits: (logits, "more"),
        lambda logits: logits.bfloat16().float(),
    ],
)
def test_logits_are_found_in_what_a_module_returns(form):
    found, plain = explain(Answers(form)), explain(small_cnn())
    assert np.abs(found.values - plain.values).max() < 0.02 * np.abs(plain.values).max()


@pytest.mark.parametrize("form", [lambda logits: logits[:, 0], lambda logits: logits[:, :1]])
def test_one_logit_is_that_of_the_second_class(form):
    model = ExplainedModel(Answers(form), pictures(2))
    assert model.classes == 2
    expected = small_cnn()(pictures(3))[:, 0].detach()
    assert torch.allclose(
        Question(torch.ones(3, dtype=torch.long)).score(model.logits(pictures(3))), expected, atol=1e-5
    )


@pytest.mark.parametrize("form", [lambda _: None, lambda _: [], lambda out: out[:, :, None], lambda out: {"x": out}])
def test_what_is_no_logits_is_refused(form):
    with pytest.raises(AttributionError, match=r"logits are .*give a function of"):
        explain(Answers(form))


def test_precision_of_weights_and_inputs_may_be_any():
    exact = explain(small_cnn()).values
    for network, rows, close in (
        (small_cnn().bfloat16(), pictures(4), 0.1),
        (small_cnn().bfloat16(), pictures(4).bfloat16(), 0.1),
        (small_cnn(), pictures(4).half(), 0.01),
        (small_cnn().double(), pictures(4).double(), 1e-4),
    ):
        values = explain(network, rows).values
        assert np.abs(values - exact).max() < close * np.abs(exact).max()


@pytest.mark.parametrize("layer", [False, True])
def test_weights_made_in_inference_mode_can_be_explained(layer):
    with torch.inference_mode():
        network, rows = small_cnn(), pictures(4)
    assert next(network.parameters()).is_inference()
    assert np.abs(explain(network, rows, layer).values - explain(small_cnn(), layer=layer).values).max() < 1e-5


@pytest.mark.parametrize("rows", [(15, 60), (33, 47)])
def test_pictures_need_not_be_square(rows):
    def build():
        layers = nn.Conv2d(3, 4, 3, 2, 1), nn.Tanh(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
        return nn.Sequential(*layers)

    for layer in (False, True):
        shares = explain(seeded(build), pictures(4, rows[0], wide=rows[1]), layer)
        assert abs(shares.residual) < 3 * shares.sum_error + 1e-5
        assert shares.values.shape == (((rows[0] + 1) // 2, (rows[1] + 1) // 2) if layer else (14, 14))


def test_a_compiled_module_is_explained_uncompiled():
    plain = explain(small_cnn()).values
    outside = torch.compile(small_cnn(), backend="eager")
    inside = small_cnn()
    inside.compile(backend="eager")
    within = nn.Sequential(torch.compile(small_cnn(), backend="eager"))
    within(pictures(2))
    for network in (outside, inside, within):
        assert np.abs(explain(network).values - plain).max() < 1e-6


def test_graphs_that_a_module_keeps_and_hooks_that_only_look_stay_out_of_the_copy():
    network, seen = small_cnn(), []
    network.last = network(pictures(2))
    network.losses = {"train": [network(pictures(2)).sum()]}
    network[3].register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    found = explain(network)
    assert len(seen) == 1  # one batch of the copy, by which it is known that it only looks on
    assert network.last.grad_fn is not None
    assert np.abs(found.values - explain(small_cnn()).values).max() < 1e-6
    network[3].register_forward_hook(lambda _module, _inputs, output: 2 * output)  # one that matters stays
    assert np.abs(explain(network).values - found.values).max() > 1e-3


class Trained(L.LightningModule):
    """Logs, counts and keeps what it should not, as modules do."""

    def __init__(self):
        super().__init__()
        self.network = small_cnn().train()
        self.temperature = nn.Parameter(torch.ones(1))
        self.accuracy = torchmetrics.Accuracy("multiclass", num_classes=CLASSES)

    def forward(self, inputs):
        return self.network(inputs) * self.temperature

    def training_step(self, batch, _):
        logits = self(batch[0])
        self.kept = logits
        self.accuracy(logits, batch[1])
        self.log("accuracy", self.accuracy)
        return nn.functional.cross_entropy(logits, batch[1])

    def validation_step(self, batch, _):
        self.log("loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


class Explains(L.Callback):
    def __init__(self):
        self.found = []

    def look(self, module):
        before = state_of(module)
        self.found.append((explain(module, layer=len(self.found) % 2 == 0), changes(before, state_of(module))))

    def on_train_batch_end(self, trainer, module, *_):
        self.look(module)

    def on_validation_batch_end(self, trainer, module, *_):
        self.look(module)


def trained(callbacks):
    rows = torch.utils.data.TensorDataset(pictures(8, seed=5), torch.arange(8) % CLASSES)
    loader = torch.utils.data.DataLoader(rows, batch_size=4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = Trained()
        settings = {"max_epochs": 2, "accumulate_grad_batches": 2, "callbacks": callbacks, "num_sanity_val_steps": 0}
        quiet_trainer(**settings).fit(module, loader, loader)
    return module


def test_a_module_in_a_running_trainer_is_explained_and_trains_on_as_if_it_had_not_been():
    callback = Explains()
    with_it, without = trained([callback]), trained([])
    assert len(callback.found) == 8
    assert all(np.isfinite(shares.values).all() and not changed for shares, changed in callback.found)
    for (name, one), other in zip(with_it.state_dict().items(), without.state_dict().values(), strict=True):
        assert torch.equal(one, other), name


def test_a_module_that_draws_by_lot_leaves_the_generators_where_they_stood():
    class Noisy(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = linear()

        def forward(self, inputs):
            noise = np.random.rand() + random.random() + torch.rand(1)  # noqa: S311 - no secret
            return self.network(inputs) * (1 + 0.5 * noise)

    network = Noisy()
    before = state_of(network)
    explain(network)
    assert changes(before, state_of(network)) == []


def test_what_cannot_be_explained_says_why():
    broken = small_cnn()
    with torch.no_grad():
        broken[6].weight[0, 0] = torch.nan
    with pytest.raises(AttributionError, match="answers with what is not a number; lower the learning rate"):
        explain(broken)
    with pytest.raises(AttributionError, match=r"does not answer in single precision .*give a function of"):
        explain(small_cnn(), (255 * pictures(4)).to(torch.uint8))
    with pytest.raises(AttributionError, match="before it is quantised"):
        explain(Rounds())
    with pytest.raises(AttributionError, match="has weights that no gradients can be taken through"):
        explain(Whole())
    unfit = small_cnn()
    unfit.file = open("/dev/null")  # noqa: SIM115 - a file is what it is about
    with unfit.file, pytest.raises(AttributionError, match=r"cannot be copied .*keep no files"):
        explain(unfit)


def test_a_dynamically_quantised_layer_lets_no_gradient_through():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.ao says that it will move
        quantised = torch.ao.quantization.quantize_dynamic(small_cnn(), {nn.Linear})
    with pytest.raises(AttributionError, match="has weights that no gradients can be taken through"):
        explain(quantised)


class Rounds(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = linear()

    def forward(self, inputs):
        return self.network((255 * inputs).to(torch.uint8).float())


class Whole(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("weights", torch.randint(-5, 5, (768, 2)))

    def forward(self, inputs):
        return inputs.flatten(1) @ self.weights.float()


def test_weights_are_not_counted_as_kept_by_every_sample():
    weighty = seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(768, 4000), nn.Tanh(), nn.Linear(4000, 2)))
    model = ExplainedModel(weighty, pictures(2))
    # 32 kB for a sample, beside 12 MB of weights.
    method = ExpectedGradients(model, PixelSite(model), pictures(4), effort=Effort(memory=2**20))
    assert 10 < method._together(pictures(1), pictures(1), Question(torch.tensor([0]))) < 40


def test_no_more_is_kept_for_gradients_than_was_allowed():
    network, rows = small_cnn(), pictures(8)
    model = ExplainedModel(network, rows)
    site, sizes = PixelSite(model), []

    class Watched(PixelSite):
        def logits(self, points, inputs):
            sizes.append(len(points))
            return super().logits(points, inputs)

    start = rows[:1].clone().requires_grad_()
    one = kept_for_gradients(lambda: site.logits(start, rows[:1]))
    for memory, most in ((1, 1), (6 * one, 6), (2**40, 64)):
        sizes.clear()
        method = ExpectedGradients(model, Watched(model), rows, effort=Effort(tolerance=0, samples=64, memory=memory))
        method.explain(rows, Question(torch.zeros(8, dtype=torch.long)), list(range(8)))
        assert most / 2 <= max(sizes[2:]) <= most
