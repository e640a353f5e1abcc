"""A pretrained encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, cast

import torch
from timm.models import group_parameters
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fairlead.backbones.normalise import Normalise
from fairlead.preprocessing import ImagePreprocessing


class Backbone(nn.Module):
    """An encoder from inputs as stored to features, which knows what it needs.

    Build one with ``load_backbone`` (pretrained) or ``rebuild_backbone`` (the architecture alone, for a
    checkpoint that brings the weights).

    Args:
        architecture: timm's name of the architecture.
        preprocessing: What the encoder expects of its pictures.
        origin: Where the weights came from, in words for a model card.
        matched: What of the weight file was used, in words.
        arguments: By which the encoder differs from what the architecture's name alone builds.

    Attributes:
        features: D, the width of the feature vectors.
        fixed_statistics: Whether BatchNorm normalises by the running statistics it came with, in training too, and
            leaves them alone; its weights learn like any others. True for pretrained weights: on a small dataset
            batches are too few to learn better ones, and a head fitted to the frozen features starts where it
            was fitted (``docs/decisions/0006-batch-norm-keeps-its-statistics.md``). Set it before training.

    Examples:
        >>> from fairlead.backbones import load_backbone
        >>> backbone = load_backbone("random:test_resnet")
        >>> pixels = torch.zeros((2, 3, 32, 32), dtype=torch.uint8)
        >>> backbone(pixels).shape == (2, backbone.features)
        True
    """

    def __init__(
        self,
        architecture: str,
        encoder: nn.Module,
        preprocessing: ImagePreprocessing,
        *,
        origin: str,
        matched: str = "",
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.preprocessing = preprocessing
        self.origin = origin
        self.matched = matched
        self.arguments = dict(arguments or {})
        self.normalise = Normalise(preprocessing.mean, preprocessing.std)
        self.encoder = encoder
        self.features = cast("int", getattr(encoder, "head_hidden_size", None) or encoder.num_features)
        self.fixed_statistics = self.pretrained

    @property
    def pretrained(self) -> bool:
        """Whether the weights were learned elsewhere."""
        return self.origin != "random weights"

    def hold_statistics(self, held: bool) -> None:
        """Puts BatchNorm in eval mode while training lasts, if its statistics are fixed, and back afterwards.

        A LightningModule calls it when training starts and ends, since Lightning warns of layers that are in eval
        mode before.
        """
        if self.fixed_statistics:
            for layer in self.modules():
                if isinstance(layer, _BatchNorm):
                    layer.train(not held)

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps (N, 3, H, W) uint8 pixels to (N, D) features."""
        features: Tensor = self.encoder(self.normalise(inputs))
        return features

    def parameter_groups(self) -> dict[str, list[str]]:
        """Returns the names of all parameters by depth, the layer nearest to the input first.

        Depth is the architecture's own (timm's ``group_matcher``), each residual block or transformer layer
        a step; what stands after the last of them, such as a final norm, counts with the last.
        """
        names = {name for name, _ in self.encoder.named_parameters()}
        matcher = getattr(self.encoder, "group_matcher", None)
        if matcher is None:
            return {"depth0": [f"encoder.{name}" for name, _ in self.encoder.named_parameters()]}
        grouped = group_parameters(self.encoder, matcher(coarse=False))
        ordered = [[name for name in grouped[depth] if name in names] for depth in sorted(grouped)]
        ordered = [group for group in ordered if group]
        return {f"depth{depth}": [f"encoder.{name}" for name in group] for depth, group in enumerate(ordered)}

    def undecayed(self) -> set[str]:
        """Returns the names of parameters the architecture exempts from weight decay (position embeddings)."""
        exempt = getattr(self.encoder, "no_weight_decay", None)
        # timm names what any of its variants has; only what this one has is a parameter.
        own = {name for name, _ in self.encoder.named_parameters()}
        return {f"encoder.{name}" for name in own.intersection(exempt())} if callable(exempt) else set()

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
