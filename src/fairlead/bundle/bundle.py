"""The model artefact: a folder that opens only if it is whole."""

from __future__ import annotations

import hashlib
import math
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.bundle.contents import check_content, read_json
from fairlead.bundle.manifest import MANIFEST, SIGNATURE, FileDigest, Manifest, is_inside
from fairlead.errors import BundleError, FairleadError
from fairlead.measures import GroupTally, Reference
from fairlead.preprocessing import ImagePreprocessing, TextPreprocessing, preprocessing_of
from fairlead.records import DecisionRule, Labels, Modality, TaskKind

MODEL = "model.onnx"
WEIGHTS = "weights.safetensors"
PREPROCESSING = "preprocessing.json"
TOKENIZER = "tokenizer.json"
LABELS = "labels.json"
CALIBRATION = "calibration.json"
DECISION = "decision.json"
REFERENCE = "reference/tallies.json"
REFERENCE_SCORES = "reference/scores.json"
GOLDENS = "goldens/expected.json"
EVIDENCE = "evidence/evidence.json"
METRICS = "evidence/metrics.json"
INT8 = "evidence/int8.json"
CARD = "card.md"
REQUIRED = (MODEL, WEIGHTS, PREPROCESSING, LABELS, CALIBRATION, DECISION, REFERENCE, GOLDENS, EVIDENCE)
_MOST_BYTES = 16_000_000  # of the manifest and of the signature, whose sizes nothing else bounds


@dataclass(frozen=True, eq=False)
class Bundle:
    """A finished model with its evidence. Open one with ``Bundle.open``; ``write_bundle`` makes one.

    Attributes:
        path: The folder.
        manifest: Its files, their digests, and the gate's verdict.
        labels: The C classes.
        preprocessing: From a picture to the pixels the model takes, or from a text to its tokens.
        temperature: By which the logits are divided inside the graph.
        decision: The rule from probabilities to a class; None for the most probable one.
        tallies: Counts of the calibration rows by the groups of each sensitive feature, for monitoring to refer to.
        digest: SHA-256 of the manifest, and so of all: the model's name in every answer.
        reference: What the traffic of a service is compared with; None in a bundle of an older release.
    """

    path: Path
    manifest: Manifest
    labels: Labels
    preprocessing: ImagePreprocessing | TextPreprocessing
    temperature: float
    decision: DecisionRule | None
    tallies: tuple[GroupTally, ...] = field(repr=False)
    digest: str = ""
    reference: Reference | None = field(default=None, repr=False)

    @classmethod
    def open(cls, path: str | Path) -> Bundle:
        """Opens a bundle, if every file is there, as it was written, of a known kind, and no other.

        Raises:
            BundleError: what is wrong with which file.
        """
        folder = Path(path)
        if not folder.is_dir():
            raise BundleError(f"{folder} is no folder; name a bundle, such as RUN/bundle")
        if not (folder / MANIFEST).exists():  # before all else: any folder may be named, and hold no end of files
            raise BundleError(f"{folder} holds no {MANIFEST}; name a bundle, such as RUN/bundle")
        text = _bytes_of(folder, MANIFEST, _MOST_BYTES)
        manifest = Manifest.parse(text)
        found = set(_files(folder))
        _check_names(folder, manifest, found)
        for name in manifest.files:
            check_content(name, _checked(folder, name, manifest.files[name]))
        if SIGNATURE in found:
            read_json(SIGNATURE, _bytes_of(folder, SIGNATURE, _MOST_BYTES))
        return cls._read(folder, manifest, hashlib.sha256(text).hexdigest())

    @classmethod
    def _read(cls, folder: Path, manifest: Manifest, digest: str) -> Bundle:
        def record(name: str) -> Any:
            return read_json(name, _checked(folder, name, manifest.files[name]))

        name = LABELS
        try:
            labels = Labels(tuple(record(name)))
            if manifest.labels_sha256 != manifest.files[LABELS].sha256:
                raise ValueError("the manifest was written for other labels")
            if manifest.task != TaskKind.of_classes(len(labels)).value:
                raise ValueError(f"{len(labels)} classes do not make the task {manifest.task!r}")
            said = record(name := PREPROCESSING)
            if said.get("kind") == Modality.TEXT:
                if TOKENIZER not in manifest.files:
                    raise ValueError(f"it is of texts, and {MANIFEST} does not list {TOKENIZER}")
                said["tokenizer"] = _checked(folder, TOKENIZER, manifest.files[name := TOKENIZER]).decode("utf-8")
            preprocessing = preprocessing_of(said)
            temperature = float(record(name := CALIBRATION)["temperature"])
            if not 0 < temperature < math.inf:
                raise ValueError(f"a temperature is above 0, got {temperature}")
            decision = _rule(record(name := DECISION), labels)
            counted = record(name := REFERENCE)["tallies"]
            tallies = tuple(GroupTally.from_dict(tally) for tally in counted)
            listed = (name := REFERENCE_SCORES) in manifest.files
            reference = _reference(record(name), labels) if listed else None
            if dict(record(name := EVIDENCE)["gate"]) != dict(manifest.gate):
                raise ValueError(f"its gate is not that of {MANIFEST}")
        except BundleError:
            raise
        except (FairleadError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise BundleError(f"{name} cannot be used ({error}); export the bundle anew") from error
        return cls(folder, manifest, labels, preprocessing, temperature, decision, tallies, digest, reference)

    @property
    def signed(self) -> bool:
        """Whether a signature lies in it; ``verify_signature`` says whether it holds."""
        return (self.path / SIGNATURE).is_file()

    def read(self, name: str) -> bytes:
        """Returns a file's bytes, which are those of the manifest at this moment too.

        Raises:
            BundleError: a file that the bundle does not have, or that was altered since it was opened.
        """
        if name not in self.manifest.files:
            raise BundleError(f"the bundle {self.path} has no {name}; it has: {', '.join(self.manifest.files)}")
        return _checked(self.path, name, self.manifest.files[name])


def _rule(content: Any, labels: Labels) -> DecisionRule | None:
    """Returns the rule that a model decides by; None for the most probable class."""
    if content is None:
        return None
    rule = DecisionRule.from_dict(content)
    if len(labels) != 2:
        raise ValueError(f"thresholds decide between two classes, and there are {len(labels)}")
    if rule.randomised:
        raise ValueError("it draws its decisions, and what is served gives two alike people one answer")
    return rule


def _reference(content: Any, labels: Labels) -> Reference:
    reference = Reference.from_dict(content)
    if reference.labels != labels:
        raise ValueError("it was counted for other labels")
    return reference


def _files(folder: Path) -> Iterator[str]:
    """Yields every file's path inside the folder; a link or a device is refused, and nothing is followed."""
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        try:
            with os.scandir(folder / prefix) as entries:
                found = [(f"{prefix}{entry.name}", entry.stat(follow_symlinks=False).st_mode) for entry in entries]
        except OSError as error:
            raise BundleError(f"{folder / prefix} cannot be read ({error.strerror}); allow reading it") from error
        for name, mode in found:
            if stat.S_ISDIR(mode):
                waiting.append(f"{name}/")
            elif stat.S_ISREG(mode):
                yield name
            else:
                raise BundleError(f"{name} is a link or a device, and may lead out of the bundle; take it out")


def _check_names(folder: Path, manifest: Manifest, found: set[str]) -> None:
    listed = set(manifest.files)
    for name in REQUIRED:
        if name not in listed:
            raise BundleError(f"{MANIFEST} of {folder} does not list {name}, which every bundle has; export it anew")
    for name in sorted(listed - found):
        raise BundleError(f"{name} is missing from {folder}; copy the bundle again, or export anew")
    for name in sorted(found - listed - {MANIFEST, SIGNATURE}):
        shown = name if is_inside(name) else ascii(name)
        raise BundleError(f"{shown} lies in {folder} and is not in its manifest; take it out")


def _checked(folder: Path, name: str, digest: FileDigest) -> bytes:
    content = _bytes_of(folder, name, digest.size)
    if FileDigest.of(content) != digest:
        raise BundleError(f"{name} of {folder} was altered after it was written; copy the bundle again, or export anew")
    return content


def _bytes_of(folder: Path, name: str, most: int) -> bytes:
    """Reads a file of at most so many bytes."""
    try:
        # Not through a link that someone has put there since the folder was looked at.
        handle = os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        with open(handle, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise BundleError(f"{name} of {folder} cannot be read ({error.strerror}); copy the bundle again") from error
    if len(content) > most:
        raise BundleError(
            f"{name} of {folder} was altered: it is longer than it may be; copy the bundle again, or export anew"
        )
    return content
