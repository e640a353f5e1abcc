"""From the facts of an application to its text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fairlead.data.synthetic.application_row import ApplicationRow
from fairlead.data.synthetic.application_words import (
    ASIDES,
    ASPECTS,
    CLOSINGS,
    CONTRACTIONS,
    EVIDENCE,
    LEFT_OUT,
    MENTIONS,
    MOST_ASIDES,
    OPENINGS,
    WORDS,
)

_PLACE = re.compile(r"\{(\w+)\}")
_START = re.compile(r"(?<=[.?!] )[a-z]")
_IDENTITY = "{identity}"
_DRAWS = 96  # more than the longest application uses


@dataclass(frozen=True)
class Letter:
    """The text of an application, and where in it the identity term stands.

    Attributes:
        before: What stands before the term.
        identity: The term.
        after: What stands behind it.

    Examples:
        >>> letter = Letter("I sing in the ", "Sikh", " choir.")
        >>> letter.text[slice(*letter.span)], letter.with_identity("Hindu").text
        ('Sikh', 'I sing in the Hindu choir.')
    """

    before: str
    identity: str
    after: str

    @property
    def text(self) -> str:
        """The whole text."""
        return self.before + self.identity + self.after

    @property
    def span(self) -> tuple[int, int]:
        """Where the term starts and ends, in characters."""
        return len(self.before), len(self.before) + len(self.identity)

    def with_identity(self, identity: str) -> Letter:
        """Returns the same application of someone of another identity: equal in every other character."""
        return Letter(self.before, identity, self.after)


def write_letter(row: ApplicationRow, generator: np.random.Generator) -> Letter:
    """Writes an application. What is said depends on the row's style and degrees alone, how it is said on the draws.

    Args:
        row: The facts.
        generator: The row's stream for its wording; the identity term has no draw in it.
    """
    draws = iter(generator.random(_DRAWS).tolist())
    body = [
        _pick(EVIDENCE[aspect][degree], draws)
        for aspect, degree in zip(ASPECTS, row.degrees, strict=True)
        if degree is not None
    ]
    body.append(_pick(MENTIONS, draws))
    asides = list(ASIDES)
    count = int(next(draws) * (MOST_ASIDES[row.style] + 1))
    body += [asides.pop(int(next(draws) * len(asides))) for _ in range(count)]
    for place in range(len(body) - 1, 0, -1):  # Fisher and Yates
        other = int(next(draws) * (place + 1))
        body[place], body[other] = body[other], body[place]
    said = [_in_style(sentence, row.style) for sentence in body]
    whole = " ".join([_pick(OPENINGS[row.style], draws), *said, _pick(CLOSINGS[row.style], draws)])
    words: dict[str, str] = {"post": _pick(WORDS["post"], draws), "firm": _pick(WORDS["firm"], draws)}
    before, _, after = whole.partition(_IDENTITY)
    return Letter(_filled(before, words, draws), row.identity, _filled(after, words, draws))


def _pick(choices: Sequence[str], draws: Iterator[float]) -> str:
    return choices[int(next(draws) * len(choices))]


def _filled(text: str, words: dict[str, str], draws: Iterator[float]) -> str:
    """Fills each place with a word of its kind; post and firm are the same throughout."""
    filled = _PLACE.sub(lambda found: words.get(found[1]) or _pick(WORDS[found[1]], draws), text)
    return _START.sub(lambda found: found[0].upper(), filled)  # a number may have come first


def _in_style(sentence: str, style: str) -> str:
    if style == "casual":
        for full, short in CONTRACTIONS:
            sentence = sentence.replace(full, short)
    elif style == "terse":
        start = next((start for start in LEFT_OUT if sentence.startswith(start)), "")
        sentence = sentence[len(start)].upper() + sentence[len(start) + 1 :]
    return sentence
