"""card.md is what Hugging Face reads, and says what the evidence says."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

from fairlead.cli.main import main
from fairlead.evidence import Estimate, Finding, Ledger, Limit, Verdict
from fairlead.judgement import Policy, ReleaseGate, judge
from fairlead.measures import FeatureGroups, GroupTally, written_tallies
from fairlead.records import Labels, RunFolder
from fairlead.report import RunRecord, write_card, write_report

NASTY = "a: b # c|d 'e' \"f\" *g* `h` <b>\n---\n\u202e\u2028\x85$x$ ![i](j) 日本 🎌"
LABELS = Labels(("no", "yes"))


def tally(feature, cells):
    """A tally of {group: (positives, found, negatives, taken)}."""
    by, columns = FeatureGroups(feature, tuple(cells)), ([], [], [])
    for code, (positives, found, negatives, taken) in enumerate(cells.values()):
        columns[0].extend([code] * (positives + negatives))
        columns[1].extend([1] * positives + [0] * negatives)
        columns[2].extend(np.arange(positives) < found)
        columns[2].extend(np.arange(negatives) < taken)
    return GroupTally.count(by, LABELS, *(np.array(column, dtype=np.int64) for column in columns))


def write(folder, tallies, fewest=10, name="model"):
    """What a run leaves of these counts."""
    run = RunFolder(folder / name)
    run.path.mkdir()
    ledger = judge(tallies, Policy.default(), "test", fewest_shown=fewest)
    decision = ReleaseGate.of(Policy.default()).decide(ledger)
    run.write_json(run.evidence, ledger.to_dict() | {"gate": decision.to_dict()})
    run.write_json(run.tallies, written_tallies({"test": tallies}, fewest))
    accuracy = Estimate(0.8765, 0.8123, 0.9234, 0.95, 120, "exact").to_dict()
    figures = {
        "accuracy": accuracy,
        "f1_macro": accuracy | {"value": 0.85},
        "log_loss": accuracy | {"value": 1e-7, "low": 1e-9},
        "ece": None,
    }
    run.write_json(run.metrics, {"rows": {"train": 160, "test": 120}, "test": figures, "won": "probe"})
    backbone = {"architecture": "resnet18", "origin": "hub timm/resnet18.a1_in1k", "sha256": "ab"}
    run.write_json(run.environment, {"backbone": backbone, "seed": 0, "versions": {"fairlead": "0.1"}})
    return run


@pytest.fixture
def run(tmp_path):
    return write(tmp_path, [tally("sex", {"f": (400, 301, 400, 37), "m": (300, 290, 300, 21)})])


def test_hugging_face_reads_the_head_and_its_numbers_are_those_of_the_run(run):
    write_report(run)
    data = ModelCard(run.card.read_text(encoding="utf-8")).data
    assert (data.library_name, data.pipeline_tag) == ("fairlead", "image-classification")
    assert data.base_model == "timm/resnet18.a1_in1k"
    assert data.license is None
    assert data.metrics == ["accuracy", "f1", "log_loss"]
    metrics = json.loads(run.metrics.read_text())["test"]
    head = yaml.safe_load(run.card.read_text(encoding="utf-8").split("---\n")[1])
    name, results = model_index_to_eval_results(head["model-index"])
    assert name == "model"
    measured = [metrics[figure] for figure in ("accuracy", "f1_macro", "log_loss")]
    assert [result.metric_value for result in results] == [figure["value"] for figure in measured]
    assert results[0].metric_args == {key: value for key, value in metrics["accuracy"].items() if key != "value"}


def test_the_body_says_what_the_evidence_says(run):
    write_report(run)
    body = ModelCard(run.card.read_text(encoding="utf-8")).text
    evidence = json.loads(run.evidence.read_text())
    for finding in evidence["findings"]:
        line = next(line for line in body.splitlines() if line.startswith(f"| {finding['code']} |"))
        estimate = Estimate.from_dict(finding["estimate"])
        for told in (finding["verdict"], f"{estimate.value:.3f}", f"{estimate.low:.3f}", f"| {estimate.rows} |"):
            assert told in line
    for told in (
        "gate: blocked",
        "## What was not tested",
        "| test | 120 |",
        "0.752 ",
        "400 rows",
        "**To be written by you:** who may",
    ):
        assert told in body


@pytest.mark.parametrize("character", ["", "\ud800"])
def test_hostile_names_stay_text(character):
    name = NASTY + character
    limit, found = Limit(0.1), Estimate(0.25, 0.2, 0.3, 0.95, 917, "exact")
    finding = Finding("FAIR-003", "x", "test", Verdict.FLAGGED, name, None, found, limit, None, name)
    ledger = Ledger((finding,))
    accuracy = {"accuracy": Estimate(0.9, 0.8, 0.95, 0.95, 60, "exact")}
    model = {"Backbone": name, "Weights": f"hub {name}"}
    decision = ReleaseGate.of(Policy.default()).decide(ledger)
    text = write_card(RunRecord(name, ledger, decision, {}, accuracy, model, {}))
    head = yaml.safe_load(text.split("\n---\n")[0].removeprefix("---\n"))
    assert (head["model-index"][0]["name"], head["base_model"]) == (name, name)
    assert ModelCard(text).data.model_name == name
    body = text.split("\n---\n", 1)[1]
    assert not re.search(r"<b>|\n---|\u202e|(?<!\\)[`$]", body)
    rows = [line for line in body.splitlines() if line.startswith("| FAIR-003")]
    assert len(rows) == 1
    assert len(re.findall(r"(?<!\\)\|", rows[0])) == 9


def test_an_audit_of_a_table_claims_no_task(run):
    run.metrics.unlink()
    run.environment.unlink()
    write_report(run)
    head = ModelCard(run.card.read_text(encoding="utf-8")).data.to_dict()
    assert head == {"tags": ["fairlead"]}


SMALL = {"f": (403, 301, 401, 37), "m": (307, 290, 305, 21), "x": (59, 46, 61, 19), "y": (71, 52, 73, 17)}


def texts(folder):
    return [(folder / name).read_text(encoding="utf-8") for name in ("report.html", "card.md")]


def test_a_small_group_and_what_gives_it_away_are_in_neither_text(tmp_path, capsys):
    run = write(tmp_path, [tally("sex", SMALL)])
    run.groups.write_bytes(b"\x89PNG")
    assert main(["report", str(run.path)]) == 0
    for text in texts(run.path):
        assert "0.780 " in text  # 46 / 59
        assert "59 rows" in text
    assert "of every group" in texts(run.path)[0]
    assert main(["report", str(run.path), "--fewest-shown", "60"]) == 0
    assert "card.md" in capsys.readouterr().out
    # x, and y, the next smallest, which would give it away; and the gaps that x is the end of
    for text in texts(run.path):
        for found, rows in ((46, 59), (19, 61), (65, 120), (52, 71), (17, 73), (69, 144)):
            assert f"{found / rows:.3f}" not in text
            assert f"{rows} rows" not in text
        assert f"{301 / 403:.3f}" in text
        assert "not shown" in text
        assert "of every group" not in text
        for finding in json.loads(run.evidence.read_text())["findings"][:1]:
            assert f"{finding['estimate']['value']:.3f}" not in text
            assert finding["verdict"] in text


def test_positives_cannot_be_had_from_rows_less_negatives(tmp_path):
    cells = {"f": (400, 301, 400, 37), "m": (300, 290, 300, 21), "x": (3, 2, 97, 13), "y": (70, 52, 70, 17)}
    run = write(tmp_path, [tally("sex", cells)])
    write_report(run)
    for text in texts(run.path):
        assert "97 rows" not in text
        assert "100 rows" not in text
        assert "140 rows" not in text  # the next smallest


def test_a_picture_of_another_split_is_held_to_the_same(tmp_path):
    run = write(tmp_path, [tally("sex", SMALL)])
    run.groups.write_bytes(b"\x89PNG")
    run.write_json(run.tallies, written_tallies({"val": [tally("sex", SMALL)]}, 60))
    record = RunRecord.read(run)
    assert (record.picture_withheld, dict(record.pictures), record.groups) == (True, {}, ())


def test_an_intersection_with_a_small_group_is_left_out_whole(tmp_path):
    both = {
        "f x o": (300, 200, 350, 30),
        "f x y": (100, 101 - 1, 50, 7),
        "m x o": (4, 2, 60, 7),
        "m x y": (296, 288, 240, 14),
    }
    run = write(
        tmp_path, [tally("sex", {"f": (400, 301, 400, 37), "m": (300, 290, 300, 21)}), tally("sex x age", both)]
    )
    record = RunRecord.read(run)
    assert [len(table.rows) for table in record.groups] == [2, 0]
    assert record.groups[1].hidden == tuple(both)


def test_fewer_than_at_the_audit_shows_no_more(tmp_path):
    run = write(tmp_path, [tally("sex", SMALL)], fewest=60)
    assert RunRecord.read(run, 1).fewest == 60
    assert RunRecord.read(run, 1).groups[0].hidden == ("x", "y")


def test_without_tallies_nothing_can_be_suppressed_and_that_is_said(run, capsys):
    run.tallies.unlink()
    assert main(["report", str(run.path), "--fewest-shown", "20"]) == 2
    assert "leave out --fewest-shown" in capsys.readouterr().err
    assert main(["report", str(run.path), "--fewest-shown", "0"]) == 2
    assert main(["report", str(run.path)]) == 0


def test_a_mitigation_is_told_before_and_after(tmp_path):
    run = write(tmp_path, [tally("sex", SMALL)])
    was, now = Estimate(0.8111, 0.7, 0.9, 0.95, 804, "exact"), Estimate(0.8222, 0.7, 0.9, 0.95, 804, "exact")
    change = Estimate(0.0111, -0.02, 0.03, 0.95, 804, "paired")
    figures = {"before": was.to_dict(), "after": now.to_dict(), "change": change.to_dict(), "suppressed": False}
    told = json.loads(run.evidence.read_text())["findings"]
    groups = [{"feature": "sex", "group": group, **figures} for group in ("f", "x")]
    none = {"feature": "sex", "group": "y", "before": None, "after": None, "change": None, "suppressed": True}
    content = {
        "schema": 1,
        "split": "test",
        "accuracy": {"feature": None, "group": None, **figures},
        "groups": [*groups, none],
        "findings": {"before": told, "after": told},
        "method": "thresholds",
        "rows": 40,
        "chosen_on": "calibration",
    }
    run.write_json(run.mitigation, content)
    write_report(run)
    shown = texts(run.path)
    for text in shown:
        for part in (
            "Accuracy before and after the mitigation",
            "0.811 [0.700, 0.900]",
            "+0.011 [-0.020, +0.030]",
            "on 40 calibration",
        ):
            assert part in text
        assert text.count("+0.011") == 3
    write_report(run, fewest=60)
    assert [text.count("+0.011") for text in texts(run.path)] == [2, 2]
    run.write_json(run.mitigation, content | {"schema": 2})
    assert main(["report", str(run.path)]) == 2


def test_a_folder_that_cannot_be_read_or_written_is_told(run, capsys):
    run.evidence.unlink()
    run.evidence.mkdir()
    assert main(["report", str(run.path)]) == 2
    run.evidence.rmdir()
    assert "holds no evidence.json" in capsys.readouterr().err
    run.evidence.write_text('{"schema": 1, "findings": [], "gate": {"passes": false, "blocked_by": []}}')
    (run.path / "report.html").mkdir()
    assert main(["report", str(run.path)]) == 2
    assert "name a folder of yours with --output" in capsys.readouterr().err


def test_a_card_needs_neither_torch_nor_the_hub(run):
    code = (
        "import sys; from fairlead.cli.main import main; code = main(['report', sys.argv[1]]); "
        "sys.exit(code or 3 * any(name in sys.modules for name in ('torch', 'huggingface_hub', 'matplotlib')))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run.path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_groups_that_tie_are_told_to_tie(tmp_path):
    run = write(tmp_path, [tally("hand", {"left": (400, 300, 400, 40), "right": (400, 300, 400, 40)})])
    write_report(run)
    for text in texts(run.path):
        assert "(all groups 0.750)" in text
        assert "left 0.750" not in text


def test_numbers_are_told_of_a_tie_of_the_worst_group_alone():
    one = tally("hand", {"left": (400, 300, 400, 100), "right": (400, 300, 400, 100)})
    found = judge([one], Policy.from_mapping({"limits": {"worst_group_error_rate": 0.1}}), "test")
    assert "(left 0.250)" in found.findings[0].remedy
