"""Identity terms of texts, and what becomes of the answers when others stand in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.audits.intervened import Intervened
from fairlead.data import TermLists
from fairlead.errors import ConfigurationError
from fairlead.preprocessing import Text, TextPreprocessing

_SHOWN = 4  # lists in a subject's name


def named_terms(lists: Sequence[Sequence[str]]) -> str:
    """Returns what lists of terms are called in a report.

    Examples:
        >>> named_terms([["he", "she"], ["his", "her"]])
        'he/she, his/her'
    """
    more = f" and {len(lists) - _SHOWN} more lists" if len(lists) > _SHOWN else ""
    return ", ".join("/".join(group) for group in lists[:_SHOWN]) + more


@dataclass(frozen=True)
class TermSwap:
    """Swaps declared terms in every text that has any, for others of their lists.

    For the test, each row gets one counterfactual, drawn by its number alone: rows stay independent, and the audit of
    any number of processes is the same. ``every`` runs all others besides, for the worst flips; the model then answers
    each text as often as the longest list has terms.

    Attributes:
        terms: The lists; all occurrences change together, lists of one length in step.
        text_of: From a row's number to its text, or pair of texts.
        preprocessing: Of the model.
        seed: Of the draw.
        every: Whether all counterfactuals are searched for the worst.

    Raises:
        ConfigurationError: no list of terms, or a negative seed.

    Examples:
        >>> swap = TermSwap(TermLists([["he", "she"]]), ["He came.", "Rain came."].__getitem__, preprocessing=None)
        >>> swap.subject, swap.counterfactual(0), swap.counterfactual(1)
        ('he/she', 'She came.', None)
    """

    terms: TermLists
    text_of: Callable[[int], Text]
    preprocessing: TextPreprocessing
    seed: int = 0
    every: bool = False

    def __post_init__(self) -> None:
        if not self.terms.lists:
            raise ConfigurationError('there are no terms to swap; declare them, e.g. [["he", "she"]]')
        if self.seed < 0:
            raise ConfigurationError(f"seed is {self.seed}; give 0 or a positive integer")

    @property
    def subject(self) -> str:
        """The lists of terms."""
        return named_terms(self.terms.lists)

    def counterfactual(self, index: int) -> Text | None:
        """Returns the one text that a row's is compared with; None where it has none of the terms."""
        text = self.text_of(index)
        if not self.terms.occur_in(text):
            return None
        return self.terms.shifted(text, float(np.random.default_rng((self.seed, index)).random()))

    def apply(self, inputs: Tensor, index: NDArray[np.int64]) -> Intervened:
        """Swaps the terms of those of N texts that have any among the tokens that are read."""
        swapped = {row: self.counterfactual(int(number)) for row, number in enumerate(index)}
        return self._intervened(inputs, index, {row: text for row, text in swapped.items() if text is not None})

    def others(self, inputs: Tensor, index: NDArray[np.int64]) -> Iterator[Intervened]:
        """Gives every counterfactual, where ``every`` asks for it."""
        if not self.every:
            return
        found = [self.terms.counterfactuals(self.text_of(int(number))) for number in index]
        for place in range(max(map(len, found), default=0)):
            yield self._intervened(
                inputs, index, {row: texts[place] for row, texts in enumerate(found) if place < len(texts)}
            )

    def _intervened(self, inputs: Tensor, index: NDArray[np.int64], swapped: dict[int, Text]) -> Intervened:
        texts = [(self.text_of(int(index[row])), text) for row, text in swapped.items()]
        if not texts:
            return Intervened(np.zeros(0, dtype=np.int64), inputs[:0], inputs[:0])
        # Both in one call, so that both are padded alike: the padding then makes no difference between them.
        planes = self.preprocessing.tokens([text for pair in texts for text in pair]).planes
        before, after = planes[0::2], planes[1::2]
        seen = (before != after).any(axis=(1, 2))  # a term beyond the last token that is read is not there
        rows = np.array(list(swapped), dtype=np.int64)[seen]
        return Intervened(
            rows,
            torch.from_numpy(before[seen]).to(inputs),
            torch.from_numpy(after[seen]).to(inputs),
            tuple(pair for pair, kept in zip(texts, seen.tolist(), strict=True) if kept),
        )
