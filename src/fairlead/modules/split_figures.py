"""What is counted of a held-out split while it passes."""

from __future__ import annotations

from torch import Tensor, nn
from torchmetrics import MeanMetric

from fairlead.modules.outputs import Outputs


class SplitFigures(nn.Module):
    """Loss and accuracy over the rows of one held-out split; each row once, over any number of processes.

    Examples:
        >>> import torch
        >>> figures = SplitFigures()
        >>> logits, none = torch.tensor([[2.0, 0.0], [2.0, 0.0]]), torch.zeros(2, 0)
        >>> target = torch.tensor([0, 1])
        >>> figures.update(Outputs(logits, logits.softmax(dim=1), target, none, target), torch.ones(()))
        >>> figures.accuracy.compute().item()
        0.5
    """

    def __init__(self) -> None:
        super().__init__()
        self.loss = MeanMetric()
        self.accuracy = MeanMetric()

    def update(self, outputs: Outputs, temperature: Tensor) -> None:
        """Counts the rows whose class is known; accuracy is that of the decision, where a rule decides."""
        known = outputs.target >= 0
        logits, target = outputs.logits[known] / temperature, outputs.target[known]
        self.loss.update(nn.functional.cross_entropy(logits, target, reduction="none"))
        answer = logits.argmax(dim=-1) if outputs.decided is None else outputs.decided[known]
        self.accuracy.update((answer == target).float())
