"""What the layers of a transformer attend to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def kept_attentions(network: nn.Module) -> Iterator[list[Tensor]]:
    """Yields a list that fills with each layer's (N, T, T) attention, the mean of its heads, while the network runs.

    Encoders of transformers run by the one implementation that can give its weights, and timm's attentions unfused,
    within the block alone. For a copy, not for a model that others hold: transformers leaves hooks in the layers of an
    encoder that it was asked for the attentions of.

    Args:
        network: With attention of either library; with neither the list stays empty.

    Examples:
        >>> from timm.layers import Attention
        >>> import torch
        >>> network = Attention(8, num_heads=2)
        >>> with kept_attentions(network) as attentions:
        ...     _ = network(torch.zeros(1, 3, 8))
        >>> attentions[0].shape
        torch.Size([1, 3, 3])
    """
    kept: list[Tensor] = []
    with ExitStack() as stack:
        for encoder in _encoders(network):
            stack.enter_context(_eager(encoder, kept))
        for attention in network.modules():
            if isinstance(getattr(attention, "fused_attn", None), bool) and isinstance(
                getattr(attention, "attn_drop", None), nn.Module
            ):
                stack.enter_context(_unfused(attention, kept))
        yield kept


def _encoders(network: nn.Module) -> list[Any]:
    """Returns the outermost encoders of transformers, by their class: a wrapper may answer for what it wraps."""
    if hasattr(type(network), "set_attn_implementation"):
        return [network]
    return [found for child in network.children() for found in _encoders(child)]


@contextmanager
def _eager(encoder: Any, kept: list[Tensor]) -> Iterator[None]:
    """Lets an encoder of transformers give its attentions."""

    def ask(_module: nn.Module, inputs: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return inputs, {**named, "output_attentions": True}

    def keep(_module: nn.Module, _inputs: Any, output: Any) -> None:
        found = output.get("attentions") if isinstance(output, Mapping) else None
        kept.extend(weights.mean(dim=1).detach() for weights in found or ())

    former = encoder.config._attn_implementation
    handles = [encoder.register_forward_pre_hook(ask, with_kwargs=True), encoder.register_forward_hook(keep)]
    try:
        encoder.set_attn_implementation("eager")
        yield
    finally:
        for handle in handles:
            handle.remove()
        encoder.set_attn_implementation(former)


@contextmanager
def _unfused(attention: Any, kept: list[Tensor]) -> Iterator[None]:
    """Lets an attention of timm give its weights, which it drops out of before it uses them."""
    former = attention.fused_attn
    handle = attention.attn_drop.register_forward_hook(
        lambda _module, _inputs, weights: kept.append(weights.mean(dim=1).detach())
    )
    try:
        attention.fused_attn = False
        yield
    finally:
        handle.remove()
        attention.fused_attn = former
