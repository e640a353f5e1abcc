"""fairlead monitor compact and forget: from what was answered to an audit of it, and to nothing left of it."""

import json
import shlex

import numpy as np
import pytest

pytest.importorskip("duckdb")

from pyarrow import parquet

from fairlead.bundle import Bundle
from fairlead.cli.boundary import clearly
from fairlead.cli.main import main
from fairlead.cli.monitor_log import run_compact, run_forget, run_monitor_log
from fairlead.measures import GroupTally
from fairlead.measures.group_tally import BINS
from fairlead.monitoring import RequestLog
from fairlead.records import Feedback, Observation
from tests.fakes.bundles import graph, tiny_bundle

pytestmark = pytest.mark.filterwarnings("ignore:fetch_.* is deprecated:DeprecationWarning")  # ibis 12 on DuckDB 1.5
ROWS = 600


def bundle_of(folder, labels):
    def change(files):
        files["labels.json"] = json.dumps(labels).encode()
        files["model.onnx"] = graph(classes=len(labels)).SerializeToString()

    return Bundle.open(tiny_bundle(folder, change=change, task="binary" if len(labels) == 2 else "multiclass"))


def traffic(bundle, *, told=0.6, seed=0):
    """A week of answers, one group's positives missed more often, and the labels of some."""
    drawn, labels = np.random.default_rng(seed), bundle.labels
    answers, feedback = [], []
    for number in range(ROWS):
        shares = drawn.dirichlet(np.ones(len(labels)))
        true, sex = int(drawn.choice(len(labels), p=shares)), str(drawn.choice(["f", "m"]))
        said = 0 if sex == "f" and drawn.random() < 0.3 else int(shares.argmax())
        name, time = f"r{number // 2}/{number % 2}", 1e9 + number * 500.0
        answers.append(
            Observation(
                *(name, time, bundle.digest, labels[said], tuple(map(float, shares))),
                {"input.brightness": float(drawn.random()), "input.length": 3.0},
                {"sex": sex if number % 50 else None},
                leads=number % 2 == 0,
            )
        )
        if drawn.random() < told:
            feedback.append(Feedback(name, time + float(drawn.exponential(86_400)), labels[true]))
    return answers, feedback


def logged(folder, answers, feedback):
    with RequestLog(folder, segment_bytes=100_000) as log:
        for place in range(0, len(answers), 100):
            log.write(answers[place : place + 100])
    with RequestLog(folder) as late:
        late.write([], sorted(feedback, key=lambda one: one.time))
    return folder


def compact(log, bundle, target, *more):
    return clearly(run_compact)([str(log), "--bundle", str(bundle.path), "--output", str(target), *more])


LABELS = [["1", "10"], ['say "x"', "it's; rm -rf $HOME"], ["10", "9", "1"]]


@pytest.mark.parametrize("names", LABELS, ids=["numbers", "quotes", "three"])
def test_last_weeks_traffic_is_audited_as_its_rows_are_counted(tmp_path, capsys, names):
    bundle = bundle_of(tmp_path / "bundle", names)
    answers, feedback = traffic(bundle)
    log = logged(tmp_path / "log", answers, feedback)
    assert compact(log, bundle, tmp_path / "last week.parquet") == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert f"{ROWS} answers of {bundle.digest[:12]}, {len(feedback)} with a label" in printed.out
    command = next(line.removeprefix("audit ").strip() for line in printed.out.splitlines() if line.startswith("audit"))
    words = shlex.split(command)
    assert words[0] == "fairlead"
    policy = tmp_path / "policy.yaml"
    figure = "accuracy_difference" if len(names) > 2 else "auc_difference"
    policy.write_text(json.dumps({"limits": {figure: 0.1}}))
    assert main([*words[1:], "--threads", "1", "--policy", str(policy), "--fewest-shown", "1"]) in {0, 1}
    written = json.loads((tmp_path / "last week-audit" / "tallies.json").read_text(encoding="utf-8"))
    (tally,) = [GroupTally.from_dict(one) for one in written["tallies"]["test"]]
    counts, scores = by_hand(answers, feedback, names)
    assert tally.by.groups == ("f", "m")
    np.testing.assert_array_equal(tally.counts, counts)
    assert (tally.scores is None) == (len(names) > 2)
    if tally.scores is not None:
        np.testing.assert_array_equal(tally.scores, scores)


def by_hand(answers, feedback, names):
    """Counts of (group, truth, said) and of (group, truth, bin of the second class), what is not known last."""
    truth = {one.id: names.index(one.label) for one in feedback}
    counts = np.zeros((3, len(names) + 1, len(names)), dtype=np.int64)
    scores = np.zeros((3, len(names) + 1, BINS), dtype=np.int64)
    for one in answers:
        slot, true = {"f": 0, "m": 1, None: 2}[one.groups["sex"]], truth.get(one.id, -1)
        counts[slot, true, names.index(one.predicted)] += 1
        scores[slot, true, min(int(one.probabilities[1] * BINS), BINS - 1)] += 1
    return counts, scores


def test_what_is_left_out_is_told(tmp_path, capsys):
    bundle = bundle_of(tmp_path / "bundle", ["cat", "dog"])
    answer = Observation("r1", 1.0, bundle.digest, "cat", (0.75, 0.25), {}, {"target": "a"})
    other = Observation("r9", 1.0, "cd34" * 16, "cat", (1.0,))
    odd = Observation("r8", 1.0, bundle.digest, "fox", (1.0,))
    twice = [Observation("r2", 1.0, bundle.digest, "cat", (0.75, 0.25))] * 2
    told = [Feedback("r1", 2.0, label) for label in ("cat", "dog", "fox")] + [Feedback("gone", 2.0, "cat")]
    log = logged(tmp_path / "log", [answer, other, odd, *twice], told)
    cut = next(log.glob("*.jsonl"))
    lines = len(cut.read_text().splitlines())
    with cut.open("a") as file:
        file.write('{"kind":')
    assert compact(log, bundle, tmp_path / "log.parquet") == 0
    said = capsys.readouterr()
    for line in (
        "1 answers were told different labels; the first is kept",
        "1 ids were answered more than once",
        "1 labels are of no answer of this model",
        "1 labels are no class of this model (cat, dog)",
        "1 records are not such as this model answers",
        "1 answers of other models were left out (cd34cd34cd34)",
        "1 lines hold no record",
        f":{lines + 1}: cut off",
        "the feature 'target' is the column 'group.target'",
    ):
        assert line in said.err
    assert "3 answers of" in said.out
    assert "--sensitive group.target" in said.out


@pytest.mark.parametrize(("feedback", "groups", "said"), [((), {"sex": "f"}, "/feedback"), (None, {}, "no sensitive")])
def test_where_nothing_can_be_audited_yet_that_is_said(tmp_path, capsys, feedback, groups, said):
    bundle = bundle_of(tmp_path / "bundle", ["cat", "dog"])
    told = [Feedback("r1", 2.0, "cat")] if feedback is None else []
    log = logged(tmp_path / "log", [Observation("r1", 1.0, bundle.digest, "cat", (0.75, 0.25), {}, groups)], told)
    assert compact(log, bundle, tmp_path / "log.parquet") == 0
    assert said in capsys.readouterr().out


def test_misuse_is_named_before_anything_is_read(tmp_path, capsys):
    bundle = bundle_of(tmp_path / "bundle", ["cat", "dog"])
    (tmp_path / "there.parquet").write_text("mine")
    for target, said in (
        ("log.csv", "let its name end in .parquet"),
        ("there.parquet", "there.parquet exists"),
        ("gone/log.parquet", "there is no folder"),
        ("log.parquet", "there is no request log"),
    ):
        assert compact(tmp_path / "log", bundle, tmp_path / target) == 2
        assert said in capsys.readouterr().err
    assert (tmp_path / "there.parquet").read_text() == "mine"
    assert clearly(run_monitor_log)(["compct"]) == 2
    assert "did you mean 'compact'" in capsys.readouterr().err
    assert clearly(run_forget)([str(tmp_path)]) == 2
    assert "with --id" in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["compact", "forget"])
def test_help_teaches(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        run_monitor_log([verb, "--help"])
    assert ended.value.code == 0
    assert f"fairlead monitor {verb}" in capsys.readouterr().out


def test_what_is_forgotten_is_in_no_table_made_after(tmp_path, capsys):
    bundle = bundle_of(tmp_path / "bundle", ["cat", "dog"])
    answers = [Observation(name, 1.0, bundle.digest, "cat", (0.75, 0.25)) for name in ("r1/0", "r1/1", "r2", "say 'x'")]
    log = logged(tmp_path / "log", answers, [Feedback("r1/1", 2.0, "dog"), Feedback("r2", 2.0, "dog")])
    assert run_monitor_log(["forget", str(log), "--id", "r1", "--id", "say 'x'"]) == 0
    said = capsys.readouterr().out
    assert "4 lines and 0 inputs deleted, 2 segments written anew" in said
    assert "compact anew" in said
    assert run_monitor_log(["forget", str(log), "--id", "r1", "--id", "r2"]) == 1
    assert "not found: 'r1'" in capsys.readouterr().err
    logged(log, answers[3:], [])
    assert compact(log, bundle, tmp_path / "log.parquet") == 0
    assert parquet.read_table(tmp_path / "log.parquet")["id"].to_pylist() == ["say 'x'"]
