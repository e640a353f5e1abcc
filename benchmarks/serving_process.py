"""Services as processes of their own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.serving_bundle import is_text, random_bundle, with_reference
from benchmarks.serving_load import Target
from fairlead.bundle import sign_bundle

CLASSES = 10
PATIENCE = 120.0
BENTOML = (sys.executable, "-m", "bentoml", "serve")


@dataclass(frozen=True)
class Service:
    """How to start one, and how to ask it.

    Attributes:
        name: In tables.
        command: Starts it.
        target: Where it answers.
        probe: The path that answers 200 once it is ready.
        environment: What it needs beside ours.
    """

    name: str
    command: tuple[str, ...]
    target: Target
    probe: str = "/readyz"
    environment: dict[str, str] = field(default_factory=dict)

    @contextlib.contextmanager
    def running(self) -> Iterator[float]:
        """Starts it, gives the seconds until it was ready, and stops it with all its children."""
        begun = time.perf_counter()
        process = subprocess.Popen(
            self.command,
            env=os.environ | self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not self._ready():
                if process.poll() is not None or time.perf_counter() - begun > PATIENCE:
                    raise SystemExit(f"{self.name} did not start: {' '.join(self.command)}")
                time.sleep(0.02)
            yield time.perf_counter() - begun
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what a peer left behind

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.target.port}{self.probe}", timeout=2) as answer:
                return answer.status == 200
        except (OSError, urllib.error.URLError):
            return False


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def _peer(model: str) -> dict[str, str]:
    return {"MODEL": model, "CLASSES": str(CLASSES), "BENTOML_DO_NOT_TRACK": "True", "OMP_WAIT_POLICY": "PASSIVE"}


def _field(model: str) -> str:
    return "text" if is_text(model) else "image"


def _bentoml(name: str, module: str, model: str) -> Service:
    port = free_port()
    command = (*BENTOML, f"benchmarks.peers.{module}", "--host", "127.0.0.1", "--port", str(port))
    return Service(name, command, Target(port, _field(model)), environment=_peer(model))


def bentoml_service(model: str) -> Service:
    module = "serving_stock_bentoml_text" if is_text(model) else "serving_stock_bentoml"
    return _bentoml("stock BentoML, eager torch", f"{module}:Classifier", model)


def trivial_service() -> Service:
    return _bentoml("trivial BentoML", "serving_trivial_bentoml:Trivial", "")


def litserve_service(model: str) -> Service:
    port = free_port()
    module = "serving_litserve_text" if is_text(model) else "serving_litserve"
    command = (sys.executable, "-m", f"benchmarks.peers.{module}", str(port))
    return Service("LitServe, eager torch", command, Target(port, _field(model)), "/health", _peer(model))


def fairlead_service(
    model: str, folder: Path, *, precision: str = "fp32", runtime: str = "onnxruntime", reference: bool = False
) -> Service:
    """With a signed bundle and an API key, both written to the folder; of pictures, with a reference if asked for."""
    folder.mkdir(exist_ok=True)
    change = {"change": with_reference} if reference else {}
    bundle, port = random_bundle(folder / "bundle", model, CLASSES, precision=precision, **change), free_port()
    private, public, secret = (folder / name for name in ("private.pem", "public.pem", "api_key"))
    _openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(private))
    _openssl("ec", "-in", str(private), "-pubout", "-out", str(public))
    sign_bundle(bundle, private)
    secret.write_text("sesame\n")
    command = (
        sys.executable, "-c", "import sys; from fairlead.cli.main import main; sys.exit(main())", "serve", str(bundle),
        "--port", str(port), "--key", str(public), "--api-key-file", str(secret), "--runtime", runtime,
    )  # fmt: skip
    name = (
        "fairlead serve" + (", OpenVINO" if runtime == "openvino" else "") + (", int8" if precision == "int8" else "")
    )
    return Service(name, command, Target(port, _field(model), {"Authorization": "Bearer sesame"}))


def _openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
