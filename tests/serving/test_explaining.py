"""What /explain answers, in process."""

import base64
import io
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fairlead.bundle import Bundle, Explainer, Predictor
from fairlead.errors import ConfigurationError
from fairlead.records import AttributionCertificate, DecisionRule, Labels, SensitiveFeature, Thresholds
from fairlead.serving import ServiceLimits
from fairlead.serving.served_model import ServedModel
from tests.fakes.bundles import LABELS, PREPROCESSING, graph
from tests.serving.conftest import encoded, picture, served


@pytest.fixture
def client(bundle):
    with served(bundle) as client:
        yield client


def test_it_is_the_explainers_whatever_way_it_was_asked(client, bundle):
    predictor = Predictor.of(Bundle.open(bundle))
    read, label = predictor.read(picture(3)), predictor.answer(picture(3)).label
    known = Explainer(predictor).explain(read, label, mask="mean", evaluations=50).to_dict()
    options = {"mask": "mean", "evaluations": 50}
    texts = client.post("/explain", json={"image": encoded(picture(3)), **options})
    files = client.post("/explain", files={"image": picture(3)}, data={k: str(v) for k, v in options.items()})
    assert texts.status_code == files.status_code == 200
    for answer in (texts.json(), files.json()):
        assert answer["attribution"] == known
        assert answer["prediction"]["label"] == label == answer["attribution"]["label"]
        assert answer["model"] == Bundle.open(bundle).digest
        assert "overlay" not in answer


def test_another_class_can_be_asked_for_and_the_values_add_up(client):
    for label in LABELS:
        found = client.post("/explain", json={"image": encoded(picture(1)), "label": label}).json()["attribution"]
        assert found["label"] == label
        assert np.sum(found["values"]) == pytest.approx(found["full"] - found["base"], abs=1e-6)
        assert abs(found["certificate"]["residual"]) < 1e-6


def test_the_overlay_is_a_picture_only_where_the_explanation_is_reliable(client, monkeypatch):
    for reason in ("", "it was planted"):
        monkeypatch.setattr(AttributionCertificate, "reason", property(lambda self, reason=reason: reason))
        answer = client.post("/explain", json={"image": encoded(picture(1)), "overlay": True}).json()
        assert answer["attribution"]["certificate"]["reliable"] is not bool(reason)
        if reason:
            assert answer["overlay"] is None
        else:
            drawn = Image.open(io.BytesIO(base64.b64decode(answer["overlay"])))
            assert drawn.format == "PNG"
            assert drawn.width > 2 * 300


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"image": encoded(b"no picture")}, 422, "image"),
        ({}, 400, "no picture"),
        ({"image": encoded(picture()), "label": "maybe"}, 400, "maybe"),
        ({"image": encoded(picture()), "label": 3}, 400, "label is a text"),
        ({"image": encoded(picture()), "mask": "noise"}, 400, "blur"),
        ({"image": encoded(picture()), "evaluations": 0}, 400, "whole number"),
        ({"image": encoded(picture()), "evaluations": 1e300}, 400, "whole number"),
        ({"image": encoded(picture()), "overlay": "perhaps"}, 400, "true or false"),
        ({"image": encoded(picture()), "top_k": 1}, 400, "there is no field"),
        ({"images": [encoded(picture())] * 2}, 400, "there is no field"),
    ],
)
def test_what_cannot_be_explained_is_said(client, body, status, said):
    answer = client.post("/explain", json=body)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert said in error["message"]
    assert error["remedy"]
    assert answer.headers["X-Error-Code"] == error["code"]


def test_one_evaluation_that_is_asked_for_is_two(client):
    answer = client.post("/explain", json={"image": encoded(picture()), "evaluations": 1})
    assert answer.status_code == 200
    assert answer.json()["attribution"]["evaluations"] == 2


def test_a_service_makes_no_more_evaluations_than_it_allows(bundle):
    with served(bundle, limits={"evaluations": 3}) as client:
        answer = client.post("/explain", json={"image": encoded(picture()), "evaluations": 10**6})
        assert answer.json()["attribution"]["evaluations"] <= 3


def test_explanations_can_be_switched_off(bundle):
    with served(bundle, limits={"explanations": 0}) as client:
        answer = client.post("/explain", json={"image": encoded(picture())})
        assert answer.status_code == 403
        assert answer.json()["error"]["code"] == "off"
        assert client.post("/predict", json={"image": encoded(picture())}).status_code == 200


def test_it_needs_the_key(bundle):
    with served(bundle, api_key="secret") as client:
        asked = {"json": {"image": encoded(picture())}}
        assert client.post("/explain", **asked).status_code == 401
        assert client.post("/explain", headers={"Authorization": "Bearer secret"}, **asked).status_code == 200


def test_predictions_go_on_while_an_explanation_is_at_work_and_a_second_one_is_refused(bundle, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()
    explain = Explainer.explain

    def slow(self, *args, **options):
        begun.set()
        go_on.wait(10)
        return explain(self, *args, **options)

    monkeypatch.setattr(Explainer, "explain", slow)
    with served(bundle, limits={"slots": 1}) as client:
        answers = []
        asked = {"json": {"image": encoded(picture())}}
        thread = threading.Thread(target=lambda: answers.append(client.post("/explain", **asked)))
        thread.start()
        assert begun.wait(10)
        second = client.post("/explain", **asked)
        assert second.status_code == 429
        assert int(second.headers["Retry-After"]) >= 1
        assert client.post("/predict", **asked).status_code == 200
        assert "fairlead_explanations_taken 1.0" in client.get("/metrics").text
        go_on.set()
        thread.join(10)
        assert answers[0].status_code == 200
        assert client.post("/explain", **asked).status_code == 200


def test_it_answers_before_its_deadline_with_what_it_has(bundle, monkeypatch):
    run = Predictor.run

    def slow(self, pixels):
        time.sleep(0.02 * len(pixels))
        return run(self, pixels)

    with served(bundle, limits={"deadline": 1.0}) as client:
        monkeypatch.setattr(Predictor, "run", slow)
        begun = time.monotonic()
        answer = client.post("/explain", json={"image": encoded(picture())})
        assert time.monotonic() - begun < 1.5
        assert answer.status_code == 200
        assert answer.json()["attribution"]["certificate"]["reason"] == "there was no time to check it"


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(bundle):
    with served(bundle, limits={"pixels": 100}) as client:
        answer = client.post("/explain", json={"image": encoded(picture())})
        assert answer.status_code == 422


def test_a_threshold_by_group_decides_what_is_explained(bundle, monkeypatch):
    labels, sex = Labels(("benign", "malignant")), SensitiveFeature("sex", ("f", "m"))
    rule = DecisionRule(tuple(map(Thresholds.single, (0.0, 1.0, 0.5))), sex)
    predictor = Predictor(graph(classes=2).SerializeToString(), PREPROCESSING, labels, decision=rule)
    opened = replace(Bundle.open(bundle), labels=labels, decision=rule)
    made = ServedModel(opened, predictor, None, "", 0.0, "none")
    monkeypatch.setattr(ServedModel, "open", classmethod(lambda cls, settings: made))
    with served(bundle) as client:
        image = encoded(picture())
        for group, label in (("f", "malignant"), ("m", "benign")):
            answer = client.post("/explain", json={"image": image, "sensitive": {"sex": group}}).json()
            assert answer["attribution"]["label"] == answer["prediction"]["label"] == label
        missing = client.post("/explain", json={"image": image})
        assert missing.status_code == 400
        assert "'sex'" in missing.json()["error"]["message"]


def test_limits_that_cannot_be_are_refused():
    with pytest.raises(ConfigurationError, match="EVALUATIONS"):
        ServiceLimits(evaluations=1)
    with pytest.raises(ConfigurationError, match="EXPLANATIONS"):
        ServiceLimits(explanations=-1)
