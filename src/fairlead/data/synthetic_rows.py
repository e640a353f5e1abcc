"""Rows of the embedded synthetic dataset, in the shape every other source has."""

from __future__ import annotations

from collections.abc import Iterable

from fairlead.data.columns import Columns
from fairlead.data.nuisances import Nuisances
from fairlead.data.pictures import ArrayPictures
from fairlead.data.rows import RawRows
from fairlead.data.synthetic import LesionWorld
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.records import Split

LESIONS = "synthetic:lesions"


def draw_rows(world: LesionWorld, columns: Columns, *, progress: bool = True) -> RawRows:
    """Draws a world of synthetic lesions.

    The skin tone is its sensitive feature, and the ruler what should not matter, unless others are named.

    Raises:
        UnknownNameError: a sensitive feature or a region the world does not have.
        ConfigurationError: another label column than the diagnosis.
    """
    from rich import get_console
    from rich.progress import track

    shown = progress and get_console().is_terminal  # a log or a pipe would get an empty line

    def watched(indices: Iterable[int]) -> Iterable[int]:
        return track(list(indices), "Drawing synthetic lesions", disable=not shown, transient=True)

    if columns.label not in {None, "diagnosis"}:
        raise ConfigurationError(f"the label of {LESIONS} is 'diagnosis', not {columns.label!r}; leave --label out")
    lesions = world.draw(progress=watched)
    facts = {"tone": lesions.tone, "ruler": lesions.ruler, "hair": lesions.hair}
    for name in columns.sensitive:
        if name not in facts:
            raise UnknownNameError("sensitive feature", name, facts, where=LESIONS)
    regions = {"ruler": lesions.ruler_mask, "lesion": lesions.lesion_mask}
    for name in columns.regions:
        if name not in regions:
            raise UnknownNameError("region", name, regions, where=LESIONS)
    return RawRows(
        items=ArrayPictures(lesions.images, "synthetic-lesion"),
        names=lesions.diagnosis,
        splits=[Split(split) for split in lesions.split],
        sensitive={name: list(facts[name]) for name in (columns.sensitive or ("tone",))},
        source=LESIONS,
        nuisances=Nuisances({name: regions[name] for name in (columns.regions or ("ruler",))}),
    )
