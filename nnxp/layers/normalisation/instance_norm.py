"""Normalisation of each channel of each sample."""

from dataclasses import dataclass
from typing import ClassVar

from nnxp._checks import check_number
from nnxp.layers.layer import Views
from nnxp.layers.normalisation.channel_norm import ChannelNorm

__all__ = ["InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"]


@dataclass(frozen=True)
class InstanceNorm(ChannelNorm):
    """What the instance normalisations share: everything but how many axes follow the channels."""

    momentum: float = 0.1
    affine: bool = False
    track_running_stats: bool = False

    first_axis: ClassVar[int] = 2
    value: ClassVar[str] = "spatial element"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(type(self).__name__, "momentum", self.momentum, low=0.0, high=1.0)

    def _rate(self, p: Views) -> float:
        """Return the momentum; batches are not counted."""
        return self.momentum


@dataclass(frozen=True)
class InstanceNorm1d(InstanceNorm):
    """Instance normalisation of series (N, C, length); see `InstanceNorm2d`."""

    sizes: ClassVar[tuple[int, ...]] = (1,)


@dataclass(frozen=True)
class InstanceNorm2d(InstanceNorm):
    """Instance normalisation of images, ``y = weight * z + bias`` with ``z = (x - mean) / sqrt(variance + eps)``.

    Mean and biased variance are those of one channel of one sample; in evaluation, where they are tracked, the running
    ones. Backward, with means over the places of a channel: ``dx = weight * (dy - mean(dy) - z * mean(dy * z)) /
    sqrt(variance + eps)``, with running statistics ``dx = weight * dy / sqrt(variance + eps)``; ``dweight =
    sum(dy * z)``, ``dbias = sum(dy)`` over samples and places.

    Parameters
    ----------
    num_features : int or None
        Channels of the input (N, num_features, height, width); None takes them from the network's ``input_shape``.
    eps : float
        Added to the variance, at least 0.
    momentum : float
        Weight of the *new* value, ``running = (1 - momentum) * running + momentum * measured``. None is refused: in
        PyTorch it lets nothing move, which 0 says more plainly.
    affine : bool
        Whether to learn a weight and a bias for every channel.
    track_running_stats : bool
        Whether to keep running statistics, for evaluation.
    bias : bool
        Whether there is a bias beside the weight.

    Raises
    ------
    ValueError
        If an argument is outside its range, the input is shaped otherwise, or a channel has one place alone.

    Notes
    -----
    ``weight`` starts at 1, ``bias`` at 0. What goes into the buffers ``running_mean`` and ``running_var`` are the means
    over the batch of the instances' means and *unbiased* variances; ``num_batches_tracked`` stays 0, as in PyTorch.
    The cache is ``z``, and one reciprocal standard deviation a channel of a sample.

    References
    ----------
    .. [1] Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016,
       arXiv:1607.08022, eq. 4.
    """

    sizes: ClassVar[tuple[int, ...]] = (2,)


@dataclass(frozen=True)
class InstanceNorm3d(InstanceNorm):
    """Instance normalisation of volumes (N, C, depth, height, width); see `InstanceNorm2d`."""

    sizes: ClassVar[tuple[int, ...]] = (3,)
