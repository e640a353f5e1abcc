"""From weights on disk to a backbone, with an account of what matched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import timm
from timm.models import PretrainedCfg
from torch import nn

from fairlead.backbones.backbone import Backbone
from fairlead.backbones.image_backbone import ImageBackbone
from fairlead.backbones.source import WeightSource, find_weights
from fairlead.backbones.text_loading import rebuild_text_backbone
from fairlead.errors import BackboneError
from fairlead.preprocessing import ImagePreprocessing

# What timm's configuration may hold; a folder's own may be of another release.
_CONFIGURED = frozenset(field.name for field in fields(PretrainedCfg))


def load_backbone(name: str, *, image_size: int | None = None) -> ImageBackbone:
    """Loads a pretrained encoder of images.

    Args:
        name: A timm name (``resnet18.a1_in1k``; from the hub or its local cache), a folder in timm's layout
            (also as ``local-dir:FOLDER``), a ``.safetensors`` file, or ``random:ARCHITECTURE``.
        image_size: Side of the square evaluation crop in pixels; None takes the backbone's own.

    Raises:
        UnknownNameError: timm has no such model; the nearest are suggested.
        BackboneError: the weights cannot be had, or do not fit beyond the classifier.

    Examples:
        >>> load_backbone("random:test_resnet", image_size=64).preprocessing.size
        (64, 64)
    """
    source = find_weights(name)
    preprocessing = ImagePreprocessing.from_timm(source.config)
    if image_size is not None:
        preprocessing = preprocessing.with_size(image_size)
    encoder, matched = _build_encoder(source, preprocessing)
    return ImageBackbone(
        source.architecture,
        encoder,
        preprocessing,
        origin=source.origin,
        matched=matched,
        arguments=source.arguments,
    )


def rebuild_backbone(description: Mapping[str, Any]) -> Backbone:
    """Rebuilds the architecture that ``Backbone.describe`` described, without any network.

    Its weights are random: a checkpoint fills them.

    Examples:
        >>> described = load_backbone("random:test_resnet", image_size=48).describe()
        >>> rebuild_backbone(described).preprocessing.size
        (48, 48)
    """
    if description["preprocessing"].get("kind") == "text":
        return rebuild_text_backbone(description)
    architecture, origin = description["architecture"], description["origin"]
    preprocessing = ImagePreprocessing.from_dict(description["preprocessing"])
    arguments = dict(description.get("arguments") or {})
    source = replace(find_weights(f"random:{architecture}"), origin=origin, arguments=arguments)
    encoder, _ = _build_encoder(source, preprocessing)
    return ImageBackbone(architecture, encoder, preprocessing, origin=origin, arguments=arguments)


def as_backbone(given: str | Mapping[str, Any] | Backbone) -> Backbone:
    """Takes a name of ``load_backbone``, what ``Backbone.describe`` returned, or a backbone, which stays as it is.

    Examples:
        >>> backbone = as_backbone("random:test_resnet")
        >>> as_backbone(backbone) is backbone, as_backbone(backbone.describe()) is backbone
        (True, False)
    """
    if isinstance(given, Backbone):
        return given
    return load_backbone(given) if isinstance(given, str) else rebuild_backbone(given)


def _build_encoder(source: WeightSource, preprocessing: ImagePreprocessing) -> tuple[nn.Module, str]:
    """Builds the architecture without its classifier and fills it; also says what matched."""
    extra: dict[str, Any] = dict(source.arguments)
    # timm's own rule, so that what was loaded and what is rebuilt are of one size.
    dynamic = extra.get("dynamic_img_size") or extra.get("strict_img_size") is False
    if source.config.get("fixed_input_size") and not dynamic:
        extra["img_size"] = preprocessing.size
    if source.file is None:
        return timm.create_model(source.architecture, pretrained=False, num_classes=0, **extra), "no file"
    shapes = _shapes(source)
    classes = _classes(source, shapes)
    config = {name: value for name, value in source.config.items() if name in _CONFIGURED}
    config |= {"architecture": source.architecture, "file": str(source.file), "num_classes": classes}
    # These speak of the file timm itself would fetch: its format, and a class of its classifier to leave out.
    config |= {"custom_load": False, "label_offset": None, "state_dict": None}
    try:
        # As many classes as the file has: timm then loads strictly, and nothing is dropped in silence.
        encoder: Any = timm.create_model(
            source.architecture, pretrained=True, pretrained_cfg=config, num_classes=classes, **extra
        )
    except (RuntimeError, LookupError, ValueError, AttributeError, TypeError) as error:
        # Strict loading raises the first; timm's converters of older files stumble over strange ones with the rest.
        reason = " ".join(str(error).split())
        raise BackboneError(
            f"the weights in {source.file} do not fit {source.architecture}: {reason[:600]}; "
            "name the architecture they were trained with"
        ) from error
    before = len(encoder.state_dict())
    encoder.reset_classifier(0)
    kept = len(encoder.state_dict())
    return encoder, f"{kept} of {before} tensors" + (" (the classifier left out)" if kept < before else "")


def _shapes(source: WeightSource) -> dict[str, tuple[int, ...]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(source.file, framework="np") as content:
            return {name: tuple(content.get_slice(name).get_shape()) for name in content.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise BackboneError(
            f"{source.file} is not a whole safetensors file ({error}); copy or download it again"
        ) from error


def _classes(source: WeightSource, shapes: dict[str, tuple[int, ...]]) -> int:
    """Returns how many classes the file's classifier has; 0 where it brings none."""
    classifier = source.config.get("classifier") or ()
    for name in (classifier,) if isinstance(classifier, str) else classifier:
        if f"{name}.weight" in shapes:
            return shapes[f"{name}.weight"][0]
    return 0
