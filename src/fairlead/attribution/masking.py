"""Explanations that mask parts of an item and ask the model again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from fairlead.attribution.expected_gradients import Effort
from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.masked_game import MaskedGame
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import AttributionError

CELLS = 7  # a side: of more, each would be told apart by fewer evaluations than it has neighbours

Solve = Callable[[MaskedGame, int, int], Shares]
"""From a game, its evaluations at most and a seed to the values of its parts."""


class Masking:
    """Values from the model's answers to versions of an item: no gradients, any network.

    Draws depend on the seed and the row's number alone, not on what else is explained. Forward passes are batched.

    Args:
        model: Whose answers.
        solve: What is made of them: ``lime`` or ``partition_shap``.
        name: Of the method.
        mask: What stands where a part is masked, in words.
        effort: Its samples are the evaluations of a row, at most.
        cells: Of a picture a side, at most.
        seed: Of the draws.

    Examples:
        >>> from fairlead.attribution.lime import lime
        >>> from fairlead.attribution.masked import MaskedPicture
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
        >>> model, rows = ExplainedModel(network, torch.zeros(2, 3, 16, 16)), torch.rand(1, 3, 16, 16)
        >>> method = Masking(model, lime, name="LIME", mask="blur")
        >>> method.explain(rows, Question(torch.tensor([0])), [0], items=[MaskedPicture(rows[0])])[0].values.shape
        (7, 7)
    """

    def __init__(
        self,
        model: ExplainedModel,
        solve: Solve,
        *,
        name: str,
        mask: str,
        effort: Effort | None = None,
        cells: int = CELLS,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.solve = solve
        self.name = name
        self.mask = mask
        self.effort = effort or Effort()
        self.cells = cells
        self.seed = seed

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
        """Returns the values of N rows; of a text, one for each word.

        Args:
            inputs: (N, ...) as a batch holds them.
            question: Of each row.
            indices: Each row's number in its dataset.
            items: Each row, with parts that can be masked.
            until: By ``time.monotonic``; the rows that are left share the time that is left, so that each is asked less
                often. None for as long as it takes.
            done: Told how many rows are done.

        Raises:
            AttributionError: rows without their items, or an answer that is not a number.
        """
        if len(items) != len(inputs):
            raise AttributionError(
                f"{self.name} masks parts of {len(inputs)} rows, and {len(items)} came in parts; give the items of all"
            )
        found: list[Shares] = []
        seconds, asked = 0.0, 0
        with differentiable(self.model.device):
            for row, item in enumerate(items):
                game = MaskedGame(self.model, item, question.of(torch.tensor([row])), item.grid(self.cells))
                _ = game.base  # so that something is known of what an evaluation takes
                left = (len(items) - row) * (seconds + game.seconds) / (asked + game.evaluations)
                most = self.effort.samples
                if until is not None:
                    most = min(most, int(max(0.0, until - time.monotonic()) / max(left, 1e-9)))
                shares = self.solve(game, most, _seed(self.seed, int(indices[row])))
                found.append(shares if most == self.effort.samples else _stopped(shares))
                seconds, asked = seconds + game.seconds, asked + game.evaluations
                if done is not None:
                    done(row + 1)
        return found


def _seed(seed: int, index: int) -> int:
    return int(np.random.SeedSequence((seed, index)).generate_state(1)[0])


def _stopped(shares: Shares) -> Shares:
    return replace(shares, stopped="the time was spent")
