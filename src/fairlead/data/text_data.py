"""The LightningDataModule for texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from fairlead.data.batch import Batch
from fairlead.data.columns import Columns
from fairlead.data.data_module import Loading, RowsDataModule
from fairlead.data.fewshot import draw_fewshot
from fairlead.data.length_grouping import LengthGroupedSampler
from fairlead.data.rows import Rows, prepare_rows
from fairlead.data.sampling import TrainingSampler
from fairlead.data.splitting import SplitPlan
from fairlead.data.synthetic import ApplicationWorld
from fairlead.data.synthetic_texts import APPLICATIONS, draw_texts
from fairlead.data.text_augmentation import TextAugmentation
from fairlead.data.text_dataset import TextDataset, pad
from fairlead.data.text_reading import read_texts
from fairlead.data.token_store import TokenStore
from fairlead.preprocessing.text import TextPreprocessing
from fairlead.records import Split


class TextDataModule(RowsDataModule):
    """Texts with labels and sensitive features in four splits: train, val, calibration, test.

    The classes come from the training split and can be read before ``setup``, so that a model can be built from
    them. The tokenizer is that of the module in training unless a preprocessing is given. Each split is cut into
    tokens once. A batch is padded to the longest of its texts, and holds texts of similar length: in training by an
    order that is a function of (seed, epoch), elsewhere from the longest to the shortest.

    Args:
        data: A CSV, TSV, Parquet or JSON Lines table, a ``datasets.Dataset`` or ``DatasetDict``,
            ``"synthetic:applications"``, or an ``ApplicationWorld`` of your own parameters.
        columns: Which columns hold what.
        splits: Shares and seed of the splits that the data does not give.
        preprocessing: The tokenizer, and how many tokens are read at most; None takes that of the module's backbone.
        augmentation: What may vary in training; None for nothing.
        loading: Batch size and workers.
        fewshot: Train on so many rows of each class, drawn by seed; None for all.
        seed: Of order, variations and the few rows.

    Examples:
        >>> from fairlead.data.synthetic import SplitSizes
        >>> data = TextDataModule(ApplicationWorld(SplitSizes(train=40, val=5, calibration=5, test=10)), fewshot=8)
        >>> list(data.labels), data.rows.counts()
        (['decline', 'invite'], {'train': 16, 'val': 5, 'calibration': 5, 'test': 10})
    """

    kind = TextPreprocessing

    def __init__(  # those of ImageDataModule, and fewshot
        self,
        data: Any = APPLICATIONS,
        *,
        columns: Columns | None = None,
        splits: SplitPlan | None = None,
        preprocessing: TextPreprocessing | None = None,
        augmentation: TextAugmentation | None = None,
        loading: Loading | None = None,
        fewshot: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(preprocessing=preprocessing, loading=loading, seed=seed)
        self.source = ApplicationWorld(seed=seed) if isinstance(data, str) and data == APPLICATIONS else data
        self.columns = columns or Columns()
        self.plan = splits or SplitPlan(seed=seed)
        self.augmentation = augmentation if augmentation and augmentation.changes else None
        self.fewshot = fewshot
        self._tokens: TokenStore | None = None

    def read(self) -> Rows:
        """Reads or draws all rows of all splits.

        Raises:
            DataError: data that cannot be used; the message names the file or rows and the remedy.
            ConfigurationError: fewer training rows of a class than ``fewshot``.
        """
        drawn = isinstance(self.source, ApplicationWorld)
        raw = draw_texts(self.source, self.columns) if drawn else read_texts(self.source, self.columns)
        rows = prepare_rows(raw, self.plan)
        return rows if self.fewshot is None else draw_fewshot(rows, self.fewshot, self.seed)

    @property
    def tokens(self) -> TokenStore:
        """The tokens of all rows, cut when they are first asked for."""
        if self._tokens is None or self._tokens.preprocessing != self.preprocessing:
            self._tokens = TokenStore(self.rows.items, self.preprocessing)
        return self._tokens

    def truncation(self) -> dict[str, float]:
        """Returns, for each split, the share of its texts that are longer than what is read of them."""
        store, shares = self.tokens, {}
        for split in Split:
            rows = self.rows.of(split)
            store.cut(rows)
            shares[split.value] = float(store.truncated[rows].mean()) if len(rows) else 0.0
        return shares

    def dataset(self, *, training: bool) -> Dataset[Batch]:
        """Returns the texts, with what varies in training or as they are."""
        return TextDataset(self.rows, self.tokens, augmentation=self.augmentation if training else None, seed=self.seed)

    @property
    def collate(self) -> Callable[[Sequence[Batch]], Batch]:
        """What makes a batch of rows, padded to the longest."""
        return partial(pad, pad_id=self.preprocessing.pad_id)

    def training_sampler(self, rows: Sequence[int], *, replicas: int, rank: int) -> TrainingSampler:
        """Returns an order in which each batch holds texts of similar length."""
        return LengthGroupedSampler(
            rows,
            lengths=self.tokens.cut(rows),
            batch_size=self.loading.batch_size,
            seed=self.seed,
            replicas=replicas,
            rank=rank,
        )

    def evaluation_order(self, rows: Sequence[int]) -> Sequence[int]:
        """Returns the rows from the longest text to the shortest, so that what needs most memory comes first."""
        order = np.argsort(-self.tokens.cut(rows), kind="stable")
        return [rows[place] for place in order.tolist()]

    def in_memory(self) -> bool:
        """Returns that texts are in memory."""
        return True
