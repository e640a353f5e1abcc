"""Which layer of a network is explained where nobody names one."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn

from fairlead.attribution.sites import map_axes
from fairlead.attribution.tail import Tail, traced
from fairlead.errors import AttributionError

FEWEST = 7  # cells a side: of fewer, few orders can be told from chance
_EXAMPLES = 4  # rows of an example that are run
_TRIED = 24  # layers, from the last on: blocks hold fewer between one another's ends


class _Map(NamedTuple):
    """A layer whose output lies as the picture does."""

    name: str
    cells: int  # on the shorter side
    of_tokens: bool
    weighty: bool


def deepest_map(network: nn.Module, example: Tensor, fewest: int = FEWEST) -> str:
    """Returns the name of the last layer that lays its output out as the picture lies, in enough cells.

    For a convolutional network that is its last stage of at least 7 x 7 positions; where none has as many, the finest.
    For a transformer it is what gives the patches: each is a linear function of its own pixels, so that its value is
    the sum of theirs. A layer that a connection passes by is only named where there is no other: its values would leave
    out what passes.

    Args:
        network: Held still.
        example: (N, 3, H, W) inputs that differ, two or more.
        fewest: Positions a side.

    Raises:
        AttributionError: no layer gives a map.

    Examples:
        >>> import torch
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 4, 1), nn.Flatten(), nn.Linear(16, 2))
        >>> deepest_map(network, torch.rand(2, 3, 16, 16))
        '0'
    """
    names = {module: name for name, module in network.named_modules()}
    example = example[:_EXAMPLES]
    calls = traced(network, example)
    often = [call.module for call in calls]
    found: list[_Map] = []
    for call in calls:
        output = call.output
        if not isinstance(output, Tensor) or often.count(call.module) > 1 or len(output) != len(example):
            continue
        axes = map_axes(output.shape, example.shape)
        if axes is not None and names[call.module]:
            found.append(_Map(names[call.module], min(axes[1:]), output.ndim == 3, _weighty(call.module)))
    if not any(one.weighty for one in found):
        raise AttributionError(
            "no layer of the network gives a map that lies as the picture does; explain it at its pixels, or name a "
            "layer"
        )
    fine = [one for one in found if one.cells >= fewest]
    patches = [one.name for one in fine if one.of_tokens]
    if patches and found[-1].of_tokens:
        return patches[0]
    if fine and any(one.weighty for one in fine):
        candidates = [one.name for one in reversed(fine)]
    else:
        coarse = sorted((one for one in reversed(found) if one.weighty), key=lambda one: -one.cells)
        candidates = [one.name for one in coarse]
    with_all = (name for name in candidates[:_TRIED] if _alone(network, name, example))
    return next(with_all, candidates[0])


def _alone(network: nn.Module, layer: str, example: Tensor) -> bool:
    try:
        return Tail(network, layer, example).alone
    except AttributionError:
        return False


def _weighty(module: nn.Module) -> bool:
    """Whether it has weights: a flattening or a normalisation of pixels without any is no layer to speak of."""
    return next(module.parameters(), None) is not None


def token_embedding(network: nn.Module, example: Tensor) -> str:
    """Returns the name of the layer that makes vectors of token ids.

    Args:
        network: Held still; an encoder of transformers says which it is, of others it is the first embedding that runs.
        example: (N, 3, T) inputs.

    Raises:
        AttributionError: no layer does.

    Examples:
        >>> import torch
        >>> class Words(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.vectors = nn.Embedding(9, 4)
        ...     def forward(self, inputs):
        ...         return self.vectors(inputs[:, 0]).mean(dim=1)
        >>> token_embedding(Words(), torch.zeros(2, 3, 5, dtype=torch.long))
        'vectors'
    """
    names: dict[nn.Module, str] = {module: name for name, module in network.named_modules()}
    for module in network.modules():
        if hasattr(type(module), "get_input_embeddings"):  # of the class: a wrapper may answer for what it wraps
            encoder: Any = module
            found: nn.Module = encoder.get_input_embeddings()
            if found in names:
                return names[found]
    for call in sorted(traced(network, example), key=lambda call: call.start):
        if isinstance(call.module, nn.Embedding):
            return names[call.module]
    raise AttributionError("no layer of the network makes vectors of token ids; explain it by lime or partition")
