"""Texts that want an answer, each under its row's name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairlead.data.columns import Columns
from fairlead.data.items import ChosenItems
from fairlead.data.text_reading import open_table, texts_of
from fairlead.data.texts import StoredTexts
from fairlead.errors import ConfigurationError, DataError
from fairlead.preprocessing import Text

_NO_TEXT = "there is no text in it; fill it in, or take the row out"


@dataclass(frozen=True, eq=False)
class UnlabelledTexts:
    """N rows of a table or lines of a file, some of which may hold no text.

    Attributes:
        names: What a person calls each.
        unreadable: Why there is no text, by the row's index.
        whole: The texts of the other rows.
    """

    names: tuple[str, ...]
    unreadable: dict[int, str]
    whole: ChosenItems

    @classmethod
    def read(cls, path: Path, columns: Columns) -> UnlabelledTexts:
        """Reads a table as ``read_texts`` does, or a .txt file with a text in each line; nothing is left out.

        Raises:
            DataError: what cannot be read, or where nothing is a text.
            ConfigurationError: a column of a file that has none.
        """
        if path.suffix.lower() == ".txt" and path.is_file():
            if columns.text or columns.text_pair:
                raise ConfigurationError(f"{path} has lines and no columns; name none, or give a table")
            texts = _lines(path)
            return cls._of(texts, tuple(f"line {row + 1}" for row in range(len(texts))))
        table = open_table(path, columns)
        found, _ = texts_of(table, columns, most_without=0.999_999)  # all but every row
        return cls._of(found, tuple(table.row_name(row) for row in range(len(table))))

    @classmethod
    def _of(cls, texts: list[Text | None], names: tuple[str, ...]) -> UnlabelledTexts:
        rows = np.array([row for row, text in enumerate(texts) if text is not None], dtype=np.int64)
        stored = StoredTexts(["" if text is None else text for text in texts], names)
        unreadable = {row: _NO_TEXT for row, text in enumerate(texts) if text is None}
        return cls(names, unreadable, ChosenItems(stored, rows))


def _lines(path: Path) -> list[Text | None]:
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); name another file") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path} is no UTF-8 in line {line}; save it again as UTF-8") from error
    lines = content.removesuffix("\n").split("\n")  # not at every sign that Unicode calls a line's end
    if not content.strip():
        raise DataError(f"{path} holds no text; write one in each line")
    return [line.strip() or None for line in lines]
