"""Explanations with their certificates, of networks that look where they are known to look."""

import time
from dataclasses import replace

import numpy as np
import pytest
import timm
import torch
from torch import nn

from fairlead.attribution import (
    Asked,
    Effort,
    ExpectedGradients,
    ExplainedModel,
    LayerSite,
    MaskedPicture,
    MaskedText,
    PixelSite,
    Question,
    Shares,
    TokenSite,
    attribute,
)
from fairlead.attribution.explained_model import _last_layer
from fairlead.preprocessing.text import Words
from fairlead.records import Labels
from tests.fakes.networks import SPECIAL, AtOnePlace, BagOfWords, linear, pictures, seeded, small_cnn, texts

LABELS = Labels(("no", "yes"))
SIDE = 32


def at_pixels(model, rough, others=None):
    others = pictures(8, SIDE, seed=1) if others is None else others
    return ExpectedGradients(model, PixelSite(model), others, effort=Effort(samples=64 if rough else 512))


def asked_of(rows, codes=None):
    codes = torch.ones(len(rows), dtype=torch.long) if codes is None else codes
    return Asked(rows, Question(codes), [MaskedPicture(row) for row in rows], range(len(rows)))


def bright_square(rows=3):
    """Pictures with a bright square at the place, on a dull ground: out of focus it fades."""
    found = 0.4 * pictures(rows, SIDE, seed=7)
    found[:, :, 8:16, 20:28] = 0.9
    return found


def test_a_network_that_looks_at_one_place_is_explained_by_it():
    network, rows = AtOnePlace(), bright_square()
    explained = attribute(ExplainedModel(network, rows), at_pixels, asked_of(rows), LABELS)
    for attribution in explained.attributions:
        assert attribution.certificate.reliable, attribution.certificate.reason
        values = np.abs(attribution.values)
        assert values.shape == (14, 14)
        assert values[3:8, 8:13].sum() > 0.9 * values.sum()  # rows 7 to 18 and columns 18 to 30 of the picture
        assert attribution.certificate.randomised < 0.9
        assert attribution.certificate.area < attribution.certificate.inserted
        assert attribution.label == "yes"
        assert attribution.unit == "log-odds"
        assert attribution.method == "expected gradients at pixels"
        assert attribution.mask == "8 other rows"
    assert explained.stopped == ("", "", "")
    assert set(explained.seconds) == {"values", "new_layers", "curves"}


def test_so_it_is_at_a_layer():
    network, rows = AtOnePlace(), bright_square()
    others = pictures(8, SIDE, seed=1)
    model = ExplainedModel(network, rows)

    def build(model, _rough):
        site = LayerSite(model, "module.features", torch.cat([rows, others]))
        return ExpectedGradients(model, site, others)

    for attribution in attribute(model, build, asked_of(rows), LABELS).attributions:
        assert attribution.certificate.reliable, attribution.certificate.reason
        values = np.abs(attribution.values)
        assert values.shape == (SIDE, SIDE)
        assert values[8:16, 20:28].sum() > 0.9 * values.sum()


class ByLot:
    """Values that have nothing to do with the model, but add up and come without an error."""

    name, mask = "lots", "nothing"

    def __init__(self, model, rough):
        self.rough = rough

    def explain(self, inputs, question, indices, *, items=(), until=None, done=None):
        found = []
        for index in indices:
            values = np.random.default_rng((index, self.rough)).normal(size=(8, 8))
            found.append(Shares(values, 0.0, float(values.sum())))
        return found


def test_a_map_by_lot_passes_no_more_often_than_chance_allows():
    rows = bright_square(1).repeat(60, 1, 1, 1)
    explained = attribute(ExplainedModel(AtOnePlace(), rows[:2]), ByLot, asked_of(rows), LABELS)
    passed = sum(attribution.certificate.reliable for attribution in explained.attributions)
    assert passed <= 8  # one in twenty is meant: of 60 more than 8 pass by chance in one of three hundred such tests
    reasons = [attribution.certificate.reason for attribution in explained.attributions]
    assert sum("no faster than by the same map moved elsewhere" in reason for reason in reasons) > 40


def test_a_constant_model_is_not_reliable():
    network, rows = small_cnn(SIDE, 2), pictures(2, SIDE)
    with torch.no_grad():
        network[6].weight.zero_()
    explained = attribute(ExplainedModel(network, rows), at_pixels, asked_of(rows), LABELS)
    for attribution in explained.attributions:
        assert (attribution.values == 0).all()
        assert not attribution.certificate.reliable


def test_a_model_that_learned_nothing_of_its_head_is_told():
    """Where the map is the same under any head, the certificate says so."""

    class OneFeature(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(1, 2)
            self.head.weight.data = torch.tensor([[-1.0], [1.0]])

        def forward(self, inputs):
            return self.head(40 * inputs[:, :, 8:16, 20:28].mean(dim=(1, 2, 3))[:, None])

    rows = bright_square(1)
    explained = attribute(ExplainedModel(OneFeature(), rows.repeat(2, 1, 1, 1)), at_pixels, asked_of(rows), LABELS)
    certificate = explained.attributions[0].certificate
    assert certificate.randomised > 0.9
    assert "a last layer drawn anew changes it little" in certificate.reason


@pytest.mark.parametrize(
    ("architecture", "last"), [("test_vit", "head"), ("test_resnet", "fc"), ("test_nfnet", "head.fc")]
)
def test_the_last_layer_is_the_head_not_what_holds_it(architecture, last):
    network = seeded(lambda: timm.create_model(architecture, num_classes=5)).eval()
    assert _last_layer(network, pictures(1, 160)) is network.get_submodule(last)


class Tempered(nn.Module):
    """Its own parameter acts last, and changes every map alike."""

    def __init__(self):
        super().__init__()
        self.network, self.temperature = small_cnn(), nn.Parameter(torch.ones(1))

    def forward(self, inputs):
        return self.network(inputs) / self.temperature


def test_a_new_last_layer_is_as_large_and_leaves_the_rest():
    network, rows = Tempered(), pictures(2)
    assert _last_layer(network, rows) is network.network[6]
    model = ExplainedModel(network, rows)
    one, again, other = (model.with_new_last_layer(seed, rows) for seed in (0, 0, 1))
    old, new = (dict(each.network.named_parameters()) for each in (model, one))
    changed = {name for name, weight in old.items() if not torch.equal(weight, new[name])}
    assert changed == {"module.network.6.weight", "module.network.6.bias"}
    sizes = [float(each["module.network.6.weight"].square().mean().sqrt()) for each in (old, new)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.1)
    assert torch.equal(one.logits(rows), again.logits(rows))
    assert not torch.allclose(one.logits(rows), other.logits(rows))


TRIGGER = 40


def test_the_word_that_decides_has_the_largest_value():
    network, rows = BagOfWords(), texts(4, 14, shortest=14)
    with torch.no_grad():
        network.embedding.weight *= 0.05
        network.embedding.weight[TRIGGER] = 4 * (network.head.weight[1] - network.head.weight[0])
        network.head.bias.zero_()
    others = texts(8, 14, seed=2, shortest=14)
    for planes in (rows, others):
        planes[:, 0][planes[:, 0] == TRIGGER] = 5
    places = [1, 5, 8, 12]
    for row, place in zip(rows, places, strict=True):
        row[0, place] = TRIGGER
    model = ExplainedModel(network, rows)

    def build(model, _rough):
        return ExpectedGradients(model, TokenSite(model, "module.embedding", rows, SPECIAL), others)

    words = Words(np.array([-1, *range(12), -1]), tuple((0, 2 * word, 2 * word + 1) for word in range(12)))
    asked = Asked(rows, Question(torch.ones(4, dtype=torch.long)), [MaskedText(row, words) for row in rows], range(4))
    for attribution, place in zip(attribute(model, build, asked, LABELS).attributions, places, strict=True):
        assert attribution.values.shape == (1, 12)
        assert int(attribution.values.argmax()) == place - 1
        assert attribution.values.max() > 0.5 * np.abs(attribution.values).sum()
        assert attribution.spans == words.spans
        assert attribution.certificate.reliable, attribution.certificate.reason


def test_without_time_there_are_values_and_no_word_of_reliability():
    network, rows = AtOnePlace(), bright_square()
    told = []
    explained = attribute(
        ExplainedModel(network, rows), at_pixels, asked_of(rows), LABELS, until=time.monotonic() - 1, done=told.append
    )
    assert told == [1, 2, 3]
    for attribution in explained.attributions:
        assert np.isfinite(attribution.values).all()
        assert attribution.certificate.area is None
        assert attribution.certificate.randomised is None
        assert not attribution.certificate.reliable
        assert replace(attribution.certificate, error=0.0, agreement=1.0).reason == "there was no time to check it"
    assert explained.stopped == ("the time was spent",) * 3


def test_time_that_ends_meanwhile_ends_the_explanations_of_other_layers_too():
    rows, begun, seen = bright_square(1), time.monotonic(), []

    def build(model, rough):
        method = at_pixels(model, rough)
        explain = method.explain

        def noted(*given, items, until=None):
            seen.append((rough, until))
            return explain(*given, items=items, until=until)

        vars(method)["explain"] = noted
        return method

    attribute(ExplainedModel(AtOnePlace(), rows.repeat(2, 1, 1, 1)), build, asked_of(rows), LABELS, until=begun + 100)
    assert [rough for rough, _ in seen] == [False, True, True, True]
    assert seen[0][1] == pytest.approx(begun + 50, abs=1)
    assert all(until == begun + 100 for _, until in seen[1:])


def test_a_contrast_is_named():
    rows = pictures(1, SIDE)
    question = Question(torch.tensor([1]), torch.tensor([0]))
    asked = Asked(rows, question, [MaskedPicture(rows[0])], [0])
    model = ExplainedModel(linear(SIDE), rows.repeat(2, 1, 1, 1))
    (attribution,) = attribute(model, at_pixels, asked, LABELS).attributions
    assert (attribution.label, attribution.contrast) == ("yes", "no")
    assert abs(attribution.certificate.residual) < 1e-4


def test_a_picture_out_of_focus_where_cells_are_masked():
    for picture in (pictures(1, 20, wide=33)[0], (255 * pictures(1, 20, wide=33)[0]).to(torch.uint8)):
        masked = MaskedPicture(picture)
        shown = masked.shown(np.stack([np.ones((2, 3), bool), np.zeros((2, 3), bool), np.eye(2, 3, dtype=bool)]))
        assert shown.dtype == picture.dtype
        assert torch.equal(shown[0], picture)
        assert torch.equal(shown[2, :, :10, :11], picture[:, :10, :11])
        assert torch.equal(shown[2, :, :10, 11:], shown[1, :, :10, 11:])
        assert shown[1].float().std() < 0.5 * picture.float().std()
