"""One picture or text with some of its parts masked, as tensors."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.transforms.v2 import functional

from fairlead.measures import centre_map
from fairlead.preprocessing.text import Words


class Masked(Protocol):
    """An item whose parts can be masked."""

    spans: tuple[tuple[int, int, int], ...]  # of words: part of a pair, first character, the one after the last

    def fold(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the values of the item's parts, from those that a method gave."""
        ...

    def grid(self, most: int) -> tuple[int, int]:
        """Returns the rows and columns of its parts, of a picture's cells at most so many a side."""
        ...

    def prior(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Returns (rows, columns) a map that knows nothing of the item: what a good one must beat."""
        ...

    def shown(self, plays: NDArray[np.bool_]) -> Tensor:
        """Returns the inputs of N versions of the item, from (N, rows, columns) the parts shown in each."""
        ...


class MaskedPicture:
    """A picture in cells, out of focus where one is masked.

    Args:
        inputs: (3, H, W) as a batch holds it, integers or floats.

    Examples:
        >>> picture = MaskedPicture(torch.arange(48, dtype=torch.uint8).reshape(3, 4, 4))
        >>> torch.equal(picture.shown(np.ones((1, 2, 2), dtype=bool))[0], picture.inputs)
        True
    """

    mask = "blur"
    spans: tuple[tuple[int, int, int], ...] = ()

    def __init__(self, inputs: Tensor) -> None:
        self.inputs = inputs
        height, width = inputs.shape[1:]
        sigma = max(height, width) / 10
        kernel = [min(2 * int(2 * sigma) + 1, 2 * ((side - 1) // 2) + 1) for side in (width, height)]
        blurred = functional.gaussian_blur(inputs[None].float(), kernel, [sigma, sigma])[0]
        self._hidden = blurred if inputs.is_floating_point() else blurred.round().to(inputs.dtype)

    def fold(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns the values as they are: cells are the parts."""
        return values

    def grid(self, most: int) -> tuple[int, int]:
        """Returns as many cells a side, fewer where there are fewer pixels."""
        height, width = self.inputs.shape[1:]
        return min(most, height), min(most, width)

    def prior(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Returns a map that falls from the centre."""
        return centre_map(*shape)

    def shown(self, plays: NDArray[np.bool_]) -> Tensor:
        """Returns (N, 3, H, W) the picture, out of focus where a cell does not play."""
        where = torch.from_numpy(plays)
        for dim in (1, 2):
            side, cells = self.inputs.shape[dim], plays.shape[dim]
            ends = torch.linspace(0, side, cells + 1).round().long()
            where = where.repeat_interleave(ends[1:] - ends[:-1], dim=dim, output_size=side)
        return torch.where(where[:, None].to(self.inputs.device), self.inputs, self._hidden)


class MaskedText:
    """A text in words; one that is masked is attended to by no other.

    Args:
        inputs: (3, T) token ids, attention mask and token types, padded or not.
        words: Which of the tokens make which word.
    """

    mask = "absent"

    def __init__(self, inputs: Tensor, words: Words) -> None:
        self.inputs = inputs
        self.spans = words.spans
        of_token = np.full(inputs.shape[1], -1, dtype=np.int64)
        of_token[: len(words.of_token)] = words.of_token
        self._of_token = of_token

    @property
    def count(self) -> int:
        """Words; one at least."""
        return max(1, int(self._of_token.max(initial=-1)) + 1)

    def fold(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Returns (1, words), as they are or from (1, tokens): each token's value is added to its word's."""
        own = self._of_token >= 0
        words = np.zeros((1, self.count))
        if not own.any():
            return words
        if values.shape[1] == self.count:  # as many tokens would each be a word of its own
            return values
        np.add.at(words[0], self._of_token[own], values[0, : len(own)][own])
        return words

    def grid(self, most: int) -> tuple[int, int]:
        """Returns one row of all words, however many."""
        del most
        return 1, self.count

    def prior(self, shape: tuple[int, int]) -> NDArray[np.float64]:
        """Returns a map that falls from the first word to the last."""
        return -np.arange(shape[1], dtype=np.float64)[None]

    def shown(self, plays: NDArray[np.bool_]) -> Tensor:
        """Returns (N, 3, T) tokens; those of words that do not play are attended to by none."""
        planes = self.inputs.repeat(len(plays), 1, 1)
        own = self._of_token >= 0
        seen = np.ones((len(plays), len(own)), dtype=np.bool_)
        seen[:, own] = plays[:, 0, self._of_token[own]]
        planes[:, 1] *= torch.from_numpy(seen).to(planes)
        return planes
