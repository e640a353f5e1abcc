"""Batches of texts of similar length, for a network that is not in training."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.data.items import Items
from fairlead.data.token_store import TokenStore
from fairlead.preprocessing.text import TextPreprocessing


class TextStream:
    """Every text once, from the longest to the shortest, so that a batch is padded by next to nothing.

    Args:
        texts: N texts.
        preprocessing: The tokenizer.
        batch_size: Texts at a time.

    Attributes:
        parts: The rows of each batch.

    Examples:
        >>> from fairlead.data import StoredTexts
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> words = Tokenizer(models.WordLevel({"?": 0, "good": 1, "very": 2}, "?"))
        >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
        >>> preprocessing = TextPreprocessing(tokenizer=words.to_str(), max_tokens=8, pad_id=0)
        >>> stream = TextStream(StoredTexts(["good", "very very good", "very good"]), preprocessing, 2)
        >>> [(rows.tolist(), inputs[:, 0].tolist()) for rows, inputs in stream]
        [([1, 2], [[2, 2, 1], [2, 1, 0]]), ([0], [[1]])]
    """

    def __init__(self, texts: Items, preprocessing: TextPreprocessing, batch_size: int) -> None:
        self.tokens = TokenStore(texts, preprocessing)
        order = np.argsort(-self.tokens.cut(np.arange(len(texts))), kind="stable")
        self.parts: list[NDArray[np.int64]] = [
            order[start : start + batch_size] for start in range(0, len(order), batch_size)
        ]

    def __len__(self) -> int:
        return len(self.parts)

    def __iter__(self) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Yields the rows of a batch and their (B, 3, T) int32 token ids, attention mask and token types."""
        for rows in self.parts:
            yield rows, self.inputs(rows)

    def inputs(self, rows: NDArray[np.int64]) -> Tensor:
        """Returns (B, 3, T) the inputs of some rows, padded to the longest of them."""
        return torch.from_numpy(self.tokens.planes(rows))

    def raise_unreadable(self) -> None:
        """Raises nothing: texts in memory can be read."""
