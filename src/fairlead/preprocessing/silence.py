"""Warnings of one thread, silenced without touching any other."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast


class _Depth(threading.local):
    """How many ``silenced`` blocks the thread that asks is inside of."""

    value = 0


class _WhileSilenced:
    """Stands where a warning filter keeps its compiled message pattern; matches in silenced threads alone."""

    def match(self, text: str) -> bool:
        """Returns whether the calling thread is silenced, whatever the warning says."""
        del text
        return _depth.value > 0


_depth = _Depth()
_reordering = threading.Lock()


def _is_ours(entry: tuple[object, ...]) -> bool:
    return isinstance(entry[1], _WhileSilenced)


def _put_filter_first() -> None:
    """Makes sure that the filter stands before all others, and that there is one of it.

    Filters are looked at from the front, and a ``catch_warnings`` somewhere may have swapped the list or put an
    "error" before ours. The new entry is in before the old one goes: another thread may be decoding.
    """
    filters = cast("list[tuple[object, ...]]", warnings.filters)
    if filters and _is_ours(filters[0]):
        return
    with _reordering:
        stale = [entry for entry in filters if _is_ours(entry)]
        filters.insert(0, ("ignore", _WhileSilenced(), Warning, None, 0))
        for entry in stale:
            with suppress(ValueError):  # the list was swapped in between
                filters.remove(entry)


@contextmanager
def silenced() -> Iterator[None]:
    """Drops every warning that the calling thread gives inside the block; other threads warn as ever.

    ``warnings.catch_warnings`` swaps a list that all threads share (before Python 3.14's context-aware warnings),
    so two decoding threads would restore each other's filters. Here one filter stays in that list for good, and
    matches only in threads that are inside this block.

    Examples:
        >>> with silenced():
        ...     warnings.warn("a corrupt tag")
    """
    if getattr(sys.flags, "context_aware_warnings", 0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
        return
    _put_filter_first()
    _depth.value += 1
    try:
        yield
    finally:
        _depth.value -= 1
