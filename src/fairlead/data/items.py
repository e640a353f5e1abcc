"""What a dataset's rows hold, whatever it is."""

from __future__ import annotations

from typing import Any, Protocol


class Items(Protocol):
    """N pictures or texts by their row's number. Safe to read from several threads."""

    def __len__(self) -> int:
        """Returns N."""
        ...

    def read(self, index: int) -> Any:  # a picture or a text: what the dataset of its kind takes
        """Returns an item.

        Raises:
            UnreadableFileError: it cannot be read.
        """
        ...

    def content(self, index: int) -> bytes:
        """Returns an item as a service would be sent it: the bytes of a file, or a text in UTF-8.

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
