"""What can be said of a figure."""

from __future__ import annotations

from enum import StrEnum


class Verdict(StrEnum):
    """A closed set of answers; every declared audit leaves exactly one a figure and split.

    Attributes:
        CLEAR: The interval lies below the limit.
        FLAGGED: The interval lies above the limit.
        UNDECIDED: The interval straddles the limit: more rows would settle it.
        INSUFFICIENT: Too few rows in the figure's own denominator to say anything.
        NOT_APPLICABLE: The figure has no meaning for this task or data; the reason is recorded.
        FAILED: The audit itself broke; the reason is recorded.
    """

    CLEAR = "clear"
    FLAGGED = "flagged"
    UNDECIDED = "undecided"
    INSUFFICIENT = "insufficient"
    NOT_APPLICABLE = "not_applicable"
    FAILED = "failed"


MEASURED = frozenset({Verdict.CLEAR, Verdict.FLAGGED, Verdict.UNDECIDED})
"""Those that rest on an estimate, which may be shown with them."""

OPEN = frozenset({Verdict.UNDECIDED, Verdict.INSUFFICIENT})
"""Those that more rows would settle."""
