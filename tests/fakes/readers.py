"""A LightningModule that is not ours, which answers what its rows hold: the truth about its gap is known."""

import lightning as L
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fairlead.records import Labels, Predictions, SensitiveFeature

LABELS = Labels(("no", "yes"))
SEX = SensitiveFeature("sex", ("f", "m"))
AGE = SensitiveFeature("age", ("old", "young"))


def planted(rows=1000, gap=0.25, seed=0):
    """Predictions by hand: of the positives of f a share ``gap`` is missed, exactly; all else is right."""
    generator = np.random.default_rng(seed)
    number = np.arange(rows)
    groups = np.stack([number % 2, number // 2 % 2], axis=1)
    targets = (number // 4 % 2).astype(np.int64)
    women = np.flatnonzero((groups[:, 0] == 0) & (targets == 1))
    positive = np.where(targets == 1, 0.9, 0.1)
    positive[women[: round(gap * len(women))]] = 0.2
    positive += generator.uniform(-0.05, 0.05, rows)
    return Predictions(np.stack([1 - positive, positive], 1), targets, number, LABELS, groups, (SEX, AGE))


def tensors(predictions):
    given = (predictions.probabilities[:, 1], predictions.targets, predictions.groups, predictions.index)
    given += () if predictions.clusters is None else (predictions.clusters,)
    return TensorDataset(*(torch.from_numpy(column) for column in given))


def loader(predictions, *, order=None, batch_size=64):
    rows = range(len(predictions)) if order is None else order
    dataset = torch.utils.data.Subset(tensors(predictions), [int(row) for row in rows])
    return DataLoader(dataset, batch_size=batch_size)


class Reader(L.LightningModule):
    """Answers with the probability that the row holds; its one weight takes no part in it."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def training_step(self, batch, batch_idx):
        return ((batch[0] - torch.sigmoid(self.weight)) ** 2).mean()

    def validation_step(self, batch, batch_idx, dataloader_idx=0):
        return {"answer": batch[0]}

    def test_step(self, batch, batch_idx):
        return {"answer": batch[0]}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def adapted(output, batch):
    names = ("target", "groups", "index", "clusters")  # the last where there are any
    return {"probabilities": output["answer"], **dict(zip(names, batch[1:], strict=False))}
