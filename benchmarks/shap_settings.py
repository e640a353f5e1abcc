"""What `shap_speed` compares: networks, rows, and contenders that all explain the same score."""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import timm
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from fairlead.attribution import Effort, ExpectedGradients, ExplainedModel, PixelSite, Question, Site, TokenSite
from fairlead.backbones.text_loading import load_text_backbone

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import captum.attr
    import shap

BACKGROUND = 20  # rows
PEERS = ("shap", "captum")
Values = NDArray[np.float64]


class LogOdds(nn.Module):
    """What ours explains, as one output, so that all explain the same."""

    def __init__(self, network: nn.Module, code: int) -> None:
        super().__init__()
        self.network, self.code = network, code

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps N inputs to (N, 1)."""
        logits = self.network(inputs)
        return Question(torch.full((len(logits),), self.code)).score(logits)[:, None]


@dataclass
class Setting:
    """A network, rows and background, and what a contender does with them."""

    name: str
    network: nn.Module  # as peers call it: from points to logits
    points: Tensor
    others: Tensor
    codes: list[int]
    ours: Callable[[int, int], list[Values]]  # from samples and seed to values
    parts: Callable[[Tensor], Tensor]
    peer_rows: int
    samples: int  # a row and repeat
    inputs: Tensor | None = None


def pictures(name: str, given: argparse.Namespace) -> Setting:
    """Crops of two photos that scikit-learn brings, in the layout of the network's own input."""
    pretrained = name == "mobilenetv2_100"
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=1000 if pretrained else 10)
    if pretrained:
        network.load_state_dict(load_file(given.weights / "model.safetensors"))
    network = network.to(given.device).eval()
    count = given.map_rows if pretrained else given.rows
    rows, others = crops(count, 224, 2).to(given.device), crops(BACKGROUND, 224, 1).to(given.device)
    model = ExplainedModel(network, rows[:2])
    codes = model.logits(rows).argmax(dim=1)
    site = PixelSite(model)

    weights = "pretrained" if pretrained else "random weights"
    title = f"{name} at 224 ({weights})"
    points, peers = site.points(rows), min(count, max(given.peer_rows, given.map_rows if pretrained else 0))
    return Setting(
        title,
        network,
        points,
        others,
        codes.tolist(),
        by_fairlead(model, site, others, rows, codes),
        site.parts,
        peers,
        40,
        rows,
    )


def crops(count: int, side: int, seed: int) -> Tensor:
    drawn = np.random.default_rng(seed)
    found = []
    for number in range(count):
        photo = load_sample_image(("flower.jpg", "china.jpg")[number % 2])
        edge = int(drawn.integers(side, min(photo.shape[:2])))
        top, left = (int(drawn.integers(0, size - edge + 1)) for size in photo.shape[:2])
        crop = torch.from_numpy(photo[top : top + edge, left : left + edge].copy()).permute(2, 0, 1)[None].float()
        small = nn.functional.interpolate(crop, (side, side), mode="bilinear", antialias=True)[0] / 255
        found.append((small - 0.45) / 0.225)
    return torch.stack(found)


def texts(given: argparse.Namespace) -> Setting:
    """MiniLM at 64 tokens drawn by lot, with a head drawn by lot."""
    torch.manual_seed(0)
    backbone = load_text_backbone("embedded:minilm-l6").eval()
    network = nn.Sequential(backbone, nn.Linear(384, 2)).to(given.device).eval()
    ids = torch.randint(1000, 20000, (given.rows + BACKGROUND, 64))
    ids[:, 0], ids[:, -1] = 101, 102
    planes = torch.stack([ids, torch.ones_like(ids), torch.zeros_like(ids)], dim=1).to(given.device)
    rows, others = planes[: given.rows], planes[given.rows :]
    model = ExplainedModel(network, rows[:2])
    site = TokenSite(model, "module.0.encoder.embeddings.word_embeddings", rows[:2], torch.tensor([0, 101, 102]))
    codes = model.logits(rows).argmax(dim=1)

    class OfEmbeddings(nn.Module):
        def forward(self, embeddings: Tensor) -> Tensor:
            features = backbone.encoder(inputs_embeds=embeddings)[0].mean(dim=1)
            logits: Tensor = network[1](nn.functional.normalize(features, dim=-1))
            return logits

    embedded = [site.points(part).clone() for part in (rows, others)]
    name = "MiniLM-L6 at 64 tokens (pretrained, a head by lot)"
    return Setting(
        name,
        OfEmbeddings(),
        *embedded,
        codes.tolist(),
        by_fairlead(model, site, others, rows, codes),
        site.parts,
        given.peer_rows,
        100,
    )


def by_fairlead(
    model: ExplainedModel, site: Site, others: Tensor, rows: Tensor, codes: Tensor
) -> Callable[[int, int], list[Values]]:
    def run(samples: int, seed: int) -> list[Values]:
        method = ExpectedGradients(model, site, others, effort=Effort(0.0, samples), seed=seed)
        return [shares.values for shares in method.explain(rows, Question(codes), range(len(rows)))]

    return run


def by_shap(setting: Setting, samples: int, seed: int) -> list[Values]:
    found = []
    for row, code in zip(setting.points[: setting.peer_rows], setting.codes, strict=False):
        explainer = shap.GradientExplainer(LogOdds(setting.network, code), setting.others)
        values = explainer.shap_values(row[None], nsamples=samples, rseed=seed).reshape(1, *row.shape)
        found.append(setting.parts(torch.from_numpy(values))[0].numpy())
    return found


def by_captum(setting: Setting, samples: int, seed: int) -> list[Values]:
    np.random.seed(seed)
    found = []
    for row, code in zip(setting.points[: setting.peer_rows], setting.codes, strict=False):
        explainer = captum.attr.GradientShap(LogOdds(setting.network, code))
        values = explainer.attribute(row[None], setting.others, n_samples=samples, stdevs=0.0, target=0)
        found.append(setting.parts(values.detach().cpu())[0].numpy())
    return found
