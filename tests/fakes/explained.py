"""Networks that answer by something known, and what is asked of them."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor, nn

from fairlead.attribution import Asked, MaskedPicture, MaskedText, Question
from tests.fakes.texts import word_preprocessing

SIDE = 32


class RedNetwork(nn.Module):
    """Says the second class by how much pure red there is, wherever; the last layer alone knows that it is red."""

    def __init__(self, *, unused: bool = False) -> None:
        super().__init__()
        self.colours = nn.Conv2d(3, 3, 1)
        self.map = nn.AvgPool2d(4)
        self.head = nn.Linear(3, 2)
        self.unused = nn.Linear(3, 2) if unused else None
        with torch.no_grad():
            self.colours.weight.copy_((2 * torch.eye(3) - 1)[..., None, None])
            self.colours.bias.fill_(-0.4)
            self.head.weight.copy_(torch.tensor([[0.0, 0.0, 0.0], [200.0, 0.0, 0.0]]))
            self.head.bias.zero_()

    def forward(self, pictures: Tensor) -> Tensor:
        seen = self.map(self.colours(pictures).relu()).mean(dim=(2, 3))
        answer: Tensor = self.head(seen)
        if self.unused is not None:
            self.unused(seen)
        return answer


def red_corners(rows: int) -> Tensor:
    """Pictures (N, 3, 32, 32) of noise, a red L in the upper left corner, and blue and green below."""
    pictures = 0.3 * torch.rand(rows, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    for channel, down, across in (  # no two of its turns and shifts lie alike
        (0, slice(0, 12), slice(0, 4)),
        (0, slice(8, 12), slice(0, 8)),
        (2, slice(20, 32), slice(20, 32)),
        (1, slice(24, 32), slice(0, 8)),
    ):
        pictures[:, :, down, across] = 0.0
        pictures[:, channel, down, across] = 1.0
    return pictures


def noise(rows: int) -> Tensor:
    """Pictures of noise without any pure colour."""
    return 0.3 * torch.rand(rows, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


class WordSum(nn.Module):
    """Says the second class by the sum of what each word that is attended to is worth."""

    def __init__(self, worth: dict[str, float]) -> None:
        super().__init__()
        preprocessing = word_preprocessing()
        self.vectors = nn.Embedding(preprocessing.vocabulary, 1)
        self.head = nn.Linear(1, 2, bias=False)
        with torch.no_grad():
            self.vectors.weight.zero_()
            for word, value in worth.items():
                self.vectors.weight[preprocessing.tokens([word]).planes[0, 0, 1]] = value
            self.head.weight.copy_(torch.tensor([[0.0], [1.0]]))

    def forward(self, inputs: Tensor) -> Tensor:
        words = self.vectors(inputs[:, 0].long()) * inputs[:, 1, :, None]
        answer: Tensor = self.head(words.sum(dim=1))
        return answer


def asked_pictures(pictures: Tensor, codes: int = 1) -> Asked:
    """Why the second class, of pictures."""
    rows = len(pictures)
    return Asked(pictures, Question(torch.full((rows,), codes)), [*map(MaskedPicture, pictures)], range(rows))


def asked_texts(*texts: str) -> Asked:
    """Why the second class, of texts."""
    preprocessing = word_preprocessing()
    planes = torch.from_numpy(preprocessing.tokens(texts).planes)
    items = [MaskedText(inputs, preprocessing.words(text)) for inputs, text in zip(planes, texts, strict=True)]
    return Asked(planes, Question(torch.ones(len(texts), dtype=torch.long)), items, range(len(texts)))


def state_of(module: nn.Module) -> dict[str, object]:
    """All that an explanation of a module must leave as it was, the generators' states included."""
    hooks = [name for name in vars(nn.Module()) if name.endswith("_hooks")]
    return {
        "weights": {name: value.detach().clone().numpy().tobytes() for name, value in module.state_dict().items()},
        "learning": {name: value.requires_grad for name, value in module.named_parameters()},
        "gradients": {
            name: None if value.grad is None else value.grad.numpy().tobytes()
            for name, value in module.named_parameters()
        },
        "training": {name: part.training for name, part in module.named_modules()},
        "hooks": {
            (name, kind): [*vars(part)[kind].values()] for name, part in module.named_modules() for kind in hooks
        },
        "attributes": {name: sorted(map(str, vars(part))) for name, part in module.named_modules()},
        "attention": {
            name: (getattr(part, "fused_attn", None), getattr(getattr(part, "config", None), "_attn_implementation", 0))
            for name, part in module.named_modules()
        },
        "python": random.getstate(),
        "numpy": [part.tolist() if isinstance(part, np.ndarray) else part for part in np.random.get_state()],
        "torch": torch.get_rng_state().tolist(),
    }


def differing(one: dict[str, object], other: dict[str, object]) -> list[str]:
    """Names of what is not the same."""
    return [name for name in one if one[name] != other[name]]
