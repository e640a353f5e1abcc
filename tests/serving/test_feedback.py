"""Labels told over HTTP, and the page that says what came of them."""

import json
import threading

import numpy as np
import pytest

from fairlead.measures import FeatureGroups, GroupTally
from fairlead.monitoring import Watch, read_log
from fairlead.records import Labels
from fairlead.serving import feedback, status
from fairlead.serving.monitor_settings import MonitorSettings
from tests.fakes.bundles import LABELS, referenced_bundle, tiny_bundle
from tests.serving.conftest import encoded, picture, served, settled


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """A page may be seconds old; not in a test that waits for what it says."""
    monkeypatch.setattr(status, "_FRESH", 0.1)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    with served(referenced_bundle(tmp_path_factory.mktemp("feedback") / "bundle")) as client:
        yield client


def told(client, content, status=200):
    answer = client.post("/feedback", json=content)
    assert answer.status_code == status, answer.text
    return answer.json().get("outcomes", answer.json().get("error"))


def test_a_label_is_joined_once_and_kept(client):
    pictures = [encoded(picture(seed)) for seed in range(3)]
    answer = client.post("/predict", json={"images": pictures}, headers={"X-Request-ID": "three"}).json()
    alone = client.post("/predict", json={"image": pictures[0]}).json()
    truth = answer["predictions"][1]["label"]
    other = next(label for label in LABELS if label != truth)
    assert told(client, {"request_id": "three", "item": 1, "label": truth}) == ["joined"]
    assert told(client, {"request_id": "three", "item": 1, "label": truth}) == ["duplicate"]
    assert told(client, {"request_id": "three", "item": 1, "label": other}) == ["conflict"]
    many = [{"request_id": alone["request_id"], "label": truth}, {"request_id": "never", "label": truth}]
    assert told(client, {"feedback": many}) == ["joined", "unknown"]
    report = settled(client, lambda said: said["counts"].get("feedback_unknown"))
    assert report["counts"] == {
        "feedback_joined": 2, "feedback_duplicate": 1, "feedback_conflict": 1, "feedback_unknown": 1,
    }  # fmt: skip
    assert (report["items"], report["requests"]) == (4, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"request_id": "a", "label": "cow"}, "benign, malignant, other"),
        ({"request_id": "a", "label": 3}, "benign, malignant, other"),
        ({"request_id": "a", "label": "\ud800"}, "benign"),
        ({"request_id": "a b", "label": "other"}, "request_id"),
        ({"request_id": "a" * 65, "label": "other"}, "request_id"),
        ({"label": "other"}, "request_id"),
        ({"request_id": "a", "item": -1, "label": "other"}, "item"),
        ({"request_id": "a", "item": True, "label": "other"}, "item"),
        ({"request_id": "a", "label": "other", "truth": 1}, "no field 'truth'"),
        ({"feedback": []}, "at least one"),
        ({"feedback": {}}, "at least one"),
        ({"feedback": [3]}, "an object"),
        ({"feedback": [], "label": "other"}, "no other field"),
        ([], "an object"),
        (None, "an object"),
    ],
)
def test_what_is_no_feedback_is_refused_with_a_remedy(client, content, said):
    error = told_raw(client, json.dumps(content).encode(), 400)
    assert said in error["message"]
    assert error["remedy"]


def told_raw(client, body, status, kind="application/json"):
    answer = client.post("/feedback", content=body, headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    return answer.json()["error"]


def test_bodies_that_are_none_or_too_many(client):
    assert told_raw(client, b"{", 400)["code"] == "bad_request"
    assert told_raw(client, b"[" * 100_000, 400)["code"] == "bad_request"
    assert told_raw(client, b"{}", 415, "text/plain")["code"] == "unsupported_type"
    assert told_raw(client, b" " * 1_000_001, 413)["code"] == "body_too_large"
    rows = {"feedback": [{"request_id": "a", "label": "other"}] * 1001}
    assert told_raw(client, json.dumps(rows).encode(), 413)["code"] == "too_many_labels"


def test_labels_status_and_model_ask_for_the_key(tmp_path):
    with served(tiny_bundle(tmp_path / "bundle"), api_key="sesame") as client:
        assert client.post("/feedback", json={"request_id": "a", "label": "other"}).status_code == 401
        for path in ("/status", "/status.json"):
            assert client.get(path).status_code == 401
            assert client.get(path, headers={"X-API-Key": "sesame"}).status_code == 200


def test_the_page_says_what_is_served_and_runs_nothing(client):
    page = client.get("/status")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert client.get("/model").json()["digest"][:8] in page.text
    assert "<script" not in page.text


def test_a_label_is_taken_where_what_becomes_of_it_is_not_known_in_time(client, monkeypatch):
    release = threading.Event()
    told_of = Watch.told

    def slowly(watch, labels):
        release.wait(10)
        return told_of(watch, labels)

    monkeypatch.setattr(Watch, "told", slowly)
    monkeypatch.setattr(feedback, "_PATIENCE", 0.05)
    before = client.get("/status.json").json()["counts"].get("feedback_unknown", 0)
    assert told(client, {"request_id": "nobody", "label": "other"}, 202) == ["queued"]
    release.set()
    after = settled(client, lambda said: said["counts"].get("feedback_unknown", 0) > before)
    assert after["counts"]["feedback_unknown"] == before + 1


def test_monitoring_that_is_off_says_so_and_nothing_is_kept(tmp_path):
    with served(tiny_bundle(tmp_path / "bundle"), monitor=MonitorSettings(on=False, folder=tmp_path / "m")) as client:
        assert client.post("/predict", json={"image": encoded(picture())}).status_code == 200
        assert told(client, {"request_id": "a", "label": "other"}, 403)["code"] == "off"
        assert client.get("/status").status_code == 403
    assert not (tmp_path / "m").exists()


def with_groups(folder):
    rows = np.arange(60)
    tally = GroupTally.count(
        FeatureGroups("sex", ("f", "m")), Labels(tuple(LABELS)), rows % 2, rows % 3, rows % 3
    ).to_dict()
    said = {"schema": 1, "split": "calibration", "tallies": [tally]}
    return tiny_bundle(folder, change=lambda files: files.update({"reference/tallies.json": json.dumps(said).encode()}))


def test_groups_are_kept_where_they_are_allowed_alone_and_shown_where_they_are_many(tmp_path):
    monitor = MonitorSettings(groups=("sex",), folder=tmp_path / "m", inputs=True, keep_days=1)
    sent = [{"sex": "f", "name": "A. Person"}] * 20 + [{"sex": "m"}] * 3 + [{"sex": "unheard of"}] * 3
    with served(with_groups(tmp_path / "bundle"), monitor=monitor) as client:
        body = {"images": [encoded(picture())] * 26, "sensitive": sent}
        answer = client.post("/predict", json=body, headers={"X-Request-ID": "q"})
        assert answer.status_code == 200
        settled(client, lambda said: said["items"] == 26)
        scraped = client.get("/metrics").text
    lines = [line for line in scraped.splitlines() if line.startswith("fairlead_group_answers_total")]
    given = answer.json()["predictions"][0]["label"]
    assert f'fairlead_group_answers_total{{feature="sex",group="f",predicted="{given}"}} 20.0' in lines
    assert not [line for line in lines if 'group="m"' in line]
    kept = list(read_log([tmp_path / "m"]))
    assert [item.groups for item in kept] == [{"sex": "f"}] * 20 + [{"sex": "m"}] * 3 + [{"sex": None}] * 3
    assert "A. Person" not in "".join(file.read_text() for file in (tmp_path / "m").glob("*.jsonl"))
    inputs = [file for file in (tmp_path / "m" / "inputs").rglob("*") if file.is_file()]
    assert len(inputs) == 26
    assert inputs[0].read_bytes() == picture()


def test_no_group_is_kept_unless_it_is_named(tmp_path):
    with served(with_groups(tmp_path / "bundle"), monitor=MonitorSettings(folder=tmp_path / "m")) as client:
        client.post("/predict", json={"image": encoded(picture()), "sensitive": {"sex": "f"}})
        settled(client, lambda said: said["items"] == 1)
    (item,) = read_log([tmp_path / "m"])
    assert item.groups == {}


def test_a_span_says_what_was_answered_and_nothing_where_there_is_none(monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "false")  # as who switches tracing on
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from fairlead.bundle import Answer
    from fairlead.evidence import WatchReport
    from fairlead.serving.monitor_snapshot import MonitorSnapshot
    from fairlead.serving.tracing import tell_span

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    answers = [Answer("cat", {"cat": 0.9, "dog": 0.1}), Answer("dog", {"cat": 0.4, "dog": 0.6}), Answer(error="no")]
    with provider.get_tracer("test").start_as_current_span("request"):
        tell_span("ab12", answers, MonitorSnapshot(WatchReport("ab12", 0.05)))
    (span,) = exporter.get_finished_spans()
    assert dict(span.attributes) == {
        "fairlead.model": "ab12", "fairlead.items": 3, "fairlead.predicted": "dog", "fairlead.confidence": 0.6,
        "fairlead.drift_alarms": 0,
    }  # fmt: skip
    tell_span("ab12", answers, None)
    assert len(exporter.get_finished_spans()) == 1
