"""What a model says of an item, by which of its parts are shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.errors import AttributionError

BATCH = 32


class MaskedGame:
    """The score of one item as a game among its parts; it counts how often the model was asked, and how long it took.

    Args:
        model: Whose answers.
        item: With parts that can be masked.
        question: Of the item alone.
        shape: Rows and columns of its P parts.

    Examples:
        >>> from fairlead.attribution.masked import MaskedPicture
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 2))
        >>> model = ExplainedModel(network, torch.zeros(2, 3, 4, 4))
        >>> game = MaskedGame(model, MaskedPicture(torch.rand(3, 4, 4)), Question(torch.tensor([0])), (2, 2))
        >>> game(np.ones((1, 4), dtype=bool)).shape, game.players, game.evaluations
        ((1,), 4, 1)
    """

    def __init__(self, model: ExplainedModel, item: Masked, question: Question, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.evaluations = 0
        self.seconds = 0.0
        self._model = model
        self._item = item
        self._question = question

    @property
    def players(self) -> int:
        """P."""
        return self.shape[0] * self.shape[1]

    @property
    def base(self) -> float:
        """The score where every part is masked."""
        return self._ends[0]

    @property
    def full(self) -> float:
        """The score of the whole item."""
        return self._ends[1]

    def __call__(self, plays: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Maps (N, P) which parts are shown to (N,) scores.

        Raises:
            AttributionError: an answer that is not a number.
        """
        begun = time.monotonic()
        logits = self._model.logits(self._item.shown(plays.reshape(-1, *self.shape)))
        scores = self._question.of(torch.zeros(len(plays), dtype=torch.long)).score(logits)
        found = np.asarray(scores.double().cpu().numpy(), dtype=np.float64)
        self.seconds += time.monotonic() - begun
        self.evaluations += len(plays)
        if not np.isfinite(found).all():
            raise AttributionError(
                "an answer is not a number where parts of an item are masked; lower the learning rate, or explain an "
                "earlier checkpoint"
            )
        return found

    @cached_property
    def _ends(self) -> tuple[float, float]:
        base, full = self(np.stack([np.full(self.players, shown) for shown in (False, True)]))
        return float(base), float(full)


def unshared(
    maps: Sequence[NDArray[np.float64]], model: ExplainedModel, question: Question, items: Sequence[Masked]
) -> list[Shares]:
    """Returns N maps whose values share nothing, each with the scores of its item, masked and whole.

    Args:
        maps: (rows, columns) each.
        model: Asked for the scores.
        question: Of each row.
        items: Each row.

    Raises:
        AttributionError: as many items as there are maps were not given, or a map holds what is not a number.
    """
    if len(items) != len(maps):
        raise AttributionError(f"{len(maps)} rows have {len(items)} items in parts; give the items of them all")
    found = []
    for row, (values, item) in enumerate(zip(maps, items, strict=True)):
        if not np.isfinite(values).all():
            raise AttributionError(
                "a value is not a number: the model's weights or its answers are not; lower the learning rate, or "
                "explain an earlier checkpoint"
            )
        game = MaskedGame(model, item, question.of(torch.tensor([row])), item.grid(1))
        base, full = game.base, game.full
        asked = game.evaluations + 1
        found.append(Shares(np.asarray(values, np.float64), base, full, shares=False, evaluations=asked))
    return found
