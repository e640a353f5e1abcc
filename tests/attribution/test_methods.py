"""Every method by name: which are certified of a model that is known, and that none leaves a trace."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from fairlead.attribution import (
    Effort,
    ExplainedModel,
    Material,
    attribute,
    build_method,
    default_method,
    token_embedding,
)
from fairlead.backbones import load_text_backbone
from fairlead.errors import AttributionError, ConfigurationError, UnknownNameError
from fairlead.modules import ImageClassifier, TextClassifier
from fairlead.records import Labels
from tests.fakes.encoders import SIZES, text_folder
from tests.fakes.explained import (
    RedNetwork,
    WordSum,
    asked_pictures,
    asked_texts,
    differing,
    noise,
    red_corners,
    state_of,
)
from tests.fakes.texts import word_preprocessing

LABELS = Labels(("other", "red"))
PICTURES = ("layer", "pixels", "grad-cam", "owen", "lime", "partition")
TEXTS = ("tokens", "words", "rollout", "owen", "lime", "partition")
SPECIAL = word_preprocessing().special_ids


@pytest.fixture(autouse=True)
def uncompiled(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")  # compiling its loops takes ten times as long as running them


def explained(name, module, asked, background, **given):
    model = ExplainedModel(module, background[:2])
    alike = background.shape[1:] == asked.inputs.shape[1:]
    example = torch.cat([asked.inputs[:1], background[:1]]) if alike else background[:2]
    material = Material(background=background, example=example, special=SPECIAL, **given)
    return attribute(model, build_method(name, material), asked, LABELS).attributions


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_looked_at_in_a_corner_is_found_and_certified(name):
    for found in explained(name, RedNetwork().eval(), asked_pictures(red_corners(2)), noise(8)):
        assert found.certificate.reason == ""
        rows, columns = found.values.shape
        corner = found.values[: round(rows * 12 / 32), : round(columns * 12 / 32)]
        assert np.abs(corner).sum() > 0.8 * np.abs(found.values).sum()
        assert corner.sum() > 0
        assert found.certificate.randomised < 0.9
        assert found.full > found.base + 2


@pytest.mark.parametrize("name", PICTURES)
def test_an_explanation_that_outlives_its_last_layer_is_refused(name):
    module = RedNetwork(unused=True).eval()  # what is drawn anew is heard by none
    for found in explained(name, module, asked_pictures(red_corners(2)), noise(8)):
        assert found.certificate.randomised > 0.99
        assert "a last layer drawn anew changes it little" in found.certificate.reason


def test_rollout_is_refused_for_it_knows_no_last_layer(tmp_path):
    torch.manual_seed(0)
    backbone = load_text_backbone(str(text_folder(tmp_path)))
    asked = asked_texts("good the service was very fine", "bad he was", "she")
    attributions = explained("rollout", nn.Sequential(backbone, nn.Linear(16, 2)).eval(), asked, asked.inputs.clone())
    for found, words in zip(attributions, (6, 3, 1), strict=True):
        assert found.values.shape == (1, words)
        assert (found.values > 0).all()
        assert found.certificate.randomised == pytest.approx(1)
        assert not found.certificate.reliable
        assert "does not show what was learned" in found.certificate.reason
        assert (found.method, found.mask) == ("attention rollout", "absent")


@pytest.mark.parametrize("name", ["tokens", "words", "owen", "lime", "partition"])
def test_the_words_that_decide_are_found(name):
    worth = {"good": 3.0, "bad": -2.0, "fine": 1.0}
    background = asked_texts("the a b c he she was very service", "the a b", "he was a c", "she a b").inputs
    texts = ("the service was very good he she a b c", "she was bad the fine service b")
    asked = asked_texts(*texts)
    for found, text in zip(
        explained(name, WordSum(worth).eval(), asked, background),
        texts,
        strict=True,
    ):
        words = text.split()
        assert np.allclose(found.values[0], [worth.get(word, 0.0) for word in words], atol=0.1)
        assert [found.spans[place][0] for place in range(len(words))] == [0] * len(words)


def test_names():
    pictures, texts = (
        Material(background=noise(2), example=noise(2)),
        Material(background=torch.zeros(2, 3, 8), example=torch.zeros(2, 3, 8)),
    )
    assert (default_method(pictures.example), default_method(texts.example)) == ("pixels", "tokens")
    with pytest.raises(UnknownNameError, match="did you mean 'grad-cam'"):
        build_method("gradcam", pictures)
    for name in ("layer", "pixels", "grad-cam"):
        with pytest.raises(ConfigurationError, match=f"{name} does not explain texts; choose tokens"):
            build_method(name, texts)
    with pytest.raises(ConfigurationError, match="tokens does not explain pictures; choose layer"):
        build_method("tokens", pictures)


def test_a_layer_is_named_as_in_the_module():
    model = ExplainedModel(RedNetwork().eval(), noise(2))
    for layer in ("colours", "module.colours"):
        material = Material(background=noise(2), example=noise(2), layer=layer)
        names = [build_method(name, material)(model, False).name for name in ("layer", "grad-cam")]
        assert names == ["expected gradients at colours", "Grad-CAM at colours"]
    with pytest.raises(UnknownNameError, match="colours"):
        build_method("layer", Material(background=noise(2), example=noise(2), layer="colour"))(model, False)


def test_a_rough_answer_takes_fewer_samples_where_gradients_are_taken_alone():
    material = Material(background=noise(2), example=noise(2), effort=Effort(samples=100))
    model = ExplainedModel(RedNetwork().eval(), noise(2))
    counts = {name: build_method(name, material)(model, True).effort.samples for name in ("layer", "lime", "partition")}
    assert counts == {"layer": 6, "lime": 100, "partition": 100}


@pytest.mark.parametrize("kind", SIZES)
def test_the_layer_of_word_vectors_is_found(tmp_path, kind):
    backbone = load_text_backbone(str(text_folder(tmp_path, kind)))
    network = nn.Sequential(backbone, nn.Linear(16, 2)).eval()
    name = token_embedding(network, backbone.example(2))
    assert network.get_submodule(name) is backbone.encoder.get_input_embeddings()
    assert name.endswith("word_embeddings")


def test_without_word_vectors_there_is_no_layer_of_them():
    with pytest.raises(AttributionError, match="explain it by lime or partition"):
        token_embedding(nn.Sequential(nn.Flatten(), nn.Linear(24, 2)), torch.zeros(2, 3, 8))


def used(module):
    """A module in the midst of training: gradients, a frozen part, mixed modes and a hook."""
    torch.manual_seed(4)
    for number, parameter in enumerate(module.parameters()):
        parameter.requires_grad_(number % 3 > 0)
        parameter.grad = torch.randn_like(parameter) if number % 2 else None
    module.train()
    for number, part in enumerate(module.modules()):
        part.training = number % 2 == 0
    module.register_forward_hook(lambda *_: None)
    return module


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", [*PICTURES, "rollout"])
def test_no_trace_is_left_in_a_module_of_pictures(name, inference):
    backbone = "random:test_vit" if name == "rollout" else "random:test_resnet"
    side = 160 if name == "rollout" else 112
    module = used(ImageClassifier(LABELS, backbone=backbone))
    pictures = torch.randint(0, 256, (4, 3, side, side), dtype=torch.uint8)
    asked = asked_pictures(pictures[:1])
    before = state_of(module)
    with torch.inference_mode(inference):
        found = explained(name, module, asked, pictures.clone(), effort=Effort(samples=16))
    assert differing(before, state_of(module)) == []
    assert all(np.isfinite(one.values).all() and one.values.std() > 0 for one in found)
    assert name != "rollout" or [one.certificate.randomised > 0.99 for one in found] == [True]


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", TEXTS)
def test_no_trace_is_left_in_a_module_of_texts(tmp_path, name, inference):
    module = used(TextClassifier(LABELS, backbone=str(text_folder(tmp_path))))
    asked = asked_texts("good the service was very fine", "bad he was")
    before = state_of(module)
    with torch.inference_mode(inference):
        found = explained(name, module, asked, asked.inputs.clone(), effort=Effort(samples=16))
    assert differing(before, state_of(module)) == []
    assert module.backbone.encoder.config._attn_implementation == "sdpa"
    assert all(np.isfinite(one.values).all() and one.values.std() > 0 for one in found)


def test_a_trace_would_be_seen():
    module = used(ImageClassifier(LABELS, backbone="random:test_vit"))
    before = state_of(module)
    part = module.get_submodule("backbone.encoder.blocks.0.attn")
    part.fused_attn = not part.fused_attn
    part.training = not part.training
    part.register_forward_pre_hook(lambda *_: None)
    np.random.rand()
    assert differing(before, state_of(module)) == ["training", "hooks", "attention", "numpy"]
