"""What traffic is compared with: edges that fit any values, counts that a loop agrees with, and no hostile content."""

import copy
import json

import numpy as np
import pytest

from fairlead.errors import DataError
from fairlead.measures import EmbeddingSketch, Reference
from fairlead.measures.embedding_sketch import _halves
from fairlead.measures.score_edges import score_edges
from fairlead.records import Labels

LABELS = Labels(("a", "b"))


def made(rows=200, seed=0, **changes):
    generator = np.random.default_rng(seed)
    positive = generator.random(rows)
    facts = {
        "shape_scores": {"confidence": generator.uniform(0.5, 1, rows), "input.x": generator.normal(size=rows)},
        "counted_scores": {"input.x": np.where(np.arange(rows) == 3, np.nan, generator.normal(size=rows))},
        "probabilities": np.stack([1 - positive, positive], axis=1),
        "targets": generator.integers(-1, 2, rows),
        "decided": (positive > 0.5).astype(np.int64),
        "sketch": EmbeddingSketch.of(generator.normal(size=(40, 3))),
    } | changes
    shape, counted = facts.pop("shape_scores"), facts.pop("counted_scores")
    return Reference.of(LABELS, shape, counted, **facts), counted, facts


@pytest.mark.parametrize(
    "values",
    [
        np.zeros(1),
        np.full(500, 7.0),
        np.repeat([0.0, 1.0, 2.0], 40),
        np.array([-1e308, 1e308]),
        np.concatenate([np.zeros(400), np.linspace(0.1, 1, 100)]),
        np.array([np.nan, 1.0, np.inf, 2.0]),
        np.full(30, np.finfo(np.float64).max),
        np.random.default_rng(0).normal(size=1000),
    ],
)
def test_edges_rise_whatever_the_values_are(values):
    edges = score_edges(values)
    assert np.isfinite(edges).all()
    assert (edges[1:] > edges[:-1]).all()
    known = values[np.isfinite(values)]
    places = np.searchsorted(edges, known, side="right")
    assert places.min() == 1  # below what was seen is a bin of its own
    assert len(edges) <= 102


def test_above_the_greatest_and_at_a_shared_value_are_bins_of_their_own():
    edges = score_edges(np.concatenate([np.zeros(400), np.linspace(0.1, 1, 100)]))
    bins = np.searchsorted(edges, [-0.1, 0.0, 1e-9, 1.0, 1.0001], side="right")
    assert bins[0] == 0
    assert len(set(bins.tolist())) == 5
    assert bins[-1] == len(edges)


def test_continuous_values_fall_evenly_into_fifty_bins_and_finer_ones_at_the_ends():
    edges = score_edges(np.linspace(0, 1, 1000))
    counts = np.bincount(np.searchsorted(edges, np.linspace(0, 1, 1000), side="right"), minlength=len(edges) + 1)
    assert counts[1:5].tolist() == [2, 3, 5, 10]
    assert counts[-5:-1].tolist() == [10, 5, 3, 2]
    assert counts[5:-5].tolist() == [20] * 48
    assert counts[[0, -1]].tolist() == [0, 0]


def test_no_finite_value_makes_one_bin():
    assert score_edges(np.array([np.nan])).tolist() == []


def test_the_counts_are_those_of_a_loop():
    reference, counted, facts = made()
    table, expected, squares = np.zeros((3, 2), int), np.zeros((2, 2)), np.zeros(2)
    score = reference.score("input.x")
    counts = np.zeros_like(score.counts)
    for row, (truth, told) in enumerate(zip(facts["targets"], facts["decided"], strict=True)):
        answer, value = facts["probabilities"][row], counted["input.x"][row]
        table[truth if truth >= 0 else 2, told] += 1
        if truth >= 0:
            expected[told] += answer
            squares[told] += ((truth == told) - answer[told]) ** 2
        if np.isfinite(value):
            counts[truth if truth >= 0 else 2, sum(edge <= value for edge in score.edges)] += 1
    assert reference.decided.tolist() == table.tolist()
    assert score.counts.tolist() == counts.tolist()
    assert score.totals.sum() == reference.rows - 1
    assert np.allclose(reference.expected, expected)
    assert np.allclose(reference.squares, squares)
    assert reference.score("confidence").family == "confidence"


def test_it_is_read_as_it_was_written():
    reference, _, _ = made()
    again = Reference.from_dict(json.loads(json.dumps(reference.to_dict())))
    assert again.to_dict() == reference.to_dict()
    rows = np.random.default_rng(1).normal(size=(50, 3))
    assert (again.sketch.scores(rows) == reference.sketch.scores(rows)).all()


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("schema",), 2),
        (("labels",), ["a"]),
        (("labels",), 7),
        (("scores",), {"x": 1}),
        (("scores", 0), None),
        (("scores", 0, "family"), "gossip"),
        (("scores", 0, "edges"), [2.0, 1.0]),
        (("scores", 0, "edges"), [1e999]),
        (("scores", 0, "counts", 0, 0), -1),
        (("scores", 0, "counts", 0, 0), 1.5),
        (("scores", 0, "counts", 0, 0), 2**62),
        (("scores", 0, "counts", 0, 0), 10**40),
        (("scores", 0, "counts"), [[1, 2]]),
        (("decided", 0, 0), -5),
        (("decided",), [[1, 2]]),
        (("expected", 0, 0), float("nan")),
        (("squares", 0), -1.0),
        (("squares",), "many"),
        (("sketch",), 5),
        (("sketch", "width"), 0),
        (("sketch", "width"), -1),
        (("sketch", "width"), 10**30),
        (("sketch", "width"), 2),
        (("sketch", "mean"), "!"),
        (("sketch", "landmarks"), ""),
    ],
)
def test_hostile_content_is_refused(where, value):
    content = copy.deepcopy(made()[0].to_dict())
    inner = content
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(DataError):
        Reference.from_dict(content)


def test_scores_of_one_kind_of_rows_alone_are_refused():
    with pytest.raises(DataError, match="give the same"):
        made(counted_scores={})
    with pytest.raises(DataError, match="other lengths"):
        made(decided=np.zeros(3, dtype=np.int64))


@pytest.mark.parametrize("rows", [20, 33, 641, 2000])
def test_a_landmark_is_the_mean_of_ten_rows_or_more(rows):
    sample = np.random.default_rng(rows).normal(size=(rows, 5))
    parts = _halves(sample, np.arange(rows), min(40, rows // 10))
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
    assert min(map(len, parts)) >= 10
    sketch = EmbeddingSketch.of(sample)
    assert len(sketch.landmarks) == len(parts) <= 40
    apart = np.linalg.norm(sketch.landmarks[:, None] - sample[None], axis=2)
    assert apart.min() > 0.01  # no one's row is among them


def test_nineteen_rows_make_no_sketch():
    with pytest.raises(DataError, match="at least 20 rows"):
        EmbeddingSketch.of(np.random.default_rng(0).normal(size=(19, 4)))


def test_landmarks_lie_in_the_clusters_of_the_sample():
    generator = np.random.default_rng(0)
    centres = np.array([[0, 0], [50, 0], [0, 50], [50, 50]])
    sample = np.concatenate([centre + generator.normal(size=(40, 2)) for centre in centres])
    sketch = EmbeddingSketch.of(sample)
    assert np.abs(sketch.landmarks[:, None] - centres[None]).max(axis=2).min(axis=1).max() < 3
    near, between = sketch.scores(np.array([[50.0, 0.0], [25.0, 25.0]]))[:, 0]
    assert near < 3
    assert between > 30


def test_alike_embeddings_have_a_distance_and_no_direction():
    sketch = EmbeddingSketch.of(np.full((25, 4), 0.5))
    assert sketch.names == ("embedding.distance",)
    assert sketch.scores(np.full((2, 4), 0.5)).tolist() == [[0.0], [0.0]]


def test_the_sketch_of_wide_embeddings_is_small():
    sketch = EmbeddingSketch.of(np.random.default_rng(0).normal(size=(640, 2048)))
    assert len(json.dumps(sketch.to_dict())) < 300_000
