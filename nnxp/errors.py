"""The exceptions that nnxp adds to Python's own, each with a built-in parent.

``RuntimeError``
    ``DeviceError``: a device that is not there, or does not work.
``ValueError``
    ``FormatError``: a file that is damaged, foreign or larger than allowed.
``ArithmeticError``
    ``GradientError``: a backward formula that disagrees with finite differences.
"""

__all__ = ["DeviceError", "FormatError", "GradientError"]


class DeviceError(RuntimeError):
    """A device that was asked for is missing or does not work; the message says why and what mends it."""


class FormatError(ValueError):
    """A file cannot be read: it is damaged, truncated, of another format, or larger than allowed."""


class GradientError(ArithmeticError):
    """A gradient disagrees with finite differences; the message names the worst entry and its layer."""
