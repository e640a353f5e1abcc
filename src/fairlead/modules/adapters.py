"""Few weights instead of all: adapters in a frozen encoder, by name."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn

from fairlead.backbones import Backbone
from fairlead.errors import ConfigurationError, UnknownNameError

# What each method is called, and the peak rate at which it was seen to learn (docs/adapters.md).
_RATES = {"lora": 2e-3, "rslora": 1e-3, "dora": 2e-3, "loha": 1e-2, "lokr": 1e-2, "ia3": 2e-2}
ADAPTER_METHODS = tuple(_RATES)
_IN_LAYERS = re.compile(r"(?:^|\.)\d+\.")  # inside an element of a list of layers, and not the element itself
_MULTIPLIERS = ("ia3_l", "lora_magnitude_vector")


@dataclass(frozen=True)
class AdapterSettings:
    """Which adapters learn in place of the encoder's own weights; normalisation and head learn beside them.

    Attributes:
        method: ``lora`` (Hu et al. 2022), ``rslora`` (LoRA scaled by the root of the rank, Kalajdzievski 2023),
            ``dora`` (Liu et al. 2024), ``loha`` (Hyeon-Woo et al. 2022), ``lokr`` (Yeh et al. 2024) or ``ia3``
            (Liu et al. 2022).
        rank: Of a layer's change; IA3 has none.
        alpha: The change is scaled by alpha / rank (``rslora``: by the root of the rank); None for twice the rank.
        dropout: Chance that an input of LoRA, or a row of what LoHa and LoKr add, is left out in training.
        targets: ``"auto"`` for every linear layer and convolution inside the encoder's repeated layers, or the ends of
            their names, such as ``("query", "value")``.

    Raises:
        UnknownNameError: another method.
        ConfigurationError: numbers out of range, dropout for IA3, or no targets.

    Examples:
        >>> AdapterSettings("dora", rank=4).scale
        8
    """

    method: str = "lora"
    rank: int = 8
    alpha: float | None = None
    dropout: float = 0.0
    targets: str | Sequence[str] = "auto"

    def __post_init__(self) -> None:
        if self.method not in ADAPTER_METHODS:
            raise UnknownNameError("adapter method", self.method, ADAPTER_METHODS)
        if self.rank < 1 or not 0 <= self.dropout < 1 or not self.scale > 0:
            raise ConfigurationError("rank is at least 1, alpha above 0 and dropout lies in [0, 1)")
        if self.method == "ia3" and self.dropout:
            raise ConfigurationError("ia3 multiplies and adds nothing that could be left out; set dropout to 0")
        if self.targets != "auto":
            object.__setattr__(self, "targets", (self.targets,) if isinstance(self.targets, str) else (*self.targets,))
        if not self.targets:
            raise ConfigurationError('no layer is to be adapted; name some in targets, or leave it at "auto"')

    @property
    def scale(self) -> float:
        """Alpha, chosen or by default."""
        return 2 * self.rank if self.alpha is None else self.alpha

    @property
    def learning_rate(self) -> float:
        """A peak learning rate to start from, for ``OptimizationSettings``; higher than for whole weights.

        Examples:
            >>> AdapterSettings("ia3").learning_rate > AdapterSettings("lora").learning_rate
            True
        """
        return _RATES[self.method]

    def to_dict(self) -> dict[str, Any]:
        """Returns primitives, as a checkpoint holds them."""
        return asdict(self) | {"targets": self.targets if isinstance(self.targets, str) else list(self.targets)}


def adapt(backbone: Backbone, given: AdapterSettings | Mapping[str, Any] | None) -> AdapterSettings | None:
    """Puts adapters into a backbone's encoder, in place; nothing else in it learns but normalisation.

    They start where they change nothing. Layers that hold still are named in ``backbone.frozen_layers``.

    Args:
        backbone: Whose encoder.
        given: Settings or their primitives; None for no adapters.

    Returns:
        The settings, with the targets that were found, by their whole names.

    Raises:
        UnknownNameError: a target that matches no layer.
        ConfigurationError: an encoder without layers to adapt, or with adapters in it already.

    Examples:
        >>> from fairlead.backbones import load_backbone
        >>> backbone = load_backbone("random:test_vit", image_size=64)
        >>> adapt(backbone, AdapterSettings(targets="qkv")).targets[:2]
        ('blocks.0.attn.qkv', 'blocks.1.attn.qkv')
    """
    if backbone.frozen_layers:
        raise ConfigurationError(
            f"this {backbone.architecture} has adapters of another classifier in it; load the backbone anew, or call "
            "merge_adapters() of that classifier first"
        )
    if given is None:
        return None
    from peft import inject_adapter_in_model

    settings = AdapterSettings(**given) if isinstance(given, Mapping) else given
    targets = _targets(backbone, settings)
    # In place and without a wrapper: names stay as the depth groups, timm and transformers know them.
    inject_adapter_in_model(_configuration(settings, targets), backbone.encoder)
    for layer in backbone.encoder.modules():
        if "norm" in type(layer).__name__.lower():
            for parameter in layer.parameters(recurse=False):
                parameter.requires_grad_(True)
    backbone.frozen_layers = frozenset(
        name for name, _ in backbone.encoder.named_modules() if not _is_adapter(name, targets)
    )
    return replace(settings, targets=tuple(targets))


def merged(encoder: nn.Module) -> nn.Module:
    """Returns a copy of an encoder with its adapters taken into its weights: a plain encoder, all of which may learn.

    Examples:
        >>> from fairlead.backbones import load_backbone
        >>> backbone = load_backbone("random:test_vit", image_size=64)
        >>> names = backbone.encoder.state_dict().keys()
        >>> _ = adapt(backbone, AdapterSettings())
        >>> merged(backbone.encoder).state_dict().keys() == names
        True
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy.deepcopy(encoder)
    for name, layer in list(plain.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            plain.set_submodule(name, layer.get_base_layer())
    if hasattr(plain, "peft_config"):
        del plain.peft_config
    return plain.requires_grad_(True)


def undecayed_adapters(backbone: Backbone) -> set[str]:
    """Returns the names of adapter weights that multiply: decay would draw them to 0, and they change nothing at 1."""
    return {name for name, _ in backbone.named_parameters() if any(part in name.split(".") for part in _MULTIPLIERS)}


def _is_adapter(name: str, targets: Collection[str]) -> bool:
    """Tells an adapted layer and what was put into it from the layer that it was."""
    for target in targets:
        if name == target or name.startswith(f"{target}."):
            return not f"{name[len(target) :]}.".startswith(".base_layer.")
    return False


def _configuration(settings: AdapterSettings, targets: Mapping[str, nn.Module]) -> Any:
    from peft import IA3Config, LoHaConfig, LoKrConfig, LoraConfig

    names = list(targets)
    if settings.method == "ia3":
        forward = [name for name, layer in targets.items() if _leads_back(name, layer)]
        return IA3Config(target_modules=names, feedforward_modules=forward)
    if settings.method in {"loha", "lokr"}:
        kind: Any = LoHaConfig if settings.method == "loha" else LoKrConfig
        return kind(r=settings.rank, alpha=settings.scale, rank_dropout=settings.dropout, target_modules=names)
    alpha: Any = settings.scale  # declared as a whole number, divided as any
    return LoraConfig(
        r=settings.rank,
        lora_alpha=alpha,
        lora_dropout=settings.dropout,
        use_rslora=settings.method == "rslora",
        use_dora=settings.method == "dora",
        target_modules=names,
    )


def _leads_back(name: str, layer: nn.Module) -> bool:
    """Whether a layer is the second of a feedforward block, of which IA3 scales what comes in, not what goes out."""
    return isinstance(layer, nn.Linear) and layer.in_features > layer.out_features and "att" not in name.lower()


def _targets(backbone: Backbone, settings: AdapterSettings) -> dict[str, nn.Module]:
    known = _adaptable(backbone, settings.method)
    if settings.targets == "auto":
        # Where layers stand in no list (RegNet), all but those nearest to the input.
        behind = {name for names in list(backbone.parameter_groups().values())[1:] for name in names}
        found = {name: layer for name, layer in known.items() if _IN_LAYERS.search(name)}
        found = found or {name: layer for name, layer in known.items() if f"encoder.{name}.weight" in behind}
        if not found:
            raise ConfigurationError(
                f"{backbone.architecture} has no linear layer or convolution in repeated layers that {settings.method} "
                f"can adapt; name another method of {', '.join(ADAPTER_METHODS)}, or fine-tune without adapters"
            )
        return found
    chosen = set()
    for wanted in settings.targets:
        matching = {name for name in known if name == wanted or name.endswith(f".{wanted}")}
        if not matching:
            ends = dict.fromkeys(name.rpartition(".")[2] for name in known)
            raise UnknownNameError("layer to adapt", wanted, ends, where=backbone.architecture)
        chosen |= matching
    return {name: layer for name, layer in known.items() if name in chosen}


def _adaptable(backbone: Backbone, method: str) -> dict[str, nn.Module]:
    """Returns the layers that a method can adapt, by name.

    Not by isinstance: a subclass may do more with its weight than multiply, and merging would be wrong. And only what
    the encoder calls: of a layer whose weight alone is read, an adapter would be passed over in silence.
    """
    kinds = {nn.Linear, nn.Conv2d} | ({nn.Conv1d} if method != "ia3" else set())
    grouped = method == "ia3"  # others' rank would have to be a multiple of the groups, or peft 0.18 cannot
    known = {
        name: layer
        for name, layer in backbone.encoder.named_modules()
        if type(layer) in kinds and (grouped or getattr(layer, "groups", 1) == 1)
    }
    called: set[nn.Module] = set()
    handles = [layer.register_forward_hook(lambda layer, *_: called.add(layer)) for layer in known.values()]
    modes = [(layer, layer.training) for layer in backbone.modules()]
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            backbone.eval()(backbone.example(1).to(next(backbone.parameters()).device))
    finally:
        for handle in handles:
            handle.remove()
        for layer, mode in modes:
            layer.training = mode
    return {name: layer for name, layer in known.items() if layer in called}
