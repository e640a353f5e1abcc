"""What a module answers for a batch, on its way to becoming Predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fairlead.records import DecisionRule, Labels, Predictions, SensitiveFeature


@dataclass
class Outputs:
    """Answers for N rows with the truth beside them. Not frozen: Lightning moves it field by field.

    Attributes:
        logits: (N, C) scores before temperature and activation.
        probabilities: (N, C).
        target: (N,) class codes; -1 where unknown.
        groups: (N, S) group codes.
        index: (N,) row numbers.
        decided: (N,) class codes of the module's decision rule; None without one.
    """

    logits: Tensor
    probabilities: Tensor
    target: Tensor
    groups: Tensor
    index: Tensor
    decided: Tensor | None = None

    @classmethod
    def concatenate(cls, parts: list[Outputs]) -> Outputs:
        """Joins batches, in the order of their rows' numbers."""
        index = torch.cat([part.index for part in parts])
        order = torch.argsort(index)
        decided = [part.decided for part in parts if part.decided is not None]
        return cls(
            logits=torch.cat([part.logits for part in parts])[order],
            probabilities=torch.cat([part.probabilities for part in parts])[order],
            target=torch.cat([part.target for part in parts])[order],
            groups=torch.cat([part.groups for part in parts])[order],
            index=index[order],
            decided=torch.cat(decided)[order] if decided else None,
        )

    def with_probabilities(self, probabilities: Tensor) -> Outputs:
        """Returns the same answers with other (N, C) probabilities, such as calibrated ones, nothing decided."""
        return replace(self, probabilities=probabilities, decided=None)

    def predictions(self, labels: Labels, sensitive: tuple[SensitiveFeature, ...] = ()) -> Predictions:
        """Returns the record that every audit reads."""
        return Predictions(
            probabilities=self.probabilities.double().cpu().numpy(),
            targets=self.target.long().cpu().numpy(),
            index=self.index.long().cpu().numpy(),
            labels=labels,
            groups=self.groups.long().cpu().numpy(),
            sensitive=sensitive,
            decided=None if self.decided is None else self.decided.long().cpu().numpy(),
        )


def decide(
    rule: DecisionRule | None,
    probabilities: Tensor,
    groups: Tensor,
    index: Tensor,
    declared: tuple[SensitiveFeature, ...],
) -> Tensor | None:
    """Returns the (N,) class codes of a decision rule, from (N, 2) probabilities; None without a rule.

    Args:
        rule: How probabilities become a decision.
        probabilities: Of N rows.
        groups: (N, S) codes.
        index: (N,) row numbers, by which a rule that draws lots draws the same again.
        declared: The S sensitive features, in order.
    """
    if rule is None:
        return None
    slots = rule.slots_of(declared, groups.long().cpu().numpy())
    codes = rule.decide(probabilities.double().cpu().numpy(), slots, index.long().cpu().numpy())
    return torch.from_numpy(codes).to(probabilities.device)
