"""Weights that are not here and cannot be fetched: soon said, with what was tried and the ways out."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from fairlead.backbones import load_backbone
from fairlead.errors import BackboneError


@pytest.fixture
def empty_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda repository, name: None)
    return tmp_path / "hub"


WAYS = r"name a local folder in timm's layout .*\.safetensors file.*hf download timm/resnet18\.a1_in1k.*HF_HOME"


def test_offline_by_wish_asks_nobody(empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*address: object, **options: object) -> socket.socket:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(
        BackboneError, match=rf"'resnet18' are not in the local cache \(.*hub\), and HF_HUB_OFFLINE.*{WAYS}"
    ):
        load_backbone("resnet18")


def test_a_hub_that_cannot_be_reached_is_given_up_soon(empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # bound, but nobody listens
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{port}")
        begin = time.monotonic()
        with pytest.raises(BackboneError, match=rf"and the hub cannot be reached.*{WAYS}"):
            load_backbone("resnet18.a1_in1k")
        assert time.monotonic() - begin < 5


def test_a_hub_that_does_not_answer_is_waited_for_three_seconds(
    empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def silent(address: tuple[str, int], timeout: float) -> socket.socket:
        waited.append(timeout)
        assert address == ("hub.invalid", 443)
        raise TimeoutError

    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "https://hub.invalid")
    monkeypatch.setattr(socket, "create_connection", silent)
    with pytest.raises(BackboneError, match="the hub cannot be reached"):
        load_backbone("resnet18.a1_in1k")
    assert waited == [3.0]


def test_what_the_hub_answers_is_told(empty_hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(repository: str, name: str) -> str:
        raise huggingface_hub.errors.LocalEntryNotFoundError(f"{repository} {name} is gated")

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # behind a proxy only a real request can tell
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(BackboneError, match=rf"did not give the weights of 'resnet18': .*is gated.*{WAYS}"):
        load_backbone("resnet18")
