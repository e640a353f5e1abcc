"""The serving recipe: from a run, past the gate or not, to answers over HTTP."""

import pytest

from fairlead.bundle import Bundle, Predictor
from fairlead.records import RunFolder
from recipes import finetune_image, serve

QUICK = ("--backbone", "random:test_resnet", "--image-size", "32", "--quick", "--epochs", "0", "--sensitive", "tone")


@pytest.fixture(scope="module")
def blocked(tmp_path_factory):
    """A run whose gate blocks: too few rows to settle anything, under a policy that lets nothing such out."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert finetune_image.main([*QUICK, "--policy", str(serve.POLICY), "--output", str(folder)]) == 0
    return folder


def test_what_the_gate_blocks_is_not_served_unless_someone_answers_for_it(blocked, capfd):
    assert serve.main(["--run", str(blocked)]) == 1
    shown = capfd.readouterr()
    assert "the release gate blocks" in shown.err
    assert "answer " not in shown.out
    assert serve.main(["--run", str(blocked), "--override", "a trial", "--by", "A. Person"]) == 0
    shown = capfd.readouterr().out
    bundle = Bundle.open(blocked / "bundle")
    assert bundle.digest in shown
    assert '"a trial", by A. Person' in shown
    lines = [line for line in shown.splitlines() if line.startswith("answer ")]
    assert len(lines) == serve.ASKED
    # What came back over HTTP is what the bundle says in this process.
    rows = serve.run_data(serve.FinetuneOptions.of_run(RunFolder(blocked))).rows
    names = {rows.items.name(index): index for index in range(len(rows))}
    predictor = Predictor.of(bundle)
    for line in lines:
        name, _, said = line.removeprefix("answer").strip().partition(": ")
        answer = predictor.answer(rows.items.content(names[name]))
        assert said.startswith(f"{answer.label} ({max(answer.probabilities.values()):.3f})")
    assert f"fairlead serve {blocked}/bundle --override 'a trial' --by 'A. Person'" in shown


def test_a_reason_without_a_name_is_no_override(capsys):
    assert serve.main(["--override", "a trial"]) == 2
    assert "give --override and --by" in capsys.readouterr().err
