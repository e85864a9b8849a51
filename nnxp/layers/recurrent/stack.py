"""What the recurrent layers have in common: layers on top of each other, in one direction or two."""

from typing import Any, ClassVar, NamedTuple

from nnxp._backend import Array, constant, namespace
from nnxp._checks import Shape, check_number, check_positive_int, check_same_shape, message
from nnxp.layers.beside import check_place
from nnxp.layers.layer import Layer, Mode, ParameterSpec, Views, weight_uses
from nnxp.layers.recurrent.parameters import check_samples, check_sizes, sized, specs_of, weights_of
from nnxp.layers.recurrent.rule import Rule
from nnxp.layers.recurrent.scan import Trace, scan, scan_backward
from nnxp.layers.recurrent.states import nested, read_states, unnested

__all__ = ["Recurrent"]

DIRECTIONS = ("", "_reverse")


class Level(NamedTuple):
    """What one layer of a stack keeps: a trace for each direction, and what dropout kept of its output."""

    traces: list[Trace]
    kept: Array | None


class Cache(NamedTuple):
    """What a stack keeps."""

    levels: list[Level]
    real: Array | None
    shape: tuple[int, ...]
    dx_wanted: bool
    hx_given: bool


class Recurrent(Layer):
    """Layers on top of each other; a kind of layer gives its fields and its rule."""

    input_size: int | None
    hidden_size: int
    num_layers: int
    bias: bool
    batch_first: bool
    dropout: float
    bidirectional: bool
    return_state: bool
    rule: ClassVar[Rule]

    def __post_init__(self) -> None:
        check_sizes(self)
        check_positive_int(type(self).__name__, "num_layers", self.num_layers)
        check_number(type(self).__name__, "dropout", self.dropout, low=0.0, high=1.0)

    @property
    def directions(self) -> tuple[str, ...]:
        """The endings of the parameters' names, one for each direction."""
        return DIRECTIONS if self.bidirectional else DIRECTIONS[:1]

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        """Return weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, then those of _l0_reverse, of _l1, ..."""
        size = sized(self, in_shape)
        specs: dict[str, ParameterSpec] = {}
        for k in range(self.num_layers):
            for ending in self.directions:
                specs |= specs_of(size, self.hidden_size, self.rule.gates, self.bias, f"_l{k}{ending}")
            size = self.hidden_size * len(self.directions)
        return specs

    def output_shape(self, in_shape: Shape | None) -> Shape | None:
        """Return the shape of one sample's output, the states beside it left out."""
        size = self.hidden_size * len(self.directions)
        if in_shape is None:
            return (None, size)
        check_samples(self, in_shape, self._axes[1])
        return (in_shape[0], size)

    @property
    def _axes(self) -> tuple[str, str]:
        return ("batch", "steps") if self.batch_first else ("steps", "batch")

    def multiply_adds(self, in_shape: Shape | None, out_shape: Shape | None) -> int | None:
        """Count the products: every weight at every step."""
        return weight_uses(self, in_shape, in_shape and in_shape[:1])

    def forward(
        self, p: Views, x: Array, mode: Mode, *, hx: Any = None, mask: Array | None = None
    ) -> tuple[Any, Cache | None]:
        """Return the output, and the final states unless they are switched off; the cache is every layer's traces."""
        x, real = self._read(p, x, mask)
        where, xp = f"{type(self).__name__}.forward", namespace(x)
        shape = (self.num_layers * len(self.directions), x.shape[1], self.hidden_size)
        starts = read_states(where, hx, x, self.rule.states, shape)
        levels: list[Level] = []
        ends: list[tuple[Array, ...]] = []
        for k in range(self.num_layers):
            outputs: list[Array] = []
            traces: list[Any] = []
            for d, ending in enumerate(self.directions):
                state = tuple(start[len(ends), ...] for start in starts)
                weights = weights_of(p, self.bias, f"_l{k}{ending}")
                output, end, trace = scan(self.rule, weights, x, state, real, d == 1, mode.keep_cache)
                outputs.append(output)
                traces.append(trace)
                ends.append(end)
            x = blank(outputs[0] if len(outputs) == 1 else xp.concat(outputs, axis=2), real)
            kept = None
            if mode.training and self.dropout > 0 and k < self.num_layers - 1:
                kept = mode.random.keep(x, self.dropout, call=k)
                x = self._dropped(x, kept)
            levels.append(Level(traces, kept))
        y = swapped(x) if self.batch_first else x
        cache = Cache(levels, real, shape, mode.input_gradient, hx is not None) if mode.keep_cache else None
        if not self.return_state:
            return y, cache
        return (y, nested(tuple(xp.stack(column) for column in zip(*ends, strict=True)))), cache

    def backward(self, p: Views, g: Views, cache: Cache, dy: Any) -> Any:
        """Write the gradients of the weights; return dx, or (dx, dhx) where `hx` was given."""
        d_output, d_state = dy if self.return_state else (dy, None)
        if self.batch_first and d_output is not None:
            d_output = swapped(d_output)
        d_ends = unnested(d_state, self.rule.states)
        starts: list[Any] = [None] * cache.shape[0]
        size, count = self.hidden_size, len(self.directions)
        for k in reversed(range(self.num_layers)):
            level, dx_wanted = cache.levels[k], cache.dx_wanted or k > 0
            if d_output is not None:
                d_output = d_output if level.kept is None else self._dropped(d_output, level.kept)
                d_output = blank(d_output, cache.real)
            total = None
            for d, ending in enumerate(self.directions):
                place = k * count + d
                suffix = f"_l{k}{ending}"
                dx, starts[place] = scan_backward(
                    self.rule, weights_of(p, self.bias, suffix), weights_of(g, self.bias, suffix), level.traces[d],
                    None if d_output is None else d_output[..., d * size : (d + 1) * size],
                    [None if end is None else end[place, ...] for end in d_ends], dx_wanted,
                )  # fmt: skip
                if total is None:
                    total = dx
                elif dx is not None:
                    total += dx
            d_output = total
        dx = swapped(d_output) if self.batch_first and d_output is not None else d_output
        if not cache.hx_given:
            return dx
        return dx, nested(tuple(namespace(column[0]).stack(column) for column in zip(*starts, strict=True)))

    def _read(self, p: Views, x: Array, mask: Array | None) -> tuple[Array, Array | None]:
        """Check input and mask; return them with time first, the input zero where the mask is False."""
        where, size = f"{type(self).__name__}.forward", p.weight_ih_l0.shape[1]
        if x.ndim != 3 or x.shape[2] != size:
            raise ValueError(message(where, f"x of shape ({', '.join(self._axes)}, {size})", tuple(x.shape)))
        x_in_time = swapped(x) if self.batch_first else x
        steps, batch, _ = x_in_time.shape
        if steps == 0:
            raise ValueError(message(where, "x of at least one step", tuple(x.shape)))
        if mask is None:
            return x_in_time, None
        check_place(where, "mask", mask, x)
        if mask.dtype != namespace(x).bool:
            raise TypeError(message(where, "mask of dtype bool, True at real steps", mask.dtype))
        check_same_shape(where, "mask", mask.shape, (batch, steps))
        real = swapped(mask)[..., None]
        return blank(x_in_time, real), real

    def _dropped(self, x: Array, kept: Array) -> Array:
        scaled = namespace(x).astype(kept, x.dtype)
        scaled *= 1.0 / (1.0 - self.dropout) if self.dropout < 1 else 0.0
        scaled *= x
        return scaled


def swapped(x: Array) -> Array:
    """Swap the first two axes: batch and time."""
    return namespace(x).permute_dims(x, (1, 0, *range(2, x.ndim)))


def blank(x: Array, real: Array | None) -> Array:
    """Return zero where a step is not real, whatever stands there."""
    return x if real is None else namespace(x).where(real, x, constant(0.0, x))
