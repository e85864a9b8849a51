"""The optimizers of the contract: a new one joins by one line, beside the loop over one number that it must equal."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from nnxp.optimizers import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Lion, NAdam, Optimizer, RAdam, RMSprop
from nnxp.schedules import StepLR

Gradient = Callable[[int, float], float]


def rate(o: Any, t: int) -> float:
    return o.lr(t - 1) if callable(o.lr) else o.lr


def sgd(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    buffer = None
    for t in range(1, steps + 1):
        g = gradient(t, p) + o.weight_decay * p
        buffer = g if buffer is None else o.momentum * buffer + (1 - o.dampening) * g
        step = g + o.momentum * buffer if o.nesterov else buffer
        p -= rate(o, t) * (step if o.momentum else g)
    return p


def adam(o: Any, p: float, gradient: Gradient, steps: int, decoupled: bool = False) -> float:
    m = v = largest = 0.0
    for t in range(1, steps + 1):
        g = gradient(t, p) + (0.0 if decoupled else o.weight_decay * p)
        p -= rate(o, t) * o.weight_decay * p if decoupled else 0.0
        m = o.betas[0] * m + (1 - o.betas[0]) * g
        v = o.betas[1] * v + (1 - o.betas[1]) * g * g
        largest = max(largest, v)
        v_hat = (largest if o.amsgrad else v) / (1 - o.betas[1] ** t)
        p -= rate(o, t) * m / (1 - o.betas[0] ** t) / (math.sqrt(v_hat) + o.eps)
    return p


def adamw(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    return adam(o, p, gradient, steps, decoupled=True)


def nadam(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    m = v = 0.0
    mu = [o.betas[0] * (1 - 0.5 * 0.96 ** (t * o.momentum_decay)) for t in range(steps + 2)]
    for t in range(1, steps + 1):
        g = gradient(t, p) + (0.0 if o.decoupled_weight_decay else o.weight_decay * p)
        p -= rate(o, t) * o.weight_decay * p if o.decoupled_weight_decay else 0.0
        m = o.betas[0] * m + (1 - o.betas[0]) * g
        v = o.betas[1] * v + (1 - o.betas[1]) * g * g
        ahead = mu[t + 1] * m / (1 - math.prod(mu[1 : t + 2])) + (1 - mu[t]) * g / (1 - math.prod(mu[1 : t + 1]))
        p -= rate(o, t) * ahead / (math.sqrt(v / (1 - o.betas[1] ** t)) + o.eps)
    return p


def radam(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    m = v = 0.0
    limit = 2 / (1 - o.betas[1]) - 1
    for t in range(1, steps + 1):
        g = gradient(t, p) + (0.0 if o.decoupled_weight_decay else o.weight_decay * p)
        p -= rate(o, t) * o.weight_decay * p if o.decoupled_weight_decay else 0.0
        m = o.betas[0] * m + (1 - o.betas[0]) * g
        v = o.betas[1] * v + (1 - o.betas[1]) * g * g
        rho = limit - 2 * t * o.betas[1] ** t / (1 - o.betas[1] ** t)
        step = m / (1 - o.betas[0] ** t)
        if rho > 5:
            step *= math.sqrt((rho - 4) * (rho - 2) * limit / ((limit - 4) * (limit - 2) * rho))
            step *= math.sqrt(1 - o.betas[1] ** t) / (math.sqrt(v) + o.eps)
        p -= rate(o, t) * step
    return p


def adamax(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    m = u = 0.0
    for t in range(1, steps + 1):
        g = gradient(t, p) + o.weight_decay * p
        m = o.betas[0] * m + (1 - o.betas[0]) * g
        u = max(o.betas[1] * u, abs(g) + o.eps)
        p -= rate(o, t) / (1 - o.betas[0] ** t) * m / u
    return p


def rmsprop(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    v = mean = buffer = 0.0
    for t in range(1, steps + 1):
        g = gradient(t, p) + o.weight_decay * p
        v = o.alpha * v + (1 - o.alpha) * g * g
        mean = o.alpha * mean + (1 - o.alpha) * g
        buffer = o.momentum * buffer + g / (math.sqrt(v - mean * mean if o.centered else v) + o.eps)
        p -= rate(o, t) * buffer
    return p


def adagrad(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    total = o.initial_accumulator_value
    for t in range(1, steps + 1):
        g = gradient(t, p) + o.weight_decay * p
        total += g * g
        p -= rate(o, t) / (1 + (t - 1) * o.lr_decay) * g / (math.sqrt(total) + o.eps)
    return p


def adadelta(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    v = a = 0.0
    for t in range(1, steps + 1):
        g = gradient(t, p) + o.weight_decay * p
        v = o.rho * v + (1 - o.rho) * g * g
        d = math.sqrt(a + o.eps) / math.sqrt(v + o.eps) * g
        a = o.rho * a + (1 - o.rho) * d * d
        p -= rate(o, t) * d
    return p


def lion(o: Any, p: float, gradient: Gradient, steps: int) -> float:
    # Algorithm 2 of arXiv:2302.06675, line by line.
    m = 0.0
    for t in range(1, steps + 1):
        g = gradient(t, p)
        c = o.betas[0] * m + (1 - o.betas[0]) * g
        p = p - rate(o, t) * (math.copysign(1.0, c) * (c != 0.0) + o.weight_decay * p)
        m = o.betas[1] * m + (1 - o.betas[1]) * g
    return p


@dataclass(frozen=True)
class Case:
    """An optimizer, and the loop over one number that says the same."""

    name: str
    optimizer: Optimizer
    naive: Callable[[Any, float, Gradient, int], float]


OPTIMIZER_CASES = [
    Case("sgd", SGD(lr=0.05), sgd),
    Case("sgd_decay", SGD(lr=0.05, weight_decay=0.1), sgd),
    Case("sgd_momentum", SGD(lr=0.05, momentum=0.9), sgd),
    Case("sgd_dampening", SGD(lr=0.05, momentum=0.9, dampening=0.4, weight_decay=0.1), sgd),
    Case("sgd_nesterov", SGD(lr=0.05, momentum=0.9, weight_decay=0.1, nesterov=True), sgd),
    Case("sgd_schedule", SGD(StepLR(0.1, 3, 0.5), momentum=0.9), sgd),
    Case("adam", Adam(lr=0.05), adam),
    Case("adam_decay", Adam(lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1), adam),
    Case("adam_amsgrad", Adam(lr=0.05, betas=(0.9, 0.5), weight_decay=0.1, amsgrad=True), adam),
    Case("adam_schedule", Adam(StepLR(0.1, 3, 0.5)), adam),
    Case("adam_no_memory", Adam(lr=0.05, betas=(0.0, 0.0)), adam),
    Case("adamw", AdamW(lr=0.05), adamw),
    Case("adamw_amsgrad", AdamW(lr=0.05, betas=(0.9, 0.5), eps=1e-3, weight_decay=0.2, amsgrad=True), adamw),
    Case("nadam", NAdam(lr=0.05), nadam),
    Case("nadam_decay", NAdam(lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1, momentum_decay=0.1), nadam),
    Case("nadam_decoupled", NAdam(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True), nadam),
    Case("radam", RAdam(lr=0.05), radam),
    Case("radam_decay", RAdam(lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1), radam),
    Case("radam_decoupled", RAdam(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True), radam),
    Case("radam_never_trusts", RAdam(lr=0.05, betas=(0.9, 0.6)), radam),
    Case("adamax", Adamax(lr=0.05), adamax),
    Case("adamax_decay", Adamax(lr=0.05, betas=(0.8, 0.9), eps=1e-3, weight_decay=0.1), adamax),
    Case("rmsprop", RMSprop(lr=0.05), rmsprop),
    Case("rmsprop_decay", RMSprop(lr=0.05, alpha=0.9, eps=1e-3, weight_decay=0.1), rmsprop),
    Case("rmsprop_momentum", RMSprop(lr=0.05, momentum=0.9), rmsprop),
    Case("rmsprop_centered", RMSprop(lr=0.05, centered=True), rmsprop),
    Case("rmsprop_all", RMSprop(lr=0.05, alpha=0.9, weight_decay=0.1, momentum=0.5, centered=True), rmsprop),
    Case("adagrad", Adagrad(lr=0.05), adagrad),
    Case(
        "adagrad_all",
        Adagrad(lr=0.05, lr_decay=0.2, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3),
        adagrad,
    ),
    Case("adadelta", Adadelta(), adadelta),
    Case("adadelta_decay", Adadelta(lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1), adadelta),
    Case("lion", Lion(lr=0.05), lion),
    Case("lion_decay", Lion(lr=0.05, betas=(0.8, 0.95), weight_decay=0.1), lion),
]


def hyperparameters(optimizer: Any) -> dict[str, Any]:
    """Return what PyTorch's optimizer of the same name takes."""
    return {f.name: getattr(optimizer, f.name) for f in fields(optimizer) if f.name != "decay"}
