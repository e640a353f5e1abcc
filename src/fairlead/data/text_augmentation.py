"""Random variations of a training text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fairlead.data.term_lists import TermLists
from fairlead.errors import ConfigurationError
from fairlead.preprocessing.text import Text


@dataclass(frozen=True)
class TextAugmentation:
    """What may vary between two readings of one training text. By default nothing does.

    Each variation is a function of (seed, epoch, row): the same on any number of workers, and after a resume.

    Words are what stands between blanks. Dropping and swapping them are two of the four operations of EDA (Wei and
    Zou 2019, "EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification Tasks"); they
    were of use with hundreds of rows and a network trained from scratch, less so for a pretrained one. Swapping
    identity terms is counterfactual data augmentation (Lu et al. 2020, "Gender Bias in Neural Natural Language
    Processing"): the label stays, so that nothing can be learned from the term.

    Attributes:
        drop_words: Chance of each word to be left out; one always stays.
        swap_words: Chance of each word to change places with the next.
        swap_terms: Chance of a text that its identity terms are exchanged. All occurrences change together, and
            lists of one length change in step: the text stays of one person.
        terms: Lists of terms that may stand for each other, e.g. ``[["he", "she"], ["his", "her"]]``; see
            ``TermLists``.

    Raises:
        ConfigurationError: a chance outside [0, 1], terms to swap of which none are declared, or a term declared twice.

    Examples:
        >>> vary = TextAugmentation(swap_terms=1.0, terms=[["he", "she"], ["his", "her"]]).vary
        >>> vary("He said it in his letter", np.random.default_rng(0))
        'She said it in her letter'
    """

    drop_words: float = 0.0
    swap_words: float = 0.0
    swap_terms: float = 0.0
    terms: Sequence[Sequence[str]] = ()

    def __post_init__(self) -> None:
        for name in ("drop_words", "swap_words", "swap_terms"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"augmentation {name} must lie in [0, 1], got {getattr(self, name)}")
        if self.swap_terms and not self.terms:
            raise ConfigurationError('swap_terms needs the terms to swap; declare them, e.g. terms=[["he", "she"]]')
        TermLists(self.terms)  # refuses lists that cannot be

    @property
    def changes(self) -> bool:
        """Whether any text may come out other than it is."""
        return bool(self.drop_words or self.swap_words or self.swap_terms)

    def vary(self, text: Text, generator: np.random.Generator) -> Text:
        """Returns a variation of a text, or of both of a pair, whose terms change together."""
        shift = float(generator.random()) if self.swap_terms and generator.random() < self.swap_terms else None
        text = text if shift is None else self._terms.shifted(text, shift)
        varied = [self._words(part, generator) for part in ([text] if isinstance(text, str) else text)]
        return varied[0] if isinstance(text, str) else (varied[0], varied[1])

    def _words(self, text: str, generator: np.random.Generator) -> str:
        if not self.drop_words and not self.swap_words:
            return text
        words = text.split()
        if self.swap_words:
            for place in np.flatnonzero(generator.random(max(0, len(words) - 1)) < self.swap_words):
                words[place], words[place + 1] = words[place + 1], words[place]
        if self.drop_words and words:
            chance = generator.random(len(words))
            stay = chance >= self.drop_words
            stay[np.argmax(chance)] = True  # the one that was furthest from being left out
            words = [word for word, stays in zip(words, stay, strict=True) if stays]
        return " ".join(words)

    @cached_property
    def _terms(self) -> TermLists:
        return TermLists(self.terms)
