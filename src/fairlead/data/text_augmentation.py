"""Random variations of a training text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

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
        terms: Lists of terms that may stand for each other, e.g. ``[["he", "she"], ["his", "her"]]``. Each is found
            as a whole word, whatever its case, and the case is kept.

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
        for group in self.terms:
            if isinstance(group, str) or len(group) < 2 or not all(term.strip() for term in group):
                raise ConfigurationError(f"terms are lists of two terms or more, got {group!r}")
        folded = [term.casefold() for group in self.terms for term in group]
        twice = sorted({term for term in folded if folded.count(term) > 1})
        if twice:
            raise ConfigurationError(
                f"the term {twice[0]!r} is declared twice, so that what it stands for is not clear; declare it once"
            )

    @property
    def changes(self) -> bool:
        """Whether any text may come out other than it is."""
        return bool(self.drop_words or self.swap_words or self.swap_terms)

    def vary(self, text: Text, generator: np.random.Generator) -> Text:
        """Returns a variation of a text, or of both of a pair, whose terms change together."""
        shift = float(generator.random()) if self.swap_terms and generator.random() < self.swap_terms else None
        parts = [text] if isinstance(text, str) else list(text)
        varied = [self._words(self._swapped(part, shift), generator) for part in parts]
        return varied[0] if isinstance(text, str) else (varied[0], varied[1])

    def _swapped(self, text: str, shift: float | None) -> str:
        """Moves every term on in its list, by the same share of the list's length."""
        if shift is None:
            return text

        def other(found: re.Match[str]) -> str:
            group, place = self._places[found.group().casefold()]
            step = 1 + int(shift * (len(group) - 1))
            return _in_case_of(found.group(), group[(place + step) % len(group)])

        return self._pattern.sub(other, text)

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
    def _places(self) -> dict[str, tuple[Sequence[str], int]]:
        return {term.casefold(): (group, place) for group in self.terms for place, term in enumerate(group)}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any term as a whole word; the longest first, so that ``trans woman`` is not found as ``woman``."""
        terms = sorted((term for group in self.terms for term in group), key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, terms))})(?!\w)", re.IGNORECASE)


def _in_case_of(model: str, term: str) -> str:
    if model.isupper() and len(model) > 1:
        return term.upper()
    return term[0].upper() + term[1:] if model[0].isupper() else term
