"""The service as a process of its own, asked over real HTTP."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import nullcontext

import numpy as np
import pytest

from fairlead.cli import serve
from fairlead.errors import ConfigurationError, FairleadError, ServiceError
from fairlead.serving import Client
from tests.fakes.bundles import BLOCKED, LABELS, expected, tiny_bundle
from tests.fakes.keys import key_pair
from tests.fakes.text_bundles import expected as expected_of_text
from tests.fakes.text_bundles import tiny_text_bundle
from tests.serving.conftest import picture


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def started(folder, *flags, **environment):
    port = free_port()
    command = [sys.executable, "-c", "import sys; from fairlead.cli.main import main; sys.exit(main())", "serve"]
    process = subprocess.Popen(
        [*command, str(folder), "--port", str(port), *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
    )
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("stop"):
            break
    return process, f"http://127.0.0.1:{port}", "".join(lines)


def ended(process):
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=30)
    return process.returncode, rest


def test_a_served_bundle_answers_over_http_and_ends_cleanly(tmp_path):
    process, url, told = started(
        tiny_bundle(tmp_path / "bundle", BLOCKED), "--override", "a pilot", "--by", "A. Person"
    )
    try:
        assert f"curl -F image=@PICTURE.jpg {url}/predict" in told, told
        client = Client(url)
        pictures = [picture(0), picture(1, "JPEG")]
        for one, content in zip(client.predict([*pictures, b"no"])[:2], pictures, strict=True):
            assert one.label == LABELS[int(expected(content).argmax())]
            np.testing.assert_allclose(list(one.probabilities.values()), expected(content), atol=1e-5)
        assert client.predict([*pictures, b"no"])[2].error
        (alone,), pair = client.predict(pictures[:1]), client.predict(pictures)
        for one in (alone, *pair):  # what was predicted can be told of
            assert client.feedback(one.request_id, LABELS[0], item=one.item) == "joined"
        assert client.model()["override"]["held"] == "memory"
        with pytest.raises(ServiceError, match="not an image") as refused:
            client.predict([b"no"])
        assert (refused.value.status, refused.value.code) == (422, "unreadable_image")
    finally:
        code, rest = ended(process)
    assert code == 0, rest
    assert "Traceback" not in rest
    assert not client.ready()
    with pytest.raises(ServiceError, match="is it running"):
        client.model()


def test_a_key_is_asked_for_and_a_stopped_service_says_that_it_leaves_and_still_answers(tmp_path):
    key = tmp_path / "key"
    key.write_text("sesame\n")
    process, url, told = started(tiny_bundle(tmp_path / "bundle"), "--api-key-file", str(key), FAIRLEAD_DRAIN="1.5")
    try:
        assert "Authorization: Bearer KEY" in told
        with pytest.raises(ServiceError, match="missing or wrong"):
            Client(url).predict([picture()])
        client = Client(url, api_key="sesame")
        assert client.predict([picture()])[0].label
    finally:
        ending = threading.Thread(target=ended, args=(process,))
        ending.start()
    seen = set()
    begun = time.monotonic()
    while time.monotonic() - begun < 1.2:
        try:
            client.check_ready()
        except ServiceError as error:
            seen.add(error.code)
            if error.code == "draining":
                assert client.predict([picture()])[0].label
        time.sleep(0.05)
    ending.join()
    assert seen == {"draining"}
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--monitor-groups", "tone"], r"tone.*the bundle \(--monitor-groups\)"),
        (["--monitor-folder", "file/monitor"], r"monitoring cannot write .*file/monitor \(Not a directory\); name"),
    ],
)
def test_what_monitoring_could_not_do_is_told_before_anything_is_served(tmp_path, monkeypatch, flags, said):
    bundle = tiny_bundle(tmp_path / "bundle")
    (tmp_path / "file").write_text("no folder")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(serve, "_running", lambda *_: nullcontext())
    monkeypatch.setattr(serve, "_tell", lambda *_, **__: pytest.fail("it was served"))
    with pytest.raises(FairleadError, match=said):
        serve.run_serve([str(bundle), "--port", str(free_port()), *flags])


def test_a_request_in_flight_is_answered_before_the_service_ends(tmp_path):
    process, url, _ = started(tiny_bundle(tmp_path / "bundle"))
    host, port = url.removeprefix("http://").split(":")
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n' + picture() + b"\r\n--b--\r\n"
    head = (
        f"POST /predict HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(head.encode() + body[:50])
        time.sleep(0.2)
        ending = threading.Thread(target=ended, args=(process,))
        ending.start()
        time.sleep(0.5)
        sock.sendall(body[50:])
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    ending.join()
    assert answer.startswith(b"HTTP/1.1 200")
    assert process.returncode == 0


def test_what_cannot_be_served_is_refused_before_anything_starts(tmp_path, capsys):
    from fairlead.cli.main import main

    good, blocked = tiny_bundle(tmp_path / "good"), tiny_bundle(tmp_path / "blocked", BLOCKED)
    assert main(["serve", str(blocked)]) == 1
    assert "--override" in capsys.readouterr().err
    key = tmp_path / "key"
    key.write_text("sesame")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for flags, said in (
            (["--port", port], "name another with --port"),
            (["--port", "0"], "from 1 to 65535"),
            (["--host", "nowhere"], "IP address"),
            (["--host", "0.0.0.0"], "--api-key-file"),  # noqa: S104  # refused
            (["--by", "A. Person"], "an override states its reason"),
            (["--api-key-file", str(tmp_path / "none")], "cannot be read"),
            (["--api-key-file", str(key), "--no-api-key"], "leave out one of the two"),
        ):
            assert (
                main(["serve", str(good), *(["--port", str(free_port())] if "--port" not in flags else []), *flags])
                == 2
            )
            assert said in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "none")]) == 2


def test_what_the_service_itself_refuses_is_told(tmp_path, capsys):
    from fairlead.cli.main import main

    good = tiny_bundle(tmp_path / "good")
    _, public = key_pair(tmp_path)
    for key, said in ((tmp_path / "none", "no key"), (public, "is not signed")):
        assert main(["serve", str(good), "--port", str(free_port()), "--key", str(key)]) == 2
        assert said in capsys.readouterr().err


def test_large_blocks_of_memory_are_given_back_unless_told_otherwise(tmp_path, monkeypatch):
    from fairlead.cli.serve import _environment, _parser

    options = _parser().parse_args([str(tmp_path)])
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)
    assert _environment(options)["MALLOC_MMAP_THRESHOLD_"] == "1048576"
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", "4096")
    assert _environment(options)["MALLOC_MMAP_THRESHOLD_"] == "4096"


def test_no_spans_are_made_for_nobody_unless_told_otherwise():
    code = (
        "import fairlead.serving.service\n"
        "from bentoml._internal.configuration.containers import BentoMLContainer\n"
        "print(type(BentoMLContainer.tracer_provider.get().get_tracer('a').start_span('b')).__name__)"
    )
    kinds = []
    for chosen in ({}, {"OTEL_SDK_DISABLED": "false"}):
        environment = {name: value for name, value in os.environ.items() if name != "OTEL_SDK_DISABLED"} | chosen
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        kinds.append(done.stdout.strip())
    assert kinds[0] == "NonRecordingSpan"
    assert kinds[1] != kinds[0]


def test_a_client_wants_an_address_of_http():
    with pytest.raises(ConfigurationError, match="no address"):
        Client("file:///etc/passwd")


@pytest.mark.parametrize("module", ["fairlead.serving", "fairlead.serving.app"])
def test_a_service_imports_nothing_of_training(module):
    heavy = (
        "torch torchvision lightning timm transformers sklearn pyarrow pandas shap onnx fairlead.modules fairlead.data"
    )
    code = f"import sys, {module}; print(*[name for name in '{heavy}'.split() if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_client_needs_neither_bentoml_nor_onnxruntime():
    code = (
        "import sys, fairlead.serving; print(*[n for n in ('bentoml', 'onnxruntime', 'starlette') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_bundle_of_texts_is_served_and_the_client_asks_for_texts(tmp_path):
    process, url, told = started(tiny_text_bundle(tmp_path / "bundle"))
    try:
        assert f"""curl --json '{{"text": "..."}}' {url}/predict""" in told, told
        client = Client(url)
        good, pair, blank, long, half = client.predict(["good", ("good", "bad"), " ", "bad " * 100, "\ud800"])
        assert good.probabilities == pytest.approx(dict(zip(LABELS, expected_of_text("good"), strict=True)), abs=1e-5)
        assert pair.label == LABELS[int(expected_of_text(("good", "bad")).argmax())]
        assert (blank.label, bool(blank.error)) == (None, True)
        assert (good.truncated, long.truncated) == (False, True)
        assert half.label in LABELS
        with pytest.raises(ConfigurationError, match="one kind at a time"):
            client.predict(["good", picture()])
        with pytest.raises(ServiceError, match="send texts in JSON"):
            client.predict([picture()])
        why = client.explain(("good service", "bad"), label=LABELS[0])
        assert why.words == ("good", "service", "bad")
        assert len(why.values[0]) == 3
        assert why.overlay is None
    finally:
        code, _ = ended(process)
    assert code == 0
