"""The texts of a dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Protocol

from fairlead.data.items import Items
from fairlead.errors import DataError
from fairlead.preprocessing.text import Text
from fairlead.records import Modality


class Texts(Items, Protocol):
    """N texts, or pairs of them, by their row's number."""

    def read(self, index: int) -> Text:
        """Returns a text, or a pair."""
        ...


class StoredTexts:
    """Texts in memory.

    Args:
        texts: N texts, or N pairs.
        names: What a person calls each; None counts them as ``row 1``, ``row 2`` and so on.

    Raises:
        DataError: not as many names as texts.

    Examples:
        >>> texts = StoredTexts(["a first text", "a second"])
        >>> texts.read(1), texts.name(1), texts.content(1)
        ('a second', 'row 2', 'a second')
        >>> StoredTexts([("premise", "hypothesis")]).content(0)
        ('premise', 'hypothesis')
    """

    modality = Modality.TEXT

    def __init__(self, texts: Sequence[Text], names: Sequence[str] | None = None) -> None:
        if names is not None and len(names) != len(texts):
            raise DataError(f"{len(texts)} texts cannot have {len(names)} names; give each text one, or none a name")
        self.texts = list(texts)
        self.names = None if names is None else list(names)

    def __len__(self) -> int:
        return len(self.texts)

    def read(self, index: int) -> Text:
        """Returns a text, or a pair."""
        return self.texts[index]

    def name(self, index: int) -> str:
        """Returns its name, or the number of its row, counted from 1."""
        return f"row {index + 1}" if self.names is None else self.names[index]

    def content(self, index: int) -> Text:
        """Returns a text, or a pair: a service is sent it as it is."""
        return self.texts[index]

    def digest(self, index: int) -> bytes:
        """Digests a text in UTF-8, a pair as a JSON list of two."""
        text = self.texts[index]
        return hashlib.sha256((text if isinstance(text, str) else json.dumps(text)).encode()).digest()
