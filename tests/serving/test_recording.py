"""Nothing of monitoring is ever in the way of an answer, and what it could not do is counted."""

import errno
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import Future

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from fairlead.bundle import Bundle, Seen
from fairlead.bundle.reader import PictureReader
from fairlead.errors import ConfigurationError
from fairlead.evidence import WatchReport
from fairlead.measures import FeatureGroups, GroupTally
from fairlead.monitoring import read_log
from fairlead.records import Feedback, Labels, Observation
from fairlead.report import status_page
from fairlead.serving import ServiceSettings
from fairlead.serving.answered_request import AnsweredRequest
from fairlead.serving.endpoints import _answered
from fairlead.serving.monitor_figures import MonitorFigures
from fairlead.serving.monitor_settings import MonitorSettings
from fairlead.serving.monitor_snapshot import MonitorSnapshot
from fairlead.serving.recording import Recorder
from fairlead.serving.request import PredictRequest
from fairlead.serving.watching import Watching
from tests.fakes.bundles import LABELS, referenced_bundle
from tests.serving.conftest import encoded, picture, served


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    return Bundle.open(referenced_bundle(tmp_path_factory.mktemp("recording") / "bundle"))


def seen(place=0, code=0, brightness=0.5, width=3):
    return Seen(place, code, np.array([0.7, 0.2, 0.1], np.float32), np.ones(width, np.float32),
                {"input.brightness": brightness})  # fmt: skip


def request(name, *places, **changes):
    return AnsweredRequest(name, 1e9, max(places, default=0) + 1, tuple(seen(place, **changes) for place in places))


def until(holds, seconds=5.0):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)
    assert holds()


def started(bundle, *, change=lambda watching: None, every=0.05, closing=2.0, **settings):
    kept = MonitorSettings(**settings)

    def opens():
        watching = Watching.of(bundle, kept)
        change(watching)
        return watching

    recorder = Recorder(kept, every=every, closing=closing)
    recorder.start(opens)
    until(lambda: recorder.alive and (recorder.snapshot is not None or recorder.errors["report"]))
    return recorder


def test_what_was_answered_is_logged_watched_and_there_again_after_a_restart(opened, tmp_path):
    recorder = started(opened, folder=tmp_path)
    assert all(recorder.offer(request(f"r{number}", *range(1 + number % 3))) for number in range(90))
    told = {"r0": "other", "r1/1": "benign", "r1": "other"}
    outcomes = recorder.tell([Feedback(name, 2e9, label) for name, label in told.items()])
    assert outcomes.result(5) == ["joined", "joined", "unknown"]
    recorder.close()
    assert not recorder.alive
    assert not recorder.errors
    records = list(read_log([tmp_path]))
    items = [record for record in records if isinstance(record, Observation)]
    assert len(items) == 180
    assert [type(record) for record in records[180:]] == [Feedback] * 3
    assert items[0].id == "r0"
    assert items[1].id == "r1/0"
    leading = [item for item in items if item.leads]
    assert len({item.id.partition("/")[0] for item in leading}) == len(leading) == 90
    assert {item.id[-2:] for item in leading if "/" in item.id} == {"/0", "/1", "/2"}  # drawn, not always the first
    assert "embedding.distance" in items[0].scores

    again = started(opened, folder=tmp_path)
    report = again.snapshot.report
    assert (report.items, report.requests, report.counts["feedback_joined"]) == (180, 90, 2)
    assert again.tell([Feedback("r0", 3e9, "other")]).result(5) == ["duplicate"]
    again.close()


def test_replicas_that_share_a_folder_keep_states_of_their_own(opened, tmp_path):
    first, second = (started(opened, folder=tmp_path) for _ in range(2))
    first.offer(request("r1", 0))
    first.close()
    second.close()
    assert len(list(tmp_path.glob("state-*.watch"))) == 2
    again = started(opened, folder=tmp_path)
    assert again.snapshot.report.items == 1
    again.close()


def test_a_state_that_cannot_be_read_is_put_aside_and_told(opened, tmp_path):
    started(opened, folder=tmp_path).close()
    (state,) = tmp_path.glob("*.watch")
    state.write_bytes(b"torn")
    recorder = started(opened, folder=tmp_path)
    assert recorder.snapshot.report.counts["state_lost"] == 1
    recorder.close()
    assert state.with_suffix(".unread1").read_bytes() == b"torn"


def fails(error):
    def raising(*_, **__):
        raise error

    return raising


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("break_it", "step"),
    [
        (lambda watching: setattr(watching.log, "write", fails(FULL)), "log"),
        (lambda watching: setattr(watching, "save", fails(FULL)), "state"),
        (lambda watching: setattr(watching.watch, "add", fails(ZeroDivisionError("a defect"))), "watch"),
        (lambda watching: setattr(watching.watch, "told", fails(ZeroDivisionError("a defect"))), "feedback"),
        (lambda watching: setattr(watching.watch, "report", fails(ZeroDivisionError("a defect"))), "report"),
    ],
)
def test_what_fails_is_counted_by_its_step_and_the_thread_reads_on(opened, tmp_path, break_it, step, caplog):
    recorder = started(opened, change=break_it, folder=tmp_path)
    for number in range(3):
        assert recorder.offer(request(f"r{number}", 0))
        assert recorder.tell([Feedback(f"r{number}", 2e9, "other")]).result(5) == [
            "failed" if step == "feedback" else "unknown" if step == "watch" else "joined"
        ]
    recorder.ask()
    until(lambda: recorder.errors[step])
    assert recorder.alive
    recorder.close()
    assert set(recorder.errors) == {step}
    assert len([record for record in caplog.records if f"failed at {step}" in record.message]) == 1  # not once an item
    assert not recorder.dropped


def test_a_folder_that_cannot_be_written_fails_alone(opened, tmp_path):
    place = tmp_path / "file"
    place.write_text("no folder")
    recorder = started(opened, folder=place / "monitor")
    assert recorder.offer(request("r1", 0))
    assert recorder.tell([Feedback("r1", 2e9, "other")]).result(5) == ["joined"]
    until(lambda: recorder.errors["state"])
    recorder.close()
    assert set(recorder.errors) == {"log", "state"}


def test_a_poisoned_record_is_lost_alone(opened):
    recorder = started(opened)
    for number in range(20):
        recorder.offer(request(f"r{number}", 0, width=4 if number == 7 else 3))
    recorder.close()
    assert recorder.errors == {"observe": 1}
    assert recorder._watching.watch.report().items == 19


def test_a_watch_that_hangs_lets_the_queue_fill_and_the_rest_be_dropped(opened):
    release, entered = threading.Event(), threading.Event()

    def hang(_):
        entered.set()
        release.wait(10)

    recorder = started(opened, change=lambda watching: setattr(watching.watch, "add", hang), queue=10)
    recorder.offer(request("first", 0))
    assert entered.wait(5)
    begun = time.monotonic()
    taken = [recorder.offer(request(f"r{number}", 0, 1)) for number in range(50)]
    assert time.monotonic() - begun < 1
    assert taken == [True] * 10 + [False] * 40
    assert recorder.dropped == 80  # items
    assert recorder.tell([Feedback("r1", 1.0, "other")]) is None
    release.set()
    until(lambda: not recorder._queue)
    assert recorder.offer(request("later", 0))
    recorder.close()
    assert recorder._watching.watch.report().counts["dropped"] == 80


def test_the_queue_is_bounded_in_bytes_too():
    recorder = Recorder(MonitorSettings(queue_bytes=10_000))
    large = AnsweredRequest("r", 1.0, 1, (seen(),), inputs={0: bytes(5000)})
    assert [recorder.offer(large), recorder.offer(large), recorder.offer(request("small", 0))] == [True, False, True]


def test_what_was_read_makes_room_again(opened):
    recorder = started(opened, queue_bytes=request("r", 0).size)
    for number in range(3):
        assert recorder.offer(request(f"r{number}", 0))
        until(lambda: not recorder._queue)
    recorder.close()
    assert recorder._watching.watch.report().items == 3


def test_an_end_waits_no_longer_than_it_said(opened):
    def slow(watching):
        watching.watch.add = lambda _: time.sleep(0.05)

    recorder = started(opened, closing=0.1, change=slow)
    for number in range(1000):
        recorder.offer(request(f"r{number}", 0))
    begun = time.monotonic()
    recorder.close()
    assert time.monotonic() - begun < 1.5
    assert recorder.dropped > 0


def test_under_traffic_without_a_pause_reports_are_made_and_the_state_is_saved(opened, tmp_path):
    def slow(watching):
        read = watching.watch.add
        watching.watch.add = lambda observations: (time.sleep(0.02), read(observations))

    recorder = started(opened, change=slow, folder=tmp_path)
    number, end = 0, time.monotonic() + 3
    while time.monotonic() < end and not (recorder.snapshot.report.items and list(tmp_path.glob("*.watch"))):
        recorder.offer(request(f"r{(number := number + 1)}", 0))
        time.sleep(0.002)
    assert recorder.snapshot.report.items
    assert list(tmp_path.glob("*.watch"))
    assert recorder.alive
    recorder.close()


def test_a_service_that_is_idle_deletes_what_is_too_old(opened, tmp_path):
    old = tmp_path / "requests-20200101T000000Z-ab12-000000.jsonl"
    old.write_text("{}\n")
    os.utime(old, (1e9, 1e9))
    recorder = started(opened, folder=tmp_path, keep_days=1.0)
    until(lambda: not old.exists(), 2)
    recorder.close()


def test_what_fails_is_told_on_the_page(opened, tmp_path):
    recorder = started(opened, change=lambda watching: setattr(watching.log, "write", fails(FULL)), folder=tmp_path)
    recorder.offer(request("r1", 0))
    until(lambda: recorder.snapshot.report.counts.get("errors") == 1)
    recorder.close()
    assert "Monitoring itself failed 1 times" in status_page(recorder.snapshot.report, {})


def test_what_waits_for_a_thread_that_ends_is_counted_and_told(opened):
    recorder, release = Recorder(MonitorSettings()), threading.Event()

    def opens():
        release.wait(5)
        raise OSError("no folder")

    recorder.start(opens)
    assert recorder.offer(request("r1", 0, 1))
    recorder._put(1, ((Feedback("r1/0", 1.0, "other"),), waiting := Future()))
    release.set()
    assert waiting.result(5) == ["failed"]
    until(lambda: recorder.dropped == 2)
    assert recorder._came == recorder._gone


def test_no_more_threads_do_not_keep_a_service_from_opening(opened, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", fails(RuntimeError("can't start new thread")))
    recorder = Recorder(MonitorSettings())
    recorder.start(lambda: Watching.of(opened, MonitorSettings()))
    assert recorder.errors == {"thread": 1}
    assert not recorder.alive
    assert not recorder.offer(request("r1", 0))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
def test_a_thread_that_dies_is_noticed(opened, error):
    recorder = started(opened, change=lambda watching: setattr(watching.watch, "add", fails(error)))
    recorder.offer(request("r1", 0))
    until(lambda: not recorder.alive)
    assert recorder.errors["thread"] == 1
    assert not recorder.offer(request("r2", 0))
    assert recorder.dropped == 1
    assert scraped(recorder)["fairlead_monitor_alive"] == {(): 0.0}


def test_what_cannot_be_opened_is_counted(opened):
    settings = MonitorSettings(groups=("age",))  # the bundle has no tally of it
    recorder = Recorder(settings)
    recorder.start(lambda: Watching.of(opened, settings))
    until(lambda: recorder.errors["open"])
    assert not recorder.alive


def test_an_offer_never_raises():
    recorder = Recorder(MonitorSettings())
    assert recorder.offer(None) is False
    assert recorder.errors["observe"] == 1


def test_a_label_that_nobody_waits_for_any_more_is_read_all_the_same(opened):
    recorder = started(opened)
    recorder.offer(request("r1", 0))
    waiting: Future = recorder.tell([Feedback("r1", 2e9, "other")])
    waiting.cancel()
    until(lambda: not recorder._queue)
    recorder.close()
    assert recorder._watching.watch.report().counts["feedback_joined"] == 1
    assert not recorder.errors


def scraped(recorder):
    registry = CollectorRegistry()
    registry.register(MonitorFigures(recorder))
    found = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


def test_monitoring_that_is_off_is_not_dead():
    assert "fairlead_monitor_alive" not in scraped(Recorder(MonitorSettings(on=False)))


def test_labels_told_are_counted_by_class_given_and_true_class(opened):
    recorder = started(opened)
    for number in range(5):
        recorder.offer(request(f"r{number}", 0))
        recorder.tell([Feedback(f"r{number}", 2e9, LABELS[number % 2])]).result(5)
    recorder.close()
    recorder._snap(recorder._watching)
    found = scraped(recorder)
    assert found["fairlead_observed_total"] == {(): 5.0}
    cell = found["fairlead_feedback_confusion_total"]
    assert cell[("actual", LABELS[0]), ("predicted", LABELS[0])] == 3.0
    assert cell[("actual", LABELS[1]), ("predicted", LABELS[0])] == 2.0
    assert found["fairlead_feedback_total"][(("outcome", "joined"),)] == 5.0


def test_the_service_answers_whatever_becomes_of_monitoring(tmp_path):
    (tmp_path / "full").symlink_to("/dev/full")
    bundle = referenced_bundle(tmp_path / "bundle")
    for folder, policy in ((tmp_path / "full" / "x", None), (None, tmp_path / "no policy")):
        monitor = MonitorSettings(folder=folder, policy=policy, queue=2)
        with served(bundle, monitor=monitor) as client:
            for number in range(10):
                assert client.post("/predict", json={"image": encoded(picture(number))}).status_code == 200
            assert client.get("/readyz").status_code == 200
            assert client.get("/metrics").status_code == 200


def test_what_cannot_be_measured_is_answered_all_the_same(tmp_path, monkeypatch):
    bundle = referenced_bundle(tmp_path / "bundle", rows=120)
    monkeypatch.setattr(PictureReader, "properties", fails(ZeroDivisionError("a defect")))
    with served(bundle) as client:
        assert client.post("/predict", json={"image": encoded(picture())}).status_code == 200
        until(lambda: 'fairlead_monitor_errors_total{step="observe"} 1.0' in client.get("/metrics").text)
        until(lambda: "fairlead_observed_total 1.0" in client.get("/metrics").text)


def test_what_is_not_to_be_kept_does_not_wait_either():
    sent = PredictRequest((b"",), sensitive=({"sex": "f", "n" * 1_000_000: "x", "name": "A. Person"},))
    answered = _answered("r1", sent, [seen()], MonitorSettings(groups=("sex", "age")))
    assert answered.sensitive == ({"sex": "f"},)


def test_of_many_classes_a_scrape_holds_the_cells_that_hold_something():
    labels, by = Labels(tuple(f"c{place}" for place in range(300))), FeatureGroups("sex", ("f", "m"))
    truth = np.arange(40, dtype=np.int64)
    tally = GroupTally.count(by, labels, truth % 2, truth, truth * 7)
    told = np.zeros((300, 300), dtype=np.int64)
    np.add.at(told, (truth * 7, truth), 1)
    recorder = Recorder(MonitorSettings())
    recorder.snapshot = MonitorSnapshot(WatchReport("ab12", 0.05), (), (tally,), told, tuple(labels))
    found = scraped(recorder)
    cells, confused = found["fairlead_group_labelled_total"], found["fairlead_feedback_confusion_total"]
    assert len(confused) < 400
    assert len(cells) < 700
    assert sum(cells.values()) == sum(confused.values()) == 40
    assert cells[("actual", "c3"), ("feature", "sex"), ("group", "m"), ("predicted", "c21")] == 1.0
    assert confused[("actual", "c3"), ("predicted", "c21")] == 1.0


def test_settings_come_from_the_environment():
    given = {
        "FAIRLEAD_MONITOR_FOLDER": "m", "FAIRLEAD_MONITOR_GROUPS": " sex, age,sex", "FAIRLEAD_MONITOR_KEEP_DAYS": "7",
        "FAIRLEAD_MONITOR_INPUTS": "yes", "FAIRLEAD_POLICY": "p.yaml", "FAIRLEAD_MONITOR_QUEUE": "9",
        "FAIRLEAD_MONITOR_ALPHA": "0.01",
    }  # fmt: skip
    monitor = ServiceSettings.from_environment(given).monitor
    assert monitor.on
    assert (monitor.groups, monitor.keep_days, monitor.inputs, monitor.queue) == (("sex", "age"), 7.0, True, 9)
    assert (monitor.alpha, monitor.policy.name) == (0.01, "p.yaml")
    assert not ServiceSettings.from_environment({"FAIRLEAD_MONITOR": "false"}).monitor.on
    for wrong in ({"INPUTS": "true"}, {"KEEP_DAYS": "0"}, {"ALPHA": "1"}, {"QUEUE": "0"}, {"SEED": "-1"}):
        with pytest.raises(ConfigurationError, match="FAIRLEAD_MONITOR_"):
            ServiceSettings.from_environment({f"FAIRLEAD_MONITOR_{name}": value for name, value in wrong.items()})


def test_a_worker_of_the_service_lets_numpy_have_one_thread():
    said = "import os, fairlead.serving.app, numpy; print(os.environ['OPENBLAS_NUM_THREADS'])"
    early = "import sys, _bentoml_impl.worker.service, fairlead.serving; print('numpy' in sys.modules)"
    clean = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    for command, expected in ((said, "1"), (early, "False")):
        done = subprocess.run([sys.executable, "-c", command], env=clean, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == expected, done.stderr
