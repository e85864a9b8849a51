"""Which node of a graph runs when, on what, and with whose parameters."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any

from nnxp._checks import Words, did_you_mean, message
from nnxp.layers.layer import Layer
from nnxp.layers.sequential import check_layer

__all__ = ["Source", "Step", "Wiring", "wire"]

Source = tuple[str, tuple[int, ...]]  # a value's name, and the way to a part of it


@dataclass(frozen=True)
class Step:
    """One node at its place in the order.

    Attributes
    ----------
    name, owner : str
        The node, and the node whose layer and parameters it runs.
    layer : Layer
        That layer.
    sources : tuple of (str, tuple of int)
        What goes in.
    visit, visits : int
        Which run of the layer this is, of how many.
    done : tuple of str
        Values that nobody needs any more.
    """

    name: str
    owner: str
    layer: Layer
    sources: tuple[Source, ...]
    visit: int = 0
    visits: int = 1
    done: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wiring:
    """A graph in order.

    Attributes
    ----------
    every_step, steps : tuple of Step
        All nodes, and those that lead to an output.
    outputs : tuple of (str, tuple of int)
        What comes out.
    all_used : bool
        Whether every layer is run, and every input leads to an output.
    """

    every_step: tuple[Step, ...]
    steps: tuple[Step, ...]
    outputs: tuple[Source, ...]
    all_used: bool

    def takers(self, *names: str) -> Iterator[tuple[Layer, int]]:
        """Yield the layers that take one of these values, each with the place where it goes in."""
        for step in self.steps:
            for place, (name, _) in enumerate(step.sources):
                if name in names:
                    yield step.layer, place


def wire(inputs: Any, nodes: Any, outputs: Any) -> Wiring:
    """Check what a graph is made of, and put it in order."""
    _check_names("inputs", inputs)
    _check_names("outputs", outputs)
    steps = _read(nodes)
    known = [*inputs, *(step.name for step in steps)]
    for name, count in Counter(known).items():
        if "." in name or not name:
            raise ValueError(message("Graph", "names without a dot, and not empty", name))
        if count > 1:
            raise ValueError(message("Graph", "every name once", name))
    for step in steps:
        for source in step.sources:
            _check_known(f"input of node {step.name!r}", source, known)
    ends = tuple(map(_source, outputs))
    for end in ends:
        _check_known("output", end, known)
    ordered = _in_order(steps)
    live = _live(ordered, ends)
    used = {step.owner for step in live} | {name for step in live for name, _ in step.sources} | {n for n, _ in ends}
    all_used = used >= {*inputs, *(step.owner for step in steps)}
    return Wiring(ordered, live, ends, all_used)


def _check_names(what: str, names: Any) -> None:
    if not isinstance(names, tuple) or not names or not all(isinstance(name, str) for name in names):
        hint = f"write ({names!r},)" if isinstance(names, str) else ""
        raise TypeError(message("Graph", f"{what} to be a tuple of names", names, hint))


def _read(nodes: Any) -> list[Step]:
    """Check the nodes one by one, and find each one's layer."""
    if not isinstance(nodes, tuple):
        raise TypeError(message("Graph", "nodes to be a tuple of (name, layer, inputs)", nodes))
    for node in nodes:
        if not isinstance(node, tuple) or len(node) != 3 or not isinstance(node[0], str):
            raise TypeError(message("Graph", "every node to be (name, layer, inputs)", node))
        if not isinstance(node[1], str):
            check_layer("Graph", f"the layer of node {node[0]!r}", node[1])
        _check_names(f"the inputs of node {node[0]!r}", (node[2],) if isinstance(node[2], str) else node[2])
    layers = {name: layer for name, layer, _ in nodes if isinstance(layer, Layer)}
    steps = []
    for name, layer, sources in nodes:
        owner = layer if isinstance(layer, str) else name
        if owner not in layers:
            what = f"node {name!r} to share the layer of a node that has one"
            raise ValueError(message("Graph", what, owner, did_you_mean(owner, layers)))
        names = (sources,) if isinstance(sources, str) else sources
        steps.append(Step(name, owner, layers[owner], tuple(map(_source, names))))
    return steps


def _source(name: str) -> Source:
    base, *path = name.split(".")
    return (base, tuple(map(int, path))) if all(i.isdecimal() for i in path) else (name, ())


def _check_known(what: str, source: Source, known: list[str]) -> None:
    if source[0] not in known:
        hint = did_you_mean(source[0], known)
        raise ValueError(message("Graph", f"{what} to be one of {', '.join(known)}", source[0], hint))


def _in_order(steps: list[Step]) -> tuple[Step, ...]:
    """Sort the nodes so that each comes after what it needs."""
    by_name = {step.name: step for step in steps}
    needs = {step.name: [name for name, _ in step.sources if name in by_name] for step in steps}
    try:
        return tuple(by_name[name] for name in TopologicalSorter(needs).static_order())
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise ValueError(message("Graph", "nodes without a cycle", Words(circle))) from None


def _live(ordered: tuple[Step, ...], ends: tuple[Source, ...]) -> tuple[Step, ...]:
    """Keep the nodes that lead to an output, number the runs of each layer, and tell when a value is done with."""
    needed = {name for name, _ in ends}
    live: list[Step] = []
    for step in reversed(ordered):
        if step.name in needed:
            names = {name for name, _ in step.sources}
            live.append(replace(step, done=tuple(sorted(names - needed))))
            needed |= names
    live.reverse()
    visits, seen = Counter(step.owner for step in live), Counter[str]()
    numbered = []
    for step in live:
        numbered.append(replace(step, visit=seen[step.owner], visits=visits[step.owner]))
        seen[step.owner] += 1
    return tuple(numbered)
