"""Owen values of the parts of an item, by the algorithm of the service."""

from __future__ import annotations

from fairlead.attribution.masked_game import BATCH, MaskedGame
from fairlead.attribution.shares import Shares
from fairlead.measures import PartitionTree, owen_values


def owen(game: MaskedGame, evaluations: int, seed: int) -> Shares:
    """Shares an item's score among its parts by ``owen_values``, which says what it is and how it differs from shap's.

    Nothing is drawn by lot, and nothing is compiled.

    Args:
        game: The item's.
        evaluations: At most.
        seed: Of nothing.

    Examples:
        >>> import numpy as np, torch
        >>> from fairlead.attribution import ExplainedModel, MaskedPicture, Question
        >>> network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(768, 2))
        >>> model = ExplainedModel(network, torch.zeros(2, 3, 16, 16))
        >>> game = MaskedGame(model, MaskedPicture(torch.rand(3, 16, 16)), Question(torch.tensor([0])), (2, 2))
        >>> shares = owen(game, 50, seed=0)
        >>> abs(shares.residual) < 1e-5, shares.inferred
        (True, 0.0)
    """
    del seed
    found = owen_values(
        game, PartitionTree.of_grid(*game.shape), evaluations=max(2, evaluations - game.evaluations), batch=BATCH
    )
    return Shares(
        found.values.reshape(game.shape),
        found.base,
        found.full,
        evaluations=game.evaluations,
        grain=found.grain,
        inferred=found.inferred,
    )
