"""Descriptions of networks that are sound JSON and unsound models, each with the sentence that must meet it.

They change what a file says of `NET`, whose arrays stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnxp.layers import Linear, ReLU, Sequential
from nnxp.network import Network

About = dict[str, Any]
ARRAYS = "expected the 4 arrays of its architecture, got "
MODEL = "expected a model that can be built, got "
OWN = "; for a layer of your own, give layers=(MyLayer,)"
LAYERS = "expected layers of Sequential to be tuple[nnxp.layers.layer.Layer, ...], got (3,)"
REFUSED = "expected values that Parallel takes, got 'some that it refuses: "
LIMITS = "expected at most 10000 layers, and 64 inside one another, got 'a larger model'"


def network() -> Network:
    """Return the network whose description is attacked."""
    return Network(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)), seed=0, input_shape=(3,))


@dataclass(frozen=True)
class Attack:
    """A change of the description, and what the error says after the name of the file, as in `files`."""

    name: str
    change: Callable[[About], object]
    sentence: str


def put(**entries: Any) -> Callable[[About], object]:
    """Replace entries of the description."""
    return lambda about: about.update(entries)


def first(**fields: Any) -> Callable[[About], object]:
    """Replace fields of the first layer."""
    return lambda about: about["model"]["layers"][0].update(fields)


def drop(name: str) -> Callable[[About], object]:
    """Leave a field of the first layer out."""
    return lambda about: about["model"]["layers"][0].pop(name)


def nested(depth: int) -> About:
    model: About = {"type": "ReLU"}
    for _ in range(depth):
        model = {"type": "Residual", "layer": model, "shortcut": None}
    return model


def refused(kind: str, why: str) -> str:
    return f"expected values that {kind} takes, got {('some that it refuses: ' + why)!r}"


def unknown(name: str, hint: str = "") -> str:
    return f"expected a layer that nnxp knows, got {name!r}{hint}"


def whole(name: str, got: str, what: str = "a whole number") -> str:
    return f"expected {name} to be {what}, got {got}"


LINEAR = "Linear: expected out_features to be a whole number of at least 1, got "

DESCRIPTIONS = [
    Attack("newer_version", put(version=4), "expected a file of version 3, got 4; upgrade: pip install -U nnxp"),
    Attack("optimizer_of_number", put(version=2, optimizer=3), whole("optimizer", "3", "its name and start, or null")),
    Attack(
        "optimizer_of_text",
        put(version=2, optimizer={"name": "Adam", "start": "0"}),
        whole("optimizer", "{'name': 'Adam', 'start': '0'}", "its name and start, or null"),
    ),
    Attack("run_of_text", put(version=3, optimizer=None, run="far"), "expected run to be an object or null, got 'far'"),
    Attack("no_version", lambda about: about.pop("version"), "expected a description with its version, got 0"),
    Attack("version_of_text", put(version="1"), "expected a description with its version, got '1'"),
    Attack("no_model", lambda about: about.pop("model"), "expected model to be a layer, got 'nothing'"),
    Attack("half_precision", put(dtype="float16"), whole("dtype", "'float16'", "'float32' or 'float64'")),
    Attack("negative_seed", put(seed=-1), whole("seed", "-1")),
    Attack("step_of_text", put(step="1"), whole("step", "'1'")),
    Attack("epoch_true", put(epoch=True), whole("epoch", "True")),
    Attack("shape_of_text", put(input_shape=["3"]), whole("input_shape", "['3']", "sizes or null")),
    Attack("probabilities_of_lists", put(probabilities=[]), whole("probabilities", "[]", "text or null")),
    Attack("frozen_text", put(frozen="0.weight"), whole("frozen", "'0.weight'", "a list of names")),
    Attack(
        "negative_rate", put(lr_scales={"0.weight": -1}), whole("lr_scales", "{'0.weight': -1}", "a number by name")
    ),
    Attack("huge_rate", put(lr_scales={"0.bias": 10**400}), "expected lr_scales to be a number by name, got "),
    Attack("extra_list", put(extra=[1]), whole("extra", "[1]", "an object")),
    Attack("frozen_stranger", put(frozen=["9.weight"]), ARRAYS + "'unknown 9.weight'"),
    Attack("dotted_path", put(model={"type": "os.system", "command": "true"}), unknown("os.system", OWN)),
    Attack("builtin", put(model={"type": "eval", "x": "1"}), unknown("eval", OWN)),
    Attack("base_class", put(model={"type": "Layer"}), unknown("Layer", "; did you mean 'LayerNorm'?")),
    Attack("no_layer", put(model={"type": "Mode"}), unknown("Mode", OWN)),
    Attack("misspelt", first(type="Linaer"), unknown("Linaer", "; did you mean 'Linear'?")),
    Attack("no_type", put(model={"in_features": 4}), "expected a layer with its type, got {'in_features': 4}"),
    Attack(
        "type_of_lists", put(model={"type": ["Linear"]}), "expected a layer with its type, got {'type': ['Linear']}"
    ),
    Attack("dictionary", first(bias={"a": 1}), "expected a layer with its type, got {'a': 1}"),
    Attack("no_number", first(bias={"float": "1e999"}), "expected a layer with its type, got {'float': '1e999'}"),
    Attack(
        "unknown_field",
        first(in_feature=3),
        "expected a field of Linear, got 'in_feature'; did you mean 'in_features'?",
    ),
    Attack("dunder_field", first(__class__=3), "expected a field of Linear, got '__class__'"),
    Attack("missing_field", drop("out_features"), "expected Linear with its out_features, got 'none'"),
    Attack("bias_of_text", first(bias="no"), "expected bias of Linear to be bool, got 'no'"),
    Attack("size_of_text", first(out_features="4"), "expected out_features of Linear to be int, got '4'"),
    Attack("size_true", first(out_features=True), "expected out_features of Linear to be int, got True"),
    Attack("fractional_size", first(in_features=3.0), "expected in_features of Linear to be int | None, got 3.0"),
    Attack("infinite_size", first(out_features={"float": "inf"}), "expected out_features of Linear to be int, got inf"),
    Attack(
        "layer_as_size", first(out_features={"type": "ReLU"}), "expected out_features of Linear to be int, got ReLU()"
    ),
    Attack("zero_size", first(out_features=0), refused("Linear", LINEAR + "0")),
    Attack("size_of_70_bits", first(out_features=2**70), f"expected whole numbers of 64 bits, got {2**70}"),
    Attack("number_as_layer", put(model={"type": "Sequential", "layers": [3]}), LAYERS),
    Attack("layers_missing", put(model={"type": "Sequential"}), "expected Sequential with its layers, got 'none'"),
    Attack(
        "empty_parallel",
        put(model={"type": "Parallel", "layers": []}),
        REFUSED + "Parallel: ",
    ),
    Attack(
        "function_by_name",
        put(model={"type": "Activation", "function": "exp", "derivative": "exp"}),
        "expected function of Activation to be ",
    ),
    Attack("too_deep", put(model=nested(64)), LIMITS),
    Attack("too_many", put(model={"type": "Sequential", "layers": [{"type": "ReLU"}] * 10_000}), LIMITS),
    Attack(
        "far_too_deep",
        put(model=nested(300)),
        "expected a description nested at most 256 deep, got 'one that is deeper'",
    ),
    Attack("more_memory_than_there_is", first(in_features=2**31, out_features=2**31), MODEL),
    Attack(
        "sizes_that_do_not_meet", first(out_features=5), MODEL + "'Linear: expected samples of shape (*, 4), got (5,)'"
    ),
    Attack("other_input", put(input_shape=[7]), MODEL + "'Linear: expected samples of shape (*, 3), got (7,)'"),
    Attack("size_unknown", lambda about: (first(in_features=None)(about), put(input_shape=None)(about)), MODEL),
    Attack("no_bias", first(bias=False), "expected the 3 arrays of its architecture, got 'unknown 0.bias'"),
    Attack(
        "other_layers",
        put(model={"type": "Linear", "in_features": 3, "out_features": 4}),
        "expected the 2 arrays of its architecture, got ",
    ),
    Attack("other_dtype", put(dtype="float64"), ARRAYS + "'0.weight float32 (4, 3) instead of float64 (4, 3), "),
]
