"""The frozen network as fast as it runs on this machine."""

from __future__ import annotations

from torch import nn


def prepare_for_inference(module: nn.Module) -> nn.Module:
    """Returns a network with the same outputs for use without gradients."""
    return module
