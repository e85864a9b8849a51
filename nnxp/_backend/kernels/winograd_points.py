"""Winograd's convolution along one axis: three places of a kernel and six of an input make four of an output.

As a product of polynomials it is taken at six points, ``y = A.T @ ((G @ g) * (B.T @ d))``, with six products instead of
twelve [1]_. The points are 0, infinity, and two pairs of numbers that differ by their sign, 1/sqrt(2) and sqrt(2):
of those that make the sums below short they have the smallest errors, a fifth of those of 1 and 2 [2]_.

References
----------
.. [1] Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016, arXiv:1509.09308, section 4.
.. [2] Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks",
   ACM TOMS 46, 2020, arXiv:1803.10986.
"""

from typing import Any

from llvmlite import ir

__all__ = [
    "KERNEL", "SEEN", "WRITTEN", "Line", "Vector", "gradient_line", "input_line", "kernel_gradient_line", "kernel_line",
    "output_line",
]  # fmt: skip

# Places of a kernel, of a tile of the output, and of the input that it sees, which are as many as points.
KERNEL, WRITTEN, SEEN = 3, 4, 6
_P, _Q = 0.5**0.5, 2.0**0.5
# One over the product of a point's differences from all others.
_OF_P, _OF_Q = 1 / (2 * _P**2 * (_P**2 - _Q**2)), 1 / (2 * _Q**2 * (_Q**2 - _P**2))


class Vector:
    """A vector of numbers while code is generated."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fadd(self.value, other.value, flags=["contract"]))

    def __sub__(self, other: "Vector") -> "Vector":
        return Vector(self.builder, self.builder.fsub(self.value, other.value, flags=["contract"]))

    def __rmul__(self, number: float) -> "Vector":
        numbers = ir.Constant(self.value.type, [number] * self.value.type.count)
        return Vector(self.builder, self.builder.fmul(numbers, self.value, flags=["contract"]))


Line = list[Vector]


def input_line(d: Line) -> Line:
    """Return ``B.T @ d``."""
    met = [d[0] - 2.5 * d[2] + d[4]]
    for point, other in ((_P, _Q), (_Q, _P)):
        even, odd = d[4] - other**2 * d[2], d[3] - other**2 * d[1]
        met += [even + point * odd, even - point * odd]
    return [*met, d[1] - 2.5 * d[3] + d[5]]


def kernel_line(g: Line) -> Line:
    """Return ``G @ g``."""
    met = [g[0]]
    for point, share in ((_P, _OF_P), (_Q, _OF_Q)):
        even, odd = share * g[0] + share * point**2 * g[2], share * point * g[1]
        met += [even + odd, even - odd]
    return [*met, g[2]]


def output_line(m: Line) -> Line:
    """Return ``A.T @ m``."""
    (p_sum, q_sum), (p_difference, q_difference) = _pairs(m)
    return [
        m[0] + p_sum + q_sum,
        _P * p_difference + _Q * q_difference,
        _P**2 * p_sum + _Q**2 * q_sum,
        m[5] + _P**3 * p_difference + _Q**3 * q_difference,
    ]


def gradient_line(dy: Line) -> Line:
    """Return ``A @ dy``: what `output_line` makes of points, backwards."""
    met = [dy[0]]
    for point in (_P, _Q):
        even, odd = dy[0] + point**2 * dy[2], dy[1] + point**2 * dy[3]
        met += [even + point * odd, even - point * odd]
    return [*met, dy[3]]


def kernel_gradient_line(m: Line) -> Line:
    """Return ``G.T @ m``: what `kernel_line` makes of places, backwards."""
    (p_sum, q_sum), (p_difference, q_difference) = _pairs(m)
    return [
        m[0] + _OF_P * p_sum + _OF_Q * q_sum,
        _OF_P * _P * p_difference + _OF_Q * _Q * q_difference,
        m[5] + _OF_P * _P**2 * p_sum + _OF_Q * _Q**2 * q_sum,
    ]


def _pairs(m: Line) -> tuple[tuple[Vector, Vector], tuple[Vector, Vector]]:
    """Return the sums and the differences of both pairs of points."""
    return (m[1] + m[2], m[3] + m[4]), (m[1] - m[2], m[3] - m[4])
