"""Recurrent layers, attention, and the layers of the transformer, part by part."""

from typing import Any

from nnxp import layers as nl
from nnxp._parameters import join
from nnxp.io.plain.functions import attention as a
from nnxp.io.plain.functions import recurrent as r
from nnxp.io.plain.writer import Template, Writer
from nnxp.layers import Layer
from nnxp.layers.attention.block import FEED_FORWARD

__all__ = ["TEMPLATES"]

Inputs = tuple[str, ...]

_STEPS = {"tanh": r.rnn_step, "relu": r.rnn_relu_step, "lstm": r.lstm_step, "gru": r.gru_step}


def _step(w: Writer, layer: Any) -> str:
    function = _STEPS[layer.rule.name]
    w.functions[function] = None
    return function.__name__


def _recurrent(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    sizes = {"states": layer.rule.states, "layers": layer.num_layers, "directions": len(layer.directions)}
    both = w.call(r.recurrent, *x, w.part(path), _step(w, layer), **sizes)
    if not layer.return_state:
        return f"{both}[0]"
    w.several.add(target)
    return both


def _cell(w: Writer, layer: Any, path: str, x: Inputs, target: str) -> str:
    w.several |= {target} if layer.rule.states > 1 else set()
    return w.call(r.recurrent_cell, *x, w.part(path), _step(w, layer), states=layer.rule.states)


def _attention(w: Writer, layer: nl.MultiheadAttention, path: str, x: Inputs, target: str) -> str:
    w.several.add(target)
    if layer.add_bias_kv or layer.add_zero_attn:
        named = {"heads": layer.num_heads, "zero": layer.add_zero_attn}
        return w.call(a.longer_attention, *x, w.part(path), **named)
    return w.call(a.multihead_attention, *x, w.part(path), heads=layer.num_heads)


def _positions(w: Writer, layer: nl.PositionalEncoding, path: str, x: Inputs, target: str) -> str:
    return f"{x[0]} + {w.call(a.waves, f'{x[0]}.shape[1]', layer.d_model)}.astype({x[0]}.dtype)"


def _learned_positions(w: Writer, layer: nl.LearnedPositionalEncoding, path: str, x: Inputs, target: str) -> str:
    return f"{x[0]} + {w.array(path, 'weight')}[: {x[0]}.shape[1]]"


def _block(w: Writer, layer: Any, path: str, inputs: Inputs, target: str) -> str:
    """Write ``x = norm(x + f(x))``, or ``x = x + f(norm(x))``, for each attention and the feed-forward network."""
    parts = layer.children()
    x, *memory = inputs

    def run(name: str, value: str, into: str) -> str:
        return w.run(parts[name], join(path, name), (value,), into)

    with w.name("a") as a:
        for number, name in enumerate((*layer.ATTENTIONS, "feed-forward"), start=1):
            inner = run(f"norm{number}", x, a) if layer.norm_first else x
            if name == "feed-forward":
                for part in FEED_FORWARD:
                    inner = run(part, inner, a)
            else:
                others = (inner, inner) if name == "self_attn" else (memory[0], memory[0])
                w.run(parts[name], join(path, name), (inner, *others), f"{a}, _")
                inner = a
            inner = run(f"dropout{number}", inner, a)
            w.assign(target, f"{x} + {inner}")
            x = target if layer.norm_first else run(f"norm{number}", target, target)
    return x


def _stack(w: Writer, layer: Any, path: str, inputs: Inputs, target: str) -> str:
    """Write the layers, each on the output of the one before and on the same memory, then the norm."""
    x, *memory = inputs
    parts = layer.children()
    for name, each in parts["layers"].children().items():
        x = w.run(each, join(path, f"layers.{name}"), (x, *memory), target)
    return w.run(parts["norm"], join(path, "norm"), (x,), target) if "norm" in parts else x


def _transformer(w: Writer, layer: nl.Transformer, path: str, inputs: Inputs, target: str) -> str:
    parts = layer.children()
    with w.name("memory") as memory:
        encoded = w.run(parts["encoder"], join(path, "encoder"), inputs[:1], memory)
        return w.run(parts["decoder"], join(path, "decoder"), (inputs[1], encoded), target)


TEMPLATES: dict[type[Layer], Template | str] = {
    **dict.fromkeys((nl.RNN, nl.LSTM, nl.GRU), _recurrent),
    **dict.fromkeys((nl.RNNCell, nl.LSTMCell, nl.GRUCell), _cell),
    nl.MultiheadAttention: _attention,
    nl.PositionalEncoding: _positions,
    nl.LearnedPositionalEncoding: _learned_positions,
    **dict.fromkeys((nl.TransformerEncoderLayer, nl.TransformerDecoderLayer), _block),
    **dict.fromkeys((nl.TransformerEncoder, nl.TransformerDecoder), _stack),
    nl.Transformer: _transformer,
}
