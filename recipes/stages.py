"""The stages of a fine-tuning run, whatever it reads: data, probe, fine-tuning, test, mitigation, bundle."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import lightning as L
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, RichProgressBar
from lightning.pytorch.loggers import CSVLogger

from fairlead.audits import (
    BeforeAfter,
    HeldOut,
    Results,
    ShapAudit,
    ShapSettings,
    Shown,
    border,
    evaluate,
    group_sets,
    keep_run,
    write_environment,
)
from fairlead.backbones import Backbone
from fairlead.cli.bundle_story import bundle_up
from fairlead.cli.clock import Clock
from fairlead.cli.finetune_options import FinetuneOptions
from fairlead.cli.fresh_run import removed_on_failure
from fairlead.cli.quiet import quieten_lightning
from fairlead.cli.run_data import BORDER, run_data
from fairlead.cli.story import Story
from fairlead.data import RowsDataModule, TextDataModule
from fairlead.judgement import Policy
from fairlead.modules import AdapterSettings, Classifier, OptimizationSettings
from fairlead.records import RunFolder, Split
from fairlead.tuning import ChosenRule, LinearProbe, check_method
from recipes import STARTED

SHARE, LEAST = 0.1, 10.0  # of the run so far, and seconds: what explanations may take
LOOKED_AT = 20  # masks that are held against their pictures before training: a mistake is seldom in one alone

Choose = Callable[[FinetuneOptions, Story], Backbone]
Build = Callable[[FinetuneOptions, RowsDataModule, Backbone], Classifier]


def run_stages(options: FinetuneOptions, choose: Choose, build: Build, before_probe: Sequence[L.Callback] = ()) -> int:
    """Runs all stages that the options ask for; returns the exit code.

    Args:
        options: What the user asked for.
        choose: Gives the backbone, and tells the user of it.
        build: Gives the module to train.
        before_probe: Callbacks that shape the backbone before the probe is fitted.
    """
    clock, story, policy = Clock(STARTED), Story(options.modality), options.limits()
    quieten_lightning()
    L.seed_everything(options.seed, workers=True, verbose=False)

    run = RunFolder.create(options.output)
    with removed_on_failure(run):
        with clock.stage("data"):
            data = run_data(options)
            refuse_early(options, data, policy)
            story.data(data.rows, synthetic=options.data is None)
            backbone = choose(options, story)
            options.write(run.config)
            write_environment(run, options.seed, backbone)
            story.run(run)
        keep = partial(keep_run, run, data.rows, clock.seconds, policy=policy, intersections=options.intersect)
        module = build(options, data, backbone)
        with clock.stage("probe"):
            trainer, results = probe(options, run, module, data, before_probe)
        audit = keep(results, model=run.probe)
    if isinstance(data, TextDataModule):
        story.truncation(data.truncation())
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
    if options.explain or (policy.interventions and (options.region or options.terms or data.rows.nuisances)):
        with clock.stage("explain"):
            shown = explain(options, run, module, data, seconds=max(LEAST, SHARE * clock.seconds()["total"]))
        audit = keep(results, model=run.model, besides=shown.ledger)
    bundle = bundle_up(run, data.rows, clock)
    story.end(run, results, audit, clock)
    story.bundle(bundle, run)
    return 1 if options.strict and not audit.decision.passes else 0


def refuse_early(options: FinetuneOptions, data: RowsDataModule, policy: Policy) -> None:
    """What could not be audited or mitigated in the end is refused before training."""
    group_sets(data.rows.sensitive, options.intersect)
    for region in data.rows.nuisances.regions.values():
        for index in data.rows.of(Split.TEST)[:LOOKED_AT]:
            region(int(index))
    if options.mitigate != "none":
        check_method(options.mitigate, data.labels, policy, data.rows.targets[data.rows.of(Split.CALIBRATION)])


def probe(
    options: FinetuneOptions, run: RunFolder, module: Classifier, data: RowsDataModule, before: Sequence[L.Callback]
) -> tuple[L.Trainer, Results]:
    """A linear head on the frozen backbone."""
    found = LinearProbe(seed=options.seed)
    trainer = new_trainer(run, epochs=0, callbacks=[*before, found, RichProgressBar()])
    trainer.fit(module, data)
    trainer.save_checkpoint(run.probe, weights_only=True)
    return trainer, Results(HeldOut.of(found.outputs, data.rows))


def choose_rates(options: FinetuneOptions, backbone: Backbone) -> tuple[AdapterSettings | None, OptimizationSettings]:
    """What learns, and how fast: pretrained weights in small steps, smaller towards the input, random ones in large."""
    if options.adapter != "none":
        adapter = AdapterSettings(options.adapter)
        return adapter, OptimizationSettings(learning_rate=options.learning_rate or adapter.learning_rate)
    if backbone.pretrained:
        return None, OptimizationSettings(learning_rate=options.learning_rate or 5e-5)
    return None, OptimizationSettings(learning_rate=options.learning_rate or 1e-3, layer_decay=1.0)


def finetune(options: FinetuneOptions, run: RunFolder, module: Classifier, data: RowsDataModule) -> L.Trainer:
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
    module: Classifier,
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


def explain(
    options: FinetuneOptions, run: RunFolder, module: Classifier, data: RowsDataModule, *, seconds: float
) -> Shown:
    """What the kept model looks at in a few test rows, and what masking or swapping does to its answers to all."""
    module.restore(run.model)
    declared = data.rows.nuisances
    audit = ShapAudit(
        options.explain,
        budget=seconds,
        regions={**declared.regions, **({BORDER: border()} if BORDER in options.region else {})},
        terms=options.terms or declared.terms,
        limits=options.limits(),
        settings=ShapSettings(output=run.path, seed=options.seed),
    )
    new_trainer(run, epochs=0, callbacks=[RichProgressBar(), audit]).test(module, data, verbose=False)
    return audit.found[Split.TEST]


def new_trainer(run: RunFolder, *, epochs: int, callbacks: list[L.Callback]) -> L.Trainer:
    """Lightning's own Trainer on one device."""
    logger = CSVLogger(run.path, name="", version="log") if epochs else False
    return L.Trainer(max_epochs=epochs, callbacks=callbacks, logger=logger, devices=1, enable_model_summary=False)
