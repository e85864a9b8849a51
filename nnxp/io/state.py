"""A training state in one file: a network with its optimizer's vectors, and what else its run has to remember."""

from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike, fspath
from typing import Any

from nnxp._checks import message
from nnxp.errors import FormatError
from nnxp.io._description import describe, read_description
from nnxp.io._header import Arrays
from nnxp.io._json import short
from nnxp.io._tree import pack, unpack
from nnxp.io.network import RUN, build, training_arrays
from nnxp.io.safetensors import MAX_BYTES, read_file, write_state_dict
from nnxp.network import Network

__all__ = ["TrainingState", "read_state", "write_state"]


@dataclass(frozen=True, eq=False)
class TrainingState:
    """What a file of `write_state` holds.

    Attributes
    ----------
    where : str
        What the sentence of an error begins with.
    about : dict
        As `read_metadata` gives it, checked.
    run : dict
        What was remembered beside the network: tuples for lists, arrays on the host.
    """

    where: str
    about: dict[str, Any]
    run: dict[str, Any]
    arrays: Arrays

    def restore(self, net: Network) -> None:
        """Put a network of the same model and dtype where this one was: arrays, optimizer, counters, seed, freezing.

        Raises
        ------
        FormatError
            If the arrays are not those of the model; the network is as it was.
        """
        kinds = dict.fromkeys(type(node.layer) for node in net.nodes)
        other = build(self.where, self.about, self.arrays, net.device, kinds)
        net.restore({"": other.theta, **other.buffers})
        for name in ("seed", "step", "epoch", "optimizer_state", "optimizer_name", "optimizer_start", "probabilities"):
            setattr(net, name, getattr(other, name))
        net._draw.seed = other.seed
        net._store.frozen, net._store.lr_scales = other._store.frozen, other._store.lr_scales
        net._rebuild()


def write_state(net: Network, path: str | PathLike[str], run: Mapping[str, Any]) -> None:
    """Write a network in the midst of its training to a safetensors file, whole or not at all; `load` reads it too.

    Parameters
    ----------
    net : Network
        On any device; it is not touched.
    path : path
        The file, such as ``last.safetensors``; an old one is replaced.
    run : mapping
        What else is to be remembered: names with None, booleans, numbers, text, arrays on any device, and lists,
        tuples or dictionaries of these.

    Raises
    ------
    TypeError, ValueError, OSError
        As `save`; a TypeError also where `run` holds anything else.
    """
    arrays: Arrays = {}
    tree = pack("nnxp.io.write_state", "run", run, arrays)
    named = {f"{RUN}{name}": array for name, array in arrays.items()}
    write_state_dict(path, training_arrays(net) | named, describe(net, {}, training=True, run=tree))


def read_state(path: str | PathLike[str], *, max_bytes: int = MAX_BYTES) -> TrainingState:
    """Read what `write_state` wrote. Nothing is unpickled, evaluated or imported.

    Parameters
    ----------
    path : path
        The file.
    max_bytes : int
        The largest file to read; 16 GiB unless told.

    Raises
    ------
    FormatError
        If the file is damaged, foreign, too large, from a newer nnxp, or a network without the state of a run.
    OSError
        If it is not there or cannot be read.
    """
    where = f"nnxp.io.read_state({fspath(path)!r})"
    metadata, arrays = read_file(where, path, max_bytes)
    about = read_description(where, path, metadata)
    if about["run"] is None:
        hint = "nnxp.load reads it"
        raise FormatError(message(where, "the state of a run", "a network alone", hint))
    named = {name.removeprefix(RUN): arrays.pop(name) for name in [*arrays] if name.startswith(RUN)}
    run = unpack(where, about["run"], named)
    if named:
        raise FormatError(message(where, "no more arrays than the run's", short(", ".join(named))))
    return TrainingState(where, about, run, arrays)
