"""Contrastive fine-tuning: rows of one class are drawn together, those of different classes apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from fairlead.errors import ConfigurationError

Inputs = Callable[[NDArray[np.int64]], Tensor]


@dataclass(frozen=True, kw_only=True)
class ContrastiveSettings:
    """How an encoder is tuned on few rows; ``docs/decisions/0012-few-shot.md`` says why so.

    Attributes:
        steps: Of the optimizer. Each costs one pass over the rows of its batch.
        batch_size: Rows a step at most; all pairs among them are compared.
        learning_rate: At its highest.
        warmup: Share of the steps in which the rate rises; it falls to zero over the rest.
        weight_decay: Of AdamW.
        clip: Greatest norm of a step's gradient.
        part: Rows that are encoded at once, and up to four times as many where their lengths are alike. Rows of similar
            length stand together, so little is padded.
        seed: Of the order of rows and of dropout.

    Raises:
        ConfigurationError: a number that makes no sense.
    """

    steps: int = 40
    batch_size: int = 64
    learning_rate: float = 1e-4
    warmup: float = 0.1
    weight_decay: float = 0.01
    clip: float = 1.0
    part: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 2 or self.part < 1:
            raise ConfigurationError("contrastive tuning needs steps >= 1, batch_size >= 2 and part >= 1")
        if not self.learning_rate > 0 or not 0 <= self.warmup < 1 or self.weight_decay < 0 or not self.clip > 0:
            raise ConfigurationError(
                "contrastive tuning needs learning_rate > 0, 0 <= warmup < 1, weight_decay >= 0 and clip > 0"
            )

    def rate(self, step: int) -> float:
        """Returns the learning rate of a step, counted from 0.

        Examples:
            >>> settings = ContrastiveSettings(steps=10, learning_rate=1.0, warmup=0.2)
            >>> [round(settings.rate(step), 2) for step in (0, 1, 2, 9)]
            [0.5, 0.9, 0.8, 0.1]
        """
        rising = min(1.0, (step + 1) / max(1.0, self.warmup * self.steps))
        return self.learning_rate * rising * (1 - step / self.steps)


def pair_loss(features: Tensor, targets: Tensor) -> Tensor:
    """Returns how far all pairs' cosines are from 1 within a class and from 0 between classes.

    Both kinds of pair weigh the same, however many there are; where one kind is missing, the other counts alone.

    Args:
        features: (N, D) of any length.
        targets: (N,) class codes.

    Returns:
        A scalar: mean squared error, balanced over the two kinds of pair.

    Examples:
        >>> ideal = torch.tensor([[1.0, 0.0], [2.0, 0.0], [0.0, 3.0]])
        >>> pair_loss(ideal, torch.tensor([0, 0, 1])).item(), pair_loss(ideal, torch.tensor([0, 1, 1])).item()
        (0.0, 0.75)
    """
    directions = functional.normalize(features, dim=1)
    first, second = torch.triu_indices(len(targets), len(targets), 1, device=features.device)
    cosines = (directions @ directions.T)[first, second]
    same = targets[first] == targets[second]
    kinds = [(cosines[kind] - float(wanted)).square().mean() for kind, wanted in ((same, 1), (~same, 0)) if kind.any()]
    return torch.stack(kinds).mean()


def class_balanced_batches(
    targets: NDArray[np.int64], batch_size: int, steps: int, seed: int
) -> Iterator[NDArray[np.int64]]:
    """Draws the places of each step's rows, as equally many of each class as there are; memory is linear in rows.

    A class's rows are all drawn before one is drawn again. Pairs are never listed: a step compares the rows of its
    batch, so what it needs depends on the batch and not on the dataset. With more classes than half a batch, each
    step takes some of them, two rows of each.

    Args:
        targets: (N,) class codes.
        batch_size: Rows a step at most.
        steps: Number of batches.
        seed: Of the order.

    Yields:
        (B,) places in ``targets``, each at most once.

    Examples:
        >>> batches = class_balanced_batches(np.array([0] * 50 + [1] * 3), 8, steps=2, seed=0)
        >>> [np.bincount(np.array([0] * 50 + [1] * 3)[batch]).tolist() for batch in batches]
        [[4, 3], [4, 3]]
    """
    generator = np.random.default_rng([seed, 0xC0])
    order = np.argsort(targets, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(targets[order]) != 0])
    pools = [generator.permutation(pool) for pool in np.split(order, starts[1:])]
    used = [0] * len(pools)
    several = min(len(pools), max(1, batch_size // 2))
    for _ in range(steps):
        chosen = generator.permutation(len(pools))[:several]
        batch = []
        for pool in chosen.tolist():
            wanted = min(batch_size // several, len(pools[pool]))
            if used[pool] + wanted > len(pools[pool]):
                pools[pool], used[pool] = generator.permutation(pools[pool]), 0
            batch.append(pools[pool][used[pool] : used[pool] + wanted])
            used[pool] += wanted
        yield np.concatenate(batch)


def tune_contrastively(
    encoder: nn.Module,
    inputs: Inputs,
    targets: NDArray[np.int64],
    settings: ContrastiveSettings,
    *,
    lengths: Sequence[int] | NDArray[np.int64],
    progress: Callable[[Iterator[NDArray[np.int64]]], Iterator[NDArray[np.int64]]] = lambda batches: batches,
) -> list[float]:
    """Tunes all weights of an encoder that learn, in place, so that classes lie apart by the cosine.

    The same seed, rows and weights give the same result on the same machine; the run's own generators are left as
    they were. Training mode lasts while it runs; each module's own mode is put back afterwards.

    Args:
        encoder: Maps inputs to (B, D) features; its device is where it runs.
        inputs: Gives the inputs of the rows at some places, as a batch holds them.
        targets: (N,) class codes; at least two classes.
        settings: How.
        lengths: (N,) by which rows of similar size are put together, e.g. tokens.
        progress: Is handed the batches, and may show where it is.

    Returns:
        The loss of each step.

    Raises:
        ConfigurationError: a single class, or a loss that is no number.
    """
    if len(np.unique(targets)) < 2:
        raise ConfigurationError("contrastive tuning needs rows of two classes at least; add rows of another class")
    weights = [weight for weight in encoder.parameters() if weight.requires_grad]
    device = weights[0].device
    # Fused: a step of AdamW over the word embeddings else takes as long as a few texts do.
    optimizer = torch.optim.AdamW(weights, lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True)
    batches = class_balanced_batches(targets, settings.batch_size, settings.steps, settings.seed)
    modes = [(module, module.training) for module in encoder.modules()]
    sizes, losses = np.asarray(lengths), []
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.enable_grad():
        torch.manual_seed(settings.seed)
        encoder.train()
        for module, mode in modes:  # normalisation that was held, or a layer that was frozen, stays as it was
            if not mode and isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        for step, batch in enumerate(progress(batches)):
            rows = batch[np.argsort(sizes[batch], kind="stable")]
            parts = np.split(rows, _ends(sizes[rows], settings.part))
            features = torch.cat([encoder(inputs(part).to(device)) for part in parts]).float()
            loss = pair_loss(features, torch.from_numpy(targets[rows]).to(device))
            losses.append(_step(optimizer, loss, weights, settings, step))
    optimizer.zero_grad()
    for module, mode in modes:
        module.training = mode
    return losses


def _ends(lengths: NDArray[np.int64], part: int) -> list[int]:
    """Returns where rows in the order of their lengths are parted: after so many, or up to four times as many alike."""
    ends, start = [], 0
    while start + part < len(lengths):
        alike = int(np.searchsorted(lengths, 1.5 * lengths[start], side="right"))
        start = max(start + part, min(alike, start + 4 * part))
        ends.append(start)
    return ends if not ends or ends[-1] < len(lengths) else ends[:-1]


def _step(
    optimizer: torch.optim.Optimizer,
    loss: Tensor,
    weights: list[nn.Parameter],
    settings: ContrastiveSettings,
    step: int,
) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise ConfigurationError(f"the loss of contrastive step {step} is {value}; use a lower learning_rate")
    for group in optimizer.param_groups:
        group["lr"] = settings.rate(step)
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(weights, settings.clip)
    optimizer.step()
    return value
