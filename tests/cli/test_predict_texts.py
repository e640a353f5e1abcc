"""fairlead predict: labels for new texts, by the model of a run folder."""

import csv
import io

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

from fairlead.cli.main import main
from fairlead.modules import TextClassifier
from fairlead.records import DecisionRule, RunFolder, SensitiveFeature, Thresholds
from tests.fakes.encoders import text_folder
from tests.fakes.texts import write_csv
from tests.fakes.training import quiet_trainer

LABELS = ["blame", "praise"]
TEXTS = ["the service was good", "bad", "he very " * 30, "  ", "a b c", "nan"]


def write_run(folder, rule=None):
    """A run folder with a model whose answers differ, at a temperature that is not 1."""
    run = RunFolder.create(folder / "run")
    torch.manual_seed(0)
    module = TextClassifier(LABELS, backbone=str(text_folder(folder / "bert")))
    torch.nn.init.normal_(module.head.linear.weight, std=0.5)
    module.calibrate(0.5)
    module.decide_by(rule)
    trainer = quiet_trainer()
    trainer.strategy.connect(module)
    trainer.save_checkpoint(run.model, weights_only=True)
    return run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("texts"))


def predict(run, data, output, *arguments):
    code = main(["predict", str(run.path), str(data), "--output", str(output), *map(str, arguments)])
    rows = list(csv.DictReader(io.StringIO(output.read_text(encoding="utf-8")))) if output.exists() else []
    return code, rows


def probabilities(rows):
    return np.array([[float(row[f"probability_{label}"]) for label in LABELS] for row in rows])


def expected(run, texts):
    module = TextClassifier.load_from_checkpoint(run.model, weights_only=True).eval()
    with torch.inference_mode():
        planes = [torch.from_numpy(module.preprocessing.tokens([text]).planes) for text in texts]
        return torch.cat([module.probabilities(module(one)) for one in planes]).numpy()


def test_every_row_of_a_table_is_answered_or_says_why_not(run, tmp_path, capsys):
    table = write_csv(tmp_path / "new.csv", ("said", "other"), [(text, "x") for text in TEXTS])
    code, rows = predict(run, table, tmp_path / "out.csv", "--text-column", "said", "--batch-size", 2)
    assert code == 1
    assert [row["row"] for row in rows] == [f"row {number}" for number in range(1, 7)]
    assert [bool(row["error"]) for row in rows] == [False, False, False, True, False, True]
    whole = [row for row in rows if not row["error"]]
    known = expected(run, [TEXTS[0], TEXTS[1], TEXTS[2].strip(), TEXTS[4]])
    np.testing.assert_allclose(probabilities(whole), known, atol=2e-6)
    assert [row["predicted"] for row in whole] == [LABELS[code] for code in known.argmax(axis=1)]
    told = capsys.readouterr()
    assert "4 of 6 texts labelled" in told.out
    assert "2 cannot be read" in told.err
    assert "1 are longer than what is read" in told.err


def test_each_line_of_a_text_file_is_a_text(run, tmp_path):
    file = tmp_path / "new.txt"
    file.write_bytes("\ufeffgood, he\r\n\r\nbad\u2028very\n".encode())
    code, rows = predict(run, file, tmp_path / "out.csv")
    assert code == 1
    assert [(row["row"], bool(row["error"])) for row in rows] == [
        ("line 1", False),
        ("line 2", True),
        ("line 3", False),
    ]
    np.testing.assert_allclose(
        probabilities([rows[0], rows[2]]), expected(run, ["good, he", "bad\u2028very"]), atol=2e-6
    )


def test_pairs_are_read_together_and_any_table_will_do(run, tmp_path):
    pairs = [("good", "bad"), ("he", "the service")]
    file = tmp_path / "new.parquet"
    parquet.write_table(pyarrow.table({"q": [one for one, _ in pairs], "a": [two for _, two in pairs]}), file)
    given = ("--text-column", "q", "--text-pair-column", "a")
    code, rows = predict(run, file, tmp_path / "out.csv", *given)
    assert code == 0
    np.testing.assert_allclose(probabilities(rows), expected(run, pairs), atol=2e-6)
    assert not np.allclose(probabilities(rows), expected(run, [one for one, _ in pairs]), atol=1e-3)


MISTAKES = {
    "no such file": (lambda t: (t / "nowhere.csv",), "nowhere.csv"),
    "no such column": (lambda t: (t / "new.csv", "--text-column", "txet"), "did you mean 'text'"),
    "a column of pictures": (lambda t: (t / "new.csv", "--image-column", "text"), "--text-column text"),
    "columns of a file of lines": (lambda t: (t / "new.txt", "--text-column", "text"), "no columns"),
    "no text at all": (lambda t: (t / "blank.csv",), "2 of 2 rows"),
    "an empty file": (lambda t: (t / "empty.txt",), "holds no text"),
    "another encoding": (lambda t: (t / "latin.txt",), "no UTF-8 in line 2"),
    "no such format": (lambda t: (t / "new.docx",), ".jsonl"),
    "a group that is not asked for": (lambda t: (t / "new.csv", "--sensitive-column", "text"), "does not decide by"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_writes_nothing(run, tmp_path, capsys, mistake):
    write_csv(tmp_path / "new.csv", ("text",), [("good",)])
    write_csv(tmp_path / "blank.csv", ("text", "n"), [("", "1"), (" ", "2")])
    for name, content in (
        ("new.txt", b"good"),
        ("empty.txt", b"\n\n"),
        ("latin.txt", b"a\ncaf\xe9"),
        ("new.docx", b"x"),
    ):
        (tmp_path / name).write_bytes(content)
    arguments, said = MISTAKES[mistake]
    code, rows = predict(run, *arguments(tmp_path)[:1], tmp_path / "out.csv", *arguments(tmp_path)[1:])
    error = capsys.readouterr().err
    assert (code, rows) == (2, [])
    assert said in error
    assert error.count("\n") == 1


def test_texts_are_not_for_a_model_of_pictures(tmp_path, capsys):
    from fairlead.modules import ImageClassifier
    from tests.fakes.training import tiny_backbone

    run = RunFolder.create(tmp_path / "run")
    trainer = quiet_trainer()
    trainer.strategy.connect(ImageClassifier(LABELS, backbone=tiny_backbone()))
    trainer.save_checkpoint(run.model, weights_only=True)
    table = write_csv(tmp_path / "new.csv", ("text",), [("good",)])
    code, _ = predict(run, table, tmp_path / "out.csv", "--text-column", "text")
    assert code == 2
    assert "this model reads pictures" in capsys.readouterr().err


def test_a_drawn_decision_by_groups_is_the_texts_own_wherever_it_stands(tmp_path):
    even = Thresholds((0.0,), (0.0, 0.5))
    run = write_run(tmp_path, DecisionRule((even, even, even), SensitiveFeature("sex", ("f", "m"))))
    texts = [f"good {'b ' * number}" for number in range(20)]
    first = write_csv(tmp_path / "first.csv", ("text", "sex"), [(text, "f") for text in texts])
    second = write_csv(tmp_path / "second.csv", ("text", "sex"), [(text, "f") for text in texts[::-2]])
    _, whole = predict(run, first, tmp_path / "a.csv", "--sensitive-column", "sex")
    _, part = predict(run, second, tmp_path / "b.csv", "--sensitive-column", "sex")
    assert {row["predicted"] for row in whole} == set(LABELS)
    assert [row["predicted"] for row in part] == [row["predicted"] for row in whole[::-2]]
    lines = tmp_path / "lines.txt"
    lines.write_text("good\n")
    assert predict(run, lines, tmp_path / "c.csv", "--sensitive-column", "sex")[0] == 2
