"""Declared sensitive features and their groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError, UnknownNameError
from fairlead.records.labels import natural_order

MISSING = "(missing)"


@dataclass(frozen=True)
class SensitiveFeature:
    """A column by whose groups a model must answer.

    Groups are declared once, from all rows, and never discovered in a batch: a group that a batch or a
    split lacks keeps its slot. The last slot stands for rows without a value.

    Attributes:
        name: The column's name.
        groups: The G group names, without the slot for missing values.

    Examples:
        >>> sex = SensitiveFeature.declare("sex", ["f", "m", None, "f"])
        >>> sex.groups, sex.encode(["m", "", "f"]).tolist(), sex.slots
        (('f', 'm'), [1, 2, 0], ('f', 'm', '(missing)'))
    """

    name: str
    groups: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(set(self.groups)) != len(self.groups) or MISSING in self.groups:
            raise DataError(f"the groups of {self.name!r} must be distinct and none may be {MISSING!r}")

    @classmethod
    def declare(cls, name: str, values: Iterable[str | None]) -> SensitiveFeature:
        """Declares the groups that occur in ``values``, in natural order.

        Raises:
            DataError: no row has a value.
        """
        groups = natural_order(value for value in values if value)
        if not groups:
            raise DataError(f"the sensitive feature {name!r} has no value in any row; name another column")
        return cls(name, groups)

    @property
    def missing(self) -> int:
        """The code of a missing value: the last slot."""
        return len(self.groups)

    @property
    def slots(self) -> tuple[str, ...]:
        """Every group name, the slot for missing values last."""
        return (*self.groups, MISSING)

    def encode(self, values: Iterable[str | None]) -> NDArray[np.int64]:
        """Returns (N,) integer codes; ``None`` and the empty string are missing.

        Raises:
            UnknownNameError: a value that is not a declared group.
        """
        codes = {group: code for code, group in enumerate(self.groups)}
        found = []
        for value in values:
            if value and value not in codes:
                raise UnknownNameError(f"group of {self.name!r}", value, self.groups)
            found.append(codes[value] if value else self.missing)
        return np.asarray(found, dtype=np.int64)
