"""What the recurrent cells have in common: one step of one layer."""

from typing import Any, ClassVar

from nnxp._backend import Array
from nnxp._checks import Shape, message
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views, weight_uses
from nnxp.layers.recurrent.parameters import check_samples, check_sizes, sized, specs_of, weights_of
from nnxp.layers.recurrent.rule import Rule
from nnxp.layers.recurrent.scan import Trace, scan, scan_backward
from nnxp.layers.recurrent.states import nested, read_states, unnested

__all__ = ["RecurrentCell"]


class RecurrentCell(Layer):
    """One step, as a time loop over a single one; a kind of cell gives its fields and its rule."""

    input_size: int | None
    hidden_size: int
    bias: bool
    rule: ClassVar[Rule]

    def __post_init__(self) -> None:
        check_sizes(self)

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight_ih, weight_hh and, unless switched off, bias_ih and bias_hh."""
        return specs_of(sized(self, in_shape), self.hidden_size, self.rule.gates, self.bias)

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of a state."""
        if in_shape is not None:
            check_samples(self, in_shape)
        return (self.hidden_size,)

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products: every weight once."""
        return weight_uses(self, in_shape, ())

    def forward(self, p: Views, x: Array, mode: Mode, *, hx: Any = None) -> tuple[Any, Any]:
        """Return the new state; `hx` is the old one."""
        where = f"{type(self).__name__}.forward"
        size = p.weight_ih.shape[1]
        if x.ndim != 2 or x.shape[1] != size:
            raise ValueError(message(where, f"x of shape (batch, {size})", tuple(x.shape)))
        state = read_states(where, hx, x, self.rule.states, (x.shape[0], self.hidden_size))
        weights = weights_of(p, self.bias)
        _, state, trace = scan(self.rule, weights, x[None, ...], state, None, False, mode.keep_cache)
        return nested(state), None if trace is None else (trace, mode.input_gradient, hx is not None)

    def backward(self, p: Views, g: Views, cache: tuple[Trace, bool, bool], dy: Any) -> Any:
        """Write the gradients of the weights; return dx, or (dx, dhx) where `hx` was given."""
        trace, dx_wanted, hx_given = cache
        d_state = unnested(dy, self.rule.states)
        weights, gradients = weights_of(p, self.bias), weights_of(g, self.bias)
        dx, d_start = scan_backward(self.rule, weights, gradients, trace, None, d_state, dx_wanted)
        dx = None if dx is None else dx[0, ...]
        return (dx, nested(d_start)) if hx_given else dx
