"""Every case by its seed and index."""

from __future__ import annotations

import random
from collections.abc import Callable

from fairlead.records import Modality
from tests.hostile import bodies, pictures, texts, wires
from tests.hostile.case import Case

Family = Callable[[random.Random], Case]
_PICTURES: dict[Family, int] = {
    pictures.bombs: 3, pictures.promises: 6, pictures.thin_ones: 4, pictures.truncated: 8, pictures.flipped: 10,
    pictures.spliced: 4, pictures.polyglots: 5, pictures.strangers: 4, pictures.noise: 3, pictures.chunks: 4,
    pictures.labelled: 4, pictures.many: 2, pictures.addresses: 4, bodies.values: 8, bodies.labels: 4,
    bodies.form_values: 6, bodies.syntax: 5, bodies.base64s: 4, bodies.garbage: 5, bodies.forms: 6, wires.paths: 8,
    wires.headers: 6, wires.large_headers: 2, wires.lengths: 2, wires.chunked: 3, wires.lines: 3, wires.upgrades: 2,
    wires.slow: 2,
    wires.leaving: 3, wires.pipelined: 2, wires.cookies: 2,
}  # fmt: skip
_TEXTS: dict[Family, int] = {
    texts.strange: 30, texts.explained: 6, texts.many: 8, texts.long: 6, texts.shapes: 10, texts.options: 10,
    texts.syntax: 8, texts.bytes_of_none: 4, texts.pictures: 4, bodies.syntax: 3, bodies.garbage: 3, wires.paths: 2,
    wires.leaving: 2,
}  # fmt: skip
WEIGHTS = {Modality.IMAGE: _PICTURES, Modality.TEXT: _TEXTS}


def case(seed: int, index: int, modality: Modality = Modality.IMAGE) -> Case:
    """Makes a case: the same one for the same numbers, whatever was made before it.

    The first cases go through the families one by one, so that few cases hold every family.
    """
    rng = random.Random(f"{seed}:{index}")  # noqa: S311  # the same attack again, not a secret
    weights = WEIGHTS[modality]
    families = list(weights)
    family = families[index] if index < len(families) else rng.choices(families, list(weights.values()))[0]
    return family(rng)
