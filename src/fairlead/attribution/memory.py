"""How many evaluations fit into memory at a time."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

_ON_CPU, _SHARE_OF_GPU = 2**29, 4  # bytes; a quarter of what is free


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


def memory_to_use(device: torch.device) -> int:
    """Returns the bytes that gradients may keep at a time where nobody says: what leaves room for a model in training.

    Examples:
        >>> memory_to_use(torch.device("cpu")) == 2**29
        True
    """
    return torch.cuda.mem_get_info(device)[0] // _SHARE_OF_GPU if device.type == "cuda" else _ON_CPU
