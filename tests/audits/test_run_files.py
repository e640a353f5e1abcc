"""What a run leaves behind: names, types, schema, and numbers that anyone can compute again."""

import json
from dataclasses import replace

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet
from sklearn import metrics as oracle

import fairlead
from fairlead.audits import HeldOut, Results, keep_run, write_environment, write_predictions
from fairlead.cli.clock import STAGES
from fairlead.data import ArrayPictures, Rows
from fairlead.errors import DataError
from fairlead.judgement import Policy
from fairlead.measures import held_out_figures
from fairlead.records import Labels, Predictions, RunFolder, SensitiveFeature, Split
from tests.audits.test_evaluation import FIGURES
from tests.fakes.training import tiny_backbone

ODD = Labels(("it's 50 %", "naïve/café", "日本 🎌"))
SEX = SensitiveFeature("sex", ("f", "m"))
TONE = SensitiveFeature("target", ("I", "II"))  # called like a column of ours


def answers(split, rows=40, labels=ODD, sensitive=(SEX, TONE), *, seed=0):
    rng = np.random.default_rng([seed, list(Split).index(split)])
    targets = np.arange(rows) % len(labels)
    scores = rng.normal(size=(rows, len(labels))) + 1.2 * np.eye(len(labels))[targets]
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    start = list(Split).index(split) * rows
    groups = rng.integers(0, 3, (rows, len(sensitive)))  # code 2 is missing
    return Predictions(probabilities, targets, np.arange(start, start + rows), labels, groups, sensitive)


def held_out(seed=0, **settings):
    predictions = {split: answers(split, seed=seed, **settings) for split in Split if split is not Split.TRAIN}
    return HeldOut(predictions, {split: held_out_figures(predictions[split]) for split in (Split.VAL, Split.TEST)})


def image_rows(rows=40):
    images = np.random.default_rng(0).integers(0, 256, (4 * rows, 8, 8, 3), dtype=np.uint8)
    return Rows(
        items=ArrayPictures(images, "noise"),
        labels=ODD,
        targets=np.arange(4 * rows) % 3,
        splits=np.repeat([split.value for split in Split], rows),
        sensitive=(SEX,),
        groups=np.zeros((4 * rows, 1), dtype=np.int64),
    )


def seconds():
    return dict.fromkeys((*STAGES, "total"), 1.5)


@pytest.fixture
def run(tmp_path):
    return RunFolder.create(tmp_path / "run")


@pytest.fixture
def model(tmp_path):
    (tmp_path / "some.ckpt").write_bytes(b"weights")
    return tmp_path / "some.ckpt"


# -- predictions.parquet -----------------------------------------------------------------------------------------


def test_predictions_have_their_columns_in_order_and_typed(tmp_path):
    held = held_out(sensitive=(SEX,))
    write_predictions(tmp_path / "p.parquet", held.predictions, lambda index: f"photo {index}.jpg")
    table = parquet.read_table(tmp_path / "p.parquet")
    assert table.column_names == [
        *("index", "file", "split", "target", "predicted"),
        *(f"probability_{label}" for label in ODD),
        "sex",
    ]
    kinds = [pyarrow.int64(), *[pyarrow.string()] * 4, *[pyarrow.float64()] * 3, pyarrow.string()]
    assert table.schema.types == kinds
    assert table.num_rows == 120
    assert table.column("split").to_pylist() == ["val"] * 40 + ["calibration"] * 40 + ["test"] * 40
    assert table.column("file")[0].as_py() == "photo 40.jpg"
    assert table.column("index").to_pylist() == list(range(40, 160))


def test_predictions_name_classes_and_leave_missing_groups_null(tmp_path):
    held = held_out(sensitive=(SEX,))
    write_predictions(tmp_path / "p.parquet", held.predictions, str)
    table = parquet.read_table(tmp_path / "p.parquet").to_pylist()
    test = held.predictions[Split.TEST]
    for row, written in enumerate(table[80:]):
        assert written["target"] == ODD[test.targets[row]]
        assert written["predicted"] == ODD[int(test.probabilities[row].argmax())]
        assert [written[f"probability_{label}"] for label in ODD] == test.probabilities[row].tolist()
        assert written["sex"] == ("f", "m", None)[test.groups[row, 0]]
    assert any(written["sex"] is None for written in table)


def test_a_split_without_any_group_and_a_row_without_truth_are_null(tmp_path):
    held = held_out(sensitive=(SEX,))
    val = held.predictions[Split.VAL]
    empty = replace(val, groups=np.full_like(val.groups, SEX.missing), targets=np.full_like(val.targets, -1))
    write_predictions(tmp_path / "p.parquet", {Split.VAL: empty, Split.TEST: held.predictions[Split.TEST]}, str)
    table = parquet.read_table(tmp_path / "p.parquet")
    assert table.column("sex").null_count >= 40
    assert table.column("target").to_pylist()[:40] == [None] * 40


def test_a_feature_called_like_a_column_overwrites_nothing(tmp_path):
    held = held_out(sensitive=(TONE,))
    write_predictions(tmp_path / "p.parquet", held.predictions, str)
    table = parquet.read_table(tmp_path / "p.parquet")
    assert set(table.column("target").to_pylist()) == set(ODD)
    assert set(table.column("sensitive_target").to_pylist()) == {"I", "II", None}


# -- metrics.json and the rest -----------------------------------------------------------------------------------


def check_figures(figures):
    assert list(figures) == list(FIGURES)
    for figure in figures.values():
        assert list(figure) == ["value", "low", "high", "level", "rows", "method"]
        assert figure["low"] <= figure["value"] <= figure["high"]


@pytest.mark.parametrize("finetuned", [False, True])
def test_everything_is_written_with_this_schema(run, model, finetuned):
    results = Results(held_out(), held_out(seed=4) if finetuned else None)
    keep_run(run, image_rows(), seconds, results, model=model)
    files = {item.name for item in run.path.iterdir()}
    assert files == {
        "checkpoints",
        "model.ckpt",
        "metrics.json",
        "predictions.parquet",
        "confusion.png",
        "top_losses.png",
        "evidence.json",
        "groups.png",
        "report.html",
        "card.md",
        "tallies.json",
    }
    assert run.model.read_bytes() == b"weights"
    content = json.loads(run.metrics.read_text())
    assert list(content) == ["schema", "rows", "probe", "finetuned", "test", "won", "seconds"]
    assert content["schema"] == 1
    assert content["rows"] == {"train": 40, "val": 40, "calibration": 40, "test": 40}
    assert list(content["seconds"]) == ["import", "data", "probe", "finetune", "test", "explain", "total"]
    assert content["won"] == results.won
    assert list(content["probe"]) == ["val", "test"]
    for held in [content["probe"], *([content["finetuned"]] if finetuned else [])]:
        check_figures(held["val"])
        check_figures(held["test"])
    assert (content["finetuned"] is None) is not finetuned
    assert content["test"] == content[content["won"]]["test"]


def test_a_figure_that_cannot_be_measured_is_null_and_the_file_is_still_json(run, model):
    held = held_out()
    one_class = held.predictions[Split.TEST].take(held.predictions[Split.TEST].targets == 0)
    held = HeldOut(
        {**held.predictions, Split.TEST: one_class}, {**held.figures, Split.TEST: held_out_figures(one_class)}
    )
    keep_run(run, image_rows(), seconds, Results(held), model=model)
    content = json.loads(run.metrics.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content["test"]["auroc_macro"] is None
    assert content["test"]["accuracy"]["rows"] == len(one_class)


def test_the_numbers_can_be_computed_again_from_the_predictions(run, model):
    keep_run(run, image_rows(), seconds, Results(held_out(), held_out(seed=4)), model=model)
    content = json.loads(run.metrics.read_text())
    table = parquet.read_table(run.predictions)
    rows = [row for row in table.to_pylist() if row["split"] == "test"]
    target = np.array([list(ODD).index(row["target"]) for row in rows])
    said = np.array([list(ODD).index(row["predicted"]) for row in rows])
    probabilities = np.array([[row[f"probability_{label}"] for label in ODD] for row in rows])
    expected = {
        "accuracy": oracle.accuracy_score(target, said),
        "balanced_accuracy": oracle.balanced_accuracy_score(target, said),
        "precision_macro": oracle.precision_score(target, said, average="macro"),
        "recall_macro": oracle.recall_score(target, said, average="macro"),
        "f1_macro": oracle.f1_score(target, said, average="macro"),
        "auroc_macro": oracle.roc_auc_score(target, probabilities, average="macro", multi_class="ovr"),
        "log_loss": oracle.log_loss(target, probabilities),
        "brier": np.square(probabilities - np.eye(3)[target]).sum(axis=1).mean(),
    }
    for name, value in expected.items():
        assert content["test"][name]["value"] == pytest.approx(value, abs=1e-9), name
        assert content["test"][name]["rows"] == 40


def test_writing_again_replaces_what_the_probe_left(run, model, tmp_path):
    keep_run(run, image_rows(), seconds, Results(held_out()), model=model)
    first = run.metrics.read_text()
    (tmp_path / "better.ckpt").write_bytes(b"better")
    keep_run(run, image_rows(), seconds, Results(held_out(), held_out(seed=4)), model=tmp_path / "better.ckpt")
    assert run.model.read_bytes() == b"better"
    assert run.metrics.read_text() != first
    assert not list(run.path.glob(".*"))  # no partial file


def test_the_environment_says_what_a_rerun_needs(run):
    backbone = tiny_backbone()
    write_environment(run, 7, backbone)
    content = json.loads(run.environment.read_text())
    assert content["seed"] == 7
    assert content["versions"]["fairlead"] == fairlead.__version__
    assert content["backbone"]["sha256"] == backbone.digest()
    assert content["backbone"]["architecture"] == "test_resnet"
    assert {"torch", "lightning", "timm", "numpy"} <= set(content["versions"])


# -- evidence.json -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("won", ["probe", "finetuned"])
def test_the_evidence_is_of_the_kept_answers_for_val_and_test_under_the_policy_given(won, run, model):
    results = Results(held_out(seed=4), held_out()) if won == "finetuned" else Results(held_out(), held_out(seed=4))
    assert results.won == won
    policy = Policy.from_mapping({"limits": {"accuracy_difference": {"most": 0.2, "rows": 5}}, "block": ["undecided"]})
    audit = keep_run(run, image_rows(), seconds, results, model=model, policy=policy)
    content = json.loads(run.evidence.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert content == audit.to_dict()
    assert content["schema"] == 1
    assert list(content["findings"][0]) == [
        *(
            "code",
            "figure",
            "feature",
            "group",
            "subject",
            "split",
            "estimate",
            "limit",
            "verdict",
            "rows_needed",
            "remedy",
        )
    ]
    found = [(finding["split"], finding["feature"], finding["figure"]) for finding in content["findings"]]
    assert found == [
        (split, feature, "accuracy_difference") for split in ("val", "test") for feature in ("sex", "target")
    ]
    test = results.kept.predictions[Split.TEST]
    right = test.predicted == test.targets
    rates = [right[test.groups[:, 0] == code].mean() for code in (0, 1)]
    of_sex = next(f for f in content["findings"] if (f["split"], f["feature"]) == ("test", "sex"))
    assert of_sex["estimate"]["value"] == pytest.approx(abs(rates[0] - rates[1]))
    assert content["gate"]["passes"] is not any(f["verdict"] == "undecided" for f in content["findings"][2:])


def test_without_a_feature_the_evidence_says_that_nothing_was_tested(run, model):
    rows = replace(image_rows(), sensitive=(), groups=np.zeros((160, 0), dtype=np.int64))
    audit = keep_run(run, rows, seconds, Results(held_out(sensitive=())), model=model)
    content = json.loads(run.evidence.read_text())
    assert content["findings"] == []
    assert content["gate"]["blocked_by"] == ["no figure was judged on the test split"]
    assert not audit.decision.passes
    assert not run.groups.exists()


def test_a_feature_of_too_many_groups_is_refused_before_anything_is_written(run, model):
    wide = SensitiveFeature("patient", tuple(str(number) for number in range(300)))
    before = {item.name for item in run.path.iterdir()}
    with pytest.raises(DataError, match="put its values into bins"):
        keep_run(run, image_rows(), seconds, Results(held_out(sensitive=(wide,))), model=model)
    assert {item.name for item in run.path.iterdir()} == before
