"""How a backbone's evaluation crop is cut from a picture."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fairlead.errors import ConfigurationError, DataError, UnknownNameError

CropMode = Literal["center", "squash", "border"]
Interpolation = Literal["bicubic", "bilinear", "nearest", "lanczos", "hamming", "box"]

# A whole resized picture of more pixels is never made: its central part is resized alone.
_MOST_RESIZED_PIXELS = 50_000_000
_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class ImagePreprocessing:
    """How a picture is resized and cropped for one backbone, and how the module then normalises it.

    The crop is that of timm's evaluation transform, to the last bit, without torch: training and service run this
    one function. Normalisation is not done here; it is the first layer of the module, and of the exported graph.

    Attributes:
        size: Height and width of the crop in pixels.
        crop_fraction: Side of the crop over side of the resized picture; timm's ``crop_pct``. Above 1, the resized
            picture is smaller than the crop and is padded.
        crop_mode: ``center``: shorter edge to the crop's, the rest cut off. ``squash``: both edges to the crop's,
            the aspect ratio lost. ``border``: longer edge to the crop's, the rest filled with the mean colour.
        interpolation: Pillow's resampling filter.
        mean: Of each channel, for pixels in 0 to 1.
        std: Of each channel, likewise.

    Raises:
        ConfigurationError: a value that cannot work.

    Examples:
        >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 8, 8), "crop_pct": 1.0})
        >>> preprocessing.evaluation_crop(Image.new("RGB", (30, 20), "red")).shape
        (8, 8, 3)
        >>> preprocessing.with_size((4, 6)).size
        (4, 6)
    """

    size: tuple[int, int]
    crop_fraction: float
    crop_mode: CropMode
    interpolation: Interpolation
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    def __post_init__(self) -> None:
        for field, length in (("size", 2), ("mean", 3), ("std", 3)):
            object.__setattr__(self, field, _numbers(field, getattr(self, field), length))
        if any(not isinstance(side, int) or side < 1 for side in self.size):
            raise ConfigurationError(f"size is {self.size}; give height and width as whole numbers of at least 1")
        if not _is_number(self.crop_fraction) or not 0.1 <= self.crop_fraction <= 2.0:
            raise ConfigurationError(
                f"crop_fraction is {self.crop_fraction!r}; give a fraction from 0.1 to 2, such as 0.875 (not per cent)"
            )
        if any(not 0 <= value <= 1 for value in self.mean) or any(value <= 0 for value in self.std):
            raise ConfigurationError(
                f"mean is {self.mean} and std {self.std}; give means in 0 to 1 and stds above 0, for pixels in 0 to 1"
            )
        for field, value, known in (
            ("crop mode", self.crop_mode, get_args(CropMode)),
            ("interpolation", self.interpolation, get_args(Interpolation)),
        ):
            if value not in known:
                raise UnknownNameError(field, str(value), known)

    @classmethod
    def from_timm(cls, config: Mapping[str, object]) -> ImagePreprocessing:
        """Reads a timm data configuration, or a ``pretrained_cfg`` as a dict; keys left out have timm's defaults.

        The interpolation ``"random"`` means bilinear, as in timm wherever nothing is augmented.

        Raises:
            ConfigurationError: not three channels, a trimmed border, or a value that cannot work.

        Examples:
            >>> ImagePreprocessing.from_timm({"input_size": (3, 224, 224), "crop_pct": 0.9}).crop_fraction
            0.9
        """
        input_size = config.get("input_size") or (3, 224, 224)
        if not isinstance(input_size, (tuple, list)) or len(input_size) != 3 or input_size[0] != 3:
            raise ConfigurationError(
                f"input_size is {input_size!r}; only (3, height, width) can be used: choose a backbone for RGB images"
            )
        if config.get("crop_border_pixels"):
            raise ConfigurationError(
                f"crop_border_pixels is {config['crop_border_pixels']!r}; trimming is not supported, leave it out"
            )
        interpolation = config.get("interpolation") or "bicubic"
        return cls.from_dict(
            {
                "size": tuple(input_size[1:]),
                "crop_fraction": config.get("crop_pct") or 0.875,
                "crop_mode": config.get("crop_mode") or "center",
                "interpolation": "bilinear" if interpolation == "random" else interpolation,
                "mean": config.get("mean") or _IMAGENET_MEAN,
                "std": config.get("std") or _IMAGENET_STD,
            }
        )

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> ImagePreprocessing:
        """Reads what ``to_dict`` wrote.

        Raises:
            ConfigurationError: a field is missing or unknown, or a value cannot work.

        Examples:
            >>> preprocessing = ImagePreprocessing.from_timm({})
            >>> ImagePreprocessing.from_dict(preprocessing.to_dict()) == preprocessing
            True
        """
        names = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in names:
                raise UnknownNameError("field", name, names, where="an image preprocessing")
        missing = [name for name in names if name not in values]
        if missing:
            raise ConfigurationError(f"an image preprocessing lacks {', '.join(missing)}; it needs {', '.join(names)}")
        return cls(**dict(values))  # type: ignore[arg-type]  # the constructor checks every value

    def to_dict(self) -> dict[str, object]:
        """Returns the fields as JSON knows them: numbers, strings and lists.

        Examples:
            >>> ImagePreprocessing.from_timm({}).to_dict()["size"]
            [224, 224]
        """
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in ((field.name, getattr(self, field.name)) for field in dataclasses.fields(self))
        }

    def with_size(self, size: int | tuple[int, int]) -> ImagePreprocessing:
        """Returns the same with another crop size: a side, or height and width.

        Raises:
            ConfigurationError: not whole numbers of at least 1.

        Examples:
            >>> ImagePreprocessing.from_timm({}).with_size(128).size
            (128, 128)
        """
        return dataclasses.replace(self, size=(size, size) if isinstance(size, int) else size)

    def evaluation_crop(self, image: Image.Image) -> NDArray[np.uint8]:
        """Resizes and crops a picture as timm's evaluation transform does, bit for bit.

        Where timm would make a resized picture of over 50 million pixels to cut a small crop from it (a picture
        hundreds of times as long as wide), the central part alone is resized, and a level may differ by rounding.
        Where timm fails, because an edge rounds to nothing, the edge is one pixel.

        Args:
            image: In mode RGB, as ``decode_image`` gives it.

        Returns:
            Pixels of shape (height, width, 3), writable.

        Raises:
            DataError: the picture is not RGB.

        Examples:
            >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 2, 2)})
            >>> preprocessing.evaluation_crop(Image.new("RGB", (5, 9), (1, 2, 3)))[0, 0]
            array([1, 2, 3], dtype=uint8)
        """
        if image.mode != "RGB":
            raise DataError(f"the picture has mode {image.mode}, not RGB; read it with decode_image")
        height, width = self._resized_size(image.height, image.width)
        crop_height, crop_width = self.size
        left, top = _offset(width, crop_width), _offset(height, crop_height)
        box = (left, top, left + crop_width, top + crop_height)
        resample = Image.Resampling[self.interpolation.upper()]
        if height * width > _MOST_RESIZED_PIXELS:
            # Of the resized picture, only what the crop shows.
            shown = (max(left, 0), max(top, 0), min(box[2], width), min(box[3], height))
            across, down = image.width / width, image.height / height
            source = (shown[0] * across, shown[1] * down, shown[2] * across, shown[3] * down)
            image = image.resize((shown[2] - shown[0], shown[3] - shown[1]), resample, box=source)
            box = (left - shown[0], top - shown[1], left - shown[0] + crop_width, top - shown[1] + crop_height)
        elif image.size != (width, height):
            image = image.resize((width, height), resample)
        return np.array(self._cut(image, box))

    def region_crop(self, region: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Crops a region of a picture exactly as ``evaluation_crop`` crops the picture.

        Args:
            region: (H, W) of a picture of that size, upright.

        Returns:
            (height, width) of the crop: every pixel that covers any of the region, however little; none beside the
            picture. A resampling filter wider than a pixel also carries a little of its colours to the pixels next to
            these.

        Raises:
            DataError: not two dimensions of at least one pixel, or other values than true and false.

        Examples:
            >>> preprocessing = ImagePreprocessing.from_timm({"input_size": (3, 2, 2), "crop_pct": 1.0})
            >>> preprocessing.region_crop(np.eye(8, dtype=bool)).tolist()
            [[True, False], [False, True]]
        """
        if region.ndim != 2 or not region.size or region.dtype != np.bool_:
            raise DataError(
                f"a region is (height, width) of true and false, got {region.dtype} of {region.shape}; "
                "give a mask of the picture before it is resized"
            )
        sides = self._resized_size(*region.shape)
        down, across = (
            _covered(side, resized, crop) for side, resized, crop in zip(region.shape, sides, self.size, strict=True)
        )
        sums = np.zeros((region.shape[0] + 1, region.shape[1] + 1), dtype=np.int64)
        np.cumsum(np.cumsum(region, axis=0, dtype=np.int64), axis=1, out=sums[1:, 1:])
        (top, bottom), (left, right) = (tuple(ends[:, None] for ends in down), across)
        inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
        return np.asarray(inside > 0)

    def _cut(self, image: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
        left, top, right, bottom = box
        if self.crop_mode != "border" or (left >= 0 and top >= 0 and right <= image.width and bottom <= image.height):
            return image.crop(box)  # black outside
        red, green, blue = (round(255 * value) for value in self.mean)
        canvas = Image.new("RGB", (right - left, bottom - top), (red, green, blue))
        canvas.paste(image, (-left, -top))
        return canvas

    def _resized_size(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width of the resized picture, rounded where and as timm and torchvision round."""
        scale_height, scale_width = (max(1, math.floor(side / self.crop_fraction)) for side in self.size)
        if self.crop_mode == "squash":
            return scale_height, scale_width
        if self.crop_mode == "center" and scale_height == scale_width:
            if width <= height:
                return int(scale_width * height / width), scale_width
            return scale_height, int(scale_height * width / height)
        ratios = height / scale_height, width / scale_width
        ratio = max(ratios) if self.crop_mode == "border" else min(ratios)
        return max(1, round(height / ratio)), max(1, round(width / ratio))


def _offset(side: int, crop_side: int) -> int:
    """Returns where the crop begins on an edge; below 0 where the edge is padded (the smaller half before it)."""
    return round((side - crop_side) / 2) if side >= crop_side else -((crop_side - side) // 2)


def _covered(side: int, resized: int, crop: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns for each of the crop's pixels along an edge which of the picture's it covers: first, and after last."""
    place = np.arange(crop, dtype=np.int64) + _offset(resized, crop)
    inside = (place >= 0) & (place < resized)
    place = np.where(inside, place, 0)
    first, end = place * side // resized, -(-(place + 1) * side // resized)
    return np.where(inside, first, 0), np.where(inside, end, 0)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _numbers(field: str, values: object, length: int) -> tuple[int | float, ...]:
    if not isinstance(values, (tuple, list)) or len(values) != length or not all(map(_is_number, values)):
        raise ConfigurationError(f"{field} is {values!r}; give {length} numbers")
    return tuple(values)
