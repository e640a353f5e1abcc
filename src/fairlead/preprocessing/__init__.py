"""From an image's bytes to pixels and from a text to tokens: the same code in training and in service."""

from fairlead.preprocessing.decoding import IMAGE_SUFFIXES, MAX_PIXELS, decode_image
from fairlead.preprocessing.flattening import rgb_on_white
from fairlead.preprocessing.image import CropMode, ImagePreprocessing, Interpolation
from fairlead.preprocessing.kinds import preprocessing_of
from fairlead.preprocessing.properties import picture_properties, text_properties
from fairlead.preprocessing.text import Text, TextPreprocessing, Tokens, Words, whole_characters

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "CropMode",
    "ImagePreprocessing",
    "Interpolation",
    "Text",
    "TextPreprocessing",
    "Tokens",
    "Words",
    "decode_image",
    "picture_properties",
    "preprocessing_of",
    "rgb_on_white",
    "text_properties",
    "whole_characters",
]
