"""What tells the kinds of recurrent layers apart: their gates, their step and its derivatives."""

from typing import ClassVar, NamedTuple

from nnxp._backend import Array

__all__ = ["Rule", "Slopes", "State", "Weights"]

State = tuple[Array, ...]


class Weights(NamedTuple):
    """The arrays of one layer in one direction, or the views of their gradients; biases are None without bias."""

    ih: Array
    hh: Array
    bias_ih: Array | None
    bias_hh: Array | None


class Slopes(NamedTuple):
    """The derivatives of all steps, of which the backward loop makes gradients.

    product : (T, N, gates, H), of what a step adds to ``h @ weight_hh.T`` (times the gradient of the state, in place).
    through : (T, N, H) or (T, N, 1), of the state after a step with respect to the one before, past the product.
    own : what a kind needs beside them.
    """

    product: Array
    through: Array | None
    own: tuple[Array, ...] = ()


class Rule:
    """What a kind of recurrent layer does in a step; gates are arrays (N, gates, H), states (N, H).

    Attributes
    ----------
    name : str
        What a library's own loops know the kind by.
    gates, states : int
        How many gates, and how many states: h, and for the LSTM c.
    apart : bool
        Whether a gate multiplies the product: ``bias_hh`` is then added step by step, and its gradient another's.
    """

    name: ClassVar[str]
    gates: ClassVar[int]
    states: ClassVar[int] = 1
    apart: ClassVar[bool] = False

    def constants(self, like: Array) -> tuple[Array, ...]:
        """Return the arrays that every step needs, beside `like`."""
        del like
        return ()

    def step(self, gates: Array, product: Array, state: State, constants: tuple[Array, ...]) -> State:
        """Add the product to the input's part in `gates`, leave the gates' values there, return the new state."""
        raise NotImplementedError

    def slopes(
        self, gates: Array, before: State, after: State, weight: Array, bias: Array | None, real: Array | None
    ) -> Slopes:
        """Return the derivatives of all steps; where `real` (T, N, 1) is 0, the state stays as it is."""
        raise NotImplementedError

    def step_backward(self, slopes: Slopes, t: int, dh: Array, rest: State) -> tuple[Array, State]:
        """Finish ``slopes.product[t]``; return it, and the gradient of the further states before the step."""
        product = slopes.product[t, ...]
        product *= dh[:, None, :]
        return product, rest

    def input_gradient(self, slopes: Slopes) -> Array:
        """Return the gradient of the gates' input part after the loop, where it is not that of the product."""
        raise NotImplementedError
