"""Where a backbone's weights come from: names, folders and files, resolved to one file on disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import timm

from fairlead.backbones.hub import fetch_file
from fairlead.errors import BackboneError, UnknownNameError

_LAYOUT = "timm's layout (config.json and model.safetensors), name a .safetensors file"


@dataclass(frozen=True)
class WeightSource:
    """Weights found, before anything is built.

    Attributes:
        architecture: timm's name of the architecture, without a tag.
        file: The safetensors file; None for random weights.
        config: timm's configuration of these weights (input size, normalisation, classifier), primitives.
        origin: Where they came from, in words for a model card.
        arguments: By which the architecture differs from what its name alone builds, such as its pooling; primitives.
    """

    architecture: str
    file: Path | None
    origin: str
    config: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)


def find_weights(name: str) -> WeightSource:
    """Resolves what a user may call a backbone.

    Args:
        name: A timm name with or without tag (``resnet18.a1_in1k``), ``local-dir:FOLDER`` or a plain folder
            in that layout, a ``.safetensors`` file, or ``random:ARCHITECTURE``.

    Raises:
        UnknownNameError: timm has no such architecture or tag; the nearest are suggested.
        BackboneError: the folder or file does not hold weights, or the hub cannot be reached.

    Examples:
        >>> find_weights("random:resnet18").origin
        'random weights'
    """
    return _local(name) or _from_hub(name)


def check_weights(name: str) -> None:
    """Refuses, without a network, what ``find_weights`` could not resolve: for before anything takes long.

    Args:
        name: As for ``find_weights``.

    Raises:
        UnknownNameError: timm has no such architecture or tag; the nearest are suggested.
        BackboneError: the folder or file does not hold weights, or timm knows of none under the name.

    Examples:
        >>> check_weights("resnet18.a1_in1k")
        >>> check_weights("resnet81")
        Traceback (most recent call last):
            ...
        fairlead.errors.UnknownNameError: there is no backbone 'resnet81' in timm; did you mean ...
    """
    if _local(name) is None:
        _hub_repository(name)


def _local(name: str) -> WeightSource | None:
    """Returns random weights or those on disk; None for a name that only a hub can resolve."""
    prefix, _, rest = name.partition(":")
    if prefix == "random" and rest:
        return WeightSource(_known_architecture(rest), None, "random weights", _configuration(rest))
    path = Path(rest if prefix == "local-dir" else name).expanduser()
    if path.is_dir():
        return _from_folder(path)
    if path.suffix == ".safetensors":
        return _from_file(path)
    if prefix == "local-dir" or "/" in name or os.sep in name:
        raise BackboneError(
            f"there is no folder or .safetensors file {path}; check the path, or name a timm model such as "
            "resnet18.a1_in1k"
        )
    return None


def _known_architecture(name: str) -> str:
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UnknownNameError("backbone", architecture, timm.list_models(), where="timm")
    tagged = [known for known in timm.list_pretrained(f"{architecture}.*") if known.startswith(f"{architecture}.")]
    if tag and name not in tagged:
        raise UnknownNameError("pretrained backbone", name, tagged, where="timm")
    return architecture


def _configuration(name: str) -> dict[str, Any]:
    """Returns timm's configuration of a model it knows, with that of the architecture for a tag it does not."""
    known = name if name in timm.list_pretrained() else name.partition(".")[0]
    config = timm.get_pretrained_cfg(known)
    return asdict(config) if config else {}


def _from_folder(folder: Path, file: str = "model.safetensors") -> WeightSource:
    config_file, weights = folder / "config.json", folder / file
    missing = [path.name for path in (config_file, weights) if not path.is_file()]
    if missing:
        raise BackboneError(
            f"the backbone folder {folder} has no {' and no '.join(missing)}; "
            "timm's layout is config.json beside model.safetensors"
        )
    try:
        content = json.loads(config_file.read_text(encoding="utf-8"))
        architecture = str(content["architecture"]).partition(".")[0]
        said = dict(content.get("pretrained_cfg") or {})
        arguments = dict(content.get("model_args") or {})
    except (ValueError, KeyError, TypeError) as error:
        raise BackboneError(
            f"{config_file} is not timm's configuration: it needs 'architecture'; write it with timm.models.save_for_hf"
        ) from error
    # What the file does not say is the architecture's own, such as where its classifier stands.
    config = {**_configuration(_known_architecture(architecture)), **said, "architecture": architecture}
    arguments.pop("num_classes", None)  # the file's own classifier says
    channels = arguments.pop("in_chans", None) or config["input_size"][0]
    size = (config.get("fixed_input_size") and arguments.get("img_size")) or config["input_size"][1:]
    config["input_size"] = (channels, *([size, size] if isinstance(size, int) else size))
    return WeightSource(architecture, weights, f"folder {folder.name}", config, arguments)


def _from_file(file: Path) -> WeightSource:
    if not file.is_file():
        raise BackboneError(f"there is no file {file}; check the path")
    if (file.parent / "config.json").is_file() and file.name == "model.safetensors":
        return _from_folder(file.parent)
    name = _architecture_in(file) or file.stem
    if not timm.is_model(name.partition(".")[0]):
        if (file.parent / "config.json").is_file():
            return _from_folder(file.parent, file.name)
        raise BackboneError(
            f"{file} does not say which architecture it is of; name the file after it "
            "(resnet18.safetensors), or put timm's config.json beside it"
        )
    return WeightSource(_known_architecture(name.partition(".")[0]), file, f"file {file.name}", _configuration(name))


def _architecture_in(file: Path) -> str | None:
    """Reads the architecture from the file's own metadata, where its writer left one."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="np") as content:
            return (content.metadata() or {}).get("architecture")
    except (SafetensorError, OSError) as error:
        raise BackboneError(f"{file} is not a whole safetensors file ({error}); copy or download it again") from error


def _from_hub(name: str) -> WeightSource:
    repository = _hub_repository(name)
    architecture = _known_architecture(name)
    file = fetch_file(repository, name, layout=_LAYOUT)
    return WeightSource(architecture, file, f"hub {repository}", _configuration(name))


def _hub_repository(name: str) -> str:
    _known_architecture(name)
    repository = _configuration(name).get("hf_hub_id")
    if not repository:
        raise BackboneError(f"timm has no pretrained weights for {name!r}; use random:{name}, or name another")
    return str(repository)
