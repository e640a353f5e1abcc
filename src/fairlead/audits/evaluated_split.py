"""The splits that a Trainer evaluates, by the verbs of its methods."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.errors import ConfigurationError, UnknownNameError
from fairlead.records import Split

_SPLITS = {"validate": Split.VAL, "test": Split.TEST}
VERBS = tuple(_SPLITS)


def splits_of(verbs: Sequence[str], where: str) -> tuple[Split, ...]:
    """Returns the split that each verb evaluates.

    Args:
        verbs: Such as ``"test"``.
        where: What an error names.

    Raises:
        UnknownNameError: another verb.

    Examples:
        >>> splits_of(["test"], "Audit(on=...)")
        (<Split.TEST: 'test'>,)
    """
    for verb in verbs:
        if verb not in _SPLITS:
            raise UnknownNameError("part of a run", verb, VERBS, where=where)
    return tuple(_SPLITS[verb] for verb in verbs)


def check_one_loader(loaders: Sequence[int | float], split: Split, audit: str) -> None:
    """Refuses to audit the rows of several dataloaders, whose numbers may be the same.

    Args:
        loaders: The batches of each.
        split: Which the Trainer evaluates.
        audit: Whose name an error says.

    Raises:
        ConfigurationError: more than one.

    Examples:
        >>> check_one_loader([12], Split.TEST, "Audit")
    """
    if len(loaders) > 1:
        raise ConfigurationError(
            f"{audit} judges the rows of one dataloader, and {split.value} has {len(loaders)}; audit each in a Trainer "
            "call of its own"
        )
