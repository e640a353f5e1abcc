"""A bundle that has passed every check, and what it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fairlead.bundle import Answer, Bundle, Observe, Predictor, verify_signature
from fairlead.bundle.bundle import CARD
from fairlead.bundle.reader import Item
from fairlead.errors import BundleError
from fairlead.preprocessing import ImagePreprocessing, TextPreprocessing
from fairlead.records import Modality
from fairlead.serving.settings import ServiceSettings

Timed = Callable[[str, float], None]


@dataclass(frozen=True, eq=False)
class ServedModel:
    """What answers. ``open`` makes one only of a bundle that may be served.

    Attributes:
        bundle: As it was opened.
        predictor: Over it.
        override: Who answers for it against its gate: what the bundle recorded, or what was given at the start.
        override_held: ``"bundle"``, ``"memory"``, or empty.
        apart: By how much a golden answer differs at most here.
        signature: What is known of it.
    """

    bundle: Bundle
    predictor: Predictor
    override: dict[str, str] | None
    override_held: str
    apart: float
    signature: str

    @classmethod
    def open(cls, settings: ServiceSettings) -> ServedModel:
        """Opens a bundle: its digests, its signature where a key is given, its gate, and its goldens.

        Raises:
            BundleError: any of them does not pass.
        """
        if settings.bundle is None:
            raise BundleError("no bundle is named; set FAIRLEAD_BUNDLE to a bundle's folder")
        bundle = Bundle.open(settings.bundle)
        signature = "not checked" if bundle.signed else "none"
        if settings.key is not None:
            verify_signature(settings.bundle, settings.key)
            signature = "holds"
        check_gate(bundle, settings)
        recorded = bundle.manifest.gate.get("override")
        override = recorded or (settings.override.to_dict() if _needs(bundle) and settings.override else None)
        held = "bundle" if recorded else "memory" if override else ""
        predictor = Predictor.of(bundle, runtime=settings.runtime)
        return cls(bundle, predictor, override, held, predictor.self_test(bundle), signature)

    def answer(
        self,
        items: Sequence[Item],
        sensitive: Sequence[Mapping[str, str | None]],
        *,
        most_pixels: int,
        timed: Timed,
        features: bool = False,
        observe: Observe | None = None,
        unmeasured: Callable[[Exception], None] | None = None,
    ) -> list[Answer]:
        """Answers as ``Predictor.answer_all`` does, in one thread, within a bound on the pixels, and timed.

        Args:
            items: Contents of image files; or texts, or pairs of them.
            sensitive: Values of sensitive features of each, by name, for a model with a threshold for each group.
            most_pixels: Larger pictures are refused before they are decoded.
            timed: Is told each stage and its seconds; it may raise where no time is left.
            features: Whether the features are wanted too.
            observe: Is handed what is known of each item that has a class; its place is that among all the items.
            unmeasured: Is told why an item's properties cannot be measured.

        Raises:
            ConfigurationError: a feature that the model decides by is not given, or not by a group it knows.
        """
        slots = self.predictor.slots(sensitive)
        answers: list[Answer] = []
        ahead = self.predictor.reader.ahead
        for start in range(0, len(items), ahead):
            read = []
            for item in items[start : start + ahead]:
                begun = time.perf_counter()
                read.append(self.predictor.read(item, max_pixels=most_pixels))
                timed("decode", time.perf_counter() - begun)
            answers += self.predictor.answers(
                read,
                slots[start : start + ahead],
                features=features,
                ran=lambda seconds: timed("infer", seconds),
                observe=_from(start, observe),
                unmeasured=unmeasured,
            )
        return answers

    def describe(self) -> dict[str, Any]:
        """Returns what ``/model`` tells, as plain JSON values."""
        manifest = self.bundle.manifest
        return {
            "digest": self.bundle.digest,
            "task": manifest.task,
            "precision": manifest.precision,
            "runtime": self.predictor.runtime.name,
            "labels": list(self.bundle.labels),
            "labels_sha256": manifest.labels_sha256,
            "modality": self.modality.value,
            **_input(self.bundle.preprocessing),
            "temperature": self.bundle.temperature,
            "decision": None if self.bundle.decision is None else self.bundle.decision.to_dict(),
            "gate": {"passes": manifest.passes, "blocked_by": list(manifest.gate.get("blocked_by", ()))},
            "override": None if self.override is None else {**self.override, "held": self.override_held},
            "signature": self.signature,
            "goldens": {"largest_difference": self.apart, "tolerance": manifest.tolerance},
            "parity": dict(manifest.parity),
            "files": {name: digest.sha256 for name, digest in manifest.files.items()},
            "fairlead": manifest.fairlead,
            "card": self.bundle.read(CARD).decode("utf-8") if CARD in manifest.files else None,
        }

    @property
    def modality(self) -> Modality:
        """What it answers for."""
        return self.predictor.reader.modality

    @property
    def gate(self) -> str:
        """``"passes"`` or ``"overridden"``."""
        return "overridden" if self.override else "passes"


def _from(start: int, observe: Observe | None) -> Observe | None:
    """Returns an observer that is told places counted from a start."""
    if observe is None or not start:
        return observe
    return lambda seen: observe(replace(seen, place=start + seen.place))


def _input(preprocessing: ImagePreprocessing | TextPreprocessing) -> dict[str, Any]:
    if isinstance(preprocessing, TextPreprocessing):
        return {"max_tokens": preprocessing.max_tokens}
    return {"input_size": list(preprocessing.size)}


def check_gate(bundle: Bundle, settings: ServiceSettings) -> None:
    """Refuses a bundle that its gate blocks and for which nobody answers.

    Raises:
        BundleError: it says what blocks.
    """
    if _needs(bundle) and settings.override is None:
        blocked = "; ".join(bundle.manifest.gate.get("blocked_by", ())) or "its gate does not pass"
        raise BundleError(
            f"the release gate blocks {bundle.path}: {blocked}. Mend that and export anew, or answer for it: "
            'fairlead serve BUNDLE --override "reason" --by NAME'
        )


def _needs(bundle: Bundle) -> bool:
    return not bundle.manifest.passes
