"""What surrounds a call and is surrounded by it, kept apart."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import numpy as np
import torch


@contextmanager
def differentiable(device: torch.device) -> Iterator[None]:
    """Lets gradients be taken in full precision, eagerly, also within Lightning's validation.

    Lightning validates under ``inference_mode``, which ``enable_grad`` alone does not leave. A compiled module runs
    uncompiled meanwhile: what was compiled without gradients would be compiled anew. The generators of Python, NumPy
    and torch stand afterwards where they stood, also where the module itself draws from them.

    Args:
        device: On which the work is done.

    Examples:
        >>> with torch.inference_mode(), differentiable(torch.device("cpu")):
        ...     torch.ones(1, requires_grad=True).exp().requires_grad
        True
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        stack.enter_context(torch.compiler.set_stance("force_eager"))
        devices = [device] if device.type == "cuda" else []
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.callback(random.setstate, random.getstate())
        stack.callback(np.random.set_state, np.random.get_state())
        yield


@contextmanager
def generators_kept() -> Iterator[None]:
    """Lets a library draw from Python's, NumPy's and torch's global generators, whose states are put back afterwards.

    Examples:
        >>> before = torch.get_rng_state()
        >>> with generators_kept():
        ...     drawn = torch.rand(3)
        >>> torch.equal(torch.get_rng_state(), before)
        True
    """
    former, numpys = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[]):
            yield
    finally:
        random.setstate(former)
        np.random.set_state(numpys)
