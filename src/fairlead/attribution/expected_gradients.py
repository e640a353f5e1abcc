"""Expected gradients: SHAP values of a network's inputs, by its gradients on the way from other rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.masked import Masked
from fairlead.attribution.memory import kept_for_gradients, memory_to_use
from fairlead.attribution.question import Question
from fairlead.attribution.running_shares import RunningShares
from fairlead.attribution.shares import Shares
from fairlead.attribution.sites import Site, background_points
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import AttributionError, ConfigurationError

_MOST_TOGETHER = {"cpu": 64}  # a larger batch is no faster on a processor
_MOST_ON_GPU = 512
_FEWEST_A_ROUND, _MOST_A_ROUND = 16, 32  # samples: of fewer the way is met too thinly, of more too few rounds are had


@dataclass(frozen=True)
class Effort:
    """How long is sampled.

    Attributes:
        tolerance: Monte-Carlo standard error of the values, as a share of their size, at which a row is done.
        samples: Of a row at most.
        memory: Bytes that gradients may keep at a time; None for half a gigabyte, or a quarter of what a GPU has free.
        stratified: Whether each round spreads its samples evenly over path and background; False draws each by itself,
            as other packages do.

    Raises:
        ConfigurationError: a value that cannot work.

    Examples:
        >>> Effort(tolerance=0.05).samples
        512
    """

    tolerance: float = 0.15
    samples: int = 512
    memory: int | None = None
    stratified: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance < 1 or self.samples < 2 or (self.memory is not None and self.memory < 1):
            raise ConfigurationError(
                f"a tolerance lies from 0 to 1, with two samples and a byte at least; got {self.tolerance}, "
                f"{self.samples} and {self.memory}"
            )


class ExpectedGradients:
    """SHAP values by expected gradients (GradientSHAP).

    A part's value is the mean, over rows x' of a background and points on the straight way from x' to x, of the
    gradient times x - x'. The values add up to what the model says of x less what it says of the background in the
    mean. Sampling goes in rounds of 16 samples or a few more. Each round meets the background rows equally often (of
    more than 32, as many others each time) and every stretch of the way once, so that neither adds to the error by
    having been drawn unevenly. Rounds are independent, and their spread is the Monte-Carlo error. Draws depend on the
    seed and the row's number alone, not on what else is in a batch.

    Args:
        model: Whose answers.
        site: Where gradients are taken.
        background: (K, ...) inputs of other rows, as a batch holds them.
        effort: How long is sampled.
        seed: Of the draws.

    References:
        Lundberg and Lee (2017), A unified approach to interpreting model predictions, NeurIPS. Erion et al. (2021),
        Improving performance of deep learning models with axiomatic attribution priors and expected gradients, Nature
        Machine Intelligence 3. Sundararajan et al. (2017), Axiomatic attribution for deep networks, for the path.

    Examples:
        >>> from fairlead.attribution.sites import PixelSite
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2))
        >>> model = ExplainedModel(network, torch.zeros(2, 3, 2, 2))
        >>> method = ExpectedGradients(model, PixelSite(model), torch.rand(8, 3, 2, 2))
        >>> shares = method.explain(torch.ones(1, 3, 2, 2), Question(torch.tensor([1])), [0])
        >>> abs(shares[0].residual) < 1e-5  # a linear model: exact
        True
    """

    def __init__(
        self,
        model: ExplainedModel,
        site: Site,
        background: Tensor,
        *,
        effort: Effort | None = None,
        seed: int = 0,
    ) -> None:
        if len(background) < 1:
            raise ConfigurationError("a background holds one row or more; give rows that a row is compared with")
        self.model = model
        self.site = site
        self.effort = effort or Effort()
        self.seed = seed
        self.name = f"expected gradients at {site.name}"
        self.mask = site.against.format(len(background))
        with differentiable(model.device):
            self._inputs = background.clone()
            self._background = background_points(site, self._inputs)
        count = len(self._background)
        self._each = count * -(-_FEWEST_A_ROUND // count) if count <= _MOST_A_ROUND else _MOST_A_ROUND

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
        """Returns the shares of N rows.

        Args:
            inputs: (N, ...) as a batch holds them.
            question: Of each row.
            indices: Each row's number in its dataset.
            items: Not looked at.
            until: By ``time.monotonic``; then the values are those of the rounds that were finished, two at least. None
                for as long as it takes.
            done: Told how many rows are done.

        Raises:
            AttributionError: no gradient reaches the site, or it is not a number.
        """
        del items
        if len(inputs) < 1:
            raise AttributionError("there is no row to explain; give one or more")
        with differentiable(self.model.device):
            inputs = inputs.clone()
            points = self.site.points(inputs)
            together = self._together(points, inputs, question)
            base, full = self._ends(points, inputs, question, together)
            running = RunningShares(len(inputs))
            active = torch.arange(len(inputs))
            number, rounds = 0, max(1, -(-self.effort.samples // self._each))
            stopped = ""
            while len(active) and number < rounds:
                if number >= 2 and until is not None and time.monotonic() >= until:
                    stopped = "the time was spent"
                    break
                drawn = self._round(points, inputs, question, active, indices, number, together)
                running.add(active.numpy(), drawn)
                number += 1
                active = torch.from_numpy(running.unsettled(self.effort.tolerance))
                if done is not None:
                    done(len(inputs) - len(active))
            reasons = dict.fromkeys(active.tolist(), stopped or "the samples were spent")
        return [
            running.shares(row, float(base[row]), float(full[row]), self._each, reasons.get(row, ""))
            for row in range(len(inputs))
        ]

    def _round(
        self,
        points: Tensor,
        inputs: Tensor,
        question: Question,
        active: Tensor,
        indices: Sequence[int],
        number: int,
        together: int,
    ) -> NDArray[np.float64]:
        """Returns (A, rows, columns) the mean of one round for the rows that are not done."""
        each = self._each
        draws = [self._draw(int(indices[int(row)]), number) for row in active]
        alphas = torch.from_numpy(np.concatenate([alpha for alpha, _ in draws]))
        chosen = torch.from_numpy(np.concatenate([which for _, which in draws]))
        rows = active.repeat_interleave(each)
        found = []
        for start in range(0, len(rows), together):
            part = slice(start, start + together)
            found.append(self._values(points, inputs, question, rows[part], alphas[part], chosen[part]).cpu())
        values = torch.cat(found)
        return np.asarray(values.reshape(len(active), each, *values.shape[1:]).mean(dim=1).numpy())

    def _draw(self, index: int, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Returns places on the way and background rows of a round."""
        lot, each, count = np.random.default_rng((self.seed, index, number)), self._each, len(self._background)
        if not self.effort.stratified:
            return lot.random(each).astype(np.float32), lot.integers(count, size=each)
        places = ((lot.permutation(each) + lot.random(each)) / each).astype(np.float32)
        return places, lot.permutation(max(each, count))[:each] % count

    def _values(
        self, points: Tensor, inputs: Tensor, question: Question, rows: Tensor, alphas: Tensor, chosen: Tensor
    ) -> Tensor:
        """Returns (B, rows, columns) the gradient on the way times the way, for B samples."""
        device = self.model.device
        rows = rows.to(device)
        own, theirs = points[rows], inputs[rows]
        other = self.site.baselines(own, theirs, self._background, chosen.to(device))
        way = own - other
        alpha = alphas.to(device, own.dtype).reshape(-1, *[1] * (own.ndim - 1))
        between = (other + alpha * way).requires_grad_()
        score = question.of(rows).score(self.site.logits(between, theirs)).sum()
        gradient = _gradient(score, between)
        return self.site.parts(way * gradient)

    def _ends(
        self, points: Tensor, inputs: Tensor, question: Question, together: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Returns (N,) scores of the background in the mean, and of the rows."""
        count, each, device = len(points), len(self._background), self.model.device
        with torch.no_grad():
            full = torch.cat([self.site.logits(*part) for part in _parts(together, points, inputs)])
            if self.site.shared:
                answers = torch.cat(
                    [self.site.logits(*part) for part in _parts(together, self._background, self._inputs)]
                )
                answers = answers.repeat(count, 1)
            else:
                rows = torch.arange(count, device=device).repeat_interleave(each)
                found = []
                for part, which in _parts(together, rows, torch.arange(each, device=device).repeat(count)):
                    other = self.site.baselines(points[part], inputs[part], self._background, which)
                    found.append(self.site.logits(other, inputs[part]))
                answers = torch.cat(found)
            base = question.of(torch.arange(count).repeat_interleave(each)).score(answers)
            means = base.cpu().double().reshape(count, each).mean(dim=1)
            return means.numpy(), question.score(full).cpu().double().numpy()

    def _together(self, points: Tensor, inputs: Tensor, question: Question) -> int:
        """Returns how many evaluations fit into the memory: what a second one adds, for weights are kept too."""

        def kept(count: int) -> int:
            rows = torch.zeros(count, dtype=torch.long, device=self.model.device)
            start = points[rows].requires_grad_()
            return kept_for_gradients(lambda: question.of(rows).score(self.site.logits(start, inputs[rows])))

        needed = kept(2) - kept(1) + 4 * points[0].numel() * points.element_size()
        memory = self.effort.memory or memory_to_use(self.model.device)
        most = _MOST_TOGETHER.get(self.model.device.type, _MOST_ON_GPU)
        return int(max(1, min(most, memory // max(needed, 1))))


def _parts(together: int, one: Tensor, other: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    for start in range(0, len(one), together):
        yield one[start : start + together], other[start : start + together]


def _gradient(score: Tensor, points: Tensor) -> Tensor:
    found = torch.autograd.grad(score, points, allow_unused=True)[0] if score.requires_grad else None
    if found is None:
        raise AttributionError(
            "no gradient reaches the input: a layer rounds, or runs without gradients; explain the model before it is "
            "quantised, or name a later layer"
        )
    return found
