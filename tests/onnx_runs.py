"""How the tests of ONNX files export, ask onnxruntime and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime

from nnxp.layers import Layer
from nnxp.network import Network
from tests.layer_cases.adapted import Adapted, Indexed, at
from tests.layer_cases.case import Case
from tests.layer_cases.joined import Joined

onnxruntime.set_default_logger_severity(4)
TOLERANCE = 1e-5


def parts(y: Any) -> list[Any]:
    return [part for inner in y for part in parts(inner)] if isinstance(y, tuple) else [] if y is None else [y]


def drawn(layer: Layer, shape: Any, dtype: str = "float32", seed: int = 1) -> Network:
    """Build a network none of whose arrays is a constant that would hide where it is used."""
    net = Network(layer, device="cpu", dtype=dtype, seed=seed, input_shape=shape)
    rng = np.random.default_rng(0)
    arrays = net.state_dict()
    constants = [name for name, a in arrays.items() if a.dtype.kind == "f" and a.size and a.min() == a.max()]
    net.load_state_dict(arrays | {name: rng.uniform(0.5, 1.5, arrays[name].shape) for name in constants})
    return net


def answers(path: Path, inputs: list[Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return list(session.run(None, dict(zip(names, inputs, strict=True))))


def assert_same(theirs: list[Any], ours: Any) -> None:
    """Hold what a runtime answers against what the network does."""
    for a, b in zip(theirs, parts(ours), strict=True):
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE)


def assert_exported(net: Network, path: Path, inputs: list[Any], **options: Any) -> None:
    """Export, and hold a runtime's answers on each batch of inputs against the network's."""
    net.export(path, **options)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    for xs in inputs:
        assert_same(answers(path, xs), net.forward(*xs)[0])


def taken_apart(case: Case) -> tuple[Layer, tuple[int, ...], Any]:
    """Return a case's layer without the tests' own container, a sample's shape, and how to draw its inputs."""
    layer, shape = case.layer, case.shape[1:]

    def floats(rng: Any, batch: int) -> list[Any]:
        x = rng.normal(size=(batch, *shape), scale=1.5).astype("float32")
        if isinstance(layer, Adapted):
            return [x[at(cut)] for cut in layer.cuts]
        return [x]

    def integers(rng: Any, batch: int) -> list[Any]:
        return [rng.integers(0, layer.size, (batch, *shape))]

    if isinstance(layer, Adapted):
        return layer.layer, layer.inner_shape(shape, 0), floats
    if isinstance(layer, Indexed):
        return layer.layer, shape, integers
    return layer.layer if isinstance(layer, Joined) else layer, shape, floats
