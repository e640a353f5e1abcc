"""Lightning without its chatter, for runs that speak for themselves."""

from __future__ import annotations

import logging
import warnings


def quieten_lightning() -> None:
    """Drops Lightning's hints and banners; errors and our own messages stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.ERROR)
    for message in (
        r".*does not have many workers.*",  # how many workers is decided by ImageDataModule
        r".*The number of training batches .* is smaller than the logging interval.*",
        r".*Checkpoint directory .* exists and is not empty.*",  # it holds the probe
        r".*LightningCLI's args parameter is intended to run from within Python.*",  # it is: `fairlead` is Python
        r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",  # Lightning's own, with newer torch
    ):
        warnings.filterwarnings("ignore", message=message)
    # Lightning's command line calls jsonargparse by names that are about to go; jsonargparse says so twice.
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"lightning\.pytorch\.cli")
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"jsonargparse\.")
