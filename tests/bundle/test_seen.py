"""What an answer was made of, handed on without another pass; and the reference of a bundle."""

import json

import numpy as np
import pytest

from fairlead.bundle import Bundle, Predictor, scores_of
from fairlead.bundle.reader import Read
from fairlead.errors import BundleError
from fairlead.export import golden_files
from fairlead.serving.served_model import ServedModel
from tests.fakes.bundles import LABELS, expected, referenced_bundle, tiny_bundle, tiny_picture
from tests.fakes.text_bundles import text_predictor


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return Bundle.open(referenced_bundle(tmp_path_factory.mktemp("seen") / "bundle", rows=120))


def test_an_observer_is_handed_what_the_answers_were_made_of(bundle, monkeypatch):
    predictor = Predictor.of(bundle, threads=1)
    contents = list(golden_files().values())[:3]
    read = [predictor.read(one) for one in (contents[0], b"no picture", *contents[1:])]
    slots, seen, passes = np.zeros(4, dtype=np.int64), [], []
    run = predictor.run
    monkeypatch.setattr(predictor, "run", lambda inputs: passes.append(len(inputs)) or run(inputs))
    answers = predictor.answers(read, slots, features=True, observe=seen.append)
    assert passes == [3]
    assert [one.place for one in seen] == [0, 2, 3]
    for one, content in zip(seen, contents, strict=True):
        answer = answers[one.place]
        assert LABELS[one.code] == answer.label
        assert one.probabilities.tolist() == list(answer.probabilities.values())
        assert one.features.tolist() == list(answer.features)
        assert np.allclose(one.probabilities, expected(content), atol=1e-5)
        height, width = read[one.place].original
        assert one.properties["input.pixels"] == np.log2(height * width)
    assert predictor.answers(read, slots, features=True) == answers


def test_no_property_is_measured_without_an_observer(bundle, monkeypatch):
    predictor = Predictor.of(bundle, threads=1)
    monkeypatch.delattr(type(predictor.reader), "properties")
    read = [predictor.read(next(iter(golden_files().values())))]
    assert predictor.answers(read, np.zeros(1, dtype=np.int64))[0].label in LABELS


def test_the_service_counts_places_over_all_items(bundle):
    served = ServedModel(bundle, Predictor.of(bundle, threads=1), None, "", 0.0, "none")
    content, seen = next(iter(golden_files().values())), []
    items = [content] * 9 + [b"none"] + [content]
    served.answer(items, [{}] * 11, most_pixels=10**7, timed=lambda *_: None, observe=seen.append)
    assert [one.place for one in seen] == [*range(9), 10]


def test_texts_are_seen_by_their_tokens():
    predictor, seen = text_predictor(), []
    predictor.answers([predictor.read("the service was good")], np.zeros(1, dtype=np.int64), observe=seen.append)
    assert {"input.tokens", "input.characters_per_token"} <= set(seen[0].properties)


def test_what_was_not_measured_is_no_number_among_the_scores(bundle):
    predictor, seen = Predictor.of(bundle, threads=1), []
    pixels = np.ascontiguousarray(tiny_picture(np.random.default_rng(0)).transpose(2, 0, 1))
    predictor.answers([Read(pixels), Read(pixels, original=(8, 8))], np.zeros(2, dtype=np.int64), observe=seen.append)
    scores = scores_of(seen, bundle.reference.sketch)
    assert np.isnan(scores["input.pixels"]).tolist() == [True, False]
    assert scores["embedding.distance"][0] == scores["embedding.distance"][1]
    assert set(scores) | {"confidence"} == {score.name for score in bundle.reference.scores}


def test_a_bundle_without_a_reference_opens(tmp_path):
    assert Bundle.open(tiny_bundle(tmp_path / "bundle")).reference is None


@pytest.mark.parametrize(
    "content",
    [
        b"[]",
        b"{}",
        b'{"schema": 1}',
        b'{"schema": 2}',
        b'{"schema": 1, "labels": NaN}',
        b'{"schema": 1, "labels": ["x", "y"], "scores": [], "decided": [[0, 0], [0, 0], [0, 0]], '
        b'"expected": [[0, 0], [0, 0]], "squares": [0, 0], "sketch": null, "note": ""}',
    ],
)
def test_a_reference_that_is_none_is_refused_by_name(tmp_path, content):
    folder = tiny_bundle(tmp_path / "bundle", change=lambda files: files.update({"reference/scores.json": content}))
    with pytest.raises(BundleError, match=r"reference/scores\.json"):
        Bundle.open(folder)


def test_no_name_of_a_file_and_no_row_is_in_it(bundle):
    content = json.loads(bundle.read("reference/scores.json"))
    assert set(content) == {"schema", "labels", "scores", "decided", "expected", "squares", "sketch", "note"}
    assert {key for score in content["scores"] for key in score} == {"name", "family", "edges", "counts"}
