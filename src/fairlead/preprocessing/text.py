"""From texts to the tokens that a text backbone reads: the same code in training and in service."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import BackboneError, ConfigurationError

Text = str | tuple[str, str]
"""One text, or a pair of texts that are read together."""

MOST_TOKENS = 256  # where nobody says otherwise: attention costs their square
CHARACTERS_A_TOKEN = 100  # more are not read: WordPiece makes one unknown token of a longer word
_UNBOUNDED = 100_000  # transformers writes 1e30 where a tokenizer has no bound


@dataclass(frozen=True, eq=False)
class Tokens:
    """N texts as tokens.

    Attributes:
        planes: (N, 3, T) int32: token ids, attention mask, token types.
        truncated: (N,) whether a text has more than is read.
    """

    planes: NDArray[np.int32]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Words:
    """Which of a text's tokens make which of its words.

    Attributes:
        of_token: (T,) the number of each token's word, counted from 0; -1 for special tokens, which are of none.
        spans: For each word the part of a pair that it is in (0 or 1), its first character and the one after its last.
    """

    of_token: NDArray[np.int64]
    spans: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """How a text becomes tokens: by the backbone's own tokenizer, without transformers.

    Of each text the first 100 ``max_tokens`` characters are read, so that one of ten megabytes costs what any other
    does. Half of a surrogate pair, which no text encoding can hold, is read as U+FFFD. Safe to use from many threads.

    Attributes:
        tokenizer: Content of a tokenizer.json.
        max_tokens: T at most, special tokens included.
        pad_id: Of the token that fills up shorter texts.

    Raises:
        ConfigurationError: fewer tokens than special ones need, or a tokenizer that cannot be read.
    """

    tokenizer: str
    max_tokens: int
    pad_id: int

    def __post_init__(self) -> None:
        if isinstance(self.max_tokens, bool) or not isinstance(self.max_tokens, int) or self.max_tokens < 1:
            raise ConfigurationError(f"max_tokens is a whole number of tokens, got {self.max_tokens!r}; 128 is usual")
        special = max(self._cutter.num_special_tokens_to_add(pair) for pair in (False, True))
        if self.max_tokens <= special:
            raise ConfigurationError(
                f"max_tokens is {self.max_tokens}, and {special} are special tokens of a pair; give more, 128 is usual"
            )
        if not 0 <= self.pad_id < self.vocabulary:
            raise ConfigurationError(f"pad_id is {self.pad_id}, and the tokenizer has {self.vocabulary} tokens")

    @classmethod
    def from_folder(cls, folder: Path, max_tokens: int | None = None) -> TextPreprocessing:
        """Reads the tokenizer that lies beside a model's weights, in transformers' layout.

        Args:
            folder: With tokenizer.json; what other files there say of padding and length is obeyed.
            max_tokens: T at most; None takes what the folder says, 256 at most.

        Raises:
            BackboneError: no tokenizer.json, one that cannot be read, or no padding token.
            ConfigurationError: more tokens than the model has positions for.
        """
        file = folder / "tokenizer.json"
        if not file.is_file():
            raise BackboneError(
                f"the backbone folder {folder} has no tokenizer.json; write it with "
                "AutoTokenizer.from_pretrained(NAME).save_pretrained(FOLDER)"
            )
        said = {name: _json(folder / name) for name in ("tokenizer_config.json", "special_tokens_map.json")}
        try:
            content = file.read_text(encoding="utf-8")
            pad_id = _pad_id(content, [*said.values()])
        except (OSError, UnicodeDecodeError, ConfigurationError) as error:
            raise BackboneError(f"{file} is not a whole tokenizer ({error}); copy or download it again") from error
        if pad_id is None:
            raise BackboneError(
                f"{folder} names no padding token, and texts of different length need one; add "
                '"pad_token" to its tokenizer_config.json'
            )
        bounds = [
            said["tokenizer_config.json"].get("model_max_length"),
            _json(folder / "sentence_bert_config.json").get("max_seq_length"),
            _positions(_json(folder / "config.json")),
        ]
        known = [int(bound) for bound in bounds if isinstance(bound, int | float) and 0 < bound < _UNBOUNDED]
        if max_tokens is not None and (positions := bounds[2]) and max_tokens > positions:
            raise ConfigurationError(f"max_tokens is {max_tokens}, and the model has positions for {positions}")
        return cls(tokenizer=content, max_tokens=max_tokens or min([MOST_TOKENS, *known]), pad_id=pad_id)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TextPreprocessing:
        """Reads what ``to_dict`` wrote."""
        return cls(tokenizer=content["tokenizer"], max_tokens=content["max_tokens"], pad_id=content["pad_id"])

    def to_dict(self) -> dict[str, Any]:
        """Returns primitives; the tokenizer is among them, so that what holds them needs no other file."""
        return {"kind": "text", "tokenizer": self.tokenizer, "max_tokens": self.max_tokens, "pad_id": self.pad_id}

    @property
    def vocabulary(self) -> int:
        """How many tokens there are, added ones included."""
        size: int = self._cutter.get_vocab_size(with_added_tokens=True)
        return size

    @cached_property
    def unknown_id(self) -> int | None:
        """Of the token for a word that the tokenizer does not know; None where it spells out every word."""
        model = json.loads(self.tokenizer)["model"]
        known = model.get("unk_id") if model.get("type") == "Unigram" else self._cutter.token_to_id(_unknown(model))
        return None if known is None else int(known)

    @property
    def special_ids(self) -> tuple[int, ...]:
        """Ids of the tokens that are put around texts and behind them, and are of no word; an unknown word's is none.

        Those of padding are among them.
        """
        around = [self._cutter.encode(*parts) for parts in (("",), ("", ""))]
        marked = {
            token for cut in around for token, special in zip(cut.ids, cut.special_tokens_mask, strict=True) if special
        }
        return tuple(sorted({*marked, self.pad_id}))

    def tokens(self, texts: Sequence[Text]) -> Tokens:
        """Returns N texts, or pairs of texts, as tokens; those shorter than the longest are padded on the right."""
        most = CHARACTERS_A_TOKEN * self.max_tokens
        parts = [(text,) if isinstance(text, str) else text for text in texts]
        # One by one: a batch would start threads of the tokenizer's own, which processes that fork cannot have.
        cut = [self._cut(text) for text in parts]
        planes = np.zeros((len(cut), 3, max((len(one.ids) for one in cut), default=0)), dtype=np.int32)
        planes[:, 0] = self.pad_id
        for row, one in enumerate(cut):
            planes[row, :, : len(one.ids)] = one.ids, one.attention_mask, one.type_ids
        long = [any(len(part) > most for part in text) for text in parts]
        truncated = [bool(one.overflowing) or more for one, more in zip(cut, long, strict=True)]
        return Tokens(planes, np.array(truncated, dtype=np.bool_))

    def words(self, text: Text) -> Words:
        """Returns the words of what is read of a text, as its tokenizer tells them apart; a mark is a word too."""
        cut = self._cut((text,) if isinstance(text, str) else text)
        numbers: dict[tuple[int, int], int] = {}
        spans: list[tuple[int, int, int]] = []
        of_token = np.full(len(cut.ids), -1, dtype=np.int64)
        for token, (part, word, (start, end)) in enumerate(
            zip(cut.sequence_ids, cut.word_ids, cut.offsets, strict=True)
        ):
            if part is None or word is None:
                continue
            number = numbers.setdefault((part, word), len(numbers))
            of_token[token] = number
            if number == len(spans):
                spans.append((part, start, end))
            else:
                spans[number] = (part, min(spans[number][1], start), max(spans[number][2], end))
        return Words(of_token, tuple(spans))

    def _cut(self, parts: Sequence[str]) -> Any:  # a tokenizers.Encoding
        most = CHARACTERS_A_TOKEN * self.max_tokens
        return self._cutter.encode(*(whole_characters(part[:most]) for part in parts))

    @cached_property
    def _cutter(self) -> Any:  # a tokenizers.Tokenizer
        cutter = _read(self.tokenizer)
        # Its file may hold a length and a padding of its own, such as 128 always.
        cutter.no_padding()
        cutter.no_truncation()
        cutter.enable_truncation(self.max_tokens)
        return cutter


def _read(content: str) -> Any:  # a tokenizers.Tokenizer
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(content)
    except Exception as error:  # the package raises nothing more special
        raise ConfigurationError(f"tokenizers cannot read it: {str(error)[:200]}") from error


def _unknown(model: Mapping[str, Any]) -> str:
    word = model.get("unk_token")
    return word if isinstance(word, str) else ""


def whole_characters(text: str) -> str:
    """Replaces half a surrogate pair, which JSON can hold and UTF-8 cannot, with U+FFFD.

    Examples:
        >>> whole_characters("a" + chr(0xD800)) == "a" + chr(0xFFFD)
        True
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _pad_id(content: str, said: Sequence[Mapping[str, Any]]) -> int | None:
    read = _read(content)
    for names in said:
        token = names.get("pad_token")
        word = token.get("content") if isinstance(token, Mapping) else token
        if isinstance(word, str) and (found := read.token_to_id(word)) is not None:
            return int(found)
    padding = read.padding
    return None if padding is None else int(padding["pad_id"])


def _positions(config: Mapping[str, Any]) -> int | None:
    """Returns for how many tokens a model has positions; RoBERTa and its like count them from behind the padding."""
    positions = config.get("max_position_embeddings")
    if not isinstance(positions, int) or positions < 1:
        return None
    offset = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text"}
    return positions - 1 - int(config.get("pad_token_id") or 0) if config.get("model_type") in offset else positions


def _json(file: Path) -> dict[str, Any]:
    """Returns what a file holds; nothing where it is not there, or not whole."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
