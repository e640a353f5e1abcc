"""What a service compares its traffic with: the held-out rows of the export, counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import DataError
from fairlead.measures.embedding_sketch import EmbeddingSketch
from fairlead.measures.score_edges import score_edges
from fairlead.records import Labels

FAMILIES = ("embedding", "confidence", "input")
_MOST = 2**40  # rows of a bin: the sums of what a file may hold stay whole numbers


@dataclass(frozen=True, eq=False)
class ScoreReference:
    """How one number of an input or an answer was distributed over the reference rows.

    The edges come from other rows than the counts: only then are a reference row and a later item, of the same
    distribution, equally likely to fall into each bin.

    Attributes:
        name: ``"confidence"``, or as in ``Observation.scores``.
        family: One of ``FAMILIES``.
        edges: (B - 1,) rising; bin b holds ``edges[b - 1] <= value < edges[b]``, the outermost are open.
        counts: (C + 1, B) int64 rows by true class, of unknown truth last.

    Raises:
        DataError: another shape, edges that do not rise, counts that are none.

    Examples:
        >>> score = ScoreReference("confidence", "confidence", np.array([0.5, 0.9]), np.array([[1, 4, 9], [0, 0, 0]]))
        >>> score.bins_of(np.array([0.2, 0.5, 0.95])).tolist(), score.totals.tolist()
        ([0, 1, 2], [1, 4, 9])
    """

    name: str
    family: str
    edges: NDArray[np.float64]
    counts: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.family not in FAMILIES or not self.name:
            raise DataError(f"a score has a name and is of {', '.join(FAMILIES)}; got {self.name!r}, {self.family!r}")
        if self.edges.ndim != 1 or not np.isfinite(self.edges).all() or (self.edges[1:] <= self.edges[:-1]).any():
            raise DataError(f"the edges of {self.name} must be finite and rise; export the bundle anew")
        fits = self.counts.ndim == 2 and self.counts.shape[1] == len(self.edges) + 1
        if not fits or self.counts.dtype.kind not in "iu" or _beyond(self.counts):
            raise DataError(f"the counts of {self.name} are integers from 0 up, a row for each class; export anew")

    def bins_of(self, values: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
        """Returns (N,) bins of (N,) values; -1 where a value is not finite."""
        bins = np.searchsorted(self.edges, values, side="right").astype(np.int64)
        return np.where(np.isfinite(values), bins, -1)

    @property
    def totals(self) -> NDArray[np.int64]:
        """(B,) rows of every class together."""
        return np.asarray(self.counts.sum(axis=0), dtype=np.int64)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "name": self.name, "family": self.family, "edges": self.edges.tolist(), "counts": self.counts.tolist(),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ScoreReference:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: content that is none.
        """
        edges = np.asarray(content["edges"], dtype=np.float64)
        counts = _integers(content["counts"]).reshape(-1, len(edges) + 1)
        return cls(str(content["name"]), str(content["family"]), edges, counts)


@dataclass(frozen=True, eq=False)
class Reference:
    """The held-out rows that a service's traffic is compared with.

    Attributes:
        labels: The C classes.
        scores: One for each number that is watched.
        decided: (C + 1, C) int64 rows by true class, of unknown truth last, and class decided for.
        expected: (C, C) float64 sum over the rows of known truth, by class decided for, of the probability of each
            class: row p, column k is what the answers expected of true class k among those decided p.
        squares: (C,) float64 sum over the same rows, by class decided for, of (right - probability of that class)
            squared, where right is 1 or 0: how far single answers lie from what was expected of them.
        sketch: Maps an embedding to its scores; None where there is none.
        note: What is missing and why; empty where nothing is.

    Raises:
        DataError: another shape, or counts of other rows.
    """

    labels: Labels
    scores: tuple[ScoreReference, ...]
    decided: NDArray[np.int64]
    expected: NDArray[np.float64]
    squares: NDArray[np.float64]
    sketch: EmbeddingSketch | None = None
    note: str = ""

    def __post_init__(self) -> None:
        classes = len(self.labels)
        shapes = (self.decided.shape, self.expected.shape, self.squares.shape)
        if shapes != ((classes + 1, classes), (classes, classes), (classes,)):
            raise DataError(f"a reference of {classes} classes has other shapes than {shapes}; export the bundle anew")
        numbers = (self.expected, self.squares)
        if _beyond(self.decided) or not all(np.isfinite(array).all() and (array >= 0).all() for array in numbers):
            raise DataError("what a reference counts and sums is finite and from 0 up; export the bundle anew")
        names = [score.name for score in self.scores]
        if len(set(names)) != len(names) or any(len(score.counts) != classes + 1 for score in self.scores):
            raise DataError("the scores of a reference have names of their own and a row for each class; export anew")

    @classmethod
    def of(
        cls,
        labels: Labels,
        shape_scores: Mapping[str, NDArray[np.floating[Any]]],
        counted_scores: Mapping[str, NDArray[np.floating[Any]]],
        *,
        probabilities: NDArray[np.floating[Any]],
        targets: NDArray[np.int64],
        decided: NDArray[np.int64],
        sketch: EmbeddingSketch | None = None,
        note: str = "",
    ) -> Reference:
        """Counts N rows into bins that other rows gave their edges.

        Args:
            labels: The C classes.
            shape_scores: (n,) values of each score over the rows that give the edges, ``"confidence"`` among them; not
                a number where one could not be measured.
            counted_scores: (N,) values over the rows that are counted; that of the confidence is not asked for.
            probabilities: (N, C) of the rows that are counted.
            targets: (N,) class codes; -1 where the truth is not known.
            decided: (N,) class codes.
            sketch: By which the embeddings were scored.
            note: What is missing and why.

        Raises:
            DataError: arrays of other lengths, or a score that is not in both.
        """
        classes, rows = len(labels), len(targets)
        scores = {**counted_scores, "confidence": probabilities.max(axis=1, initial=0)}
        if set(scores) != set(shape_scores):
            raise DataError(f"scores {sorted(scores)} are counted and {sorted(shape_scores)} have edges; give the same")
        if probabilities.shape != (rows, classes) or any(len(values) != rows for values in (*scores.values(), decided)):
            raise DataError(f"the scores, probabilities and decisions of {rows} rows have other lengths; give one each")
        slots = np.where(targets < 0, classes, targets)
        counted = tuple(
            _counted(name, score_edges(shape_scores[name]), values, slots, classes)
            for name, values in sorted(scores.items())
        )
        table = np.zeros((classes + 1, classes), dtype=np.int64)
        np.add.at(table, (slots, decided), 1)
        known = targets >= 0
        answers, told, truth = probabilities[known].astype(np.float64), decided[known], targets[known]
        expected, squares = np.zeros((classes, classes)), np.zeros(classes)
        np.add.at(expected, told, answers)
        np.add.at(squares, told, ((told == truth) - answers[np.arange(len(told)), told]) ** 2)
        return cls(labels, counted, table, expected, squares, sketch, note)

    @property
    def rows(self) -> int:
        """How many rows were counted."""
        return int(self.decided.sum())

    def score(self, name: str) -> ScoreReference | None:
        """Returns a score by its name; None where it is not watched."""
        return next((score for score in self.scores if score.name == name), None)

    def to_dict(self) -> dict[str, Any]:
        """Returns plain JSON values."""
        return {
            "schema": 1,
            "labels": list(self.labels),
            "scores": [score.to_dict() for score in self.scores],
            "decided": self.decided.tolist(),
            "expected": self.expected.tolist(),
            "squares": self.squares.tolist(),
            "sketch": None if self.sketch is None else self.sketch.to_dict(),
            "note": self.note,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Reference:
        """Reads what ``to_dict`` wrote.

        Raises:
            DataError: a schema this release does not know, or content that is no reference.
        """
        if content.get("schema") != 1:
            raise DataError(f"a reference of schema {content.get('schema')!r} is not known; this release reads 1")
        try:
            return cls(
                Labels(tuple(content["labels"])),
                tuple(ScoreReference.from_dict(score) for score in content["scores"]),
                _integers(content["decided"]),
                np.asarray(content["expected"], dtype=np.float64),
                np.asarray(content["squares"], dtype=np.float64),
                None if content["sketch"] is None else EmbeddingSketch.from_dict(content["sketch"]),
                str(content["note"]),
            )
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise DataError(f"not a reference ({type(error).__name__}: {error}); export the bundle anew") from error


def family_of(name: str) -> str:
    """Returns which family a score is of.

    Examples:
        >>> family_of("embedding.distance"), family_of("confidence")
        ('embedding', 'confidence')
    """
    return name.partition(".")[0]


def _counted(
    name: str, edges: NDArray[np.float64], values: NDArray[np.floating[Any]], slots: NDArray[np.int64], classes: int
) -> ScoreReference:
    counts = np.zeros((classes + 1, len(edges) + 1), dtype=np.int64)
    empty = ScoreReference(name, family_of(name), edges, counts)
    bins = empty.bins_of(values)
    np.add.at(counts, (slots[bins >= 0], bins[bins >= 0]), 1)
    return empty


def _integers(content: Any) -> NDArray[np.int64]:
    found = np.asarray(content)
    if found.dtype.kind not in "iu":
        raise ValueError(f"counts are whole numbers, got {found.dtype}")
    return found.astype(np.int64)


def _beyond(counts: NDArray[np.int64]) -> bool:
    return bool(((counts < 0) | (counts > _MOST)).any())
