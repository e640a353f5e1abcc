"""What a run's model says of new pictures and texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track

from fairlead.data import Columns, PictureStream, Table, TextStream, list_pictures
from fairlead.data.unlabelled_texts import UnlabelledTexts
from fairlead.errors import ConfigurationError
from fairlead.modules import Classifier, TextClassifier


@dataclass(frozen=True, eq=False)
class Labelled:
    """N pictures or texts with their answers.

    Attributes:
        names: What a person calls each.
        probabilities: (N, C); those of an item that cannot be read mean nothing.
        keys: (N,) a number of each item's own, by which a rule that draws does so.
        unreadable: Why it cannot be read, by an item's index.
        truncated: How many texts have more than is read of them.
    """

    names: Sequence[str]
    probabilities: NDArray[np.float32]
    keys: NDArray[np.int64]
    unreadable: dict[int, str]
    truncated: int = 0

    def decided(self, module: Classifier, path: Path, column: str | None) -> NDArray[np.int64]:
        """Returns (N,) class codes; what is said of items that cannot be read means nothing.

        Args:
            module: The model.
            path: The table they were listed in.
            column: Of it, with each item's group; None where the model asks for none.
        """
        known = self.probabilities.astype(np.float64)
        known[list(self.unreadable)] = 0.0
        if module.decision is None:
            return np.asarray(known.argmax(axis=1), dtype=np.int64)
        return module.decision.decide(known, group_slots(module, path, column), self.keys)


def label_items(module: Classifier, path: Path, columns: Columns, batch_size: int) -> Labelled:
    """Answers for what a folder or a file lists, in its order.

    Raises:
        FairleadError: data that cannot be read, or columns of another kind than the model's.
    """
    if isinstance(module, TextClassifier):
        if columns.image:
            raise ConfigurationError(f"this model reads texts; name their column with --text-column {columns.image}")
        return _texts(module, path, columns, batch_size)
    if columns.text or columns.text_pair:
        named = columns.text or columns.text_pair
        raise ConfigurationError(f"this model reads pictures; name the column of paths with --image-column {named}")
    return _pictures(module, path, columns, batch_size)


def group_slots(module: Classifier, path: Path, column: str | None) -> NDArray[np.int64] | None:
    """Returns (N,) slots of the items' groups, for a model that decides by them; None for others.

    Raises:
        ConfigurationError: no column for a model that needs one, or one for a model that does not.
    """
    rule = module.decision
    if rule is None or rule.feature is None:
        if column is not None:
            raise ConfigurationError(f"this model does not decide by groups; leave --sensitive-column {column} out")
        return None
    name, groups = rule.feature.name, ", ".join(rule.feature.groups)
    if column is None or not path.is_file() or path.suffix.lower() == ".txt":
        raise ConfigurationError(
            f"this model has a threshold for each group of {name!r} ({groups}), so that it needs the group of each "
            "item: give a table with such a column, and name it with --sensitive-column"
        )
    return rule.feature.encode(Table.read(path).column(column))


def _pictures(module: Classifier, path: Path, columns: Columns, batch_size: int) -> Labelled:
    pictures = list_pictures(path, columns)
    stream = PictureStream(pictures, module.preprocessing, batch_size)
    probabilities = _answered(module, stream, len(pictures))
    names = [pictures.name(index) for index in range(len(pictures))]
    # A rule that draws does so by a picture's name, so that its decision does not hang on what it is listed with.
    return Labelled(names, probabilities, _keys(names), stream.unreadable)


def _texts(module: Classifier, path: Path, columns: Columns, batch_size: int) -> Labelled:
    texts = UnlabelledTexts.read(path, columns)
    stream = TextStream(texts.whole, module.preprocessing, batch_size)
    probabilities = np.zeros((len(texts.names), len(module.labels)), dtype=np.float32)
    probabilities[texts.whole.rows] = _answered(module, stream, len(texts.whole))
    # By the text itself: a row's number is its place in one table alone.
    keys = _keys([repr(texts.whole.items.read(row)) for row in range(len(texts.names))])
    return Labelled(texts.names, probabilities, keys, texts.unreadable, int(stream.tokens.truncated.sum()))


def _answered(module: Classifier, stream: Any, items: int) -> NDArray[np.float32]:  # a PictureStream or a TextStream
    probabilities = np.empty((items, len(module.labels)), dtype=np.float32)
    module.eval()
    with torch.inference_mode():
        for rows, inputs in track(stream, "Labelling", total=len(stream), transient=True):
            probabilities[rows] = module.probabilities(module(inputs)).numpy()
    return probabilities


def _keys(names: Sequence[str]) -> NDArray[np.int64]:
    digests = (hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest() for name in names)
    return np.array([int.from_bytes(digest[:7]) for digest in digests], dtype=np.int64)
