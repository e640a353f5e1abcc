"""Which columns of a table hold what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.data.splitting import SPLIT_NAMES
from fairlead.data.table import Table
from fairlead.errors import ConfigurationError, DataError
from fairlead.records import Split

IMAGE_NAMES = ("image", "file", "path", "filename", "file_name", "image_path", "filepath")
TEXT_NAMES = (
    "text",
    "sentence",
    "content",
    "comment",
    "body",
    "message",
    "question",
    "review",
    "document",
    "utterance",
)
LABEL_NAMES = ("label", "class", "target")


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what.

    Attributes:
        image: Paths of the pictures, relative to the table; None takes image, file, path or filename.
        label: The classes; None takes label, class or target.
        sensitive: Declared sensitive features.
        split: Given splits, where the table has the column.
        text: The texts; None takes text, sentence, content, comment, body, message or question.
        text_pair: Second texts, read together with the first, such as the answer to a question; None for none.
        regions: Paths of masks, of what in each picture should not matter; empty where a picture has none of it.

    Examples:
        >>> Columns(label="diagnosis", sensitive=("sex",)).split
        'split'
        >>> Columns(text="premise", text_pair="hypothesis").text_pair
        'hypothesis'
    """

    image: str | None = None
    label: str | None = None
    sensitive: Sequence[str] = ()
    split: str = "split"
    text: str | None = None
    text_pair: str | None = None
    regions: Sequence[str] = ()

    def image_of(self, table: Table) -> str:
        """Returns the name of the column with the paths of pictures.

        Raises:
            ConfigurationError: none was named, and none has a usual name.
        """
        return self.image or _first_known(table, IMAGE_NAMES, "image column", "--image-column")

    def text_of(self, table: Table) -> str:
        """Returns the name of the column with the texts.

        Raises:
            ConfigurationError: none was named, and none has a usual name.
        """
        return self.text or _first_known(table, TEXT_NAMES, "text column", "--text-column or Columns(text=...)")

    def label_of(self, table: Table) -> str:
        """Returns the name of the column with the classes.

        Raises:
            ConfigurationError: none was named, and none has a usual name.
        """
        return self.label or _first_known(table, LABEL_NAMES, "label column", "--label")

    def splits_of(self, table: Table) -> list[Split] | None:
        """Returns the split of each row; None where the table does not give it.

        Raises:
            DataError: a value that is no split; the row is named.
            UnknownNameError: a column that was asked for by name and is not there.
        """
        if self.split in table.columns:
            return [_split(value, table.source, row) for row, value in enumerate(table.column(self.split))]
        if self.split != Columns.split:
            table.column(self.split)  # a column that was asked for by name must be there
        return None


def _first_known(table: Table, names: Sequence[str], kind: str, flag: str) -> str:
    by_folded = {column.casefold(): column for column in table.columns}
    for name in names:
        if name in by_folded:
            return by_folded[name]
    raise ConfigurationError(
        f"{table.source} has no {kind} by a usual name ({', '.join(names)}); "
        f"name it with {flag}. It has: {', '.join(table.columns)}"
    )


def _split(value: str | None, source: str, row: int) -> Split:
    split = SPLIT_NAMES.get((value or "").casefold())
    if split is None:
        raise DataError(
            f"{source}, data row {row + 1}: split {value!r} is not one of train, val, calibration, test; "
            "mend it, or rename the column if it means something else"
        )
    return split
