"""A recurrent network over the tokens of a text, instead of one pooled vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentPooling(nn.Module):
    """Reads a text's tokens in both directions and keeps the largest value of each unit.

    The maximum over tokens was the best way to make one vector of what a BiLSTM says (Conneau et al. 2017,
    "Supervised Learning of Universal Sentence Representations"). Padding changes nothing: the way back starts at a
    text's own last token, by reversing each text within its length, for which ONNX has words; it has none for packed
    sequences.

    Args:
        features: D of a token.
        kind: ``"lstm"`` (Hochreiter and Schmidhuber 1997) or ``"gru"`` (Cho et al. 2014).
        hidden: H, units in each direction.

    Examples:
        >>> pooling = RecurrentPooling(4, kind="gru", hidden=3)
        >>> pooling(torch.zeros(2, 5, 4), torch.ones(2, 5)).shape
        torch.Size([2, 6])
    """

    def __init__(self, features: int, *, kind: str, hidden: int) -> None:
        super().__init__()
        self.forth = CELLS[kind](features, hidden, batch_first=True)
        self.back = CELLS[kind](features, hidden, batch_first=True)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Maps (N, T, D) tokens and their (N, T) mask, padding last, to (N, 2H) features."""
        length = mask.long().sum(dim=1, keepdim=True).clamp(min=1)
        place = torch.arange(tokens.shape[1], device=tokens.device)
        mirrored = (length - 1 - place).clamp(min=0).unsqueeze(-1).expand(-1, -1, tokens.shape[2])
        read = torch.cat((self.forth(tokens)[0], self.back(tokens.gather(1, mirrored))[0]), dim=-1)
        padding = (place >= length).unsqueeze(-1)
        return read.masked_fill(padding, torch.finfo(read.dtype).min).amax(dim=1)


class RecurrentHead(nn.Module):
    """A bidirectional LSTM or GRU over token vectors, and one linear layer on what it keeps.

    Args:
        features: D of a token.
        classes: C.
        kind: ``"lstm"`` or ``"gru"``.
        hidden: Units in each direction.
        dropout: Chance that a feature of the text is left out in training.

    Examples:
        >>> RecurrentHead(4, 3, kind="lstm", hidden=8)(torch.zeros(2, 5, 4), torch.ones(2, 5)).shape
        torch.Size([2, 3])
    """

    def __init__(self, features: int, classes: int, *, kind: str, hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.pooling = RecurrentPooling(features, kind=kind, hidden=hidden)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(2 * hidden, classes)
        nn.init.zeros_(self.linear.bias)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Maps (N, T, D) tokens and their (N, T) mask to (N, C) logits."""
        logits: Tensor = self.linear(self.dropout(self.pooling(tokens, mask)))
        return logits
