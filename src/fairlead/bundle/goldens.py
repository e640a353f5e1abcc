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
    """Generated pictures, never anyone's photo, and what the trained model answered for them.

    Attributes:
        pictures: Content of PNG files by path inside the bundle, which every decoder reads alike.
        probabilities: (N, C), one row a picture, in the same order.

    Raises:
        BundleError: not one row of probabilities for each picture, or no picture.

    Examples:
        >>> goldens = Goldens({"goldens/0.png": b""}, np.array([[0.25, 0.75]]))
        >>> again = Goldens.from_dict(goldens.to_dict(), {"goldens/0.png": b""}.__getitem__)
        >>> again.probabilities.tolist()
        [[0.25, 0.75]]
    """

    pictures: Mapping[str, bytes]
    probabilities: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.probabilities.ndim != 2 or not 0 < len(self.pictures) == len(self.probabilities):
            raise BundleError(
                f"{len(self.pictures)} golden pictures have probabilities of shape {self.probabilities.shape}; "
                "export the bundle anew"
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns the answers by path as plain JSON values; the pictures are files of their own."""
        return {
            "schema": 1,
            "probabilities": {name: row.tolist() for name, row in zip(self.pictures, self.probabilities, strict=True)},
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any], read: Callable[[str], bytes]) -> Goldens:
        """Reads what ``to_dict`` wrote; ``read`` gives a picture's bytes by its path.

        Raises:
            BundleError: no goldens.
        """
        try:
            answers = dict(content["probabilities"])
            return cls({name: read(name) for name in answers}, np.array(list(answers.values()), dtype=np.float64))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise BundleError(f"the goldens cannot be read ({error}); export the bundle anew") from error
