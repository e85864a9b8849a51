"""A network as a table: its layers, output shapes, parameters and bytes."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnxp._checks import Shape
from nnxp._table import Table

if TYPE_CHECKING:
    from nnxp.network import Network

__all__ = ["Summary", "summarize"]


@dataclass(frozen=True)
class Summary:
    """The table of `Network.summary`; shows itself as text, and as HTML in a notebook.

    Attributes
    ----------
    table : Table
        One row a layer: name, layer, output shape, parameters, bytes of parameters and buffers.
    parameters : int
        How many numbers are in theta.
    trainable : int
        How many of them are not frozen.
    bytes : int
        Of parameters and buffers.
    """

    table: Table
    parameters: int
    trainable: int
    bytes: int

    def __str__(self) -> str:
        return str(self.table)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return self.table.to_html()


def summarize(net: "Network", batch_size: int = 1) -> Summary:
    """Build the table of a network's layers.

    Parameters
    ----------
    net : Network
        The network.
    batch_size : int
        The batch axis of the output shapes.

    Returns
    -------
    Summary
        The table and its totals.
    """
    frozen = set(net.frozen)
    rows, total, trainable, total_bytes = [], 0, 0, 0
    for node in net.nodes:
        prefix = f"{node.path}." if node.path else ""
        own = [f"{prefix}{name}" for name in node.layer.parameters(node.in_shape)]
        count = sum(math.prod(net.parameters[name].shape) for name in own)
        size = count * np.dtype(net.dtype).itemsize
        for name in node.layer.buffers(node.in_shape):
            size += net.device.get(net.buffers[f"{prefix}{name}"]).nbytes
        total += count
        total_bytes += size
        trainable += sum(math.prod(net.parameters[name].shape) for name in own if name not in frozen)
        mark = " (frozen)" if own and all(name in frozen for name in own) else ""
        indent = "  " * node.path.count(".") + ("  " if node.path else "")
        rows.append(
            [
                indent + (node.path.rpartition(".")[2] or "model"),
                type(node.layer).__name__ + mark,
                shape_text(node.out_shape, batch_size),
                f"{count:,}" if own else "",
                f"{size:,}" if size else "",
            ]
        )
    footer = [
        f"{total:,} parameters, {trainable:,} of them trained; {total_bytes:,} bytes in {net.dtype} on {net.device}; "
        f"twice that with the gradients"
    ]
    return Summary(
        Table(["name", "layer", "output shape", "parameters", "bytes"], rows, footer), total, trainable, total_bytes
    )


def shape_text(shape: Shape | None, batch_size: int) -> str:
    """Write an output shape with its batch axis; unknown sizes are stars."""
    if shape is None:
        return f"({batch_size}, ...)"
    return f"({', '.join([str(batch_size), *('*' if n is None else str(n) for n in shape)])}{',' if not shape else ''})"
