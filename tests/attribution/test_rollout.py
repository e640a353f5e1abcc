"""Attention rollout against its definition, in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from fairlead.attribution import AttentionRollout, ExplainedModel, Question
from fairlead.backbones import load_text_backbone
from fairlead.errors import AttributionError
from tests.fakes.encoders import SIZES, text_folder
from tests.fakes.explained import asked_pictures, asked_texts

TEXTS = ("good the service was very fine", "bad", "he b c", "she was a", "the bad service")


def by_definition(attentions, reads):
    """From (heads, T, T) attentions of one row and the tokens that are read to (T,)."""
    flow = np.eye(attentions[0].shape[-1])
    for attention in attentions:
        flow = (0.5 * attention.mean(axis=0) + 0.5 * np.eye(len(flow))) @ flow
    return flow[reads].mean(axis=0)


def text_network(tmp_path, kind="bert", pooling="mean"):
    backbone = load_text_backbone(str(text_folder(tmp_path, kind)), pooling=pooling)
    return nn.Sequential(backbone, nn.Linear(16, 2)).eval()


@pytest.mark.parametrize(
    ("kind", "pooling"), [*[(kind, "mean") for kind in SIZES], ("bert", "cls"), ("bert", "own"), ("distilbert", "cls")]
)
def test_of_texts(tmp_path, kind, pooling):
    network, asked = text_network(tmp_path, kind, pooling), asked_texts(*TEXTS)
    model = ExplainedModel(network, asked.inputs[:2])
    found = AttentionRollout(model, mask="absent").explain(
        asked.inputs, asked.question, asked.indices, items=asked.items
    )
    with torch.no_grad():
        attentions = [layer.numpy() for layer in network[0].attentions(asked.inputs)]
    for row, shares in enumerate(found):
        reads = [0] if pooling != "mean" else np.flatnonzero(asked.inputs[row, 1].numpy())
        expected = by_definition([layer[row] for layer in attentions], reads)
        assert shares.values.shape == (1, asked.inputs.shape[2])
        assert np.allclose(shares.values[0], expected, atol=1e-6)
        assert shares.values.sum() == pytest.approx(1, abs=1e-5)  # all that is gathered
        assert shares.residual is None
    padded = asked.inputs[1, 1] == 0
    assert padded.any()
    assert not found[1].values[0, padded].any()


def vit_attentions(network, pictures):
    """Returns each layer's (N, heads, T, T), from what its attention reads and its weights."""
    read, attentions = [], []
    handles = [block.attn.register_forward_pre_hook(lambda _, given: read.append(given[0])) for block in network.blocks]
    with torch.no_grad():
        network(pictures)
        for block, tokens in zip(network.blocks, read, strict=True):
            attention = block.attn
            queries, keys, _ = (
                attention.qkv(tokens).unflatten(2, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
            )
            queries, keys = attention.q_norm(queries), attention.k_norm(keys)
            attentions.append((queries @ keys.mT / queries.shape[-1] ** 0.5).softmax(dim=-1).numpy())
    for handle in handles:
        handle.remove()
    return attentions


@pytest.mark.parametrize(
    ("name", "pooling", "prefix", "reads"),
    [
        ("test_vit", "token", 1, slice(0, 1)),
        ("test_vit", "avg", 1, slice(1, None)),
        ("test_vit4", "avg", 1, slice(1, None)),
    ],
)
def test_of_pictures(name, pooling, prefix, reads):
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=3, img_size=96, global_pool=pooling).eval()
    asked = asked_pictures(torch.rand(5, 3, 96, 96))
    model = ExplainedModel(network, asked.inputs[:2])
    found = AttentionRollout(model, mask="blur").explain(asked.inputs, asked.question, asked.indices, items=asked.items)
    attentions = vit_attentions(network, asked.inputs)
    assert len(attentions) == len(network.blocks)
    for row, shares in enumerate(found):
        expected = by_definition([layer[row] for layer in attentions], reads)
        assert shares.values.shape == (6, 6)
        assert np.allclose(shares.values.ravel(), expected[prefix:], atol=1e-6)
        assert shares.values.std() > 0
    assert [block.attn.fused_attn for block in model.network.module.blocks] == [True] * len(attentions)


def test_registers_stand_before_the_patches():
    torch.manual_seed(0)
    network = timm.create_model("test_vit", num_classes=2, img_size=32, reg_tokens=4).eval()  # 5 + 4 tokens: a square
    asked = asked_pictures(torch.rand(2, 3, 32, 32))
    found = AttentionRollout(ExplainedModel(network, asked.inputs), mask="blur").explain(
        asked.inputs, asked.question, asked.indices, items=asked.items
    )
    expected = by_definition([layer[0] for layer in vit_attentions(network, asked.inputs)], slice(0, 1))
    assert np.allclose(found[0].values, expected[5:].reshape(2, 2), atol=1e-6)


def test_a_classifier_of_transformers_itself_is_read_at_its_first_token():
    config = AutoConfig.for_model("bert", vocab_size=16, max_position_embeddings=40, pad_token_id=1, **SIZES["bert"])
    torch.manual_seed(0)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    asked = asked_texts(*TEXTS)

    def scores(module, inputs):
        return module(input_ids=inputs[:, 0].long(), attention_mask=inputs[:, 1].long())

    model = ExplainedModel(network, asked.inputs[:2], scores=scores)
    found = AttentionRollout(model, mask="absent").explain(
        asked.inputs, asked.question, asked.indices, items=asked.items
    )
    network.set_attn_implementation("eager")
    with torch.no_grad():
        attentions = network(
            input_ids=asked.inputs[:, 0].long(), attention_mask=asked.inputs[:, 1].long(), output_attentions=True
        ).attentions
    for row, shares in enumerate(found):
        expected = by_definition([layer[row].numpy() for layer in attentions], [0])
        assert np.allclose(shares.values[0], expected, atol=1e-6)


def test_the_copy_is_as_it_was_afterwards(tmp_path):
    network, asked = text_network(tmp_path), asked_texts(*TEXTS)
    model = ExplainedModel(network, asked.inputs[:2])
    copied, method = model.network.module[0].encoder, AttentionRollout(model, mask="absent")
    former, answers = copied.config._attn_implementation, model.logits(asked.inputs)
    assert former != "eager"
    first, second = (method.explain(asked.inputs, asked.question, asked.indices, items=asked.items) for _ in range(2))
    assert copied.config._attn_implementation == former
    assert torch.equal(model.logits(asked.inputs), answers)
    assert not copied._forward_hooks
    assert not copied._forward_pre_hooks
    assert all(np.array_equal(one.values, other.values) for one, other in zip(first, second, strict=True))


def test_networks_without_one_attention_over_all_are_refused():
    asked = asked_pictures(torch.rand(2, 3, 64, 64))
    convolutional = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(AttributionError, match=r"no attention that can be seen.*choose another method"):
        AttentionRollout(ExplainedModel(convolutional, asked.inputs), mask="blur").explain(
            asked.inputs, asked.question, asked.indices, items=asked.items
        )
    torch.manual_seed(0)
    windowed = timm.models.SwinTransformer(
        img_size=64, patch_size=4, window_size=4, embed_dim=8, depths=(1, 1), num_heads=(2, 2), num_classes=2
    )
    with pytest.raises(AttributionError, match="the same tokens in all; choose another method"):
        AttentionRollout(ExplainedModel(windowed, asked.inputs), mask="blur").explain(
            asked.inputs, asked.question, asked.indices, items=asked.items
        )


def test_rows_need_their_items(tmp_path):
    network, asked = text_network(tmp_path), asked_texts("good", "bad")
    with pytest.raises(AttributionError, match="give the items"):
        AttentionRollout(ExplainedModel(network, asked.inputs), mask="absent").explain(
            asked.inputs, Question(torch.tensor([0, 1])), [0, 1]
        )
