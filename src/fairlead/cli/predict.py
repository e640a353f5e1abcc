"""Labels for new pictures and texts."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, OutputFolderError
from fairlead.records import Labels, Modality, RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fairlead.cli.labelling import Labelled

_NOUNS = {Modality.IMAGE: ("pictures", "file"), Modality.TEXT: ("texts", "row")}


def run_predict(arguments: Sequence[str]) -> int:
    """Reads pictures or texts, runs the model that a run kept, and writes a CSV file."""
    options = _parser().parse_args(list(arguments))
    if options.batch_size < 1:
        raise ConfigurationError(f"--batch-size is at least 1, got {options.batch_size}")
    target, data = Path(options.output), Path(options.data)
    _check_target(target, overwrite=options.overwrite)

    from fairlead.cli.labelling import group_slots, label_items
    from fairlead.data import Columns
    from fairlead.modules import TextClassifier, load_model

    module = load_model(RunFolder(Path(options.run)))
    columns = Columns(image=options.image_column, text=options.text_column, text_pair=options.text_pair_column)
    group_slots(module, data, options.sensitive_column)  # what it refuses, before anything is answered
    found = label_items(module, data, columns, options.batch_size)
    decided = found.decided(module, data, options.sensitive_column)
    nouns, column = _NOUNS[Modality.TEXT if isinstance(module, TextClassifier) else Modality.IMAGE]
    RunFolder.write_atomically(target, _csv(found, module.labels, decided, column).encode("utf-8"))
    total, lost = len(found.names), len(found.unreadable)
    print(f"{total - lost} of {total} {nouns} labelled: {target}")
    if found.truncated:
        print(f"{found.truncated} are longer than what is read of them", file=sys.stderr)
    if lost:
        print(f"{lost} cannot be read; the column 'error' says why", file=sys.stderr)
    return 1 if lost else 0


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead predict",
        description="Label new pictures or texts with the model that a run kept. The table has a row for each: file or "
        "row, predicted class, and a calibrated probability for each class. Those that cannot be read are listed with "
        "the reason in the column 'error', and the exit code is then 1.",
    )
    add = parser.add_argument
    add("run", type=str, metavar="RUN", help="a run folder")
    add(
        "data",
        type=str,
        metavar="DATA",
        help="a folder of pictures, or a table of their paths; a table of texts, or a .txt file with one in each line",
    )
    add("--image-column", type=str, default=None, metavar="C", help="column of a table with the paths")
    add("--text-column", type=str, default=None, metavar="C", help="column of a table with the texts")
    add("--text-pair-column", type=str, default=None, metavar="C", help="column with second texts, read with the first")
    add(
        "--sensitive-column",
        type=str,
        default=None,
        metavar="C",
        help="column of a table with each item's group, for a model that has a threshold for each",
    )
    add("--output", type=str, default="predictions.csv", metavar="FILE", help="what to write")
    add("--overwrite", action="store_true", help="replace the file where it is there already")
    add("--batch-size", type=int, default=32, metavar="N", help="items at a time")
    return parser


def _check_target(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise OutputFolderError(f"{target} is a folder; name the file to write with --output")
    if target.exists() and not overwrite:
        raise OutputFolderError(f"{target} exists; name another file with --output, or replace it with --overwrite")
    if not target.parent.is_dir():
        raise OutputFolderError(f"there is no folder {target.parent}; make it, or name another file with --output")


def _csv(found: Labelled, labels: Labels, decided: NDArray[np.int64], column: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column, "predicted", *(f"probability_{label}" for label in labels), "error"])
    for index, name in enumerate(found.names):
        if index in found.unreadable:
            writer.writerow([name, "", *[""] * len(labels), found.unreadable[index]])
        else:
            row = found.probabilities[index]
            writer.writerow([name, labels[int(decided[index])], *(f"{value:.6f}" for value in row), ""])
    return text.getvalue()
