"""Changes to training batches that leave their meaning: shifts, flips, crops, rotations, noise, mixtures.

``fit(..., augment=[RandomShift(2), GaussianNoise(0.05)])`` applies them in this order to every training batch, on the
network's device, and to nothing that is predicted or evaluated. What is drawn follows from the seed, the step and the
place in the list alone: the same on every device, and for a run that was interrupted and resumed.
"""

from nnxp.augmentations.augmentation import Augmentation
from nnxp.augmentations.crop import RandomCrop
from nnxp.augmentations.erasing import RandomErasing
from nnxp.augmentations.flip import RandomFlip
from nnxp.augmentations.mixup import Mixup
from nnxp.augmentations.noise import GaussianNoise
from nnxp.augmentations.rotation import RandomRotation
from nnxp.augmentations.shift import RandomShift

__all__ = [
    "Augmentation",
    "GaussianNoise",
    "Mixup",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotation",
    "RandomShift",
]
