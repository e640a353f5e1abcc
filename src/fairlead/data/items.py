"""What a dataset's rows hold, whatever it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fairlead.preprocessing import Text
from fairlead.records import Modality


class Items(Protocol):
    """N pictures or texts by their row's number. Safe to read from several threads."""

    @property
    def modality(self) -> Modality:
        """What they are."""
        ...

    def __len__(self) -> int:
        """Returns N."""
        ...

    def read(self, index: int) -> Any:  # a picture or a text: what the dataset of its kind takes
        """Returns an item.

        Raises:
            UnreadableFileError: it cannot be read.
        """
        ...

    def content(self, index: int) -> bytes | Text:
        """Returns an item as a service would be sent it: the bytes of a file, or a text.

        Raises:
            UnreadableFileError: it cannot be read.
        """
        ...

    def name(self, index: int) -> str:
        """Returns what a person calls the item."""
        ...

    def digest(self, index: int) -> bytes:
        """Returns a SHA-256 of its content."""
        ...


@dataclass(frozen=True, eq=False)
class ChosenItems:
    """Some of the items, under new numbers.

    Attributes:
        items: All of them.
        rows: (M,) the numbers of those chosen, int64.

    Examples:
        >>> from fairlead.data.texts import StoredTexts
        >>> chosen = ChosenItems(StoredTexts(["one", "two", "three"]), np.array([2, 0]))
        >>> len(chosen), chosen.read(0), chosen.name(0)
        (2, 'three', 'row 3')
    """

    items: Items
    rows: NDArray[np.int64]

    @property
    def modality(self) -> Modality:
        """What all of them are."""
        return self.items.modality

    def __len__(self) -> int:
        return len(self.rows)

    def read(self, index: int) -> Any:  # as Items
        """Returns a chosen item."""
        return self.items.read(int(self.rows[index]))

    def content(self, index: int) -> bytes | Text:
        """Returns its content."""
        return self.items.content(int(self.rows[index]))

    def name(self, index: int) -> str:
        """Returns the name it has among all."""
        return self.items.name(int(self.rows[index]))

    def digest(self, index: int) -> bytes:
        """Returns a SHA-256 of its content."""
        return self.items.digest(int(self.rows[index]))
