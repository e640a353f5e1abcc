"""Two versions of a text, with what differs between them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

_WORD = re.compile(r"\w+|\s+|[^\w\s]")
_ALIKE, _COMPARED = 12, 2000  # words shown on either side of a difference, and words compared one by one
_BETWEEN = " \u2026 "

Piece = tuple[str, bool]  # a run of a text, and whether it differs


def swapped_words(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Returns both texts in pieces, each with whether it differs; what is alike and far from a difference is left out.

    Examples:
        >>> swapped_words("He writes.", "She writes.")
        ([('He', True), (' writes.', False)], [('She', True), (' writes.', False)])
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    matches = _matches(old, new)
    return _pieces(old, [(start, end) for start, end, _, _ in matches]), _pieces(
        new, [(start, end) for _, _, start, end in matches]
    )


def _matches(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Returns the runs that differ: first word and the one after the last, in the old text and in the new."""
    shorter = min(len(old), len(new))
    start = next((place for place in range(shorter) if old[place] != new[place]), shorter)
    alike = next((place for place in range(shorter - start) if old[-1 - place] != new[-1 - place]), shorter - start)
    ends = len(old) - alike, len(new) - alike
    if (start, start) == ends:
        return []
    middle = old[start : ends[0]], new[start : ends[1]]
    if max(map(len, middle)) > _COMPARED:  # the time grows with the square
        return [(start, ends[0], start, ends[1])]
    codes = SequenceMatcher(None, *middle, autojunk=False).get_opcodes()
    return [
        (start + low, start + high, start + first, start + last)
        for kind, low, high, first, last in codes
        if kind != "equal"
    ]


def _pieces(words: Sequence[str], differing: Sequence[tuple[int, int]]) -> list[Piece]:
    pieces: list[Piece] = []
    place = 0
    for number, (start, end) in enumerate([*differing, (len(words), len(words))]):
        last = number == len(differing)
        pieces.append((_short(words[place:start], first=place == 0, last=last), False))
        pieces.append(("".join(words[start:end]), True))
        place = end
    return [(text, differs) for text, differs in pieces if text]


def _short(words: Sequence[str], *, first: bool, last: bool) -> str:
    """Returns what lies between two differences, or before the first, or after the last, without its far middle."""
    kept = 2 * _ALIKE  # a space is a word here
    if len(words) <= 2 * kept:
        return "".join(words)
    head = "" if first else "".join(words[:kept])
    tail = "" if last and not first else "".join(words[-kept:])
    if first and last:
        return "".join(words[: 2 * kept]) + _BETWEEN
    return head + _BETWEEN + tail
