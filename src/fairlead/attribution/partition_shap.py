"""Partition SHAP: Owen values of the parts of an item, by shap's own explainer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.attribution.masked_game import MaskedGame
from fairlead.attribution.shares import Shares
from fairlead.attribution.undisturbed import generators_kept
from fairlead.measures import PartitionTree
from fairlead.preprocessing.silence import silenced

_BATCH = 16  # of its queue: in larger ones it splits what it would not have split one by one


def partition_shap(game: MaskedGame, evaluations: int, seed: int) -> Shares:
    """Shares an item's score among its parts, which are halved again and again, the weightiest half first.

    What the evaluations did not suffice to split is divided evenly, and counted as inferred. The first call of a
    process compiles shap's loops, which takes seconds. shap draws from NumPy's global generator where two parts weigh
    the same; it is seeded for that, and its state is put back.

    Args:
        game: The item's.
        evaluations: At most; two at least, and the four that say what there is to share.
        seed: Of the order of parts that weigh the same.

    References:
        Lundberg and Lee (2017), A unified approach to interpreting model predictions, NeurIPS; Owen (1977), Values of
        games with a priori unions.

    Examples:
        >>> import torch
        >>> from fairlead.attribution import ExplainedModel, MaskedPicture, Question
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
        >>> model = ExplainedModel(network, torch.zeros(2, 3, 16, 16))
        >>> game = MaskedGame(model, MaskedPicture(torch.rand(3, 16, 16)), Question(torch.tensor([0])), (2, 2))
        >>> abs(partition_shap(game, 50, seed=0).residual) < 1e-5
        True
    """
    base, full = game.base, game.full
    if game.players == 1:
        return Shares(np.full(game.shape, full - base), base, full, evaluations=game.evaluations)
    with generators_kept(), silenced():
        import shap

        np.random.seed(seed)  # the one that shap draws from
        explainer = shap.explainers.Partition(lambda rows: game(rows > 0.5), _Parts(game))
        most = max(2, evaluations - game.evaluations)
        found: Any = explainer(np.ones((1, game.players)), max_evals=most, batch_size=_BATCH, silent=True)
    sizes = np.concatenate([np.ones(game.players), explainer.masker.clustering[:, 3]])
    measured = np.abs(np.asarray(found.hierarchical_values[0], dtype=np.float64))  # of groups that were not split too
    whole = measured.sum()
    return Shares(
        np.asarray(found.values[0], dtype=np.float64).reshape(game.shape),
        base,
        full,
        evaluations=game.evaluations,
        grain=float((measured * sizes).sum() / whole) if whole > 0 else 1.0,
        inferred=float(measured[sizes > 1].sum() / whole) if whole > 0 else 0.0,
    )


class _Parts:
    """A masker, as shap calls it, whose versions are the parts that are shown."""

    immutable_outputs = True

    def __init__(self, game: MaskedGame) -> None:
        self.shape = (1, game.players)
        self.clustering = _linkage(PartitionTree.of_grid(*game.shape))

    def __call__(self, mask: NDArray[np.bool_], _whole: Any) -> tuple[NDArray[np.float64]]:
        return (mask[None].astype(np.float64),)


def _linkage(tree: PartitionTree) -> NDArray[np.float64]:
    """Returns the tree as SciPy writes a hierarchy: for each pair its two parts, its height and its size."""
    sizes = tree.members.sum(axis=1)
    numbers: dict[int, int] = {}
    rows: list[list[float]] = []
    for node in reversed(range(len(tree.children))):
        left, right = (int(child) for child in tree.children[node])
        if left < 0:
            numbers[node] = int(tree.members[node].argmax())
        else:
            numbers[node] = tree.players + len(rows)
            rows.append([numbers[left], numbers[right], len(rows) + 1, float(sizes[node])])
    return np.array(rows, dtype=np.float64)
