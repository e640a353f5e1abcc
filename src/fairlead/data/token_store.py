"""The tokens of a dataset's texts, cut once and kept without padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fairlead.data.items import Items
from fairlead.preprocessing.text import TextPreprocessing

_TOGETHER = 256  # texts that are cut in one call; of similar length, so that little is padded only to be thrown away


class TokenStore:
    """Token ids and types of N texts, one after the other in two flat arrays: five bytes a token, and no padding.

    Texts are cut when they are first asked for, so that a split nobody looks at costs nothing.

    Args:
        texts: The N texts.
        preprocessing: The backbone's.
    """

    def __init__(self, texts: Items, preprocessing: TextPreprocessing) -> None:
        self.texts = texts
        self.preprocessing = preprocessing
        self.lengths = np.full(len(texts), -1, dtype=np.int64)
        self.truncated = np.zeros(len(texts), dtype=np.bool_)
        self._starts = np.zeros(len(texts), dtype=np.int64)
        self._ids: NDArray[np.int32] = np.empty(0, dtype=np.int32)
        self._types: NDArray[np.int8] = np.empty(0, dtype=np.int8)

    def cut(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Cuts those of the rows that are not yet; returns (M,) their lengths in tokens, special ones included."""
        asked = np.asarray(rows, dtype=np.int64)
        new = np.unique(asked[self.lengths[asked] < 0])
        if len(new):
            texts = [self.texts.read(int(row)) for row in new]
            sizes = [len(text) if isinstance(text, str) else len(text[0]) + len(text[1]) for text in texts]
            order = np.argsort(sizes, kind="stable")
            ids, types, end = [self._ids], [self._types], len(self._ids)
            for start in range(0, len(order), _TOGETHER):
                chunk = order[start : start + _TOGETHER]
                tokens = self.preprocessing.tokens([texts[place] for place in chunk])
                real = tokens.planes[:, 1].astype(np.bool_)
                ids.append(tokens.planes[:, 0][real])
                types.append(tokens.planes[:, 2][real].astype(np.int8))
                lengths = real.sum(axis=1)
                self.lengths[new[chunk]] = lengths
                self._starts[new[chunk]] = end + np.cumsum(lengths) - lengths
                self.truncated[new[chunk]] = tokens.truncated
                end += int(lengths.sum())
            self._ids, self._types = np.concatenate(ids), np.concatenate(types)
        return self.lengths[asked]

    def planes(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int32]:
        """Returns (M, 3, T) token ids, attention mask and token types, filled up on the right to the longest of M."""
        asked = np.asarray(rows, dtype=np.int64)
        lengths = self.cut(asked)
        column = np.arange(lengths.max(initial=0))
        real = column < lengths[:, None]
        kept = (self._starts[asked][:, None] + column)[real]
        planes = np.zeros((len(asked), 3, len(column)), dtype=np.int32)
        planes[:, 0] = self.preprocessing.pad_id
        planes[:, 0][real] = self._ids[kept]
        planes[:, 1] = real
        planes[:, 2][real] = self._types[kept]
        return planes
