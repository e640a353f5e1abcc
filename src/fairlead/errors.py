"""Every error fairlead raises on purpose: what is wrong, where, and the remedy.

    FairleadError
    ├── ConfigurationError      an option, a name or a combination that cannot work
    │   ├── UnknownNameError    a name that is not among the known ones; suggests the nearest
    │   └── OutputFolderError   the run folder exists, is not empty, or cannot be written
    ├── DataError               the data as given cannot be used
    │   ├── UnreadableFileError a file that cannot be decoded
    │   └── LabelError          classes that do not fit the training split
    ├── BackboneError           weights that cannot be had or do not fit
    ├── EvidenceError           a record that contradicts itself
    ├── AttributionError        a model that cannot be explained, or not in the way that was asked for
    ├── ExportError             a module whose exported form does not answer as it does
    ├── BundleError             a bundle that is not whole, not known, or not to be opened
    └── ServiceError            a service that cannot be reached, or that refuses

A message names the file, row or value, and ends with the remedy. The command line prints it without a
traceback; a program catches ``FairleadError``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_ALL = 20  # so many known names are listed to the last, as all figures are; of more, the first


class FairleadError(Exception):
    """Root of the tree. Catch it to catch everything fairlead refuses on purpose."""


class ConfigurationError(FairleadError):
    """An option, a name or a combination of them that cannot work."""


class UnknownNameError(ConfigurationError):
    """A name that is not among the known ones.

    Args:
        kind: What the name should be, e.g. ``"column"``.
        name: The name as given.
        known: Every name that would do.
        where: Where it was looked for, e.g. a file.

    Examples:
        >>> str(UnknownNameError("column", "gendr", ["file", "gender"], where="labels.csv"))
        "there is no column 'gendr' in labels.csv; did you mean 'gender'? Name one of: file, gender"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        names = list(known)
        by_folded: dict[str, list[str]] = {}
        for known_name in names:
            by_folded.setdefault(known_name.casefold(), []).append(known_name)
        folded = name.casefold()
        close = [folded] if folded in by_folded else difflib.get_close_matches(folded, by_folded, n=3, cutoff=0.6)
        near = [known_name for one in close for known_name in by_folded[one]][:3]
        message = f"there is no {kind} {name!r}" + (f" in {where}" if where else "")
        if near:
            message += "; did you mean " + " or ".join(repr(n) for n in near) + "?"
        else:
            message += "."
        shown = ", ".join(names if len(names) <= _ALL else [*names[:12], f"... ({len(names)} in all)"])
        super().__init__(f"{message} Name one of: {shown}" if names else f"{message} None is known: leave it out")
        self.near = tuple(near)


class OutputFolderError(ConfigurationError):
    """The run folder exists, is not empty, or cannot be written."""


class DataError(FairleadError):
    """The data as given cannot be used."""


class UnreadableFileError(DataError):
    """A file that cannot be read or decoded; the message names it."""


class LabelError(DataError):
    """Classes that do not fit those of the training split."""


class BackboneError(FairleadError):
    """Pretrained weights that cannot be had, or that do not fit the architecture."""


class EvidenceError(FairleadError):
    """A record that contradicts itself, such as an interval that leaves out its own estimate."""


class AttributionError(FairleadError):
    """A model that cannot be explained, or not in the way that was asked for."""


class ExportError(FairleadError):
    """A module that cannot be exported, or whose exported form does not answer as it does."""


class BundleError(FairleadError):
    """A bundle that is not whole, of an unknown kind, or that holds what is never opened; it names the file."""


class ServiceError(FairleadError):
    """A service that cannot be reached, or that refuses a request.

    Args:
        message: What is wrong, and the remedy.
        code: The service's word for it, such as ``"busy"``.
        status: Of HTTP; None where there was no answer.
        retry_after: Seconds after which to ask again, where the service says so.

    Examples:
        >>> ServiceError("every slot is taken; ask again", code="busy", status=429, retry_after=1.0).code
        'busy'
    """

    def __init__(
        self, message: str, *, code: str = "", status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.retry_after = retry_after
