"""A model that decides by thresholds is served with them."""

from dataclasses import replace

import pytest

from fairlead.bundle import Bundle, Predictor
from fairlead.errors import ConfigurationError
from fairlead.records import DecisionRule, Labels, SensitiveFeature, Thresholds
from fairlead.serving.served_model import ServedModel
from tests.fakes.bundles import PREPROCESSING, graph
from tests.serving.conftest import encoded, picture, served

LABELS = Labels(("benign", "malignant"))
PICTURES = [picture(seed) for seed in range(12)]


def model(bundle, rule):
    predictor = Predictor(graph(classes=2).SerializeToString(), PREPROCESSING, LABELS, decision=rule)
    return ServedModel(replace(Bundle.open(bundle), labels=LABELS, decision=rule), predictor, None, "", 0.0, "none")


def asked(served_model, pictures, sensitive):
    return served_model.answer(pictures, sensitive, most_pixels=10**6, timed=lambda *_: None)


def test_the_class_is_the_rules_as_the_predictor_says(bundle):
    sex = SensitiveFeature("sex", ("f", "m"))
    probabilities = sorted(a.probabilities["malignant"] for a in asked(model(bundle, None), PICTURES, [{}] * 12))
    low, middle = probabilities[2], probabilities[6]
    rule = DecisionRule(tuple(map(Thresholds.single, (low, middle, 0.999))), sex)
    ruled = model(bundle, rule)
    given = [{"sex": value} for value in ("f", "m", None) * 4]
    mixed = [*PICTURES[:5], b"no picture", *PICTURES[6:]]
    found = asked(ruled, mixed, given)
    limits = {"f": low, "m": middle, None: 0.999}
    for one, values in zip(found, given, strict=True):
        score = one.probabilities["malignant"] if one.probabilities else None
        assert one.label == (score and LABELS[int(score > limits[values["sex"]])])
    assert found[5].error
    assert {one.label for one in found} >= set(LABELS)
    with pytest.raises(ConfigurationError, match="'sex'"):
        asked(ruled, PICTURES[:1], [{}])
    assert ruled.describe()["decision"] == rule.to_dict()


@pytest.mark.parametrize("given", [3, ["f"], [{"sex": 1}], [{}, {}], "no"])
def test_groups_that_are_none_are_refused(bundle, given):
    with served(bundle) as client:
        answer = client.post("/predict", json={"image": encoded(picture()), "sensitive": given})
        assert answer.status_code == 400
        assert "sensitive" in answer.json()["error"]["message"]
        form = client.post("/predict", files={"image": picture()}, data={"sensitive": '{"sex": null}'})
        assert form.status_code == 200
