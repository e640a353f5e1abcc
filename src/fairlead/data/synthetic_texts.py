"""Rows of the embedded synthetic texts, in the shape every other source has."""

from __future__ import annotations

from fairlead.data.columns import Columns
from fairlead.data.nuisances import Nuisances
from fairlead.data.rows import RawRows
from fairlead.data.synthetic import ApplicationWorld
from fairlead.data.synthetic.application_words import IDENTITIES
from fairlead.data.texts import StoredTexts
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.records import Split

APPLICATIONS = "synthetic:applications"
FEATURES = ("identity", "style")


def draw_texts(world: ApplicationWorld, columns: Columns) -> RawRows:
    """Draws a world of synthetic applications; the identity is its sensitive feature unless others are named.

    Raises:
        UnknownNameError: a sensitive feature the world does not have.
        ConfigurationError: another column for label or text than the world has.
    """
    if columns.label not in {None, "decision"}:
        raise ConfigurationError(f"the label of {APPLICATIONS} is 'decision', not {columns.label!r}; leave --label out")
    if columns.text not in {None, "text"} or columns.text_pair is not None:
        raise ConfigurationError(f"the text of {APPLICATIONS} is 'text', and single; name no other column")
    for name in columns.sensitive:
        if name not in FEATURES:
            raise UnknownNameError("sensitive feature", name, FEATURES, where=APPLICATIONS)
    drawn = world.draw()
    facts = {"identity": drawn.identity, "style": drawn.style}
    return RawRows(
        items=StoredTexts(drawn.texts, [f"synthetic-application-{row.number:06d}" for row in drawn.rows]),
        names=drawn.decision,
        splits=[Split(split) for split in drawn.split],
        sensitive={name: list(facts[name]) for name in (columns.sensitive or ("identity",))},
        source=APPLICATIONS,
        nuisances=Nuisances(terms=(IDENTITIES,)),
    )
