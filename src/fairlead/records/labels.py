"""The ordered class names of a classifier."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fairlead.errors import LabelError, UnknownNameError


def natural_order(names: Iterable[str]) -> tuple[str, ...]:
    """Returns the distinct names sorted as a person would: ``"9"`` before ``"10"``, case aside.

    Examples:
        >>> natural_order(["10", "9", "b", "A", "9"])
        ('9', '10', 'A', 'b')
    """

    def key(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
        parts = [part for part in re.split(r"([0-9]+)", name) if part]
        return tuple((0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p.casefold()) for p in parts), name

    return tuple(sorted(set(names), key=key))


@dataclass(frozen=True)
class Labels:
    """Class names in the order of a model's outputs: position is code.

    They are taken from the training split alone, so that a validation folder which lacks a class shifts
    nothing. Of two classes the second is the positive one.

    Attributes:
        names: C distinct, non-empty names.

    Examples:
        >>> labels = Labels.from_training(["dog", "cat", "dog"])
        >>> list(labels), labels.code("dog")
        (['cat', 'dog'], 1)
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.names)) != len(self.names) or any(not name for name in self.names):
            raise LabelError(f"class names must be distinct and not empty, got {list(self.names)}")

    @classmethod
    def from_training(cls, names: Iterable[str]) -> Labels:
        """Takes the distinct names of the training rows, in natural order (``"9"`` before ``"10"``)."""
        return cls(natural_order(names))

    def code(self, name: str) -> int:
        """Returns the position of a class.

        Raises:
            UnknownNameError: no such class; the nearest is suggested.
        """
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownNameError("class", name, self.names, where="the training split") from None

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, code: int) -> str:
        return self.names[code]
