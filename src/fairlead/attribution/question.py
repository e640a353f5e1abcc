"""What of a model's answers is explained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Question:
    """Why this class, and rather than which other?

    Attributes:
        codes: (N,) class codes, int64.
        contrast: (N,) codes of the class that each is compared with, -1 for all others; None for all others in each.

    Examples:
        >>> logits = torch.tensor([[0.0, 2.0, 1.0]])
        >>> why = Question(torch.tensor([1]), torch.tensor([2]))
        >>> why.score(logits).tolist(), why.unit
        ([1.0], 'log-odds')
    """

    codes: Tensor
    contrast: Tensor | None = None

    @property
    def unit(self) -> str:
        """Of the score."""
        return "log-odds"

    def score(self, logits: Tensor) -> Tensor:
        """Maps (N, C) logits to (N,) log-odds of the class, against all others or against the contrast."""
        rows = torch.arange(len(logits), device=logits.device)
        codes = self.codes.to(logits.device)
        others = logits.masked_fill(torch.nn.functional.one_hot(codes, logits.shape[1]).bool(), -torch.inf)
        against = torch.logsumexp(others, dim=1)
        if self.contrast is not None:
            contrast = self.contrast.to(logits.device)
            against = torch.where(contrast >= 0, logits[rows, contrast.clamp(min=0)], against)
        return logits[rows, codes] - against

    def of(self, rows: Tensor) -> Question:
        """Returns the question for some of the rows, each as often as it is named."""
        rows = rows.to(self.codes.device)
        return Question(self.codes[rows], None if self.contrast is None else self.contrast[rows])
