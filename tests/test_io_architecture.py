"""A model as plain JSON and back, through a closed table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest

import nnxp.layers
from nnxp.errors import FormatError
from nnxp.io.architecture import from_config, layer_types, to_config
from nnxp.layers import Activation, Dropout, Flatten, Layer, Linear, Parallel, ReLU, Residual, Sequential, Standardize

LINEAR, RELU = Linear(2, 2), ReLU()


@dataclass(frozen=True)
class Everything(Layer):
    """A layer with a field of every kind that can be saved."""

    number: float
    flag: bool = True
    name: str = "größe"
    choice: Literal["sum", "mean"] = "sum"
    sizes: tuple[int, ...] = (1, 2)
    pair: tuple[int, float] = (1, 2.0)
    deep: tuple[tuple[float, ...], ...] = ((1.0,), (2.0, 3.0))
    maybe: int | None = None
    inner: Layer = RELU
    blocks: tuple[Layer, ...] = (LINEAR, RELU)
    anything: Any = None
    made: int = field(default=0, init=False)


LAYERS = [
    Linear(None, 4),
    Dropout(0),
    Flatten(1, -1),
    Sequential(),
    Sequential(Linear(3, 4), Sequential(ReLU(), Linear(4, 2, bias=False)), ReLU()),
    Residual(Sequential(Linear(3, 4), ReLU()), shortcut=Linear(3, 4)),
    Parallel(Linear(3, 4), Linear(3, 4)),
    Parallel(Linear(3, 4), Linear(3, 2), combine="concatenate", dim=-1),
    Standardize((1.0, 2.0), ((3.0, 4.0), (5.0, 6.0))),
    Everything(1),
    Everything(math.inf, False, "", "mean", (), (3, -math.inf), (), 5, Sequential(ReLU()), (), "text"),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_a_layer_is_rebuilt_from_json(layer: Layer) -> None:
    config = json.loads(json.dumps(to_config(layer), allow_nan=False))
    rebuilt = from_config(config, (Everything,))
    assert rebuilt == layer
    assert repr(rebuilt) == repr(layer)


def test_a_config_says_what_a_constructor_takes() -> None:
    assert to_config(Linear(4, 2)) == {"type": "Linear", "in_features": 4, "out_features": 2, "bias": True}
    assert to_config(Sequential(ReLU())) == {"type": "Sequential", "layers": [{"type": "ReLU"}]}


def test_numbers_of_numpy_become_numbers_of_python() -> None:
    config = to_config(Linear(np.int64(4), 2, bias=np.True_))  # type: ignore[arg-type]
    assert config == {"type": "Linear", "in_features": 4, "out_features": 2, "bias": True}
    assert [type(value) for value in config.values()] == [str, int, int, bool]
    assert to_config(Everything(np.float32(0.1)))["number"] == float(np.float32(0.1))  # type: ignore[arg-type]


def test_nan_comes_back() -> None:
    rebuilt = from_config(to_config(Everything(math.nan)), (Everything,))
    assert isinstance(rebuilt, Everything)
    assert math.isnan(rebuilt.number)


def test_a_list_comes_back_as_a_tuple() -> None:
    assert from_config(to_config(Everything(1, sizes=[3, 4])), (Everything,)) == Everything(1, sizes=(3, 4))  # type: ignore[arg-type]


def test_a_field_with_a_default_may_be_missing() -> None:
    assert from_config({"type": "Linear", "in_features": 4, "out_features": 2}) == Linear(4, 2)


def test_the_table_holds_every_public_layer_and_nothing_else() -> None:
    public = {getattr(nnxp.layers, name) for name in nnxp.layers.__all__}
    layers = {kind for kind in public if isinstance(kind, type) and issubclass(kind, Layer)} - {Layer}
    assert set(layer_types().values()) == layers
    assert all(name == kind.__name__ for name, kind in layer_types().items())


def test_a_layer_within_a_function_is_known_again() -> None:
    Size = int  # noqa: N806

    @dataclass(frozen=True)
    class Local(Layer):
        size: Size

    assert from_config(to_config(Local(3)), (Local,)) == Local(3)


def refused(error: type[Exception], sentence: str, call: Callable[[], object]) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        call()


def test_what_is_not_plain_is_not_saved() -> None:
    wanted = "to hold numbers, text, layers or tuples of them, got"
    hint = "; write a layer of your own and load it with layers=(MyLayer,)"
    activation = Sequential(Activation(abs, abs))
    refused(TypeError, f"save: expected Activation.function {wanted} 'a function'{hint}", lambda: to_config(activation))
    everything = Everything(1, anything={"a": 1})
    refused(TypeError, f"save: expected Everything.anything {wanted} 'a dict'", lambda: to_config(everything))


def test_a_layer_that_is_no_dataclass_is_not_saved() -> None:
    class Bare(Layer):
        pass

    sentence = "save: expected every layer to be a dataclass, got 'Bare'; write @dataclass(frozen=True) above it"
    refused(TypeError, sentence, lambda: to_config(Bare()))


def test_layers_of_ones_own_have_names_of_their_own() -> None:
    own = dataclass(frozen=True)(type("Linear", (Layer,), {}))
    sentence = "layers: expected classes that are called differently from all others, got 'Linear'; rename it"
    refused(ValueError, sentence, lambda: from_config({"type": "Linear"}, (own,)))


def test_layers_are_classes() -> None:
    sentence = "layers: expected classes of layers, as in layers=(MyLayer,), got ReLU()"
    refused(TypeError, sentence, lambda: from_config({"type": "ReLU"}, (ReLU(),)))  # type: ignore[arg-type]


KINDS = {
    "number": ("one", "float", "'one'"),
    "flag": (1, "bool", "1"),
    "choice": ("max", "typing.Literal['sum', 'mean']", "'max'"),
    "sizes": ([1, 2.5], "tuple[int, ...]", "(1, 2.5)"),
    "pair": ([1], "tuple[int, float]", "(1,)"),
    "maybe": (True, "int | None", "True"),
    "inner": (None, "Layer", "None"),
    "name": (None, "str", "None"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_value_of_another_kind_is_refused(name: str) -> None:
    value, kind, got = KINDS[name]
    config = to_config(Everything(1)) | {name: value}
    sentence = f"from_config: expected {name} of Everything to be {kind}, got {got}"
    refused(FormatError, sentence, lambda: from_config(config, (Everything,)))


def test_a_long_value_is_cut_in_the_sentence() -> None:
    with pytest.raises(FormatError) as caught:
        from_config({"type": "x" * 10_000})
    hint = "for a layer of your own, give layers=(MyLayer,)"
    assert str(caught.value) == f"from_config: expected a layer that nnxp knows, got '{'x' * 237}...'; {hint}"
