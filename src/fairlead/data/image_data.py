"""The LightningDataModule for images."""

from __future__ import annotations

from pathlib import Path

from torch.utils.data import Dataset

from fairlead.data.augmentation import Augmentation
from fairlead.data.batch import Batch
from fairlead.data.columns import Columns
from fairlead.data.data_module import Loading, RowsDataModule
from fairlead.data.image_dataset import ImageDataset
from fairlead.data.reading import read_rows
from fairlead.data.rows import Rows, prepare_rows
from fairlead.data.splitting import SplitPlan
from fairlead.data.synthetic import LesionWorld
from fairlead.data.synthetic_rows import LESIONS, draw_rows
from fairlead.preprocessing import ImagePreprocessing


class ImageDataModule(RowsDataModule):
    """Images with labels and sensitive features in four splits: train, val, calibration, test.

    The classes come from the training split and can be read before ``setup``, so that a model can be built
    from them. The preprocessing is the module's own unless one is given.

    Args:
        data: A folder of class folders (or of train, val and test folders of them), a CSV, TSV or Parquet
            table, ``"synthetic:lesions"``, or a ``LesionWorld`` of your own parameters.
        columns: Which columns of a table hold what.
        splits: Shares and seed of the splits that the data does not give.
        preprocessing: Evaluation crop and normalisation; None takes those of the module's backbone.
        augmentation: Random views for training.
        loading: Batch size and workers.
        seed: Of order and views.

    Examples:
        >>> from fairlead.data.synthetic import SplitSizes
        >>> data = ImageDataModule(LesionWorld(SplitSizes(train=20, val=5, calibration=5, test=10)))
        >>> list(data.labels), data.rows.counts()
        (['benign', 'malignant'], {'train': 20, 'val': 5, 'calibration': 5, 'test': 10})
    """

    kind = ImagePreprocessing

    def __init__(
        self,
        data: str | Path | LesionWorld = LESIONS,
        *,
        columns: Columns | None = None,
        splits: SplitPlan | None = None,
        preprocessing: ImagePreprocessing | None = None,
        augmentation: Augmentation | None = None,
        loading: Loading | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(preprocessing=preprocessing, loading=loading, seed=seed)
        self.source = LesionWorld(seed=seed) if data == LESIONS else data
        self.columns = columns or Columns()
        self.plan = splits or SplitPlan(seed=seed)
        self.augmentation = augmentation or Augmentation()

    def read(self) -> Rows:
        """Reads or draws all rows of all splits.

        Raises:
            DataError: data that cannot be used; the message names the file or rows and the remedy.
        """
        if isinstance(self.source, LesionWorld):
            return prepare_rows(draw_rows(self.source, self.columns), self.plan)
        return prepare_rows(read_rows(self.source, self.columns), self.plan)

    def dataset(self, *, training: bool) -> Dataset[Batch]:
        """Returns random views for training, evaluation crops else."""
        view = self.augmentation if training else None
        return ImageDataset(self.rows, self.preprocessing, augmentation=view, seed=self.seed)

    def in_memory(self) -> bool:
        """Returns whether the pictures are drawn, and so in memory."""
        return isinstance(self.source, LesionWorld)
