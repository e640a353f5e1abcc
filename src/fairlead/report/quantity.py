"""Numbers and moments as a person on call reads them."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, datetime

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
# Characters that set the direction of what follows.
_TURNS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_LONGEST = 64  # characters of a name; what is longer is told by its two ends


def whole(number: int) -> str:
    """Returns a count with its thousands apart.

    Examples:
        >>> whole(12400).replace("\u202f", " ")
        '12 400'
    """
    return f"{number:,}".replace(",", "\u202f")


def moment(seconds: float | None) -> str:
    """Returns seconds since 1970 as a time of day in UTC.

    Examples:
        >>> moment(0.0), moment(None), moment(float("inf"))
        ('1970-01-01 00:00 UTC', 'at no known time', 'at no known time')
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds is not None else _NEVER
    except (OverflowError, ValueError, OSError):
        return _NEVER


_NEVER = "at no known time"


def number_of_log(log: float) -> str:
    """Returns the number whose natural logarithm is given: to two digits, or as a power of ten where it is large.

    Examples:
        >>> number_of_log(4.6), number_of_log(6.9), number_of_log(30.0), number_of_log(-40.0), number_of_log(9e9)
        ('99', '990', '10¹³', '0', '10³⁹⁰⁸⁶⁵⁰³³⁷')
    """
    if not math.isfinite(log):
        return "no number"
    if log > math.log(1e5):
        return f"10{str(round(log / math.log(10))).translate(_RAISED)}"
    value = float(f"{math.exp(log):.2g}")
    return whole(int(value)) if value >= 100 else f"{value:.2g}" if value >= 0.01 else "0"


def chance(p: float) -> str:
    """Returns a p-value that is never rounded to nothing.

    Examples:
        >>> chance(0.034), chance(1e-9), chance(1.0)
        ('0.034', 'below 0.0001', '1')
    """
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}"


def shortened(name: str) -> str:
    r"""Returns a name fit to stand within a sentence: of a very long one its two ends, and nothing that turns the rest.

    Examples:
        >>> shortened("cat"), len(shortened("a" * 900)), shortened("a\u202eb\n")
        ('cat', 64, 'a?b?')
    """
    plain = "".join("?" if letter in _TURNS or unicodedata.category(letter) == "Cc" else letter for letter in name)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 21]}…{plain[-20:]}"
