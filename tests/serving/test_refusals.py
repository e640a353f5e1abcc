"""Whom the service does not answer, and what it survives."""

import json
import struct
import threading
import zlib

import pytest
from starlette.websockets import WebSocketDisconnect

from tests.fakes.bundles import BLOCKED, tiny_bundle
from tests.serving.conftest import encoded, picture, served


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png(width, height, content=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(content)) + chunk(b"IEND", b"")


HOSTILE = {
    "bomb.png": png(30_000, 30_000, bytes(1_000_000)),
    "huge_dimensions.png": png(2**31 - 1, 2**31 - 1),
    "no_size.png": png(0, 0),
    "promises_more.png": png(3000, 3000, b"\0" * 10),
    "truncated.jpg": picture(kind="JPEG")[:200],
    "truncated.png": picture()[:60],
    "zero_bytes.jpg": b"",
    "svg.svg": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>',
    "postscript.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    "polyglot.gif": b"GIF89a/*" + b"<script>" * 9,
    "page.jpg": b"<!doctype html>",
    "nulls.jpg": bytes(100_000),
    "pickle.jpg": b"\x80\x04\x95.",
    "text_bomb.png": picture()[:33] + chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(9_000_000))) + picture()[33:],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["image/jpeg", "text/html", ""])
def test_a_hostile_image_is_the_clients_trouble_not_the_services(shared, name, kind):
    answer = shared.post("/predict", files={"image": (name, HOSTILE[name], kind)})
    assert answer.status_code in {200, 422}, answer.text
    if answer.status_code == 422:
        assert set(answer.json()["error"]) == {"code", "message", "remedy"}
        assert "Traceback" not in answer.text
    assert shared.post("/predict", files={"image": picture()}).status_code == 200


def test_awkward_but_whole_images_are_answered(shared):
    for content in (picture(size=(1, 1)), picture() + b"PK\x03\x04 a zip behind it", picture(kind="BMP")):
        assert shared.post("/predict", files={"image": ("a.txt", content, "text/plain")}).status_code == 200


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with served(tiny_bundle(tmp_path_factory.mktemp("hostile") / "bundle")) as client:
        yield client


def test_pixels_are_capped_before_they_are_decoded(bundle):
    with served(bundle, limits={"pixels": 100}) as client:
        answer = client.post("/predict", json={"image": encoded(picture(size=(11, 10)))})
        assert answer.status_code == 422
        assert "100 allowed" in answer.json()["error"]["message"]
        assert client.post("/predict", json={"image": encoded(picture(size=(10, 10)))}).status_code == 200


@pytest.mark.parametrize("streamed", [False, True])
def test_a_body_above_the_cap_is_not_read(bundle, streamed):
    sent = []

    def parts():
        for _ in range(100):
            sent.append(1)
            yield bytes(1000)

    with served(bundle, limits={"body_bytes": 3000}) as client:
        content = parts() if streamed else bytes(3001)
        answer = client.post("/predict", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == 413
        assert answer.json()["error"]["code"] == "body_too_large"
        assert client.post("/predict", json={"image": encoded(picture())}).status_code == 200


def test_a_websocket_is_told_that_there_is_none(shared):
    for path in ("/predict", "/", "/nowhere"):
        with pytest.raises(WebSocketDisconnect), shared.websocket_connect(path):
            pass


@pytest.mark.parametrize("label", ["\ud800", "no\0ne", "x" * 100_000, "\u202e<script>"])
def test_what_a_client_said_is_repeated_to_it_within_bounds_and_in_utf_8(shared, label):
    body = json.dumps({"image": encoded(picture()), "label": label})
    answer = shared.post("/explain", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "bad_request"
    assert len(answer.text) < 2000


def test_probes_are_answered_while_a_large_form_is_read(bundle, monkeypatch):
    from fairlead.serving import endpoints

    begun, release, parse = threading.Event(), threading.Event(), endpoints.parse_predict

    def slowly(*arguments):
        begun.set()
        assert release.wait(10)
        return parse(*arguments)

    found = []
    with served(bundle) as client:
        monkeypatch.setattr(endpoints, "parse_predict", slowly)
        form = {"image": picture()}
        asking = threading.Thread(target=lambda: found.append(client.post("/predict", files=form).status_code))
        asking.start()
        assert begun.wait(10)
        assert client.get("/livez").status_code == 200
        release.set()
        asking.join()
    assert found == [200]


def test_a_key_is_asked_for_where_one_is_set(bundle):
    body = {"image": encoded(picture())}
    with served(bundle, api_key="sesame") as client:
        for headers in ({}, {"Authorization": "Bearer sesam"}, {"X-API-Key": "sesame2"},
                        {"Authorization": "Basic sesame"}, {"X-API-Key": "ses\u00e4me".encode()}):  # fmt: skip
            answer = client.post("/predict", json=body, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/model").status_code == 401
        for headers in (
            {"Authorization": "Bearer sesame"},
            {"authorization": "bearer sesame"},
            {"X-API-Key": "sesame"},
        ):
            assert client.post("/predict", json=body, headers=headers).status_code == 200
        for open_path in ("/livez", "/readyz", "/metrics"):
            assert client.get(open_path).status_code == 200


def test_without_a_key_only_this_machine_is_answered_unless_all_are(bundle):
    body = {"image": encoded(picture())}
    with served(bundle, host="192.0.2.1") as client:
        answer = client.post("/predict", json=body)
        assert answer.status_code == 401
        assert "FAIRLEAD_API_KEY_FILE" in answer.json()["error"]["remedy"]
    with served(bundle, host="192.0.2.1", open_to_all=True) as client:
        assert client.post("/predict", json=body).status_code == 200


def test_a_blocked_gate_is_not_ready_until_someone_answers_for_it(tmp_path):
    from fairlead.evidence import Override

    blocked = tiny_bundle(tmp_path / "bundle", BLOCKED)
    with served(blocked) as client:
        answer = client.get("/readyz")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
        assert "FAIR-003" in answer.json()["error"]["message"]
        assert client.get("/livez").status_code == 200
        refused = client.post("/predict", json={"image": encoded(picture())})
        assert refused.status_code == 503
        assert "--override" in refused.json()["error"]["message"]
    with served(blocked, override=Override("a pilot", "A. Person", "2026-01-31")) as client:
        assert client.get("/readyz").status_code == 200
        told = client.get("/model").json()
        assert told["gate"]["passes"] is False
        assert told["override"] == {"reason": "a pilot", "name": "A. Person", "date": "2026-01-31", "held": "memory"}
        assert 'gate="overridden"' in client.get("/metrics").text


def test_a_recorded_override_is_told_as_the_bundles(tmp_path):
    signed = {"reason": "a pilot", "name": "A. Person", "date": "2026-01-31"}
    gate = {"passes": True, "blocked_by": ["FAIR-003"], "override": signed}
    with served(tiny_bundle(tmp_path / "bundle", gate)) as client:
        assert client.get("/model").json()["override"] == {**signed, "held": "bundle"}


def test_an_altered_bundle_a_wrong_golden_and_none_at_all_are_not_ready(tmp_path):
    altered = tiny_bundle(tmp_path / "altered")
    (altered / "labels.json").write_bytes(b'["a", "b", "c"]')

    def wrong(files):
        files["goldens/expected.json"] = files["goldens/expected.json"].replace(b"0.", b"0.5", 1)

    for folder, said in (
        (altered, "labels.json"),
        (tiny_bundle(tmp_path / "wrong", change=wrong), "differs by"),
        (tmp_path / "missing", "no folder"),
        (None, "FAIRLEAD_BUNDLE"),
    ):
        with served(folder) as client:
            answer = client.get("/readyz")
            assert answer.status_code == 503
            assert said in answer.json()["error"]["message"]


def test_an_unsigned_bundle_is_not_ready_where_a_key_is_set(bundle, tmp_path):
    key = tmp_path / "key.pub"
    key.write_text("x")
    with served(bundle, key=key) as client:
        assert "not signed" in client.get("/readyz").json()["error"]["message"]
