"""A network from a layer on answers as the whole one, for every family at hand."""

import pytest
import timm
import torch
from torch import nn

from fairlead.attribution import (
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    Question,
    Tail,
    TokenSite,
    deepest_map,
)
from fairlead.attribution.sites import map_axes, summed
from fairlead.errors import AttributionError, UnknownNameError
from tests.fakes.networks import (
    SPECIAL,
    PassedBy,
    Twice,
    by_planes,
    pictures,
    seeded,
    small_cnn,
    texts,
    tiny_bert,
)

FAMILIES = {
    "test_byobnet": "stages.2",
    "test_coatnet": "stages.2",
    "test_convnext": "stages.3.downsample.0",
    "test_efficientnet": "blocks.4.0.bn1",
    "test_efficientnet_ln": "blocks.4.0.bn1",
    "test_mambaout": "stages.3.downsample.norm",
    "test_maxvit": "stages.2",
    "test_nfnet": "stages.3.0.act1",
    "test_resnet": "layer3",
    "test_vit": "patch_embed",
    "test_vit3": "patch_embed.norm",
    "test_vit_relpos": "patch_embed.norm",
}


@pytest.mark.parametrize(("architecture", "layer"), FAMILIES.items())
def test_every_family_has_a_layer_that_everything_goes_through(architecture, layer):
    network = seeded(lambda: timm.create_model(architecture, num_classes=5)).eval()
    example = pictures(3, network.pretrained_cfg["input_size"][1])
    model = ExplainedModel(network, example)
    assert deepest_map(model.network, example) == f"module.{layer}"
    site = LayerSite(model, f"module.{layer}", example)
    expected = model.network(example)
    points = site.points(example)
    assert site.shared
    assert torch.allclose(site.logits(points, example), expected, atol=1e-5)

    points.requires_grad_()
    (ours,) = torch.autograd.grad(site.logits(points, example)[:, 1].sum(), points)
    kept = []

    def keep(_module, _inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[0]

    handle = site.tail.layer.register_forward_hook(keep)
    logits = model.network(example)
    handle.remove()
    (through_hook,) = torch.autograd.grad(logits[:, 1].sum(), kept[0])
    assert through_hook.abs().max() > 0
    assert torch.allclose(ours, through_hook, atol=1e-6 * float(through_hook.abs().max()))


def test_what_ran_before_the_layer_is_not_run_again():
    network, example = small_cnn(), pictures(3)
    tail = Tail(network, "3", example)
    points, ran = tail.points(example), []
    for name in ("0", "3", "4", "6"):
        vars(network[int(name)])["forward"] = counting(network[int(name)].forward, name, ran)
    tail(points, example)
    assert ran == ["4", "6"]
    assert torch.equal(tail.points(example), points)


def counting(forward, name, ran):
    def counted(*inputs):
        ran.append(name)
        return forward(*inputs)

    return counted


def test_a_connection_that_passes_the_layer_by_is_followed():
    network, example = PassedBy(), pictures(4)
    tail = Tail(network, "middle", example)
    assert not tail.alone
    assert torch.equal(tail(tail.points(example), example), network(example))
    other = tail(tail.points(example), example.roll(1, dims=0))
    assert not torch.allclose(other, network(example), atol=1e-3)  # what passes by is the inputs' own
    model = ExplainedModel(network, example)
    assert deepest_map(model.network, example) == "module.first"
    site = LayerSite(model, "module.middle", example)
    assert not site.shared
    method = ExpectedGradients(model, site, example[1:], effort=Effort(tolerance=0, samples=600))
    (shares,) = method.explain(example[:1], Question(torch.tensor([1])), [0])
    assert abs(shares.residual) < 3 * shares.sum_error  # of what the layer alone can change
    with torch.no_grad():
        scores = Question(torch.tensor([1])).score(network(example[:1]))
    assert shares.full == pytest.approx(float(scores), abs=1e-5)


def test_examples_that_do_not_differ_show_nothing_of_what_passes_by():
    network, example = PassedBy(), pictures(3)
    tail = Tail(network, "middle", example[:1].repeat(3, 1, 1, 1))
    assert not tail.alone
    assert torch.allclose(tail(tail.points(example), example), network(example), atol=1e-6)


class AsLongAsABatch(nn.Module):
    """Asks a module for a table that happens to have as many rows as the example."""

    def __init__(self):
        super().__init__()
        self.table = nn.Linear(1, 4)
        self.layer = seeded(lambda: nn.Conv2d(3, 4, 3, padding=1))
        self.register_buffer("rows", torch.arange(3.0)[:, None])

    def forward(self, inputs):
        return self.layer(inputs).mean(dim=(2, 3)) + self.table(self.rows).sum(dim=0)


def test_a_table_as_long_as_the_example_is_no_batch():
    network = seeded(AsLongAsABatch)
    tail = Tail(network, "layer", pictures(3))
    more = pictures(5, seed=4)
    assert torch.allclose(tail(tail.points(more), more), network(more), atol=1e-6)


def test_a_layer_that_runs_twice_or_is_not_there_is_refused():
    with pytest.raises(AttributionError, match=r"the layer layer runs 2 times.*name another layer"):
        Tail(Twice(), "layer", pictures(2))
    with pytest.raises(UnknownNameError, match="did you mean 'layer'"):
        Tail(Twice(), "layr", pictures(2))
    with pytest.raises(AttributionError, match="no layer of the network gives a map"):
        deepest_map(nn.Sequential(nn.Flatten(), nn.Linear(768, 4)), pictures(2))
    model = ExplainedModel(small_cnn(), pictures(2))
    with pytest.raises(AttributionError, match=r"the layer 6 gives \(3,\) for each picture, which is no map"):
        LayerSite(model, "module.6", pictures(2))


def test_the_network_is_left_as_it_was():
    network, example = small_cnn(), pictures(3)
    attributes = [dict(vars(module)) for module in network.modules()]
    hooks = [(dict(module._forward_hooks), dict(module._forward_pre_hooks)) for module in network.modules()]
    tail = Tail(network, "3", example)
    tail(tail.points(example), example)
    with pytest.raises(RuntimeError):
        tail(torch.zeros(2, 1, 1, 1), example)  # does not fit: what follows cannot run
    deepest_map(network, example)
    assert [set(vars(module)) for module in network.modules()] == [set(before) for before in attributes]
    assert all("forward" not in vars(module) for module in network.modules())
    now = [(dict(module._forward_hooks), dict(module._forward_pre_hooks)) for module in network.modules()]
    assert now == hooks


def test_texts_differ_in_length_and_keep_it():
    network, rows = tiny_bert(), texts(5)
    model = ExplainedModel(network, rows, scores=by_planes)
    site = TokenSite(model, "module.bert.embeddings.word_embeddings", rows, SPECIAL)
    points = site.points(rows)
    assert torch.allclose(site.logits(points, rows), model.logits(rows), atol=1e-5)
    background = site.background(texts(3, 20, seed=1, shortest=15))
    chosen = torch.tensor([0, 1, 2, 0, 1])
    other = site.baselines(points, rows, background, chosen)
    words = site.words(rows)
    assert torch.equal(other[~words], points[~words])
    for row in range(5):
        count = int(words[row].sum())
        assert torch.equal(other[row][words[row]], background[chosen[row], :count])


def test_texts_may_be_longer_than_the_example():
    network, longer = tiny_bert(), texts(3, 20, seed=2, shortest=15)
    model = ExplainedModel(network, texts(3), scores=by_planes)
    site = TokenSite(model, "module.bert.embeddings.word_embeddings", texts(3), SPECIAL)
    method = ExpectedGradients(model, site, texts(5, 30, seed=3), effort=Effort(tolerance=0, samples=512))
    for shares in method.explain(longer, Question(torch.tensor([0, 1, 1])), [0, 1, 2]):
        assert shares.values.shape == (1, 20)
        assert abs(shares.residual) < 3 * shares.sum_error


def test_a_class_that_is_ruled_out_may_stay_so():
    class RulesOut(nn.Module):
        def __init__(self):
            super().__init__()
            self.network = small_cnn()

        def forward(self, inputs):
            logits = self.network(inputs)
            return torch.cat([logits, torch.full_like(logits[:, :1], -torch.inf)], dim=1)

    network, example = RulesOut(), pictures(3)
    tail = Tail(network, "network.3", example)
    assert tail.alone
    assert torch.equal(tail(tail.points(example), example), network(example))
    assert tail._answers


def test_which_axes_are_rows_and_columns():
    square, wide = torch.Size((2, 3, 224, 224)), torch.Size((2, 3, 224, 448))
    assert map_axes(torch.Size((2, 7, 7, 768)), square) == ((3,), 7, 7)
    assert map_axes(torch.Size((2, 64, 14, 28)), wide) == ((1,), 14, 28)
    assert map_axes(torch.Size((2, 98, 64)), wide) == ((2,), 7, 14)
    assert map_axes(torch.Size((2, 197, 192)), square) is None
    assert map_axes(torch.Size((2, 64, 7, 7)), wide) is None


def test_cells_add_up_pixels_exactly():
    values = torch.rand(2, 33, 47, dtype=torch.float64)
    cells = summed(values, 14)
    assert cells.shape == (2, 14, 14)
    assert torch.allclose(cells.sum(dim=(1, 2)), values.sum(dim=(1, 2)), atol=1e-10)
    assert summed(values[:, :5, :9], 14).shape == (2, 5, 9)
    assert torch.allclose(cells[:, 0, 0], values[:, :2, :3].sum(dim=(1, 2)), atol=1e-10)
