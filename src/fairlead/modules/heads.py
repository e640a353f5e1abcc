"""From features to scores."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from fairlead.errors import ConfigurationError
from fairlead.modules.recurrent_head import CELLS, RecurrentHead

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "tanh": nn.Tanh}


@dataclass(frozen=True)
class HeadSettings:
    """Which head stands on the backbone.

    Attributes:
        kind: ``"linear"``, ``"mlp"`` with one hidden layer, or, over the tokens of a text, ``"lstm"`` or ``"gru"``.
        hidden: Width of the hidden layer of an MLP, or of each direction of a recurrent head.
        dropout: Chance that a feature is left out in training.
        activation: Of an MLP: relu, gelu, silu or tanh.

    Raises:
        ConfigurationError: an unknown kind or activation, an MLP's activation for a recurrent head, or a dropout
            outside [0, 1).

    Examples:
        >>> HeadSettings(kind="mlp", hidden=64).activation
        'gelu'
    """

    kind: str = "linear"
    hidden: int = 512
    dropout: float = 0.0
    activation: str = "gelu"

    def __post_init__(self) -> None:
        if self.kind not in {"linear", "mlp", *CELLS}:
            raise ConfigurationError(f"a head is linear, mlp, lstm or gru, got {self.kind!r}; choose one of them")
        if self.activation not in ACTIVATIONS:
            raise ConfigurationError(f"an activation is one of {', '.join(ACTIVATIONS)}, got {self.activation!r}")
        if self.kind in CELLS and self.activation != "gelu":
            raise ConfigurationError(
                f"an activation is of an MLP, and a head of kind {self.kind} has its own; leave activation out, or use "
                'kind="mlp"'
            )
        if not 0 <= self.dropout < 1 or self.hidden < 1:
            raise ConfigurationError("dropout lies in [0, 1) and a hidden layer has at least one unit")

    def build(self, features: int, classes: int) -> nn.Module:
        """Builds the head for D features, of an input or of each token of it, and C classes."""
        if self.kind == "linear":
            return LinearHead(features, classes, dropout=self.dropout)
        if self.kind in CELLS:
            return RecurrentHead(features, classes, kind=self.kind, hidden=self.hidden, dropout=self.dropout)
        return nn.Sequential(
            nn.Linear(features, self.hidden),
            ACTIVATIONS[self.activation](),
            nn.Dropout(self.dropout),
            nn.Linear(self.hidden, classes),
        )


class LinearHead(nn.Module):
    """One linear layer: the head that a probe can fit and fine-tuning can start from.

    Args:
        features: D.
        classes: C.
        dropout: Chance that a feature is left out in training.

    Examples:
        >>> import torch
        >>> LinearHead(4, 3)(torch.zeros(2, 4)).shape
        torch.Size([2, 3])
    """

    def __init__(self, features: int, classes: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(features, classes)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Maps (N, D) features to (N, C) logits."""
        logits: Tensor = self.linear(self.dropout(features))
        return logits
