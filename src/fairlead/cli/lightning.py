"""Lightning's own command line over fairlead's classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI

from fairlead.cli.quiet import quieten_lightning
from fairlead.data import RowsDataModule
from fairlead.modules import Classifier


class FairleadCLI(LightningCLI):
    """``fit``, ``validate`` and ``test``; the classes go from the data to the model."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """Leaves out Lightning's ``predict``: ours writes a table."""
        shown = LightningCLI.subcommands()
        return {verb: shown[verb] for verb in ("fit", "validate", "test")}

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Links what the model must know of the data; images are what is meant where no class is named."""
        parser.link_arguments("data.labels", "model.init_args.labels", compute_fn=list, apply_on="instantiate")
        parser.set_defaults(
            {
                "model": {"class_path": "fairlead.modules.ImageClassifier"},
                "data": {"class_path": "fairlead.data.ImageDataModule"},
            }
        )

    def _parse_ckpt_path(self) -> None:
        """Takes a checkpoint's settings for the class that the command line names.

        Lightning's own reads them as those of the default class, for a checkpoint says nothing of its class.
        """
        verb: str = self.config.subcommand
        given = self.config[verb]
        path = given.get("ckpt_path")
        if path and Path(path).is_file():
            settings = torch.load(path, weights_only=True, map_location="cpu", mmap=True).get("hyper_parameters", {})
            model = {"class_path": given["model"]["class_path"], "init_args": settings}
            self.config = self.parser.parse_object({verb: {"model": model}}, self.config)


def run_lightning(arguments: Sequence[str]) -> int:
    """Runs one of Lightning's verbs; any subclass of the module and the data module may be named."""
    quieten_lightning()
    settings: dict[str, Any] = {"subclass_mode_model": True, "subclass_mode_data": True}
    FairleadCLI(
        Classifier,
        RowsDataModule,
        args=list(arguments),
        parser_kwargs={verb: {"prog": f"fairlead {verb}"} for verb in ("fit", "validate", "test")},
        # A run folder keeps every file of a run; Lightning's would refuse a second one in the same place.
        save_config_kwargs={"overwrite": True},
        **settings,
    )
    return 0
