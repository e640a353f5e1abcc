"""A request log as one table: labels joined whenever they were told, and nothing else changed."""

import stat
from datetime import UTC, datetime

import pytest

pytest.importorskip("duckdb")

from pyarrow import parquet

from fairlead.errors import ConfigurationError, DataError, OutputFolderError
from fairlead.records import Feedback, Labels, Observation
from fairlead.tables import compact

MODEL = "ab12"
LABELS = Labels(("cat", "dog"))


def observed(name, time=1.0, model=MODEL, predicted="cat", probabilities=(0.75, 0.25), **more):
    return Observation(name, time, model, predicted, probabilities, **more)


def compacted(records, folder, labels=LABELS, **more):
    target = folder / "log.parquet"
    done = compact(records, target, model=MODEL, labels=labels, **more)
    return done, parquet.read_table(target)


def test_every_field_has_its_column(tmp_path):
    scores, groups = {"input.brightness": 0.5, "embedding.distance": 2.0}, {"sex": "f", "age": None}
    records = [
        observed("r1", 1.5, scores=scores, groups=groups),
        observed("r2", 1e9 + 0.25, predicted="dog", leads=False, groups={"sex": "m"}),
        Feedback("r2", 1e9 + 5, "dog"),
    ]
    done, table = compacted(records, tmp_path)
    assert (done.rows, done.labelled, done.features) == (2, 1, {"age": "age", "sex": "sex"})
    assert str(table.schema.field("time").type) == "timestamp[us, tz=UTC]"
    beside = {"model": MODEL, "age": None}
    assert table.to_pylist() == [
        {
            "id": "r1",
            "time": datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC),
            "predicted": "cat",
            "probability_cat": 0.75,
            "probability_dog": 0.25,
            "target": None,
            "leads": True,
            **scores,
            "sex": "f",
            **beside,
        },
        {
            "id": "r2",
            "time": datetime(2001, 9, 9, 1, 46, 40, 250_000, UTC),
            "predicted": "dog",
            "probability_cat": 0.75,
            "probability_dog": 0.25,
            "target": "dog",
            "leads": False,
            "input.brightness": None,
            "embedding.distance": None,
            "sex": "m",
            **beside,
        },
    ]
    assert table.column_names[:8] == [
        *("id", "time", "model", "predicted", "probability_cat", "probability_dog", "target", "leads")
    ]


def test_labels_join_however_late_or_early_and_the_first_one_stands(tmp_path):
    filler = [observed(f"x{number}") for number in range(25_000)]  # more than one portion
    records = [
        Feedback("early", 0.5, "dog"),
        *(observed(name) for name in ("early", "late", "conflict", "again", "strange", "none")),
        *filler,
        *(Feedback("conflict", 2.0, label) for label in ("dog", "cat")),
        *(Feedback("again", 2.0, "cat") for _ in range(3)),
        Feedback("late", 3.0, "dog"),
        Feedback("strange", 3.0, "fox"),
        Feedback("strange", 4.0, "cat"),
        Feedback("nobody", 3.0, "cat"),
    ]
    done, table = compacted(records, tmp_path)
    targets = dict(zip(table["id"].to_pylist(), table["target"].to_pylist(), strict=True))
    known = {name: label for name, label in targets.items() if label is not None}
    assert known == {"early": "dog", "late": "dog", "conflict": "dog", "again": "cat", "strange": "cat"}
    assert (done.rows, done.labelled, done.conflicts, done.ambiguous) == (25_006, 5, 1, 0)
    assert (done.unmatched, done.unknown_classes, done.unfit) == (1, 1, 0)
    assert table["id"].to_pylist()[:2] == ["early", "late"]
    assert table["id"].to_pylist()[6:] == [one.id for one in filler]


def test_an_id_that_was_answered_twice_has_no_target(tmp_path):
    records = [observed("r1", 1.0), Feedback("r1", 1.5, "cat"), observed("r1", 2.0), observed("r2")]
    done, table = compacted(records, tmp_path)
    assert (done.rows, done.labelled, done.ambiguous, done.conflicts) == (3, 0, 1, 0)
    assert table["target"].to_pylist() == [None] * 3


def test_other_models_and_what_this_one_cannot_have_answered_are_left_out_and_counted(tmp_path):
    records = [
        observed("r1"),
        observed("r2", model="cd34"),
        observed("r3", model="cd34", probabilities=(1.0,)),
        observed("r1", model="cd34"),
        observed("odd1", predicted="fox"),
        observed("odd2", probabilities=(0.5, 0.25, 0.25)),
        observed("odd3", time=1e300),
        Feedback("r1", 2.0, "dog"),
        Feedback("r2", 2.0, "dog"),
    ]
    done, table = compacted(records, tmp_path)
    assert table["id"].to_pylist() == ["r1"]
    assert (done.other_models, done.unfit, done.labelled, done.ambiguous) == ({"cd34": 3}, 3, 1, 0)
    assert done.unmatched == 1


HOSTILE = [
    'say "x"',
    "it's",
    "a\nb",
    "\u2028",
    "\x85",
    "日本",
    "x" * 50_000,
    "; DROP TABLE seen; --",
    "probability_cat",
    "\t",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_values_and_names_like_any_other(tmp_path, text):
    labels = Labels(("cat", text))
    records = [observed(text, predicted=text, groups={text: text}, scores={f"a{text}": 1.0}), Feedback(text, 2.0, text)]
    done, table = compacted(records, tmp_path, labels)
    (row,) = table.to_pylist()
    column = done.features[text]
    assert (row["id"], row["predicted"], row["target"], row[column]) == (text,) * 4
    assert row[f"probability_{text}"] == 0.25
    assert row[f"a{text}"] == 1.0


def test_half_a_surrogate_pair_is_spelled_out(tmp_path):
    _, table = compacted([observed("\ud800", groups={"sex": "\udfff"}), Feedback("\ud800", 2.0, "cat")], tmp_path)
    assert table.select(["id", "target", "sex"]).to_pylist() == [{"id": "\\ud800", "target": "cat", "sex": "\\udfff"}]


def test_a_null_character_in_an_id_is_kept(tmp_path):
    _, table = compacted([observed("a\x00b"), observed("a"), Feedback("a\x00b", 2.0, "cat")], tmp_path)
    assert table.select(["id", "target"]).to_pylist() == [
        {"id": "a\x00b", "target": "cat"},
        {"id": "a", "target": None},
    ]


def test_a_feature_that_is_named_as_a_column_has_another_name(tmp_path):
    names = ("Target", "split", "probability_fox", "sex", "Sex", "input.x")
    record = observed("r1", scores={"input.x": 1.0}, groups={name: name for name in names})
    done, table = compacted([record], tmp_path)
    assert done.features == {
        "Sex": "Sex",
        "Target": "group.Target",
        "input.x": "group.input.x",
        "probability_fox": "group.probability_fox",
        "sex": "group.sex",
        "split": "group.split",
    }
    assert {column: table[column][0].as_py() for column in done.features.values()} == {
        column: name for name, column in done.features.items()
    }


def test_classes_keep_the_order_of_the_bundle(tmp_path):
    labels = Labels(("9", "10", "1"))
    _, table = compacted(
        [observed("r1", predicted="10", probabilities=(0.1, 0.7, 0.2)), Feedback("r1", 2.0, "1")], tmp_path, labels
    )
    assert [name for name in table.column_names if name.startswith("probability_")] == [
        *("probability_9", "probability_10", "probability_1")
    ]
    assert table.select(["predicted", "target", "probability_10"]).to_pylist() == [
        {"predicted": "10", "target": "1", "probability_10": 0.7}
    ]


def test_what_cannot_be_written_is_refused_and_nothing_is_left(tmp_path):
    (tmp_path / "log.parquet").write_text("mine")
    with pytest.raises(OutputFolderError, match=r"log\.parquet exists; name another"):
        compacted([observed("r1")], tmp_path)
    assert (tmp_path / "log.parquet").read_text() == "mine"
    (tmp_path / "log.parquet").unlink()
    refused = [
        ([], LABELS, {}, DataError, "no answer of the model ab12; name the bundle"),
        ([observed("r1", model="cd34")], LABELS, {}, DataError, "it has those of cd34"),
        ([observed("r1")], Labels(("cat", "Cat")), {}, DataError, "differ by case alone"),
        ([observed("r1", groups={str(name): "" for name in range(501)})], LABELS, {}, DataError, "more than 500"),
        ([observed("r1")], LABELS, {"memory": "much"}, ConfigurationError, "does not take much"),
        ([observed("r1", groups={"a\x00b": "f"})], LABELS, {}, DataError, r"name .* in answer .r1. holds a NUL"),
    ]
    for records, labels, more, kind, said in refused:
        with pytest.raises(kind, match=said):
            compacted(records, tmp_path, labels, **more)
        assert list(tmp_path.iterdir()) == []


def test_nobody_else_may_read_it_and_nothing_lies_beside_it(tmp_path):
    compacted([observed("r1")], tmp_path)
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_interrupted_reading_leaves_nothing(tmp_path):
    def records():
        yield observed("r1")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compacted(records(), tmp_path)
    assert list(tmp_path.iterdir()) == []
