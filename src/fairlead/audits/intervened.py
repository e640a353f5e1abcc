"""What an intervention makes of a batch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from fairlead.preprocessing import Text


@dataclass(frozen=True, eq=False)
class Intervened:
    """The n rows of a batch that have what is masked or swapped, as they are and as they would be.

    Attributes:
        rows: (n,) their places in the batch, int64.
        before: (n, ...) inputs.
        after: (n, ...) inputs, of the same shape.
        texts: Of each row the text before and after; empty for pictures.
    """

    rows: NDArray[np.int64]
    before: Tensor
    after: Tensor
    texts: tuple[tuple[Text, Text], ...] = ()


class Intervention(Protocol):
    """Something to be masked in, or swapped in, every row that has it."""

    @property
    def subject(self) -> str:
        """What is masked or swapped, in the words of a report."""
        ...

    def apply(self, inputs: Tensor, index: NDArray[np.int64]) -> Intervened:
        """Changes those of N inputs that have the subject, each by its row's number alone."""
        ...

    def others(self, inputs: Tensor, index: NDArray[np.int64]) -> Iterator[Intervened]:
        """Gives what else might be put in the subject's place, for the worst flips and not for the test."""
        ...
