"""Labels for new pictures."""

from __future__ import annotations

import csv
import hashlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError, OutputFolderError
from fairlead.records import Labels, RunFolder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fairlead.data import Pictures
    from fairlead.modules import ImageClassifier


def run_predict(arguments: Sequence[str]) -> int:
    """Reads pictures, runs the model that a run kept, and writes a CSV file."""
    options = _parser().parse_args(list(arguments))
    if options.batch_size < 1:
        raise ConfigurationError(f"--batch-size is at least 1, got {options.batch_size}")
    target = Path(options.output)
    _check_target(target, overwrite=options.overwrite)

    from fairlead.data import Columns, list_pictures
    from fairlead.modules import load_image_model

    pictures = list_pictures(Path(options.data), Columns(image=options.image_column))
    module = load_image_model(RunFolder(Path(options.run)))
    slots = _slots(module, Path(options.data), options.sensitive_column)
    probabilities, unreadable = _answer(module, pictures, options.batch_size)
    names = [pictures.name(index) for index in range(len(pictures))]
    decided = _decide(module, probabilities, slots, names, unreadable)
    RunFolder.write_atomically(target, _csv(names, module.labels, probabilities, decided, unreadable).encode("utf-8"))
    print(f"{len(pictures) - len(unreadable)} of {len(pictures)} pictures labelled: {target}")
    if unreadable:
        print(f"{len(unreadable)} cannot be read; the column 'error' says why", file=sys.stderr)
    return 1 if unreadable else 0


def _parser() -> Parser:
    parser = Parser(
        prog="fairlead predict",
        description="Label new pictures with the model that a run kept. The table has a row for each picture: file, "
        "predicted class, and a calibrated probability for each class. Pictures that cannot be read are listed with "
        "the reason in the column 'error', and the exit code is then 1.",
    )
    add = parser.add_argument
    add("run", type=str, metavar="RUN", help="a run folder")
    add("data", type=str, metavar="FOLDER_OR_TABLE", help="pictures, or a table of their paths")
    add("--image-column", type=str, default=None, metavar="C", help="column of a table with the paths")
    add(
        "--sensitive-column",
        type=str,
        default=None,
        metavar="C",
        help="column of a table with each picture's group, for a model that has a threshold for each",
    )
    add("--output", type=str, default="predictions.csv", metavar="FILE", help="what to write")
    add("--overwrite", action="store_true", help="replace the file where it is there already")
    add("--batch-size", type=int, default=32, metavar="N", help="pictures at a time")
    return parser


def _check_target(target: Path, *, overwrite: bool) -> None:
    if target.is_dir():
        raise OutputFolderError(f"{target} is a folder; name the file to write with --output")
    if target.exists() and not overwrite:
        raise OutputFolderError(f"{target} exists; name another file with --output, or replace it with --overwrite")
    if not target.parent.is_dir():
        raise OutputFolderError(f"there is no folder {target.parent}; make it, or name another file with --output")


def _answer(module: ImageClassifier, pictures: Pictures, batch_size: int) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Returns (N, C) probabilities, and the reasons by index of those that cannot be read."""
    import numpy as np
    import torch
    from rich.progress import track

    from fairlead.data import PictureStream

    stream = PictureStream(pictures, module.preprocessing, batch_size)
    probabilities = np.empty((len(pictures), len(module.labels)), dtype=np.float32)
    module.eval()
    with torch.inference_mode():
        for rows, inputs in track(stream, "Labelling", total=len(stream), transient=True):
            probabilities[rows] = module.probabilities(module(inputs)).numpy()
    return probabilities, stream.unreadable


def _slots(module: ImageClassifier, path: Path, column: str | None) -> NDArray[np.int64] | None:
    """Returns (N,) slots of the pictures' groups, for a model that decides by them."""
    from fairlead.data import Table

    rule = module.decision
    if rule is None or rule.feature is None:
        if column is not None:
            raise ConfigurationError(f"this model does not decide by groups; leave --sensitive-column {column} out")
        return None
    name, groups = rule.feature.name, ", ".join(rule.feature.groups)
    if column is None or not path.is_file():
        raise ConfigurationError(
            f"this model has a threshold for each group of {name!r} ({groups}), so that it needs the group of each "
            f"picture: give a table of paths with such a column, and name it with --sensitive-column"
        )
    return rule.feature.encode(Table.read(path).column(column))


def _decide(
    module: ImageClassifier,
    probabilities: NDArray[np.float32],
    slots: NDArray[np.int64] | None,
    names: list[str],
    unreadable: dict[int, str],
) -> NDArray[np.int64]:
    """Returns (N,) class codes; what is said of pictures that cannot be read means nothing."""
    import numpy as np

    known = probabilities.astype(np.float64)
    known[list(unreadable)] = 0.0
    if module.decision is None:
        return np.asarray(known.argmax(axis=1), dtype=np.int64)
    # A rule that draws does so by a picture's name, so that its decision does not hang on what it is listed with.
    drawn_by = [int.from_bytes(hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()[:7]) for name in names]
    return module.decision.decide(known, slots, np.array(drawn_by, dtype=np.int64))


def _csv(
    names: list[str],
    labels: Labels,
    probabilities: NDArray[np.float32],
    decided: NDArray[np.int64],
    unreadable: dict[int, str],
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "predicted", *(f"probability_{label}" for label in labels), "error"])
    for index, name in enumerate(names):
        if index in unreadable:
            writer.writerow([name, "", *[""] * len(labels), unreadable[index]])
        else:
            row = probabilities[index]
            writer.writerow([name, labels[int(decided[index])], *(f"{value:.6f}" for value in row), ""])
    return text.getvalue()
