"""How many evaluations fit into memory at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def kept_for_gradients(run: Callable[[], Tensor]) -> int:
    """Returns the bytes that a run keeps until its gradients are taken, on any device: each storage once.

    Args:
        run: Something that gradients can be taken of.

    Examples:
        >>> ones = torch.ones(1000, requires_grad=True)
        >>> kept_for_gradients(lambda: ones.exp())
        4000
    """
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if not isinstance(tensor, torch.nn.Parameter):
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        run()
    return sum(storages.values())
