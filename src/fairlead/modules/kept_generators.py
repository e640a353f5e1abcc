"""What dropout draws from, over an interruption."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class KeptGenerators:
    """Torch's generator states in a checkpoint: a resumed run drops out what the whole would have.

    Examples:
        >>> kept, checkpoint = KeptGenerators(), {"optimizer_states": []}
        >>> with torch.random.fork_rng(devices=[]):
        ...     kept.save(checkpoint, torch.device("cpu"))
        ...     drawn = torch.rand(3)
        ...     kept.load(checkpoint)
        ...     kept.resume(torch.device("cpu"))
        ...     torch.equal(torch.rand(3), drawn)
        True
    """

    def __init__(self) -> None:
        self._states: dict[str, Tensor] = {}

    @staticmethod
    def save(checkpoint: dict[str, Any], device: torch.device) -> None:
        """Adds the states to a checkpoint that can be resumed; what cannot be resumed needs none."""
        if "optimizer_states" in checkpoint:
            checkpoint["generators"] = {"cpu": torch.get_rng_state()}
            if device.type == "cuda":
                checkpoint["generators"]["cuda"] = torch.cuda.get_rng_state(device)

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Remembers a checkpoint's states, which are set where training goes on, and nowhere else."""
        self._states = checkpoint.get("generators", {})

    def resume(self, device: torch.device) -> None:
        """Sets the states that were remembered, if any were."""
        if self._states:
            torch.set_rng_state(self._states["cpu"].cpu())
            if device.type == "cuda" and "cuda" in self._states:
                torch.cuda.set_rng_state(self._states["cuda"].cpu(), device)
