"""A pretrained encoder of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from timm.models import group_parameters
from torch import Tensor, nn

from fairlead.backbones.backbone import Backbone
from fairlead.backbones.normalise import Normalise
from fairlead.preprocessing import ImagePreprocessing


class ImageBackbone(Backbone):
    """An encoder from timm, with its normalisation as its first layer.

    Args:
        architecture: timm's name of the architecture.
        encoder: The network.
        preprocessing: What the encoder expects of its pictures.
        origin: Where the weights came from, in words for a model card.
        matched: What of the weight file was used, in words.
        arguments: By which the encoder differs from what the architecture's name alone builds.

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
        features = cast("int", getattr(encoder, "head_hidden_size", None) or encoder.num_features)
        super().__init__(architecture, encoder, features, origin=origin, matched=matched, arguments=arguments)
        self.preprocessing: ImagePreprocessing = preprocessing
        self.normalise = Normalise(preprocessing.mean, preprocessing.std)

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

    def example(self, rows: int) -> Tensor:
        """Returns (rows, 3, H, W) uint8 pixels of noise."""
        drawn = torch.Generator().manual_seed(0)
        return torch.randint(0, 256, (rows, 3, *self.preprocessing.size), dtype=torch.uint8, generator=drawn)
