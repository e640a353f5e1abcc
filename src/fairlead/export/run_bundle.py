"""From a finished run to its bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fairlead import __version__
from fairlead.bundle import Bundle, FileDigest, Goldens, Manifest, Predictor, check_target, sign_bundle, write_bundle
from fairlead.bundle import bundle as layout
from fairlead.data import Rows
from fairlead.errors import ConfigurationError, ExportError, FairleadError, UnreadableFileError
from fairlead.evidence import Ledger, Override
from fairlead.export.answers import Progress
from fairlead.export.awkward import awkward_files, golden_files
from fairlead.export.awkward_texts import awkward_texts, golden_texts
from fairlead.export.graph import OPSET, answering, export_graph, export_weights
from fairlead.export.int8 import Int8Model, Judge, int8_model
from fairlead.export.monitoring_reference import monitoring_reference, recorded_reference
from fairlead.export.parity import TOLERANCE, Named, check_parity, trained_inputs
from fairlead.export.reference import reference_tallies
from fairlead.judgement import GateDecision
from fairlead.measures import GroupTally
from fairlead.modules import Classifier, load_model
from fairlead.preprocessing import TextPreprocessing
from fairlead.records import RunFolder, Split, TaskKind

_VERSIONS = ("torch", "onnx", "onnxscript", "onnxruntime", "timm", "transformers", "tokenizers", "numpy", "pillow")


@dataclass(frozen=True)
class ExportSettings:
    """What is asked of an export.

    Attributes:
        output: The bundle's folder; None for ``RUN/bundle``. A bundle that is there is replaced.
        override: Who answers for the release where the gate blocks.
        key: A private key to sign with.
        rows: Held-out items to compare on at most; every one takes as long as an answer of each model.
        int8: Judges the model in 8 bits, which is then what the bundle holds; None for 32 bits.
        progress: Shows how far the rows are that it is judged by.
        watched: Shows how far the rows are that the traffic of a service will be compared with.

    Examples:
        >>> ExportSettings().rows
        64
    """

    output: Path | None = None
    override: Override | None = None
    key: Path | None = None
    rows: int = 64
    int8: Judge | None = None
    progress: Progress = lambda seen: seen
    watched: Progress = lambda seen: seen


def export_run(run: RunFolder, rows: Rows | None, settings: ExportSettings | None = None, *, gone: str = "") -> Bundle:
    """Writes the bundle of the model that a run kept, with the gate's verdict inside, and opens it.

    Nothing is written unless the exported model answers raw files or texts as the trained one does: held-out ones,
    and awkward ones drawn on the spot. A model in 8 bits is judged by what it is worth on test rows besides, and its
    findings, with the gate's word on them, are then those of the bundle. The bundle is opened and its goldens are
    answered before it takes its place.

    Args:
        run: A finished run.
        rows: The run's data, for held-out items to compare on; None where they are gone.
        settings: Where to, and who signs.
        gone: Why there are no rows, for the manifest.

    Raises:
        ExportError: the module cannot be exported, or what came of it answers differently.
        ConfigurationError: a folder that is no finished run.
        OutputFolderError: the target holds something that is no bundle.
    """
    settings = settings or ExportSettings()
    target = settings.output or run.bundle
    check_target(target)
    module = load_model(run)
    module.merge_adapters()
    if module.decision is not None and module.decision.randomised:
        raise ExportError(
            "this model draws its decisions, and what is served answers two alike people alike; choose thresholds "
            "that are not drawn: --mitigate thresholds, or one-threshold"
        )
    graph = export_graph(module)
    files, parity = _compare(module, Predictor(graph, module.preprocessing, module.labels), rows, settings.rows, gone)
    content = _records(run, module, rows) | files | {layout.MODEL: graph}
    int8 = None if settings.int8 is None else _in_8_bits(graph, module, rows, settings, gone)
    if int8 is not None:
        content |= _int8_files(int8, module, content)
    content[layout.REFERENCE_SCORES] = _reference(content[layout.MODEL], module, run, rows, settings, gone)
    evidence, decision = _evidence(run, settings.override, int8)
    content[layout.EVIDENCE] = _json(evidence)
    manifest = Manifest(
        task=TaskKind.of_classes(len(module.labels)).value,
        labels_sha256=FileDigest.of(content[layout.LABELS]).sha256,
        fairlead=__version__,
        opset=OPSET,
        precision="fp32" if int8 is None else "int8",
        tolerance=TOLERANCE if int8 is None else int8.tolerance,
        gate=decision.to_dict(),
        parity=parity,
        versions={name: version(name) for name in _VERSIONS},
        files={name: FileDigest.of(written) for name, written in content.items()},
    )

    def check(hidden: Path) -> None:
        if settings.key is not None:
            sign_bundle(hidden, settings.key)
        bundle = Bundle.open(hidden)
        Predictor.of(bundle).self_test(bundle)

    return Bundle.open(write_bundle(target, content, manifest.to_bytes(), check=check))


def _in_8_bits(graph: bytes, module: Classifier, rows: Rows | None, settings: ExportSettings, gone: str) -> Int8Model:
    if rows is None or settings.int8 is None:
        raise ConfigurationError(f"a model in 8 bits is judged by the run's data, but {gone}; export without --int8")
    return int8_model(graph, module, rows, settings.int8, progress=settings.progress)


def _evidence(run: RunFolder, override: Override | None, int8: Int8Model | None) -> tuple[dict[str, Any], GateDecision]:
    """Returns the findings and the gate's decision; an override that is needed stands in both."""
    try:
        content = json.loads(run.evidence.read_text(encoding="utf-8"))
        ledger, gate = Ledger.from_dict(content), content["gate"]
        signed = Override(**gate["override"]) if gate["override"] else None
        decision = GateDecision(gate["passes"], tuple(gate["blocked_by"]), signed)
    except (FairleadError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{run.evidence} cannot be read ({error}), and no bundle is made without evidence; name a finished run"
        ) from error
    if int8 is not None:  # what the run found is of another model; an override that was given for it, too
        ledger, decision = int8.judged.ledger, int8.judged.gate
    if override is not None and not decision.passes:
        ledger = ledger.add(override.finding())
        decision = GateDecision(True, decision.blocked_by, override)
    return content | ledger.to_dict() | {"gate": decision.to_dict()}, decision


def _compare(
    module: Classifier, predictor: Predictor, rows: Rows | None, most: int, gone: str
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Returns the goldens as files of the bundle, and what was compared; raises where the models differ."""
    of_texts = isinstance(module.preprocessing, TextPreprocessing)
    awkward = check_parity(module, predictor, (awkward_texts() if of_texts else awkward_files()).items())
    parity: dict[str, Any] = {"awkward": awkward.to_dict(), "held_out": None, "note": gone}
    held_out = list(_held_out(rows, most)) if rows is not None else []
    if held_out:
        compared = check_parity(module, predictor, held_out)
        # Without the file's name, which may be a person's: a bundle travels.
        parity["held_out"] = {"files": compared.files, "largest_difference": compared.largest_difference}
    elif not gone:
        parity["note"] = "no held-out item could be read"
    items: dict[str, bytes | str] = {f"goldens/{name}": content for name, content in golden_files().items()}
    if of_texts:
        items = dict(golden_texts())
    with answering(module), torch.inference_mode():
        inputs = trained_inputs(module, list(items.items())).to(module.device)
        expected = module.probabilities(module(inputs).float()).double().cpu().numpy()
    goldens = Goldens(items, expected)
    return goldens.files | {layout.GOLDENS: _json(goldens.to_dict())}, parity


def _held_out(rows: Rows, most: int) -> Iterator[Named]:
    """Yields test items spread evenly over the split; one that is gone since the run is left out."""
    test = rows.of(Split.TEST)
    for place in np.unique(np.linspace(0, len(test) - 1, min(most, len(test))).round().astype(int)):
        index = int(test[place])
        try:
            yield rows.items.name(index), rows.items.content(index)
        except UnreadableFileError:
            continue


def _records(run: RunFolder, module: Classifier, rows: Rows | None) -> dict[str, bytes]:
    tallies = reference_tallies(run.predictions, module.labels, rows.sensitive if rows is not None else ())
    records = {
        layout.WEIGHTS: export_weights(module),
        **_preprocessing(module),
        layout.LABELS: _json(list(module.labels)),
        layout.CALIBRATION: _json({"schema": 1, "temperature": float(module.temperature)}),
        layout.DECISION: _json(module.decision.to_dict() if module.decision else None),
        layout.REFERENCE: _tallies(tallies),
    }
    kept = {layout.METRICS: run.metrics, layout.CARD: run.path / "card.md"}
    return records | {name: file.read_bytes() for name, file in kept.items() if file.is_file()}


def _reference(
    graph: bytes, module: Classifier, run: RunFolder, rows: Rows | None, settings: ExportSettings, gone: str
) -> bytes:
    """Returns what traffic is compared with: of the model that is served, in 8 bits too."""
    if rows is None:
        reference = recorded_reference(run.predictions, module.labels, gone)
    else:
        predictor = Predictor(graph, module.preprocessing, module.labels, decision=module.decision)
        reference = monitoring_reference(predictor, rows, progress=settings.watched)
    return json.dumps(reference.to_dict(), allow_nan=False).encode("utf-8")


def _preprocessing(module: Classifier) -> dict[str, bytes]:
    """Returns what is done to an input; a tokenizer is a file of its own, which other programs read too."""
    content = module.preprocessing.to_dict()
    files = {layout.TOKENIZER: content.pop("tokenizer").encode("utf-8")} if "tokenizer" in content else {}
    return files | {layout.PREPROCESSING: _json(content)}


def _int8_files(int8: Int8Model, module: Classifier, content: Mapping[str, bytes]) -> dict[str, bytes]:
    """Returns what is another's in a bundle of 8 bits: graph, goldens' answers, tallies, and its worth on the card."""
    predictor = Predictor(int8.graph, module.preprocessing, module.labels)
    known = Goldens.from_dict(json.loads(content[layout.GOLDENS]), content.__getitem__)
    answers, _ = predictor.run_all([predictor.inputs(item) for item in known.items.values()])
    told = ["", "## In 8 bits", "", "This bundle holds the model in 8 bits. On test rows, from 32 bits to 8:", ""]
    told += [f"    {line}" for line in int8.judged.lines]
    card = content.get(layout.CARD, b"# A model in 8 bits\n").decode("utf-8")
    return {
        layout.MODEL: int8.graph,
        layout.GOLDENS: _json(Goldens(known.items, answers.astype(np.float64)).to_dict()),
        layout.REFERENCE: _tallies(int8.tallies),
        layout.INT8: _json(int8.judged.record),
        layout.CARD: (card.rstrip("\n") + "\n" + "\n".join(told) + "\n").encode("utf-8"),
    }


def _tallies(tallies: Sequence[GroupTally]) -> bytes:
    counted = [tally.to_dict() for tally in tallies]
    return json.dumps({"schema": 1, "split": "calibration", "tallies": counted}).encode("utf-8")


def _json(content: Mapping[str, Any] | list[Any] | None) -> bytes:
    return (json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode("utf-8")
