"""The image recipe in one process: from raw pictures to a measured model, and every mistake on the way."""

import csv
import json
import re

import pytest
import torch
from pyarrow import parquet

from fairlead.modules import ImageClassifier, OptimizationSettings
from fairlead.records import RunFolder
from recipes.finetune_image import main

SMALL = ("--backbone", "random:test_resnet", "--image-size", "32", "--explain", "0")
FILES = {
    "checkpoints",
    "config.yaml",
    "environment.json",
    "metrics.json",
    "model.ckpt",
    "predictions.parquet",
    "confusion.png",
    "top_losses.png",
    "evidence.json",
    "groups.png",
    "bundle",
    "report.html",
    "card.md",
    "tallies.json",
}
EXPLAINED = {"explanations.html", "explanations.json", "explanations.png", "attributions.npz"}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder of the test's own: whatever a run writes beside its folder is seen."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


def run_recipe(output, *arguments):
    assert main([*SMALL, "--output", str(output), *map(str, arguments)]) == 0
    return RunFolder(output), json.loads((output / "metrics.json").read_text())


def test_the_embedded_data_without_epochs_give_a_measured_probe(tmp_path, capsys):
    run, content = run_recipe(tmp_path / "run", "--quick", "--epochs", 0, "--explain", 8)
    assert {item.name for item in run.path.iterdir()} == FILES | EXPLAINED
    assert content["rows"] == {"train": 160, "val": 40, "calibration": 40, "test": 120}
    assert content["won"] == "probe"
    assert content["finetuned"] is None
    assert content["seconds"]["finetune"] == content["seconds"]["test"] == 0
    assert content["seconds"]["probe"] > 0
    assert run.model.read_bytes() == run.probe.read_bytes()
    told = capsys.readouterr().out
    assert "there was no fine-tuning" in told
    assert re.search(r"\w+ +ruler +answer change rate +.*SHAP-101", told)
    assert re.search(r"\d of 8 explanations are reliable", told)
    assert content["seconds"]["explain"] > 0
    explained = json.loads(run.explanations.read_text())
    assert len(explained["rows"]) == 8
    assert {"ruler"} == set().union(*(row["mass"] for row in explained["rows"]))
    evidence = json.loads(run.evidence.read_text())["findings"]
    assert {finding["subject"] for finding in evidence} == {None, "ruler"}
    bundled = json.loads((run.bundle / "evidence" / "evidence.json").read_text())["findings"]
    assert bundled == evidence
    assert not list((tmp_path / "cwd").iterdir())
    said = parquet.read_table(run.predictions)
    assert said.num_rows == 200
    assert "tone" in said.column_names


def test_one_epoch_on_the_embedded_data_is_compared_with_the_probe(tmp_path, capsys):
    run, content = run_recipe(tmp_path / "run", "--quick")
    # Nothing is explained, so nothing is drawn; the ruler is masked all the same.
    assert {item.name for item in run.path.iterdir()} == FILES | EXPLAINED - {"explanations.png"} | {"log"}
    assert all(content["seconds"][stage] > 0 for stage in content["seconds"])
    assert content["seconds"]["total"] >= sum(content["seconds"][s] for s in ("probe", "finetune", "test"))
    val = {name: content[name]["val"]["accuracy"]["value"] for name in ("probe", "finetuned")}
    assert (content["won"] == "finetuned") is (val["finetuned"] > val["probe"])
    kept = run.finetuned if content["won"] == "finetuned" else run.probe
    assert run.model.read_bytes() == kept.read_bytes()
    assert {item.name for item in run.checkpoints.iterdir()} == {
        "probe.ckpt",
        "finetuned.ckpt",
        "best.ckpt",
        "last.ckpt",
    }
    # Each checkpoint carries the temperature of its own weights, or none.
    temperature = {
        name: ImageClassifier.load_from_checkpoint(
            run.checkpoints / f"{name}.ckpt", weights_only=True
        ).temperature.item()
        for name in ("probe", "finetuned", "best")
    }
    assert temperature["best"] == 1.0
    assert temperature["probe"] != 1.0
    assert "Traceback" not in capsys.readouterr().err


def test_a_folder_of_class_folders(photos, tmp_path):
    run, content = run_recipe(tmp_path / "run", "--data", photos, "--epochs", 1, "--batch-size", 8)
    assert {item.name for item in run.path.iterdir()} == FILES - {"groups.png"} | {"log"}  # there are no groups
    assert sum(content["rows"].values()) == 36
    module = ImageClassifier.load_from_checkpoint(run.model, weights_only=True)
    assert list(module.labels) == ["blue", "green", "red"]
    assert content["test"]["accuracy"]["value"] == 1.0  # pictures in three colours
    files = parquet.read_table(run.predictions).column("file").to_pylist()
    assert all((photos / file).is_file() for file in files)


def test_a_table_with_a_sensitive_column(photo_table, tmp_path, capsys):
    run, content = run_recipe(tmp_path / "run", "--data", photo_table, "--sensitive", "sex", "--epochs", 0)
    shown = capsys.readouterr().out
    assert "sex: f, m" in shown
    table = parquet.read_table(run.predictions)
    assert set(table.column("sex").to_pylist()) <= {"f", "m", None}
    assert content["rows"]["train"] > content["rows"]["test"]
    # The run's own options give the same run once more.
    again = tmp_path / "again"
    assert main(["--config", str(run.config), "--output", str(again)]) == 0
    assert json.loads((again / "metrics.json").read_text())["test"] == content["test"]


def test_the_same_seed_gives_the_same_model_and_figures_and_another_does_not(photos, tmp_path):
    def once(name, seed):
        run, content = run_recipe(tmp_path / name, "--data", photos, "--epochs", 1, "--batch-size", 8, "--seed", seed)
        module = ImageClassifier.load_from_checkpoint(run.finetuned, weights_only=True)
        content.pop("seconds")
        return content, {key: tensor.tolist() for key, tensor in module.state_dict().items()}

    first, again, other = once("first", 3), once("again", 3), once("other", 4)
    assert first == again
    assert first[1] != other[1]


def test_the_best_epoch_is_measured_and_not_the_last(photos, tmp_path, monkeypatch):
    # Steps that grow until they undo what the probe had: the first epoch is the best.
    rates = OptimizationSettings(learning_rate=0.05, layer_decay=1.0, warmup=0.99)

    def build(options, data, backbone):
        return ImageClassifier(data.labels, backbone=backbone, optimization=rates)

    monkeypatch.setattr("recipes.finetune_image.build_classifier", build)
    run, _ = run_recipe(tmp_path / "run", "--data", photos, "--epochs", 3, "--batch-size", 8)
    best, finetuned = (
        torch.load(run.checkpoints / f"{name}.ckpt", weights_only=True) for name in ("best", "finetuned")
    )
    with (run.path / "log" / "metrics.csv").open() as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file) if row["val_loss"]]
    assert losses.index(min(losses)) == best["epoch"] < 2
    assert torch.load(run.checkpoints / "last.ckpt", weights_only=True)["epoch"] == 2  # the last, not the best again
    learned = [name for name in best["state_dict"] if name != "temperature"]
    assert all(torch.equal(best["state_dict"][name], finetuned["state_dict"][name]) for name in learned)


# -- the audit ---------------------------------------------------------------------------------------------------


def policy_of(tmp_path, text):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    return file


# A limit that any model breaks on 120 rows, and one that none does.
POLICIES = {
    "blocked": "{limits: {worst_group_error_rate: {most: 0.0001, rows: 1}}, interventions: {}}",
    "passes": "{limits: {worst_group_error_rate: {most: 0.9999, rows: 1}}, interventions: {}}",
}


@pytest.mark.parametrize("gate", POLICIES)
def test_the_policy_decides_and_strict_makes_it_the_exit_code(gate, tmp_path, capsys):
    file = policy_of(tmp_path, POLICIES[gate])
    run = RunFolder(tmp_path / "run")
    given = ["--quick", "--epochs", "0", "--policy", str(file), "--strict", "--sensitive", "ruler", "--explain", "0"]
    assert main([*SMALL, *given, "--output", str(run.path)]) == (1 if gate == "blocked" else 0)
    content = json.loads(run.evidence.read_text())
    assert [finding["figure"] for finding in content["findings"]] == ["worst_group_error_rate"] * 2
    assert content["gate"]["passes"] is (gate == "passes")
    told = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert ("blocked by FAIR-009 worst_group_error_rate, ruler: flagged" in told) is (gate == "blocked")
    assert "biased on purpose" in told
    # Without --strict a gate that does not pass is told and no more.
    given.remove("--strict")
    assert main([*SMALL, *given, "--output", str(tmp_path / "again")]) == 0


def test_intersections_are_in_evidence_and_picture_and_a_constant_column_says_why_it_is_not_judged(
    photo_table, tmp_path, monkeypatch
):
    drawn = []
    monkeypatch.setattr("fairlead.audits.run_files.draw_groups", lambda tallies, *given, **words: drawn.extend(tallies))
    table = tmp_path / "photos.csv"
    lines = table.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},site", *(f"{line},north" for line in lines[1:])]))
    given = ("--sensitive", "site", "--intersect", "sex", "site", "--epochs", 0, "--explain", 0)
    run, _ = run_recipe(tmp_path / "run", "--data", table, *given)
    findings = json.loads(run.evidence.read_text())["findings"]
    assert {finding["feature"] for finding in findings} == {"site", "sex", "sex x site"}
    assert [tally.by.feature for tally in drawn] == ["site", "sex", "sex x site"]
    constant = [finding for finding in findings if finding["feature"] == "site"]
    assert {finding["verdict"] for finding in constant} == {"not_applicable"}
    assert "one group, north" in constant[0]["remedy"]
    assert "intersect" in run.config.read_text()


def test_without_a_sensitive_feature_strict_does_not_pass(photos, tmp_path, capsys):
    given = [*SMALL, "--data", str(photos), "--epochs", "0", "--strict", "--explain", "0"]
    assert main([*given, "--output", str(tmp_path / "run")]) == 1
    told = capsys.readouterr().out
    assert "not tested: no sensitive feature was declared" in told
    assert "biased on purpose" not in told
    assert json.loads((tmp_path / "run" / "evidence.json").read_text())["findings"] == []
    assert not (tmp_path / "run" / "groups.png").exists()


# -- mistakes ----------------------------------------------------------------------------------------------------


def table_of(tmp_path, *lines):
    file = tmp_path / "mine.csv"
    file.write_text("\n".join(["image,label", *lines]) + "\n")
    return file


def features_of(tmp_path, rows=24, **columns):
    """Rows with a sensitive column of each name; twelve pictures serve for all."""
    file = tmp_path / "mine.csv"
    lines = [
        ",".join([f"photos/red/red{row % 12}.png", "cd"[row % 2], *(str(value(row)) for value in columns.values())])
        for row in range(rows)
    ]
    file.write_text("\n".join([",".join(["image", "label", *columns]), *lines]) + "\n")
    return file


def named(count, label="cat"):
    return [f"photos/red/red{number}.png,{label}" for number in range(count)]


# What is given beside --output, by the folder of the test, and what the message must say.
MISTAKES = {
    "wrong label column": (lambda t: ("--data", t / "photos.csv", "--label", "lable"), "did you mean 'label'"),
    "wrong sensitive column": (lambda t: ("--data", t / "photos.csv", "--sensitive", "sxe"), "did you mean 'sex'"),
    "sensitive that is empty": (
        lambda t: ("--data", features_of(t, empty=lambda row: ""), "--sensitive", "empty"),
        "'empty' has no value in any row; name another column",
    ),
    "sensitive of numbers": (
        lambda t: ("--data", features_of(t, age=lambda row: 30 + row), "--sensitive", "age"),
        "holds numbers, 24 different ones, which are no groups; add a column of bins, whose edges might be",
    ),
    "sensitive of ten thousand values": (
        lambda t: ("--data", features_of(t, 10_000, patient=lambda row: f"p{row}"), "--sensitive", "patient"),
        "an audit takes at most 256: name a coarser column",
    ),
    "wrong column to cross": (
        lambda t: ("--data", t / "photos.csv", "--sensitive", "sex", "--intersect", "sex", "lable"),
        "did you mean 'label'",
    ),
    "one column to cross": (
        lambda t: ("--data", t / "photos.csv", "--intersect", "sex"),
        "two or more different features, got 'sex'",
    ),
    "a column crossed with itself": (
        lambda t: ("--data", t / "photos.csv", "--intersect", "sex", "sex"),
        "different features",
    ),
    "a limit for no figure": (
        lambda t: ("--quick", "--policy", policy_of(t, "limits: {tpr_gap: 0.1}")),
        "accuracy_difference",
    ),
    "sensitive in a folder": (lambda t: ("--data", t / "photos", "--sensitive", "sex"), "table of paths"),
    "unknown backbone": (lambda t: ("--data", t / "photos", "--backbone", "resnet81"), "did you mean 'resnet"),
    "unknown random backbone": (
        lambda t: ("--data", t / "photos", "--backbone", "random:tset_resnet"),
        "did you mean 'test_resnet",
    ),
    "no such backbone folder": (lambda t: ("--data", t / "photos", "--backbone", "weights/mine"), "weights/mine"),
    "no such data": (lambda t: ("--data", t / "phtos"), "did you mean 'photos'"),
    "missing files": (lambda t: ("--data", table_of(t, *named(14), "photos/gone.png,cat")), "gone.png"),
    "one class": (lambda t: ("--data", table_of(t, *named(12))), "one class 'cat'"),
    "a class a row": (
        lambda t: ("--data", table_of(t, *(f"{row}{code}" for code, row in enumerate(named(12, "c"))))),
        "looks like an identifier",
    ),
    "too few rows": (lambda t: ("--data", table_of(t, *named(3, "a"), *named(3, "b"))), "too few"),
    "no rows": (lambda t: ("--data", table_of(t)), "no rows"),
    "epochs": (lambda t: ("--data", t / "photos", "--epochs", "-1"), "--epochs"),
    "batch size": (lambda t: ("--data", t / "photos", "--batch-size", "1"), "--batch-size"),
    "no such policy": (lambda t: ("--quick", "--policy", t / "none.yaml"), "none.yaml is not readable YAML"),
    "an unknown figure": (
        lambda t: ("--quick", "--policy", policy_of(t, "limits: {true_positive_difference: 0.1}")),
        "policy.yaml; did you mean 'true_positive_rate_difference'",
    ),
    "an unknown verdict": (
        lambda t: ("--quick", "--policy", policy_of(t, "limits: {accuracy_difference: 0.1}\nblock: [flaged]")),
        "did you mean 'flagged'",
    ),
    "a label of the embedded data": (lambda t: ("--label", "tone"), "--label"),
    "a feature of the embedded data": (lambda t: ("--quick", "--sensitive", "tnoe"), "did you mean 'tone'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_leaves_no_run_folder(mistake, photo_table, tmp_path, capsys):
    arguments, said = MISTAKES[mistake]
    assert main([*SMALL, "--output", str(tmp_path / "run"), *map(str, arguments(tmp_path))]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"^error: .*{re.escape(said)}", error, re.M), error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["resnet81", "random:tset_resnet", "weights/mine", "gone.safetensors", "resnet18.a9"])
def test_a_misspelt_backbone_is_answered_before_the_data_are_read(name, tmp_path, capsys, monkeypatch):
    def read(options):
        raise AssertionError("the data were read")

    monkeypatch.setattr("recipes.stages.run_data", read)
    assert main(["--data", str(tmp_path), "--backbone", name, "--output", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert name.removeprefix("random:") in error
    assert not (tmp_path / "run").exists()


def test_a_misspelt_flag_exits_with_two_and_the_nearest(tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--epocs", "1", "--output", str(tmp_path / "run")])
    assert caught.value.code == 2
    assert "--epochs" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_corrupt_picture_among_good_ones_is_named_and_the_same_output_works_once_it_is_mended(
    photos, tmp_path, capsys
):
    broken = photos / "green" / "green4.png"
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    output = tmp_path / "run"
    assert main([*SMALL, "--data", str(photos), "--epochs", "0", "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert "green4.png" in error
    assert "Traceback" not in error
    assert not output.exists()
    broken.write_bytes(whole)
    run_recipe(output, "--data", photos, "--epochs", 0)


@pytest.mark.parametrize("kind", ["not empty", "below a file", "a file"])
def test_an_output_that_cannot_be_used_is_refused_and_left_alone(kind, photos, tmp_path, capsys):
    place = tmp_path / "place"
    if kind == "not empty":
        place.mkdir()
        (place / "notes.txt").write_text("mine")
    else:
        place.write_text("mine")
    output = place / "run" if kind == "below a file" else place
    assert main([*SMALL, "--data", str(photos), "--output", str(output)]) == 2
    error = capsys.readouterr().err
    assert "--output" in error
    assert "Traceback" not in error
    kept = place / "notes.txt" if kind == "not empty" else place
    assert kept.read_text() == "mine"
    assert [item.name for item in place.iterdir()] == ["notes.txt"] if place.is_dir() else True


def test_an_empty_output_folder_is_used(photos, tmp_path):
    (tmp_path / "run").mkdir()
    run, _ = run_recipe(tmp_path / "run", "--data", photos, "--epochs", 0)
    assert run.path == tmp_path / "run"
    assert run.metrics.is_file()
