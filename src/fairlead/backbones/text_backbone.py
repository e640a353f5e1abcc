"""A pretrained encoder of texts."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from fairlead.backbones.backbone import Backbone
from fairlead.errors import BackboneError, ConfigurationError, UnknownNameError
from fairlead.preprocessing import TextPreprocessing

Pooling = Literal["cls", "mean", "own"]
_SHARED = re.compile(r"rel_embeddings|relative_attention_bias|encoder\.LayerNorm")  # by all layers: DeBERTa, MPNet
_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|blocks?|\w*layer_groups)\.(\d+)\.")


class TextBackbone(Backbone):
    """An encoder from transformers, from token ids to one vector a text.

    Load one with ``load_text_backbone``.

    Args:
        encoder: The network, of transformers' ``AutoModel``.
        preprocessing: Its tokenizer, and how many tokens it reads at most.
        pooling: How the vectors of a text's T tokens become one: ``cls``, the first token's; ``mean``, over the tokens
            that are no padding; ``own``, what the model itself makes of them.
        normalised: Whether features have length 1, as sentence encoders' have.
        origin: Where the weights came from, in words for a model card.
        matched: What of the weight file was used, in words.

    Raises:
        UnknownNameError: another pooling.
        BackboneError: a tokenizer of more tokens than the encoder knows, or a pooling that the model lacks.
    """

    def __init__(
        self,
        encoder: nn.Module,
        preprocessing: TextPreprocessing,
        *,
        pooling: Pooling = "mean",
        normalised: bool = False,
        origin: str,
        matched: str = "",
    ) -> None:
        if pooling not in get_args(Pooling):
            raise UnknownNameError("pooling", pooling, get_args(Pooling))
        config: Any = encoder.config
        arguments = {
            "config": json.loads(config.to_json_string(use_diff=False)),
            "pooling": pooling,
            "normalised": normalised,
        }
        super().__init__(
            config.model_type, encoder, config.hidden_size, origin=origin, matched=matched, arguments=arguments
        )
        self.preprocessing: TextPreprocessing = preprocessing
        self.pooling = pooling
        self.normalised = normalised
        if pooling == "own" and getattr(encoder, "pooler", None) is None:
            raise BackboneError(f"{config.model_type} has no pooling of its own; choose cls or mean")
        if pooling != "own" and isinstance(getattr(encoder, "pooler", None), nn.Module):
            encoder.register_module("pooler", None)  # a layer without gradients: several processes would wait for them
        self._takes_types = "token_type_ids" in inspect.signature(encoder.forward).parameters
        self._check_vocabulary(config.vocab_size)
        encoder.train()  # transformers loads in eval mode, and dropout would never act

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps (N, 3, T) token ids, attention mask and token types to (N, D) features."""
        mask = inputs[:, 1]
        answer = self._encode(inputs)
        if self.pooling == "own":
            features = answer["pooler_output"]
        elif self.pooling == "cls":
            features = answer["last_hidden_state"][:, 0]
        else:
            weight = mask.unsqueeze(-1).to(answer["last_hidden_state"].dtype)
            features = (answer["last_hidden_state"] * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
        return functional.normalize(features, dim=-1) if self.normalised else features

    def tokens(self, inputs: Tensor) -> Tensor:
        """Maps (N, 3, T) inputs to the (N, T, D) vectors of their tokens; those of padding mean nothing."""
        found: Tensor = self._encode(inputs)["last_hidden_state"]
        return found

    def attentions(self, inputs: Tensor) -> list[Tensor]:
        """Returns the (N, heads, T, T) attention of each layer, by the one implementation that can give it."""
        encoder: Any = self.encoder
        former = encoder.config._attn_implementation
        encoder.set_attn_implementation("eager")
        try:
            return list(self._encode(inputs, output_attentions=True)["attentions"])
        finally:
            encoder.set_attn_implementation(former)

    def drop_pooler(self) -> None:
        """Takes out the model's own pooling, for a head that reads tokens: it would be a layer without gradients."""
        if self.pooling == "own":
            self.encoder.register_module("pooler", None)
            self.pooling = self.arguments["pooling"] = "mean"

    def reinitialise(self, layers: int) -> None:
        """Starts the top layers anew, and the model's own pooling if it is used, as the encoder would without weights.

        After Zhang et al. 2021, "Revisiting Few-sample BERT Fine-tuning". Values are drawn from torch's generator.

        Args:
            layers: How many, counted from the last.

        Raises:
            ConfigurationError: more than there are, or fewer than none.
        """
        found = self._layers()
        if not 0 <= layers <= len(found):
            raise ConfigurationError(
                f"{self.architecture} has {len(found)} layers, and {layers} cannot start anew; choose from 0 to "
                f"{len(found)}"
            )
        encoder: Any = self.encoder
        chosen = found[len(found) - layers :]
        for layer in [*chosen, encoder.pooler] if chosen and self.pooling == "own" else chosen:
            for part in layer.modules():
                for parameter in part.parameters(recurse=False):
                    vars(parameter)["_is_hf_initialized"] = False  # transformers passes over what it has loaded
                encoder._init_weights(part)
        if chosen and self.pretrained:
            self.origin += f", the top {layers} layers initialised anew"

    def _layers(self) -> list[nn.Module]:
        names = (_LAYER.search(f"{name}.") for name, _ in self.encoder.named_modules())
        ends = dict.fromkeys(found.string[: found.end() - 1] for found in names if found)
        return [self.encoder.get_submodule(name) for name in ends]

    def parameter_groups(self) -> dict[str, list[str]]:
        """Returns the names of all parameters by depth: the embeddings, then each layer.

        Relative positions, which all layers share, count with the embeddings.

        What stands after the last layer, such as a final norm or a pooler, counts with it.
        """
        depths: list[list[str]] = [[]]
        layers: dict[str, int] = {}
        for name, _ in self.encoder.named_parameters():
            found = _LAYER.search(name)
            if found and found.group(1) not in layers:
                layers[found.group(1)] = len(depths)
                depths.append([])
            last = 0 if _SHARED.search(name) else len(depths) - 1
            depths[layers[found.group(1)] if found else last].append(f"encoder.{name}")
        return {f"depth{depth}": names for depth, names in enumerate(group for group in depths if group)}

    def undecayed(self) -> set[str]:
        """Returns nothing: a text model's norms and biases are exempt by their shape."""
        return set()

    def example(self, rows: int) -> Tensor:
        """Returns (rows, 3, 8) inputs of tokens that the model knows, the last one padded."""
        drawn = torch.Generator().manual_seed(0)
        ids = torch.randint(0, self.preprocessing.vocabulary, (rows, 8), generator=drawn)
        mask = torch.ones_like(ids)
        mask[-1, 5:] = 0
        ids = torch.where(mask.bool(), ids, self.preprocessing.pad_id)
        return torch.stack((ids, mask, torch.zeros_like(ids)), dim=1)

    def _encode(self, inputs: Tensor, **asked: Any) -> Mapping[str, Any]:
        given: dict[str, Any] = {"input_ids": inputs[:, 0].long(), "attention_mask": inputs[:, 1].long()}
        if self._takes_types:
            given["token_type_ids"] = inputs[:, 2].long()
        answer: Mapping[str, Any] = self.encoder(**given, **asked, return_dict=True)
        return answer

    def _check_vocabulary(self, known: int) -> None:
        vocabulary = self.preprocessing.vocabulary
        if vocabulary > known:
            raise BackboneError(
                f"the tokenizer has {vocabulary} tokens and the encoder knows {known}: they are not of one model; "
                "put the tokenizer.json that the weights were trained with beside them"
            )
