"""What a run tells the person who started it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console

from fairlead.audits import BeforeAfter, GroupAudit, Results
from fairlead.backbones import Backbone
from fairlead.bundle import Bundle
from fairlead.cli.bundle_story import next_step
from fairlead.cli.clock import Clock
from fairlead.cli.embedded_bias import EMBEDDED
from fairlead.data import Rows
from fairlead.errors import BackboneError, FairleadError
from fairlead.evidence import Finding, Verdict
from fairlead.preprocessing import ImagePreprocessing, TextPreprocessing
from fairlead.records import Modality, RunFolder, Split
from fairlead.report import (
    compare_accuracy,
    compare_findings,
    explain_choice,
    explain_gate,
    how_many_unsettled,
    is_advisory,
    summarise_figures,
    summarise_findings,
)
from fairlead.tuning import ChosenRule


class Story:
    """Says, in the order of the run, what is used, what was decided and what came out.

    Args:
        modality: Of the data.
    """

    def __init__(self, modality: Modality = Modality.IMAGE) -> None:
        self.modality = modality
        self.console = Console(soft_wrap=True, highlight=False)
        self._planted = False

    def _say(self, name: str, text: str, style: str = "") -> None:
        self.console.print(f"[bold]{name:<12}[/bold]", end="")
        self.console.print(text, style=style or None, markup=False)

    def data(self, rows: Rows, *, synthetic: bool) -> None:
        """Rows, splits, classes and sensitive features."""
        self._planted = synthetic
        if synthetic:
            self._say("data", EMBEDDED[self.modality].data)
        counts = ", ".join(f"{split} {count}" for split, count in rows.counts().items())
        self._say("rows", f"{len(rows)} ({counts})")
        training = rows.class_counts()
        shown = ", ".join(f"{label} {training[code]}" for code, label in list(enumerate(rows.labels))[:12])
        more = f", ... ({len(rows.labels)} in all)" if len(rows.labels) > 12 else ""
        self._say("classes", f"{shown}{more} (training rows)")
        for feature in rows.sensitive:
            self._say("sensitive", f"{feature.name}: {', '.join(feature.groups[:12])}")
        for note in rows.notes:
            self._say("note", note, style="yellow")

    def backbone(self, backbone: Backbone) -> Backbone:
        """Which encoder, from where, at which size; returns it."""
        fit = f", {backbone.matched}" if backbone.pretrained else ""
        self._say("backbone", f"{backbone.architecture} at {_size(backbone.preprocessing)} from {backbone.origin}{fit}")
        return backbone

    def truncation(self, shares: Mapping[str, float]) -> None:
        """How many texts are longer than what is read of them."""
        cut = ", ".join(f"{split} {share:.1%}" for split, share in shares.items() if share)
        if cut:
            self._say("note", f"texts longer than what is read of them: {cut}; --max-tokens reads more", "yellow")

    def random_weights(self, error: BackboneError) -> None:
        """Why there is nothing pretrained, and what that means."""
        self._say("note", str(error), style="yellow")
        self._say("note", "starting from random weights: expect far less than a pretrained backbone gives", "yellow")

    def run(self, run: RunFolder) -> None:
        """Where everything goes."""
        self._say("run folder", str(run.path))

    def probe(self, results: Results) -> None:
        """What the frozen backbone gives."""
        accuracy = results.probe.figures[Split.VAL]["accuracy"]
        self._say("probe", f"validation accuracy {accuracy}")

    def mitigation(self, chosen: ChosenRule, cost: BeforeAfter) -> None:
        """How decisions are made from now on, and what that gained and cost on test rows."""
        self.console.print()
        self._say("mitigation", f"{chosen.rule}; chosen on {chosen.rows} calibration rows")
        for note in chosen.notes:
            self._say("note", note, style="yellow")
        changes = [
            (f"{change.feature} {change.group}".strip() or "all rows", change.before, change.after, change.change)
            for change in (cost.overall, *cost.groups)
        ]
        lines = [*compare_accuracy(changes), *compare_findings(cost.before.findings, cost.after.findings)]
        self._say("on test", "before -> after, each with its interval; thresholds were chosen on other rows")
        for line in lines:
            self._say("", line)

    def end(self, run: RunFolder, results: Results, audit: GroupAudit, clock: Clock) -> None:
        """What is kept, how good it is, what the audit found, and where to look."""
        probe, finetuned = results.probe, results.finetuned
        self.console.print()
        choice = explain_choice(
            probe.figures[Split.VAL]["accuracy"], finetuned.figures[Split.VAL]["accuracy"] if finetuned else None
        )
        self._say("kept", choice)
        for position, line in enumerate(summarise_figures(results.kept.figures[Split.TEST])):
            self._say("on test" if not position else "", line)
        self._audit(audit)
        for file, meaning in (
            (run.report, "all of it on one page: open this first"),
            (run.card, "a model card to complete: what is to be written by you says so"),
            (run.model, "the model, with its temperature"),
            (run.metrics, "every figure with its interval"),
            (run.evidence, "every finding, and what to do next"),
            *([(run.mitigation, "the thresholds, what they gained and cost")] if results.rule else []),
            (run.predictions, "every held-out row"),
            (run.confusion, "what is taken for what"),
            (run.top_losses, "where it is most wrong: look at these"),
            *(
                [(run.explanations_page, "what it looks at, and which answers hang on what they should not")]
                if run.explanations_page.exists()
                else []
            ),
            *([(run.groups, "how each group fares")] if audit.tallies[Split.TEST] else []),
        ):
            self._say("look at" if file == run.report else "", f"{file}  {meaning}")
        seconds = clock.seconds()
        parts = ", ".join(f"{name} {spent:.0f}" for name, spent in seconds.items() if name != "total" and spent >= 0.5)
        self._say("time", f"{seconds['total']:.0f} s ({parts})")
        rule = results.rule
        new = "NEW_PICTURES/" if self.modality is Modality.IMAGE else "NEW.csv"
        given = f"NEW.csv --sensitive-column {rule.feature.name}" if rule and rule.feature else new
        self._say("next", f"fairlead predict {run.path} {given}")

    def bundle(self, bundle: Bundle | FairleadError, run: RunFolder) -> None:
        """Where what can be served lies, and how to serve it or what to mend first; or why there is none."""
        if isinstance(bundle, FairleadError):
            self._say("bundle", f"not written: {bundle}", style="yellow")
            return
        verdict = "its gate passes" if bundle.manifest.passes else "its gate blocks"
        self._say("bundle", f"{bundle.path}  answers raw files as the trained model does; {verdict}")
        self._say("to serve", next_step(bundle, run))

    def _findings(self, name: str, findings: Sequence[Finding]) -> None:
        for position, (finding, line) in enumerate(zip(findings, summarise_findings(findings), strict=True)):
            self._say(name if not position else "", line, "red" if finding.verdict is Verdict.FLAGGED else "")

    def _audit(self, audit: GroupAudit) -> None:
        findings = audit.ledger.on(Split.TEST)
        groups = [finding for finding in findings if finding.subject is None and not is_advisory(finding)]
        changed = [finding for finding in findings if finding.subject is not None and finding.feature is None]
        self._findings("audit", groups)
        if not groups:
            self._say("audit", "not tested: no sensitive feature was declared; name columns with --sensitive")
        self._findings("changed", changed)
        advisory = [finding for finding in findings if is_advisory(finding)]
        for finding in advisory:
            self._say("explained", finding.remedy, "yellow" if finding.verdict is Verdict.FAILED else "")
        unsettled = how_many_unsettled(findings)
        self._say("gate", explain_gate(audit.decision, unsettled), "" if audit.decision.passes else "yellow")
        if self._planted:
            self._say("why", EMBEDDED[self.modality].why(findings.findings))


def _size(preprocessing: ImagePreprocessing | TextPreprocessing) -> str:
    if isinstance(preprocessing, TextPreprocessing):
        return f"{preprocessing.max_tokens} tokens"
    height, width = preprocessing.size
    return f"{height} x {width}"
