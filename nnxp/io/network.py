"""A network in one file: its arrays, and in the header its architecture and where its training stands."""

from collections.abc import Collection, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

import numpy as np

from nnxp._checks import message
from nnxp._parameters import join, walk
from nnxp.device import Device
from nnxp.errors import FormatError
from nnxp.initializers import zeros
from nnxp.io._description import describe, read_description
from nnxp.io._header import Arrays, read_header
from nnxp.io._json import short
from nnxp.io.architecture import REFUSALS, from_config
from nnxp.io.safetensors import MAX_BYTES, read_file, write_state_dict
from nnxp.layers.layer import Layer
from nnxp.network import Network

__all__ = ["RUN", "build", "load", "read_metadata", "save", "training_arrays"]

# What stands before the names of an optimizer's vectors, and of a run's arrays; no parameter's name has a colon.
_STATE, RUN = "optimizer:", "run:"


def save(
    net: Network, path: str | PathLike[str], *, training: bool = False, extra: Mapping[str, Any] | None = None
) -> None:
    """Write a network to a safetensors file, whole or not at all.

    Parameters
    ----------
    net : Network
        On any device; it is not touched. Parameters and buffers are written under the names of its state dict.
    path : path
        The file, such as ``model.safetensors``; an old one is replaced.
    training : bool
        Write the optimizer's vectors too, so that a loaded network goes on with `fit` as if nothing had happened.
    extra : mapping, optional
        Anything that is JSON, such as the names of the classes; `read_metadata` gives it back.

    Raises
    ------
    TypeError
        If a layer holds a function, as Activation does, or `extra` is not JSON.
    ValueError
        If a layer's fields do not rebuild it, a layer of your own is called as one of nnxp's, or the model is larger
        than what `load` accepts.
    OSError
        If the file cannot be written.

    Examples
    --------
    >>> nnxp.io.save(net, "digits.safetensors", extra={"classes": ["zero", "one"]})
    """
    arrays = training_arrays(net) if training else net.state_dict()
    write_state_dict(path, arrays, describe(net, extra or {}, training=training))


def training_arrays(net: Network) -> Arrays:
    """Return a network's parameters, buffers and optimizer's vectors on the host, as a file names them."""
    return net.state_dict() | {f"{_STATE}{name}": net.device.get(v) for name, v in net.optimizer_state.items()}


def load(
    path: str | PathLike[str],
    *,
    model: Layer | None = None,
    input_shape: Sequence[int | None] | None = None,
    device: str | Device | None = None,
    layers: Collection[type[Layer]] = (),
    max_bytes: int = MAX_BYTES,
) -> Network:
    """Read a network that `save` wrote, or weights for a model of yours. Nothing is unpickled, evaluated or imported.

    Parameters
    ----------
    path : path
        The file.
    model : Layer, optional
        For a file of arrays alone, such as PyTorch's ``safetensors.torch.save_file(module.state_dict(), path)``: a
        model of the same structure. An architecture in the file is then not looked at.
    input_shape : tuple, optional
        As for `Network`; with `model` alone.
    device : str or Device, optional
        Where the network shall live, whatever device it was saved from; None as for `Network`.
    layers : collection of classes
        Layers of your own that the model holds, as in ``layers=(MyLayer,)``.
    max_bytes : int
        The largest file to read; 16 GiB unless told.

    Returns
    -------
    Network
        With the same model, arrays, dtype, seed, step, epoch, frozen parameters and factors on the learning rate, and
        the optimizer's state if it was saved.

    Raises
    ------
    FormatError
        If the file is damaged, truncated, foreign, too large or from a newer nnxp, names an unknown layer, or holds
        other arrays than its architecture asks for.
    ValueError
        If the arrays do not fit the `model` that was given.
    OSError
        If it is not there or cannot be read.
    DeviceError
        If the device is missing or does not work.

    Examples
    --------
    >>> net = nnxp.load("digits.safetensors", device="cuda")
    """
    where = f"nnxp.load({fspath(path)!r})"
    metadata, arrays = read_file(where, path, max_bytes)
    if model is not None:
        return _with_weights(model, arrays, device, input_shape)
    about = read_description(where, path, metadata)
    if about["run"] is not None:
        arrays = {name: array for name, array in arrays.items() if not name.startswith(RUN)}
    return build(where, about, arrays, device, layers)


def build(
    where: str, about: dict[str, Any], arrays: Arrays, device: str | Device | None, layers: Collection[type[Layer]]
) -> Network:
    """Build a network from a checked description and a file's arrays, which are checked here."""
    model = from_config(about["model"], layers, where=where)
    state = {name.removeprefix(_STATE): array for name, array in arrays.items() if name.startswith(_STATE)}
    arrays = {name: array for name, array in arrays.items() if not name.startswith(_STATE)}
    parameters = _check_arrays(where, model, about, arrays)
    _check_state(where, about, state, sum(arrays[name].size for name in parameters))
    # The weights are in the file; drawing others first would be for nothing.
    init = {"*": zeros()} if parameters else None
    net = Network(
        model, device=device, dtype=about["dtype"], seed=about["seed"], input_shape=about["input_shape"], init=init
    )
    net.load_state_dict(arrays)
    net.step, net.epoch, net.probabilities = about["step"], about["epoch"], about["probabilities"]
    net._store.frozen = set(about["frozen"])
    net._store.lr_scales = {name: float(factor) for name, factor in about["lr_scales"].items()}
    net._rebuild()
    if about["optimizer"]:
        net.optimizer_state = {name: net.device.put(np.array(vector), net.dtype) for name, vector in state.items()}
        net.optimizer_name, net.optimizer_start = about["optimizer"]["name"], about["optimizer"]["start"]
    return net


def _with_weights(
    model: Layer, arrays: Arrays, device: str | Device | None, input_shape: Sequence[int | None] | None
) -> Network:
    """Build a network of a given model around weights, in float64 where they are."""
    wide = any(array.dtype == np.float64 for array in arrays.values())
    net = Network(model, device=device, dtype="float64" if wide else "float32", input_shape=input_shape)
    net.load_state_dict(arrays)
    return net


def read_metadata(path: str | PathLike[str]) -> dict[str, Any]:
    """Read what a file says about its network, without its arrays.

    Parameters
    ----------
    path : path
        A file that `save` wrote.

    Returns
    -------
    dict
        ``version`` of the format, ``nnxp`` (the version that wrote it), ``model``, ``dtype``, ``seed``, ``step``,
        ``epoch``, ``input_shape``, ``probabilities``, ``frozen``, ``lr_scales``, ``extra``, which is yours,
        ``optimizer``: its name and first step, or None; and ``run``: what `fit` remembers in a checkpoint, or None.

    Raises
    ------
    FormatError
        If the file is damaged, foreign or from a newer nnxp.
    OSError
        If it is not there or cannot be read.
    """
    where = f"nnxp.io.read_metadata({fspath(path)!r})"
    return read_description(where, path, read_header(where, path)[0])


def _check_arrays(where: str, model: Layer, about: dict[str, Any], arrays: Arrays) -> set[str]:
    """Hold the file's arrays against its architecture, and return the parameters' names.

    It comes before the network is built: an architecture could ask for more memory than its file has bytes.
    """
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    parameters: set[str] = set()
    try:
        for node in walk(model, None if about["input_shape"] is None else tuple(about["input_shape"])):
            for name, spec in node.layer.parameters(node.in_shape).items():
                wanted[join(node.path, name)] = (about["dtype"], spec.shape)
                parameters.add(join(node.path, name))
            for name, buffer in node.layer.buffers(node.in_shape).items():
                wanted[join(node.path, name)] = (buffer.dtype or about["dtype"], buffer.shape)
    except REFUSALS as error:
        raise FormatError(message(where, "a model that can be built", short(str(error)))) from None
    wrong = [f"missing {name}" for name in wanted if name not in arrays]
    wrong += [f"unknown {name}" for name in arrays if name not in wanted]
    for name, (dtype, shape) in wanted.items():
        if name in arrays and (arrays[name].dtype != np.dtype(dtype) or arrays[name].shape != shape):
            wrong.append(f"{name} {arrays[name].dtype} {arrays[name].shape} instead of {dtype} {shape}")
    wrong += [f"unknown {name}" for name in about["frozen"] if name not in wanted]
    wrong += [f"unknown {name}" for name in about["lr_scales"] if name not in parameters]
    if wrong:
        raise FormatError(message(where, f"the {len(wanted)} arrays of its architecture", short(", ".join(wrong))))
    return parameters


def _check_state(where: str, about: dict[str, Any], state: Arrays, size: int) -> None:
    """Hold an optimizer's vectors against the network's: as long, or one number."""
    for name, vector in state.items():
        if not about["optimizer"] or vector.dtype != np.dtype(about["dtype"]) or vector.shape not in ((size,), (1,)):
            what = f"no more than the vectors of an optimizer, {about['dtype']} ({size},)"
            raise FormatError(message(where, what, short(f"{_STATE}{name} {vector.dtype} {vector.shape}")))
