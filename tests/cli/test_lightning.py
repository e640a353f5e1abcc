"""Lightning's own command line: fit, then test and validate what came of it."""

import csv
import re
from pathlib import Path

import pytest
import yaml

from fairlead.cli.main import main
from fairlead.modules import ImageClassifier, TextClassifier
from tests.fakes.encoders import text_folder
from tests.fakes.texts import write_csv

CONFIG = Path(__file__).parents[2] / "recipes" / "fit_image.yaml"


@pytest.fixture
def flags(photo_table, tmp_path, monkeypatch):
    """The recipe's file, made small by flags, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return (
        *("--config", str(CONFIG), "--data.data", str(photo_table), "--data.columns.sensitive", "[sex]"),
        *("--data.loading.batch_size", "8", "--data.loading.workers", "0"),
        *("--model.backbone", "random:test_resnet", "--trainer.max_epochs", "1", "--trainer.accelerator", "cpu"),
        *("--trainer.enable_model_summary", "false"),
    )


def test_fit_then_test_then_validate(flags, tmp_path, capsys):
    assert main(["fit", *flags]) == 0
    best = tmp_path / "runs" / "fit_image" / "best.ckpt"
    module = ImageClassifier.load_from_checkpoint(best, weights_only=True)
    assert list(module.labels) == ["blue", "green", "red"]
    written = yaml.safe_load((tmp_path / "runs" / "fit_image" / "version_0" / "config.yaml").read_text())
    assert written["trainer"]["max_epochs"] == 1
    log = tmp_path / "runs" / "fit_image" / "version_0" / "metrics.csv"
    trained = log.read_text()
    capsys.readouterr()
    assert main(["test", *flags, "--ckpt_path", str(best)]) == 0
    shown = capsys.readouterr().out
    assert "test_accuracy" in shown
    assert "test_loss" in shown
    assert main(["validate", *flags, "--ckpt_path", str(best)]) == 0
    shown = capsys.readouterr().out
    assert "val_accuracy" in shown
    # The checkpoint's own weights were measured, and what training logged is still there.
    (logged,) = [float(row["val_loss"]) for row in csv.DictReader(trained.splitlines()) if row["val_loss"]]
    (again,) = re.findall(r"val_loss\W+([0-9.e+-]+)", shown)
    assert float(again) == pytest.approx(logged, rel=1e-5)
    assert log.read_text() == trained


def test_texts_are_fitted_and_measured_by_the_classes_that_the_file_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = [
        (f"{('good', 'bad')[row % 2]} {'b ' * (row // 2 % 9)}", "yn"[row % 2], "fm"[row // 4 % 2]) for row in range(60)
    ]
    table = write_csv(tmp_path / "posts.csv", ("body", "label", "sex"), rows)
    given = (
        *("--config", str(CONFIG.with_name("fit_text.yaml")), "--data.data", str(table), "--data.columns.text", "body"),
        *("--data.columns.sensitive", "[sex]", "--data.loading.batch_size", "8", "--trainer.max_epochs", "1"),
        *("--model.backbone", str(text_folder(tmp_path / "encoder")), "--trainer.accelerator", "cpu"),
        *("--trainer.enable_model_summary", "false", "--model.adapter.method", "dora", "--model.adapter.rank", "2"),
    )
    assert main(["fit", *given]) == 0
    best = tmp_path / "runs" / "fit_text" / "best.ckpt"
    module = TextClassifier.load_from_checkpoint(best, weights_only=True)
    assert list(module.labels) == ["n", "y"]
    assert module.adapter.method == "dora"
    capsys.readouterr()
    assert main(["test", *given, "--ckpt_path", str(best)]) == 0
    shown = capsys.readouterr().out
    assert "test_accuracy" in shown
    assert "test_selection_rate_difference_sex" in shown


def test_a_mistake_in_the_data_is_one_message(flags, capsys):
    assert main(["fit", *flags, "--data.data", "nowhere.csv"]) == 2
    error = capsys.readouterr().err
    assert "nowhere.csv" in error
    assert "Traceback" not in error


@pytest.mark.parametrize("verb", ["fit", "validate", "test"])
def test_an_unknown_flag_exits_with_two(verb, capsys):
    with pytest.raises(SystemExit) as caught:
        main([verb, "--model.backbon", "x"])
    assert caught.value.code == 2
    assert "backbon" in capsys.readouterr().err
