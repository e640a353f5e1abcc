"""What the SHAP audit reads off a module, its data and their batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import lightning as L
import torch
from torch import Tensor, nn

from fairlead.attribution import logits_of
from fairlead.audits.explaining import Surroundings
from fairlead.audits.interventions import Answer, Interventions
from fairlead.audits.regions import Border, CroppedRegion, RegionMask
from fairlead.audits.shap_settings import ShapSettings
from fairlead.audits.step_outputs import as_is
from fairlead.audits.term_swaps import TermSwap
from fairlead.data import Batch, Nuisances, RegionOf, Rows, TermLists
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.modules import Classifier
from fairlead.preprocessing import ImagePreprocessing, TextPreprocessing
from fairlead.records import Flip, Labels, Modality, SensitiveFeature


class ModuleReading:
    """Reads what there is, and asks for what there is not.

    Args:
        sensitive: As ``ShapAudit`` takes it.
        regions: Likewise.
        terms: Likewise.
        settings: Likewise.
    """

    def __init__(
        self,
        sensitive: str | Sequence[str] | Sequence[SensitiveFeature] | None,
        regions: Mapping[str, RegionOf | Border] | None,
        terms: Sequence[Sequence[str]] | None,
        settings: ShapSettings,
    ) -> None:
        self._asked = (sensitive,) if isinstance(sensitive, str) else sensitive
        self._given = regions, None if terms is None else TermLists(terms)  # a list that is none is refused at once
        self._regions: dict[str, RegionOf | Border] = {}
        self._terms: TermLists | None = None
        self._size_of: Callable[[int], tuple[int, int]] | None = None
        self._settings = settings
        self._reading = settings.reading
        self._known: Surroundings | None = None
        self._names: tuple[str, ...] = ()

    def setup(self, trainer: L.Trainer, module: L.LightningModule) -> None:
        """Looks at a module and its data.

        Raises:
            ConfigurationError: something that is needed is not there; the message says how to give it.
            UnknownNameError: a feature that is not declared.
        """
        data = getattr(trainer, "datamodule", None)
        rows = getattr(data, "rows", None)
        rows = rows if isinstance(rows, Rows) else None
        self._declare(rows)
        labels = self._reading.labels or getattr(module, "labels", None) or (rows.labels if rows else None)
        if labels is None:
            raise ConfigurationError(
                f"{type(module).__name__} has no labels; give ShapSettings(reading=Reading(labels=[...]))"
            )
        preprocessing = self._reading.preprocessing or getattr(module, "preprocessing", None)
        text_of = self._reading.text_of
        if text_of is None and rows is not None and rows.items.modality is Modality.TEXT:
            text_of = rows.items.read
        self._known = Surroundings(
            Labels(tuple(labels)),
            self._features(rows),
            preprocessing if isinstance(preprocessing, ImagePreprocessing | TextPreprocessing) else None,
            self._reading.scores or _scores,
            self._reading.name_of or (rows.items.name if rows else "row {}".format),
            text_of,
            {},
            self._terms,
        )
        cropped = {name: self._cropped(name, region).of for name, region in self._regions.items()}
        self._known = replace(self._known, regions=cropped)

    def known(self) -> Surroundings:
        """Returns what was found.

        Raises:
            ConfigurationError: before ``setup``.
        """
        if self._known is None:
            raise ConfigurationError("ShapAudit has seen no run yet; give it to a Trainer's callbacks")
        return self._known

    def interventions(self) -> Interventions | None:
        """Returns what is masked and swapped; None where nothing is declared."""
        known = self.known()
        found: list[RegionMask | TermSwap] = [
            RegionMask(self._cropped(name, region), self._settings.fill) for name, region in self._regions.items()
        ]
        if self._terms is not None:
            if known.text_of is None or not isinstance(known.preprocessing, TextPreprocessing):
                raise ConfigurationError(
                    "terms are swapped in texts, and these data are none; leave terms out, or give "
                    "Reading(text_of=..., preprocessing=...)"
                )
            found.append(TermSwap(self._terms, known.text_of, known.preprocessing, seed=self._settings.seed))
        if not found:
            return None
        return Interventions(known.labels, known.sensitive, [(name,) for name in self._names], found)

    def columns(self, output: Any, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns the (N, ...) inputs of a batch, and index, target, answer and groups of its rows.

        Raises:
            ConfigurationError: something missing.
        """
        known, inputs = self.known(), self._inputs(batch)
        found = dict((self._reading.outputs or as_is)(output, batch))
        found.setdefault("groups", torch.zeros((len(inputs), 0), dtype=torch.int64))
        lacking = [name for name in ("probabilities", "target", "index") if name not in found]
        if lacking:
            raise ConfigurationError(
                f"the step's outputs lack {', '.join(lacking)}; give Reading(outputs=...) a function of (step output, "
                "batch) that returns a mapping of tensors with probabilities, target, index and, of sensitive "
                "features, groups"
            )
        probabilities = found["probabilities"]
        answer = found.get("decided")
        if answer is None:
            two = probabilities.ndim == 1 or probabilities.shape[1] == 1
            answer = (probabilities.reshape(-1) > 0.5).long() if two else probabilities.argmax(dim=1)
        groups = found["groups"]
        groups = groups[:, None] if groups.ndim == 1 else groups
        return inputs, {
            "index": found["index"],
            "target": found["target"],
            "answer": answer,
            "groups": groups[:, : len(known.sensitive)],
        }

    def answer(self, module: L.LightningModule, columns: Mapping[str, Tensor]) -> Answer:
        """Returns what asks the module again, as its own steps do."""
        scores = self.known().scores

        def ask(changed: Tensor, places: Tensor) -> tuple[Tensor, Tensor | None]:
            if isinstance(module, Classifier) and self._reading.scores is None:
                target, groups, index = (columns[name][places] for name in ("target", "groups", "index"))
                outputs = module.predict_step(Batch(changed, target, groups, index), 0)
                return outputs.probabilities, outputs.decided
            return torch.softmax(logits_of(scores(module, changed), len(changed)), dim=1), None

        return ask

    def named(self, flips: Mapping[str, Sequence[Flip]]) -> dict[str, tuple[Flip, ...]]:
        """Returns flips with the names of their rows."""
        name_of = self.known().name_of
        return {
            subject: tuple(replace(flip, name=name_of(flip.index)) for flip in found)
            for subject, found in flips.items()
        }

    def _declare(self, rows: Rows | None) -> None:
        """Takes what was given, or what the data declare."""
        regions, terms = self._given
        declared = Nuisances() if rows is None else rows.nuisances
        self._regions = dict(declared.regions if regions is None else regions)
        terms = TermLists(declared.terms) if terms is None else terms
        self._terms = terms if terms.lists else None
        if rows is not None and rows.items.modality is Modality.IMAGE:
            self._size_of = lambda index: rows.items.read(index).size[::-1]  # those that the data declare they check

    def _features(self, rows: Rows | None) -> tuple[SensitiveFeature, ...]:
        given = tuple(feature for feature in self._asked or () if isinstance(feature, SensitiveFeature))
        declared = given or (rows.sensitive if rows else ())
        names = [feature.name for feature in declared]
        asked = names if given or self._asked is None else [str(name) for name in self._asked]
        for name in asked:
            if name not in names:
                raise UnknownNameError("sensitive feature", name, names, where="the data")
        self._names = tuple(asked)
        return declared

    def _inputs(self, batch: Any) -> Tensor:
        if self._reading.inputs is not None:
            return self._reading.inputs(batch)
        found = getattr(batch, "inputs", None)
        if found is None and isinstance(batch, tuple | list) and batch:
            found = batch[0]
        if not isinstance(found, Tensor):
            raise ConfigurationError(
                f"the inputs of a {type(batch).__name__} are not known; give ShapSettings(reading=Reading(inputs=...)) "
                "a function from a batch to them"
            )
        return found

    def _cropped(self, name: str, region: RegionOf | Border) -> CroppedRegion:
        preprocessing = self.known().preprocessing
        if not isinstance(preprocessing, ImagePreprocessing):
            raise ConfigurationError(
                f"the region {name!r} is cropped as pictures are, and the module says nothing of how; give "
                "ShapSettings(reading=Reading(preprocessing=ImagePreprocessing(...)))"
            )
        return CroppedRegion(name, region, preprocessing, self._size_of if self._given[0] is not None else None)


def _scores(module: nn.Module, inputs: Tensor) -> Any:
    """Calls the module; the logits of one of ours are divided by its temperature, as for its probabilities."""
    found = module(inputs)
    return found / module.temperature if isinstance(module, Classifier) else found
