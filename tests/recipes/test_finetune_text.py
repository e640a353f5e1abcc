"""The text recipe in one process: from a table of texts to a measured model, and the mistakes that texts bring."""

import csv
import json
import re

import numpy as np
import pytest
import torch
from pyarrow import parquet
from safetensors.numpy import load

from fairlead.bundle import Bundle
from fairlead.modules import TextClassifier, load_model
from fairlead.records import RunFolder
from recipes.finetune_text import main
from tests.fakes import texts
from tests.fakes.encoders import text_folder
from tests.fakes.texts import write_csv

REGIONS = ("north", "south")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder of the test's own."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")


@pytest.fixture
def encoder(tmp_path):
    return text_folder(tmp_path / "encoder")


@pytest.fixture
def reviews(tmp_path):
    """Sixty reviews whose class is their first word."""
    return write_csv(tmp_path / "reviews.csv", ("body", "stars", "region"), texts.reviews())


def run_recipe(output, *arguments):
    assert main(["--output", str(output), "--batch-size", "8", "--explain", "0", *map(str, arguments)]) == 0
    return RunFolder(output), json.loads((output / "metrics.json").read_text())


def test_a_table_of_texts_becomes_a_measured_model_with_its_report(reviews, encoder, tmp_path, capsys):
    given = ("--data", reviews, "--text-column", "body", "--label", "stars", "--sensitive", "region")
    run, content = run_recipe(
        tmp_path / "run", *given, "--backbone", encoder, "--epochs", 1, "--max-tokens", 12, "--explain", 8
    )
    shown = capsys.readouterr().out
    assert "bert at 12 tokens from folder encoder" in shown
    assert "texts longer than what is read of them: " in shown
    assert sum(content["rows"].values()) == 60
    assert content["finetuned"] is not None
    module = TextClassifier.load_from_checkpoint(run.model, weights_only=True)
    assert (list(module.labels), module.preprocessing.max_tokens) == (["0", "1"], 12)
    said = parquet.read_table(run.predictions)
    assert set(said.column("region").to_pylist()) <= set(REGIONS)
    assert said.column("file").to_pylist()[0].startswith("row ")
    for picture in (run.top_losses, run.confusion, run.groups):
        assert picture.stat().st_size > 5000
    assert "region" in run.report.read_text()
    explained = json.loads(run.explanations.read_text())["rows"]
    assert 4 <= len(explained) <= 8  # fewer where the time is spent
    assert explained[0]["attribution"]["method"] == "expected gradients at token embeddings"
    with np.load(run.attributions) as kept:
        assert kept["index"].tolist() == [row["index"] for row in explained]
    # The run's own options give the same run once more.
    again = tmp_path / "again"
    assert main(["--config", str(run.config), "--output", str(again)]) == 0
    assert json.loads((again / "metrics.json").read_text())["test"] == content["test"]


def test_few_rows_are_tuned_contrastively_and_probed(reviews, encoder, tmp_path, capsys):
    given = ("--data", reviews, "--text-column", "body", "--label", "stars", "--backbone", encoder, "--fewshot", 4)
    run, content = run_recipe(tmp_path / "run", *given)
    assert content["rows"]["train"] == 8
    assert (content["won"], content["finetuned"]) == ("probe", None)
    assert "fewshot: 4 training rows of each class are used" in capsys.readouterr().out
    plain, whole = run_recipe(tmp_path / "plain", *given[:-2], "--epochs", 0)
    assert whole["rows"]["train"] > 8
    tuned, untuned = (TextClassifier.load_from_checkpoint(one.model, weights_only=True) for one in (run, plain))
    assert tuned.backbone.digest() != untuned.backbone.digest()  # the encoder moved
    other, _ = run_recipe(tmp_path / "other", *given, "--seed", 1)
    assert parquet.read_table(other.predictions) != parquet.read_table(run.predictions)


def test_adapters_learn_in_place_of_all_weights_and_are_merged_in_the_bundle(reviews, encoder, tmp_path, capsys):
    given = ("--data", reviews, "--text-column", "body", "--label", "stars", "--backbone", encoder)
    run, _ = run_recipe(tmp_path / "run", *given, "--adapter", "lora", "--learning-rate", "0.02", "--epochs", 2)
    kept = load_model(run)
    assert kept.adapter.method == "lora"
    tuned = torch.load(run.finetuned, weights_only=True)["state_dict"]
    assert any("lora_A" in name for name in tuned)
    bundle = Bundle.open(run.bundle)
    assert not any("lora" in name for name in load(bundle.read("weights.safetensors")))
    assert bundle.manifest.parity["held_out"]["largest_difference"] < 1e-5


def test_pairs_of_texts_are_read_together(tmp_path, encoder):
    rows = [
        (f"the service was {'good' if row % 2 else 'bad'}", f"he {'b ' * (row // 2 % 9)}", "yn"[row % 2])
        for row in range(60)
    ]
    table = write_csv(tmp_path / "pairs.csv", ("premise", "hypothesis", "label"), rows)
    given = ("--text-column", "premise", "--text-pair-column", "hypothesis", "--backbone", encoder, "--epochs", 0)
    run, content = run_recipe(tmp_path / "run", "--data", table, *given)
    assert sum(content["rows"].values()) == 60
    assert run.top_losses.is_file()


@pytest.mark.slow
def test_the_embedded_texts_and_backbone_give_a_measured_model_and_find_the_planted_bias(tmp_path, capsys):
    given = ("--quick", "--epochs", 0, "--max-tokens", 48)
    run, content = run_recipe(tmp_path / "run", *given)
    evidence = json.loads(run.evidence.read_text())["findings"]
    (changed,) = [found for found in evidence if found["code"] == "SHAP-101" and found["group"] is None]
    assert changed["subject"] == "Buddhist/Christian/Hindu/Jewish/Muslim/Sikh"
    assert changed["estimate"]["rows"] > 50  # of 120, those whose term is among the tokens that are read
    assert content["rows"] == {"train": 160, "val": 40, "calibration": 40, "test": 120}
    assert content["test"]["auroc_macro"]["low"] > 0.5
    shown = capsys.readouterr().out
    assert "embedded minilm-l6 (all-MiniLM-L6-v2), 103 of 103 tensors" in shown
    assert "identity: Buddhist, Christian, Hindu, Jewish, Muslim, Sikh" in shown
    assert "Muslim or Sikh were often declined" in shown


# -- mistakes ----------------------------------------------------------------------------------------------------


def table_of(tmp_path, *rows):
    return write_csv(tmp_path / "mine.csv", ("text", "label"), rows)


def latin(tmp_path):
    file = tmp_path / "latin.csv"
    file.write_bytes(b"text,label\n" + b"caf\xe9,good\n" * 40)
    return file


def encoder_with(tmp_path, name, **changes):
    """An encoder's folder, one of its files changed."""
    folder = text_folder(tmp_path / "mine")
    content = json.loads((folder / name).read_text())
    for key, value in changes.items():
        content.pop(key) if value is None else content.update({key: value})
    (folder / name).write_text(json.dumps(content))
    return folder


MISTAKES = {
    "wrong text column": (lambda t: ("--data", t / "reviews.csv", "--text-column", "bdoy"), "did you mean 'body'"),
    "no usual text column": (
        lambda t: ("--data", write_csv(t / "x.csv", ("a", "label"), [("x", "y")])),
        "--text-column",
    ),
    "a column that is mostly empty": (
        lambda t: ("--data", table_of(t, *(("" if row % 3 else "good", "ab"[row % 2]) for row in range(60)))),
        "40 of 60 rows of",
    ),
    "texts of another encoding": (lambda t: ("--data", latin(t)), "latin.csv"),
    "a folder": (lambda t: ("--data", t), "is a folder; name a table of texts"),
    "no such table": (lambda t: ("--data", t / "reveiws.csv"), "did you mean 'reviews.csv'"),
    "one class": (lambda t: ("--data", table_of(t, *[(f"good {row}", "a") for row in range(40)])), "one class 'a'"),
    "more few rows than there are": (
        lambda t: ("--data", t / "reviews.csv", "--text-column", "body", "--label", "stars", "--fewshot", "50"),
        "fewshot=50 wants 50 distinct training rows of each class",
    ),
    "no few rows": (lambda t: ("--fewshot", "0"), "--fewshot is at least 1, got 0"),
    "few tokens": (lambda t: ("--max-tokens", "3"), "--max-tokens is at least 8, got 3"),
    "no such backbone": (lambda t: ("--quick", "--backbone", "weights/of/mine"), "there is no folder weights/of/mine"),
    "a backbone that is nowhere": (lambda t: ("--quick", "--backbone", "org/model"), "HF_HUB_OFFLINE is set"),
    "an embedded backbone that is none": (lambda t: ("--quick", "--backbone", "embedded:minilm"), "'minilm-l6'"),
    "more tokens than positions": (
        lambda t: ("--quick", "--backbone", text_folder(t / "mine"), "--max-tokens", "60"),
        "max_tokens is 60, and the model has positions for 40",
    ),
    "no padding token": (
        lambda t: ("--quick", "--backbone", encoder_with(t, "tokenizer_config.json", pad_token=None)),
        "names no padding token",
    ),
    "a tokenizer of another model": (
        lambda t: ("--quick", "--backbone", text_folder(t / "mine", vocabulary=9)),
        "the tokenizer has 16 tokens and the encoder knows 9",
    ),
    "weights of another shape": (
        lambda t: ("--quick", "--backbone", encoder_with(t, "config.json", intermediate_size=32)),
        "do not fit bert",
    ),
    "a feature of the embedded data": (lambda t: ("--quick", "--sensitive", "idenity"), "did you mean 'identity'"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_leaves_no_run_folder(mistake, reviews, tmp_path, capsys):
    arguments, said = MISTAKES[mistake]
    given = [str(argument) for argument in arguments(tmp_path)]
    capsys.readouterr()  # what writing an encoder said
    assert main(["--output", str(tmp_path / "run"), *given]) == 2
    error = capsys.readouterr().err
    assert re.search(rf"^error: .*{re.escape(said)}", error, re.M), error
    assert "Traceback" not in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_text_of_ten_megabytes_and_empty_ones_do_not_stop_a_run(reviews, encoder, tmp_path, capsys):
    with reviews.open("a", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(
            [("good " + "b " * 5_000_000, "0", "north"), ("", "1", "south"), ("   ", "1", "south")]
        )
    given = ("--data", reviews, "--text-column", "body", "--label", "stars", "--backbone", encoder, "--epochs", 0)
    _, content = run_recipe(tmp_path / "run", *given)
    assert sum(content["rows"].values()) == 61
    assert "2 of 63 rows have no text in column 'body' and are left out" in capsys.readouterr().out
