"""Where the attributions of models lie that learned a planted shortcut, and of models that did not.

    python -m benchmarks.attribution_mass --keep answers/

``--keep`` is the folder of ``benchmarks.intervention_truth``, whose six models it reads. Of each, rows with a ruler are
explained by the method that ``ShapAudit`` takes for such pictures, and the share of the absolute attribution on the
mask of the ruler and of the lesion is held against the share of the picture that each covers. It writes
results/attribution_mass.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.intervention_truth import LABELS, RULERS, SEEDS, TITLES, untrained
from fairlead.attribution import (
    Asked,
    Effort,
    ExplainedModel,
    MaskedPicture,
    Material,
    Question,
    attribute,
    build_method,
)
from fairlead.data.synthetic import Lesions, LesionWorld, SplitSizes
from fairlead.measures import region_mass
from fairlead.modules import ImageClassifier
from fairlead.records import Attribution

RESULT = Path(__file__).parent / "results" / "attribution_mass.md"
BACKGROUND = 16


def main(arguments: Sequence[str] | None = None) -> None:
    """Explains and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder of benchmarks.intervention_truth")
    parser.add_argument("--rows", type=int, default=40, help="with a ruler, explained for each model")
    parser.add_argument("--method", default="pixels", help="as build_method takes it")
    options = parser.parse_args(arguments)
    text = "\n".join(report(options)) + "\n"
    RESULT.write_text(text, encoding="utf-8")
    print(text)


def report(options: argparse.Namespace) -> Iterator[str]:
    """The lines of the result."""
    yield "# Where attributions lie"
    yield ""
    yield (
        f"`benchmarks/attribution_mass.py`: {options.rows} test pictures with a ruler of each model, explained by "
        f"`{options.method}`, of the class that is answered. *Density* is the share of the absolute attribution on a "
        "mask over the share of the picture that it covers: 1 where it lies as anywhere. Means over pictures, with "
        "standard errors."
    )
    yield ""
    yield "| model | reliable | on the ruler | its density | on the lesion | its density | reliable: ruler | lesion |"
    yield "|---|---|---|---|---|---|---|---|"
    for condition in RULERS:
        for seed in SEEDS:
            module = untrained()
            module.load_state_dict(torch.load(options.keep / f"{condition}-{seed}.pt", weights_only=True))
            started = time.perf_counter()
            yield row(f"{TITLES[condition]}, {seed}", module.eval(), condition, seed, options)
            print(f"{condition}-{seed}: {time.perf_counter() - started:.0f} s", flush=True)


def row(name: str, module: ImageClassifier, condition: str, seed: int, options: argparse.Namespace) -> str:
    """One model."""
    lesions = LesionWorld(SplitSizes(0, 0, 0, 4 * options.rows), ruler=RULERS[condition], seed=2000 + seed).draw()
    chosen = [number for number, facts in enumerate(lesions.rows) if facts.ruler][: options.rows]
    others = [number for number in range(len(lesions)) if number not in chosen][:BACKGROUND]
    found = explained(module, pixels_of(lesions, chosen), pixels_of(lesions, others), options.method)
    shares = np.array([on_masks(lesions, number, one) for number, one in zip(chosen, found, strict=True)])
    reliable = np.array([one.certificate.reliable for one in found])
    ruler, lesion, over_ruler, over_lesion = (spread(column) for column in shares.T)
    sound = shares[reliable][:, 2:].T if reliable.any() else np.full((2, 1), np.nan)
    cells = (ruler, over_ruler, lesion, over_lesion, *map(spread, sound))
    return f"| {name} | {reliable.sum()} of {len(found)} | {' | '.join(cells)} |"


def explained(module: ImageClassifier, pixels: torch.Tensor, others: torch.Tensor, method: str) -> list[Attribution]:
    """The attributions of all pictures."""
    model = ExplainedModel(module, pixels[:2])
    codes = model.logits(pixels).argmax(dim=1)
    example = torch.cat([pixels[:2], others[:2]])
    build = build_method(method, Material(background=others, example=example, effort=Effort(samples=256)))
    asked = Asked(pixels, Question(codes), [MaskedPicture(one) for one in pixels], list(range(len(pixels))))
    return list(attribute(model, build, asked, LABELS).attributions)


def on_masks(lesions: Lesions, number: int, found: Attribution) -> list[float]:
    """Shares on ruler and lesion, and each over the share of the picture."""
    masks = [lesions.ruler_mask(number), lesions.lesion_mask(number)]
    shares = [region_mass(found.values, mask) for mask in masks]
    return [*shares, *(share / mask.mean() for share, mask in zip(shares, masks, strict=True))]


def pixels_of(lesions: Lesions, numbers: Sequence[int]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(lesions.images[list(numbers)].transpose(0, 3, 1, 2)))


def spread(values: NDArray[np.float64]) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.2f} ± {error:.2f}"


if __name__ == "__main__":
    main()
