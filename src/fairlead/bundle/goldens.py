"""Inputs whose answers are known: what a bundle is tried with before it may answer anyone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import BundleError


@dataclass(frozen=True, eq=False)
class Goldens:
    """Generated pictures or texts, never anyone's, and what the trained model answered for them.

    Attributes:
        items: Content of PNG files by path inside the bundle, which every decoder reads alike; or texts by name.
        probabilities: (N, C), one row an item, in the same order.

    Raises:
        BundleError: not one row of probabilities for each item, or no item.

    Examples:
        >>> goldens = Goldens({"goldens/0.png": b""}, np.array([[0.25, 0.75]]))
        >>> again = Goldens.from_dict(goldens.to_dict(), {"goldens/0.png": b""}.__getitem__)
        >>> again.probabilities.tolist()
        [[0.25, 0.75]]
        >>> Goldens({"plain": "a text"}, np.array([[0.25, 0.75]])).to_dict()["texts"]
        {'plain': 'a text'}
    """

    items: Mapping[str, bytes | str]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2 or not 0 < len(self.items) == len(self.probabilities):
            raise BundleError(
                f"{len(self.items)} golden inputs have probabilities of shape {self.probabilities.shape}; "
                "export the bundle anew"
            )

    @property
    def files(self) -> dict[str, bytes]:
        """The pictures, which are files of a bundle of their own; texts stand with their answers."""
        return {name: item for name, item in self.items.items() if isinstance(item, bytes)}

    def to_dict(self) -> dict[str, Any]:
        """Returns the answers by name, and the texts, as plain JSON values."""
        rows = zip(self.items, self.probabilities, strict=True)
        content: dict[str, Any] = {"schema": 1, "probabilities": {name: row.tolist() for name, row in rows}}
        texts = {name: item for name, item in self.items.items() if isinstance(item, str)}
        return content | {"texts": texts} if texts else content

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], read: Callable[[str], bytes]) -> Goldens:
        """Reads what ``to_dict`` wrote; ``read`` gives a picture's bytes by its path.

        Raises:
            BundleError: no goldens.
        """
        try:
            answers, texts = dict(content["probabilities"]), dict(content.get("texts", {}))
            items = {name: texts[name] if name in texts else read(name) for name in answers}
            if not all(isinstance(text, str) for text in texts.values()):
                raise TypeError("a golden text is no text")
            return cls(items, np.array(list(answers.values()), dtype=np.float64))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise BundleError(f"the goldens cannot be read ({error}); export the bundle anew") from error
