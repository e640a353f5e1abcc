"""fairlead audit: exit codes, evidence, and what it says of mistakes."""

import base64
import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from fairlead.audits import write_predictions
from fairlead.cli.main import main
from fairlead.evidence import Ledger
from fairlead.judgement import FIGURES, Policy, judge
from fairlead.measures import GroupTally
from fairlead.records import Labels, Predictions, RunFolder, SensitiveFeature, Split

pytest.importorskip("ibis")
pytestmark = pytest.mark.filterwarnings("ignore:fetch_.* is deprecated:DeprecationWarning")  # ibis 12 on DuckDB 1.5

N = 4000
LABELS = Labels(("benign", "malignant"))
TONE = SensitiveFeature("tone", ("dark", "light", "medium"))


@pytest.fixture
def table(tmp_path):
    """Predictions that miss half of one group's positives, and none of another feature's."""
    row = np.arange(N)
    target, missed = row % 2, (row % 8 == 3)
    columns = {
        "y": target,
        "p": np.where(missed, 0.4, target * 0.8 + 0.1),
        "sex": np.where(row // 2 % 2, "f", "m"),
        "hand": np.where(row // 16 % 2, "left", "right"),
        "age": 20 + row % 60,
        "patient": row // 3,
        "street": [f"street {place}" for place in row],
        "empty": pa.nulls(N, pa.string()),
        "broken": np.where(row == 7, np.nan, 0.5),
        "logit": row / 100 - 20,
    }
    file = tmp_path / "said.parquet"
    parquet.write_table(pa.table(columns), file)
    return file


def audit(table, folder, *arguments, sensitive=("sex",)):
    named = [text for name in sensitive for text in ("--sensitive", name)]
    flags = ["--target", "y", "--prediction", "p", "--threads", "1"]
    return main(["audit", str(table), *flags, *named, "--output", str(folder), *map(str, arguments)])


def evidence(folder):
    return json.loads((folder / "evidence.json").read_text(encoding="utf-8"))


def verdicts(folder):
    return {(one["figure"], one["feature"]): one["verdict"] for one in evidence(folder)["findings"]}


def test_a_planted_gap_blocks_and_is_told(table, tmp_path, capsys):
    assert audit(table, tmp_path / "out") == 1
    shown = capsys.readouterr().out
    assert "gate: blocked" in shown
    assert "blocked by FAIR-003 true_positive_rate_difference, sex: flagged" in shown
    assert "4000 rows (test); classes: 0, 1 (positive: 1)" in shown
    assert verdicts(tmp_path / "out")["true_positive_rate_difference", "sex"] == "flagged"
    gate = evidence(tmp_path / "out")["gate"]
    assert (gate["passes"], gate["override"]) == (False, None)
    assert gate["blocked_by"] == [
        line.removeprefix("blocked by ") for line in shown.splitlines() if "blocked by" in line
    ]


def test_without_a_gap_the_gate_passes(table, tmp_path, capsys):
    assert audit(table, tmp_path / "out", sensitive=["hand"]) == 0
    assert "gate: passes" in capsys.readouterr().out
    found = evidence(tmp_path / "out")
    assert found["schema"] == 1
    assert found["gate"] == {"passes": True, "blocked_by": [], "override": None}
    assert set(verdicts(tmp_path / "out").values()) == {"clear"}
    assert len(Ledger.from_dict(found)) == 3


def test_an_override_passes_and_stands_in_the_evidence(table, tmp_path, capsys):
    assert audit(table, tmp_path / "out", "--override", "pilot of ten", "--by", "A. Person") == 0
    assert "override of A. Person" in capsys.readouterr().out
    found = evidence(tmp_path / "out")
    assert found["gate"]["override"]["reason"] == "pilot of ten"
    assert found["gate"]["blocked_by"]
    assert found["findings"][-1]["code"] == "FAIR-900"


def test_an_override_that_is_not_needed_is_not_used(table, tmp_path):
    assert audit(table, tmp_path / "out", "--override", "why", "--by", "A", sensitive=["hand"]) == 0
    assert evidence(tmp_path / "out")["gate"]["override"] is None


def test_the_policy_decides_what_is_judged_and_what_blocks(table, tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text("limits:\n  accuracy_difference: {most: 0.3, rows: 20}\n  auc_difference: 0.5\n")
    assert audit(table, tmp_path / "out", "--policy", policy) == 0
    assert verdicts(tmp_path / "out") == {
        ("accuracy_difference", "sex"): "clear",
        ("auc_difference", "sex"): "clear",
    }
    policy.write_text("limits: {accuracy_difference: {most: 0.3, rows: 5000}}\nblock: [flagged, insufficient]\n")
    assert audit(table, tmp_path / "two", "--policy", policy) == 1
    assert verdicts(tmp_path / "two") == {("accuracy_difference", "sex"): "insufficient"}


def test_bins_intersections_and_clusters(table, tmp_path):
    flags = ["--bins", "age=40,60", "--intersect", "sex", "age", "--cluster", "patient"]
    assert audit(table, tmp_path / "out", *flags) == 1
    assert {feature for _, feature in verdicts(tmp_path / "out")} == {"sex", "sex x age"}
    assert "effective rows of clusters" in json.dumps(evidence(tmp_path / "out"))


def test_a_constant_feature_is_not_applicable_and_does_not_pass(table, tmp_path, capsys):
    rows = parquet.read_table(table)
    parquet.write_table(rows.append_column("one", pa.array(["x"] * N)), table)
    assert audit(table, tmp_path / "out", sensitive=["one"]) == 1
    assert "no figure was judged" in capsys.readouterr().out
    assert set(verdicts(tmp_path / "out").values()) == {"not_applicable"}


def predictions(seed, rows):
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    return Predictions(
        np.stack([1 - score, score], axis=1),
        (rng.random(rows) < score).astype(np.int64),
        np.arange(rows),
        LABELS,
        rng.integers(0, 3 if seed else 4, (rows, 1)),
        (TONE,),
    )


def test_the_predictions_of_a_run_folder_give_what_the_run_itself_would_find(tmp_path, capsys):
    parts = {Split.VAL: predictions(0, 90), Split.TEST: predictions(1, 700)}
    file = tmp_path / "predictions.parquet"
    write_predictions(file, parts, lambda row: f"{row}.png")
    flags = ["--target", "target", "--prediction", "predicted", "--sensitive", "tone", "--split", "test"]
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "limits: {true_positive_rate_difference: 0.1, selection_rate_difference: 0.1, auc_difference: 0.2}"
    )
    code = main(
        ["audit", str(file), *flags, "--policy", str(policy), "--output", str(tmp_path / "out"), "--threads", "1"]
    )
    test = parts[Split.TEST]
    expected = judge([GroupTally.of(test, ["tone"])], Policy.from_file(policy), "test")
    assert code in (0, 1)
    assert Ledger.from_dict(evidence(tmp_path / "out")) == expected
    assert "700 rows (test); classes: benign, malignant (positive: malignant)" in capsys.readouterr().out


def test_findings_on_another_split_do_not_open_the_gate(tmp_path, capsys):
    file = tmp_path / "predictions.parquet"
    write_predictions(file, {Split.VAL: predictions(0, 500)}, lambda row: f"{row}.png")
    flags = ["--target", "target", "--prediction", "predicted", "--sensitive", "tone", "--split", "val"]
    assert main(["audit", str(file), *flags, "--output", str(tmp_path / "out")]) == 1
    assert "the gate reads test findings alone" in capsys.readouterr().out


MISTAKES = {
    "no such table": (["nowhere.parquet"], [], "no file or folder"),
    "no such column": (None, ["--sensitive", "sxe"], "did you mean 'sex'? Name one of: y, p, sex, hand, age, patient"),
    "no such figure": (
        None,
        ["--policy", "bad.yaml"],
        f"? Name one of: {', '.join(figure.name for figure in FIGURES)}",
    ),
    "all missing": (None, ["--sensitive", "empty"], "has no value in any row; name another column"),
    "thousands of values": (
        None,
        ["--sensitive", "street"],
        "more than 256 different values; an audit takes at most 256 groups: name a coarser column with --sensitive",
    ),
    "predictions that are no numbers": (
        None,
        ["--prediction", "broken"],
        "1 of 4000 rows of said.parquet have a prediction in broken that is not a number (NaN); mend the model and",
    ),
    "predictions off the range": (
        None,
        ["--prediction", "logit"],
        "no probability from 0 to 1 (they reach from -20 to 19.99); apply the sigmoid",
    ),
    "no such policy": (None, ["--policy", "none.yaml"], "none.yaml"),
    "continuous": (None, ["--sensitive", "age"], "--bins age="),
    "bins without edges": (None, ["--bins", "age"], "--bins takes a column and its edges"),
    "override without a name": (None, ["--override", "why"], "states its name"),
    "override without a reason": (None, ["--by", "A. Person"], "states its reason"),
    "threshold": (None, ["--threshold", "50"], "threshold"),
    "threads": (None, ["--threads", "0"], "--threads"),
    "memory": (None, ["--memory", "plenty"], "2GB"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_message_and_writes_nothing(table, tmp_path, monkeypatch, capsys, mistake):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.yaml").write_text("limits: {acuracy_difference: 0.1}")
    path, arguments, said = MISTAKES[mistake]
    assert audit((path or [table])[0], tmp_path / "out", *arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert said in error
    assert not (tmp_path / "out").exists()


def test_evidence_is_never_overwritten(table, tmp_path, capsys):
    assert audit(table, tmp_path / "out", sensitive=["hand"]) == 0
    before = (tmp_path / "out" / "evidence.json").read_bytes()
    assert audit(table, tmp_path / "out") == 2
    assert "never overwritten" in capsys.readouterr().err
    assert (tmp_path / "out" / "evidence.json").read_bytes() == before
    assert audit(table, table) == 2
    assert "is a file" in capsys.readouterr().err


def test_a_flag_that_is_missing_is_misuse(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["audit", "said.parquet"])
    assert ended.value.code == 2
    assert "target" in capsys.readouterr().err


def test_the_audit_of_a_table_needs_neither_torch_nor_pandas(table, tmp_path):
    script = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in {'torch', 'lightning', 'timm', 'pandas', 'sklearn', 'matplotlib'}:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from fairlead.cli.main import main\n"
        "print(main(sys.argv[1:]))\n"
    )
    flags = ["--target", "y", "--prediction", "p", "--sensitive", "hand", "--output", str(tmp_path / "out")]
    done = subprocess.run(
        [sys.executable, "-c", script, "audit", str(table), *flags], capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines()[-1:] == ["0"], done.stderr
    assert "no groups.png, for matplotlib is not installed; pip install matplotlib" in done.stdout


def test_the_groups_are_drawn_counted_and_shown_in_the_report(table, tmp_path):
    audit(table, tmp_path / "out")
    out = RunFolder(tmp_path / "out")
    assert base64.b64encode(out.groups.read_bytes()).decode() in out.report.read_text(encoding="utf-8")
    content = json.loads(out.tallies.read_text())
    assert content["fewest_shown"] == 10
    for feature in content["tallies"]["test"]:
        assert GroupTally.from_dict(feature).rows.sum() == parquet.read_metadata(table).num_rows
    assert "# out" in out.card.read_text(encoding="utf-8")
