"""Every case by its seed and index."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hostile import bodies, pictures, wires
from tests.hostile.case import Case

Family = Callable[[random.Random], Case]
WEIGHTS: dict[Family, int] = {
    pictures.bombs: 3, pictures.promises: 6, pictures.thin_ones: 4, pictures.truncated: 8, pictures.flipped: 10,
    pictures.spliced: 4, pictures.polyglots: 5, pictures.strangers: 4, pictures.noise: 3, pictures.chunks: 4,
    pictures.labelled: 4, pictures.many: 2, pictures.addresses: 4, bodies.values: 8, bodies.form_values: 6,
    bodies.syntax: 5, bodies.base64s: 4, bodies.garbage: 5, bodies.forms: 6, wires.paths: 8, wires.headers: 6,
    wires.large_headers: 2, wires.lengths: 2, wires.chunked: 3, wires.lines: 3, wires.upgrades: 2, wires.slow: 2,
    wires.leaving: 3, wires.pipelined: 2, wires.cookies: 2,
}  # fmt: skip


def case(seed: int, index: int) -> Case:
    """Makes a case: the same one for the same numbers, whatever was made before it.

    The first cases go through the families one by one, so that few cases hold every family.
    """
    rng = random.Random(f"{seed}:{index}")  # noqa: S311  # the same attack again, not a secret
    families = list(WEIGHTS)
    family = families[index] if index < len(families) else rng.choices(families, list(WEIGHTS.values()))[0]
    return family(rng)
