"""From the rows of a probe set to rows that are explained."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fairlead.attribution import (
    Asked,
    Build,
    ExplainedModel,
    Masked,
    MaskedPicture,
    MaskedText,
    Material,
    Question,
    attribute,
    build_method,
    default_method,
)
from fairlead.audits.probe_set import ProbeRow
from fairlead.audits.shap_settings import ShapSettings
from fairlead.data import TermLists
from fairlead.errors import AttributionError
from fairlead.measures import region_mass
from fairlead.preprocessing import ImagePreprocessing, Text, TextPreprocessing
from fairlead.records import Attribution, ExplainedRow, Labels, SensitiveFeature

_TOGETHER = 4  # rows: few enough that some are whole when the time is spent, and enough to fill a batch

Regions = Mapping[str, Callable[[int], NDArray[np.bool_]]]
"""From a region's name to its (height, width) mask in the crop of a row."""


@dataclass(frozen=True, eq=False)
class Surroundings:
    """What is known of the rows that are explained.

    Attributes:
        labels: The C classes.
        sensitive: The declared features.
        preprocessing: Of the module.
        scores: From (module, inputs) to logits.
        name_of: From a row's number to what a person calls it.
        text_of: From a row's number to its text; None for pictures.
        regions: Where no attribution should lie.
        terms: In texts, likewise; None for none.
    """

    labels: Labels
    sensitive: tuple[SensitiveFeature, ...]
    preprocessing: ImagePreprocessing | TextPreprocessing | None
    scores: Callable[[nn.Module, Tensor], Tensor]
    name_of: Callable[[int], str]
    text_of: Callable[[int], Text] | None
    regions: Regions
    terms: TermLists | None = None


def explain_rows(
    module: nn.Module,
    rows: Sequence[ProbeRow],
    background: Sequence[ProbeRow],
    known: Surroundings,
    settings: ShapSettings,
    *,
    until: float | None = None,
    done: Callable[[int], None] | None = None,
) -> tuple[list[ExplainedRow], str]:
    """Explains rows of one split, a few at a time, while there is time for as many again.

    Returns:
        Those that were explained, and why they are fewer, or their values rougher, than was asked for; else nothing.

    Args:
        module: Whose answers; it is copied, and not touched.
        rows: What is explained, one or more: of each the class that it is answered with.
        background: What they are compared with.
        known: Of the rows.
        settings: How.
        until: By ``time.monotonic``, when to stop; None for as long as it takes.
        done: Told how many rows are done.

    Raises:
        AttributionError: a module that cannot be explained so, or values that are all 0.
    """
    device = next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
    inputs, others = (stacked(part, known.preprocessing).to(device) for part in (rows, background))
    model, build = _prepared(module, inputs, others, known, settings)
    items = [_masked(row, own, known) for row, own in zip(rows, inputs, strict=True)]
    codes = torch.tensor([row.answer for row in rows], device=device)
    contrast = _contrast(codes, known.labels, settings)
    found: list[ExplainedRow] = []
    stopped, longest = "", 0.0
    for start in range(0, len(rows), _TOGETHER):
        if start and until is not None and time.monotonic() + longest > until:
            stopped = f"the time was spent after {start} of {len(rows)} rows"
            break
        begun, part = time.monotonic(), slice(start, start + _TOGETHER)
        question = Question(codes[part], None if contrast is None else contrast[part])
        asked = Asked(inputs[part], question, items[part], [row.index for row in rows[part]])
        told = None if done is None else partial(_add, done, start)
        explained = attribute(model, build, asked, known.labels, until=until, done=told)
        found += [_row(row, one, known) for row, one in zip(rows[part], explained.attributions, strict=True)]
        stopped = stopped or next((reason for reason in explained.stopped if reason), "")
        longest = max(longest, time.monotonic() - begun)
    if all(not np.any(row.attribution.values) for row in found):
        raise AttributionError(
            "every value is 0: no gradient comes from the answers back to the inputs; see that the module is trained, "
            "and that nothing in it is detached"
        )
    return found, stopped


def _prepared(
    module: nn.Module, inputs: Tensor, others: Tensor, known: Surroundings, settings: ShapSettings
) -> tuple[ExplainedModel, Build]:
    """Copies the module, and chooses how it is explained."""
    example = torch.cat([part[:2] for part in (inputs, others)]) if inputs.shape[1:] == others.shape[1:] else others
    model = ExplainedModel(module, example, scores=known.scores)
    if model.classes != len(known.labels):
        raise AttributionError(
            f"the module answers with {model.classes} classes, and {len(known.labels)} are declared; give the labels "
            "it was trained with"
        )
    special = known.preprocessing.special_ids if isinstance(known.preprocessing, TextPreprocessing) else ()
    material = Material(
        background=others,
        example=example,
        effort=settings.effort,
        seed=settings.seed,
        layer=settings.layer or "",
        special=special,
    )
    return model, build_method(settings.method or default_method(example), material)


def _add(done: Callable[[int], None], start: int, number: int) -> None:
    done(start + number)


def _row(row: ProbeRow, attribution: Attribution, known: Surroundings) -> ExplainedRow:
    return ExplainedRow(
        row.index,
        known.name_of(row.index),
        attribution,
        known.labels[row.answer],
        known.labels[row.target] if row.target >= 0 else "",
        tuple(
            feature.groups[code] if code < len(feature.groups) else ""
            for feature, code in zip(known.sensitive, row.groups.tolist(), strict=False)
        ),
        _shown(row, known, attribution.spans),
        _mass(row, known, attribution.values, attribution.spans),
    )


def stacked(rows: Sequence[ProbeRow], preprocessing: ImagePreprocessing | TextPreprocessing | None) -> Tensor:
    """Returns (N, ...) inputs; texts are filled up on the right to the longest of them."""
    given = [row.inputs for row in rows]
    longest = max(one.shape[-1] for one in given)
    if not isinstance(preprocessing, TextPreprocessing):
        return torch.stack(given)
    filled = []
    for one in given:
        planes = torch.zeros((*one.shape[:-1], longest), dtype=one.dtype)
        planes[0] = preprocessing.pad_id
        planes[..., : one.shape[-1]] = one
        filled.append(planes)
    return torch.stack(filled)


def _masked(row: ProbeRow, inputs: Tensor, known: Surroundings) -> Masked:
    if known.text_of is None:
        if inputs.ndim != 3:
            raise AttributionError(
                f"an input of shape {tuple(inputs.shape)} is no picture of (channels, height, width); for a text give "
                "Reading(text_of=..., preprocessing=...)"
            )
        return MaskedPicture(inputs)
    if not isinstance(known.preprocessing, TextPreprocessing):
        raise AttributionError("the words of a text are told by its tokenizer; give Reading(preprocessing=...)")
    return MaskedText(inputs, known.preprocessing.words(known.text_of(row.index)))


def _contrast(codes: Tensor, labels: Labels, settings: ShapSettings) -> Tensor | None:
    if settings.contrast is None:
        return None
    code = labels.code(settings.contrast)
    return torch.where(codes == code, -1, torch.full_like(codes, code))


def _shown(
    row: ProbeRow, known: Surroundings, spans: tuple[tuple[int, int, int], ...]
) -> NDArray[np.uint8] | tuple[str, ...]:
    if known.text_of is not None:
        text = known.text_of(row.index)
        parts = (text,) if isinstance(text, str) else text
        return tuple(parts[part][start:end] for part, start, end in spans)
    pixels = row.inputs
    if pixels.is_floating_point():  # normalised already: shown from its darkest to its lightest
        low, high = float(pixels.min()), float(pixels.max())
        pixels = (255 * (pixels - low) / max(high - low, 1e-12)).round().to(torch.uint8)
    return np.asarray(pixels.expand(3, *pixels.shape[1:]).numpy(), dtype=np.uint8)


def _mass(
    row: ProbeRow, known: Surroundings, values: NDArray[np.float64], spans: tuple[tuple[int, int, int], ...]
) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, region in known.regions.items():
        mask = region(row.index)
        if mask.any():
            found[name] = region_mass(values, mask)
    if known.terms is not None and known.text_of is not None:
        places = known.terms.places(known.text_of(row.index))
        inside = [any(part == p and start < e and s < end for p, s, e in places) for part, start, end in spans]
        if any(inside):
            weights = np.abs(values[0, : len(inside)])
            found["terms"] = float(weights[inside].sum() / weights.sum()) if weights.sum() > 0 else 0.0
    return found
