"""What the files of a run say, read without the program that made them."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.errors import ConfigurationError, EvidenceError, FairleadError, UnreadableFileError
from fairlead.evidence import MEASURED, Estimate, Finding, Ledger, Override
from fairlead.judgement import GateDecision
from fairlead.measures import GroupTally
from fairlead.records import RunFolder
from fairlead.report.explanation_record import ExplanationRecord
from fairlead.report.mitigation_record import MitigationRecord
from fairlead.report.published_groups import PublishedGroups, concealed_slots
from fairlead.report.withheld import key_of, withheld_findings


@dataclass(frozen=True, eq=False)
class RunRecord:
    """A run as its folder tells it: the one source of its page and its card.

    Attributes:
        name: Of the folder.
        ledger: Every finding.
        decision: What the release gate says.
        rows: Rows by split; empty where the folder holds no metrics.json.
        test: Figures of the kept model on test rows.
        model: Facts of the kept model by name; empty where the folder holds no environment.json.
        pictures: PNG files in base64 by their alternative text.
        groups: The rates of the groups of the test rows; empty where the folder holds no tallies.json.
        fewest: Rows from which a group is shown; None where the evidence alone decided.
        withheld: The findings whose numbers are not shown, as ``key_of`` names them.
        mitigation: What a mitigation gained and cost; None where there was none.
        picture_withheld: Whether there is a picture of the groups that shows what the tables do not.
        explanations: What was explained; None where the folder holds no explanations.json.
    """

    name: str
    ledger: Ledger
    decision: GateDecision
    rows: Mapping[str, int]
    test: Mapping[str, Estimate | None]
    model: Mapping[str, str]
    pictures: Mapping[str, str]
    groups: tuple[PublishedGroups, ...] = ()
    fewest: int | None = None
    withheld: frozenset[tuple[str | None, ...]] = field(default=frozenset())
    mitigation: MitigationRecord | None = None
    picture_withheld: bool = False
    explanations: ExplanationRecord | None = None

    @classmethod
    def read(cls, run: RunFolder, fewest: int | None = None) -> RunRecord:
        """Reads evidence.json, and what else there is.

        Args:
            run: The folder.
            fewest: Rows from which a group is shown; None for as many as when it was judged, and never fewer.

        Raises:
            ConfigurationError: the folder holds no evidence.json, or no tallies.json where ``fewest`` needs it.
            EvidenceError: a file that is not what a run writes.
            UnreadableFileError: a file that cannot be read.

        Examples:
            >>> RunRecord.read(RunFolder(Path("no/such")))
            Traceback (most recent call last):
            fairlead.errors.ConfigurationError: no/such holds no evidence.json; name a run, or an audit's folder
        """
        if not run.evidence.is_file():
            raise ConfigurationError(f"{run.path} holds no {run.evidence.name}; name a run, or an audit's folder")
        if fewest is not None and not run.tallies.is_file():
            raise ConfigurationError(
                f"{run.path} holds no {run.tallies.name}, so small groups cannot be told; run or audit again, or leave "
                "out --fewest-shown"
            )
        files = (run.evidence, run.metrics, run.environment, run.tallies, run.mitigation, run.explanations)
        evidence, metrics, environment, counted, mitigation, explained = map(_content, files)
        try:
            ledger, decision = Ledger.from_dict(evidence), _decision(evidence["gate"])
            test = {name: Estimate.from_dict(one) if one else None for name, one in metrics.get("test", {}).items()}
            tallies = _tallies(counted)
            judged_at = counted.get("fewest_shown")
            shown_from = max(judged_at, fewest or 1) if judged_at is not None else None
            groups = tuple(PublishedGroups.of(tally, shown_from or 1) for tally in tallies.get("test", ()))
            drawn = tallies.get("test", [tally for part in tallies.values() for tally in part])
            explanations = ExplanationRecord.of(explained, _sheet(run)) if explained else None
            least = max(shown_from or 0, explanations.fewest or 0 if explanations else 0) or shown_from
            whole = not any(concealed_slots(tally, shown_from or 1).any() for tally in drawn)
            return cls(
                run.path.resolve().name.encode("utf-8", "replace").decode("utf-8"),
                ledger,
                decision,
                metrics.get("rows", {}),
                test,
                _model(metrics, environment),
                _pictures(run, whole=whole),
                groups,
                least,
                withheld_findings(ledger, tallies, least, judged_at),
                MitigationRecord.of(mitigation) if mitigation else None,
                picture_withheld=run.groups.is_file() and not whole,
                explanations=explanations,
            )
        except (AttributeError, KeyError, TypeError, ValueError, FairleadError) as error:
            raise EvidenceError(
                f"the files of {run.path} are not as a run writes them ({type(error).__name__}: {error}); "
                "copy the folder again, or run again"
            ) from error

    def estimate_of(self, finding: Finding) -> Estimate | None:
        """Returns the estimate to be shown, if it may be."""
        withheld = key_of(finding) in self.withheld
        return finding.estimate if finding.verdict in MEASURED and not withheld else None

    def remedy_of(self, finding: Finding) -> str:
        """Returns what to do next, without the numbers of a group that is not shown."""
        if key_of(finding) not in self.withheld:
            return finding.remedy
        return (
            f"A group of {finding.feature} has fewer than {self.fewest} rows of a kind, so the numbers are not shown "
            "here; evidence.json holds them, and what to do next."
        )


def _tallies(counted: Mapping[str, Any]) -> dict[str, list[GroupTally]]:
    return {
        split: [GroupTally.from_dict(tally) for tally in part] for split, part in counted.get("tallies", {}).items()
    }


def _content(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableFileError(f"cannot read {file} ({error.strerror}); make it readable to you") from error
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


def _pictures(run: RunFolder, *, whole: bool) -> dict[str, str]:
    """The picture of the groups shows each rate by itself, so it is left out where a group is to be hidden whole."""
    named = {
        "Rates of every group, with intervals": run.groups,
        "Confusion matrix of the test rows": run.confusion,
        "The test rows the model was most wrong about": run.top_losses,
    }
    shown = {text: file for text, file in named.items() if file.is_file() and (whole or file != run.groups)}
    return {text: _encoded(file) for text, file in shown.items()}


def _sheet(run: RunFolder) -> str:
    return _encoded(run.explanations_picture) if run.explanations_picture.is_file() else ""


def _encoded(file: Path) -> str:
    try:
        return base64.b64encode(file.read_bytes()).decode("ascii")
    except OSError as error:
        raise UnreadableFileError(
            f"cannot read {error.filename} ({error.strerror}); make it readable to you"
        ) from error
