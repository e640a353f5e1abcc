"""Weights from the hub or its local cache: soon said where they cannot be had, with the ways out."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from fairlead.errors import BackboneError

TEXT_FILES = (
    "config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "modules.json",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
)


def fetch_file(repository: str, name: str, *, layout: str) -> Path:
    """Returns the safetensors file of a repository, from the local cache or the hub.

    Args:
        repository: On the hub.
        name: What the user called it, for messages.
        layout: Of a local folder that would do as well, in words.

    Raises:
        BackboneError: neither has it; what was tried and the ways out.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repository, "model.safetensors")
    if isinstance(cached, str):
        return Path(cached)
    return _fetch(repository, name, layout, lambda: hf_hub_download(repository, "model.safetensors"))


def fetch_folder(repository: str, name: str, *, layout: str) -> Path:
    """Returns a folder with the configuration, the tokenizer and the safetensors files of a repository.

    Args:
        repository: On the hub.
        name: What the user called it, for messages.
        layout: Of a local folder that would do as well, in words.

    Raises:
        BackboneError: neither the local cache nor the hub has it; what was tried and the ways out.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    patterns = list(TEXT_FILES)
    try:
        cached = Path(snapshot_download(repository, allow_patterns=patterns, local_files_only=True))
        if (cached / "config.json").is_file() and any(cached.glob("*.safetensors")):
            return cached
    except (LocalEntryNotFoundError, ValueError):  # not there; a name that is none is refused below, by the hub
        pass
    return _fetch(repository, name, layout, lambda: snapshot_download(repository, allow_patterns=patterns))


def _fetch(repository: str, name: str, layout: str, ask: Callable[[], str]) -> Path:
    from huggingface_hub import constants

    tried = f"the local cache ({constants.HF_HUB_CACHE})"
    ways = (
        f"The ways out: name a local folder in {layout}, or fetch the weights once on a machine with a network "
        f"(`hf download {repository}`) and set HF_HOME to that cache"
    )
    if constants.HF_HUB_OFFLINE:
        raise BackboneError(f"the weights of {name!r} are not in {tried}, and HF_HUB_OFFLINE is set. {ways}")
    # The hub's client retries for half a minute before it gives up: ask for the host first.
    if not _reachable(constants.ENDPOINT):
        raise BackboneError(f"the weights of {name!r} are not in {tried}, and the hub cannot be reached. {ways}")
    try:
        return Path(ask())
    except (OSError, ValueError) as error:  # huggingface_hub's errors and those of the network below it
        raise BackboneError(f"the hub did not give the weights of {name!r}: {error}. {ways}") from error


def _reachable(endpoint: str, seconds: float = 3.0) -> bool:
    if any(os.environ.get(variable) for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True  # the proxy resolves names; only a real request can tell
    address = urlsplit(endpoint)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=seconds).close()
    except OSError:
        return False
    return True
