"""ONNX' own test suite: what is read predicts what the suite expects, and what is not read is refused by name.

Its models that PyTorch wrote are the most independent oracle: PyTorch computed what they expect. Of the cases of single
operators, weights are held as constants, as they are in a model.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests, load_node_model_tests

from nnxp.errors import FormatError
from nnxp.io import load_onnx
from tests.onnx_runs import parts

CONVERTED = {Path(case.model_dir).name: Path(case.model_dir) for case in load_model_tests(kind="pytorch-converted")}
REFUSED = {
    "test_PReLU_1d_multiparam": "one slope for all, or one for each channel",
    "test_PReLU_2d_multiparam": "one slope for all, or one for each channel",
    "test_PReLU_3d_multiparam": "one slope for all, or one for each channel",
    "test_PoissonNLLLLoss_no_reduce": "operators that nnxp has layers for, got Exp",
}
# Cases whose operator draws numbers, as no file of a model that predicts does.
DRAWING = {"test_training_dropout", "test_training_dropout_default"}
# How many cases of each operator are read at least; what is missing differs from every layer, and is refused.
READ = {
    "Add": 7, "AveragePool": 11, "BatchNormalization": 2, "Clip": 7, "Concat": 6, "Conv": 6, "ConvTranspose": 10,
    "Elu": 3, "Gelu": 4, "Gemm": 8, "GlobalAveragePool": 2, "GlobalMaxPool": 2, "GroupNormalization": 2,
    "HardSigmoid": 3, "HardSwish": 1, "InstanceNormalization": 2, "LRN": 2, "LSTM": 3, "LayerNormalization": 11,
    "LeakyRelu": 3, "LogSoftmax": 7, "MaxPool": 17, "Mish": 1, "Pad": 6, "RMSNormalization": 13, "RNN": 4, "Relu": 1,
    "Resize": 3, "Selu": 1, "Shrink": 2, "Sigmoid": 2, "Softmax": 7, "Softplus": 2, "Softsign": 2, "Tanh": 2,
    "ThresholdedRelu": 3,
}  # fmt: skip


def tensor(path: Path) -> Any:
    return numpy_helper.to_array(onnx.load_tensor(str(path)))


def assert_expected(path: Path, inputs: list[Any], outputs: list[Any]) -> None:
    net = load_onnx(path)
    y, _ = net.forward(*(net.put_input(x, i) for i, x in enumerate(inputs)))
    for ours, theirs in zip(parts(y) if isinstance(y, tuple) else [y], outputs, strict=False):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", sorted(CONVERTED))
def test_what_pytorch_wrote_predicts_what_pytorch_computed(name: str) -> None:
    folder = CONVERTED[name]
    data = folder / "test_data_set_0"
    if name in REFUSED:
        with pytest.raises(FormatError, match=REFUSED[name]):
            load_onnx(folder / "model.onnx")
        return
    inputs, outputs = ([tensor(p) for p in sorted(data.glob(f"{kind}_*.pb"))] for kind in ("input", "output"))
    assert_expected(folder / "model.onnx", inputs, outputs)


def with_constants(model: Any, values: Any) -> tuple[Any, list[Any]]:
    """Return a case's model with its weights as constants, and what is left to give."""
    kind = model.graph.node[0].op_type
    given = len(values) if kind in ("Add", "Sum", "Concat") else 1
    held = onnx.ModelProto()
    held.CopyFrom(model)
    del held.graph.input[given:]
    if kind == "LayerNormalization":
        # Mean and deviation are given beside it, in training.
        del held.graph.output[1:]
    names = [x.name for x in model.graph.input]
    for name, value in list(zip(names, values, strict=True))[given:]:
        held.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
    return held, [np.asarray(value) for value in values[:given]]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_every_operator_that_is_read_does_what_the_standard_says(tmp_path: Path) -> None:
    read: Counter[str] = Counter()
    for case in load_node_model_tests():
        kinds = {node.op_type for node in case.model.graph.node}
        inputs, outputs = case.data_sets[0]
        plain = all(isinstance(x, (np.ndarray, np.generic)) for x in [*inputs, *outputs])
        if case.name in DRAWING or len(kinds) > 1 or not kinds <= READ.keys() or not plain:
            continue
        model, given = with_constants(case.model, inputs)
        (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
        with suppress(FormatError):
            assert_expected(tmp_path / "model.onnx", given, outputs)
            read.update(kinds)
    assert {kind: read[kind] for kind in READ if read[kind] < READ[kind]} == {}
