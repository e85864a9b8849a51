"""Sigmoid and Affine as computational graphs, node by node, beside the layers' own backward.

Each node knows one operation and its derivative. Going back through the nodes gives the gradients that the layers
`Sigmoid` and `Linear` compute with one formula.
"""

from typing import Any

import numpy as np

from nnxp import Flatten, Linear, Network, Sequential, Sigmoid
from nnxp._table import Table
from nnxp.cli.reproduce._claims import Claim, report

__all__ = ["run"]

SEED = 0
LARGEST_DIFFERENCE = 1e-12

Host = np.ndarray[Any, Any]


def run() -> int:
    """Walk through the graphs in both directions; 0 if the layers agree with them."""
    rng = np.random.default_rng(SEED)
    claims = sigmoid(rng.normal(size=3), rng.normal(size=3))
    for batch in (1, 4):
        claims += affine(rng.normal(size=(batch, 2, 3)), rng.normal(size=(batch, 5)))
    return report(claims, [f"Equal means a difference of at most {LARGEST_DIFFERENCE:.0e}, in float64; seed {SEED}."])


def sigmoid(x: Host, dy: Host) -> list[Claim]:
    """Take ``y = 1 / (1 + exp(-x))`` apart into four nodes."""
    a = x * -1.0
    b = np.exp(a)
    c = b + 1.0
    y = 1.0 / c
    dc = dy * -1.0 / c**2
    db = dc
    da = db * np.exp(a)
    dx = da * -1.0

    rows = [
        ("*", "a = x * -1", shown(a), "dx = da * -1", shown(dx)),
        ("exp", "b = exp(a)", shown(b), "da = db * exp(a)", shown(da)),
        ("+", "c = b + 1", shown(c), "db = dc", shown(db)),
        ("/", "y = 1 / c", shown(y), "dc = dy * -1 / c^2", shown(dc)),
    ]
    print(f"Sigmoid of x = {shown(x)}, with dy = {shown(dy)}\n")
    print(Table(("node", "forward", "value", "backward", "gradient"), rows))
    print("simplified: dx = dy * y * (1 - y)\n")

    net = Network(Sigmoid(), dtype="float64")
    output, cache = net.forward(net.device.put(x))
    gradient = net.backward(cache, net.device.put(dy))
    return [
        equal("Sigmoid: dx by the graph, and simplified", dx, dy * y * (1.0 - y)),
        equal("Sigmoid: y by the graph, and by the layer", y, net.device.get(output)),
        equal("Sigmoid: dx by the graph, and by the layer", dx, net.device.get(gradient)),
    ]


def affine(x: Host, dy: Host) -> list[Claim]:
    """Take ``y = flat(x) @ weight.T + bias`` apart into two nodes, with a change of shape before them."""
    net = Network(Sequential(Flatten(), Linear(x[0].size, dy.shape[1])), dtype="float64", seed=SEED)
    weight, bias = (net.device.get(net.parameters[name]) for name in ("1.weight", "1.bias"))

    flat = x.reshape(len(x), -1)
    u = flat @ weight.T
    y = u + bias
    du = dy
    dbias = np.sum(dy, axis=0)
    dflat = du @ weight
    dweight = du.T @ flat
    dx = dflat.reshape(x.shape)

    batch = "one sample" if len(x) == 1 else f"a batch of {len(x)}"
    print(f"Affine for {batch} of shape {x.shape[1:]}\n")
    print(f"{formulas(x.shape, *weight.shape)}\n")

    output, cache = net.forward(net.device.put(x))
    gradient = net.backward(cache, net.device.put(dy))
    pairs = {
        "y": (y, output),
        "dx": (dx, gradient),
        "dweight": (dweight, net.gradients["1.weight"]),
        "dbias": (dbias, net.gradients["1.bias"]),
    }
    return [
        equal(f"Affine, {batch}: {name} by the graph, and by the layer", ours, net.device.get(theirs))
        for name, (ours, theirs) in pairs.items()
    ]


def formulas(shape: tuple[int, ...], m: int, d: int) -> Table:
    """Write the graph of an affine map of d numbers to m, with the shapes of a batch."""
    n = shape[0]
    rows = [
        ("reshape", f"flat ({n}, {d}) = x {shape}", f"dx {shape} = dflat ({n}, {d})"),
        (
            "matmul",
            f"u ({n}, {m}) = flat ({n}, {d}) @ weight.T ({d}, {m})",
            f"dflat ({n}, {d}) = du ({n}, {m}) @ weight ({m}, {d})",
        ),
        ("", "", f"dweight ({m}, {d}) = du.T ({m}, {n}) @ flat ({n}, {d})"),
        ("add", f"y ({n}, {m}) = u ({n}, {m}) + bias ({m},)", f"du ({n}, {m}) = dy ({n}, {m})"),
        ("", "", f"dbias ({m},) = sum of dy ({n}, {m}) over axis 0"),
    ]
    return Table(("node", "forward", "backward"), rows)


def equal(what: str, a: Host, b: Host) -> Claim:
    """Hold two arrays against each other."""
    difference = float(np.max(np.abs(a - b))) if a.shape == b.shape else np.inf
    return Claim(what, "equal", f"{difference:.1e} apart", difference <= LARGEST_DIFFERENCE)


def shown(x: Host) -> str:
    """Write an array in a line."""
    return f"[{', '.join(f'{value:.4f}' for value in x)}]"
