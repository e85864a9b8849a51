"""Tiny layers as computational graphs, node by node: each node knows one operation and its derivative."""

from typing import Any

import numpy as np

from nnxp.explanation.drawing import beside, chain, edge, join, node
from nnxp.layers import Layer, Linear, Sigmoid

__all__ = ["draw"]

Host = np.ndarray[Any, Any]

# What can still be read as a picture.
_ROWS, _COLUMNS = 4, 4


def draw(layer: Layer, arrays: dict[str, Host]) -> str:
    """Return the picture of a layer, from what passed it, by name; nothing where it is too large for one.

    Parameters
    ----------
    layer : Layer
        Linear and Sigmoid are taken apart; any other layer without parameters is one node.
    arrays : mapping of str to array
        ``x``, ``y``, ``dx`` and ``dy``, and the parameters; on the host.
    """
    if not {"x", "y", "dx", "dy"} <= arrays.keys() or not all(_is_tiny(a) for a in arrays.values()):
        return ""
    if type(layer) is Sigmoid:
        return _sigmoid(arrays)
    if type(layer) is Linear:
        return _linear(layer, arrays)
    if len(arrays) > 4:
        return ""
    x, y = edge("x", arrays["x"], arrays["dx"]), edge("y", arrays["y"], arrays["dy"])
    return chain([x, node(layer.display_name), y])


def _is_tiny(a: Host) -> bool:
    sizes = np.atleast_2d(a).shape
    return a.dtype.kind == "f" and len(sizes) == 2 and 0 < sizes[0] <= _ROWS and 0 < sizes[1] <= _COLUMNS


def _sigmoid(arrays: dict[str, Host]) -> str:
    """Take ``y = 1 / (1 + exp(-x))`` apart into four nodes; each gradient is the next one's times a derivative."""
    x, dy = arrays["x"], arrays["dy"]
    with np.errstate(all="ignore"):
        a = -x
        b = np.exp(a)
        c = 1.0 + b
        y = 1.0 / c
        dc = dy * -1.0 / c**2
        db = dc
        da = db * b
        dx = -da
    if not all(np.isfinite(part).all() for part in (b, c, dc, da)):
        return ""
    steps = [("x", x, dx, "* -1"), ("a", a, da, "exp"), ("b", b, db, "+ 1"), ("c", c, dc, "1 /")]
    pictures = [part for name, value, gradient, word in steps for part in (edge(name, value, gradient), node(word))]
    nodes = "back: dc = dy * -1 / c^2, db = dc, da = db * exp(a), dx = da * -1; together dx = dy * y * (1 - y)"
    return f"{chain([*pictures, edge('y', y, dy)])}\n{nodes}"


def _linear(layer: Linear, arrays: dict[str, Host]) -> str:
    """Take ``y = x @ weight.T + bias`` apart into a product and a sum."""
    x, weight, dy = arrays["x"], arrays["weight"], arrays["dy"]
    u = x @ weight.T
    rows_x, rows_dy = np.atleast_2d(x), np.atleast_2d(dy)
    product = join(edge("x", x, dy @ weight), edge("weight.T", weight.T, rows_x.T @ rows_dy), "@")
    if not layer.bias:
        return f"{chain([product, edge('y', u, dy)])}\nback: dx = dy @ weight, dweight = dy.T @ x"
    bias = arrays["bias"]
    total = join(beside(product, edge("u", u, dy)), edge("bias", bias, rows_dy.sum(axis=0)), "+")
    nodes = "back: du = dy, dbias = sum of dy over axis 0, dx = du @ weight, dweight = du.T @ x"
    return f"{chain([total, edge('y', u + bias, dy)])}\n{nodes}"
