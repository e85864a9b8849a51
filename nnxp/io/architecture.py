"""A model as plain JSON and back, through a closed table of layers: nothing is imported by a name from a file."""

import math
from collections.abc import Collection, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import Parameter, signature
from numbers import Integral, Real
from typing import Any

import numpy as np

from nnxp._checks import did_you_mean, message
from nnxp.errors import FormatError
from nnxp.io._hints import accepts, hints_of, spell
from nnxp.io._json import short
from nnxp.layers.layer import Layer

__all__ = ["MAX_DEPTH", "MAX_LAYERS", "REFUSALS", "from_config", "layer_types", "to_config"]

MAX_DEPTH = 64
MAX_LAYERS = 10_000
# How a layer refuses values, on purpose or because nobody meant them for it.
REFUSALS = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError)
_NUMBERS = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}

Config = dict[str, Any]


def layer_types(layers: Collection[type[Layer]] = ()) -> dict[str, type[Layer]]:
    """Return the layers a file may name: the public ones, and those given.

    Raises
    ------
    TypeError
        If one of those given is not a class of layers.
    ValueError
        If it is called as another one is.
    """
    import nnxp.layers

    public = {name: getattr(nnxp.layers, name) for name in nnxp.layers.__all__}
    known = {name: kind for name, kind in public.items() if _is_layer_type(kind) and kind is not Layer}
    for kind in layers:
        if not _is_layer_type(kind):
            raise TypeError(message("layers", "classes of layers, as in layers=(MyLayer,)", short(kind)))
        if known.setdefault(kind.__name__, kind) is not kind:
            raise ValueError(
                message("layers", "classes that are called differently from all others", kind.__name__, "rename it")
            )
    return known


def _is_layer_type(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Layer)


def to_config(layer: Layer) -> Config:
    """Describe a layer and those inside it in plain JSON.

    Parameters
    ----------
    layer : Layer
        A frozen dataclass whose fields hold None, booleans, numbers, strings, layers, and tuples of these.

    Returns
    -------
    dict
        ``{"type": "Linear", "in_features": 4, "out_features": 2, "bias": True}``.

    Raises
    ------
    TypeError
        If a field holds anything else, such as a function.
    """
    name = type(layer).__name__
    if not is_dataclass(layer):
        hint = "write @dataclass(frozen=True) above it"
        raise TypeError(message("save", "every layer to be a dataclass", name, hint))
    values = {f.name: _to_json(f"{name}.{f.name}", getattr(layer, f.name)) for f in fields(layer) if f.init}
    return {"type": name} | values


def _to_json(where: str, value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else {"float": str(number)}
    if isinstance(value, (tuple, list)):
        return [_to_json(where, part) for part in value]
    if isinstance(value, Layer):
        return to_config(value)
    hint = "write a layer of your own and load it with layers=(MyLayer,)" if callable(value) else ""
    what = "a function" if callable(value) else f"a {type(value).__name__}"
    raise TypeError(message("save", f"{where} to hold numbers, text, layers or tuples of them", what, hint))


def from_config(config: object, layers: Collection[type[Layer]] = (), *, where: str = "from_config") -> Layer:
    """Rebuild a layer from what `to_config` made of it; nothing in `config` is trusted.

    Parameters
    ----------
    config : dict
        As parsed from JSON.
    layers : collection of classes
        Layers of your own that may occur.
    where : str
        Begins the sentence of every error.

    Returns
    -------
    Layer
        Equal to the one described.

    Raises
    ------
    FormatError
        If a type or a field is unknown, a field is missing or of another kind, a layer refuses its values, or there
        are more than 10,000 layers or more than 64 inside one another.
    """
    return _Builder(where, layer_types(layers)).layer(config, 1)


class _Builder:
    """One rebuilding: the table of layers, and how many have been met."""

    def __init__(self, where: str, known: dict[str, type[Layer]]) -> None:
        self.where = where
        self.known = known
        self.count = 0

    def refuse(self, expected: str, got: object, hint: str = "") -> FormatError:
        return FormatError(message(self.where, expected, short(got), hint))

    def layer(self, config: object, depth: int) -> Layer:
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_LAYERS:
            limits = f"at most {MAX_LAYERS} layers, and {MAX_DEPTH} inside one another"
            raise self.refuse(limits, "a larger model")
        if not isinstance(config, dict) or not isinstance(config.get("type"), str):
            raise self.refuse("a layer with its type", config)
        kind = self._kind(config["type"])
        values = {name: self.value(part, depth) for name, part in config.items() if name != "type"}
        self._check(kind, values)
        star = next((p.name for p in signature(kind).parameters.values() if p.kind is Parameter.VAR_POSITIONAL), None)
        try:
            return kind(*values.pop(star, ()), **values)
        except REFUSALS as error:
            raise self.refuse(f"values that {kind.__name__} takes", f"some that it refuses: {error}") from None

    def value(self, part: object, depth: int) -> Any:
        if isinstance(part, list):
            return tuple(self.value(item, depth) for item in part)
        if not isinstance(part, dict):
            if isinstance(part, int) and abs(part) >= 2**63:
                raise self.refuse("whole numbers of 64 bits", part)
            return part
        if "type" in part:
            return self.layer(part, depth + 1)
        if list(part) == ["float"] and part["float"] in list(_NUMBERS):
            return _NUMBERS[part["float"]]
        raise self.refuse("a layer with its type", part)

    def _kind(self, name: str) -> type[Layer]:
        if name not in self.known:
            hint = did_you_mean(str(short(name)), self.known) or "for a layer of your own, give layers=(MyLayer,)"
            raise self.refuse("a layer that nnxp knows", name, hint)
        return self.known[name]

    def _check(self, kind: type[Layer], values: dict[str, Any]) -> None:
        """Hold the fields' names and kinds against the class."""
        known = {f.name: f for f in _fields(kind)}
        for name in values:
            if name not in known:
                raise self.refuse(f"a field of {kind.__name__}", name, did_you_mean(str(short(name)), known))
        for name, field in known.items():
            if name not in values and field.default is MISSING and field.default_factory is MISSING:
                raise self.refuse(f"{kind.__name__} with its {name}", "none")
        hints = hints_of(kind)
        for name, value in values.items():
            if name in hints and not accepts(hints[name], value):
                raise self.refuse(f"{name} of {kind.__name__} to be {spell(hints[name])}", value)


def _fields(kind: type[Any]) -> Iterator[Field[Any]]:
    return (f for f in (fields(kind) if is_dataclass(kind) else ()) if f.init)
