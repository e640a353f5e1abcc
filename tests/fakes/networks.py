"""Small networks whose attributions are known, or that look where they are told to."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AutoConfig, AutoModelForSequenceClassification

CLASSES = 3


def seeded(build, seed=0):
    """What build makes, its weights drawn from a seed; the generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def pictures(rows, side=16, seed=0, wide=None):
    return torch.rand(rows, 3, side, wide or side, generator=torch.Generator().manual_seed(seed))


def linear(side=16):
    return seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * side * side, 2)))


def small_cnn(side=16, classes=CLASSES):
    """With a BatchNorm that has seen something, and a ReLU that works in place."""

    def build():
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, stride=2),
            nn.BatchNorm2d(6),
            nn.ReLU(inplace=True),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(8 * (side // 2) ** 2, classes),
        )
        network[1].running_mean.uniform_(-0.2, 0.2)
        network[1].running_var.uniform_(0.5, 1.5)
        return network.eval()

    return seeded(build)


class AtOnePlace(nn.Module):
    """Knows how bright four squares of the picture are, and answers by the second: that its head has learned."""

    corners = ((4, 4), (8, 20), (20, 6), (22, 22))

    def __init__(self, size=8):
        super().__init__()
        self.size = size
        self.features = seeded(lambda: nn.Conv2d(3, 4, 3, padding=1, bias=False))
        self.features.weight.data.abs_()
        self.head = nn.Linear(4, 2)
        self.head.weight.data = torch.tensor([[0.01, -3.0, 0.02, -0.01], [-0.01, 3.0, 0.01, 0.01]])
        self.head.bias.data.zero_()

    def forward(self, inputs: Tensor) -> Tensor:
        maps = functional.softplus(self.features(inputs)).mean(dim=1)
        squares = [maps[:, top : top + self.size, left : left + self.size] for top, left in self.corners]
        return self.head(torch.stack([square.mean(dim=(1, 2)) for square in squares], dim=1))


class PassedBy(nn.Module):
    """A connection leads around the middle layer."""

    def __init__(self):
        super().__init__()
        self.first = seeded(lambda: nn.Conv2d(3, 4, 3, padding=1))
        self.middle = seeded(lambda: nn.Conv2d(4, 4, 3, padding=1), 1)
        self.head = seeded(lambda: nn.Linear(4 * 16 * 16, CLASSES), 2)

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.first(inputs)
        return self.head((first + self.middle(first.tanh()).tanh()).flatten(1))


class Twice(nn.Module):
    """One layer that runs two times."""

    def __init__(self):
        super().__init__()
        self.layer = seeded(lambda: nn.Conv2d(3, 3, 3, padding=1))
        self.head = seeded(lambda: nn.Linear(3 * 16 * 16, CLASSES))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.head(self.layer(self.layer(inputs).tanh()).flatten(1))


class BagOfWords(nn.Module):
    """Adds up one vector a token: linear in its embeddings."""

    def __init__(self, vocabulary=50, dimensions=6):
        super().__init__()
        self.embedding = seeded(lambda: nn.Embedding(vocabulary, dimensions))
        self.head = seeded(lambda: nn.Linear(dimensions, 2))

    def forward(self, inputs: Tensor) -> Tensor:
        vectors = self.embedding(inputs[:, 0]) * inputs[:, 1, :, None]
        return self.head(vectors.sum(dim=1))


def tiny_bert(vocabulary=50):
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    config = AutoConfig.for_model("bert", vocab_size=vocabulary, max_position_embeddings=40, **sizes)
    config.initializer_range = 0.3
    return seeded(lambda: AutoModelForSequenceClassification.from_config(config)).eval()


def by_planes(module, inputs):
    """Calls a transformers model with (N, 3, T) ids, mask and types."""
    ids, mask, types = inputs.unbind(dim=1)
    return module(input_ids=ids, attention_mask=mask, token_type_ids=types)


def texts(rows, tokens=12, vocabulary=50, seed=0, shortest=6):
    """(N, 3, T): [CLS]=1 words [SEP]=2, padded with 0."""
    drawn = torch.Generator().manual_seed(seed)
    planes = torch.zeros(rows, 3, tokens, dtype=torch.long)
    for row in range(rows):
        length = int(torch.randint(shortest, tokens + 1, (1,), generator=drawn))
        words = torch.randint(3, vocabulary, (length - 2,), generator=drawn)
        planes[row, 0, :length] = torch.cat([torch.tensor([1]), words, torch.tensor([2])])
        planes[row, 1, :length] = 1
    return planes


SPECIAL = torch.tensor([0, 1, 2])
