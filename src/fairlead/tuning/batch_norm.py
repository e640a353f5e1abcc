"""Running statistics for a backbone that never had any."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


def settle_batch_norm(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Sets every BatchNorm's running mean and variance to the average over some batches.

    Random weights come with the statistics 0 and 1, under which an untrained network's features are out of all
    proportion: a head fitted to them would explode at the first training step, which normalises by the batch.

    Args:
        module: Whose statistics; weights stay, and so does its train or eval mode.
        batches: Inputs of the module.
    """
    norms = [layer for layer in module.modules() if isinstance(layer, _BatchNorm) and layer.track_running_stats]
    if not norms:
        return
    momenta = [layer.momentum for layer in norms]
    modes = {part: part.training for part in module.modules()}
    try:
        module.train()
        for layer in norms:
            layer.reset_running_stats()
            layer.momentum = None  # a plain average over the batches
        with torch.no_grad():
            for inputs in batches:
                module(inputs)
    finally:
        for layer, momentum in zip(norms, momenta, strict=True):
            layer.momentum = momentum
        for part, mode in modes.items():
            part.training = mode
