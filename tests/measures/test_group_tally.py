"""Tallies add up whatever the split, keep a slot for every declared group, and refuse what is none."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import ConfigurationError, DataError, UnknownNameError, UnreadableFileError
from fairlead.measures import FeatureGroups, GroupTally, LossTally
from fairlead.records import Labels, Predictions, SensitiveFeature

SEX, AGE = SensitiveFeature("sex", ("f", "m")), SensitiveFeature("age", ("old", "mid", "young"))


def predictions_of(rows, classes, seed, *, clustered=False):
    generator = np.random.default_rng(seed)
    return Predictions(
        probabilities=generator.dirichlet(np.ones(classes), size=rows),
        targets=generator.integers(-1, classes, rows),
        index=np.arange(rows),
        labels=Labels(tuple(f"c{code}" for code in range(classes))),
        groups=np.stack([generator.integers(0, 3, rows), generator.integers(0, 4, rows)], axis=1),
        sensitive=(SEX, AGE),
        clusters=generator.integers(0, 5, rows) if clustered else None,
    )


laws = given(
    rows=st.integers(0, 60),
    classes=st.integers(2, 4),
    seed=st.integers(0, 10**6),
    clustered=st.booleans(),
    cuts=st.lists(st.integers(0, 60), max_size=4),
    features=st.sampled_from([("sex",), ("age",), ("sex", "age")]),
)


@laws
@settings(max_examples=60, deadline=None)
def test_any_split_and_order_gives_the_same_tally(rows, classes, seed, clustered, cuts, features):
    predictions = predictions_of(rows, classes, seed, clustered=clustered)
    whole = GroupTally.of(predictions, features)
    generator = np.random.default_rng(seed + 1)
    shuffled = predictions.take(generator.permutation(rows))
    # The cuts may coincide, so empty batches are among the parts.
    edges = sorted([0, rows, *(min(cut, rows) for cut in cuts)])
    parts = [shuffled.take(np.arange(start, end)) for start, end in itertools.pairwise(edges)]
    tallies = [GroupTally.of(part, features) for part in parts] + [GroupTally.of(shuffled.take(np.arange(0)), features)]
    generator.shuffle(tallies)
    total = tallies[0]
    for tally in tallies[1:]:
        total = total + tally
    assert total == whole
    assert whole.rows.sum() == rows


@laws
@settings(max_examples=15, deadline=None)
def test_round_trips(tmp_path_factory, rows, classes, seed, clustered, cuts, features):
    tally = GroupTally.of(predictions_of(rows, classes, seed, clustered=clustered), features, bins=20)
    assert GroupTally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally
    path = tmp_path_factory.mktemp("tally") / "tally.npz"
    tally.save(path)
    assert GroupTally.load(path) == tally


@given(rows=st.integers(1, 40), classes=st.integers(2, 4), seed=st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_counts_are_those_of_a_loop(rows, classes, seed):
    predictions = predictions_of(rows, classes, seed)
    tally = GroupTally.of(predictions, ("sex", "age"))
    expected = np.zeros_like(tally.counts)
    for row in range(rows):
        sex, age = predictions.groups[row]
        slot = 6 if sex == 2 or age == 3 else sex * 3 + age
        truth = predictions.targets[row] if predictions.targets[row] >= 0 else classes
        expected[slot, truth, predictions.probabilities[row].argmax()] += 1
    assert np.array_equal(tally.counts, expected)
    assert tally.by.groups[4] == "m x mid"
    if classes == 2:
        assert np.array_equal(tally.scores.sum(axis=2), tally.counts.sum(axis=2))


def test_a_declared_group_that_no_row_has_keeps_its_slot():
    predictions = predictions_of(40, 2, 0)
    only_women = predictions.take(predictions.groups[:, 0] == 0)
    tally = GroupTally.of(only_women, ("sex",))
    assert tally.counts.shape == (3, 3, 2)
    assert tally.rows.tolist() == [len(only_women), 0, 0]


def test_scores_at_the_ends_have_a_bin():
    by, labels, codes = FeatureGroups("sex", ("f",)), Labels(("no", "yes")), np.zeros(3, dtype=np.int64)
    tally = GroupTally.count(by, labels, codes, codes, codes, scores=np.array([0.0, 0.5, 1.0]), bins=4)
    assert tally.scores[0, 0].tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("bad", [float("nan"), -0.01, 1.01, float("inf")])
def test_a_score_that_is_no_probability_is_refused_by_row(bad):
    by, labels, codes = FeatureGroups("sex", ("f",)), Labels(("no", "yes")), np.zeros(2, dtype=np.int64)
    with pytest.raises(DataError, match=r"row 1: a score is a probability"):
        GroupTally.count(by, labels, codes, codes, codes, scores=np.array([0.5, bad]))


@pytest.mark.parametrize(
    ("column", "code", "message"),
    [(0, 2, "row 1: group 2"), (1, 2, "row 1: target 2"), (1, -2, "row 1: target -2"), (2, -1, "row 1: predicted")],
)
def test_a_code_out_of_range_is_refused_by_row(column, code, message):
    by, labels = FeatureGroups("sex", ("f",)), Labels(("no", "yes"))
    columns = [np.zeros(2, dtype=np.int64) for _ in range(3)]
    columns[column][1] = code
    with pytest.raises(DataError, match=message):
        GroupTally.count(by, labels, *columns)


def test_what_does_not_fit_is_refused():
    predictions = predictions_of(5, 2, 0)
    sex, age = GroupTally.of(predictions, ("sex",)), GroupTally.of(predictions, ("age",))
    with pytest.raises(DataError, match="do not add up"):
        sex + age
    with pytest.raises(DataError, match="do not add up"):
        sex + GroupTally.of(predictions, ("sex",), bins=10)
    with pytest.raises(UnknownNameError, match="did you mean 'sex'"):
        GroupTally.of(predictions, ("sexx",))
    with pytest.raises(DataError, match="different features"):
        GroupTally.of(predictions, ("sex", "sex"))
    with pytest.raises(DataError, match="schema 7"):
        GroupTally.from_dict({"schema": 7})
    with pytest.raises(DataError, match="integers from 0 up"):
        GroupTally(sex.by, sex.labels, -sex.counts)


def test_a_file_that_holds_no_tally_is_named(tmp_path):
    path = tmp_path / "tally.npz"
    with pytest.raises(UnreadableFileError, match=r"tally\.npz holds no tally"):
        GroupTally.load(path)
    path.write_bytes(b"nothing")
    with pytest.raises(UnreadableFileError, match=r"tally\.npz holds no tally"):
        GroupTally.load(path)


def test_ten_thousand_groups_are_refused_with_a_way_out():
    with pytest.raises(DataError, match="put its values into bins"):
        FeatureGroups.of([SensitiveFeature("postcode", tuple(str(code) for code in range(10_000)))])


@given(rows=st.integers(0, 50), cut=st.integers(0, 50), seed=st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_losses_add_up_and_round_trip(rows, cut, seed):
    generator = np.random.default_rng(seed)
    by = FeatureGroups.of([SEX])
    groups, losses = generator.integers(0, 3, rows), generator.exponential(3.0, rows)
    whole = LossTally.count(by, groups, losses, most=5.0)
    parts = LossTally.count(by, groups[cut:], losses[cut:], most=5.0) + LossTally.count(
        by, groups[:cut], losses[:cut], most=5.0
    )
    assert parts == whole
    assert LossTally.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    clipped = np.minimum(losses, 5.0) / 5.0
    means = whole.means()
    for code in range(2):
        chosen = clipped[groups == code]
        if len(chosen) > 1:
            assert means.values[code] == pytest.approx(chosen.mean(), abs=1e-6)
            assert means.variances[code] == pytest.approx(chosen.var(ddof=1), abs=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), -1.0])
def test_a_loss_that_is_none_is_refused(bad):
    with pytest.raises(DataError, match="row 0: a loss is at least 0"):
        LossTally.count(FeatureGroups.of([SEX]), np.zeros(1, dtype=np.int64), np.array([bad]), most=1.0)


@pytest.mark.parametrize("most", [0.0, -1.0, float("inf"), float("nan")])
def test_a_loss_without_bound_is_refused(most):
    with pytest.raises(ConfigurationError, match="finite bound"):
        LossTally.count(FeatureGroups.of([SEX]), np.zeros(1, dtype=np.int64), np.ones(1), most=most)
