"""What a request log says of a model, by the command line."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fairlead.bundle import Bundle
from fairlead.cli.main import main
from fairlead.monitoring import RequestLog, Watch, WatchSettings, save_watch
from fairlead.records import Feedback, Observation
from tests.fakes.bundles import graph, tiny_bundle
from tests.fakes.traffic import LABELS, World, items, labels_of, observed, reference

Records = Sequence[Observation | Feedback]


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle with the world's reference."""
    known, tallies = reference()

    def change(files: dict[str, bytes]) -> None:
        files["labels.json"] = json.dumps(list(LABELS)).encode()
        files["model.onnx"] = graph(classes=2).SerializeToString()
        counted = {"schema": 1, "split": "calibration", "tallies": [tally.to_dict() for tally in tallies]}
        files["reference/tallies.json"] = json.dumps(counted).encode()
        files["reference/scores.json"] = json.dumps(known.to_dict()).encode()

    return Bundle.open(tiny_bundle(tmp_path / "bundle", change=change, task="binary"))


def _traffic(bundle: Bundle, changed: World, *, calm: int = 300, later: int = 700) -> list[Observation | Feedback]:
    drawn = items(World(), calm, 1) + items(changed, later, 2)
    seen = [replace(one, model=bundle.digest) for one in observed(drawn)]
    told = labels_of(drawn, seen)
    return [record for start in range(0, len(seen), 50) for record in (*seen[start : start + 50], *told[start:][:50:5])]


def _log(folder: Path, records: Records) -> Path:
    with RequestLog(folder, segment_bytes=100_000) as log:
        for record in records:
            if isinstance(record, Observation):
                log.write([record])
            else:
                log.write(feedback=[record])
    return folder


def _watch(bundle: Bundle, records: Records, **settings: object) -> Watch:
    """What the service would have kept, one record after the other."""
    watch = Watch.of(bundle, WatchSettings(**settings))  # type: ignore[arg-type]
    for record in records:
        if isinstance(record, Observation):
            watch.add([record])
        else:
            watch.told([record])
    return watch


def test_a_calm_log(tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    log = _log(tmp_path / "log", _traffic(bundle, World()))
    assert main(["monitor", str(log), "--bundle", str(bundle.path)]) == 0
    said = capsys.readouterr().out
    assert "none of 6 monitors raised one" in said
    assert "at most 0.05" in said
    assert "1000 in 1000 requests, 2001-09-09 01:46:40 UTC to" in said
    assert "feedback joined 200" in said
    assert "sex f: " in said
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".json"] == []


def test_a_replay_says_what_the_service_said(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    records = _traffic(bundle, World(brightness=1.5))
    log, out = _log(tmp_path / "log", records), tmp_path / "out"
    assert main(["monitor", str(log), "--bundle", str(bundle.path), "--output", str(out)]) == 1
    said = capsys.readouterr().out
    assert "DRIFT-004 input.brightness: a property of the inputs is distributed otherwise" in said
    assert "raised at item 3" in said
    assert "that raise it" in said
    assert "withheld: an alarm of drift stands" in said
    live = _watch(bundle, records).report().to_dict()
    assert json.loads((out / "watch.json").read_text()) == json.loads(json.dumps(live))


def test_states_of_replicas_are_added_up(tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for number in range(2):
        files.append(tmp_path / f"state{number}")
        save_watch(_watch(bundle, _traffic(bundle, World()), bucket_seconds=60.0), files[-1])
    assert main(["monitor", "--state", *map(str, files), "--bundle", str(bundle.path)]) == 0
    assert "2000 in 2000 requests" in (said := capsys.readouterr().out)
    assert "added up over 2 replicas" in said
    assert main(["monitor", "--state", str(files[0]), "--bundle", str(bundle.path)]) == 0
    assert "replicas" not in capsys.readouterr().out


def test_misuse_is_said_and_exits_with_2(tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]) -> None:
    empty, state, where = tmp_path / "empty", tmp_path / "state", str(bundle.path)
    empty.mkdir()
    save_watch(_watch(bundle, []), state)
    for arguments, said in (
        ([], "name either request logs or, with --state, saved states"),
        ([str(empty), "--state", str(state)], "not both"),
        ([str(tmp_path / "no")], "there is no request log"),
        ([str(empty)], "holds no segment"),
        (["--state", str(tmp_path / "no")], "cannot be read"),
        (["--state", str(state), str(state)], "given twice"),
        (["--state", str(state), "--alpha", "0.1"], "has its own --alpha"),
        ([str(empty), "--alpha", "2"], "alpha lies between 0 and 1"),
        ([str(empty), "--output", str(state)], "is a file"),
    ):
        assert main(["monitor", *arguments, "--bundle", where]) == 2
        assert said in capsys.readouterr().err.replace("\n", " ")


def test_verbs_on_logs_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[list[str]] = []
    module = types.ModuleType("fairlead.cli.monitor_log")
    module.run_monitor_log = lambda arguments: passed.append(arguments) or 0  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fairlead.cli.monitor_log", module)
    assert main(["monitor", "compact", "LOG"]) == 0
    assert main(["monitor", "forget", "r1"]) == 0
    assert passed == [["compact", "LOG"], ["forget", "r1"]]


def test_a_replay_watches_the_features_that_the_service_did(tmp_path: Path, bundle: Bundle) -> None:
    records = [
        replace(record, groups={}) if isinstance(record, Observation) else record
        for record in _traffic(bundle, World())
    ]
    log, out = _log(tmp_path / "log", records), tmp_path / "out"
    assert main(["monitor", str(log), "--bundle", str(bundle.path), "--output", str(out)]) == 0
    live = _watch(bundle, records, features=()).report().to_dict()
    assert "error" in {monitor["name"] for monitor in live["drift"]}
    assert "error.sex=f" not in {monitor["name"] for monitor in live["drift"]}
    assert json.loads((out / "watch.json").read_text()) == json.loads(json.dumps(live))


def test_a_log_of_another_bundle_is_not_taken_for_a_calm_one(
    tmp_path: Path, bundle: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    records = [
        replace(record, model="ab12") if isinstance(record, Observation) else record
        for record in _traffic(bundle, World(), calm=5, later=0)
    ]
    assert main(["monitor", str(_log(tmp_path / "log", records)), "--bundle", str(bundle.path)]) == 2
    assert "5 answers are of other models; name the bundle that answered" in capsys.readouterr().err.replace("\n", " ")
