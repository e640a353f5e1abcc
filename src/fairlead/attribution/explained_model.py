"""A copy of a model, held still, that can be asked and differentiated without touching the model itself."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from fairlead.attribution.undisturbed import differentiable
from fairlead.backbones.inference import prepare_for_inference
from fairlead.errors import AttributionError

_WATCHING = ("_forward_hooks", "_backward_hooks", "_backward_pre_hooks")

Scores = Callable[[nn.Module, Tensor], Any]
"""From the module and N inputs to (N, C) logits, or what holds them."""


def call(module: nn.Module, inputs: Tensor) -> Any:
    """Calls the module; what it returns holds the logits."""
    return module(inputs)


class ExplainedModel:
    """A frozen copy of a module: eval mode, single precision, no parameter that learns, BatchNorm in the convolutions.

    The module itself is read once and never run: its weights, gradients, buffers, modes and hooks are as they were. A
    copy takes the memory of the weights once more. Hooks that only look on see one batch of the copy, and no more.

    Args:
        module: Any module from inputs to logits, a LightningModule in a running Trainer too.
        example: (N, ...) inputs on the module's device, two rows or more; (N, 3, H, W) pictures, or (N, 3, T) planes.
        scores: How the copy is called.

    Raises:
        AttributionError: a module that cannot be copied, or whose answers are no logits.

    Examples:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        >>> ExplainedModel(network, torch.zeros(2, 3, 2, 2)).logits(torch.ones(4, 3, 2, 2)).shape
        torch.Size([4, 2])
    """

    def __init__(self, module: nn.Module, example: Tensor, *, scores: Scores = call) -> None:
        self.device = example.device
        with differentiable(self.device):
            example = example.clone()
            try:
                copied = _unwatched(_Logits(_copied(module), scores), example)
                self.network = prepare_for_inference(copied, example)
                logits = self.logits(example)
            except RuntimeError as error:
                raise AttributionError(
                    f"{type(module).__name__} does not answer in single precision and eval mode ({error}); give a "
                    "function of (module, inputs) under which it does"
                ) from error
        if bool(logits.isnan().any()):
            raise AttributionError(
                f"{type(module).__name__} answers with what is not a number; lower the learning rate, or explain an "
                "earlier checkpoint"
            )
        self.classes = int(logits.shape[1])

    def logits(self, inputs: Tensor) -> Tensor:
        """Maps N inputs to (N, C) logits, without gradients."""
        with differentiable(self.device), torch.no_grad():
            logits: Tensor = self.network(inputs.clone() if inputs.is_inference() else inputs)
        return logits

    def with_new_last_layer(self, seed: int, example: Tensor) -> ExplainedModel:
        """Returns the same model with the weights of its last layer drawn anew, from a generator of its own.

        After Adebayo et al. (2018), "Sanity Checks for Saliency Maps": an explanation that stays the same does not
        show what was learned. The new weights are normal, as large as the old ones in the mean square.

        Args:
            seed: Of the weights.
            example: Inputs, by which the last layer is found.
        """
        drawn = torch.Generator().manual_seed(seed)
        other = copy.copy(self)
        with differentiable(self.device):
            other.network = copy.deepcopy(self.network)
            with torch.no_grad():
                for parameter in _last_layer(other.network, example).parameters(recurse=False):
                    size = parameter.square().mean().sqrt()
                    new = torch.randn(parameter.shape, generator=drawn) * float(size)
                    parameter.copy_(new.to(parameter))
        return other


class _Logits(nn.Module):
    """Makes (N, C) logits of whatever a module returns."""

    def __init__(self, module: nn.Module, scores: Scores) -> None:
        super().__init__()
        self.module = module
        self.scores = scores

    def forward(self, inputs: Tensor) -> Tensor:
        found: Any = self.scores(self.module, inputs.float() if inputs.is_floating_point() else inputs)
        return logits_of(found, len(inputs))


def logits_of(found: Any, count: int) -> Tensor:
    """Makes (N, C) logits, in single precision, of whatever a module returned for N inputs.

    Args:
        found: Logits (N, C), (N, 1) or (N,), the last two of the second of two classes; or a mapping or a tuple that
            holds them, as transformers' models return.
        count: N.

    Raises:
        AttributionError: nothing of the kind.

    Examples:
        >>> logits_of({"logits": torch.tensor([2.0])}, 1).tolist()
        [[0.0, 2.0]]
    """
    if isinstance(found, Mapping):
        found = found.get("logits")
    elif isinstance(found, tuple | list) and found:
        found = getattr(found, "logits", found[0])
    if not isinstance(found, Tensor) or found.ndim not in (1, 2) or len(found) != count:
        told = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        raise AttributionError(
            f"the module answers {count} inputs with {told}, and logits are (N, C), or (N,) of the second of two "
            "classes; give a function of (module, inputs) that returns them"
        )
    logits: Tensor = found.float()
    if logits.ndim == 1 or logits.shape[1] == 1:
        second = logits.reshape(-1, 1)
        return torch.cat([torch.zeros_like(second), second], dim=1)
    return logits


def _copied(module: nn.Module) -> nn.Module:
    module = getattr(module, "_orig_mod", module)  # what torch.compile wrapped
    try:
        copied = copy.deepcopy(module, _detached(module))  # a LightningModule leaves its Trainer behind
    except (RuntimeError, TypeError, AttributeError) as error:
        raise AttributionError(
            f"{type(module).__name__} cannot be copied ({error}), and is explained in a copy alone; keep no files or "
            "threads, nor objects that hold tensors with gradients, as attributes of the module"
        ) from error
    rounded = any(".quantized" in type(part).__module__ for part in copied.modules())
    if rounded or not any(parameter.is_floating_point() for parameter in copied.parameters()):
        raise AttributionError(
            f"{type(module).__name__} has weights that no gradients can be taken through; explain the model "
            "before it is quantised"
        )
    for part in copied.modules():
        vars(part).pop("_compiled_call_impl", None)  # what was compiled in place would still call the original
    held: nn.Module = copied.float().eval().requires_grad_(False)
    return held


def _detached(module: nn.Module) -> dict[int, Any]:
    """Returns, by identity, what stands in a copy for tensors that came out of a forward pass and were kept."""
    found: dict[int, Any] = {}

    def look(value: Any, depth: int) -> None:
        if isinstance(value, Tensor) and not value.is_leaf:
            found[id(value)] = value.detach().clone()
        elif isinstance(value, Mapping | list | tuple) and depth > 0:
            for one in value.values() if isinstance(value, Mapping) else value:
                look(one, depth - 1)

    for part in module.modules():
        look(vars(part), 3)
    return found


def _unwatched(network: nn.Module, example: Tensor) -> nn.Module:
    """Takes off the hooks that change no answer: what they write down or keep is not for a copy to add to."""
    watched = [(part, name) for part in network.modules() for name in _WATCHING if vars(part).get(name)]
    if watched:
        with torch.no_grad():
            expected = network(example)
            hooks = [vars(part)[name] for part, name in watched]
            for part, name in watched:
                vars(part)[name] = type(vars(part)[name])()
            if not torch.equal(network(example), expected):
                for (part, name), former in zip(watched, hooks, strict=True):
                    vars(part)[name] = former
    return network


def _last_layer(network: nn.Module, example: Tensor) -> nn.Module:
    """Returns the last module with a weight matrix that begins to run: one that lies in another, not what holds it.

    A factor or a temperature behind it would change every map alike.
    """
    seen: list[nn.Module] = []
    own = [part for part in network.modules() if any(weight.ndim > 1 for weight in part.parameters(recurse=False))]
    handles = [part.register_forward_pre_hook(lambda part, _inputs: seen.append(part)) for part in own]
    try:
        with torch.no_grad():
            network(example.clone())
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise AttributionError("no layer with weights runs, so that none can be drawn anew; explain another module")
    return seen[-1]
