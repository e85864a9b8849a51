"""Normalisation of each channel over the batch."""

from dataclasses import dataclass
from typing import ClassVar

from nnxp._backend import Array, namespace
from nnxp._checks import check_number
from nnxp.layers.layer import Views
from nnxp.layers.normalisation.channel_norm import ChannelNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d"]


@dataclass(frozen=True)
class BatchNorm(ChannelNorm):
    """What the batch normalisations share: everything but how many axes follow the channels."""

    first_axis: ClassVar[int] = 0
    value: ClassVar[str] = "value per channel"
    remedy: ClassVar[str] = "choose a batch_size that leaves no single sample over"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.momentum is not None:
            check_number(type(self).__name__, "momentum", self.momentum, low=0.0, high=1.0)

    def _rate(self, p: Views) -> Array | float:
        """Count the batch; return the momentum, or else one over the count, which makes the plain average."""
        tracked = p.num_batches_tracked
        tracked[...] = tracked + 1
        return (
            1.0 / namespace(tracked).astype(tracked, p.running_mean.dtype) if self.momentum is None else self.momentum
        )


@dataclass(frozen=True)
class BatchNorm1d(BatchNorm):
    """Batch normalisation of features (N, C), or of series (N, C, length); see `BatchNorm2d`."""

    sizes: ClassVar[tuple[int, ...]] = (0, 1)


@dataclass(frozen=True)
class BatchNorm2d(BatchNorm):
    """Batch normalisation of images, ``y = weight * z + bias`` with ``z = (x - mean) / sqrt(variance + eps)``.

    Mean and biased variance of each channel are those of the batch in training, or where none are tracked; else the
    running ones. Backward, with means over the batch and all places: ``dx = weight * (dy - mean(dy) - z * mean(dy *
    z)) / sqrt(variance + eps)``, with running statistics ``dx = weight * dy / sqrt(variance + eps)``; ``dweight =
    sum(dy * z)``, ``dbias = sum(dy)``.

    Parameters
    ----------
    num_features : int or None
        Channels of the input (N, num_features, height, width); None takes them from the network's ``input_shape``.
    eps : float
        Added to the variance, at least 0.
    momentum : float, optional
        Weight of the *new* value, ``running = (1 - momentum) * running + momentum * measured``; None averages all
        batches alike.
    affine : bool
        Whether to learn a weight and a bias for every channel.
    track_running_stats : bool
        Whether to keep running statistics, for evaluation.
    bias : bool
        Whether there is a bias beside the weight.

    Raises
    ------
    ValueError
        If an argument is outside its range, the input is shaped otherwise, or a batch in training has one value per
        channel, whose variance is unknown.

    Notes
    -----
    ``weight`` starts at 1, ``bias`` at 0. The buffers ``running_mean`` (at first 0), ``running_var`` (at first 1;
    the *unbiased* variance goes into it) and ``num_batches_tracked`` move in training alone. The variance is measured
    in a second pass, and an empty batch leaves mean and variance alone. The cache is ``z``, and one reciprocal standard
    deviation a channel.

    References
    ----------
    .. [1] Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
       Shift", 2015, arXiv:1502.03167, algorithms 1 and 2.

    Examples
    --------
    >>> list(Network(BatchNorm2d(3)).state_dict())
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    sizes: ClassVar[tuple[int, ...]] = (2,)


@dataclass(frozen=True)
class BatchNorm3d(BatchNorm):
    """Batch normalisation of volumes (N, C, depth, height, width); see `BatchNorm2d`."""

    sizes: ClassVar[tuple[int, ...]] = (3,)
