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
        One row a layer: name, layer, output shape, parameters, bytes of parameters and buffers, multiply-adds.
    parameters : int
        How many numbers are in theta.
    trainable : int
        How many of them are not frozen.
    bytes : int
        Of parameters and buffers.
    multiply_adds : int or None
        Of the products in the forward pass of a batch; None where a size is unknown.
    output_bytes : int or None
        Of the layers' outputs for a batch: about what training keeps for the backward pass.
    """

    table: Table
    parameters: int
    trainable: int
    bytes: int
    multiply_adds: int | None
    output_bytes: int | None

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
    products: int | None = 0
    outputs: int | None = 0
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
        used = _times(node.layer.multiply_adds(node.in_shape, node.out_shape), batch_size)
        products = None if products is None or used is None else products + used
        if not node.layer.children():
            made = _times(_numbers(node.out_shape), batch_size * np.dtype(net.dtype).itemsize)
            outputs = None if outputs is None or made is None else outputs + made
        mark = " (frozen)" if own and all(name in frozen for name in own) else ""
        indent = "  " * node.path.count(".") + ("  " if node.path else "")
        rows.append(
            [
                indent + (node.path.rpartition(".")[2] or "model"),
                node.layer.display_name + mark,
                shape_text(node.out_shape, batch_size),
                f"{count:,}" if own else "",
                f"{size:,}" if size else "",
                f"{used:,}" if used else "",
            ]
        )
    footer = [
        f"{total:,} parameters, {trainable:,} of them trained; {total_bytes:,} bytes in {net.dtype} on {net.device}; "
        f"twice that with the gradients"
    ]
    if products is not None and outputs is not None:
        samples = "1 sample" if batch_size == 1 else f"{batch_size:,} samples"
        footer.append(f"forward pass of {samples}: {products:,} multiply-adds, {outputs:,} bytes of outputs")
    columns = ["name", "layer", "output shape", "parameters", "bytes", "multiply-adds"]
    return Summary(Table(columns, rows, footer), total, trainable, total_bytes, products, outputs)


def _times(count: int | None, factor: int) -> int | None:
    return None if count is None else count * factor


def _numbers(shape: Shape | None) -> int | None:
    """Count the numbers in a shape; None where a size is unknown."""
    known = [n for n in shape or () if n is not None]
    return None if shape is None or len(known) < len(shape) else math.prod(known)


def shape_text(shape: Shape | None, batch_size: int) -> str:
    """Write an output shape with its batch axis; unknown sizes are stars."""
    if shape is None:
        return f"({batch_size}, ...)"
    return f"({', '.join([str(batch_size), *('*' if n is None else str(n) for n in shape)])}{',' if not shape else ''})"
