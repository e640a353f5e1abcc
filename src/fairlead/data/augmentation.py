"""Random views of a training picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from fairlead.errors import ConfigurationError
from fairlead.preprocessing import ImagePreprocessing

_INTERPOLATION = {
    "bilinear": v2.InterpolationMode.BILINEAR,
    "bicubic": v2.InterpolationMode.BICUBIC,
    "nearest": v2.InterpolationMode.NEAREST,
    "lanczos": v2.InterpolationMode.LANCZOS,
    "hamming": v2.InterpolationMode.HAMMING,
    "box": v2.InterpolationMode.BOX,
}
POLICIES = ("none", "trivial", "rand")


@dataclass(frozen=True)
class Augmentation:
    """What may vary between two views of one training picture.

    Each view is a function of (seed, epoch, row): the same on any number of workers, and after a resume.

    Attributes:
        scale: Smallest share of the picture's area a random crop keeps; 1 turns random cropping off and
            takes the evaluation crop.
        flip: Chance of a left-right flip.
        vertical_flip: Chance of an up-down flip; for pictures without an up, such as skin lesions.
        jitter: Strength of brightness, contrast and saturation changes, 0 to 1.
        policy: ``"trivial"`` (TrivialAugment, Mueller and Hutter 2021), ``"rand"`` (RandAugment, Cubuk et
            al. 2020) or ``"none"``.
        erase: Chance that a random rectangle is filled with the mean colour (Zhong et al. 2020).

    Raises:
        ConfigurationError: a share or chance outside [0, 1], or an unknown policy.

    Examples:
        >>> Augmentation(scale=0.3).flip
        0.5
    """

    scale: float = 0.35
    flip: float = 0.5
    vertical_flip: float = 0.0
    jitter: float = 0.2
    policy: str = "none"
    erase: float = 0.1

    def __post_init__(self) -> None:
        for name in ("flip", "vertical_flip", "jitter", "erase"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"augmentation {name} must lie in [0, 1], got {getattr(self, name)}")
        if not 0 < self.scale <= 1:
            raise ConfigurationError(f"augmentation scale must lie in (0, 1], got {self.scale}")
        if self.policy not in POLICIES:
            raise ConfigurationError(f"augmentation policy must be one of {', '.join(POLICIES)}, got {self.policy!r}")

    @classmethod
    def off(cls) -> Augmentation:
        """Returns the augmentation that changes nothing: the evaluation crop."""
        return cls(scale=1, flip=0, jitter=0, erase=0)

    def build(self, preprocessing: ImagePreprocessing) -> Callable[[Image.Image], Tensor]:
        """Returns the view: a picture to (3, H, W) uint8; it draws from torch's global generator."""
        view: Callable[[Image.Image], Tensor] = v2.Compose(
            [self._crop(preprocessing), *self._colours(), *self._erasing(preprocessing.mean)]
        )
        return view

    def _crop(self, preprocessing: ImagePreprocessing) -> v2.Transform:
        if self.scale == 1:
            # A partial can be sent to a worker that is started afresh; a lambda cannot.
            return v2.Lambda(partial(pixels, preprocessing=preprocessing), Image.Image)
        crop = v2.RandomResizedCrop(
            preprocessing.size,
            scale=(self.scale, 1.0),
            ratio=(3 / 4, 4 / 3),
            interpolation=_INTERPOLATION[preprocessing.interpolation],
        )
        return v2.Compose([crop, v2.PILToTensor()])

    def _colours(self) -> list[v2.Transform]:
        steps: list[v2.Transform] = []
        if self.flip:
            steps.append(v2.RandomHorizontalFlip(self.flip))
        if self.vertical_flip:
            steps.append(v2.RandomVerticalFlip(self.vertical_flip))
        if self.policy == "trivial":
            steps.append(v2.TrivialAugmentWide())
        elif self.policy == "rand":
            steps.append(v2.RandAugment())
        if self.jitter:
            steps.append(v2.ColorJitter(self.jitter, self.jitter, self.jitter))
        return steps

    def _erasing(self, mean: Sequence[float]) -> list[v2.Transform]:
        if not self.erase:
            return []
        return [v2.RandomErasing(self.erase, value=[round(255 * channel) for channel in mean])]


def pixels(image: Image.Image, preprocessing: ImagePreprocessing) -> Tensor:
    """Returns the evaluation crop as (3, H, W) uint8."""
    return torch.from_numpy(preprocessing.evaluation_crop(image)).permute(2, 0, 1).contiguous()


def seed_of(seed: int, epoch: int, row: int) -> int:
    """Mixes three numbers into a seed; equal triples give equal views wherever they are drawn.

    Examples:
        >>> seed_of(0, 1, 2) == seed_of(0, 1, 2) != seed_of(0, 2, 1)
        True
    """
    import numpy as np

    return int(np.random.SeedSequence([seed, epoch, row]).generate_state(1, np.uint64)[0] >> 1)
