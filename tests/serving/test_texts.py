"""A bundle of texts over HTTP, in process."""

import json
import time

import numpy as np
import pytest

from fairlead.bundle import Bundle, Predictor
from fairlead.errors import BundleError
from fairlead.export import awkward_texts
from fairlead.records import Labels
from fairlead.serving import body as bodies
from fairlead.serving.served_model import ServedModel
from fairlead.serving.settings import ServiceSettings
from tests.fakes.bundles import LABELS
from tests.fakes.text_bundles import PREPROCESSING, WORTH, expected, text_graph, text_predictor, tiny_text_bundle
from tests.serving.conftest import encoded, picture, served

PAIR = ("the service was good", "he was bad")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_text_bundle(tmp_path_factory.mktemp("texts") / "bundle")


@pytest.fixture(scope="module")
def client(folder):
    with served(folder) as client:
        yield client


def asked(client, body, path="/predict"):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"Content-Type": "application/json"})


def answers(client, body):
    answer = asked(client, body)
    assert answer.status_code == 200, answer.text
    return answer.json()["predictions"]


def test_texts_and_pairs_are_answered_as_by_numpy_in_their_order(client):
    texts = ["good", PAIR, "bad " * 30, PAIR[::-1], "\u4f60\u597d he very", *awkward_texts().values(), ["fine"]]
    found = answers(client, {"texts": texts[:32]})
    for text, one in zip(texts, found, strict=False):
        np.testing.assert_allclose(
            list(one["probabilities"].values()), expected(text[0] if isinstance(text, list) else text), atol=1e-5
        )
        assert one["label"] == LABELS[int(np.argmax(list(one["probabilities"].values())))]
    (alone,) = answers(client, {"text": list(PAIR), "top_k": 2, "features": True})
    assert alone["probabilities"] == pytest.approx(found[1]["probabilities"], abs=1e-6)
    assert (len(alone["top"]), len(alone["features"])) == (2, 3)


def test_blank_texts_have_errors_of_their_own_and_fail_no_others(client):
    found = answers(client, {"texts": ["good", "", " \n\t\u3000", ["bad", ""], "bad"]})
    assert [one.get("error", {}).get("code") for one in found] == [None, *["unreadable_text"] * 3, None]
    assert all(one["error"]["remedy"] for one in found[1:4])
    refused = asked(client, {"texts": ["", " "]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unreadable_text")


def test_what_is_cut_is_said(client):
    long, short = answers(client, {"texts": ["good " * 2_000_000, "good"]})  # ten megabytes
    assert long["truncated"] is True
    assert "truncated" not in short
    assert long["probabilities"] == pytest.approx(answers(client, {"text": "good " * 100})[0]["probabilities"])


@pytest.mark.parametrize("text", ["a \ud800 b", "\udfff", "good\x00bad", "\x00", "\u200b\ufeff", "\x1b[31m"])
def test_what_no_file_could_hold_is_answered(client, text):
    (one,) = answers(client, {"text": text})
    np.testing.assert_allclose(list(one["probabilities"].values()), expected(text), atol=1e-5)


def test_commas_and_brackets_within_texts_are_no_values_of_json(client):
    for text in ("good, bad: [{" * 20_000, '"\\' * 30_000 + ",", ",".join('""') * 20_000, "\\" * 50_001 + "," * 30_000):
        assert len(answers(client, {"texts": [text, "he"]})) == 2


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({}, 400, "there is no text"),
        ({"texts": []}, 400, "there is no text"),
        ({"text": 3}, 400, "a text is a string"),
        ({"texts": "good"}, 400, "texts is a list"),
        ({"texts": [["a", "b", "c"]]}, 400, "list of two"),
        ({"texts": [[]]}, 400, "list of two"),
        ({"texts": [None]}, 400, "a text is a string"),
        ({"text": "a", "texts": ["b"]}, 400, "both text and texts"),
        ({"image": encoded(picture())}, 400, "there is no field 'image'; there are text, texts"),
        ({"text": "a", "overlay": True}, 400, "'overlay'"),
        ({"texts": ["a"] * 33}, 413, "33 texts"),
        (b'{"texts": [' + b"[]," * 20_000 + b'""]}', 400, "more than 20000 values"),
        (b'{"text": "' + b'\\"' * 9 + b'", "sensitive": [' + b"{}," * 20_000 + b"{}]}", 400, "more than 20000 values"),
        (('{"texts": ["a\\"", ' + "[], " * 20_000 + '""]}').encode("utf-16"), 400, "more than 20000 values"),
        (b'{"text": "good', 400, "no JSON"),
        (b'{"text": "\xff"}', 400, "no JSON"),
    ],
)  # fmt: skip
def test_a_body_that_cannot_be_used_is_told_with_a_remedy(client, body, status, said):
    answer = asked(client, body)
    assert answer.status_code == status, answer.text
    assert said in answer.json()["error"]["message"]
    assert "texts" in answer.json()["error"]["remedy"] or status == 413


def test_a_picture_is_not_taken_for_a_text_nor_a_text_for_a_picture(client, bundle):
    for path in ("/predict", "/explain"):
        form = client.post(path, files={"image": picture()})
        assert (form.status_code, form.json()["error"]["code"]) == (415, "unsupported_type")
        assert "send texts in JSON" in form.json()["error"]["remedy"]
    with served(bundle) as pictures:
        for path in ("/predict", "/explain"):
            refused = asked(pictures, {"text": "good"}, path)
            assert (refused.status_code, refused.json()["error"]["code"]) == (400, "bad_request")
            assert "there are image" in refused.json()["error"]["message"]
            assert "base64" in refused.json()["error"]["remedy"]


def test_counting_values_takes_little_time_and_no_text_hides_any():
    for content in (
        b'"' + b"\\\\" * 1_000_000 + b'",',
        b'"' * 2_000_000,
        b"\\" * 2_000_000 + b'"',
        b'"' + b"," * 2_000_000,
    ):
        begun = time.thread_time()
        bodies._values(content + b"," * 30_000)
        assert time.thread_time() - begun < 1
    assert bodies._values(b'"a", ' * 10 + b'"' + b"," * 30_000) > 20_000  # a text that never ends is none


# -- explanations ------------------------------------------------------------------------------------------------


def test_words_are_worth_what_the_graph_adds_for_them(client):
    text = "the service was very bad"
    answer = asked(client, {"text": text, "label": LABELS[0], "evaluations": 400}, "/explain").json()
    found = answer["attribution"]
    assert [text[span["start"] : span["end"]] for span in found["spans"]] == text.split()
    assert np.sum(found["values"]) == pytest.approx(found["full"] - found["base"], abs=1e-6)
    assert answer["prediction"]["label"] == LABELS[int(expected(text).argmax())]
    assert (found["mask"], found["label"]) == ("absent", LABELS[0])
    assert "overlay" not in answer


def test_values_are_the_exact_ones_of_all_orders(client):
    """Of the game as NumPy plays it: Owen values by their definition, over every order the tree allows."""
    text, code = "good bad fine very", 1
    ids = PREPROCESSING.tokens([text]).planes[0, 0]

    def worth(shown):
        kept = [ids[0], *(token for token, is_shown in zip(ids[1:-1], shown, strict=True) if is_shown), ids[-1]]
        raised = np.exp(WORTH[kept].astype(np.float64).sum(axis=0))
        return np.log(raised[code]) - np.log(np.delete(raised, code).sum())

    orders = [
        [*first, *second]
        for pair in (((0, 1), (2, 3)), ((2, 3), (0, 1)))
        for first in (pair[0], pair[0][::-1])
        for second in (pair[1], pair[1][::-1])
    ]
    values = np.zeros(4)
    for order in orders:
        shown = np.zeros(4, dtype=bool)
        for word in order:
            before = worth(shown)
            shown[word] = True
            values[word] += (worth(shown) - before) / len(orders)
    found = asked(client, {"text": text, "label": LABELS[code]}, "/explain").json()["attribution"]
    np.testing.assert_allclose(found["values"][0], values, atol=1e-5)


@pytest.mark.parametrize("text", ["\x00", "\u200b", "a", "x" * 50_000, "\ud800", ["good", "bad"], "good " * 500])
def test_any_text_is_explained_within_what_it_has(client, text):
    answer = asked(client, {"text": text, "evaluations": 60}, "/explain")
    assert answer.status_code == 200, answer.text
    found = answer.json()["attribution"]
    assert len(found["values"][0]) == max(1, len(found["spans"]))
    parts = [text] if isinstance(text, str) else text
    assert all(0 <= span["start"] < span["end"] <= len(parts[span["part"]]) for span in found["spans"])


def test_a_text_of_a_few_words_says_that_it_cannot_be_checked(client):
    for words, checked in (("good", False), ("good bad he", False), ("good bad he fine", True)):
        said = asked(client, {"text": words}, "/explain").json()["attribution"]["certificate"]
        assert ("too few parts" in said["reason"]) is not checked


def test_what_cannot_be_explained_is_said(client):
    for body, status, said in (
        ({"text": " "}, 422, "no text"),
        ({"texts": ["a"]}, 400, "there is no field 'texts'"),
        ({"text": "a", "mask": "blur"}, 400, "absent"),
        ({"text": "a", "label": "maybe"}, 400, "maybe"),
    ):
        answer = asked(client, body, "/explain")
        assert (answer.status_code, said in answer.json()["error"]["message"]) == (status, True), answer.text


# -- what is said of it ------------------------------------------------------------------------------------------


def test_the_examples_of_the_document_work_and_speak_of_texts(client):
    document = client.get("/docs.json").json()
    for path in ("/predict", "/explain"):
        body = document["paths"][path]["post"]["requestBody"]["content"]
        assert list(body) == ["application/json"]
        assert asked(client, body["application/json"]["example"], path).status_code == 200
    told = client.get("/model").json()
    assert (told["modality"], told["max_tokens"]) == ("text", 64)
    assert "input_size" not in told


def test_a_graph_of_fewer_tokens_than_its_tokenizer_is_not_served():
    with pytest.raises(BundleError, match=r"64 tokens of number 15, which the tokenizer may give: .*not of one model"):
        Predictor(text_graph(words=12).SerializeToString(), PREPROCESSING, Labels(tuple(LABELS)))


def test_a_batch_holds_texts_of_one_length_or_nearly():
    reader = text_predictor().reader
    lengths = np.random.default_rng(0).integers(3, 64, 200)
    batches = list(reader.batches([np.ones((3, length), np.int32) for length in lengths]))
    assert sorted(np.concatenate([places for places, _ in batches])) == list(range(200))
    for places, inputs in batches:
        assert len(places) <= 8
        assert inputs.shape[2] == lengths[places].max() <= 1.25 * lengths[places].min() + 2
    assert len(batches) < 40
    mixed = [60, 3, 62, 5, 40]
    few = reader.batches([np.ones((3, length), np.int32) for length in mixed])
    assert [[mixed[place] for place in places] for places, _ in few] == [[3, 5], [40], [60, 62]]
    assert [len(places) for places, _ in reader.batches([np.ones((3, 400), np.int32)] * 3)] == [1, 1, 1]


def test_a_request_that_is_late_stops_between_two_batches(folder):
    model, ran = ServedModel.open(ServiceSettings(bundle=folder)), []

    def timed(stage, seconds):
        ran.append(stage)
        if ran.count("infer") == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError):
        model.answer(["good " * length for length in range(1, 33)], [{}] * 32, most_pixels=1, timed=timed)
    assert ran == ["decode"] * 32 + ["infer"] * 2


def test_the_service_answers_as_the_predictor_of_its_bundle(client, folder):
    predictor = Predictor.of(Bundle.open(folder))
    assert answers(client, {"text": "good"})[0]["probabilities"] == pytest.approx(
        predictor.answer("good").probabilities
    )
