"""Deletion by id: what was asked for is gone from every file, and all else is as it was."""

import os
import stat

import pytest

from fairlead.errors import DataError
from fairlead.monitoring import DamagedLines, RequestLog, forget, read_log
from fairlead.records import Feedback, Observation

DAY = 86_400.0


def observed(name, time=1.0):
    return Observation(name, time, "ab12", "cat", (0.75, 0.25))


def ids(folder):
    return [record.id for record in read_log([folder])]


def test_answers_labels_and_inputs_of_a_request_are_gone_and_no_others(tmp_path):
    with RequestLog(tmp_path, keep_days=1, keep_inputs=True) as log:
        for name in ("r1", "r1/0", "r1/11", "r10", "r1/x", "ar1", "r2"):
            log.write([observed(name)], [Feedback(name, 2.0, "dog")], {name: name.encode()})
    found = forget([tmp_path], ["r1"])
    assert (found.lines, found.inputs, found.requests, len(found.segments)) == (6, 3, {"r1"}, 1)
    assert ids(tmp_path) == [name for name in ("r10", "r1/x", "ar1", "r2") for _ in range(2)]
    kept = {path.read_bytes() for path in (tmp_path / "inputs").rglob("*") if path.is_file()}
    assert kept == {b"r10", b"r1/x", b"ar1", b"r2"}


def test_one_item_of_a_request_can_be_forgotten(tmp_path):
    with RequestLog(tmp_path, keep_days=1, keep_inputs=True) as log:
        log.write([observed(f"r1/{place}") for place in (1, 11)], inputs={f"r1/{place}": b"x" for place in (1, 11)})
    assert forget([tmp_path], ["r1/1"]).inputs == 1
    assert ids(tmp_path) == ["r1/11"]


@pytest.mark.parametrize("name", ['say "x"', "a\nb", "\u2028", "\ud800", "日本", "*", "[a]", "../../up", "x" * 100_000])
def test_hostile_ids_are_forgotten_as_they_stand(tmp_path, name):
    (tmp_path / "up").write_text("stays")
    folder = tmp_path / "a" / "log"
    with RequestLog(folder, keep_days=1, keep_inputs=True) as log:
        log.write([observed(name), observed("r2")], inputs={name: b"x", "r2": b"y"})
    found = forget([folder], [name])
    assert (found.lines, found.inputs, found.requests) == (1, 1, {name})
    assert ids(folder) == ["r2"]
    assert (tmp_path / "up").exists()


def test_a_segment_without_the_id_is_not_touched_and_one_with_it_keeps_mode_and_time(tmp_path):
    for name in ("r1", "r2"):
        with RequestLog(tmp_path) as log:
            log.write([observed(name)])
    before = {path: path.stat() for path in tmp_path.glob("*.jsonl")}
    for path in before:
        os.utime(path, (5.0, 5.0))
        path.chmod(0o640)
    found = forget([tmp_path], ["r1"])
    after = {path: path.stat() for path in tmp_path.glob("*")}
    assert set(after) == set(before)
    assert {stat.S_IMODE(one.st_mode) for one in after.values()} == {0o640}
    assert {one.st_mtime for one in after.values()} == {5.0}
    assert {path for path in before if before[path].st_ino != after[path].st_ino} == set(found.segments)


def test_a_running_service_goes_on_in_another_segment(tmp_path):
    log = RequestLog(tmp_path)
    log.write([observed("r1", 1.0), observed("r2", 1.0)])
    forget([tmp_path], ["r1"])
    log.write([observed("r3", 3.0)])
    log.close()
    assert ids(tmp_path) == ["r2", "r3"]
    assert forget([tmp_path], ["r1"]).requests == set()


def test_damaged_lines_go_only_where_the_id_stands_in_them(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1"), observed("r2")])
    (segment,) = tmp_path.glob("*.jsonl")
    segment.write_bytes(b'half of r1\nhalf of another\n{"kind":"odd","id":"r1"}\n' + segment.read_bytes())
    assert forget([tmp_path], ["r1"]).lines == 3
    assert b"r1" not in segment.read_bytes()
    damaged = DamagedLines()
    assert [record.id for record in read_log([tmp_path], damaged)] == ["r2"]
    assert damaged.named == [f"{segment}:1: not JSON"]


def test_half_a_rewritten_segment_is_deleted_after_a_day(tmp_path):
    half, fresh = tmp_path / ".requests-a.jsonl.ab.partial", tmp_path / ".requests-b.jsonl.ab.partial"
    for path in (half, fresh):
        path.write_bytes(b"x")
    os.utime(half, (half.stat().st_mtime - 2 * DAY,) * 2)
    RequestLog(tmp_path).tidy()
    assert (half.exists(), fresh.exists()) == (False, True)


def test_a_failed_rewrite_leaves_the_segment_whole(tmp_path, monkeypatch):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1"), observed("r2")])

    def fails(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(DataError, match=r"cannot be written anew \(No space left.*\).*run again"):
            forget([tmp_path], ["r1"])
    assert ids(tmp_path) == ["r1", "r2"]
    assert len(list(tmp_path.iterdir())) == 1
