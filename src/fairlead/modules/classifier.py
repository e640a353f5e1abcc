"""A classifier: a backbone, a head and a task, put together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn

from fairlead.backbones import Backbone, as_backbone
from fairlead.data import Batch, Rows
from fairlead.errors import ConfigurationError, LabelError
from fairlead.modules.adapters import AdapterSettings, adapt, merged, undecayed_adapters
from fairlead.modules.heads import HeadSettings
from fairlead.modules.kept_generators import KeptGenerators
from fairlead.modules.optimization import OptimizationSettings, parameter_groups, warmup_cosine
from fairlead.modules.outputs import Outputs, decide
from fairlead.modules.split_figures import SplitFigures
from fairlead.modules.tasks import TASKS, LossSettings, balanced_weights
from fairlead.records import DecisionRule, Labels, TaskKind


class Classifier(L.LightningModule):
    """Fine-tunes a pretrained backbone for binary or multiclass classification, in any Trainer.

    ``ImageClassifier`` and ``TextClassifier`` are what is used. Subclass one of them and override what you want to
    change; nothing else needs to be touched:

    * :meth:`build_head` -- what stands on the features;
    * :meth:`loss` -- what training minimises;
    * :meth:`parameter_groups` -- which parameters learn at which rate;
    * :meth:`transform` -- what happens to a training batch on the device (mixup, say).

    Args:
        labels: The C class names, in order.
        backbone: Anything ``load_backbone`` takes, a ``Backbone``, or what ``Backbone.describe`` returned.
        head: Linear or MLP.
        loss: Label smoothing and class weights.
        optimization: Optimizer, rates by depth, schedule.
        adapter: Adapters that learn in place of the backbone's weights; None for all weights.

    A subclass with arguments of its own passes the rest on and names them to ``self.save_hyperparameters("mine")``,
    so that a checkpoint brings them back.

    Raises:
        LabelError: fewer than two classes.

    Attributes:
        temperature: Scalar buffer by which logits are divided before the softmax; 1 until calibrated.
        decision: How probabilities become a decision; None for the most probable class. It is saved with the weights.
    """

    def __init__(
        self,
        labels: Sequence[str] | Labels,
        *,
        backbone: str | Mapping[str, Any] | Backbone,
        head: HeadSettings | None = None,
        loss: LossSettings | None = None,
        optimization: OptimizationSettings | None = None,
        adapter: AdapterSettings | Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.labels = Labels(tuple(labels))
        if len(self.labels) < 2:
            raise LabelError(f"a classifier tells at least two classes apart, got {list(self.labels)}; name another")
        self.backbone = as_backbone(backbone)
        self.head_settings = _settings(HeadSettings, head)
        self.loss_settings = _settings(LossSettings, loss)
        self.optimization = _settings(OptimizationSettings, optimization)
        self.head = self.build_head(self.backbone.features, len(self.labels))
        self.adapter = adapt(self.backbone, adapter)
        self.task = TASKS[TaskKind.of_classes(len(self.labels))](self.loss_settings)
        self.register_buffer("temperature", torch.ones(()))
        self.temperature: Tensor
        self.register_buffer("class_weights", torch.ones(len(self.labels)))
        self.class_weights: Tensor
        self.decision: DecisionRule | None = None
        self.figures = nn.ModuleDict({"val": SplitFigures(), "test": SplitFigures()})
        self._generators = KeptGenerators()
        # Primitives alone, so that a checkpoint loads with weights_only=True, and from it alone: the
        # architecture is described, never fetched again.
        self.save_hyperparameters(
            {
                "labels": list(self.labels),
                "backbone": self.backbone.describe(),
                "head": asdict(self.head_settings),
                "loss": asdict(self.loss_settings),
                "optimization": asdict(self.optimization),
                "adapter": self.adapter.to_dict() if self.adapter else None,
            }
        )

    @property
    def features_layer(self) -> nn.Module:
        """The layer that gives the (N, D) features which an exported graph answers with beside probabilities."""
        return self.backbone

    @property
    def preprocessing(self) -> Any:  # of the kind that the backbone's inputs need
        """What the backbone expects of its inputs; the data module reads it."""
        return self.backbone.preprocessing

    # -- what a subclass may override ------------------------------------------------------------------

    def build_head(self, features: int, classes: int) -> nn.Module:
        """Builds what maps (N, D) features to (N, C) logits."""
        head: nn.Module = self.head_settings.build(features, classes)
        return head

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the training loss of (N, C) logits and (N,) class codes, a scalar."""
        weights = self.class_weights if self.loss_settings.class_weights else None
        return self.task.loss(logits, target, weights)

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Returns the optimizer's groups: every parameter once, rates by depth."""
        depths = {
            layer: [f"backbone.{name}" for name in names] for layer, names in self.backbone.parameter_groups().items()
        }
        exempt = self.backbone.undecayed() | undecayed_adapters(self.backbone)
        undecayed = {f"backbone.{name}" for name in exempt}
        return parameter_groups(self, depths, undecayed, self.optimization)

    def transform(self, batch: Batch) -> Batch:
        """Changes a training batch on the device; the default leaves it as it is."""
        return batch

    # -- what it answers -------------------------------------------------------------------------------

    def forward(self, inputs: Tensor) -> Tensor:
        """Maps N inputs as a batch holds them to (N, C) logits, before the temperature."""
        logits: Tensor = self.head(self.backbone(inputs))
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Maps (N, C) logits to (N, C) probabilities, with the temperature."""
        return self.task.probabilities(logits / self.temperature)

    def calibrate(self, temperature: float) -> None:
        """Sets the temperature; it is saved with the weights and used in every figure from now on.

        Raises:
            ConfigurationError: another temperature than the one at which the decision rule was chosen.
        """
        if self.decision is not None and not math.isclose(float(self.temperature), temperature, rel_tol=1e-5):
            raise ConfigurationError(
                f"the thresholds of this model were chosen at the temperature {float(self.temperature):.4f} and mean "
                f"nothing at {temperature:.4f}; leave the calibration out, or call decide_by(None) first"
            )
        self.temperature.fill_(temperature)

    def decide_by(self, rule: DecisionRule | None) -> None:
        """Sets the decision rule; it is saved with the weights and obeyed in every figure from now on.

        Raises:
            ConfigurationError: a rule for a model of more than two classes.
        """
        if rule is not None and len(self.labels) != 2:
            raise ConfigurationError(
                f"thresholds decide between two classes, and this model tells {len(self.labels)} apart; "
                "leave the rule out, or train on two classes"
            )
        self.decision = rule

    def merge_adapters(self) -> None:
        """Takes the adapters into the weights, in place: what is saved or exported from now on is a plain model."""
        if self.adapter is not None:
            self.backbone.encoder, self.backbone.frozen_layers = merged(self.backbone.encoder), frozenset()
            self.adapter = self.hparams["adapter"] = None

    def restore(self, checkpoint: str | Path) -> None:
        """Takes the weights, the temperature and the decision rule of a checkpoint of this same model."""
        content = torch.load(checkpoint, map_location=self.device, weights_only=True)
        self.load_state_dict(content["state_dict"])
        self.decide_by(_rule(content))

    # -- Lightning's hooks -----------------------------------------------------------------------------

    def setup(self, stage: str) -> None:
        """Reads class counts where the loss weighs classes."""
        if stage == "fit" and self.loss_settings.class_weights == "auto":
            if self._rows is None:
                raise ConfigurationError(
                    'class_weights="auto" counts the rows of a data module such as ImageDataModule; give one to fit(), '
                    "or leave it out and override loss() with weights of your own"
                )
            self.class_weights.copy_(balanced_weights(torch.from_numpy(self._rows.class_counts())))

    def on_train_start(self) -> None:
        """Forgets temperature and rule, for the weights will change; what is frozen holds still."""
        self.decide_by(None)
        self.calibrate(1.0)
        self.backbone.hold_still(True)
        if self.trainer.ckpt_path is not None:
            self._generators.resume(self.device)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keeps the decision rule, and what dropout draws from."""
        if self.decision is not None:
            checkpoint["decision"] = self.decision.to_dict()
        self._generators.save(checkpoint, self.device)

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the rule, and remembers the generators."""
        self.decide_by(_rule(checkpoint))
        self._generators.load(checkpoint)

    def on_train_end(self) -> None:
        """Lets go what was held."""
        self.backbone.hold_still(False)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Returns the loss of a batch."""
        del batch_idx
        batch = self.transform(batch)
        loss = self.loss(self(batch.inputs), batch.target)
        self.log("train_loss", loss, prog_bar=True, batch_size=len(batch))
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Counts loss and accuracy; each row once, over any number of processes."""
        del batch_idx
        return self._held_out("val", batch, prog_bar=True)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Counts loss and accuracy; the outputs are there for audits."""
        del batch_idx
        return self._held_out("test", batch)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int = 0) -> Outputs:
        """Returns what becomes Predictions."""
        del batch_idx, dataloader_idx
        logits = self(batch.inputs).float()
        probabilities = self.probabilities(logits)
        declared = () if self._rows is None else self._rows.sensitive
        decided = decide(self.decision, probabilities, batch.groups, batch.index, declared)
        return Outputs(logits, probabilities, batch.target, batch.groups, batch.index, decided)

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """Builds the optimizer once with every group in it, and a warm-up cosine schedule by step."""
        optimizer = self.optimization.build(self.parameter_groups(), mixed="mixed" in str(self.trainer.precision))
        steps = self.trainer.estimated_stepping_batches
        if not 0 <= steps < math.inf:
            raise ConfigurationError(
                "the rates follow a cosine to the last step; give the Trainer max_epochs or max_steps"
            )
        schedule = warmup_cosine(optimizer, max(1, int(steps)), self.optimization.warmup)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def _rows(self) -> Rows | None:
        """The rows of the data module, where the trainer has one of ours."""
        rows = getattr(getattr(self._trainer, "datamodule", None), "rows", None)
        return rows if isinstance(rows, Rows) else None

    def _held_out(self, split: str, batch: Batch, *, prog_bar: bool = False) -> dict[str, Tensor]:
        outputs, figures = self.predict_step(batch, 0), cast("SplitFigures", self.figures[split])
        figures.update(outputs, self.temperature)
        self.log(f"{split}_loss", figures.loss, prog_bar=prog_bar, batch_size=len(batch))
        self.log(f"{split}_accuracy", figures.accuracy, prog_bar=prog_bar, batch_size=len(batch))
        return vars(outputs)


def _rule(checkpoint: Mapping[str, Any]) -> DecisionRule | None:
    found = checkpoint.get("decision")
    return None if found is None else DecisionRule.from_dict(found)


def _settings(kind: type[Any], given: Any) -> Any:  # one of three dataclasses, or its primitives
    """Takes a settings object, its primitives as a checkpoint holds them, or None for the defaults."""
    return kind(**given) if isinstance(given, Mapping) else given or kind()
