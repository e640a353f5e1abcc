"""Fine-tune a pretrained image backbone on a small dataset, and measure it honestly.

    python -m recipes.finetune_image                                    # embedded synthetic lesions, offline
    python -m recipes.finetune_image --data photos/                     # a folder of class folders
    python -m recipes.finetune_image --data photos.csv --label diagnosis --sensitive sex age_group
    python -m recipes.finetune_image --data photos.csv --sensitive sex --policy policy.yaml --strict
    python -m recipes.finetune_image --data photos.csv --sensitive sex --mitigate thresholds

A linear probe on the frozen backbone comes first; fine-tuning starts from its head, and is kept only if it
beats the probe on validation. The temperature is fitted on calibration rows; the figures are of test rows, which
had no say in anything, and so are the verdicts of the audit by --sensitive groups. The run folder holds it all, and in
bundle/ what can be served, with the gate's verdict inside.
"""

from recipes import STARTED  # isort: skip  # first: it starts the clock

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger

from fairlead.audits import BeforeAfter, HeldOut, Results, evaluate, group_sets, keep_run, write_environment
from fairlead.backbones import Backbone, check_weights, load_backbone
from fairlead.cli.boundary import clearly
from fairlead.cli.bundle_story import bundle_up
from fairlead.cli.clock import Clock
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.fresh_run import removed_on_failure
from fairlead.cli.quiet import quieten_lightning
from fairlead.cli.run_data import run_data
from fairlead.cli.story import Story
from fairlead.data import ImageDataModule
from fairlead.errors import BackboneError
from fairlead.judgement import Policy
from fairlead.modules import ImageClassifier, OptimizationSettings
from fairlead.records import RunFolder, Split
from fairlead.tuning import ChosenRule, LinearProbe, check_method

DEFAULT_BACKBONE = "resnet18.a1_in1k"


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs from raw photos to a measured model; returns the exit code."""
    options = FinetuneOptions.parse(arguments, program="python -m recipes.finetune_image", description=__doc__ or "")
    clock, story, policy = Clock(STARTED), Story(), options.limits()
    check_weights(options.backbone or DEFAULT_BACKBONE)  # a name that is misspelt is answered before data are read
    quieten_lightning()
    L.seed_everything(options.seed, workers=True, verbose=False)

    run = RunFolder.create(options.output)
    with removed_on_failure(run):
        with clock.stage("data"):
            data = run_data(options)
            refuse_early(options, data, policy)
            story.data(data.rows, synthetic=options.data is None)
            backbone = choose_backbone(options, story)
            options.write(run.config)
            write_environment(run, options.seed, backbone)
            story.run(run)
        keep = partial(keep_run, run, data.rows, clock.seconds, policy=policy, intersections=options.intersect)
        module = ImageClassifier(data.labels, backbone=backbone, optimization=choose_rates(options, backbone))
        with clock.stage("probe"):
            probe = LinearProbe(seed=options.seed)
            trainer = new_trainer(run, epochs=0, callbacks=[probe, RichProgressBar()])
            trainer.fit(module, data)
            results = Results(HeldOut.of(probe.outputs, data.rows))
            trainer.save_checkpoint(run.probe, weights_only=True)
        audit = keep(results, model=run.probe)
    story.probe(results)

    if options.epochs:
        with clock.stage("finetune"):
            trainer = finetune(options, run, module, data)
        with clock.stage("test"):
            results = Results(results.probe, evaluate(trainer, module, data))
            trainer.save_checkpoint(run.finetuned, weights_only=True)
        audit = keep(results, model=run.finetuned if results.won == "finetuned" else run.probe)
    if options.mitigate != "none":
        with clock.stage("test"):
            results = mitigate(options, run, module, trainer, results=results, story=story)
        audit = keep(results, model=run.mitigated)
    bundle = bundle_up(run, data.rows, clock)
    story.end(run, results, audit, clock)
    story.bundle(bundle, run)
    return 1 if options.strict and not audit.decision.passes else 0


def refuse_early(options: FinetuneOptions, data: ImageDataModule, policy: Policy) -> None:
    """What could not be audited or mitigated in the end is refused before training."""
    group_sets(data.rows.sensitive, options.intersect)
    if options.mitigate != "none":
        check_method(options.mitigate, data.labels, policy, data.rows.targets[data.rows.of(Split.CALIBRATION)])


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


def finetune(options: FinetuneOptions, run: RunFolder, module: ImageClassifier, data: ImageDataModule) -> L.Trainer:
    """All layers, from the probe's head; the module is left with the weights that validation liked best."""
    best = ModelCheckpoint(run.checkpoints, "best", monitor="val_loss")
    last = ModelCheckpoint(run.checkpoints, "last", enable_version_counter=False)
    stop = EarlyStopping("val_loss", patience=3)
    epochs = 1 if options.quick else options.epochs
    trainer = new_trainer(run, epochs=epochs, callbacks=[best, last, stop, RichProgressBar(leave=True)])
    trainer.fit(module, data)
    module.restore(best.best_model_path)
    return trainer


def mitigate(
    options: FinetuneOptions,
    run: RunFolder,
    module: ImageClassifier,
    trainer: L.Trainer,
    *,
    results: Results,
    story: Story,
) -> Results:
    """Thresholds for the kept model, chosen on calibration rows; test rows show what they gain and cost."""
    plain, policy = results.without_rule.predictions, options.limits()
    chosen = ChosenRule.on(plain[Split.CALIBRATION], options.mitigate, policy, seed=options.seed)
    module.restore(run.finetuned if results.won == "finetuned" else run.probe)
    module.decide_by(chosen.rule)
    trainer.save_checkpoint(run.mitigated, weights_only=True)
    mitigated = replace(results, rule=chosen.rule)
    before, after = plain[Split.TEST], mitigated.kept.predictions[Split.TEST]
    cost = BeforeAfter.of(before, after, policy, intersections=options.intersect)
    RunFolder.write_json(run.mitigation, {**cost.to_dict(), **chosen.to_dict()})
    story.mitigation(chosen, cost)
    return mitigated


def new_trainer(run: RunFolder, *, epochs: int, callbacks: list[L.Callback]) -> L.Trainer:
    """Lightning's own Trainer on one device."""
    logger = CSVLogger(run.path, name="", version="log") if epochs else False
    return L.Trainer(max_epochs=epochs, callbacks=callbacks, logger=logger, devices=1, enable_model_summary=False)


if __name__ == "__main__":
    sys.exit(main())
