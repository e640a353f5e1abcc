"""The model that is watched, and what of it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.bundle import Bundle
from fairlead.bundle.bundle import EVIDENCE
from fairlead.bundle.contents import read_json
from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.evidence import Ledger
from fairlead.judgement import Policy
from fairlead.measures import FeatureGroups, GroupTally, Reference
from fairlead.monitoring.settings import WatchSettings
from fairlead.monitoring.watched import MOST_CLASSES, WatchedAnswers, WatchedErrors
from fairlead.records import Labels


@dataclass(frozen=True, eq=False)
class WatchedModel:
    """A bundle's name, classes and reference, and how it is watched.

    Attributes:
        model: Digest of the bundle.
        labels: The C classes.
        reference: Its rows to compare with; None for a bundle without.
        tallies: Counts of the reference rows by the groups of each watched feature.
        policy: The limits that groups are held against.
        settings: How it is watched.

    Raises:
        ConfigurationError: a reference or tallies of other classes.

    Examples:
        >>> watched = WatchedModel("ab12", Labels(("no", "yes")), None, (), Policy.default(), WatchSettings())
        >>> watched.features, watched.note.split(";")[0]
        ((), 'the bundle holds no reference: drift and quality without labels are not watched')
    """

    model: str
    labels: Labels
    reference: Reference | None
    tallies: tuple[GroupTally, ...]
    policy: Policy
    settings: WatchSettings

    def __post_init__(self) -> None:
        others = [part for part in (self.reference, *self.tallies) if part is not None and part.labels != self.labels]
        if others or not self.model:
            raise ConfigurationError(
                "a model is watched by its digest, with a reference and tallies of its own classes"
            )

    @classmethod
    def chosen(
        cls,
        reference: Reference | None,
        tallies: Sequence[GroupTally],
        labels: Labels,
        *,
        model: str,
        policy: Policy,
        settings: WatchSettings,
    ) -> WatchedModel:
        """Takes the tallies of the features that are to be watched.

        Raises:
            UnknownNameError: a feature that the bundle has no tally of.
        """
        known = {tally.by.feature: tally for tally in tallies}
        wanted = tuple(known) if settings.features is None else settings.features
        for name in wanted:
            if name not in known:
                raise UnknownNameError("sensitive feature", name, known, where="the bundle's tallies")
        return cls(model, labels, reference, tuple(known[name] for name in wanted), policy, settings)

    @classmethod
    def of(cls, bundle: Bundle, settings: WatchSettings | None = None, policy: Policy | None = None) -> WatchedModel:
        """Takes what is needed from a bundle.

        Args:
            bundle: The model in service.
            settings: How it is watched.
            policy: The limits; by default those the bundle was audited with.
        """
        return cls.chosen(
            bundle.reference,
            bundle.tallies,
            bundle.labels,
            model=bundle.digest,
            policy=policy or _own_policy(bundle),
            settings=settings or WatchSettings(),
        )

    @property
    def features(self) -> tuple[FeatureGroups, ...]:
        """The watched features with their groups."""
        return tuple(tally.by for tally in self.tallies)

    @property
    def note(self) -> str:
        """What is not watched and why; empty where all is."""
        if self.reference is None:
            return "the bundle holds no reference: drift and quality without labels are not watched; export it anew"
        notes = [self.reference.note] if self.reference.note else []
        unseen = [score.name for score in self.reference.scores if not score.totals.any()]
        if unseen:
            notes.append(f"the reference holds no value of {', '.join(unseen)}: not watched")
        binless = [score.name for score in self.reference.scores if score.totals.any() and not len(score.edges)]
        if binless:
            notes.append(f"no row gave the bins of {', '.join(binless)}: not watched")
        if not self.reference.decided[:-1].any():
            notes.append("the reference holds no row of known truth: errors and estimated quality are not watched")
        if len(self.labels) > max(MOST_CLASSES, 2):
            notes.append(f"of {len(self.labels)} classes the {MOST_CLASSES} most frequent are watched one by one")
        return "; ".join(notes)

    def answers(self) -> WatchedAnswers:
        """What is watched of every answer."""
        return WatchedAnswers(self.reference)

    def errors(self) -> WatchedErrors:
        """What is watched of answers whose truth was told."""
        return WatchedErrors(self.reference, self.tallies)


def _own_policy(bundle: Bundle) -> Policy:
    """Returns the limits that the bundle's findings were held against."""
    return Policy.of_ledger(Ledger.from_dict(read_json(EVIDENCE, bundle.read(EVIDENCE))))
