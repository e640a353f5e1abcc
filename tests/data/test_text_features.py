"""Features of texts are computed once, by batches of similar length, and are those of each text alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fairlead.backbones import Backbone
from fairlead.data import FeatureCache, Items, StoredTexts, TextStream, compute_features
from tests.fakes.texts import WORDS, word_preprocessing

CPU = torch.device("cpu")


class BagOfWords(Backbone):
    """The mean vector of a text's words: padding must have no part in it."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__("bag", nn.Embedding(len(WORDS) + 4, 6), 6, origin="these tests")
        self.preprocessing = word_preprocessing(16)

    def forward(self, inputs: Tensor) -> Tensor:
        ids, mask, types = inputs.long().unbind(1)
        vectors = (self.encoder(ids) + types[..., None]) * mask[..., None]
        return vectors.sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def parameter_groups(self) -> dict[str, list[str]]:
        return {"depth0": ["encoder.weight"]}

    def undecayed(self) -> set[str]:
        return set()

    def example(self, rows: int) -> Tensor:
        return torch.ones((rows, 3, 4), dtype=torch.int32)


def texts(rows: int = 50) -> StoredTexts:
    words = np.random.default_rng(0)
    return StoredTexts([" ".join(words.choice(WORDS, words.integers(1, 20))) for _ in range(rows)])


def alone(backbone: Backbone, some: Items) -> np.ndarray:
    with torch.no_grad():
        inputs = [backbone.preprocessing.tokens([some.read(row)]).planes for row in range(len(some))]
        return np.concatenate([backbone(torch.from_numpy(one)).numpy() for one in inputs])


@pytest.mark.parametrize("rows", [1, 7, 8, 50])
def test_features_are_those_of_each_text_alone(rows: int) -> None:
    backbone = BagOfWords()
    computed = compute_features(backbone, texts(rows), device=CPU, progress=False)
    np.testing.assert_allclose(computed, alone(backbone, texts(rows)), rtol=1e-5, atol=1e-6)
    assert backbone.training


def test_pairs_have_features_too() -> None:
    backbone = BagOfWords()
    pairs = StoredTexts([("good service", "bad"), ("good", "service bad"), ("fine", "fine fine fine")])
    computed = compute_features(backbone, pairs, device=CPU, progress=False)
    np.testing.assert_allclose(computed, alone(backbone, pairs), rtol=1e-5, atol=1e-6)
    assert np.abs(computed[0] - computed[1]).max() > 0.01


def test_a_batch_is_no_longer_than_its_longest_text_and_the_longest_come_first() -> None:
    stream = TextStream(texts(), word_preprocessing(16), 8)
    lengths = stream.tokens.lengths
    shapes = []
    for rows, inputs in stream:
        assert inputs.shape[2] == lengths[rows].max()
        shapes.append(inputs.shape[2])
    assert shapes == sorted(shapes, reverse=True)
    assert sum(inputs.numel() for _, inputs in stream) < 1.15 * 3 * lengths.sum()
    assert sorted(np.concatenate(stream.parts).tolist()) == list(range(50))
    assert len(stream) == 7


class Unread(StoredTexts):
    def read(self, index: int):
        raise AssertionError("computed again")


def test_features_are_kept_by_text_weights_and_tokenizer(tmp_path: Path) -> None:
    cache, backbone, some = FeatureCache(tmp_path), BagOfWords(), texts()
    first = cache.features(backbone, some, device=CPU, progress=False)
    kept = cache.features(backbone, Unread(some.texts), device=CPU, progress=False)
    np.testing.assert_array_equal(first, kept)
    with pytest.raises(AssertionError, match="computed again"):
        cache.features(backbone, Unread([*some.texts[:-1], "another"]), device=CPU, progress=False)
    backbone.preprocessing = replace(backbone.preprocessing, max_tokens=4)
    shorter = cache.features(backbone, some, device=CPU, progress=False)
    assert np.abs(shorter - first).max() > 0.01
    with torch.no_grad():
        backbone.encoder.weight[5] += 1
    assert np.abs(cache.features(backbone, some, device=CPU, progress=False) - shorter).max() > 0.01
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_has_no_features() -> None:
    assert compute_features(BagOfWords(), StoredTexts([]), device=CPU, progress=False).shape == (0, 6)
