"""Graph, Add and Concatenate."""

from __future__ import annotations

from nnxp.layers import Add, Concatenate, Graph, Linear, Sequential, Tanh
from tests import oracles as o
from tests.layer_cases.adapted import Adapted, adapted
from tests.layer_cases.case import Case
from tests.layer_cases.joined import Joined
from tests.oracles_graph import add, concatenate, graph, joined

# One layer at two places, the second behind the first; nodes in no order.
AGAIN = Graph(
    inputs=("x",),
    nodes=(("sum", Add(), ("first", "second")), ("second", "first", "between"), ("between", Tanh(), "first"),
           ("first", Linear(3, 3), "x")),
    outputs=("sum",),
)  # fmt: skip
TWINS = Graph(
    inputs=("a", "b"),
    nodes=(("h", Sequential(Linear(3, 4), Tanh()), "a"), ("k", "h", "b"), ("both", Concatenate(), ("h", "k", "a")),
           ("y", Linear(11, 2), "both")),
    outputs=("y",),
)  # fmt: skip
# Two outputs, of which one is needed for the other too, and a node that leads to none.
FORK = Graph(
    inputs=("x",),
    nodes=(("h", Linear(3, 2), "x"), ("k", Tanh(), "h"), ("dead", Linear(2, 2), "h")),
    outputs=("h", "k"),
)
WIDE = Graph(("x",), (("h", Tanh(), "x"), ("y", Concatenate(-1), ("x", "h", "x"))), ("y",))
again = graph(first=o.linear, between=o.tanh, sum=add)
twins = graph(h=o.sequential(o.linear, o.tanh), both=concatenate, y=o.linear)
fork = graph(h=o.linear, k=o.tanh, dead=o.linear)
HALVES = ((1, 0, 3), (1, 3, 6))

CASES = [
    Case(
        "add",
        Adapted(Add(), ((1, 0, 3), (1, 1, 4), (1, 2, 5))),
        (4, 5),
        adapted(add),
        no_repr="a container of the tests",
    ),
    Case("add_one", Add(), (4, 5), add),
    Case("concatenate", WIDE, (4, 2, 3), graph(h=o.tanh, y=concatenate)),
    Case("concatenate_one", Concatenate(-1), (4, 5), concatenate),
    Case("graph_again", AGAIN, (4, 3), again),
    Case("graph_twins", Adapted(TWINS, HALVES), (4, 6), adapted(twins), no_repr="a container of the tests"),
    Case("graph_fork", Joined(FORK, 2), (4, 3), joined(fork), no_repr="a container of the tests"),
    Case("graph_inside", Sequential(Linear(2, 3), AGAIN, Tanh()), (4, 2), o.sequential(o.linear, again, o.tanh)),
]
