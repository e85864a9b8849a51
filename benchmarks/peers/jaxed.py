"""JAX: the whole step one compiled function, whose arguments are given up to its results; a whole epoch in a job."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp

from benchmarks import networks
from benchmarks.peers import Measured, accuracy
from benchmarks.peers.common import answered, convolved, trained
from benchmarks.workloads import Workload, digits

Tree = dict[str, Any]


def linear(x: Any, weight: Any, bias: Any) -> Any:
    return x @ weight.T + bias


def lstm(p: Tree, x: Any) -> Any:
    """Run over (batch, steps, features), the products with the inputs first."""
    inputs = linear(x, p["weight_ih_l0"], p["bias_ih_l0"] + p["bias_hh_l0"]).swapaxes(0, 1)

    def step(state: Any, a: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(a + h @ p["weight_hh_l0"].T, 4, axis=1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[0], p["weight_hh_l0"].shape[1]), x.dtype)
    return lax.scan(step, (zero, zero), inputs)[1].swapaxes(0, 1)


def norm(x: Any, weight: Any, bias: Any) -> Any:
    return jax.nn.standardize(x, axis=-1, epsilon=1e-5) * weight + bias


def encoder(p: Tree, x: Any, heads: int) -> Any:
    batch, steps, width = x.shape
    qkv = linear(x, p["self_attn.in_proj_weight"], p["self_attn.in_proj_bias"])
    q, k, v = (a.reshape(batch, steps, heads, -1) for a in jnp.split(qkv, 3, axis=-1))
    attended = jax.nn.dot_product_attention(q, k, v).reshape(batch, steps, width)
    x = x + linear(attended, p["self_attn.out_proj.weight"], p["self_attn.out_proj.bias"])
    x = norm(x, p["norm1.weight"], p["norm1.bias"])
    inner = jax.nn.relu(linear(x, p["linear1.weight"], p["linear1.bias"]))
    return norm(x + linear(inner, p["linear2.weight"], p["linear2.bias"]), p["norm2.weight"], p["norm2.bias"])


def apply(spec: networks.LayerSpec, p: Tree, x: Any) -> Any:
    match spec:
        case networks.Linear():
            return linear(x, p["weight"], p["bias"])
        case networks.Relu():
            return jax.nn.relu(x)
        case networks.Sigmoid():
            return jax.nn.sigmoid(x)
        case networks.Conv(_, _, _, padding):
            y = (
                lax.conv(x, p["weight"], (1, 1), "VALID")
                if not padding
                else lax.conv_general_dilated(x, p["weight"], (1, 1), [(padding, padding)] * 2)
            )
            return y + p["bias"][:, None, None]
        case networks.Pool():
            return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        case networks.Flatten():
            return x.reshape(x.shape[0], -1)
        case networks.Lstm():
            return lstm(p, x)
        case networks.Last():
            return x[:, -1]
        case networks.Encoder(_, heads, _):
            return encoder(p, x, heads)
        case networks.Mean():
            return x.mean(axis=1)


def forward(work: Workload, weights: Tree, x: Any) -> Any:
    for i, spec in enumerate(work.net.layers):
        own = {name.partition(".")[2]: a for name, a in weights.items() if name.startswith(f"{i}.")}
        x = apply(spec, own, x)
    return x


def updated(work: Workload, state: Any, x: Any, labels: Any) -> Any:
    """Return the state after one step, and the loss before it."""

    def loss(weights: Tree) -> Any:
        logs = jax.nn.log_softmax(forward(work, weights, x))
        return -jnp.take_along_axis(logs, labels[:, None], axis=1).mean()

    weights, mean, square, t = state
    value, slopes = jax.value_and_grad(loss)(weights)
    each = jax.tree.map
    if work.optimizer == "SGD":
        return (each(lambda w, g: w - work.lr * g, weights, slopes), mean, square, t), value
    t = t + 1.0
    mean = each(lambda m, g: 0.9 * m + 0.1 * g, mean, slopes)
    square = each(lambda v, g: 0.999 * v + 0.001 * g * g, square, slopes)
    rate, root = work.lr / (1.0 - 0.9**t), jnp.sqrt(1.0 - 0.999**t)
    weights = each(lambda w, m, v: w - rate * m / (jnp.sqrt(v) / root + 1e-8), weights, mean, square)
    return (weights, mean, square, t), value


def build(work: Workload) -> Measured:
    weights = {name: jnp.asarray(a) for name, a in work.net.weights().items()}
    if work.kind == "predict":
        x, labels = work.data()
        run = jax.jit(lambda x: forward(work, weights, x))
        return answered(run, jnp.asarray(x), labels, jax.block_until_ready)
    if work.kind == "convolution":
        return convolving(work, weights)
    zeros = jax.tree.map(jnp.zeros_like, (weights, weights)) if work.optimizer == "Adam" else ({}, {})
    state = (weights, *zeros, jnp.zeros(()))
    if work.kind == "job":
        return training(work, state)
    compiled = jax.jit(lambda state, x, labels: updated(work, state, x, labels), donate_argnums=0)

    def step(x: Any, labels: Any) -> Any:
        nonlocal state
        state, value = compiled(state, x, labels)
        return value

    return trained(work, step, jnp.asarray, lambda _: jax.block_until_ready(state))


def training(work: Workload, state: Any) -> Measured:
    """Train on the digits: every epoch is one call."""
    images, wanted = work.data()
    x_test, labels = digits()[2:]
    rng = np.random.default_rng(2)
    step = lambda state, batch: updated(work, state, *batch)  # noqa: E731
    epoch = jax.jit(lambda state, rows: lax.scan(step, state, (x[rows], y[rows]))[0])
    x, y = jnp.asarray(images), jnp.asarray(wanted)

    def repeat(n: int) -> None:
        nonlocal state
        for _ in range(n * work.epochs):
            state = epoch(state, rng.permutation(len(images)).reshape(-1, work.batch))
        jax.block_until_ready(state)

    return Measured(lambda: accuracy(np.asarray(forward(work, state[0], x_test).argmax(axis=1)), labels), repeat)


def convolving(work: Workload, weights: Tree) -> Measured:
    """Run a convolution forward and backward."""
    x, dy = map(jnp.asarray, work.data())

    @jax.jit
    def both(weights: Tree, x: Any, dy: Any) -> Any:
        y, pull = jax.vjp(lambda weights, x: forward(work, weights, x), weights, x)
        slopes, dx = pull(dy)
        return [y, dx, *slopes.values()]

    return convolved(lambda: both(weights, x, dy), jax.block_until_ready)
