"""The flags that every fine-tuning recipe has."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fairlead.cli.finetune_flags import finetune_parser
from fairlead.errors import ConfigurationError
from fairlead.judgement import Policy
from fairlead.records import Modality, RunFolder

TEXT_EPOCHS = 3


@dataclass(frozen=True)
class FinetuneOptions:
    """What a user asked of a recipe.

    Attributes:
        modality: Which recipe they are of.
        data: A table or a folder; None for the embedded synthetic dataset.
        image_column: Column with the paths.
        text_column: Column with the texts.
        text_pair_column: Column with second texts; None for single ones.
        fewshot: Training rows of each class; None for all.
        label: Column with the classes.
        sensitive: Columns of declared sensitive features, those to be crossed among them.
        intersect: Sets of them, of which every combination of groups is a group.
        backbone: Anything ``load_backbone`` takes; None for the recipe's default.
        image_size: Side of the square crop in pixels; None for the backbone's own.
        max_tokens: Tokens of a text that are read; None for the backbone's own.
        epochs: Of fine-tuning at most; 0 stops after the probe.
        batch_size: Rows a batch in training.
        adapter: Method of the adapters that learn in place of all weights; ``"none"`` for all weights.
        learning_rate: Of the backbone's last layer; None for one that suits the weights.
        policy: A YAML file of limits; None for the default policy.
        mitigate: How the kept model's thresholds are chosen on calibration rows; ``"none"`` for none.
        explain: Test rows that are explained.
        region: Columns of masks, or ``"border"``: what should not matter in a picture.
        terms: Lists of terms that should not matter in a text.
        strict: Whether a gate that does not pass makes the exit code 1.
        output: The run folder; None for ``runs/<time>``.
        seed: Of everything random.
        quick: A rehearsal on few rows.
        yaml: The options as YAML, for the run folder.
    """

    modality: Modality
    data: str | None
    image_column: str | None
    text_column: str | None
    text_pair_column: str | None
    fewshot: int | None
    label: str | None
    sensitive: tuple[str, ...]
    intersect: tuple[tuple[str, ...], ...]
    backbone: str | None
    image_size: int | None
    max_tokens: int | None
    epochs: int
    batch_size: int
    adapter: str
    learning_rate: float | None
    policy: str | None
    mitigate: str
    explain: int
    region: tuple[str, ...]
    terms: tuple[tuple[str, ...], ...]
    strict: bool
    output: str | None
    seed: int
    quick: bool
    yaml: str

    @classmethod
    def parse(
        cls, arguments: Sequence[str] | None, *, program: str, description: str, modality: Modality = Modality.IMAGE
    ) -> FinetuneOptions:
        """Reads flags and ``--config`` files; ``--help`` explains each."""
        parser = finetune_parser(modality, program=program, description=description)
        found = parser.parse_args(_config_first(sys.argv[1:] if arguments is None else arguments))
        apart = {"modality", "yaml", "sensitive", "intersect", "epochs", "region", "terms"}
        values = {name: found.get(name) for name in cls.__dataclass_fields__ if name not in apart}
        epochs = found["epochs"]
        if epochs is None:
            epochs = TEXT_EPOCHS if values["fewshot"] is None else 0
        _check(values | {"epochs": epochs, "sensitive": found["sensitive"]})
        if found["data"] is not None:
            found["data"] = str(Path(found["data"]).absolute())  # so that it is found from anywhere
        # The next run needs a folder of its own, so the options that are kept name none.
        for name in [name for name, value in vars(found).items() if value is None or name in {"config", "output"}]:
            del found[name]
        crossed = tuple(dict.fromkeys(tuple(names) for names in found["intersect"]))
        sensitive = tuple(dict.fromkeys(itertools.chain(found["sensitive"], *crossed)))
        text = f"modality: {modality}\n{parser.dump(found)}"  # a hidden flag, which dump() leaves out
        return cls(
            modality,
            **values,
            epochs=epochs,
            sensitive=sensitive,
            intersect=crossed,
            region=tuple(dict.fromkeys(found.get("region") or ())),
            terms=tuple(_terms(given) for given in found.get("terms") or ()),
            yaml=text,
        )

    @classmethod
    def of_run(cls, run: RunFolder) -> FinetuneOptions:
        """Reads the options that a run kept.

        Raises:
            ConfigurationError: the run kept none, or none that can be read.
        """
        try:
            kept = yaml.safe_load(run.config.read_text(encoding="utf-8"))
            modality = Modality(kept.get("modality", Modality.IMAGE))
        except (OSError, ValueError, yaml.YAMLError, AttributeError) as error:
            raise ConfigurationError(
                f"{run.config} holds no options that can be read, so the run's data are not known; name another run"
            ) from error
        return cls.parse(["--config", str(run.config)], program="config.yaml", description="", modality=modality)

    def limits(self) -> Policy:
        """Reads the policy.

        Raises:
            FairleadError: a file that is none; the message names the entry and what is known.
        """
        return Policy.from_file(Path(self.policy)) if self.policy else Policy.default()

    def write(self, path: Path) -> None:
        """Writes the options as they were used; ``--config`` reads them."""
        path.write_text(self.yaml, encoding="utf-8")


def _check(values: Mapping[str, Any]) -> None:
    """Refuses what no run could do, before anything is read."""
    for name, least, usual in (
        ("epochs", 0, "0 stops after the probe"),
        ("batch_size", 2, "32 is usual"),
        ("image_size", 32, "pixels, as the backbone's pictures have"),
        ("max_tokens", 8, "128 is usual"),
        ("fewshot", 1, "8 rows of each class are usual"),
        ("explain", 0, "0 explains none, 8 are usual"),
    ):
        if values[name] is not None and values[name] < least:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigurationError(f"{flag} is at least {least}, got {values[name]}; {usual}")
    if not 0 <= values["seed"] < 2**32:
        raise ConfigurationError(f"--seed is a whole number from 0 to {2**32 - 1}, got {values['seed']}")
    if values["learning_rate"] is not None and not 0 < values["learning_rate"] < 1:
        raise ConfigurationError(f"--learning-rate lies between 0 and 1, got {values['learning_rate']}")
    if values["mitigate"] != "none" and not values["sensitive"]:
        raise ConfigurationError(
            f"--mitigate {values['mitigate']} needs groups to measure what it gains and costs; "
            "name a column with --sensitive"
        )


def _terms(given: str) -> tuple[str, ...]:
    terms = tuple(term.strip() for term in given.split(","))
    if len(terms) < 2 or not all(terms):
        raise ConfigurationError(
            "--terms takes two terms or more that may stand for each other, joined by commas, e.g. he,she; got "
            f"{given!r}"
        )
    return terms


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
