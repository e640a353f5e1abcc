"""Lists of terms that may stand for each other in a text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise

from fairlead.errors import ConfigurationError
from fairlead.preprocessing.text import Text


@dataclass(frozen=True)
class TermLists:
    """Finds declared terms in a text, and puts others of their lists in their place.

    A term is found as a whole word, whatever its case, and the case is kept. All occurrences change together, and
    lists of one length change in step: the text stays of one person.

    Attributes:
        lists: E.g. ``[["he", "she"], ["his", "her"]]``.

    Raises:
        ConfigurationError: a list of fewer than two terms, or a term declared twice.

    Examples:
        >>> terms = TermLists([["he", "she", "they"], ["his", "her", "their"]])
        >>> terms.occur_in("She said so"), terms.occur_in("The hen said so")
        (True, False)
        >>> terms.places("So he said")
        ((0, 3, 5),)
        >>> terms.counterfactuals("He said HIS name")
        ('She said HER name', 'They said THEIR name')
    """

    lists: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        for group in self.lists:
            if isinstance(group, str) or len(group) < 2 or not all(term.strip() for term in group):
                raise ConfigurationError(f"terms are lists of two terms or more, got {group!r}")
        folded = [term.casefold() for group in self.lists for term in group]
        twice = sorted({term for term in folded if folded.count(term) > 1})
        if twice:
            raise ConfigurationError(
                f"the term {twice[0]!r} is declared twice, so that what it stands for is not clear; declare it once"
            )

    def occur_in(self, text: Text) -> bool:
        """Whether a text, or either of a pair, holds any of the terms."""
        return any(self._pattern.search(part) for part in _parts(text))

    def places(self, text: Text) -> tuple[tuple[int, int, int], ...]:
        """Returns where terms stand: the part of a pair (0 or 1), the first character, and the one after the last."""
        return tuple(
            (part, *match.span()) for part, own in enumerate(_parts(text)) for match in self._pattern.finditer(own)
        )

    def shifted(self, text: Text, shift: float) -> Text:
        """Moves every term on in its list, by the same share of the list's length; both of a pair change together.

        Args:
            text: What is changed.
            shift: From 0, the next term of every list, to below 1, the one before.
        """
        moved = [self._shifted(part, shift) for part in _parts(text)]
        return moved[0] if isinstance(text, str) else (moved[0], moved[1])

    def counterfactuals(self, text: Text) -> tuple[Text, ...]:
        """Returns every text that a shift can make of one; none of a text without terms."""
        found = {match.group().casefold() for part in _parts(text) for match in self._pattern.finditer(part)}
        lengths = {len(self._places[term][0]) for term in found}
        # Between two neighbours of these, the same term of each list stands in; their middle is safe from rounding.
        ends = sorted({Fraction(step, length - 1) for length in lengths for step in range(length)})
        return tuple(self.shifted(text, float((low + high) / 2)) for low, high in pairwise(ends))

    def _shifted(self, text: str, shift: float) -> str:
        def other(found: re.Match[str]) -> str:
            group, place = self._places[found.group().casefold()]
            step = 1 + int(shift * (len(group) - 1))
            return _in_case_of(found.group(), group[(place + step) % len(group)])

        return self._pattern.sub(other, text)

    @cached_property
    def _places(self) -> dict[str, tuple[Sequence[str], int]]:
        return {term.casefold(): (group, place) for group in self.lists for place, term in enumerate(group)}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Any term as a whole word; the longest first, so that ``trans woman`` is not found as ``woman``."""
        terms = sorted((term for group in self.lists for term in group), key=len, reverse=True)
        either = "|".join(map(re.escape, terms)) or "(?!)"  # without lists nothing is found
        return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)


def _parts(text: Text) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else text


def _in_case_of(model: str, term: str) -> str:
    if model.isupper() and len(model) > 1:
        return term.upper()
    return term[0].upper() + term[1:] if model[0].isupper() else term
