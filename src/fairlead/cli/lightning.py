"""Lightning's own command line over fairlead's classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from fairlead.cli.quiet import quieten_lightning
from fairlead.data import ImageDataModule
from fairlead.modules import ImageClassifier


class FairleadCLI(LightningCLI):
    """``fit``, ``validate`` and ``test``; the classes go from the data to the model."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Leaves out Lightning's ``predict``: ours writes a table."""
        shown = LightningCLI.subcommands()
        return {verb: shown[verb] for verb in ("fit", "validate", "test")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Links what the model must know of the data."""
        parser.link_arguments("data.labels", "model.labels", compute_fn=list, apply_on="instantiate")


def run_lightning(arguments: Sequence[str]) -> int:
    """Runs one of Lightning's verbs; subclasses of the module and the data module may be named."""
    quieten_lightning()
    settings: dict[str, Any] = {"subclass_mode_model": False, "subclass_mode_data": False}
    FairleadCLI(
        ImageClassifier,
        ImageDataModule,
        args=list(arguments),
        parser_kwargs={verb: {"prog": f"fairlead {verb}"} for verb in ("fit", "validate", "test")},
        # A run folder keeps every file of a run; Lightning's would refuse a second one in the same place.
        save_config_kwargs={"overwrite": True},
        **settings,
    )
    return 0
