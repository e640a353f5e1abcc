"""Scores of real pictures through a real model, as they are and changed in known ways.

The pictures are the embedded generated lesions, as many as wanted, each another; the model is a bundle of theirs. What
changes is done to the pixels before the model sees them, so that every score moves as it would in service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from fairlead.bundle import Bundle, Predictor
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.measures import EmbeddingSketch
from fairlead.preprocessing import picture_properties

Pixels = NDArray[np.uint8]
Change = Callable[[Pixels, np.random.Generator], Pixels]


def brighter(by: float) -> Change:
    """Multiplies every value."""
    return lambda pixels, _: np.clip(pixels.astype(np.float32) * by, 0, 255).round().astype(np.uint8)


def blurred(radius: float) -> Change:
    """Gaussian blur, its radius in pixels."""
    return lambda pixels, _: np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def noisy(spread: float) -> Change:
    """Gaussian noise, independent for each value, its standard deviation of 255."""
    return lambda pixels, generator: (
        np.clip(pixels + generator.normal(0, spread, pixels.shape), 0, 255).round().astype(np.uint8)
    )


def ringed(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """Another kind of picture on the same ground: a bright ring of any colour where the lesion was."""
    size = len(pixels)
    rows, columns = np.mgrid[:size, :size]
    away = np.hypot(rows - size / 2, columns - size / 2) / size
    ring = np.abs(away - generator.uniform(0.15, 0.35)) < 0.06
    changed = pixels.copy()
    changed[away < 0.4] = pixels[:4].reshape(-1, 3).mean(axis=0).astype(np.uint8)
    changed[ring] = generator.integers(0, 256, 3)
    return changed


CHANGES: dict[str, Change] = {
    "brightness x 1.02": brighter(1.02),
    "brightness x 1.05": brighter(1.05),
    "brightness x 1.2": brighter(1.2),
    "blur 0.3": blurred(0.3),
    "blur 0.6": blurred(0.6),
    "blur 1.2": blurred(1.2),
    "noise 2": noisy(2),
    "noise 5": noisy(5),
    "noise 12": noisy(12),
}


PREVALENCES = {"prior 0.45 to 0.55": 0.55, "prior 0.45 to 0.75": 0.75}
CONDITIONS = (*CHANGES, *PREVALENCES, "new class")


@dataclass(frozen=True, eq=False)
class Pictures:
    """What was measured of N pictures: the scores by name, (N, C) probabilities, the codes decided and true."""

    properties: dict[str, NDArray[np.float64]]
    features: NDArray[np.float16]
    probabilities: NDArray[np.float64]
    targets: NDArray[np.int64]

    def scores(self, sketch: EmbeddingSketch) -> dict[str, NDArray[np.float64]]:
        """Returns every score that is watched."""
        found = np.concatenate([sketch.scores(part) for part in np.array_split(self.features, 50)])
        confidence = {"confidence": self.probabilities.max(axis=1)}
        return self.properties | dict(zip(sketch.names, found.T, strict=True)) | confidence


def measured(bundle: Path, keep: Path, name: str, rows: int, seed: int) -> Pictures:
    """Returns the pictures of a world of this seed under a change, kept in a file once they were measured."""
    file = keep / f"pictures-{name.replace(' ', '_')}-{rows}-{seed}.npz"
    if not file.exists():
        world = LesionWorld(SplitSizes(0, 0, 0, rows), seed=seed, prevalence=PREVALENCES.get(name, 0.45))
        content = _measure(bundle, CHANGES.get(name, ringed if name == "new class" else None), world, seed)
        np.savez(file.with_suffix(".part.npz"), **content)
        file.with_suffix(".part.npz").replace(file)
    content = dict(np.load(file))
    features, probabilities, targets = (content.pop(key) for key in ("features", "probabilities", "targets"))
    return Pictures(content, features, probabilities, targets)


def _measure(bundle: Path, change: Change | None, world: LesionWorld, seed: int) -> dict[str, Any]:
    predictor = Predictor.of(Bundle.open(bundle), threads=1)
    generator = np.random.default_rng(seed)
    probabilities, features, properties = [], [], []
    lesions = world.draw()
    targets = [predictor.labels.code(name) for name in lesions.diagnosis]
    for start in range(0, len(lesions), 64):
        part = lesions.images[start : start + 64]
        changed = part if change is None else np.stack([change(pixels, generator) for pixels in part])
        inputs = [np.ascontiguousarray(pixels.transpose(2, 0, 1)) for pixels in changed]
        properties += [picture_properties(pixels, pixels.shape[1:]) for pixels in inputs]
        found = predictor.run_all(inputs)
        probabilities.append(found[0])
        features.append(found[1].astype(np.float16))
    names = sorted({name for one in properties for name in one})
    return {
        "probabilities": np.concatenate(probabilities).astype(np.float64),
        "features": np.concatenate(features),
        "targets": np.array(targets),
        **{name: np.array([one.get(name, np.nan) for one in properties]) for name in names},
    }
