"""Text that a picture can always draw: whatever the class names and file names are made of."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from itertools import groupby

# Drawn with at all times: matplotlib ships it, so a picture looks the same on every machine.
_FAMILY = "DejaVu Sans"

# Asked in this order for what the first lacks. Named, not searched: opening every font of a desktop takes
# seconds, and a colour emoji font cannot be drawn at all.
_FURTHER = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans CJK KR",
    "Noto Sans SC",
    "Noto Sans JP",
    "Noto Sans KR",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Droid Sans Fallback",
    "PingFang SC",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Arial Unicode MS",
    "Noto Sans Devanagari",
    "Noto Sans Bengali",
    "Noto Sans Tamil",
    "Noto Sans Thai",
    "Nirmala UI",
    "Tahoma",
    "Noto Emoji",
    "Noto Sans Symbols2",
    "Segoe UI Symbol",
)

# Said under a picture that has stand-ins.
REMEDY = "In brackets: characters that no installed font has. Install one that does, such as Noto Sans CJK."

_JOINERS = "\u200c\u200d"  # they shape Persian and Indic words; every other format character is dropped


@functools.cache
def _covered(family: str, bold: bool = False) -> frozenset[int]:
    """Returns the code points of an installed font, none if it is not installed."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    try:
        file = findfont(FontProperties(family=[family], weight="bold" if bold else "normal"), fallback_to_default=False)
    except ValueError:
        return frozenset()
    return frozenset(get_font(file).get_charmap())


@functools.lru_cache(maxsize=4096)
def _family_of(character: str) -> str | None:
    code = ord(character)
    return next((family for family in (_FAMILY, *_FURTHER) if code in _covered(family)), None)


def families(text: str) -> list[str]:
    """Returns the fonts that a text needs, the usual one first.

    Examples:
        >>> families("oriole")
        ['DejaVu Sans']
    """
    further = {family for family in map(_family_of, set(text)) if family}
    return [_FAMILY, *(family for family in _FURTHER if family in further)]


def can_be_bold(text: str) -> bool:
    """Whether the bold cut of the usual font has every character; it has fewer than the regular one.

    Examples:
        >>> can_be_bold("oriole")
        True
    """
    return all(ord(character) in _covered(_FAMILY, bold=True) for character in text)


@functools.lru_cache(maxsize=4096)
def drawable(text: str) -> str:
    r"""Returns the text in one line, with a stand-in for every character that no installed font has.

    A stand-in is the name of a symbol or the code points of letters, in brackets: two names that differ
    still differ when drawn. What is drawable already stays as it is.

    Examples:
        >>> drawable("great_tit $5\n(female)")
        'great_tit $5 (female)'
        >>> drawable("pup \U0001f436")
        'pup [dog face]'
    """
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text if not _is_silent(c))
    kept = unicodedata.normalize("NFC", " ".join(kept.split()))
    parts = []
    for has_font, run in groupby(kept, key=lambda character: _family_of(character) is not None):
        characters = list(run)
        parts.append("".join(characters) if has_font else f"[{' '.join(map(_stand_in, characters))}]")
    return "".join(parts)


def lacks_a_font(texts: Sequence[str]) -> bool:
    r"""Whether any of the texts is drawn with stand-ins, so that the picture should say why.

    Examples:
        >>> lacks_a_font(["oriole", "\ue000"])
        True
    """
    return any(_family_of(c) is None for text in texts for c in text if not _is_silent(c) and not c.isspace())


def percent(part: float, whole: float = 1.0, decimals: int = 0) -> str:
    """Returns a share in percent that never rounds something to nothing, or less than all to all.

    Examples:
        >>> percent(1, 3), percent(1, 999), percent(998, 999), percent(0, 3), percent(1, 3, decimals=1)
        ('33 %', '<1 %', '>99 %', '0 %', '33.3 %')
    """
    step = 10**-decimals
    shown, whole_shown = (f"{100 * share:.{decimals}f}" for share in (part / whole, 1.0))
    if part > 0 and float(shown) == 0:
        return f"<{step:.{decimals}f} %"
    if part < whole and shown == whole_shown:
        return f">{100 - step:.{decimals}f} %"
    return f"{shown} %"


def _is_silent(character: str) -> bool:
    """Format characters and variation selectors have no shape of their own."""
    code = ord(character)
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    return selector or (unicodedata.category(character) == "Cf" and character not in _JOINERS)


def _stand_in(character: str) -> str:
    if unicodedata.category(character) == "So":
        return unicodedata.name(character, f"{ord(character):04X}").lower()
    return f"{ord(character):04X}"
