"""What every way to explain a model has in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from torch import Tensor

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares


class Method(Protocol):
    """One way to explain one model."""

    name: str
    mask: str  # what a part is compared with, in words

    def explain(
        self,
        inputs: Tensor,
        question: Question,
        indices: Sequence[int],
        *,
        items: Sequence[Masked] = (),
        until: float | None = None,
        done: Callable[[int], None] | None = None,
    ) -> list[Shares]:
        """Returns the values of N rows; of a text, one for each token or for each word.

        Args:
            inputs: (N, ...) as a batch holds them.
            question: Of each row.
            indices: Each row's number in its dataset, on which what is drawn by lot depends.
            items: Each row, with parts that can be masked; for methods that mask some.
            until: By ``time.monotonic``, when to stop; None for as long as it takes.
            done: Told how many rows are done.
        """
        ...


Build = Callable[[ExplainedModel, bool], Method]
"""Makes a method for a model; True where a rough answer will do."""
