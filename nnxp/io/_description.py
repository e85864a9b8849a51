"""What the header of a file says about its network, beside the arrays: written, parsed and checked."""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from sys import float_info
from typing import Any

from nnxp import __version__
from nnxp._checks import message
from nnxp.errors import FormatError
from nnxp.io._json import dump_json, parse_json, short
from nnxp.io.architecture import MAX_DEPTH, from_config, to_config
from nnxp.network import Network

__all__ = ["describe", "read_description"]

# The second version holds the state of an optimizer, the third that of a run too; a network alone is of the first.
_VERSION = 3
_FORMAT = "nnxp"
# A layer in a tuple of layers is two brackets deep; the rest is room for `extra`.
_JSON_DEPTH = 4 * MAX_DEPTH


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_shape(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(n is None or (_is_whole(n) and n < 2**63) for n in value))


def _is_factor(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= float_info.max


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("name"), str) and _is_whole(value.get("start"))


_ENTRIES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "nnxp": ("text", lambda v: isinstance(v, str)),
    "model": ("a layer", lambda v: isinstance(v, dict)),
    "dtype": ("'float32' or 'float64'", lambda v: v in ("float32", "float64")),
    "seed": ("a whole number", _is_whole),
    "step": ("a whole number", _is_whole),
    "epoch": ("a whole number", _is_whole),
    "input_shape": ("sizes or null", _is_shape),
    "probabilities": ("text or null", lambda v: v is None or isinstance(v, str)),
    "frozen": ("a list of names", lambda v: isinstance(v, list) and all(isinstance(n, str) for n in v)),
    "lr_scales": ("a number by name", lambda v: isinstance(v, dict) and all(map(_is_factor, v.values()))),
    "extra": ("an object", lambda v: isinstance(v, dict)),
    "optimizer": ("its name and start, or null", lambda v: v is None or _is_optimizer(v)),
    "run": ("an object or null", lambda v: v is None or isinstance(v, dict)),
}


def describe(
    net: Network, extra: Mapping[str, Any], *, training: bool = False, run: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the metadata of a file; what could not be read again is refused here."""
    config = to_config(net.model)
    kinds = dict.fromkeys(type(node.layer) for node in net.nodes)
    if to_config(from_config(config, kinds, where="save")) != config:
        raise ValueError(
            message("save", "layers that their fields rebuild", config, "let __init__ keep its arguments in fields")
        )
    scales = net._store.lr_scales
    about = {
        "version": _VERSION if run is not None else 2 if training else 1,
        "nnxp": __version__,
        "model": config,
        "dtype": net.dtype,
        "seed": net.seed,
        "step": net.step,
        "epoch": net.epoch,
        "input_shape": None if net.input_shape is None else [n if n is None else int(n) for n in net.input_shape],
        "probabilities": net.probabilities,
        "frozen": [*net.frozen, *net.frozen_buffers],
        "lr_scales": {name: scales[name] for name in net.layout if name in scales},
        "extra": dict(extra),
    }
    if training:
        about["optimizer"] = {"name": net.optimizer_name, "start": net.optimizer_start}
    if run is not None:
        about["run"] = dict(run)
    try:
        text = dump_json(about)
    except (TypeError, ValueError) as error:
        raise TypeError(message("save", "extra to be JSON", f"something else ({error})")) from None
    _parse("save", text)
    return {"format": _FORMAT, _FORMAT: text}


def read_description(where: str, path: str | PathLike[str], metadata: Mapping[str, str]) -> dict[str, Any]:
    """Return the checked description from a file's metadata."""
    if _FORMAT not in metadata:
        hint = f"give the model: nnxp.load({fspath(path)!r}, model=...)"
        raise FormatError(message(where, "a file that net.save wrote", "arrays without an architecture", hint))
    return _parse(where, metadata[_FORMAT])


def _parse(where: str, text: str) -> dict[str, Any]:
    about = parse_json(where, "a description", text, depth=_JSON_DEPTH)
    version = about.get("version", 0)
    if not _is_whole(version) or version == 0:
        raise FormatError(message(where, "a description with its version", short(version)))
    if version > _VERSION:
        raise FormatError(
            message(where, f"a file of version {_VERSION}", short(version), "upgrade: pip install -U nnxp")
        )
    if version < 2:
        about["optimizer"] = None
    if version < 3:
        about["run"] = None
    for name, (expected, fits) in _ENTRIES.items():
        if name not in about or not fits(about[name]):
            raise FormatError(message(where, f"{name} to be {expected}", short(about.get(name, "nothing"))))
    return about
