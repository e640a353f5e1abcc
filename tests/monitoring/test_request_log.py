"""The request log: whole lines whatever happens, kept for as long as was said, and read back in order."""

import errno
import json
import os
import stat
import subprocess
import sys
import textwrap

import pytest

from fairlead.errors import ConfigurationError, DataError, UnreadableFileError
from fairlead.monitoring import DamagedLines, RequestLog, read_log
from fairlead.monitoring.segments import held, input_name
from fairlead.records import Feedback, Observation

DAY = 86_400.0


def observed(name, time=1.0, **more):
    return Observation(name, time, "ab12", "cat", (0.75, 0.25), **more)


def segments(folder):
    return sorted(folder.glob("*.jsonl"))


def ids(folder, damaged=None):
    return [record.id for record in read_log([folder], damaged)]


class Clock:
    def __init__(self, now=0.0):
        self.now = now

    def __call__(self):
        return self.now


def test_records_come_back_as_they_were(tmp_path):
    first = observed("r1", 1.5, scores={"input.brightness": 0.1}, groups={"sex": "f", "age": None}, leads=False)
    with RequestLog(tmp_path / "a" / "log") as log:
        log.write([first], [Feedback("r1", 2.0, "dog")])
        log.write()
        log.write([observed("r2", 3.0)])
    assert list(read_log([tmp_path / "a" / "log"])) == [first, Feedback("r1", 2.0, "dog"), observed("r2", 3.0)]


def test_nobody_else_may_read_it(tmp_path):
    with RequestLog(tmp_path / "log", keep_days=1, keep_inputs=True) as log:
        log.write([observed("r1")], inputs={"r1": b"x"})
    found = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "log").rglob("*")}
    assert {mode for path, mode in found.items() if path.is_file()} == {0o600}
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o700


HOSTILE = [
    "a\nb",
    'say "x"',
    "\u2028\u2029\x85",
    "\x00",
    "\ud800",
    "x" * 100_000,
    "日本",
    '{"kind": "feedback"}\n',
    "../../up",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_makes_another_line(tmp_path, text):
    records = [observed(text, groups={text: text}), Feedback(text, 2.0, text)]
    with RequestLog(tmp_path, keep_days=1, keep_inputs=True) as log:
        log.write(records[:1], records[1:], {text: b"pixels"})
    assert list(read_log([tmp_path])) == records
    (segment,) = segments(tmp_path)
    assert segment.read_bytes().count(b"\n") == 2
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file() and path != segment]
    assert kept.parent.parent == tmp_path / "inputs"
    assert kept.read_bytes() == b"pixels"


def test_a_poisoned_record_leaves_nothing_of_its_batch(tmp_path):
    class Odd:
        pass

    with RequestLog(tmp_path) as log:
        log.write([observed("r1")])
        with pytest.raises(DataError, match=r"'r2' cannot be kept.*; leave it out"):
            log.write([observed("r3"), observed("r2", groups={"sex": Odd()})])
        log.write([observed("r4")])
    assert ids(tmp_path) == ["r1", "r4"]


def test_segments_rotate_by_size_and_by_time(tmp_path):
    clock = Clock()
    with RequestLog(tmp_path, segment_bytes=1000, total_bytes=10**6, clock=clock) as log:
        for number in range(40):
            log.write([observed(f"r{number}", float(number))])
    assert all(path.stat().st_size <= 1000 for path in segments(tmp_path))
    assert len(segments(tmp_path)) > 5
    assert ids(tmp_path) == [f"r{number}" for number in range(40)]
    with RequestLog(tmp_path / "slow", clock=clock) as log:
        log.write([observed("r1")])
        clock.now += DAY
        log.write([observed("r2")])
    assert len(segments(tmp_path / "slow")) == 2


def test_a_batch_larger_than_a_segment_is_kept_whole(tmp_path):
    with RequestLog(tmp_path, segment_bytes=10, total_bytes=10**6) as log:
        log.write([observed(f"r{number}") for number in range(5)])
    assert len(segments(tmp_path)) == 1
    assert len(ids(tmp_path)) == 5


WRITER = """
import sys
from pathlib import Path
from fairlead.monitoring import RequestLog
from fairlead.records import Observation
with RequestLog(Path(sys.argv[1]), segment_bytes=5000, total_bytes=10**8) as log:
    for number in range(300):
        log.write([Observation(f"{sys.argv[2]}.{number}.{k}", number + k / 10, "ab12", "cat", (1.0,)) for k in (0, 1)])
"""


def test_two_processes_write_to_one_folder(tmp_path):
    running = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), name]) for name in ("a", "b")]
    assert [process.wait() for process in running] == [0, 0]
    damaged = DamagedLines()
    found = list(read_log([tmp_path], damaged))
    assert damaged.count == 0
    expected = [f"{number}.{k}" for number in range(300) for k in (0, 1)]
    for name in ("a", "b"):
        assert [one.id[2:] for one in found if one.id.startswith(name)] == expected
    # Merged by time, not one after the other.
    assert [one.time for one in found] == sorted(one.time for one in found)


FORKED = """
import os, sys
from pathlib import Path
from fairlead.monitoring import RequestLog
from fairlead.records import Feedback
log = RequestLog(Path(sys.argv[1]))
log.write([], [Feedback("r1", 1.0, "cat")])
child = os.fork()
log.write([], [Feedback("r2" if child else "r3", 2.0, "cat")])
log.close()
if child:
    sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_forked_process_writes_a_segment_of_its_own(tmp_path):
    subprocess.run([sys.executable, "-c", FORKED, str(tmp_path)], check=True)
    assert sorted(ids(tmp_path)) == ["r1", "r2", "r3"]
    assert len(segments(tmp_path)) == 2


def test_one_writer_is_read_in_its_order_though_the_clock_went_back(tmp_path):
    with RequestLog(tmp_path, segment_bytes=300, total_bytes=10**6) as log:
        for number, time in enumerate((5.0, 9.0, 2.0, 7.0, 1.0)):
            log.write([observed(f"r{number}", time)])
    assert len(segments(tmp_path)) > 1
    assert ids(tmp_path) == ["r0", "r1", "r2", "r3", "r4"]


def test_a_cut_line_and_strange_ones_are_counted_and_named(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1"), observed("r2")])
    (segment,) = segments(tmp_path)
    whole = segment.read_bytes()
    strange = [b"\xff\xfe", b"[]", b'{"kind": "other"}', b'{"kind": "feedback", "id": "r1"}', b"[" * 100_000]
    strange += [b'{"kind": "feedback", "id": "r1", "time": 1%s, "label": "a"}' % (b"0" * 400)]
    segment.write_bytes(b"\n".join([*strange, b""]) + whole + b"\n" + whole[:50])
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == ["r1", "r2"]
    assert damaged.count == 7
    assert damaged.named[0] == f"{segment}:1: not JSON"
    assert damaged.named[-1] == f"{segment}:10: cut off"
    assert "not feedback (KeyError: 'time')" in damaged.named[3]
    assert ids(tmp_path) == ["r1", "r2"]  # nobody need ask


def test_a_segment_of_nothing_but_damage_is_counted_once(tmp_path):
    (tmp_path / "a.jsonl").write_text("x\n" * 30)
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == []
    assert (damaged.count, len(damaged.named)) == (30, 20)


def test_a_line_without_end_is_not_taken_into_memory(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1")])
    (segment,) = segments(tmp_path)
    segment.write_bytes(b"x" * 33_000_000 + b"\n" + segment.read_bytes())
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == ["r1"]
    assert damaged.named == [f"{segment}:1: longer than 16000000 bytes"]


def test_what_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"there is no request log .*gone; name"):
        list(read_log([tmp_path / "gone"]))
    with pytest.raises(DataError, match=r"holds no segment .*; name"):
        list(read_log([tmp_path]))
    (tmp_path / "a.jsonl").mkdir()
    with pytest.raises(UnreadableFileError, match=r"a\.jsonl cannot be read \(Is a directory\)"):
        list(read_log([tmp_path]))


def test_a_file_named_twice_is_read_once(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1")])
    assert [record.id for record in read_log([tmp_path, *segments(tmp_path), tmp_path / "."])] == ["r1"]


def test_what_cannot_be_deleted_keeps_no_record_out_and_is_told(tmp_path, monkeypatch):
    (tmp_path / "requests-20200101T000000Z-ab12-000000.jsonl").write_text("{}\n")

    def gone(_):
        raise FileNotFoundError("another process has just deleted it")

    monkeypatch.setattr("fairlead.monitoring.retention._bytes_in", gone)
    with RequestLog(tmp_path, keep_days=1e6) as log:
        log.write([observed("r1")])
        with pytest.raises(FileNotFoundError):
            log.tidy()
    assert ids(tmp_path, DamagedLines()) == ["r1"]


@pytest.mark.parametrize("part", [0, 40])
def test_a_full_disk_leaves_no_half_line_and_writing_goes_on_once_there_is_room(tmp_path, monkeypatch, part):
    log = RequestLog(tmp_path)
    log.write([observed("r1")])
    real, calls = os.write, []

    def full(handle, data):
        calls.append(len(data))
        if part and len(calls) == 1:
            return real(handle, bytes(data)[:part])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            log.write([observed("r2"), observed("r3")])
    assert segments(tmp_path)[0].read_bytes().endswith(b"}\n")
    log.write([observed("r4")])
    log.close()
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == ["r1", "r4"]
    assert damaged.count == 0
    assert len(segments(tmp_path)) == 1


def test_where_nothing_can_be_cut_off_the_next_record_begins_a_segment(tmp_path, monkeypatch):
    log = RequestLog(tmp_path)
    log.write([observed("r1", 1.0)])
    real = os.write

    def torn(handle, data):
        if len(data) < 100:
            raise OSError(errno.EIO, "Input/output error")
        return real(handle, bytes(data)[:-60])

    def stuck(handle, size):
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", torn)
        patched.setattr(os, "ftruncate", stuck)
        with pytest.raises(OSError, match="Input/output"):
            log.write([observed("r2", 2.0)])
    log.write([observed("r3", 3.0)])
    log.close()
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == ["r1", "r3"]
    assert damaged.count == 1
    assert len(segments(tmp_path)) == 2


def test_a_real_limit_of_the_system_is_survived(tmp_path):
    program = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from fairlead.monitoring import RequestLog
        from fairlead.records import Observation
        record = lambda name: Observation(name, 1.0, "ab12", "cat", (1.0,))
        log = RequestLog(Path(sys.argv[1]))
        log.write([record("r1")])
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, hard))
        try:
            log.write([record(f"x{number}") for number in range(9)])
            sys.exit(1)
        except OSError:
            pass
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        log.write([record("r2")])
        log.close()
    """)
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
    damaged = DamagedLines()
    assert ids(tmp_path, damaged) == ["r1", "r2"]
    assert damaged.count == 0


def test_an_unwritable_folder_is_an_error_and_no_end(tmp_path):
    (tmp_path / "log").write_text("a file")
    log = RequestLog(tmp_path / "log")
    for _ in range(2):
        with pytest.raises(OSError, match="exists"):
            log.write([observed("r1")])
    (tmp_path / "log").unlink()
    log.write([observed("r2")])
    log.close()
    assert ids(tmp_path / "log") == ["r2"]


def test_a_folder_that_is_deleted_under_it_is_made_anew(tmp_path):
    log = RequestLog(tmp_path / "log")
    log.write([observed("r1")])
    for path in segments(tmp_path / "log"):
        path.unlink()
    (tmp_path / "log").rmdir()
    log.write([observed("r2")])
    log.close()
    assert ids(tmp_path / "log") == ["r2"]


def test_a_segment_that_someone_rewrites_is_left_to_them(tmp_path):
    log = RequestLog(tmp_path)
    log.write([observed("r1", 1.0)])
    with segments(tmp_path)[0].open("rb") as other, held(other.fileno()) as free:
        assert free
        log.write([observed("r2", 2.0)])
    log.close()
    assert ids(tmp_path) == ["r1", "r2"]
    assert len(segments(tmp_path)) == 2


def test_no_handle_is_left_open(tmp_path):
    before = set(os.listdir("/proc/self/fd"))
    log = RequestLog(tmp_path, segment_bytes=500, total_bytes=2000)
    for number in range(50):
        log.write([observed(f"r{number}")])
    log.close()
    list(read_log([tmp_path]))
    assert len(os.listdir("/proc/self/fd")) == len(before)


def _age(path, days):
    os.utime(path, (Clock().now, path.stat().st_mtime - days * DAY))


def test_old_segments_are_deleted_with_their_inputs(tmp_path):
    for name in ("r1", "r2"):
        with RequestLog(tmp_path, keep_days=7, keep_inputs=True) as log:
            log.write([observed(name)], inputs={name: b"pixels"})
    old = next(path for path in segments(tmp_path) if b'"r1"' in path.read_bytes())
    _age(old, 7.1)
    log = RequestLog(tmp_path, keep_days=7)
    log.tidy()
    assert log.retention.outdated == 1
    assert not old.exists()
    assert ids(tmp_path) == ["r2"]
    assert [path.name for path in (tmp_path / "inputs").rglob("*") if path.is_file()] == [input_name("r2")]


def test_tidying_ends_a_segment_that_is_open_for_long(tmp_path):
    clock = Clock(1_000_000.0)
    log = RequestLog(tmp_path, keep_days=1, clock=clock)
    log.write([observed("r1")])
    os.utime(segments(tmp_path)[0], (clock.now, clock.now))
    clock.now += 2 * DAY
    log.tidy()
    assert segments(tmp_path) == []
    log.write([observed("r2")])
    log.close()
    assert ids(tmp_path) == ["r2"]


def test_an_idle_writer_whose_segment_was_deleted_loses_nothing_after(tmp_path):
    idle = RequestLog(tmp_path, keep_days=1)
    idle.write([observed("r1")])
    _age(segments(tmp_path)[0], 1.1)
    RequestLog(tmp_path, keep_days=1).tidy()
    assert segments(tmp_path) == []
    idle.write([observed("r2")])
    idle.close()
    assert ids(tmp_path) == ["r2"]


def test_the_oldest_give_way_where_all_are_too_large(tmp_path):
    clock = Clock()
    with RequestLog(tmp_path, segment_bytes=500, total_bytes=3000, clock=clock) as log:
        for number in range(100):
            clock.now += 1
            log.write([observed(f"r{number}", float(number))])
            assert sum(path.stat().st_size for path in segments(tmp_path)) <= 3000
        deleted = log.retention.crowded_out
    found = ids(tmp_path)
    assert found == [f"r{number}" for number in range(100 - len(found), 100)]
    assert deleted > 10
    assert log.retention.outdated == 0


def test_inputs_count_towards_the_size(tmp_path):
    clock = Clock()
    with RequestLog(
        tmp_path, segment_bytes=500, total_bytes=20_000, keep_days=1e6, keep_inputs=True, clock=clock
    ) as log:
        for number in range(40):
            clock.now += 1
            log.write([observed(f"r{number}", float(number))], inputs={f"r{number}": b"x" * 2000})
    kept = [path for path in (tmp_path / "inputs").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in kept) <= 20_000
    assert len(kept) == len(ids(tmp_path))


def test_a_few_large_inputs_end_a_segment_and_stay_in_the_bound(tmp_path):
    clock = Clock()
    bounds = {"segment_bytes": 10_000, "total_bytes": 30_000, "keep_days": 1e6, "keep_inputs": True}
    with RequestLog(tmp_path, **bounds, clock=clock) as log:
        for number in range(40):
            clock.now += 1
            log.write([observed(f"r{number}", float(number))], inputs={f"r{number}": b"x" * 4000})
            held_now = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
            assert held_now <= 30_000
    assert ids(tmp_path)[-1] == "r39"


def test_inputs_are_not_kept_unless_asked_for(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1")], inputs={"r1": b"pixels"})
    assert [path.suffix for path in tmp_path.rglob("*")] == [".jsonl"]
    assert b"pixels" not in segments(tmp_path)[0].read_bytes()


def test_inputs_of_a_failed_write_are_taken_back(tmp_path, monkeypatch):
    log = RequestLog(tmp_path, keep_days=1, keep_inputs=True)

    def full(handle, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space"):
            log.write([observed("r1")], inputs={"r1": b"pixels"})
    assert [path for path in (tmp_path / "inputs").rglob("*") if path.is_file()] == []
    log.close()


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ({"segment_bytes": 0}, "cannot hold two segments"),
        ({"segment_bytes": 100, "total_bytes": 199}, "raise total_bytes"),
        ({"keep_days": 0}, "more than 0 days"),
        ({"keep_days": float("nan")}, "more than 0 days"),
        ({"keep_inputs": True}, "give keep_days"),
    ],
)
def test_bounds_that_cannot_be_kept_are_refused(tmp_path, bounds, said):
    with pytest.raises(ConfigurationError, match=said):
        RequestLog(tmp_path, **bounds)


def test_lines_say_what_they_are(tmp_path):
    with RequestLog(tmp_path) as log:
        log.write([observed("r1")], [Feedback("r1", 2.0, "cat")])
    kinds = [json.loads(line)["kind"] for line in segments(tmp_path)[0].read_text().splitlines()]
    assert kinds == ["observation", "feedback"]
