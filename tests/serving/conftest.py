"""A service over a bundle of one kilobyte, in process."""

import base64
import io
import os
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

os.environ["BENTOML_DO_NOT_TRACK"] = "True"

from starlette.testclient import TestClient

from fairlead.serving import ServiceLimits, ServiceSettings
from tests.fakes.bundles import tiny_bundle


def picture(seed=0, kind="PNG", size=(20, 16)):
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def encoded(content):
    return base64.b64encode(content).decode()


@contextmanager
def served(bundle, *, host="127.0.0.1", wait=True, limits=None, **settings):
    from fairlead.serving.service import make_service

    made = make_service(ServiceSettings(bundle=bundle, limits=ServiceLimits(**limits or {}), **settings))
    with TestClient(made.to_asgi(), base_url=f"http://{host}:3000", raise_server_exceptions=False) as client:
        for _ in range(200):
            answer = client.get("/readyz")
            if not wait or answer.status_code == 200 or answer.json()["error"]["code"] != "starting":
                break
            time.sleep(0.05)
        yield client


def settled(client, known, seconds=5.0):
    """Returns what monitoring says once it says so."""
    end = time.monotonic() + seconds
    while True:
        report = client.get("/status.json").json()
        if known(report) or time.monotonic() > end:
            return report
        time.sleep(0.05)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tiny_bundle(tmp_path / "bundle")
