"""fairlead predict: labels for new pictures, by the model of a run folder."""

import csv
import os

import numpy as np
import pytest
import torch
from PIL import Image

from fairlead.cli.main import main
from fairlead.data import pixels
from fairlead.modules import ImageClassifier
from fairlead.preprocessing import decode_image
from fairlead.records import DecisionRule, RunFolder, SensitiveFeature, Thresholds
from tests.fakes.training import quiet_trainer, tiny_backbone

LABELS = ["blue", "green", "red"]


@pytest.fixture
def run(tmp_path):
    """A run folder with a model whose temperature is not 1."""
    folder = RunFolder.create(tmp_path / "run")
    module = ImageClassifier(LABELS, backbone=tiny_backbone())
    module.calibrate(0.25)
    trainer = quiet_trainer()
    trainer.strategy.connect(module)
    trainer.save_checkpoint(folder.model, weights_only=True)
    return folder


def read(file):
    with file.open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def predict(run, *arguments):
    return main(["predict", str(run.path), *map(str, arguments)])


def test_every_picture_of_a_folder_gets_a_class_and_calibrated_probabilities(run, photos, tmp_path, capsys):
    output = tmp_path / "new.csv"
    assert predict(run, photos, "--output", output, "--batch-size", 5) == 0
    assert "36 of 36 pictures labelled" in capsys.readouterr().out
    rows = read(output)
    assert list(rows[0]) == ["file", "predicted", "probability_blue", "probability_green", "probability_red", "error"]
    assert len({row["file"] for row in rows}) == 36
    module = ImageClassifier.load_from_checkpoint(run.model, weights_only=True).eval()
    for row in (rows[0], rows[17], rows[35]):
        picture = pixels(decode_image(photos / row["file"]), module.preprocessing)
        with torch.no_grad():
            expected = module.probabilities(module(picture[None]))[0].numpy()
        np.testing.assert_allclose([float(row[f"probability_{label}"]) for label in LABELS], expected, atol=2e-6)
        assert row["predicted"] == LABELS[int(expected.argmax())]
        assert row["error"] == ""


def test_a_corrupt_picture_is_listed_with_the_reason_and_the_others_are_labelled(run, photos, tmp_path, capsys):
    broken = photos / "green" / "green3.png"
    broken.write_bytes(broken.read_bytes()[:150])
    output = tmp_path / "new.csv"
    assert predict(run, photos, "--output", output) == 1
    captured = capsys.readouterr()
    assert "35 of 36 pictures labelled" in captured.out
    assert "1 cannot be read" in captured.err
    assert "Traceback" not in captured.err
    (bad,) = [row for row in read(output) if row["error"]]
    assert bad["file"] == "green/green3.png"
    assert "green3.png" in bad["error"]
    assert bad["predicted"] == bad["probability_red"] == ""


def test_a_table_of_paths_needs_no_labels(run, photos, tmp_path):
    table = tmp_path / "new.csv"
    table.write_text("where\nphotos/red/red1.png\nphotos/blue/blue2.png\n")
    assert predict(run, table, "--image-column", "where", "--output", tmp_path / "said.csv") == 0
    assert [row["file"] for row in read(tmp_path / "said.csv")] == ["photos/red/red1.png", "photos/blue/blue2.png"]


def test_a_file_that_is_there_is_replaced_only_where_that_is_asked_for(run, photos, tmp_path, capsys):
    output = tmp_path / "said.csv"
    output.write_text("corrected by hand")
    assert predict(run, photos, "--output", output) == 2
    error = capsys.readouterr().err
    assert error == f"error: {output} exists; name another file with --output, or replace it with --overwrite\n"
    assert output.read_text() == "corrected by hand"
    assert predict(run, photos, "--output", output, "--overwrite") == 0
    assert len(read(output)) == 36


def test_a_file_name_that_is_no_utf8_is_still_labelled(run, tmp_path):
    folder = tmp_path / "new"
    folder.mkdir()
    Image.new("RGB", (40, 40)).save(tmp_path / "plain.png")
    os.rename(os.fsencode(tmp_path / "plain.png"), os.fsencode(folder) + b"/caf\xe9.png")
    assert predict(run, folder, "--output", tmp_path / "said.csv") == 0
    assert len(read(tmp_path / "said.csv")) == 1


MISTAKES = {
    "no such run": (lambda t: (t / "nowhere", t / "photos", "--output", t / "o.csv"), "model.ckpt"),
    "no such folder": (lambda t: (t / "run", t / "nowhere", "--output", t / "o.csv"), "nowhere"),
    "no pictures": (lambda t: (t / "run", t / "run", "--output", t / "o.csv"), "no pictures"),
    "no such column": (
        lambda t: (t / "run", t / "photos.csv", "--image-column", "imgae", "--output", t / "o.csv"),
        "did you mean 'image'",
    ),
    "output in no folder": (lambda t: (t / "run", t / "photos", "--output", t / "no" / "o.csv"), "--output"),
    "output is a folder": (lambda t: (t / "run", t / "photos", "--output", t / "run"), "--output"),
    "batch size": (lambda t: (t / "run", t / "photos", "--output", t / "o.csv", "--batch-size", "0"), "--batch-size"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_writes_nothing(run, photo_table, tmp_path, capsys, mistake):
    arguments, said = MISTAKES[mistake]
    assert main(["predict", *map(str, arguments(tmp_path))]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "o.csv").exists()


def test_a_file_that_is_no_checkpoint_is_named(run, photos, tmp_path, capsys):
    run.model.write_bytes(b"not a checkpoint")
    assert predict(run, photos, "--output", tmp_path / "o.csv") == 2
    assert "model.ckpt" in capsys.readouterr().err


def table_of(folder, file, names):
    rows = [f"{folder / name},{group}" for name, group in names]
    file.write_text("\n".join(["file,sex", *rows]) + "\n")
    return file


@pytest.fixture
def deciding(tmp_path):
    """A run folder whose model has thresholds by sex: never for f, always for m, drawn where none is given."""

    def write(*thresholds):
        folder = RunFolder.create(tmp_path / "deciding")
        module = ImageClassifier(LABELS[:2], backbone=tiny_backbone())
        module.decide_by(DecisionRule(thresholds, SensitiveFeature("sex", ("f", "m"))))
        trainer = quiet_trainer()
        trainer.strategy.connect(module)
        trainer.save_checkpoint(folder.model, weights_only=True)
        return folder

    return write


def test_a_rule_by_groups_takes_the_group_of_each_picture(deciding, photos, tmp_path, capsys):
    run = deciding(*map(Thresholds.single, (0.9999, 0.0001, 0.0001)))
    table = table_of(photos, tmp_path / "new.csv", [("red/red1.png", "f"), ("red/red1.png", "m"), ("red/red2.png", "")])
    output = tmp_path / "said.csv"
    assert predict(run, table, "--sensitive-column", "sex", "--output", output) == 0
    assert [row["predicted"] for row in read(output)] == ["blue", "green", "green"]
    assert predict(run, table, "--output", tmp_path / "none.csv") == 2
    assert "name it with --sensitive-column" in capsys.readouterr().err
    other = table_of(photos, tmp_path / "other.csv", [("red/red1.png", "x")])
    assert predict(run, other, "--sensitive-column", "sex", "--output", tmp_path / "none.csv") == 2
    assert "no group of 'sex' 'x'" in capsys.readouterr().err
    assert not (tmp_path / "none.csv").exists()


def test_a_drawn_decision_is_the_pictures_own_whatever_it_is_listed_with(deciding, photos, tmp_path):
    even = Thresholds((0.0001,), (0.0, 0.5))
    run = deciding(even, even, even)
    names = [(f"{colour}/{colour}{place}.png", "f") for colour in ("red", "green", "blue") for place in range(12)]
    output = {}
    for name, listed in (("whole", names), ("part", names[::-5])):
        table = table_of(photos, tmp_path / f"{name}.csv", listed)
        assert predict(run, table, "--sensitive-column", "sex", "--output", tmp_path / f"{name}_said.csv") == 0
        output[name] = {row["file"]: row["predicted"] for row in read(tmp_path / f"{name}_said.csv")}
    assert set(output["whole"].values()) == {"blue", "green"}
    assert output["part"].items() <= output["whole"].items()
