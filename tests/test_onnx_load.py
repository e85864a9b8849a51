"""A model from an ONNX file predicts as it did where it was trained, and is trained further here."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from nnxp import models
from nnxp.errors import FormatError
from nnxp.io import load_onnx
from nnxp.layers import (
    CELU,
    ELU,
    GELU,
    GLU,
    GRU,
    LSTM,
    RNN,
    SELU,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Concatenate,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Embedding,
    Flatten,
    GlobalAvgPool,
    Graph,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Identity,
    InstanceNorm2d,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    LogSigmoid,
    LogSoftmax,
    MaxPool2d,
    Mish,
    Parallel,
    Permute,
    PixelShuffle,
    PixelUnshuffle,
    PReLU,
    ReflectionPad2d,
    ReLU,
    ReLU6,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Standardize,
    Tanh,
    Tanhshrink,
    Threshold,
    Unflatten,
    Upsample,
    ZeroPad2d,
)
from nnxp.losses import CrossEntropyLoss
from nnxp.network import Network
from nnxp.optimizers import Adam
from tests.backends import backend_param
from tests.onnx_runs import answers, drawn

Arrays = dict[str, Any]


def normal(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def written(
    path: Path,
    nodes: list[Any],
    arrays: Arrays,
    shape: Any,
    outputs: Any = ("y",),
    version: int = 18,
    dtype: int = TensorProto.FLOAT,
) -> Path:
    """Write a graph as another tool would."""
    inputs = [helper.make_tensor_value_info("x", dtype, shape)]
    ends = [helper.make_tensor_value_info(name, dtype, None) for name in outputs]
    held = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    graph = helper.make_graph(nodes, "elsewhere", inputs, ends, held)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)
    model = onnx.shape_inference.infer_shapes(model)
    for end in model.graph.output:
        # The checker wants a shape, even where nothing is known of it.
        end.type.tensor_type.shape.SetInParent()
    path.write_bytes(model.SerializeToString())
    return path


def node(kind: str, inputs: str, output: str = "y", **options: Any) -> Any:
    return helper.make_node(kind, [n.strip("-") for n in inputs.split()], output.split(), **options)


def assert_read(path: Path, xs: list[Any], **options: Any) -> Network:
    """Hold what is read against what onnxruntime answers."""
    net = load_onnx(path, **options)
    y, _ = net.forward(*xs)
    for ours, theirs in zip(y if isinstance(y, tuple) else (y,), answers(path, xs), strict=False):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    return net


# -- there and back ------------------------------------------------------------------------------

BACK = [
    (Sequential(Linear(4, 6), GELU(), Dropout(0.3), Linear(6, 3), LogSoftmax()), (4,)),
    (Sequential(Linear(4, 6, bias=False), GELU("tanh"), LayerNorm(6), RMSNorm(6, 1e-5), Identity(), Softmin()), (4,)),
    (Sequential(Linear(4, 6), SiLU(), Linear(6, 6), Tanhshrink(), GLU(), Linear(3, 2), Tanh()), (5, 4)),
    (Sequential(ELU(0.4), SELU(), CELU(0.7), LeakyReLU(0.2), Softplus(2.0), Softsign(), Hardsigmoid(), ReLU6()), (4,)),
    (Sequential(Hardswish(), Mish(), LogSigmoid(), Hardtanh(-2.0, 0.5), Softshrink(0.2), Threshold(0.1, -0.3)), (4,)),
    (Sequential(Conv2d(3, 4, 3, 2, 1, groups=1), BatchNorm2d(4, 1e-3, 0.2), ReLU(), MaxPool2d(3, 2, 1), Flatten(),
                Linear(16, 2)), (3, 8, 8)),
    (Sequential(ZeroPad2d((1, 2, 0, 1)), Conv2d(2, 4, (3, 2), padding="same", dilation=(2, 1), groups=2, bias=False),
                GroupNorm(2, 4), PReLU(4), AvgPool2d(2, 1, 1, count_include_pad=False), GlobalAvgPool(), Softmax()),
     (2, 6, 5)),
    (Sequential(ReflectionPad2d((1, 1, 1, 1)), ConvTranspose2d(2, 4, 3, 2, 1, 1), InstanceNorm2d(4, affine=True),
                PixelShuffle(2), PixelUnshuffle(3), Upsample(None, 2.0), LocalResponseNorm(3), Permute((0, 2, 3, 1)),
                Flatten(1, 2)), (2, 4, 4)),
    (Sequential(Unflatten(1, (3, 4)), Conv1d(3, 2, 2), Sigmoid(), Upsample(None, 1.5, "linear", False)), (12,)),
    (Sequential(Embedding(9, 4), LSTM(4, 3, 2, bidirectional=True, return_state=False), Linear(6, 2)), (5,)),
    (Sequential(GRU(4, 3, 3, bias=False, return_state=False), Dropout(0.1), RNN(3, 2, 2, "relu", return_state=False)),
     (5, 4)),
    (Sequential(Standardize((1.0, 2.0), (0.5, 4.0)), Linear(2, 3)), (2,)),
]  # fmt: skip


@pytest.mark.parametrize(("model", "shape"), BACK)
def test_a_chain_comes_back_with_its_layers_and_its_state(model: Layer, shape: Any, tmp_path: Path) -> None:
    net = drawn(model, shape)
    net.export(tmp_path / "model.onnx")
    again = load_onnx(tmp_path / "model.onnx")
    inputs = np.random.default_rng(0).integers(0, 9, (3, *shape)) if model.accepts_integers else normal(3, *shape)
    np.testing.assert_allclose(again.predict(inputs), net.predict(inputs), rtol=1e-5, atol=1e-5)
    assert [type(layer) for layer in again.model] == [type(layer) for layer in model]
    assert again.state_dict().keys() == net.state_dict().keys()
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(again.state_dict()[name], array)
    assert again.seed == net.seed
    for layer in (Dropout, LSTM, GRU, RNN, Conv2d, ConvTranspose2d, BatchNorm2d, ELU, Hardtanh, Softshrink, Upsample):
        pairs = zip(again.model, model, strict=True)
        assert all(ours == theirs for ours, theirs in pairs if isinstance(theirs, layer))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (models.lenet5(), (1, 28, 28)),
        (models.resnet(3, blocks=(1, 1), width=8), (3, 16, 16)),
        (Residual(Linear(4, 4), Sequential(Linear(4, 4), Tanh())), (4,)),
        (Parallel(Linear(4, 3), Tanh(), combine="concatenate"), (4,)),
    ],
    ids=["lenet5", "resnet", "residual", "parallel"],
)
def test_branches_come_back_as_a_graph_with_the_same_arrays(model: Layer, shape: Any, tmp_path: Path) -> None:
    net = drawn(model, shape)
    net.export(tmp_path / "model.onnx")
    again = load_onnx(tmp_path / "model.onnx")
    x = normal(5, *shape)
    np.testing.assert_allclose(again.predict(x), net.predict(x), rtol=1e-5, atol=1e-5)
    flat = {name.replace(".", "_"): array for name, array in net.state_dict().items()}
    found = {name.replace(".", "_"): array for name, array in again.state_dict().items()}
    assert found.keys() == flat.keys()
    assert all(np.array_equal(found[name], array) for name, array in flat.items())


def test_two_inputs_and_outputs_come_back_under_their_names(tmp_path: Path) -> None:
    nodes = (("h", Linear(3, 4), "a"), ("k", Linear(2, 4), "b"), ("sum", Add(), ("h", "k")),
             ("both", Concatenate(), ("sum", "a")))  # fmt: skip
    net = drawn(Graph(("a", "b"), nodes, ("both", "sum")), None)
    net.export(tmp_path / "model.onnx")
    again = load_onnx(tmp_path / "model.onnx")
    assert again.model == net.model
    assert all(np.array_equal(again.state_dict()[name], array) for name, array in net.state_dict().items())


def test_final_states_come_back_too(tmp_path: Path) -> None:
    net, x = drawn(LSTM(3, 4, bidirectional=True), None), normal(2, 5, 3)
    net.export(tmp_path / "model.onnx")
    (y, h, c), _ = load_onnx(tmp_path / "model.onnx").forward(x)
    (output, (h_n, c_n)), _ = net.forward(x)
    for ours, theirs in ((y, output), (h, h_n), (c, c_n)):
        np.testing.assert_array_equal(ours, theirs)


# -- what others write ---------------------------------------------------------------------------

W, B = normal(4, 3, seed=1), normal(3, seed=2)


def test_a_chain_of_products_and_sums_is_one_of_linear_layers(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", "x w1", "a", name="dense/MatMul"), node("Add", "b1 a", "b", name="dense/Add"),
        node("Relu", "b", "c"), node("MatMul", "c w2", "d"), node("Add", "d b2", "e"), node("Softmax", "e", "y"),
    ]  # fmt: skip
    arrays = {"w1": W, "b1": B, "w2": normal(3, 2, seed=3), "b2": normal(1, 2, seed=4)}
    net = assert_read(written(tmp_path / "keras.onnx", nodes, arrays, ["n", 4]), [normal(5, 4)])
    assert net.model == Sequential(Linear(4, 3), ReLU(), Linear(3, 2), Softmax())
    np.testing.assert_array_equal(net.parameters["0.weight"], W.T)


@pytest.mark.parametrize(
    ("options", "weight", "bias"),
    [
        ({}, W, B),
        ({"transB": 1}, W.T, B[None, :]),
        ({"alpha": 0.5, "beta": 2.0}, W, np.float32(0.3)),
        ({"transB": 1, "alpha": -1.5}, W.T, None),
    ],
)
def test_gemm_is_a_linear_layer_whatever_its_options(options: Any, weight: Any, bias: Any, tmp_path: Path) -> None:
    arrays = {"w": weight} | ({} if bias is None else {"b": bias})
    nodes = [node("Gemm", " ".join(["x", *arrays]), **options)]
    net = assert_read(written(tmp_path / "gemm.onnx", nodes, arrays, ["n", 4]), [normal(5, 4)])
    assert net.model == Sequential(Linear(4, 3, bias is not None))


@pytest.mark.parametrize("auto", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("size", [12, 13])
def test_automatic_padding_is_worked_out(auto: str, strides: int, size: int, tmp_path: Path) -> None:
    options = {"auto_pad": auto, "strides": [strides, strides]}
    nodes = [node("Conv", "x w", "a", **options), node("MaxPool", "a", kernel_shape=[3, 3], **options)]
    path = written(tmp_path / "conv.onnx", nodes, {"w": normal(3, 2, 3, 2)}, ["n", 2, size, size])
    assert_read(path, [normal(2, 2, size, size)])


@pytest.mark.parametrize(
    ("nodes", "arrays", "shape", "layers"),
    [
        ([node("Sub", "x m", "a"), node("Div", "a s")], {"m": B, "s": abs(B)}, (3,), [Standardize]),
        ([node("Mul", "x s")], {"s": np.float32(0.25)}, (3,), [Standardize]),
        ([node("Clip", "x low -")], {"low": np.float32(0.2)}, (3,), [Threshold]),
        ([node("Clip", "x low high")], {"low": np.float32(0), "high": np.float32(6)}, (3,), [ReLU6]),
        ([node("HardSigmoid", "x")], {}, (3,), [Standardize, Hardtanh]),
        ([node("ReduceMean", "x a", keepdims=0)], {"a": [2, 3]}, (3, 4, 5), [GlobalAvgPool]),
        ([node("ReduceMean", "x a", keepdims=0)], {"a": [1]}, (4, 5), [Permute, GlobalAvgPool]),
        ([node("GlobalAveragePool", "x", "a"), node("Flatten", "a")], {}, (3, 4, 5), [GlobalAvgPool]),
        ([node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Unsqueeze", "n zero1", "m"),
          node("Concat", "m rest", "t", axis=0), node("Reshape", "x t")],
         {"zero": np.int64(0), "zero1": [0], "rest": [-1]}, (3, 4), [Flatten]),
        ([node("Reshape", "x t")], {"t": [-1, 12]}, (3, 4), [Flatten]),
        ([node("Reshape", "x t")], {"t": [0, 2, 6]}, (3, 4), [Flatten, Unflatten]),
        ([node("Unsqueeze", "x a", "b"), node("Conv", "b w")], {"a": [1], "w": normal(2, 1, 3)}, (6,), [Unflatten, Conv1d]),
        ([node("Pad", "x p", "a"), node("AveragePool", "a", kernel_shape=[3, 3])],
         {"p": [0, 0, 1, 0, 0, 0, 1, 2]}, (2, 3, 4), [ZeroPad2d, AvgPool2d]),
        ([node("Transpose", "w", "v", perm=[1, 0]), node("MatMul", "x v")], {"w": W.T}, (4,), [Linear]),
        ([node("ReduceMean", "x a", "m"), node("Sub", "x m", "c"), node("Pow", "c two", "q"),
          node("ReduceMean", "q a2", "v"), node("Add", "v e", "w"), node("Sqrt", "w", "s"), node("Div", "c s", "z"),
          node("Mul", "z g", "g2"), node("Add", "g2 h")],
         {"a": [-1], "a2": [-1], "two": np.float32(2), "e": np.float32(1e-5), "g": B, "h": B + 1}, (3,), [LayerNorm]),
    ],
)  # fmt: skip
def test_what_others_write_in_several_operators_is_understood(
    nodes: Any, arrays: Any, shape: Any, layers: Any, tmp_path: Path
) -> None:
    arrays = {name: np.asarray(a, dtype=np.int64) if isinstance(a, list) else a for name, a in arrays.items()}
    net = assert_read(written(tmp_path / "model.onnx", nodes, arrays, ["n", *shape]), [normal(5, *shape)])
    assert [type(layer) for layer in net.model] == layers


def test_the_last_step_of_a_recurrent_layer_is_understood(tmp_path: Path) -> None:
    arrays = {"w": normal(1, 16, 3), "r": normal(1, 16, 4, seed=1), "b": normal(1, 32, seed=2), "zero": np.asarray([0]),
              "one": np.asarray([1]), "last": np.asarray(-1)}  # fmt: skip
    begin = [node("Transpose", "x", "t", perm=[1, 0, 2]), node("LSTM", "t w r b", "s h", hidden_size=4)]
    state = [*begin, node("Squeeze", "h zero")]
    step = [*begin, node("Squeeze", "s one", "o"), node("Gather", "o last", axis=0)]
    for nodes in (state, step):
        path = written(tmp_path / "lstm.onnx", nodes, arrays, ["n", 6, 3])
        net = assert_read(path, [normal(2, 6, 3)])
        assert any(isinstance(n.layer, LSTM) and n.layer.batch_first for n in net.nodes)


def test_what_is_used_elsewhere_too_is_not_joined(tmp_path: Path) -> None:
    nodes = [node("Sigmoid", "x", "s"), node("Relu", "s", "r"), node("Tanh", "s", "t"), node("Concat", "r t", axis=1)]
    net = assert_read(written(tmp_path / "model.onnx", nodes, {}, ["n", 3]), [normal(5, 3)])
    assert net.output_shape == (6,)
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "c"), node("Concat", "a c", axis=1)]
    net = assert_read(written(tmp_path / "model.onnx", nodes, {"w": W, "b": B}, ["n", 4]), [normal(5, 4)])
    assert [type(n.layer) for n in net.nodes[1:]] == [Linear, Standardize, Concatenate]


def test_indices_may_be_cast_before_they_are_looked_up(tmp_path: Path) -> None:
    nodes = [
        node("Cast", "x", "i", to=TensorProto.INT64),
        node("Gather", "w i"),
    ]
    path = written(tmp_path / "model.onnx", nodes, {"w": W}, ["n", 5], dtype=TensorProto.INT32)
    x = np.random.default_rng(0).integers(0, 4, (3, 5))
    np.testing.assert_array_equal(load_onnx(path).predict(x), W[x])


def test_older_operators_are_brought_up_to_date(tmp_path: Path) -> None:
    nodes = [
        node("Unsqueeze", "x", "a", axes=[1]),
        node("Clip", "a", "b", min=0.0, max=6.0),
        node("Squeeze", "b", axes=[1]),
    ]
    net = assert_read(written(tmp_path / "old.onnx", nodes, {}, ["n", 3], version=9), [normal(5, 3)])
    assert ReLU6() in net.model


def test_weights_in_float64_make_a_network_in_float64(tmp_path: Path) -> None:
    nodes = [node("Gemm", "x w")]
    path = written(tmp_path / "wide.onnx", nodes, {"w": W.astype("float64")}, ["n", 4], dtype=TensorProto.DOUBLE)
    assert load_onnx(path).dtype == "float64"


def test_reading_may_stop_before_what_is_not_wanted(tmp_path: Path) -> None:
    nodes = [node("Gemm", "x w b", "logits"), node("Softmax", "logits", "shares"), node("ArgMax", "shares", axis=1)]
    path = written(tmp_path / "classifier.onnx", nodes, {"w": W, "b": B}, ["n", 4])
    assert load_onnx(path, outputs=["logits"]).model == Sequential(Linear(4, 3))
    assert load_onnx(path, outputs=["shares"]).model == Sequential(Linear(4, 3), Softmax())
    with pytest.raises(
        ValueError,
        match="^load_onnx: expected outputs to be names of values that the file computes, got 'logit'; did you mean 'logits'\\?$",
    ):
        load_onnx(path, outputs=["logit"])


@pytest.mark.parametrize("device", ["cpu", backend_param("strict:device1"), backend_param("torch:cpu")])
def test_what_was_trained_elsewhere_is_trained_further_here(device: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 4)).astype("float32"), rng.integers(0, 3, 64)
    nodes = [node("MatMul", "x w", "a"), node("Add", "a b", "h"), node("Tanh", "h", "t"), node("Gemm", "t v")]
    path = written(tmp_path / "model.onnx", nodes, {"w": W, "b": B, "v": normal(3, 3)}, ["n", 4])
    net = load_onnx(path, device=device)
    net.freeze("0.*")
    before = net.state_dict()
    history = net.fit(x, y, loss=CrossEntropyLoss(), optimizer=Adam(0.05), epochs=5, verbose=False)
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    assert np.array_equal(net.state_dict()["0.weight"], before["0.weight"])
    net.export(tmp_path / "tuned.onnx")
    np.testing.assert_allclose(answers(tmp_path / "tuned.onnx", [x])[0], net.predict(x), rtol=1e-5, atol=1e-5)


def test_pytorch_exports_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnxscript")
    nn = torch.nn
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.GELU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )
    x = torch.from_numpy(normal(2, 1, 8, 8))
    torch.onnx.export(module.eval(), (x,), str(tmp_path / "torch.onnx"), dynamo=True, external_data=False)
    np.testing.assert_allclose(load_onnx(tmp_path / "torch.onnx").predict(x), module(x).detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore")
def test_pytorch_scripts_are_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Reads(nn.Module):  # type: ignore[misc, name-defined, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(3, 4, 2, batch_first=True, bidirectional=True)
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(40, 2)

        def forward(self, x: Any) -> Any:
            y = self.norm(self.lstm(x)[0])
            return self.head(y.reshape(y.size(0), -1))

    cases = [
        (
            nn.Sequential(
                nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.SiLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 3)
            ),
            (1, 8, 8),
        ),
        (nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2), nn.LogSoftmax(-1)), (6,)),
        (Reads(), (5, 3)),
    ]
    for module, shape in cases:
        x = torch.from_numpy(normal(2, *shape))
        torch.onnx.export(
            module.eval(), (x,), str(tmp_path / "torch.onnx"), dynamo=False, input_names=["x"],
            dynamic_axes={"x": {0: "batch"}},
        )  # fmt: skip
        net = load_onnx(tmp_path / "torch.onnx")
        assert isinstance(net.model, Sequential)
        more = torch.from_numpy(normal(5, *shape, seed=1))
        np.testing.assert_allclose(net.predict(more), module(more).detach(), rtol=1e-5, atol=1e-5)


# -- what is refused -----------------------------------------------------------------------------


def refusal(path: Path, **options: Any) -> str:
    with pytest.raises(FormatError) as caught:
        load_onnx(path, **options)
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith(f"load_onnx({str(path)!r}): expected ")
    return text.partition("): expected ")[2]


OUT = "; give outputs=(...), the names of values before it"


@pytest.mark.parametrize(
    ("nodes", "arrays", "shape", "sentence"),
    [
        ([node("Erf", "x", name="here")], {}, [None, 3], f"at Erf 'here' operators that nnxp has layers for, got Erf{OUT}"),
        ([node("MatMul", "x x")], {}, [None, 3], "at MatMul 'y' input 1 to be a constant, got one that is computed"),
        ([node("MatMul", "x w")], {"w": normal(2, 3, 4)}, [None, 3], "at MatMul 'y' a matrix, got an array of shape (4, 3, 2)"),
        ([node("Gemm", "x w", transA=1)], {"w": W}, [4, None], "at Gemm 'y' an input of shape (batch, features), got another one"),
        ([node("Gemm", "x w")], {"w": W}, [None, 5],
         "at Gemm 'y' values that a layer takes, got 'Linear: expected samples of shape (*, 4), got (5,)'"),
        ([node("Transpose", "x", perm=[1, 0])], {}, [None, 3], "at Transpose 'y' a batch axis that stays the first, got [1, 0]"),
        ([node("Reshape", "x t")], {"t": np.asarray([-1])}, [None, 3, 2],
         "at Reshape 'y' a shape that leaves the batch axis of (batch, 3, 2) alone, got [-1]"),
        ([node("Flatten", "x", axis=2)], {}, [None, 3, 2], "at Flatten 'y' axis 1, behind the batch's, got 2"),
        ([node("Softmax", "x")], {}, [], "input 'x' to say its shape, got (); give input_shape"),
        ([node("Mul", "x s")], {"s": np.float32(-2)}, [None, 3], "at Mul 'y' a scale greater than 0, and finite, got another one"),
        ([node("Pad", "x p")], {"p": np.asarray([0, 1, 0, 0, 0, 0])}, [None, 2, 3],
         "at Pad 'y' padding behind the channels alone, got [0, 1, 0, 0, 0, 0]"),
        ([node("AveragePool", "x", kernel_shape=[2], pads=[0, 1])], {}, [None, 2, 3],
         "at AveragePool 'y' padding that counts, or is the same on both sides and at most half a window, got (0,) and (1,)"),
        ([node("MaxPool", "x", "y i", kernel_shape=[2]), node("Cast", "i", "z", to=1)], {}, [None, 2, 3],
         "at MaxPool 'y' maxima without their indices, got both"),
        ([node("Conv", "x w", auto_pad="SAME_UPPER", strides=[2])], {"w": normal(1, 2, 3)}, [None, 2, None],
         "at Conv 'y' sizes that are known, for auto_pad 'SAME_UPPER', got None; give input_shape"),
        ([node("BatchNormalization", "x s s s s", "y m v", training_mode=1)], {"s": B}, [None, 3],
         "at BatchNormalization 'y' a model that predicts, got one that is being trained; export it in evaluation mode"),
        ([node("GRU", "x w r", "y")], {"w": normal(1, 6, 3), "r": normal(1, 6, 2)}, [5, None, 3],
         "at GRU 'y' linear_before_reset 1, as PyTorch and Keras have it, got 0"),
        ([node("LSTM", "x w r - l", "y")], {"w": normal(1, 8, 3), "r": normal(1, 8, 2), "l": np.asarray([3], "int32")},
         [5, None, 3], "at LSTM 'y' sequences of one length, got sequence_lens"),
        ([node("LSTM", "x w r", "y", direction="reverse")], {"w": normal(1, 8, 3), "r": normal(1, 8, 2)}, [5, None, 3],
         "at LSTM 'y' direction 'forward' or 'bidirectional', got 'reverse'"),
        ([node("LSTM", "x w r - - h", "y")], {"w": normal(1, 8, 3), "r": normal(1, 8, 2), "h": normal(1, 1, 2)},
         [5, None, 3], "at LSTM 'y' no initial_h, or zeros, got others"),
        ([node("LSTM", "x w r", "y")], {"w": normal(1, 8, 3), "r": normal(1, 8, 2)}, [5, None, 3],
         "outputs whose first axis is the batch, got another order of axes"),
        ([node("Resize", "x - s", mode="cubic")], {"s": np.asarray([1, 1, 2, 2], "float32")}, [None, 2, 3, 3],
         "at Resize 'y' the nearest place by floor, or linear mode with half pixels or aligned corners, "
         "got cubic, half_pixel, round_prefer_floor"),
        ([node("Expand", "z s", "e"), node("Add", "x e")], {"z": np.float32(1), "s": np.asarray([2**20, 2**20])}, [None, 3],
         "at Expand 'e' values that can be read, got 'an array of shape (1048576, 1048576)'"),
        ([node("ConstantOfShape", "s", "e"), node("Add", "x e")], {"s": np.asarray([2**20, 2**20])}, [None, 3],
         "at ConstantOfShape 'e' values that can be read, got 'an array of shape (1048576, 1048576)'"),
        ([node("Shrink", "x", bias=0.1)], {}, [None, 3], "at Shrink 'y' a bias of 0 or 0.5, got 0.1"),
        ([node("Transpose", "x", "t", perm=[1, 0, 2]), node("Softmax", "t")], {}, [None, 3, 2],
         "at Softmax 'y' an input whose first axis is the batch, got another order of axes"),
        ([node("Resize", "x - s", mode="linear", coordinate_transformation_mode="align_corners")],
         {"s": np.asarray([1, 1, 0.6, 0.6], "float32")}, [None, 2, 4, 4],
         "at Resize 'y' aligned corners with sizes that are whole numbers, got [2.4, 2.4]; give sizes"),
        ([node("Resize", "x - - n", mode="linear", coordinate_transformation_mode="pytorch_half_pixel")],
         {"n": np.asarray([1, 2, 3, 1])}, [None, 2, 4, 4],
         "at Resize 'y' an output of more than one place, with pytorch_half_pixel, got 1"),
        ([node("Constant", "", value_string="a")], {}, [None, 3], "at Constant 'y' values that can be read, got 'a value_string'"),
    ],
)  # fmt: skip
def test_what_no_layer_does_is_refused_by_name(
    nodes: Any, arrays: Any, shape: Any, sentence: str, tmp_path: Path
) -> None:
    for one in nodes:
        del one.input[one.input[:].index("") if one.input[:] == [""] else len(one.input) :]
    outputs = ["z"] if nodes[-1].output[0] == "z" else ["y"]
    path = written(tmp_path / "model.onnx", nodes, arrays, shape, outputs)
    if nodes[0].op_type == "MaxPool":
        outputs = ["y", "z"]
        path = written(tmp_path / "model.onnx", nodes, arrays, shape, outputs)
    assert refusal(path) == sentence


def test_an_operator_of_another_family_is_refused_with_its_family(tmp_path: Path) -> None:
    model = onnx.load(written(tmp_path / "model.onnx", [node("Relu", "x")], {}, [None, 3]))
    model.graph.node[0].op_type, model.graph.node[0].domain = "Scaler", "ai.onnx.ml"
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    assert "operators that nnxp has layers for, got ai.onnx.ml:Scaler" in refusal(tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: b"", "an ONNX file with a graph, got one without"),
        (lambda data: data[: len(data) // 2], "an ONNX file, got one that is damaged or of another kind"),
        (lambda data: b"\x89PNG\r\n" + data, "an ONNX file, got one that is damaged or of another kind"),
    ],
)
def test_a_damaged_file_is_a_format_error(damage: Any, sentence: str, tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", [node("Gemm", "x w")], {"w": W}, [None, 4])
    path.write_bytes(damage(path.read_bytes()))
    assert refusal(path) == sentence


def test_bytes_that_were_turned_over_never_do_more_than_be_refused(tmp_path: Path) -> None:
    model = Sequential(Conv2d(2, 3, 3), BatchNorm2d(3), GELU(), Flatten(), Linear(12, 2))
    Network(model, seed=0, input_shape=(2, 4, 4)).export(tmp_path / "model.onnx")
    data, rng = (tmp_path / "model.onnx").read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        broken = bytearray(data)
        for place in rng.integers(0, len(data), 3):
            broken[place] = rng.integers(256)
        (tmp_path / "broken.onnx").write_bytes(broken)
        found: Any = None
        try:
            found = load_onnx(tmp_path / "broken.onnx")
        except FormatError as error:
            found = error
        assert isinstance(found, Network) or "\n" not in str(found)


def test_no_other_file_is_opened(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", [node("Gemm", "x w")], {"w": W}, [None, 4])
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    (tmp_path / "weights.bin").unlink()
    sentence = "a file that holds its weights, got one that points to others; save it with its weights: onnx.save(onnx.load(path), path)"
    assert refusal(path) == sentence
    secret = onnx.TensorProto(name="w", data_type=1, dims=[4, 3], data_location=onnx.TensorProto.EXTERNAL)
    secret.external_data.add(key="location", value="/etc/passwd")
    path = written(path, [node("Relu", "x")], {}, [None, 4])
    model = onnx.load(path)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["w"], value=secret))
    path.write_bytes(model.SerializeToString())
    assert refusal(path) == sentence


def test_limits_hold(tmp_path: Path, monkeypatch: Any) -> None:
    path = written(tmp_path / "model.onnx", [node("Relu", "x", "a"), node("Relu", "a")], {}, [None, 4])
    size = path.stat().st_size
    assert refusal(path, max_bytes=size - 1) == f"a file of at most {size - 1} bytes, got one of {size}; give max_bytes"
    monkeypatch.setattr("nnxp.io.onnx.read.file.MAX_LAYERS", 1)
    assert refusal(path) == "a graph of at most 1 operators, got 2"


def test_functions_and_inner_graphs_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "model.onnx", [node("Relu", "x")], {}, [None, 4])
    model = onnx.load(path)
    opset = [helper.make_opsetid("", 18)]
    model.functions.append(helper.make_function("mine", "F", ["x"], ["y"], [node("Relu", "x")], opset))
    path.write_bytes(model.SerializeToString())
    assert refusal(path).startswith(
        "a graph without functions and sparse arrays of its own, got one with them; inline them"
    )
    inner = helper.make_graph([node("Relu", "x")], "inner", [], [helper.make_tensor_value_info("y", 1, None)])
    nodes = [helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)]
    path = written(path, nodes, {"c": np.asarray(True)}, [None, 4])
    assert refusal(path) == "operators without graphs inside them, got 'If '"


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    model = onnx.load(written(tmp_path / "model.onnx", [node("Relu", "x")], {}, [None, 4]))
    model.opset_import[0].version = 29
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    sentence = "operators of ONNX version 1 to 28, got 29; convert it with onnx.version_converter"
    assert refusal(tmp_path / "model.onnx") == sentence


def test_without_onnx_a_sentence_says_what_to_install(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ImportError, match=re.escape("load_onnx: expected onnx to be installed; pip install 'nnxp[onnx]'")
    ):
        load_onnx("model.onnx")


def test_a_file_that_is_not_there_is_what_python_calls_it() -> None:
    with pytest.raises(FileNotFoundError):
        load_onnx("nowhere.onnx")
