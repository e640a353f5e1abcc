"""How weights move: optimizer, rates by depth, schedule."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.optim import SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR

from fairlead.errors import ConfigurationError


@dataclass(frozen=True)
class OptimizationSettings:
    """Everything the optimizer and its schedule need.

    Attributes:
        optimizer: ``"adamw"`` (Loshchilov and Hutter 2019) or ``"sgd"`` with momentum 0.9.
        learning_rate: Of the backbone's last layer, per step, before the schedule.
        head_multiplier: The head learns so many times faster than that.
        layer_decay: Each layer further from the head learns slower by this factor (Howard and Ruder 2018);
            1 gives all the same rate.
        weight_decay: Of weight matrices; never of norms, biases and position embeddings.
        warmup: Share of all steps in which the rate rises from zero.

    Raises:
        ConfigurationError: an unknown optimizer, or numbers out of range.

    Examples:
        >>> OptimizationSettings(learning_rate=1e-3).layer_decay
        0.8
    """

    optimizer: str = "adamw"
    learning_rate: float = 5e-5
    head_multiplier: float = 1.0
    layer_decay: float = 0.8
    weight_decay: float = 0.02
    warmup: float = 0.1

    def __post_init__(self) -> None:
        if self.optimizer not in {"adamw", "sgd"}:
            raise ConfigurationError(f"an optimizer is adamw or sgd, got {self.optimizer!r}")
        # Written so that a NaN is refused as well.
        if not (self.learning_rate > 0 and self.head_multiplier > 0 and self.weight_decay >= 0):
            raise ConfigurationError("learning_rate and head_multiplier are above 0, weight_decay at least 0")
        if not 0 < self.layer_decay <= 1 or not 0 <= self.warmup < 1:
            raise ConfigurationError("layer_decay lies in (0, 1] and warmup in [0, 1)")

    def build(self, groups: list[dict[str, Any]], *, mixed: bool = False) -> Optimizer:
        """Builds the optimizer over all groups at once: none is ever added later.

        Args:
            groups: As ``parameter_groups`` gives them.
            mixed: Whether training is in mixed precision, where Lightning clips no gradient of a fused optimizer.
        """
        if self.optimizer == "sgd":
            return SGD(groups, lr=self.learning_rate, momentum=0.9)
        # On processors one pass over the weights in place of several, a fifth of the time; elsewhere torch's default is
        # as fast.
        on_processors = all(weight.device.type == "cpu" for group in groups for weight in group["params"])
        return AdamW(groups, lr=self.learning_rate, fused=True if on_processors and not mixed else None)


def parameter_groups(
    module: nn.Module,
    depths: Mapping[str, Sequence[str]],
    undecayed: set[str],
    settings: OptimizationSettings,
) -> list[dict[str, Any]]:
    """Gives every parameter its learning rate by depth and its weight decay by shape.

    Rates are absolute for each group, so that any torch scheduler keeps their ratios.

    Args:
        module: Whose parameters; those not named in ``depths`` are the head's.
        depths: Parameter names by layer, the nearest to the input first.
        undecayed: Names exempt from weight decay besides norms and biases.
        settings: Rates.

    Returns:
        Groups with ``name``, ``params``, ``lr`` and ``weight_decay``.
    """
    named = dict(module.named_parameters())
    ordered = [*depths.items(), ("head", [name for name in named if name not in set().union(*depths.values(), [])])]
    groups = []
    for depth, (layer, names) in enumerate(ordered):
        below_head = len(depths) - 1 - depth
        is_head = layer == "head"
        rate = settings.learning_rate * (settings.head_multiplier if is_head else settings.layer_decay**below_head)
        for decayed in (True, False):
            chosen = [name for name in names if (named[name].ndim > 1 and name not in undecayed) is decayed]
            if chosen:
                groups.append(
                    {
                        "name": layer if decayed else f"{layer}/no_decay",
                        "params": [named[name] for name in chosen],
                        "lr": rate,
                        "weight_decay": settings.weight_decay if decayed else 0.0,
                    }
                )
    return groups


def warmup_cosine(optimizer: Optimizer, steps: int, warmup: float) -> LambdaLR:
    """Returns a schedule that rises linearly, then falls along a half cosine to zero (Loshchilov and Hutter 2017).

    Args:
        optimizer: Its groups' rates are scaled alike.
        steps: Optimizer steps in the whole run.
        warmup: Share of them in which the rate rises.
    """
    rising = max(1, round(steps * warmup)) if warmup else 0

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        done = min(1.0, (step - rising) / max(1, steps - rising))
        return 0.5 * (1 + math.cos(math.pi * done))

    return LambdaLR(optimizer, factor)
