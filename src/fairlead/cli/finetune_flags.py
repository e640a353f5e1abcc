"""The flags of the fine-tuning recipes, and what each says of itself."""

from __future__ import annotations

import argparse
from typing import Any

from fairlead.cli.parser import Parser
from fairlead.records import Modality


def finetune_parser(modality: Modality, *, program: str, description: str) -> Parser:
    """Returns the parser of a recipe for images or for texts: most flags are the same, and mean the same.

    Examples:
        >>> parser = finetune_parser(Modality.TEXT, program="demo", description="")
        >>> parser.nearest("--text-colum")[0], "--image-size" in parser.nearest("--image-size")
        ('--text-column', False)
    """
    parser = Parser(prog=program, description=description)
    # RUN/config.yaml says it, so that who reads it back knows which recipe's options they are.
    parser.add_argument("--modality", choices=[modality.value], default=modality.value, help=argparse.SUPPRESS)
    (_add_image_data if modality is Modality.IMAGE else _add_text_data)(parser)
    (_add_image_model if modality is Modality.IMAGE else _add_text_model)(parser)
    _add_audit_flags(parser, modality)
    run = parser.add_argument_group("run")
    run.add_argument("--output", type=str, default=None, metavar="DIR", help="new or empty; default: runs/<time>")
    run.add_argument("--seed", type=int, default=0, metavar="N", help="of splits, order, views and weights")
    run.add_argument("--quick", action="store_true", help="a rehearsal: few rows, one epoch; its figures mean little")
    return parser


def _add_image_data(parser: Parser) -> None:
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
    _add_table_flags(data)


def _add_text_data(parser: Parser) -> None:
    data = parser.add_argument_group("data")
    data.add_argument(
        "--data",
        type=str,
        default=None,
        metavar="PATH",
        help="a CSV, TSV, Parquet or JSON Lines table of texts and labels. Splits that its column 'split' does not "
        "give are drawn by class. Without it: an embedded dataset of synthetic job applications",
    )
    data.add_argument(
        "--text-column", type=str, default=None, metavar="C", help="column with the texts; default: text, sentence, ..."
    )
    data.add_argument(
        "--text-pair-column",
        type=str,
        default=None,
        metavar="C",
        help="column with second texts, read together with the first, such as the answer to a question",
    )
    data.add_argument(
        "--fewshot",
        type=int,
        default=None,
        metavar="K",
        help="train on K rows of each class, drawn by seed: contrastive tuning of the backbone, then the probe",
    )
    _add_table_flags(data)


def _add_table_flags(data: Any) -> None:  # a group of argparse, which names no public type
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


def _add_audit_flags(parser: Parser, modality: Modality) -> None:
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
    _add_explanation_flags(audit, modality)
    audit.add_argument("--strict", action="store_true", help="exit with 1 where the release gate does not pass")


def _add_explanation_flags(audit: Any, modality: Modality) -> None:  # as _add_table_flags
    audit.add_argument(
        "--explain",
        type=int,
        default=8,
        metavar="N",
        help="test rows that are explained, each with its certificate; 0 for none (default: 8)",
    )
    if modality is Modality.IMAGE:
        audit.add_argument(
            "--region",
            nargs="+",
            action="extend",
            default=[],
            metavar="R",
            help="what should not matter in a picture: columns with the paths of masks, or 'border'. Each is masked in "
            "every test picture, and answers that change too often block the release",
        )
    else:
        audit.add_argument(
            "--terms",
            nargs="+",
            action="extend",
            default=[],
            metavar="A,B",
            help="terms that should not matter in a text, those that may stand for each other joined by commas, e.g. "
            "he,she his,her. Each is swapped in every test text, and answers that change too often block the release",
        )


def _add_image_model(parser: Parser) -> None:
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
    _add_training_flags(model)


def _add_text_model(parser: Parser) -> None:
    model = parser.add_argument_group("model and training")
    model.add_argument(
        "--backbone",
        type=str,
        default=None,
        metavar="NAME_OR_PATH",
        help="a name on the hub (distilbert/distilbert-base-uncased), a folder with config.json, model.safetensors and "
        "tokenizer.json, embedded:minilm-l6, or random: before any of them",
    )
    model.add_argument(
        "--max-tokens",
        type=int,
        default=None,
        metavar="N",
        help="of a text that are read; default: the backbone's, 256 at most",
    )
    model.add_argument(
        "--epochs",
        type=int,
        default=None,
        metavar="N",
        help="at most; 0 stops after the linear probe (default: 3, and 0 with --fewshot)",
    )
    _add_training_flags(model)


def _add_training_flags(model: Any) -> None:  # as _add_table_flags
    model.add_argument("--batch-size", type=int, default=32, metavar="N", help="rows a training batch")
    model.add_argument(
        "--adapter",
        choices=["none", "lora", "rslora", "dora", "loha", "lokr", "ia3"],
        default="none",
        help="fine-tune a few weights put into a frozen backbone in place of all of its own; see docs/adapters.md",
    )
    model.add_argument(
        "--learning-rate",
        type=float,
        default=None,
        metavar="R",
        help="default: 5e-5, 1e-3 for random weights, and what suits an adapter",
    )
