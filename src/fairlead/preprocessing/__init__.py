"""From the bytes of an image to the pixels a backbone expects: the same code in training and in service."""

from fairlead.preprocessing.decoding import IMAGE_SUFFIXES, MAX_PIXELS, decode_image
from fairlead.preprocessing.flattening import rgb_on_white
from fairlead.preprocessing.image import CropMode, ImagePreprocessing, Interpolation

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "CropMode",
    "ImagePreprocessing",
    "Interpolation",
    "decode_image",
    "rgb_on_white",
]
