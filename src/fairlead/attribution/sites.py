"""Where gradients are taken: at the pixels, at a layer, or at the embeddings of tokens."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

from fairlead.attribution.explained_model import ExplainedModel
from fairlead.attribution.tail import Tail
from fairlead.attribution.undisturbed import differentiable
from fairlead.errors import AttributionError

CELLS = 14  # a side, at most


class Site(Protocol):
    """The points between which a model is followed, and the parts that their values are added up to."""

    name: str
    against: str  # what K background rows are, in words
    shared: bool  # whether the model answers a point alike, whichever row it is compared with

    def points(self, inputs: Tensor) -> Tensor:
        """Returns (N, ...) points of N inputs, without gradients."""
        ...

    def baselines(self, points: Tensor, inputs: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
        """Returns (N, ...) the points that each of N rows is compared with.

        Args:
            points: Of the rows.
            inputs: Of the rows.
            background: (K, ...) points of the background.
            chosen: (N,) which of them.
        """
        ...

    def logits(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Maps (N, ...) points to (N, C) logits, differentiably."""
        ...

    def parts(self, values: Tensor) -> Tensor:
        """Adds (N, ...) values of points up to (N, rows, columns), float64."""
        ...


class PixelSite:
    """At the pixels, added up over channels to at most 14 x 14 cells.

    Args:
        model: From (N, 3, H, W) uint8, or float as its own.
    """

    name = "pixels"
    against = "{} other rows"
    shared = True

    def __init__(self, model: ExplainedModel) -> None:
        self.model = model

    def points(self, inputs: Tensor) -> Tensor:
        """Returns pixels from 0 to 1, or floats as they are, in single precision."""
        return inputs.float() if inputs.is_floating_point() else inputs.float() / 255

    def baselines(self, points: Tensor, inputs: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
        """Returns other pictures."""
        del points, inputs
        return background[chosen]

    def logits(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Asks the whole network."""
        del inputs
        logits: Tensor = self.model.network(points)
        return logits

    def parts(self, values: Tensor) -> Tensor:
        """Adds up pixels."""
        return summed(_exact(values).sum(dim=1), CELLS)


class LayerSite:
    """At a layer that lays its output out as the picture lies: feature maps, or the patches of a transformer.

    Args:
        model: Whose layer.
        layer: Its name in ``model.network``; see ``deepest_map``.
        example: (N, 3, H, W) inputs that differ, two or more.

    Raises:
        AttributionError: a layer whose output does not lie as the picture does.
    """

    def __init__(self, model: ExplainedModel, layer: str, example: Tensor) -> None:
        with differentiable(model.device):
            self.tail = Tail(model.network, layer, example)
            shape = self.tail.points(example).shape
        self.name = layer.removeprefix("module.")
        axes = map_axes(shape, example.shape)
        if axes is None:
            raise AttributionError(
                f"the layer {self.name} gives {tuple(shape[1:])} for each picture, which is no map of it; name a layer "
                "that is one"
            )
        self._axes = axes
        self.against = "{} other rows"
        self.shared = self.tail.alone

    def points(self, inputs: Tensor) -> Tensor:
        """Runs the network as far as the layer."""
        return self.tail.points(inputs)

    def baselines(self, points: Tensor, inputs: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
        """Returns what the layer gave for other pictures."""
        del points, inputs
        return background[chosen]

    def logits(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Runs the network from the layer on."""
        return self.tail(points, inputs)

    def parts(self, values: Tensor) -> Tensor:
        """Adds up channels."""
        channels, rows, columns = self._axes
        return _exact(values).sum(dim=channels).reshape(len(values), rows, columns)


class TokenSite:
    """At the embeddings of a text's tokens, before positions are added.

    A text is compared with the words of others in the places of its own; tokens that mark where a text begins and ends
    stay, and so does its length.

    Args:
        model: From (N, 3, T) token ids, attention mask and token types.
        embedding: Name of the layer from ids to vectors in ``model.network``.
        example: Inputs that differ, two or more.
        special: Ids of tokens that are no words.
    """

    against = "the words of {} other rows"
    shared = False  # places and length are the row's own

    def __init__(self, model: ExplainedModel, embedding: str, example: Tensor, special: Tensor) -> None:
        with differentiable(model.device):
            self.tail = Tail(model.network, embedding, example, whole=True)
        self.name = "token embeddings"
        self._special = special.to(model.device)

    def points(self, inputs: Tensor) -> Tensor:
        """Returns (N, T, D) embeddings."""
        return self.tail.points(inputs)

    def words(self, inputs: Tensor) -> Tensor:
        """Returns (N, T) which tokens are of words."""
        return (inputs[:, 1] > 0) & ~torch.isin(inputs[:, 0].long(), self._special)

    def baselines(self, points: Tensor, inputs: Tensor, background: Tensor, chosen: Tensor) -> Tensor:
        """Returns embeddings with the words of others, one after the other, in the places of each row's own.

        Args:
            points: (N, T, D) of the rows.
            inputs: (N, 3, T) of the rows.
            background: (K, L, D) words of others, each text repeated to one length.
            chosen: (N,) which of them.
        """
        words = self.words(inputs)
        place = (words.long().cumsum(dim=1) - 1).clamp(min=0) % background.shape[1]
        others = background[chosen[:, None], place]
        return torch.where(words[..., None], others, points)

    def background(self, inputs: Tensor) -> Tensor:
        """Returns (K, L, D) the words of K texts, each repeated to the length of the longest."""
        points, words = self.points(inputs), self.words(inputs)
        longest = max(1, int(words.sum(dim=1).max()))
        rows = []
        for vectors, chosen in zip(points, words, strict=True):
            own = vectors[chosen] if chosen.any() else vectors[:1]
            rows.append(own[torch.arange(longest, device=own.device) % len(own)])
        return torch.stack(rows)

    def logits(self, points: Tensor, inputs: Tensor) -> Tensor:
        """Runs the encoder on embeddings in place of ids."""
        return self.tail(points, inputs)

    def parts(self, values: Tensor) -> Tensor:
        """Adds up each token's dimensions: (N, 1, T)."""
        return _exact(values).sum(dim=2)[:, None]


class MeanWordSite(TokenSite):
    """At the embeddings of a text's tokens, each compared with the mean word of other texts.

    One word for all is no text, but nothing of it is drawn by lot, so that far fewer samples do
    (``docs/decisions/0017-the-mean-word.md``).

    Args:
        model: As ``TokenSite`` takes it, and so are the others.
        embedding: Name of the layer from ids to vectors.
        example: Inputs that differ, two or more.
        special: Ids of tokens that are no words.
    """

    against = "the mean word of {} other rows"

    def background(self, inputs: Tensor) -> Tensor:
        """Returns (1, 1, D) the mean of the words of K texts."""
        points, words = self.points(inputs), self.words(inputs)
        chosen = points[words] if words.any() else points.flatten(0, 1)
        return chosen.mean(dim=0)[None, None]


def background_points(site: Site, inputs: Tensor) -> Tensor:
    """Returns the points of K background inputs, as the site's ``baselines`` reads them."""
    return site.background(inputs) if isinstance(site, TokenSite) else site.points(inputs)


def summed(values: Tensor, most: int) -> Tensor:
    """Adds (N, H, W) values up to cells, at most so many a side; their sum stays.

    Examples:
        >>> summed(torch.ones(1, 4, 6), 2).tolist()
        [[[6.0, 6.0], [6.0, 6.0]]]
    """
    for dim in (1, 2):
        side = values.shape[dim]
        ends = torch.linspace(0, side, min(side, most) + 1).round().long()
        sums = functional.pad(values.cumsum(dim), (0, 0, 1, 0) if dim == 1 else (1, 0))
        values = sums.index_select(dim, ends[1:].to(values.device)) - sums.index_select(
            dim, ends[:-1].to(values.device)
        )
    return values


def map_axes(shape: torch.Size, inputs: torch.Size) -> tuple[tuple[int, ...], int, int] | None:
    """Returns which axes of a layer's output are channels, and its rows and columns; None where it is no map.

    Args:
        shape: Of the output: (N, C, h, w), (N, h, w, C), or (N, T, C) of T patches.
        inputs: (N, 3, H, W).

    Examples:
        >>> map_axes(torch.Size((2, 512, 7, 7)), torch.Size((2, 3, 224, 224)))
        ((1,), 7, 7)
        >>> map_axes(torch.Size((2, 196, 192)), torch.Size((2, 3, 224, 224)))
        ((2,), 14, 14)
        >>> map_axes(torch.Size((2, 512)), torch.Size((2, 3, 224, 224))) is None
        True
    """
    height, width = inputs[2:]
    if len(shape) == 4:
        for channels, down, across in ((1, 2, 3), (3, 1, 2)):
            if _alike(shape[down] * width, shape[across] * height, width + height) and shape[down] <= height:
                return (channels,), shape[down], shape[across]
    if len(shape) == 3:
        for rows in range(1, shape[1] + 1):
            columns = shape[1] // rows
            if rows * columns == shape[1] and rows * width == columns * height:
                return (2,), rows, columns
    return None


def _exact(values: Tensor) -> Tensor:
    return values.cpu().double() if values.device.type == "mps" else values.double()  # which knows no double


def _alike(one: int, other: int, slack: int) -> bool:
    return abs(one - other) < slack  # one cell more on a side, where a stride does not divide it
