"""Attention rollout: from which tokens the layers of a transformer gather what is answered by."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairlead.attribution.attentions import kept_attentions
from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.masked_game import unshared
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.attribution.sites import map_axes
from fairlead.attribution.tail import traced
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import AttributionError

_TOGETHER = 4  # rows: the attentions of all layers and heads are held at once


class AttentionRollout:
    """How much of each token reaches those that the answer is read from, by attention alone.

    Heads are averaged, half of each layer is its residual connection, and the layers are multiplied. Which tokens are
    read is seen from where the score has a gradient at the last layer: the first where a model answers by that, all
    that are no padding where it takes their mean, and each counts the same.

    The map is the same whatever class is asked for and whatever the last layer says, and a certificate refuses it for
    that: it is listed, and not drawn as an explanation.

    Args:
        model: An encoder of transformers, or a vision transformer of timm whose layers attend over all patches.
        mask: What stands where a part is masked, in words.

    References:
        Abnar and Zuidema (2020), Quantifying attention flow in transformers, ACL.

    Examples:
        >>> from fairlead.attribution import MaskedPicture
        >>> from timm.models import VisionTransformer
        >>> network = VisionTransformer(32, 8, embed_dim=8, depth=2, num_heads=2, num_classes=2)
        >>> rows = torch.rand(2, 3, 32, 32)
        >>> method = AttentionRollout(ExplainedModel(network, rows), mask="blur")
        >>> found = method.explain(rows, Question(torch.tensor([0, 1])), [0, 1], items=[*map(MaskedPicture, rows)])
        >>> found[0].values.shape
        (4, 4)
    """

    name = "attention rollout"

    def __init__(self, model: ExplainedModel, *, mask: str) -> None:
        self.model = model
        self.mask = mask

    def explain(
        self,
        inputs: Tensor,
        question: Question,
        indices: Sequence[int],
        *,
        items: Sequence[Masked] = (),
        until: float | None = None,
        done: Callable[[int], None] | None = None,
    ) -> list[Shares]:
        """Returns the maps of N rows: of a text one value for each token, of a picture one for each patch.

        Args:
            inputs: (N, ...) as a batch holds them.
            question: Of each row; the map does not depend on it.
            indices: Not looked at: nothing is drawn by lot.
            items: Each row, with parts that can be masked: what the score is without any is told beside the map.
            until: Not looked at: two passes a row are all that is needed.
            done: Told how many rows are done.

        Raises:
            AttributionError: rows without their items, a network without attention, or one whose layers do not attend
                over the same tokens.
        """
        del indices, until
        maps: list[NDArray[np.float64]] = []
        with differentiable(self.model.device):
            for start in range(0, len(inputs), _TOGETHER):
                rows = torch.arange(start, min(start + _TOGETHER, len(inputs)))
                maps.extend(self._maps(inputs[start : start + _TOGETHER].clone(), question.of(rows)))
                if done is not None:
                    done(len(maps))
            return unshared(maps, self.model, question, items)

    def _maps(self, inputs: Tensor, question: Question) -> list[NDArray[np.float64]]:
        network = self.model.network
        with kept_attentions(network) as attentions:
            calls = traced(network, inputs)
        _check(attentions, len(inputs))
        tokens = attentions[0].shape[1]
        vectors = [call.module for call in calls if _of_tokens(call.output, len(inputs), tokens)]
        reads = _read(network, vectors[-1], inputs, question)
        weights = reads / reads.sum(dim=1, keepdim=True)
        values = (weights[:, None] @ rolled_out(attentions))[:, 0]
        shape = (1, tokens)
        if inputs.ndim == 4:
            grid = map_axes(torch.Size((len(inputs), tokens - _prefix(network, tokens, inputs), 1)), inputs.shape)
            if grid is None:
                raise AttributionError(
                    f"the {tokens} tokens of each picture are no map of it; choose another method, such as layer"
                )
            shape = grid[1:]
            values = values[:, tokens - shape[0] * shape[1] :]
        return [np.asarray(one.reshape(shape).cpu().numpy()) for one in values]


def rolled_out(attentions: Sequence[Tensor]) -> Tensor:
    """Multiplies (N, T, T) attentions, each half residual, from the first layer to the last; float64.

    Examples:
        >>> rolled_out([torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])]).tolist()
        [[[0.5, 0.5], [0.5, 0.5]]]
    """
    own = torch.eye(attentions[0].shape[1], dtype=torch.float64, device=attentions[0].device)
    flow = own.expand(len(attentions[0]), -1, -1)
    for attention in attentions:
        flow = (attention.double() + own) / 2 @ flow
    return flow


def _check(attentions: Sequence[Tensor], rows: int) -> None:
    shapes = {tuple(attention.shape) for attention in attentions}
    if not shapes:
        raise AttributionError(
            "the network has no attention that can be seen; rollout is for encoders of transformers and vision "
            "transformers of timm, choose another method for others"
        )
    first = next(iter(shapes))
    if len(shapes) > 1 or first[0] != rows or first[1] != first[2]:
        raise AttributionError(
            f"the layers attend over tokens of {sorted(shapes)}, and rollout needs the same tokens in all; choose "
            "another method"
        )


def _of_tokens(output: object, rows: int, tokens: int) -> bool:
    return isinstance(output, Tensor) and output.ndim == 3 and output.shape[:2] == (rows, tokens)


def _read(network: nn.Module, last: nn.Module, inputs: Tensor, question: Question) -> Tensor:
    """Returns (N, T) float64: 1 for each token whose vector the score depends on, of the last that there are."""
    held: list[Tensor] = []

    def hold(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        held.append(output.detach().requires_grad_())
        return held[-1].clone()  # what follows may work in place

    handle = last.register_forward_hook(hold)
    try:
        score = question.score(network(inputs)).sum()
    finally:
        handle.remove()
    gradient = torch.autograd.grad(score, held[-1], allow_unused=True)[0] if score.requires_grad else None
    if gradient is None or not gradient.any():
        raise AttributionError("the score depends on no token of the last layer; choose another method")
    reads = gradient.ne(0).any(dim=2)
    reads[~reads.any(dim=1)] = True  # of a row whose score is flat: all
    return reads.double()


def _prefix(network: nn.Module, tokens: int, inputs: Tensor) -> int:
    """Returns how many tokens stand before the patches."""
    for module in network.modules():
        if isinstance(number := getattr(module, "num_prefix_tokens", None), int):
            return number
    for number in range(tokens):
        if map_axes(torch.Size((len(inputs), tokens - number, 1)), inputs.shape) is not None:
            return number
    return 0
