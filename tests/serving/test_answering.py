"""What the service answers, in process."""

import json

import numpy as np
import pytest

from fairlead.bundle import Bundle, Predictor
from tests.fakes.bundles import LABELS, expected
from tests.serving.conftest import encoded, picture, served


@pytest.fixture
def client(bundle):
    with served(bundle) as client:
        yield client


def test_the_answer_is_the_predictors_whatever_way_it_was_asked(client, bundle):
    pictures = [picture(0), picture(1, "JPEG"), picture(2, "WEBP", (9, 31))]
    opened = Bundle.open(bundle)
    known = [Predictor.of(opened).answer(content).to_dict() for content in pictures]
    files = client.post("/predict", files=[("image", (f"{i}.x", content)) for i, content in enumerate(pictures)])
    texts = client.post("/predict", json={"images": [encoded(content) for content in pictures]})
    alone = [client.post("/predict", json={"image": encoded(content)}).json() for content in pictures]
    assert files.status_code == 200
    for found in (files.json()["predictions"], texts.json()["predictions"], [one["predictions"][0] for one in alone]):
        assert [one["label"] for one in found] == [one["label"] for one in known]
        for one, other, content in zip(found, known, pictures, strict=True):
            assert one["probabilities"] == pytest.approx(other["probabilities"], abs=1e-6)
            np.testing.assert_allclose(list(one["probabilities"].values()), expected(content), atol=1e-5)
    assert files.json()["model"] == opened.digest


def test_top_k_is_in_order_and_features_come_when_asked_for(client):
    answer = client.post("/predict", data={"top_k": "2", "features": "true"}, files={"image": picture()}).json()
    (one,) = answer["predictions"]
    assert [top["label"] for top in one["top"]] == sorted(one["probabilities"], key=lambda n: -one["probabilities"][n])[
        :2
    ]
    assert len(one["features"]) == 3


def test_one_picture_that_cannot_be_read_fails_none_of_the_others(client):
    answer = client.post("/predict", json={"images": [encoded(picture()), encoded(b"no picture")]})
    assert answer.status_code == 200
    good, bad = answer.json()["predictions"]
    assert good["label"] in LABELS
    assert bad["error"]["code"] == "unreadable_image"
    assert bad["error"]["remedy"]


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"{", 400, "no JSON"),
        (b"[]", 400, "no JSON object"),
        (b"{}", 400, "no picture"),
        (b'{"image": 3}', 400, "base64"),
        (b'{"image": "http://127.0.0.1/a.png"}', 400, "base64"),
        (b'{"image": "AAAA", "url": "x"}', 400, "'url'"),
        (b'{"image": "AAAA", "images": []}', 400, "both"),
        (b'{"image": "AAAA", "top_k": 0}', 400, "top_k"),
        (b'{"image": "AAAA", "top_k": true}', 400, "top_k"),
        (b'{"image": "AAAA", "top_k": 1000000000}', 400, "top_k is a whole number from 1 to 999999999"),
        ('{"image": "AAAA", "top_k": "\u0663"}'.encode(), 400, "top_k"),  # a digit elsewhere, and int() takes it
        (b'{"image": "AAAA", "features": 1}', 400, "features"),
        (b'{"image": "\\ud800"}', 400, "base64"),
        (b'{"\\ud800": 1}', 400, "no field"),
        (b"[" * 100_000, 400, "more than 20000 values"),
        (b"[" * 19_000, 400, "no JSON"),
        (b'{"images": [' + b"[]," * 20_000 + b'""]}', 400, "more than 20000 values"),
        (json.dumps({"images": ["AAAA"] * 33}).encode(), 413, "33 pictures"),
        (b'{"image": "AAAA"}', 422, "not an image"),
    ],
)
def test_a_body_that_cannot_be_used_is_told_with_a_remedy(client, content, status, said):
    answer = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert said in answer.json()["error"]["message"]
    assert answer.json()["error"]["remedy"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"x", "text/plain", 415),
        (b"x", "", 415),
        (b"x", "application/x-pickle", 415),
        (b"x", "multipart/form-data", 400),
        (b"--b\r\nnonsense", "multipart/form-data; boundary=b", 400),
        (b"--b\r\nContent-Disposition: form-data; name=image\r\n\r\nhttp://a/b.png\r\n--b--\r\n",
         "multipart/form-data; boundary=b", 400),
        (b"--b\r\nContent-Disposition: form-data; name=other; filename=a\r\n\r\nx\r\n--b--\r\n",
         "multipart/form-data; boundary=b", 400),
    ],
)  # fmt: skip
def test_other_types_and_broken_forms_are_refused(client, body, kind, status):
    answer = client.post("/predict", content=body, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["remedy"]


def test_too_many_files_are_refused(client):
    assert client.post("/predict", files=[("image", ("a", b"x"))] * 40).status_code == 413


def test_every_answer_has_a_request_id_and_a_clients_own_is_kept(client):
    mine = client.post("/predict", json={"image": encoded(picture())}, headers={"X-Request-ID": "abc-1"})
    assert mine.headers["x-request-id"] == mine.json()["request_id"] == "abc-1"
    for path in ("/livez", "/readyz", "/metrics", "/model", "/nowhere"):
        assert client.get(path).headers["x-request-id"]
    forged = client.get("/livez", headers={"X-Request-ID": "a b\t<script>"})
    assert forged.headers["x-request-id"].isalnum()


def test_the_model_is_told_with_its_evidence(client, bundle):
    told = client.get("/model").json()
    assert told["labels"] == LABELS
    assert told["digest"] == Bundle.open(bundle).digest
    assert told["gate"] == {"passes": True, "blocked_by": []}
    assert told["override"] is None
    assert told["card"] == "# A card\n"


def test_the_examples_of_the_document_work(client):
    body = client.get("/docs.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    answer = client.post("/predict", json=body["application/json"]["example"])
    assert answer.status_code == 200
    assert len(answer.json()["predictions"][0]["top"]) == 1


def test_what_is_counted_has_bounded_labels_and_adds_up(client):
    for seed in range(3):
        client.post("/predict", json={"image": encoded(picture(seed))})
    sums = sum(
        max(
            client.post("/predict", json={"image": encoded(picture(seed))})
            .json()["predictions"][0]["probabilities"]
            .values()
        )
        for seed in range(3)
    )
    for number in range(20):
        assert client.get(f"/no/{number}").status_code == 404
    assert client.request("BREW", "/predict").status_code == 405
    text = client.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['fairlead_requests_total{endpoint="other",outcome="4xx"}'] == "20.0"
    assert lines['fairlead_rejected_total{reason="unknown_path"}'] == "20.0"
    assert sum(float(v) for k, v in lines.items() if k.startswith("fairlead_predictions_total")) == 6
    assert float(lines["fairlead_expected_correct_total"]) == pytest.approx(2 * sums, abs=1e-5)
    assert lines["fairlead_ready"] == "1.0"
    assert "/no/" not in text


@pytest.mark.parametrize(
    "path", ["/", "/schema.json", "/static_content/swagger-ui.css", "/tasks", "//livez", "/predict/"]
)
def test_nothing_else_of_bentoml_is_reachable(client, path):
    assert client.get(path).status_code == 404
