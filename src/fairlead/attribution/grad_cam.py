"""Grad-CAM: what a layer's maps show, weighed by what the answer makes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked, MaskedPicture
from fairlead.attribution.masked_game import unshared
from fairlead.attribution.question import Question
from fairlead.attribution.shares import Shares
from fairlead.attribution.sites import map_axes
from fairlead.attribution.tail import Tail
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import AttributionError

_TOGETHER = 8  # rows: gradients are kept of them all


class GradCam:
    """The channels of a layer, each weighed by the mean of its gradient over the picture, added up.

    Signed, unless asked otherwise. The map as published is its positive part, which leaves all that speaks against the
    class, and all that says nothing, tied at zero: a certificate compares orders, and ties have none. What speaks for
    the class comes in the same order in both. The values share nothing.

    Args:
        model: Whose answers.
        layer: Name of a layer in ``model.network`` that lays its output out as the picture lies; see ``deepest_map``.
        example: (N, 3, H, W) inputs that differ, two or more.
        relu: Whether values under zero are put to zero, as published.

    Raises:
        AttributionError: a layer whose output does not lie as the picture does.

    References:
        Selvaraju et al. (2017), Grad-CAM: Visual explanations from deep networks via gradient-based localization, ICCV.

    Examples:
        >>> from torch import nn
        >>> network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 2))
        >>> rows = torch.rand(2, 3, 16, 16)
        >>> model = ExplainedModel(network, rows)
        >>> method = GradCam(model, "module.1", rows)
        >>> found = method.explain(rows, Question(torch.tensor([0, 1])), [0, 1], items=[*map(MaskedPicture, rows)])
        >>> found[0].values.shape, found[0].residual is None
        ((8, 8), True)
    """

    mask = MaskedPicture.mask

    def __init__(self, model: ExplainedModel, layer: str, example: Tensor, *, relu: bool = False) -> None:
        with differentiable(model.device):
            self.tail = Tail(model.network, layer, example)
            shape = self.tail.points(example).shape
        self.name = f"Grad-CAM at {layer.removeprefix('module.')}"
        axes = map_axes(shape, example.shape)
        if axes is None:
            raise AttributionError(
                f"the layer {layer} gives {tuple(shape[1:])} for each picture, which is no map of it; name a layer "
                "that is one"
            )
        self.model = model
        self.relu = relu
        self._axes = axes

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
        """Returns the maps of N rows.

        Args:
            inputs: (N, 3, H, W) as a batch holds them.
            question: Of each row.
            indices: Not looked at: nothing is drawn by lot.
            items: Each row, with parts that can be masked: what the score is without any is told beside the map.
            until: Not looked at: one gradient a row is all that is needed.
            done: Told how many rows are done.

        Raises:
            AttributionError: rows without their items, or no gradient that is a number reaches the layer.
        """
        del indices, until
        maps: list[Tensor] = []
        with differentiable(self.model.device):
            for start in range(0, len(inputs), _TOGETHER):
                rows = torch.arange(start, min(start + _TOGETHER, len(inputs)))
                maps.append(self._maps(inputs[start : start + _TOGETHER].clone(), question.of(rows)))
                if done is not None:
                    done(int(rows[-1]) + 1)
            return unshared([one.cpu().numpy() for one in torch.cat(maps)], self.model, question, items)

    def _maps(self, inputs: Tensor, question: Question) -> Tensor:
        """Returns (B, rows, columns) float64."""
        points = self.tail.points(inputs).clone().requires_grad_()
        score = question.score(self.tail(points, inputs)).sum()
        if not score.requires_grad:
            raise AttributionError(
                f"no gradient reaches {self.tail.name}; explain the model before it is quantised, or name a later layer"
            )
        (gradient,) = torch.autograd.grad(score, points)
        channels, rows, columns = self._axes
        places = [axis for axis in range(1, points.ndim) if axis not in channels]
        weights = gradient.double().mean(dim=places, keepdim=True)
        maps = (weights * points.detach().double()).sum(dim=channels).reshape(len(points), rows, columns)
        return maps.clamp(min=0) if self.relu else maps
