"""fairlead: fine-tune a pretrained backbone, and use what came of it.

usage: fairlead VERB [options]

  fit        fine-tune, from a YAML file of Lightning's command line      fairlead fit --config recipes/fit_image.yaml
  validate   measure on the validation split                              fairlead validate --config ... --ckpt_path ...
  test       measure on the test split, the temperature fitted first      fairlead test --config ... --ckpt_path ...
  predict    label new pictures with the model of a run                   fairlead predict RUN FOLDER_OR_TABLE
  audit      judge the predictions of any model, from a table of them     fairlead audit TABLE --sensitive sex ...
  report     write a run, or an audit, as a web page and a model card     fairlead report RUN
  bundle     export a run's model with its evidence, to be served         fairlead bundle RUN
  verify     is a bundle whole, does it answer, may it be released        fairlead verify BUNDLE
  serve      answer over HTTP with a bundle that may be released          fairlead serve BUNDLE
  monitor    what a service's request log says of drift and of groups     fairlead monitor LOGS --bundle BUNDLE

Every verb explains itself with --help. To go from raw photos to a measured model in one command:

  python -m recipes.finetune_image --data photos/
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from fairlead.cli.boundary import clearly
from fairlead.cli.threads import wait_passively
from fairlead.errors import UnknownNameError


def _lightning(verb: str) -> Callable[[Sequence[str]], int]:
    def run(arguments: Sequence[str]) -> int:
        from fairlead.cli.lightning import run_lightning

        return run_lightning([verb, *arguments])

    return run


def _predict(arguments: Sequence[str]) -> int:
    from fairlead.cli.predict import run_predict

    return run_predict(arguments)


def _audit(arguments: Sequence[str]) -> int:
    from fairlead.cli.audit import run_audit

    return run_audit(arguments)


def _report(arguments: Sequence[str]) -> int:
    from fairlead.cli.report import run_report

    return run_report(arguments)


def _bundle(arguments: Sequence[str]) -> int:
    from fairlead.cli.bundle import run_bundle

    return run_bundle(arguments)


def _verify(arguments: Sequence[str]) -> int:
    from fairlead.cli.verify import run_verify

    return run_verify(arguments)


def _serve(arguments: Sequence[str]) -> int:
    from fairlead.cli.serve import run_serve

    return run_serve(arguments)


def _monitor(arguments: Sequence[str]) -> int:
    from fairlead.cli.monitor import run_monitor

    return run_monitor(arguments)


# Each verb imports what it needs when it runs, so that `fairlead --help` answers at once.
VERBS: dict[str, Callable[[Sequence[str]], int]] = {
    "fit": _lightning("fit"),
    "validate": _lightning("validate"),
    "test": _lightning("test"),
    "predict": _predict,
    "audit": _audit,
    "report": _report,
    "bundle": _bundle,
    "verify": _verify,
    "serve": _serve,
    "monitor": _monitor,
}


@clearly
def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a verb; returns the exit code.

    Examples:
        >>> main(["--version"])
        fairlead 0.1.0
        0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        print(__doc__)
        return 0 if given else 2
    if given[0] == "--version":
        from fairlead import __version__

        print(f"fairlead {__version__}")
        return 0
    if given[0] not in VERBS:
        raise UnknownNameError("verb", given[0], VERBS, where="fairlead")
    wait_passively()
    return VERBS[given[0]](given[1:])
