"""From texts to the token ids a text backbone reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Text = str | tuple[str, str]
"""One text, or a pair of texts that are read together."""


@dataclass(frozen=True, eq=False)
class Tokens:
    """N texts as tokens.

    Attributes:
        planes: (N, 3, T) int32: token ids, attention mask, token types.
        truncated: (N,) whether a text had more tokens than are read.
    """

    planes: NDArray[np.int32]
    truncated: NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class TextPreprocessing:
    """How a text becomes tokens.

    Attributes:
        tokenizer: The content of a tokenizer.json.
        max_tokens: T at most, special tokens included.
        pad_id: The id that fills up shorter texts.
    """

    tokenizer: str
    max_tokens: int
    pad_id: int

    @classmethod
    def from_folder(cls, folder: Path, max_tokens: int | None = None) -> TextPreprocessing:
        """Reads the tokenizer that lies beside a model's weights."""
        text = (folder / "tokenizer.json").read_text(encoding="utf-8")
        padding = json.loads(text).get("padding") or {}
        return cls(tokenizer=text, max_tokens=max_tokens or 256, pad_id=padding.get("pad_id", 0))

    def to_dict(self) -> dict[str, Any]:
        """Returns primitives."""
        return {"kind": "text", "tokenizer": self.tokenizer, "max_tokens": self.max_tokens, "pad_id": self.pad_id}

    @cached_property
    def _cutter(self) -> Any:  # a tokenizers.Tokenizer
        from tokenizers import Tokenizer

        cutter = Tokenizer.from_str(self.tokenizer)
        cutter.enable_truncation(self.max_tokens)
        cutter.no_padding()
        return cutter

    def tokens(self, texts: Sequence[Text]) -> Tokens:
        """Returns texts as tokens, padded to the longest of them."""
        cut = self._cutter.encode_batch(list(texts))
        planes = np.zeros((len(cut), 3, max((len(one.ids) for one in cut), default=0)), dtype=np.int32)
        planes[:, 0] = self.pad_id
        for row, one in enumerate(cut):
            planes[row, :, : len(one.ids)] = one.ids, one.attention_mask, one.type_ids
        return Tokens(planes, np.array([bool(one.overflowing) for one in cut], dtype=np.bool_))
