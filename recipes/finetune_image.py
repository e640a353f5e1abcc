"""Fine-tune a pretrained image backbone on a small dataset, and measure it honestly.

    python -m recipes.finetune_image                                    # embedded synthetic lesions, offline
    python -m recipes.finetune_image --data photos/                     # a folder of class folders
    python -m recipes.finetune_image --data photos.csv --label diagnosis --sensitive sex age_group
    python -m recipes.finetune_image --data photos.csv --sensitive sex --policy policy.yaml --strict

A linear probe on the frozen backbone comes first; fine-tuning starts from its head, and is kept only if it
beats the probe on validation. The temperature is fitted on calibration rows; the figures are of test rows, which
had no say in anything, and so are the verdicts of the audit by --sensitive groups. The run folder holds it all, and in
bundle/ what can be served, with the gate's verdict inside.
"""

from recipes import STARTED  # isort: skip  # first: it starts the clock

import sys
from collections.abc import Sequence

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger

from fairlead.audits import HeldOut, Results, evaluate, keep_run, write_environment
from fairlead.backbones import Backbone, load_backbone
from fairlead.bundle import Bundle
from fairlead.cli.boundary import clearly
from fairlead.cli.clock import Clock
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.fresh_run import removed_on_failure
from fairlead.cli.quiet import quieten_lightning
from fairlead.cli.story import Story
from fairlead.data import Augmentation, Columns, ImageDataModule, Loading, SplitPlan
from fairlead.data.synthetic import LesionWorld, SplitSizes
from fairlead.errors import BackboneError, FairleadError
from fairlead.export import export_run
from fairlead.modules import ImageClassifier, OptimizationSettings
from fairlead.records import RunFolder
from fairlead.tuning import LinearProbe

DEFAULT_BACKBONE = "resnet18.a1_in1k"
QUICK_ROWS = 240


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from raw photos to a measured model; returns the exit code."""
    options = FinetuneOptions.parse(arguments, program="python -m recipes.finetune_image", description=__doc__ or "")
    clock, story, policy = Clock(STARTED), Story(), options.limits()
    quieten_lightning()
    L.seed_everything(options.seed, workers=True, verbose=False)

    run = RunFolder.create(options.output)
    with removed_on_failure(run):
        with clock.stage("data"):
            data = choose_data(options)
            story.data(data.rows, synthetic=options.data is None)
            backbone = choose_backbone(options, story)
            options.write(run.config)
            write_environment(run, options.seed, backbone)
            story.run(run)
        module = ImageClassifier(data.labels, backbone=backbone, optimization=choose_rates(options, backbone))
        with clock.stage("probe"):
            probe = LinearProbe(seed=options.seed)
            trainer = new_trainer(run, epochs=0, callbacks=[probe, RichProgressBar()])
            trainer.fit(module, data)
            results = Results(HeldOut.of(probe.outputs, data.rows))
            trainer.save_checkpoint(run.probe, weights_only=True)
        audit = keep_run(run, data.rows, results, clock.seconds, model=run.probe, policy=policy)
    story.probe(results)

    if options.epochs:
        with clock.stage("finetune"):
            best = ModelCheckpoint(run.checkpoints, "best", monitor="val_loss")
            last = ModelCheckpoint(run.checkpoints, "last", enable_version_counter=False)
            stop = EarlyStopping("val_loss", patience=3)
            epochs = 1 if options.quick else options.epochs
            trainer = new_trainer(run, epochs=epochs, callbacks=[best, last, stop, RichProgressBar(leave=True)])
            trainer.fit(module, data)
        with clock.stage("test"):
            module.restore(best.best_model_path)
            results = Results(results.probe, evaluate(trainer, module, data))
            trainer.save_checkpoint(run.finetuned, weights_only=True)
        kept = run.finetuned if results.won == "finetuned" else run.probe
        audit = keep_run(run, data.rows, results, clock.seconds, model=kept, policy=policy)
    bundle = bundle_up(run, data, clock)
    story.end(run, results, audit, clock)
    story.bundle(bundle)
    return 1 if options.strict and not audit.decision.passes else 0


def bundle_up(run: RunFolder, data: ImageDataModule, clock: Clock) -> Bundle | FairleadError:
    """What will be served, with the gate's verdict inside; a model that cannot be exported is no lost run."""
    try:
        with clock.stage("export"):
            return export_run(run, data.rows)
    except FairleadError as error:
        return error


def choose_data(options: FinetuneOptions) -> ImageDataModule:
    """The user's pictures, or the embedded synthetic ones."""
    world = LesionWorld(
        rows=SplitSizes(160, 40, 40, 120) if options.quick else SplitSizes(),
        size=options.image_size or 64,
        seed=options.seed,
    )
    return ImageDataModule(
        options.data or world,
        columns=Columns(options.image_column, options.label, options.sensitive),
        splits=SplitPlan(seed=options.seed, most=QUICK_ROWS if options.quick and options.data else None),
        augmentation=Augmentation() if options.data else Augmentation(scale=0.8, vertical_flip=0.5, jitter=0.1),
        loading=Loading(batch_size=options.batch_size),
        seed=options.seed,
    )


def choose_backbone(options: FinetuneOptions, story: Story) -> Backbone:
    """What the user named, or the default; random weights only where nothing was named and nothing can be had."""
    size = options.image_size or (None if options.data else 64)
    if options.backbone:
        return story.backbone(load_backbone(options.backbone, image_size=size))
    try:
        return story.backbone(load_backbone(DEFAULT_BACKBONE, image_size=size))
    except BackboneError as error:
        story.random_weights(error)
        return story.backbone(load_backbone("random:resnet18", image_size=size))


def choose_rates(options: FinetuneOptions, backbone: Backbone) -> OptimizationSettings:
    """Small steps, smaller towards the input, for pretrained weights; random ones must move."""
    if backbone.pretrained:
        return OptimizationSettings(learning_rate=options.learning_rate or 5e-5)
    return OptimizationSettings(learning_rate=options.learning_rate or 1e-3, layer_decay=1.0)


def new_trainer(run: RunFolder, *, epochs: int, callbacks: list[L.Callback]) -> L.Trainer:
    """Lightning's own Trainer on one device."""
    logger = CSVLogger(run.path, name="", version="log") if epochs else False
    return L.Trainer(max_epochs=epochs, callbacks=callbacks, logger=logger, devices=1, enable_model_summary=False)


if __name__ == "__main__":
    sys.exit(main())
