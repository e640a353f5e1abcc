"""A progress bar where a person may be waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lightning as L
from rich.errors import LiveError
from rich.progress import Progress


@contextmanager
def progress(what: str, total: int, trainer: L.Trainer) -> Iterator[Callable[[int], None] | None]:
    """Shows how many are done; nothing where the Trainer shows no bar, or its bar leaves no room for another.

    Args:
        what: Is done.
        total: How many there are.
        trainer: Whose bars are on or off.

    Examples:
        >>> trainer = L.Trainer(enable_progress_bar=False, logger=False, enable_checkpointing=False, accelerator="cpu")
        >>> with progress("explaining", 3, trainer) as done:
        ...     done is None
        True
    """
    shown = trainer.progress_bar_callback is not None and trainer.is_global_zero and total > 0
    bar = Progress(transient=True, disable=not shown)
    try:
        bar.start()
    except LiveError:
        shown = False
    if not shown:
        yield None
        return
    task = bar.add_task(what, total=total)
    try:
        yield lambda number: bar.update(task, completed=number)
    finally:
        bar.stop()
