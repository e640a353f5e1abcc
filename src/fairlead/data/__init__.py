"""From raw files to batches: rows checked, divided and decoded."""

from fairlead.data.augmentation import Augmentation, pixels
from fairlead.data.batch import Batch
from fairlead.data.columns import Columns
from fairlead.data.data_module import Loading, RowsDataModule
from fairlead.data.feature_cache import FeatureCache, compute_features
from fairlead.data.image_data import ImageDataModule
from fairlead.data.image_dataset import ImageDataset
from fairlead.data.items import Items
from fairlead.data.length_grouping import LengthGroupedSampler
from fairlead.data.nuisances import MaskFiles, Nuisances, RegionOf
from fairlead.data.picture_stream import PictureStream
from fairlead.data.pictures import ArrayPictures, FilePictures, Pictures
from fairlead.data.reading import list_pictures, read_rows
from fairlead.data.rows import RawRows, Rows, prepare_rows
from fairlead.data.sampling import Draw, EvaluationSampler, TrainingSampler
from fairlead.data.splitting import SplitPlan
from fairlead.data.table import Table
from fairlead.data.term_lists import TermLists
from fairlead.data.text_augmentation import TextAugmentation
from fairlead.data.text_data import TextDataModule
from fairlead.data.text_dataset import TextDataset
from fairlead.data.text_reading import read_texts
from fairlead.data.text_stream import TextStream
from fairlead.data.texts import StoredTexts, Texts
from fairlead.data.token_store import TokenStore

__all__ = [
    "ArrayPictures",
    "Augmentation",
    "Batch",
    "Columns",
    "Draw",
    "EvaluationSampler",
    "FeatureCache",
    "FilePictures",
    "ImageDataModule",
    "ImageDataset",
    "Items",
    "LengthGroupedSampler",
    "Loading",
    "MaskFiles",
    "Nuisances",
    "PictureStream",
    "Pictures",
    "RawRows",
    "RegionOf",
    "Rows",
    "RowsDataModule",
    "SplitPlan",
    "StoredTexts",
    "Table",
    "TermLists",
    "TextAugmentation",
    "TextDataModule",
    "TextDataset",
    "TextStream",
    "Texts",
    "TokenStore",
    "TrainingSampler",
    "compute_features",
    "list_pictures",
    "pixels",
    "prepare_rows",
    "read_rows",
    "read_texts",
]
