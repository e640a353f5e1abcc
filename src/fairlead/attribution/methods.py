"""Ways to explain, by name."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fairlead.attribution.expected_gradients import Effort, ExpectedGradients
from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.layers import deepest_map
from fairlead.attribution.method import Build, Method
from fairlead.attribution.sites import LayerSite, PixelSite, Site, TokenSite


def build_method(
    name: str,
    *,
    background: Tensor,
    example: Tensor,
    effort: Effort,
    layer: str | None = None,
    special_ids: Sequence[int] = (),
    seed: int = 0,
) -> Build:
    rough = Effort(tolerance=0.3, samples=2 * len(background), memory=effort.memory)

    def build(model: ExplainedModel, quick: bool) -> Method:
        if name == "pixels":
            site: Site = PixelSite(model)
        elif name == "layer":
            site = LayerSite(model, layer or deepest_map(model.network, example), example)
        else:
            emb = next(n for n, m in model.network.named_modules() if isinstance(m, nn.Embedding))
            site = TokenSite(model, emb, example, torch.tensor(list(special_ids)))
        return ExpectedGradients(model, site, background, effort=rough if quick else effort, seed=seed)

    return build
