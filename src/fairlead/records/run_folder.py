"""Where a run keeps what it made."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fairlead.errors import OutputFolderError


@dataclass(frozen=True)
class RunFolder:
    """The layout of a run folder: every later step finds its files by these names.

    Attributes:
        path: The folder.

    Examples:
        >>> RunFolder(Path("runs/a")).metrics.as_posix()
        'runs/a/metrics.json'
    """

    path: Path

    @classmethod
    def create(cls, output: str | Path | None = None) -> RunFolder:
        """Makes a new folder, ``runs/<time>`` if none is named; an empty one that exists will do.

        Raises:
            OutputFolderError: the folder holds something already, or cannot be written.
        """
        if output is not None:
            return cls(Path(output))._make()
        stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        for attempt in range(100):  # two runs started in the same second get two folders
            folder = Path("runs") / (stamp if not attempt else f"{stamp}-{attempt + 1}")
            try:
                folder.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError:
                pass  # _make says why
            return cls(folder)._make()
        raise OutputFolderError(f"{folder} and 99 others like it exist; name a folder with --output")

    def _make(self) -> RunFolder:
        try:
            if self.path.exists() and not self.path.is_dir():
                raise OutputFolderError(f"{self.path} is a file; name a new or an empty folder with --output")
            if self.path.is_dir() and any(self.path.iterdir()):
                raise OutputFolderError(
                    f"{self.path} is not empty, and a run never overwrites another; "
                    "name a new or an empty folder with --output"
                )
            self.checkpoints.mkdir(parents=True, exist_ok=True)
            trial = self.path / ".write-test"
            trial.write_bytes(b"")
            trial.unlink()
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputFolderError(
                f"cannot write the run folder {self.path}: {reason}; name another with --output"
            ) from error
        return self

    @property
    def checkpoints(self) -> Path:
        """Lightning checkpoints made on the way."""
        return self.path / "checkpoints"

    @property
    def model(self) -> Path:
        """The checkpoint of the model that was kept, its temperature included."""
        return self.path / "model.ckpt"

    @property
    def probe(self) -> Path:
        """The checkpoint of the linear probe."""
        return self.checkpoints / "probe.ckpt"

    @property
    def finetuned(self) -> Path:
        """The checkpoint of the fine-tuned model, its temperature included."""
        return self.checkpoints / "finetuned.ckpt"

    @property
    def mitigated(self) -> Path:
        """The checkpoint of the kept model with its decision rule."""
        return self.checkpoints / "mitigated.ckpt"

    @property
    def mitigation(self) -> Path:
        """The decision rule, how it was chosen, and what it gained and cost on test rows."""
        return self.path / "mitigation.json"

    @property
    def metrics(self) -> Path:
        """Figures, rows and times."""
        return self.path / "metrics.json"

    @property
    def predictions(self) -> Path:
        """Every held-out row with its probabilities."""
        return self.path / "predictions.parquet"

    @property
    def config(self) -> Path:
        """Every option as it was used; ``--config`` takes it."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """Seed, versions and machine."""
        return self.path / "environment.json"

    @property
    def confusion(self) -> Path:
        """Picture: confusion matrix of the test split."""
        return self.path / "confusion.png"

    @property
    def top_losses(self) -> Path:
        """Picture: the test rows the model was most wrong about."""
        return self.path / "top_losses.png"

    @property
    def evidence(self) -> Path:
        """Every finding of the audit, and what the release gate says."""
        return self.path / "evidence.json"

    @property
    def groups(self) -> Path:
        """Picture: the rates of the groups of each sensitive feature on the test split."""
        return self.path / "groups.png"

    @property
    def bundle(self) -> Path:
        """The folder that is served: model, preprocessing, evidence, and the digest of each."""
        return self.path / "bundle"

    @property
    def report(self) -> Path:
        """The run as one web page that needs no other file."""
        return self.path / "report.html"

    @property
    def card(self) -> Path:
        """A first model card, in the form the Hugging Face Hub reads."""
        return self.path / "card.md"

    @property
    def tallies(self) -> Path:
        """The counts of every group, small ones too: not for publication; report and card leave those out."""
        return self.path / "tallies.json"

    @property
    def explanations_picture(self) -> Path:
        """Picture: what the model looks at in a few test rows."""
        return self.path / "explanations.png"

    @property
    def explanations_page(self) -> Path:
        """The same as a web page, each word with its value, and the answers that an intervention changed."""
        return self.path / "explanations.html"

    @property
    def explanations(self) -> Path:
        """Every explanation with its certificate, and their mass on the declared regions."""
        return self.path / "explanations.json"

    @property
    def attributions(self) -> Path:
        """The values of every explanation as one compressed array."""
        return self.path / "attributions.npz"

    @staticmethod
    def write_json(path: Path, content: Mapping[str, Any], *, indent: int | None = 2) -> None:
        """Writes JSON so that a reader never sees half of it; NaN is refused."""
        text = json.dumps(content, indent=indent, allow_nan=False) + "\n"
        RunFolder.write_atomically(path, text.encode("utf-8"))

    @staticmethod
    def write_atomically(path: Path, content: bytes, *, mode: int = 0o666) -> None:
        """Writes a file in one step: the old one stands until the new one is whole.

        Args:
            path: The file.
            content: What it then holds.
            mode: Its permissions, less those that the process takes away.
        """
        # Named for this writer alone, be it another thread or another machine.
        partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.partial")
        try:
            with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
