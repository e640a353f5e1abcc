"""What a bundle says of itself."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from fairlead.bundle.contents import read_json
from fairlead.errors import BundleError

SCHEMA = 1
MANIFEST = "manifest.json"
SIGNATURE = "signatures/bundle.sig"
PRECISIONS = ("fp32", "int8")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileDigest:
    """What a file of a bundle must be.

    Attributes:
        sha256: Of its bytes, in hexadecimal.
        size: In bytes.

    Examples:
        >>> FileDigest.of(b"abc").size
        3
    """

    sha256: str
    size: int

    @classmethod
    def of(cls, content: bytes) -> FileDigest:
        """Digests the bytes of a file."""
        return cls(hashlib.sha256(content).hexdigest(), len(content))


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """The list of a bundle's files with their digests, and what a reader must know before opening any of them.

    Attributes:
        task: ``"binary"`` or ``"multiclass"``.
        labels_sha256: Digest of the class names in their order: two models with one digest answer alike in form.
        fairlead: The release that wrote the bundle.
        opset: Version of the ONNX operators.
        precision: ``"fp32"``, or ``"int8"`` where the backbone computes in 8 bits.
        tolerance: The most a probability may differ from the training side's.
        gate: What the release gate says: passes, blocked_by, override.
        parity: How the exported model was held against the trained one.
        versions: Of the libraries that exported it.
        files: By path inside the bundle; the manifest and the signature are not among them.

    Raises:
        BundleError: a path that leaves the folder, a digest that is none, or a gate that contradicts itself.

    Examples:
        >>> manifest = Manifest.example()
        >>> Manifest.parse(manifest.to_bytes()) == manifest
        True
    """

    task: str
    labels_sha256: str
    fairlead: str
    opset: int
    tolerance: float
    gate: Mapping[str, Any]
    parity: Mapping[str, Any]
    versions: Mapping[str, str]
    files: Mapping[str, FileDigest]
    precision: str = "fp32"

    def __post_init__(self) -> None:
        for name, digest in self.files.items():
            if not is_inside(name) or name in {MANIFEST, SIGNATURE}:
                raise BundleError(f"{MANIFEST} names {name!r}, which is no file inside the bundle; export it anew")
            if not _SHA256.fullmatch(digest.sha256) or not isinstance(digest.size, int) or digest.size < 0:
                raise BundleError(f"{MANIFEST} holds no digest of {name}; export the bundle anew")
        if set(self.gate) != {"passes", "blocked_by", "override"} or not isinstance(self.gate["blocked_by"], list):
            raise BundleError(f"{MANIFEST} holds no verdict of the release gate; export the bundle anew")
        if self.gate["passes"] is not (not self.gate["blocked_by"] or self.gate["override"] is not None):
            raise BundleError(f"{MANIFEST} says of the gate what nothing in it bears out; export the bundle anew")
        if self.precision not in PRECISIONS:
            raise BundleError(
                f"{MANIFEST} has the precision {str(self.precision)[:40]!r}, and this release of fairlead knows "
                f"{' and '.join(PRECISIONS)}; open it with the release that wrote it, or export it anew"
            )
        if not isinstance(self.tolerance, float) or not 0 < self.tolerance < 1:
            raise BundleError(f"{MANIFEST} tolerates {self.tolerance!r}, expected between 0 and 1; export it anew")

    @classmethod
    def example(cls) -> Manifest:
        """Returns a small one, for examples."""
        gate = {"passes": True, "blocked_by": [], "override": None}
        files = {"labels.json": FileDigest.of(b"[]")}
        return cls(
            task="binary", labels_sha256="", fairlead="0", opset=18, tolerance=1e-4, gate=gate, parity={}, versions={},
            files=files,
        )  # fmt: skip

    @property
    def passes(self) -> bool:
        """Whether the gate passes, by itself or by a recorded override."""
        return self.gate.get("passes") is True

    def to_bytes(self) -> bytes:
        """Returns the file's content: JSON with a digest of itself, the same bytes for the same manifest."""
        content: dict[str, Any] = {"schema": SCHEMA}
        content |= {field.name: getattr(self, field.name) for field in fields(self) if field.name != "files"}
        content["files"] = {name: asdict(self.files[name]) for name in sorted(self.files)}
        return _dumped(content | {"sha256": _digest(content)})

    @classmethod
    def parse(cls, content: bytes) -> Manifest:
        """Reads what ``to_bytes`` wrote.

        Raises:
            BundleError: no JSON, an unknown schema, an altered one, or one that names paths outside the folder.
        """
        read = read_json(MANIFEST, content)
        if not isinstance(read, dict) or "schema" not in read:
            raise BundleError(f"{MANIFEST} is no manifest of a bundle; copy the bundle again, or export anew")
        schema = read["schema"]
        if type(schema) is not int or schema != SCHEMA:
            raise BundleError(
                f"{MANIFEST} has schema {str(schema)[:40]}, and this release of fairlead reads {SCHEMA}; "
                "open it with the release that wrote it, or export it anew"
            )
        body = {name: value for name, value in read.items() if name != "sha256"}
        try:
            # Byte for byte: a manifest that reads the same but was touched is not the one that was written.
            whole = read.get("sha256") == _digest(body) and _dumped(read) == content
        except ValueError:  # what it holds was never written by us: a number too large, half of a surrogate pair
            whole = False
        if not whole:
            raise BundleError(f"{MANIFEST} was altered after it was written; copy the bundle again, or export anew")
        names = {field.name for field in fields(cls)}
        try:
            body.setdefault("precision", "fp32")  # of the bundles before there was another
            if set(body) != names | {"schema"}:
                raise TypeError(", ".join(sorted(set(body) ^ (names | {"schema"}))))
            files = {name: FileDigest(**digest) for name, digest in body["files"].items()}
            return cls(**{name: body[name] for name in names - {"files"}}, files=files)
        except (TypeError, AttributeError) as error:
            raise BundleError(f"{MANIFEST} lacks or adds entries ({error}); export the bundle anew") from error


def is_inside(name: str) -> bool:
    """Returns whether a path stays inside the folder: plain names with single slashes, nothing hidden.

    Examples:
        >>> is_inside("goldens/0.png"), is_inside("../a"), is_inside("/a"), is_inside("a//b")
        (True, False, False, False)
    """
    return _NAME.fullmatch(name) is not None and PurePosixPath(name).as_posix() == name


def _dumped(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(_dumped(content)).hexdigest()
