"""The fairness audit as a callback of any Trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L

from fairlead.audits.counted_rows import CountedRows
from fairlead.audits.evaluated_split import VERBS, check_one_loader, splits_of
from fairlead.audits.group_audit import GroupAudit
from fairlead.audits.step_outputs import Adapter, NotANumberError, as_is, read_step
from fairlead.data import Rows
from fairlead.errors import ConfigurationError
from fairlead.evidence import Finding, Ledger, Verdict
from fairlead.judgement import Figure, GateDecision, Policy, ReleaseGate
from fairlead.measures import GroupTally
from fairlead.records import Labels, SensitiveFeature, Split

_WORST = 1.0  # of a figure that is a share; all of a classifier's are


class FairnessAudit(L.Callback):
    """Judges validation and test rows by the groups of sensitive features, in any Trainer, with any module.

    It reads what ``validation_step`` and ``test_step`` return and nothing else: weights, gradients, buffers, modes and
    generators are as without it. Each row counts once, by its index, whatever a sampler repeats; the processes of a
    distributed run share their rows, so that each reaches the same verdicts. Sanity checks are not judged.

    Every figure is logged under ``<split>_<figure>_<feature>``, e.g. ``val_true_positive_rate_difference_tone`` (blanks
    become underscores), for ``EarlyStopping`` and ``ModelCheckpoint`` to watch. It is never NaN, which both would
    obey: the value where it is measured, the interval's upper end where a verdict is *insufficient*, 1 where there is
    no estimate. A figure that does not apply is not logged.

    ``<split>_accuracy_within_limits`` is the accuracy where every logged figure is within its limit, and the accuracy
    less 1 where any is not. Monitored with ``mode="max"`` it picks the best of the epochs that are within, and if none
    is, the best of all. What is too small to tell counts as not within; with too few validation rows, then, it picks by
    accuracy alone. It is a way to choose and no evidence: verdicts are given on rows that chose nothing.

    Args:
        sensitive: Names of declared features; None for all. For data that are not an ``ImageDataModule``'s, the
            ``SensitiveFeature`` of each column of ``groups``.
        limits: A limit for each figure by its name, as in a policy file; or
        policy: The whole policy. Without either, the default policy.
        intersections: Names of features to be crossed.
        on: ``"validate"``, ``"test"`` or both.
        outputs: For a module of your own: from (step output, batch) to a mapping of tensors ``probabilities`` (N, C),
            or (N,) of the second of two classes, ``target`` (N,), ``groups`` (N, S) and ``index`` (N,); where rows
            belong together, ``clusters`` (N,) too, integer codes: a patient's photos then count as one source; and
            ``decided`` (N,) class codes, where the answer is not the most probable class.
        labels: The C classes, where neither module nor data have ``labels``.

    Raises:
        ConfigurationError: a policy and limits at once, or a name that is not known.

    Attributes:
        policy: What is accepted.

    Examples:
        >>> audit = FairnessAudit(limits={"true_positive_rate_difference": 0.1}, intersections=[("sex", "age_group")])
        >>> len(audit.ledger), audit.policy.limits["true_positive_rate_difference"].most
        (0, 0.1)
    """

    def __init__(
        self,
        sensitive: str | Sequence[str] | Sequence[SensitiveFeature] | None = None,
        *,
        limits: Mapping[str, Any] | None = None,
        policy: Policy | None = None,
        intersections: Sequence[Sequence[str]] = (),
        on: Sequence[str] = VERBS,
        outputs: Adapter | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if limits is not None and policy is not None:
            raise ConfigurationError("a policy holds the limits already; give FairnessAudit limits or a policy")
        self.policy = policy or (Policy.default() if limits is None else Policy.from_mapping({"limits": limits}))
        self.sensitive = (sensitive,) if isinstance(sensitive, str) else sensitive
        self.intersections = tuple(tuple(names) for names in intersections)
        self.splits = splits_of(on, "FairnessAudit(on=...)")
        self.outputs = outputs or as_is
        self.labels = None if labels is None else Labels(tuple(labels))
        self._features: tuple[SensitiveFeature, ...] = ()
        self._rows: CountedRows | None = None
        self._found: dict[Split, tuple[Ledger, tuple[GroupTally, ...]]] = {}

    @property
    def ledger(self) -> Ledger:
        """The findings of the last validation and of the last test."""
        return Ledger(tuple(finding for ledger, _ in self._found.values() for finding in ledger))

    @property
    def tallies(self) -> dict[Split, tuple[GroupTally, ...]]:
        """What they were read off, one for each feature and intersection."""
        return {split: tallies for split, (_, tallies) in self._found.items()}

    @property
    def decision(self) -> GateDecision:
        """What the release gate says to the findings of the last test."""
        return ReleaseGate.of(self.policy).decide(self.ledger)

    # -- Lightning's hooks -----------------------------------------------------------------------------

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Finds classes and features, so that a name that is not known shows before the first step."""
        if stage == "predict":
            return
        rows = getattr(getattr(trainer, "datamodule", None), "rows", None)
        rows = rows if isinstance(rows, Rows) else None
        labels = self.labels or getattr(pl_module, "labels", None) or (rows.labels if rows else None)
        if labels is None:
            raise ConfigurationError(f"{type(pl_module).__name__} has no labels; give FairnessAudit(labels=[...])")
        names, self._features = self._asked(rows.sensitive if rows else ())
        self._rows = CountedRows(
            Labels(tuple(labels)), self._features, [*((name,) for name in names), *self.intersections]
        )
        keys = [_key(Split.VAL, "", by.feature) for by in self._rows.by]
        if len(set(keys)) < len(keys):
            raise ConfigurationError(
                f"two of {', '.join(by.feature for by in self._rows.by)} would be logged under one name; rename one, "
                "or name it once"
            )

    def _asked(self, declared: tuple[SensitiveFeature, ...]) -> tuple[list[str], tuple[SensitiveFeature, ...]]:
        given = tuple(feature for feature in self.sensitive or () if isinstance(feature, SensitiveFeature))
        declared = given or declared
        if not declared:
            raise ConfigurationError(
                "no sensitive feature is declared: name the columns in Columns(sensitive=...), or give "
                'FairnessAudit(sensitive=[SensitiveFeature("sex", ("f", "m"))])'
            )
        if given or self.sensitive is None:
            return [feature.name for feature in declared], declared
        return [str(name) for name in self.sensitive], declared

    def on_validation_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts from nothing."""
        del pl_module
        self._start(Split.VAL, trainer.num_sanity_val_batches if trainer.sanity_checking else trainer.num_val_batches)

    def on_validation_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts a batch."""
        del trainer, pl_module, batch_idx, dataloader_idx
        self._count(Split.VAL, outputs, batch)

    def on_validation_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judges, and logs each figure."""
        self._finish(Split.VAL, trainer, pl_module)

    def on_test_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Starts from nothing."""
        del pl_module
        self._start(Split.TEST, trainer.num_test_batches)

    def on_test_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Counts a batch."""
        del trainer, pl_module, batch_idx, dataloader_idx
        self._count(Split.TEST, outputs, batch)

    def on_test_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Judges, and logs each figure."""
        self._finish(Split.TEST, trainer, pl_module)

    # -- one evaluation --------------------------------------------------------------------------------

    def _start(self, split: Split, loaders: Sequence[int | float]) -> None:
        if self._rows is None or split not in self.splits:
            return
        check_one_loader(loaders, split, "FairnessAudit")
        self._rows.clear()

    def _count(self, split: Split, output: Any, batch: Any) -> None:
        if self._rows is None or split not in self.splits:
            return
        try:
            self._rows.add(read_step(self.outputs(output, batch), self._rows.labels, self._features))
        except NotANumberError as error:
            self._rows.fail(str(error))

    def _finish(self, split: Split, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        rows = self._rows
        if rows is None or split not in self.splits or trainer.sanity_checking:
            return
        rows.gather()
        tallies = rows.tallies()
        if rows.failure:
            ledger = _failed(self.policy, tallies, split, rows.failure)
        else:
            ledger = GroupAudit.counted({split: tallies}, self.policy).ledger
        self._found[split] = (ledger, tallies)
        values = logged_values(ledger, tallies[0])
        # The processes agree already; "max" of equals is exact, a mean of equals need not be.
        pl_module.log_dict(values, sync_dist=trainer.world_size > 1, reduce_fx="max", add_dataloader_idx=False)
        rows.clear()


def logged_values(ledger: Ledger, tally: GroupTally) -> dict[str, float]:
    """Returns what the audit logs for the findings of one split: finite numbers under stable keys.

    Args:
        ledger: Findings of one split.
        tally: Any tally of its rows, for their accuracy.

    Examples:
        >>> import numpy as np
        >>> from fairlead.measures import FeatureGroups
        >>> ones = np.ones(300, dtype=np.int64)
        >>> by, labels = FeatureGroups("sex", ("f", "m")), Labels(("no", "yes"))
        >>> tally = GroupTally.count(by, labels, np.arange(300) % 2, ones, ones)
        >>> policy = Policy.from_mapping({"limits": {"true_positive_rate_difference": 0.1}})
        >>> logged_values(GroupAudit.counted({Split.VAL: (tally,)}, policy).ledger, tally)
        {'val_true_positive_rate_difference_sex': 0.0, 'val_accuracy_within_limits': 1.0}
    """
    values, within, failed, split = {}, True, False, Split.VAL
    for finding in ledger:
        split, failed = Split(finding.split), failed or finding.verdict is Verdict.FAILED
        if finding.verdict is Verdict.NOT_APPLICABLE:
            continue
        value = _WORST
        if finding.estimate is not None:
            told = finding.estimate.high if finding.verdict is Verdict.INSUFFICIENT else finding.estimate.value
            value = float(told)
        values[_key(split, finding.figure, finding.feature or "")] = value
        within = within and finding.limit is not None and value <= finding.limit.most
    known = tally.counts[:, :-1].sum(axis=0)
    accuracy = float(known.trace() / max(1, known.sum())) if not failed else 0.0
    values[f"{split.value}_accuracy_within_limits"] = accuracy if within else accuracy - 1
    return values


def _failed(policy: Policy, tallies: Sequence[GroupTally], split: Split, reason: str) -> Ledger:
    remedy = f"Not judged: {reason}."
    return Ledger(
        tuple(
            Finding(
                Figure.named(name).code,
                name,
                split.value,
                Verdict.FAILED,
                feature=tally.by.feature,
                limit=limit,
                remedy=remedy,
            )
            for tally in tallies
            for name, limit in policy.limits.items()
        )
    )


def _key(split: Split, figure: str, feature: str) -> str:
    return f"{split.value}_{figure}_{'_'.join(feature.split())}"
