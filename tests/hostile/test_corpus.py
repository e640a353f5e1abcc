"""Three hundred attacks on a service of its own process; ``make hostile-check`` sends ten thousand."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fairlead.records import Modality
from tests.fakes.bundles import tiny_bundle
from tests.fakes.text_bundles import tiny_text_bundle
from tests.hostile.case import ANY, Case
from tests.hostile.check import attack, most_memory
from tests.hostile.corpus import WEIGHTS, case
from tests.hostile.exchange import Answer, exchange
from tests.hostile.laws import broken
from tests.hostile.service import Canary, running
from tests.hostile.speed import answers
from tests.serving.conftest import served

CASES, SEED = {Modality.IMAGE: (240, tiny_bundle), Modality.TEXT: (60, tiny_text_bundle)}, 0


@pytest.mark.parametrize("modality", CASES)
def test_three_hundred_attacks_break_no_law_and_leave_the_service_as_it_was(tmp_path, modality):
    count, bundle = CASES[modality]
    with running(bundle(tmp_path / "bundle"), tmp_path / "log") as service, Canary().listening() as canary:
        before, files, memory = answers(service.port, modality), service.descriptors(), service.resident()
        found, families = [], set()
        for number, made, answer in attack(service, range(count), SEED, canary, modality=modality):
            families.add(made.family)
            found += [f"{number} {made.family}, {made.name}: {law}" for law in broken(made, answer)]
        assert not found
        assert len(families) == len(WEIGHTS[modality])
        assert not canary.calls
        assert service.ready()
        assert answers(service.port, modality) == before
        assert service.resident("VmHWM") < memory + most_memory()
        for _ in range(50):  # connections that are closing
            if service.descriptors() <= files + 5:
                break
            time.sleep(0.1)
        assert service.descriptors() <= files + 5
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log, log


def test_a_case_is_the_same_for_the_same_numbers_whatever_was_made_before_it():
    first = [case(7, number) for number in range(40, 60)]
    assert [case(7, number) for number in reversed(range(40, 60))] == first[::-1]
    assert [case(8, number) for number in range(40, 60)] != first


def test_the_canary_hears_who_calls():
    with Canary().listening() as canary:
        exchange(canary.port, Case("canary", "a call", (b"GET / HTTP/1.1\r\n\r\n",)))
        for _ in range(50):
            if canary.calls:
                break
            time.sleep(0.02)
        assert len(canary.calls) == 1


GOOD = {"error": {"code": "busy", "message": "m", "remedy": "r"}, "request_id": "a1"}
HEADERS = {"content-type": "application/json", "x-request-id": "a1"}


@pytest.mark.parametrize(
    ("status", "headers", "content", "law"),
    [
        (500, {}, GOOD, "status 500"),
        (503, {}, GOOD, "status 503"),
        (429, {}, GOOD, "429 without Retry-After"),
        (418, {}, GOOD, "not one of"),
        (400, {"x-request-id": "a b"}, GOOD, "request id"),
        (400, {"x-request-id": "a2"}, GOOD, "two request ids"),
        (400, {"x-injected": "1"}, GOOD, "header x-injected"),
        (400, {"content-type": "text/plain"}, GOOD, "no JSON by its type"),
        (400, {}, {"detail": "no"}, "without code"),
        (400, {}, GOOD | {"error": GOOD["error"] | {"remedy": ""}}, "an empty code"),
        (400, {}, GOOD | {"error": GOOD["error"] | {"message": 'File "a.py", line 1'}}, "the body shows"),
        (400, {}, GOOD | {"error": GOOD["error"] | {"message": "m" * 2000}}, "2000 letters"),
        (200, {}, {"predictions": [{"label": "a", "probabilities": {"a": 0.5}}]}, "a prediction that is none"),
        (200, {}, {"predictions": [{"error": {"code": "x"}}]}, "a picture's error"),
        (200, {"content-type": "text/html"}, "<p>", "no JSON by its type"),
    ],
)
def test_each_law_is_seen_to_be_broken(status, headers, content, law):
    made = Case("a family", "a case", (b"",), allowed=ANY)
    answer = Answer(status, HEADERS | headers, json.dumps(content).encode().replace(b'\\"', b'"'), 0.1)
    assert any(law in one for one in broken(made, answer)), broken(made, answer)


def test_a_good_answer_a_silent_one_and_a_late_one():
    made = Case("a family", "a case", (b"",))
    assert not broken(made, Answer(429, HEADERS | {"retry-after": "1"}, json.dumps(GOOD).encode(), 0.1))
    assert broken(made, Answer(0, trouble="ConnectionResetError")) == ["no answer (ConnectionResetError)"]
    assert not broken(Case("a family", "a case", (b"",), owed=False), Answer(0))
    assert "it took 14.0 s" in broken(made, Answer(200, HEADERS, b"{}", 14.0))[0]


TEXTS = st.text(st.characters(), max_size=20) | st.sampled_from(["\ud800", "AAAA", "\0", "1" * 30])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "image",
        "images",
        "text",
        "texts",
        "top_k",
        "features",
        "sensitive",
        "label",
        "mask",
        "evaluations",
        "x",
        "request_id",
        "item",
        "feedback",
    ]
)


@pytest.fixture(scope="module", params=[tiny_bundle, tiny_text_bundle])
def client(request, tmp_path_factory):
    with served(request.param(tmp_path_factory.mktemp("hostile") / "bundle")) as client:
        yield client


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.dictionaries(FIELDS, VALUES, max_size=4) | VALUES,
    path=st.sampled_from(["/predict", "/explain", "/feedback"]),
)
def test_any_json_gets_a_refusal_that_says_why_or_an_answer(client, body, path):
    content = json.dumps(body).encode()
    sent = client.post(path, content=content, headers={"Content-Type": "application/json"})
    answer = Answer(sent.status_code, {name.lower(): value for name, value in sent.headers.items()}, sent.content)
    assert not broken(Case("any JSON", path, (content,)), answer)
