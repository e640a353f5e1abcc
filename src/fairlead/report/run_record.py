"""What the files of a run say, read without the program that made them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, EvidenceError
from fairlead.evidence import Estimate, Ledger
from fairlead.judgement import GateDecision, Override
from fairlead.records import RunFolder


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run as its folder tells it.

    Attributes:
        name: Of the folder.
        ledger: Every finding.
        decision: What the release gate says.
        rows: Rows by split; empty where the folder holds no metrics.json.
        test: Figures of the kept model on test rows.
        model: Facts of the kept model by name; empty where the folder holds no environment.json.
        pictures: PNG files in base64 by their alternative text.
    """

    name: str
    ledger: Ledger
    decision: GateDecision
    rows: Mapping[str, int]
    test: Mapping[str, Estimate | None]
    model: Mapping[str, str]
    pictures: Mapping[str, str]

    @classmethod
    def read(cls, run: RunFolder) -> RunRecord:
        """Reads evidence.json, and what else there is.

        Raises:
            ConfigurationError: the folder holds no evidence.json.
            EvidenceError: a file that is not what a run writes.

        Examples:
            >>> RunRecord.read(RunFolder(Path("no/such")))
            Traceback (most recent call last):
            fairlead.errors.ConfigurationError: no/such holds no evidence.json; name a run, or an audit's folder
        """
        if not run.evidence.is_file():
            raise ConfigurationError(f"{run.path} holds no {run.evidence.name}; name a run, or an audit's folder")
        evidence, metrics, environment = map(_content, (run.evidence, run.metrics, run.environment))
        try:
            ledger, decision = Ledger.from_dict(evidence), _decision(evidence["gate"])
            test = {name: Estimate.from_dict(one) if one else None for name, one in metrics.get("test", {}).items()}
            model = _model(metrics, environment)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EvidenceError(
                f"the files of {run.path} are not as a run writes them ({type(error).__name__}: {error}); "
                "copy the folder again, or run again"
            ) from error
        named = {
            "Rates of every group, with intervals": run.groups,
            "Confusion matrix of the test rows": run.confusion,
            "The test rows the model was most wrong about": run.top_losses,
        }
        pictures = {text: _base64(file) for text, file in named.items() if file.is_file()}
        return cls(run.path.resolve().name, ledger, decision, metrics.get("rows", {}), test, model, pictures)


def _content(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise EvidenceError(f"{file} is no whole JSON file ({error}); copy it again, or run again") from error
    if not isinstance(content, dict):
        raise EvidenceError(f"{file} holds a {type(content).__name__}, not an object; copy it again, or run again")
    return content


def _decision(gate: Mapping[str, Any]) -> GateDecision:
    override = Override(**gate["override"]) if gate.get("override") else None
    return GateDecision(bool(gate["passes"]), tuple(gate["blocked_by"]), override)


def _model(metrics: Mapping[str, Any], environment: Mapping[str, Any]) -> dict[str, str]:
    facts = {}
    if "won" in metrics:
        facts["Kept"] = "the fine-tuned model" if metrics["won"] == "finetuned" else "the linear probe"
    if "backbone" in environment:
        backbone = environment["backbone"]
        facts |= {
            "Backbone": str(backbone["architecture"]),
            "Weights": str(backbone["origin"]),
            "SHA-256": str(backbone["sha256"]),
        }
    if "seed" in environment:
        facts["Seed"] = str(environment["seed"])
    if "versions" in environment:
        facts["Versions"] = ", ".join(f"{name} {number}" for name, number in environment["versions"].items())
    return facts


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode("ascii")
