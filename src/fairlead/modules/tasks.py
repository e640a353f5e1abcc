"""What a kind of task means for training: its loss and its activation, looked up by kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from fairlead.errors import ConfigurationError
from fairlead.records import TaskKind


@dataclass(frozen=True)
class LossSettings:
    """How errors are weighed in training.

    Attributes:
        label_smoothing: Share of the target spread evenly over the classes (Szegedy et al. 2016).
        class_weights: ``"auto"`` weighs each class by the inverse of its training rows, None weighs alike.

    Raises:
        ConfigurationError: smoothing outside [0, 1), or other weights.

    Examples:
        >>> LossSettings(class_weights="auto").label_smoothing
        0.0
    """

    label_smoothing: float = 0.0
    class_weights: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing < 1:
            raise ConfigurationError(f"label_smoothing lies in [0, 1), got {self.label_smoothing}")
        if self.class_weights not in {None, "auto"}:
            raise ConfigurationError(f'class_weights is "auto" or null, got {self.class_weights!r}')


class Task(Protocol):
    """Loss and activation of a kind of task."""

    def loss(self, logits: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        """Returns the mean training loss of (N, C) logits, a scalar."""
        ...

    def probabilities(self, logits: Tensor) -> Tensor:
        """Maps (N, C) logits to (N, C) probabilities."""
        ...


@dataclass(frozen=True)
class SoftmaxTask:
    """One class of C, binary included: cross-entropy on C logits."""

    settings: LossSettings

    def loss(self, logits: Tensor, target: Tensor, weights: Tensor | None) -> Tensor:
        """Cross-entropy with class weights and label smoothing."""
        return functional.cross_entropy(logits, target, weight=weights, label_smoothing=self.settings.label_smoothing)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Softmax, in float32 at least: half precision does not sum to one."""
        return torch.softmax(logits.float(), dim=-1)


TASKS: dict[TaskKind, type[SoftmaxTask]] = {TaskKind.BINARY: SoftmaxTask, TaskKind.MULTICLASS: SoftmaxTask}


def balanced_weights(counts: Tensor) -> Tensor:
    """Returns (C,) weights by the inverse of the training rows, with mean 1 over the rows.

    Examples:
        >>> balanced_weights(torch.tensor([30, 10])).tolist()
        [0.6666666865348816, 2.0]
    """
    counts = counts.clamp(min=1).float()
    return counts.sum() / (len(counts) * counts)
