"""From pixels as stored to numbers as the backbone saw them in pretraining."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalise(nn.Module):
    """The first layer of every image module: uint8 pixels in, normalised floats out.

    As a layer it is exported with the model, so that no caller can normalise twice or not at all.

    Args:
        mean: Three channel means, in units of a pixel scaled to [0, 1].
        std: Three channel standard deviations, likewise.

    Examples:
        >>> white = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
        >>> Normalise((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))(white).flatten().tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Not saved: they are part of the preprocessing, which is.
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)
        self.mean: Tensor
        self.std: Tensor

    def forward(self, pixels: Tensor) -> Tensor:
        """Maps (N, 3, H, W) uint8, or float already in [0, 1], to (N, 3, H, W) floats."""
        scaled = pixels if pixels.is_floating_point() else pixels.to(self.mean.dtype) / 255
        return (scaled - self.mean) / self.std
