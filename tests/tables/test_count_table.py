"""Counting where the table lies gives the very tallies that counting in memory gives."""

import csv

import ibis
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from fairlead.measures import ClusterCounts, GroupTally
from fairlead.records import Labels, Predictions, SensitiveFeature
from fairlead.tables import AnswerColumns, AuditColumns, count_table, open_table

pytestmark = pytest.mark.filterwarnings("ignore:fetch_.* is deprecated:DeprecationWarning")  # ibis 12 on DuckDB 1.5

SEX = SensitiveFeature("sex", ("f", "m"))
AGE = SensitiveFeature("age", ("9", "10", "old"))
SETS = (("sex",), ("age",), ("sex", "age"))
LABELS = {2: Labels(("no", "yes")), 3: Labels(("a", "b", "c"))}


def drawn(seed, rows, classes, *, clustered):
    """Random predictions, unknown truths and missing groups among them; all groups and classes occur."""
    rng = np.random.default_rng(seed)
    probabilities = rng.dirichlet(np.full(classes, 0.5), rows)
    grid = rng.random(rows) < 0.3  # scores that lie on the edge between two bins
    if classes == 2:
        probabilities[grid, 1] = rng.integers(0, 1001, int(grid.sum())) / 1000
        probabilities[:, 0] = 1 - probabilities[:, 1]
    groups = np.stack([rng.integers(0, 3, rows), rng.integers(0, 4, rows)], axis=1)
    targets = rng.integers(-1, classes, rows)
    targets[:classes], groups[:2, 0], groups[:3, 1] = range(classes), (0, 1), (0, 1, 2)
    return Predictions(
        probabilities,
        targets,
        np.arange(rows),
        LABELS[classes],
        groups,
        (SEX, AGE),
        rng.integers(0, max(1, rows // 3), rows) if clustered else None,
    )


def columns_of(predictions, predicted):
    """The columns a person would save."""
    names = predictions.labels.names
    columns = {
        "y": [names[code] if code >= 0 else None for code in predictions.targets],
        "sex": [(*SEX.groups, None)[code] for code in predictions.groups[:, 0]],
        "age": [(*AGE.groups, None)[code] for code in predictions.groups[:, 1]],
        "said": [names[code] for code in predicted],
    }
    columns |= {f"p_{name}": predictions.probabilities[:, code] for code, name in enumerate(names)}
    if predictions.clusters is not None:
        columns["patient"] = [f"patient {code:03}" for code in predictions.clusters]
    return columns


def dense(predictions):
    """Clusters coded by their order, as those of a table are."""
    if predictions.clusters is None:
        return predictions
    codes = np.unique(predictions.clusters, return_inverse=True)[1].astype(np.int64)
    return Predictions(
        predictions.probabilities,
        predictions.targets,
        predictions.index,
        predictions.labels,
        predictions.groups,
        predictions.sensitive,
        codes,
    )


def asked(prediction, *, cluster=False, **answers):
    return AuditColumns(
        AnswerColumns("y", prediction, **answers), ("sex", "age"), (("sex", "age"),), {}, "patient" if cluster else None
    )


def assert_same(counted, predictions, predicted, *, scores):
    assert [tally.by.feature for tally in counted.tallies] == ["sex", "age", "sex x age"]
    assert counted.rows == len(predictions)
    assert counted.unknown == int((predictions.targets < 0).sum())
    for tally, names in zip(counted.tallies, SETS, strict=True):
        expected = GroupTally.of(dense(predictions), names, predicted=predicted)
        if not scores:
            expected = GroupTally(expected.by, expected.labels, expected.counts, None, expected.clusters)
        assert tally == expected


tables = {
    "seed": st.integers(0, 2**32 - 1),
    "rows": st.integers(4, 60),
    "clustered": st.booleans(),
}


@settings(max_examples=8, deadline=None)
@given(**tables, threshold=st.sampled_from([None, 0.1, 0.5, 0.731, 1.0]))
def test_a_probability_and_a_threshold(seed, rows, clustered, threshold):
    predictions = drawn(seed, rows, 2, clustered=clustered)
    predicted = (predictions.probabilities[:, 1] >= (threshold or 0.5)).astype(np.int64)
    table = ibis.memtable(pa.table(columns_of(predictions, predicted)))
    counted = count_table(table, asked("p_yes", cluster=clustered, threshold=threshold))
    assert_same(counted, predictions, predicted, scores=True)


@settings(max_examples=8, deadline=None)
@given(**tables, classes=st.sampled_from([2, 3]), threshold=st.sampled_from([None, 0.3]))
def test_a_probability_of_each_class(seed, rows, clustered, classes, threshold):
    predictions = drawn(seed, rows, classes, clustered=clustered)
    threshold = threshold if classes == 2 else None
    predicted = predictions.predicted
    if threshold:
        predicted = (predictions.probabilities[:, 1] >= threshold).astype(np.int64)
    table = ibis.memtable(pa.table(columns_of(predictions, predicted)))
    counted = count_table(table, asked("p", cluster=clustered, threshold=threshold))
    assert_same(counted, predictions, predicted, scores=True)


@settings(max_examples=8, deadline=None)
@given(**tables, classes=st.sampled_from([2, 3]))
def test_predicted_classes(seed, rows, clustered, classes):
    predictions = drawn(seed, rows, classes, clustered=clustered)
    predicted = np.random.default_rng(seed).integers(0, classes, rows)
    predicted[0] = 0  # classes in common with the truth
    table = ibis.memtable(pa.table(columns_of(predictions, predicted)))
    assert_same(count_table(table, asked("said", cluster=clustered)), predictions, predicted, scores=False)


def write(folder, columns, suffix):
    file = folder / f"said{suffix}"
    if suffix == ".parquet":
        parquet.write_table(pa.table(columns), file)
        return file
    with file.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text, delimiter="\t" if suffix == ".tsv" else ",")
        writer.writerow(columns)
        writer.writerows(
            ["" if value is None else value for value in row] for row in zip(*columns.values(), strict=True)
        )
    return file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@pytest.mark.parametrize("cluster", [False, True])
def test_every_format_gives_the_same(tmp_path, suffix, cluster):
    predictions = drawn(1, 300, 2, clustered=cluster)
    predicted = (predictions.probabilities[:, 1] >= 0.4).astype(np.int64)
    file = write(tmp_path, columns_of(predictions, predicted), suffix)
    columns = asked("p_yes", cluster=cluster, threshold=0.4)
    with open_table(file, text=columns.texts, threads=1) as table:
        assert_same(count_table(table, columns), predictions, predicted, scores=True)


def test_a_folder_of_parquet_files_is_one_table(tmp_path):
    predictions = drawn(2, 200, 2, clustered=False)
    predicted = (predictions.probabilities[:, 1] >= 0.5).astype(np.int64)
    whole = pa.table(columns_of(predictions, predicted))
    (tmp_path / "deep").mkdir()
    parquet.write_table(whole.slice(0, 70), tmp_path / "a.parquet")
    parquet.write_table(whole.slice(70), tmp_path / "deep" / "b.parquet")
    with open_table(tmp_path, threads=1) as table:
        assert_same(count_table(table, asked("p_yes")), predictions, predicted, scores=True)


def test_results_in_many_batches_add_up(tmp_path, monkeypatch):
    monkeypatch.setattr("fairlead.tables.folding._BATCH", 7)
    predictions = drawn(3, 500, 2, clustered=True)
    predicted = (predictions.probabilities[:, 1] >= 0.5).astype(np.int64)
    file = write(tmp_path, columns_of(predictions, predicted), ".parquet")
    with open_table(file, threads=1) as table:
        counted = count_table(table, asked("p_yes", cluster=True))
    assert_same(counted, predictions, predicted, scores=True)
    assert isinstance(counted.tallies[0].clusters, ClusterCounts)


def count(columns, audit):
    return count_table(ibis.memtable(pa.table(columns)), audit)


def only(prediction="p", sensitive=("sex",), **answers):
    return AuditColumns(AnswerColumns("y", prediction, **answers), sensitive)


ROWS = {"y": [0, 1, 1, 0], "p": [0.2, 0.7, 0.4, 0.6], "sex": ["f", "m", "f", "m"]}


def test_other_splits_declare_groups_and_classes_and_are_not_counted():
    rows = {
        "y": ["a", "b", "c", "a"],
        "said": ["a", "b", "c", "b"],
        "sex": ["f", "m", "x", "f"],
        "split": ["test", "test", "train", None],
    }
    audit = AuditColumns(AnswerColumns("y", "said"), ("sex",), split="test")
    counted = count(rows, audit)
    (tally,) = counted.tallies
    assert tally.by.groups == ("f", "m", "x")
    assert list(counted.labels) == ["a", "b", "c"]
    assert tally.rows.tolist() == [1, 1, 0, 0]
    assert (counted.rows, counted.split) == (2, "test")


def test_a_faulty_row_of_another_split_does_not_matter():
    rows = {**ROWS, "p": [0.2, 0.7, float("nan"), 7.0], "split": ["test", "test", "train", "train"]}
    counted = count(rows, AuditColumns(AnswerColumns("y", "p"), ("sex",), split="test"))
    assert counted.tallies[0].rows.tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        ([0, 1, 1, 0], [False, True, False, True]),
        ([0.0, 1.0, 1.0, 0.0], [0, 1, 0, 1]),
        (["False", "True", "True", "False"], ["0", "1", "0", "1"]),
        (["0.0", "1.0", "1.0", "0.0"], ["0", "1", "0", "1"]),
        ([-1, 1, 1, -1], [-1, 1, -1, 1]),
    ],
)
def test_classes_however_they_are_saved(truth, said):
    counted = count({"y": truth, "said": said, "sex": ROWS["sex"]}, only("said"))
    assert counted.tallies[0].counts[:-1, :2].tolist() == [[[1, 0], [1, 0]], [[0, 1], [0, 1]]]


def test_the_positive_class_is_the_last_or_the_one_that_is_named():
    assert list(count(ROWS, only()).labels) == ["0", "1"]
    named = count(ROWS, only(positive="0"))
    assert list(named.labels) == ["1", "0"]
    # Now p is the probability of 0: rows 1 and 3 are said to be 0.
    assert named.tallies[0].counts.sum(axis=0)[:2].tolist() == [[1, 1], [1, 1]]
    assert count(ROWS, only(threshold=0.65)).tallies[0].counts[:, :, 1].sum() == 1


def test_single_precision_scores_fall_into_the_bins_of_their_value_in_double():
    scores = np.linspace(0, 1, 4001, dtype=np.float32)
    rows = len(scores)
    targets = np.arange(rows) % 2
    table = {"y": targets, "p": scores, "sex": ["f"] * rows}
    expected = np.bincount(np.minimum((scores.astype(np.float64) * 1000).astype(int), 999), minlength=1000)
    assert count(table, only()).tallies[0].scores.sum(axis=(0, 1)).tolist() == expected.tolist()


def test_bins_are_groups_and_empty_ones_keep_their_slot():
    rows = {"y": [0, 1, 1, 0, 1], "p": [0.5] * 5, "age": [39.9, 40.0, float("nan"), None, 12.0]}
    audit = AuditColumns(AnswerColumns("y", "p"), ("age",), bins={"age": (40, 60)})
    (tally,) = count(rows, audit).tallies
    assert tally.by.groups == ("under 40", "40 to under 60", "60 and over")
    assert tally.rows.tolist() == [2, 1, 0, 2]


def test_a_probability_at_the_threshold_is_positive():
    rows = {"y": [0, 1, 1], "p": [0.5, 0.5, np.nextafter(0.5, 0)], "sex": ["f", "f", "f"]}
    assert count(rows, only()).tallies[0].counts[0, :2].tolist() == [[0, 1], [1, 1]]
    assert count(rows, only(threshold=1.0)).tallies[0].counts[0, :2].tolist() == [[1, 0], [2, 0]]
