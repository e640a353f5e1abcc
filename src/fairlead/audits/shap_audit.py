"""The SHAP audit as a callback of any Trainer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import lightning as L
import torch
from lightning.pytorch.strategies import DeepSpeedStrategy, FSDPStrategy, ModelParallelStrategy

from fairlead.audits.evaluated_split import check_one_loader, splits_of
from fairlead.audits.explained_files import keep_explanations
from fairlead.audits.explained_summary import unreliable_finding
from fairlead.audits.explaining import explain_rows
from fairlead.audits.interventions import Interventions
from fairlead.audits.module_reading import ModuleReading
from fairlead.audits.probe_set import ProbeSet
from fairlead.audits.regions import Border
from fairlead.audits.shap_settings import ShapSettings
from fairlead.audits.time_budget import TimeBudget
from fairlead.audits.waiting import progress
from fairlead.data import RegionOf
from fairlead.errors import AttributionError, ConfigurationError, FairleadError
from fairlead.evidence import Ledger, Verdict
from fairlead.judgement import Policy
from fairlead.records import ExplainedRow, Flip, SensitiveFeature, Split


@dataclass(frozen=True, eq=False)
class Explanations:
    """What was explained of one split.

    Attributes:
        rows: Of the probe set, by their numbers.
        failure: Why there are none; empty where there are.
        stopped: Why values are rougher than was asked for; empty where they are not.
        seconds: What it took.
    """

    rows: tuple[ExplainedRow, ...] = ()
    failure: str = ""
    stopped: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, eq=False)
class Shown:
    """All that the audit says of one split.

    Attributes:
        explanations: Of the probe set.
        ledger: Findings on interventions, and one on how many explanations are reliable.
        flips: By what was masked or swapped, the rows whose answer changed most.
    """

    explanations: Explanations
    ledger: Ledger
    flips: Mapping[str, tuple[Flip, ...]] = field(default_factory=dict)


class ShapAudit(L.Callback):
    """Shows what a model looks at, and tests whether its answers hang on what they should not, in any Trainer.

    **Explanations.** A probe set, chosen by lot of the rows' numbers and so the same in every epoch and over any number
    of processes, is explained by expected gradients: what in a picture or a text speaks for the answer and what against
    it. Each explanation carries a certificate; one that fails it is listed and not drawn. Explanations never decide
    over a release.

    **Interventions.** Each declared region is masked in every picture that has it, each declared term swapped in every
    text that has it, and the answers are compared with those before, row by row, over all rows and by group. That needs
    forward passes alone, takes every row whatever the budget, and is held against limits, which a release gate obeys.

    It has no side effect: the module is explained in a copy, and weights, gradients, buffers, modes, hooks and
    generators are as without it. What fails becomes a finding with its reason, and the run goes on.

    Args:
        rows: How many are explained, as many of each class; 0 for none.
        budget: Seconds for the explanations of one evaluation; or a share such as ``"10%"`` of the time since the run
            began, 10 s at least, for all of them together.
        sensitive: Names of declared features, by whose groups interventions are judged; None for all. For data that are
            not a ``RowsDataModule``'s, the ``SensitiveFeature`` of each column of ``groups``.
        regions: By name, what should not matter in a picture: from a row's number to a (H, W) mask in the coordinates
            of the original picture, or ``border()``. None for those that the data declare.
        terms: Lists of terms that may stand for each other, e.g. ``[["he", "she"], ["his", "her"]]``; None likewise.
        limits: By figure, as ``interventions`` in a policy file; or the whole policy. None for the default policy.
            Without any limit, nothing is masked or swapped.
        settings: All else.

    Raises:
        ConfigurationError: a budget that is none, or rows below 0.

    Attributes:
        found: By split, what the last evaluation showed.

    Examples:
        >>> audit = ShapAudit(rows=8, budget="10%", terms=[["he", "she"]], limits={"answer_change_rate": 0.05})
        >>> audit.policy.interventions["answer_change_rate"].most, len(audit.ledger)
        (0.05, 0)
    """

    def __init__(
        self,
        rows: int = 8,
        *,
        budget: float | str = "10%",
        sensitive: str | Sequence[str] | Sequence[SensitiveFeature] | None = None,
        regions: Mapping[str, RegionOf | Border] | None = None,
        terms: Sequence[Sequence[str]] | None = None,
        limits: Mapping[str, Any] | Policy | None = None,
        settings: ShapSettings | None = None,
    ) -> None:
        if rows < 0:
            raise ConfigurationError(f"rows is {rows}; give how many are explained, or 0 for interventions alone")
        self.settings = settings or ShapSettings()
        self.budget = TimeBudget(budget)
        self.policy = limits if isinstance(limits, Policy) else _policy(limits)
        self.splits = splits_of(self.settings.on, "ShapSettings(on=...)")
        self.found: dict[Split, Shown] = {}
        self._rows = rows
        self._reading = ModuleReading(sensitive, regions, terms, self.settings)
        self._probe = ProbeSet(rows, self.settings.background, self.settings.seed)
        self._interventions: Interventions | None = None

    @property
    def ledger(self) -> Ledger:
        """The findings of the last validation and of the last test."""
        return Ledger(tuple(finding for shown in self.found.values() for finding in shown.ledger))

    # -- Lightning's hooks -----------------------------------------------------------------------------

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Finds classes, features and masks, so that a name that is not known shows before the first step."""
        if stage == "predict":
            return
        if isinstance(trainer.strategy, FSDPStrategy | ModelParallelStrategy | DeepSpeedStrategy):
            raise ConfigurationError(
                f"{type(trainer.strategy).__name__} shares the weights among processes, and ShapAudit runs the module "
                "in each by itself; leave the audit out, and test the saved model with it in a Trainer(devices=1)"
            )
        self.budget.begin()
        self._reading.setup(trainer, pl_module)
        self._interventions = self._reading.interventions() if self.policy.interventions else None

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts from nothing."""
        del pl_module
        self._start(Split.VAL, trainer, trainer.num_val_batches)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Looks at a batch."""
        del batch_idx, dataloader_idx
        self._look(Split.VAL, trainer, pl_module, outputs, batch)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Explains and judges."""
        self._finish(Split.VAL, trainer, pl_module)

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts from nothing."""
        del pl_module
        self._start(Split.TEST, trainer, trainer.num_test_batches)

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Looks at a batch."""
        del batch_idx, dataloader_idx
        self._look(Split.TEST, trainer, pl_module, outputs, batch)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Explains and judges."""
        self._finish(Split.TEST, trainer, pl_module)

    # -- one evaluation --------------------------------------------------------------------------------

    def _wanted(self, split: Split, trainer: L.Trainer) -> bool:
        epochs = self.settings.epochs
        chosen = split is Split.TEST or epochs is None or trainer.current_epoch in epochs
        return split in self.splits and chosen and not trainer.sanity_checking

    def _start(self, split: Split, trainer: L.Trainer, loaders: Sequence[int | float]) -> None:
        if not self._wanted(split, trainer):
            return
        check_one_loader(loaders, split, "ShapAudit")
        self._probe.clear()
        if self._interventions is not None:
            self._interventions.clear()

    def _look(self, split: Split, trainer: L.Trainer, module: L.LightningModule, output: Any, batch: Any) -> None:
        if not self._wanted(split, trainer):
            return
        inputs, columns = self._reading.columns(output, batch)
        if self._rows:
            self._probe.add(columns["index"], inputs, columns["target"], columns["answer"], columns["groups"])
        if self._interventions is None:
            return
        try:
            with trainer.precision_plugin.forward_context():
                answer = self._reading.answer(module, columns)
                self._interventions.add(inputs, columns["index"], columns["groups"], columns["target"], answer)
        except Exception as error:  # of whatever a region's function raises, too: the run is not the audit's to stop
            self._interventions.fail(_told(error))

    def _finish(self, split: Split, trainer: L.Trainer, module: L.LightningModule) -> None:
        if not self._wanted(split, trainer):
            return
        explanations = self._explain(split, trainer, module) if self._rows else Explanations()
        ledger = Ledger()
        if self._rows:
            ledger = unreliable_finding(explanations.rows, explanations.failure, split, explanations.stopped)
        flips: Mapping[str, tuple[Flip, ...]] = {}
        if self._interventions is not None:
            self._interventions.gather()
            judged = self._interventions.ledger(self.policy, split)
            ledger, flips = ledger.add(*judged), self._reading.named(self._interventions.flips())
        self.found[split] = Shown(explanations, ledger, flips)
        if self.settings.output is not None and trainer.is_global_zero:
            keep_explanations(self.settings.output, self.found[split], split, self._reading.known().sensitive)
        self._probe.clear()
        failed = ledger.with_verdict([Verdict.FAILED]).findings
        if failed and self.settings.stop_on_failure:  # in every process, for each knows of it
            raise AttributionError(failed[0].remedy)

    def _explain(self, split: Split, trainer: L.Trainer, module: L.LightningModule) -> Explanations:
        """Explains the probe set: each process its part of it, and all know the whole."""
        self._probe.gather()
        begun, seconds = time.monotonic(), self.budget.seconds()
        until = begun + seconds
        rows = self._probe.rows[trainer.global_rank :: trainer.world_size] if seconds else []
        found, stopped, failure = list[ExplainedRow](), "" if seconds else "earlier audits have spent the time", ""
        try:
            with progress(f"explaining {split.value} rows", len(rows), trainer) as done:
                if rows:
                    found, stopped = explain_rows(
                        module,
                        rows,
                        self._probe.background,
                        self._reading.known(),
                        self.settings,
                        until=until,
                        done=done,
                    )
        except Exception as error:  # a module that cannot be explained, memory that is spent: a finding says so
            failure = _told(error)
        seconds = time.monotonic() - begun
        self.budget.spend(seconds)
        parts = _gathered((found, stopped, failure))
        everything = sorted((row for part, _, _ in parts for row in part), key=lambda row: row.index)
        failure = min((reason for _, _, reason in parts if reason), default="")
        stopped = max(reason for _, reason, _ in parts)
        return Explanations(() if failure else tuple(everything), failure, stopped, seconds)


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, FairleadError) else f"{type(error).__name__}: {error}"


def _gathered(own: tuple[list[ExplainedRow], str, str]) -> list[tuple[list[ExplainedRow], str, str]]:
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return [own]
    found: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(found, own)
    return found


def _policy(limits: Mapping[str, Any] | None) -> Policy:
    usual = Policy.default()
    if limits is None:
        return usual
    return Policy.from_mapping({**usual.to_mapping(), "interventions": dict(limits)}, "ShapAudit(limits=...)")
