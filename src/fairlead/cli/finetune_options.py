"""The flags that every fine-tuning recipe has."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead.cli.parser import Parser
from fairlead.errors import ConfigurationError
from fairlead.judgement import Policy


@dataclass(frozen=True)
class FinetuneOptions:
    """What a user asked of a recipe.

    Attributes:
        data: A table or a folder; None for the embedded synthetic dataset.
        image_column: Column with the paths.
        label: Column with the classes.
        sensitive: Columns of declared sensitive features, those to be crossed among them.
        intersect: Sets of them, of which every combination of groups is a group.
        backbone: Anything ``load_backbone`` takes; None for the recipe's default.
        image_size: Side of the square crop in pixels; None for the backbone's own.
        epochs: Of fine-tuning at most; 0 stops after the probe.
        batch_size: Rows a batch in training.
        learning_rate: Of the backbone's last layer; None for one that suits the weights.
        policy: A YAML file of limits; None for the default policy.
        mitigate: How the kept model's thresholds are chosen on calibration rows; ``"none"`` for none.
        strict: Whether a gate that does not pass makes the exit code 1.
        output: The run folder; None for ``runs/<time>``.
        seed: Of everything random.
        quick: A rehearsal on few rows.
        text: The options as YAML, for the run folder.
    """

    data: str | None
    image_column: str | None
    label: str | None
    sensitive: tuple[str, ...]
    intersect: tuple[tuple[str, ...], ...]
    backbone: str | None
    image_size: int | None
    epochs: int
    batch_size: int
    learning_rate: float | None
    policy: str | None
    mitigate: str
    strict: bool
    output: str | None
    seed: int
    quick: bool
    text: str

    @classmethod
    def parse(cls, arguments: Sequence[str] | None, *, program: str, description: str) -> FinetuneOptions:
        """Reads flags and ``--config`` files; ``--help`` explains each."""
        parser = _parser(program, description)
        found = parser.parse_args(_config_first(sys.argv[1:] if arguments is None else arguments))
        apart = {"text", "sensitive", "intersect"}
        values = {name: found[name] for name in cls.__dataclass_fields__ if name not in apart}
        if values["epochs"] < 0:
            raise ConfigurationError(f"--epochs is at least 0, got {values['epochs']}; 0 stops after the probe")
        if values["batch_size"] < 2:
            raise ConfigurationError(f"--batch-size is at least 2, got {values['batch_size']}; 32 is usual")
        if not 0 <= values["seed"] < 2**32:
            raise ConfigurationError(f"--seed is a whole number from 0 to {2**32 - 1}, got {values['seed']}")
        if values["image_size"] is not None and values["image_size"] < 32:
            raise ConfigurationError(f"--image-size is at least 32 pixels, got {values['image_size']}")
        if values["learning_rate"] is not None and not 0 < values["learning_rate"] < 1:
            raise ConfigurationError(f"--learning-rate lies between 0 and 1, got {values['learning_rate']}")
        if values["mitigate"] != "none" and not found["sensitive"]:
            raise ConfigurationError(
                f"--mitigate {values['mitigate']} needs groups to measure what it gains and costs; "
                "name a column with --sensitive"
            )
        if found["data"] is not None:
            found["data"] = str(Path(found["data"]).absolute())  # so that it is found from anywhere
        # The next run needs a folder of its own, so the options that are kept name none.
        for name in [name for name, value in vars(found).items() if value is None or name in {"config", "output"}]:
            del found[name]
        text = parser.dump(found)
        crossed = tuple(dict.fromkeys(tuple(names) for names in found["intersect"]))
        sensitive = tuple(dict.fromkeys(itertools.chain(found["sensitive"], *crossed)))
        return cls(**values, sensitive=sensitive, intersect=crossed, text=text)

    def limits(self) -> Policy:
        """Reads the policy.

        Raises:
            FairleadError: a file that is none; the message names the entry and what is known.
        """
        return Policy.from_file(Path(self.policy)) if self.policy else Policy.default()

    def write(self, path: Path) -> None:
        """Writes the options as they were used; ``--config`` reads them."""
        path.write_text(self.text, encoding="utf-8")


def _config_first(arguments: Sequence[str]) -> list[str]:
    """Puts ``--config FILE`` before all else: a flag given by hand outdoes the file, wherever it stands.

    Examples:
        >>> _config_first(["--seed", "7", "--config", "a.yaml"])
        ['--config', 'a.yaml', '--seed', '7']
    """
    first: list[str] = []
    rest: list[str] = []
    words = iter(arguments)
    for word in words:
        if word == "--config":
            first += [word, *([value] if (value := next(words, None)) is not None else [])]
        else:
            (first if word.startswith("--config=") else rest).append(word)
    return first + rest


def _parser(program: str, description: str) -> Parser:
    parser = Parser(prog=program, description=description)
    _add_data_flags(parser)
    _add_model_flags(parser)
    _add_audit_flags(parser)
    run = parser.add_argument_group("run")
    run.add_argument("--output", type=str, default=None, metavar="DIR", help="new or empty; default: runs/<time>")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="of splits, order, views and weights")
    run.add_argument("--quick", action="store_true", help="a rehearsal: few rows, one epoch; its figures mean little")
    return parser


def _add_data_flags(parser: Parser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=str,
        default=None,
        metavar="PATH",
        help="class folders, or train/ val/ test/ of them, or a CSV or Parquet table of paths and labels. "
        "Splits that are not there are drawn by class. Without it: an embedded dataset of synthetic skin lesions",
    )
    data.add_argument("--image-column", type=str, default=None, metavar="C", help="column of a table with the paths")
    data.add_argument("--label", type=str, default=None, metavar="C", help="column of a table with the classes")
    data.add_argument(
        "--sensitive",
        nargs="+",
        action="extend",
        default=[],
        metavar="C",
        help="columns by whose groups the model must answer, e.g. sex age_group",
    )
    data.add_argument(
        "--intersect",
        nargs="+",
        action="append",
        default=[],
        metavar="C",
        help="sensitive columns of which every combination of groups is a group too; may be given again",
    )


def _add_audit_flags(parser: Parser) -> None:
    audit = parser.add_argument_group("audit")
    audit.add_argument(
        "--policy",
        type=str,
        default=None,
        metavar="FILE",
        help="YAML of limits, such as {limits: {true_positive_rate_difference: 0.1}}; see docs/fairness-audit.md. "
        "Without it: true positive, false positive and selection rate differ by at most 0.1",
    )
    audit.add_argument(
        "--mitigate",
        choices=["none", "one-threshold", "thresholds", "randomised-thresholds"],
        default="none",
        help="choose decision thresholds of a model of two classes on calibration rows: one for all, one for each "
        "group of the first --sensitive column, or fairlearn's randomised ones; test rows show what it gains and costs",
    )
    audit.add_argument("--strict", action="store_true", help="exit with 1 where the release gate does not pass")


def _add_model_flags(parser: Parser) -> None:
    model = parser.add_argument_group("model and training")
    model.add_argument(
        "--backbone",
        type=str,
        default=None,
        metavar="NAME_OR_PATH",
        help="a timm name (resnet18.a1_in1k), a folder with config.json and model.safetensors, a .safetensors file, "
        "or random:NAME",
    )
    model.add_argument("--image-size", type=int, default=None, metavar="N", help="pixels; default: the backbone's own")
    model.add_argument("--epochs", type=int, default=6, metavar="N", help="at most; 0 stops after the linear probe")
    model.add_argument("--batch-size", type=int, default=32, metavar="N", help="rows a training batch")
    model.add_argument(
        "--learning-rate", type=float, default=None, metavar="R", help="default: 5e-5, and 1e-3 for random weights"
    )
