"""The frozen network as fast as it runs on this machine."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOLERANCE = 1e-4  # of the largest output: what float32 sums in another order differ by, and no more


def prepare_for_inference(module: nn.Module, example: Tensor) -> nn.Module:
    """Returns a copy in eval mode with the same outputs, for use without gradients.

    Convolutions take the BatchNorm behind them into their weights, and images are laid out channels last, which
    is how a CPU's convolutions want them. What feeds what is watched on the example, not guessed from names, and
    the copy is only handed out if it answers the example as the original does; otherwise the original is.

    Args:
        module: Any network; it is left as it is but for the eval mode.
        example: Inputs that it takes, two rows are enough. (N, 3, height, width) for an image.

    Returns:
        The prepared copy, or the module itself where preparation changes its answers.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        >>> prepare_for_inference(network, torch.zeros(2, 3, 8, 8))[1]
        Sequential()
    """
    module.eval()
    with torch.inference_mode(False), torch.no_grad():  # weights of inference mode could not be differentiated through
        expected = module(example)
        prepared = copy.deepcopy(module).requires_grad_(False)
        _fold(prepared, _norms_behind(prepared, example))
        prepared = prepared.to(memory_format=torch.channels_last)
        found = prepared(example)
    bound = TOLERANCE * max(1.0, float(expected.abs().max()))
    same = found.shape == expected.shape and float((found - expected).abs().max()) <= bound
    return prepared if same else module


def _norms_behind(module: nn.Module, example: Tensor) -> list[tuple[str, str]]:
    """Returns (convolution, norm) names where the norm read the convolution's output and both ran once."""
    names = {child: name for name, child in module.named_modules()}
    calls: dict[nn.Module, int] = {}
    made: list[tuple[Tensor, nn.Module]] = []  # tensors are held, so that no other can take their identity
    read: list[tuple[nn.Module, nn.Module]] = []

    def watch(child: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls[child] = calls.get(child, 0) + 1
        if isinstance(child, nn.Conv2d):
            made.append((output, child))
        else:
            read.extend((conv, child) for tensor, conv in made if tensor is inputs[0])

    kinds = (nn.Conv2d, nn.BatchNorm2d)
    handles = [child.register_forward_hook(watch) for child in module.modules() if isinstance(child, kinds)]
    try:
        module(example)
    finally:
        for handle in handles:
            handle.remove()
    return [(names[conv], names[norm]) for conv, norm in read if calls[conv] == calls[norm] == 1]


def _fold(module: nn.Module, pairs: list[tuple[str, str]]) -> None:
    """Puts each norm into its convolution; what a timm norm does after normalising stays in its place."""
    for conv_name, norm_name in pairs:
        conv, norm = module.get_submodule(conv_name), module.get_submodule(norm_name)
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d) and norm.track_running_stats:
            module.set_submodule(conv_name, fuse_conv_bn_eval(conv, norm))
            after = [getattr(norm, part, None) for part in ("drop", "act")]  # timm's BatchNormAct2d has both
            module.set_submodule(norm_name, nn.Sequential(*(part for part in after if isinstance(part, nn.Module))))
