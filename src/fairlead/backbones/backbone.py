"""A pretrained encoder, whatever it reads."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Backbone(nn.Module, ABC):
    """An encoder from inputs as stored to features, which knows what it needs.

    Load one with ``load_backbone`` (pretrained) or ``rebuild_backbone`` (the architecture alone, for a checkpoint that
    brings the weights).

    Args:
        architecture: Its library's name of the architecture.
        encoder: The network.
        features: D, the width of the feature vectors.
        origin: Where the weights came from, in words for a model card.
        matched: What of the weight file was used, in words.
        arguments: By which the encoder differs from what the architecture's name alone builds.

    Attributes:
        fixed_statistics: Whether BatchNorm normalises by the running statistics it came with, in training too, and
            leaves them alone; its weights learn like any others. True for pretrained weights: on a small dataset
            batches are too few to learn better ones, and a head fitted to the frozen features starts where it
            was fitted (``docs/decisions/0006-batch-norm-keeps-its-statistics.md``). Set it before training.
        frozen_layers: Names within the encoder of layers that do not learn: they are in eval mode in training too,
            dropout and BatchNorm included.
    """

    preprocessing: Any  # of the kind that its inputs need

    def __init__(
        self,
        architecture: str,
        encoder: nn.Module,
        features: int,
        *,
        origin: str,
        matched: str = "",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.features = features
        self.origin = origin
        self.matched = matched
        self.arguments = dict(arguments or {})
        self.encoder = encoder
        self.fixed_statistics = self.pretrained
        self.frozen_layers: frozenset[str] = frozenset()
        self._held = False

    @property
    def pretrained(self) -> bool:
        """Whether the weights were learned elsewhere."""
        return self.origin != "random weights"

    def hold_still(self, held: bool) -> None:
        """Puts frozen layers, and BatchNorm if its statistics are fixed, in eval mode while training lasts, and back.

        A LightningModule calls it when training starts and ends, since Lightning warns of layers that are in eval
        mode before. In between they stay so, whoever calls ``train()``.
        """
        self._held = held
        for layer in self._still_layers():
            layer.training = not held

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of all layers but those that hold still."""
        super().train(mode)
        if self._held:
            for layer in self._still_layers():
                layer.training = False
        return self

    def _still_layers(self) -> list[nn.Module]:
        return [
            layer
            for name, layer in self.encoder.named_modules()
            if name in self.frozen_layers or (self.fixed_statistics and isinstance(layer, _BatchNorm))
        ]

    @abstractmethod
    def forward(self, inputs: Tensor) -> Tensor:
        """Maps N inputs as a batch holds them to (N, D) features."""

    @abstractmethod
    def parameter_groups(self) -> dict[str, list[str]]:
        """Returns the names of all parameters by depth, the layer nearest to the input first."""

    @abstractmethod
    def undecayed(self) -> set[str]:
        """Returns the names of parameters the architecture exempts from weight decay."""

    @abstractmethod
    def example(self, rows: int) -> Tensor:
        """Returns inputs of some rows, drawn from a generator of their own: what a trace is made from."""

    def describe(self) -> dict[str, Any]:
        """Returns primitives from which ``rebuild_backbone`` rebuilds the architecture."""
        return {
            "architecture": self.architecture,
            "preprocessing": self.preprocessing.to_dict(),
            "origin": self.origin,
            "arguments": self.arguments,
        }

    @torch.no_grad()
    def digest(self) -> str:
        """Returns a SHA-256 over every weight and buffer: two backbones with one digest give one feature."""
        digest = hashlib.sha256(f"{self.architecture} {sorted(self.arguments.items())}".encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().contiguous().cpu().view(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()
