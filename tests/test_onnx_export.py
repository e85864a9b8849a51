"""Exported to ONNX, a network is accepted by onnx' checker and answered by onnxruntime as by itself."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.reference
import pytest

import nnxp.layers
from nnxp import models
from nnxp.io.onnx.write import exporting
from nnxp.io.onnx.write.table import EXPORTERS, WITHOUT
from nnxp.layers import (
    GELU,
    GRU,
    LSTM,
    RNN,
    Activation,
    AdaptiveAvgPool2d,
    AdaptiveMaxPool2d,
    Add,
    AvgPool2d,
    BatchNorm1d,
    Conv2d,
    CosineSimilarity,
    Dropout,
    Embedding,
    EmbeddingBag,
    Flatten,
    Graph,
    GRUCell,
    Layer,
    Linear,
    LPPool2d,
    LSTMCell,
    Maxout,
    MaxPool2d,
    MultiheadAttention,
    PositionalEncoding,
    PReLU,
    ReLU,
    RNNCell,
    Sequential,
    Softmax,
    Standardize,
    Transformer,
    TransformerDecoderLayer,
    TransformerEncoder,
    TransformerEncoderLayer,
    Unflatten,
    Upsample,
    WeightNorm,
)
from nnxp.losses import BCEWithLogitsLoss, CrossEntropyLoss, MSELoss, NLLLoss
from nnxp.network import Network
from nnxp.optimizers import SGD
from tests.backends import backend_param
from tests.layer_cases import CASES, Case
from tests.layer_cases.adapted import Adapted
from tests.onnx_runs import answers, assert_exported, assert_same, drawn, parts, taken_apart

# Batches of another number than the sequence, for layers whose first axis is time.
TIME_FIRST = {"positions_learned_second"}
# They take any number of inputs, and give them no names; within a Graph they are met.
NAMELESS = {"add", "add_one", "concatenate_one"}
EXPORTED = [case for case in CASES if type(case.layer) not in WITHOUT and case.name not in NAMELESS]


def test_every_layer_is_exported_or_says_why_not() -> None:
    kinds = {getattr(nnxp.layers, name) for name in nnxp.layers.__all__}
    layers = {kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Layer)} - {Layer}
    assert layers - EXPORTERS.keys() == set(WITHOUT)
    assert all(WITHOUT.values())


@pytest.mark.parametrize("case", EXPORTED, ids=lambda case: case.name)
def test_every_layer_under_contract_is_answered_alike_by_onnxruntime(case: Case, tmp_path: Path) -> None:
    layer, shape, draw = taken_apart(case)
    net = drawn(layer, shape)
    rng, several = np.random.default_rng(1), isinstance(case.layer, Adapted) and len(case.layer.cuts) > 1
    batches = [2, 3] if case.name in TIME_FIRST else [1, 5]
    given = tuple(case.layer.inner_shape(case.shape[1:], i) for i in range(len(case.layer.cuts))) if several else None
    assert_exported(net, tmp_path / "model.onnx", [draw(rng, n) for n in batches], input_shape=given)


def test_every_exporter_is_met_by_a_case() -> None:
    met: set[type] = set()

    def meet(layer: Layer) -> None:
        met.add(type(layer))
        inner = layer.layer if isinstance(layer, WeightNorm) else None
        for child in [*layer.children().values(), *([inner] if inner else [])]:
            meet(child)

    for case in EXPORTED:
        meet(case.layer)
    assert not {kind for kind in EXPORTERS if kind.__name__ in nnxp.layers.__all__} - met


def normal(*shape: int) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def whole(high: int, *shape: int, dtype: str = "int64") -> Any:
    return np.random.default_rng(0).integers(0, high, shape).astype(dtype)


@pytest.mark.parametrize(
    ("model", "shape", "sample"),
    [
        (models.lenet5(), (1, 28, 28), (1, 28, 28)),
        (models.mlp(7), None, (7,)),
        (models.simple_convnet(), (1, 28, 28), (1, 28, 28)),
        (models.deep_convnet(), (1, 28, 28), (1, 28, 28)),
        (models.resnet(3, blocks=(1, 1), width=8), None, (3, 16, 16)),
        (models.transformer(6, width=16), (None, 6), (9, 6)),
    ],
    ids=["lenet5", "mlp", "simple_convnet", "deep_convnet", "resnet", "transformer"],
)
def test_the_models_at_hand_are_answered_alike(model: Layer, shape: Any, sample: Any, tmp_path: Path) -> None:
    net = Network(model, seed=0, input_shape=shape)
    assert_exported(net, tmp_path / "model.onnx", [[normal(n, *sample)] for n in (1, 5)])


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_tokens_may_be_of_the_integers_one_likes(dtype: str, tmp_path: Path) -> None:
    net = Network(models.transformer(num_embeddings=11, width=8), seed=0)
    xs = [[whole(11, n, 6, dtype=dtype)] for n in (1, 5)]
    assert_exported(net, tmp_path / "model.onnx", xs, integers=dtype)


@pytest.mark.parametrize(
    ("layer", "inputs", "named"),
    [
        (LSTM(3, 4, 2, bidirectional=True), [(2, 5, 3)], {"hx": ((4, 2, 4), (4, 2, 4))}),
        (GRU(3, 4, batch_first=False), [(5, 2, 3)], {"hx": (1, 2, 4)}),
        (RNN(3, 4, 2, "relu"), [(2, 5, 3)], {"hx": (2, 2, 4)}),
        (WeightNorm(LSTM(3, 4), "weight_hh_l0"), [(2, 5, 3)], {"hx": ((1, 2, 4), (1, 2, 4))}),
        (LSTMCell(3, 4), [(2, 3)], {"hx": ((2, 4), (2, 4))}),
        (GRUCell(3, 4), [(2, 3)], {"hx": (2, 4)}),
        (RNNCell(3, 4, nonlinearity="relu"), [(2, 3)], {"hx": (2, 4)}),
        (EmbeddingBag(9, 3, mode="sum", padding_idx=-1), [()], {"per_sample_weights": (2, 6)}),
        (MultiheadAttention(4, 2), [(2, 5, 4), (2, 3, 4), (2, 3, 4)], {"attn_mask": (5, 3)}),
        (MultiheadAttention(4, 2, bias=False, batch_first=False), [(5, 2, 4)] + [(3, 2, 4)] * 2, {"is_causal": True}),
        (MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True), [(2, 5, 4), (2, 3, 4), (2, 3, 4)],
         {"key_padding_mask": "bool", "attn_mask": (5, 3), "is_causal": True, "average_attn_weights": False}),
        (MultiheadAttention(4, 2, kdim=3, vdim=2, add_zero_attn=True), [(2, 5, 4), (2, 3, 3), (2, 3, 2)],
         {"need_weights": False, "key_padding_mask": (2, 3)}),
        (TransformerEncoderLayer(4, 2, 5), [(2, 3, 4)], {"src_mask": "bool", "is_causal": True}),
        (TransformerEncoder(TransformerEncoderLayer(4, 2, 5), 2), [(2, 3, 4)], {"mask": (3, 3), "is_causal": True}),
        (TransformerDecoderLayer(4, 2, 5), [(2, 5, 4), (2, 3, 4)],
         {"tgt_is_causal": True, "memory_key_padding_mask": "bool", "tgt_mask": (5, 5)}),
        (Transformer(4, 2, 1, 2, 6, norm_first=True, batch_first=False), [(3, 2, 4), (5, 2, 4)],
         {"tgt_is_causal": True, "src_is_causal": True}),
        (Transformer(4, 2, 1, 1, 6, activation="gelu", bias=False), [(2, 3, 4), (2, 5, 4)],
         {"src_key_padding_mask": "bool", "memory_mask": (5, 3)}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Layer) else "",
)  # fmt: skip
def test_states_masks_and_flags_are_further_inputs(layer: Any, inputs: Any, named: Any, tmp_path: Path) -> None:
    net, rng = drawn(layer, None), np.random.default_rng(2)
    xs = [rng.normal(size=shape).astype("float32") if shape else whole(9, 2, 6) for shape in inputs]
    sizes = {"key_padding_mask": (2, 3), "src_mask": (3, 3), "memory_key_padding_mask": (2, 3)}
    given, asked = {}, {}
    for name, kind in named.items():
        if isinstance(kind, bool):
            given[name] = asked[name] = kind
        elif kind == "bool":
            mask = rng.random(sizes.get(name, (2, 3))) < 0.4
            mask[:, 0] = False
            given[name], asked[name] = mask, "bool"
        else:
            shapes = kind if isinstance(kind[0], tuple) else (kind,)
            arrays = tuple(rng.normal(size=shape).astype("float32") for shape in shapes)
            given[name], asked[name] = arrays if len(arrays) > 1 else arrays[0], "float"
    net.export(tmp_path / "model.onnx", named=asked)
    more = [array for value in given.values() if not isinstance(value, bool) for array in parts(value)]
    assert_same(answers(tmp_path / "model.onnx", xs + more), net.forward(*xs, **given)[0])


def test_a_query_without_a_key_gets_what_it_gets_here(tmp_path: Path) -> None:
    net, x = drawn(MultiheadAttention(4, 2), None), normal(2, 3, 4)
    padding = np.asarray([[True, True, True], [False, True, False]])
    for wanted in (True, False):
        net.export(tmp_path / "model.onnx", named={"key_padding_mask": "bool", "need_weights": wanted})
        y, _ = net.forward(x, x, x, key_padding_mask=padding, need_weights=wanted)
        assert np.isnan(y[0][0]).all() == wanted
        assert_same(answers(tmp_path / "model.onnx", [x, x, x, padding]), y)


@pytest.mark.parametrize(
    ("layer", "shape", "sample"),
    [
        (AvgPool2d(3, 2, 1, ceil_mode=True), (2, 6, 7), (2, 6, 7)),
        (AvgPool2d((2, 3), (2, 4), (0, 1), ceil_mode=True), (2, 6, 7), (2, 6, 7)),
        (AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), (2, 6, 7), (2, 6, 7)),
        (AvgPool2d(3, 2, 1, ceil_mode=True, divisor_override=5), (2, 6, 7), (2, 6, 7)),
        (AvgPool2d(2, 2, ceil_mode=True), None, (2, 5, 7)),
        (MaxPool2d(3, 2, 1, ceil_mode=True), None, (2, 6, 7)),
        (MaxPool2d(2, (3, 2), 1, ceil_mode=True), (2, 5, 6), (2, 5, 6)),
        (MaxPool2d(2, return_indices=True), None, (2, 5, 6)),
        (AdaptiveMaxPool2d((2, None), return_indices=True), (2, 4, 6), (2, 4, 6)),
        (LPPool2d(3.0, 2, ceil_mode=True), (2, 5, 6), (2, 5, 6)),
        (Upsample(scale_factor=(1.3, 2.7)), (2, 7, 9), (2, 7, 9)),
        (Upsample(scale_factor=2.4), (2, 19, 16), (2, 19, 16)),
        (Upsample(size=(46, 8)), (2, 14, 14), (2, 14, 14)),
        (Unflatten(1, (2, 3)), (6, None, None), (6, 2, 5)),
        (Maxout(2, dim=1), (6, None, None), (6, 2, 5)),
        (Upsample(scale_factor=1.4, mode="bilinear", align_corners=True), (2, 7, 9), (2, 7, 9)),
        (Upsample(size=(3, 5), mode="bilinear"), (2, None, None), (2, 7, 9)),
        (PReLU(3), (3, 4, 4), (3, 4, 4)),
        (PositionalEncoding(6), None, (700, 6)),
    ],
)  # fmt: skip
def test_sizes_that_divide_unevenly_are_answered_alike(layer: Layer, shape: Any, sample: Any, tmp_path: Path) -> None:
    net = drawn(layer, shape)
    # Positive, as a root of odd powers needs them.
    assert_exported(net, tmp_path / "model.onnx", [[abs(normal(n, *sample))] for n in (1, 5)])


def test_a_graph_keeps_the_names_of_its_inputs_and_outputs(tmp_path: Path) -> None:
    nodes = (("h", Linear(3, 4), "a"), ("k", "h", "b"), ("sum", Add(), ("h", "k")), ("lstm", LSTM(3, 2), "c"))
    net = drawn(Graph(("a", "b", "c"), nodes, ("sum", "lstm.1.0", "h")), None)
    inputs = [[normal(n, 3), normal(n, 3), normal(n, 6, 3)] for n in (1, 5)]
    assert_exported(net, tmp_path / "model.onnx", inputs)
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert [x.name for x in graph.input] == ["a", "b", "c"]
    assert [y.name for y in graph.output] == ["sum", "lstm.1.0", "h"]


def test_outputs_that_are_inputs_have_names_of_their_own(tmp_path: Path) -> None:
    net = drawn(Graph(("a", "b"), (("h", Linear(3, 4), "a"),), ("h", "a", "a")), None)
    net.export(tmp_path / "model.onnx", input_shape=((3,), (5,)))
    a, b = normal(2, 3), normal(2, 5)
    assert_same(answers(tmp_path / "model.onnx", [a, b]), net.forward(a, b)[0])


def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    net = Network(Sequential(Conv2d(1, 2, 3), ReLU(), Flatten(), Linear(8, 3)), seed=7, input_shape=(1, 4, 4))
    net.export(tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 18)]
    assert model.ir_version == 10
    assert (model.producer_name, model.producer_version) == ("nnxp", nnxp.__version__)
    assert {p.key: p.value for p in model.metadata_props} == {"nnxp": nnxp.__version__, "seed": "7"}
    assert {x.name for x in model.graph.initializer} == set(net.state_dict())
    sizes = [x.dim_param or x.dim_value for x in model.graph.input[0].type.tensor_type.shape.dim]
    assert (model.graph.input[0].name, sizes) == ("input", ["batch", 1, 4, 4])


def test_the_same_network_makes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        Network(models.transformer(6, width=8), seed=3, input_shape=(None, 6)).export(tmp_path / f"{name}.onnx")
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


@pytest.mark.parametrize("device", [backend_param("strict:device1"), backend_param("torch:cpu")])
def test_the_device_leaves_no_trace(device: str, tmp_path: Path) -> None:
    model = Sequential(Conv2d(1, 2, 3), ReLU(), Flatten(), WeightNorm(Linear(8, 3)))
    for name in ("cpu", device):
        Network(model, device=name, seed=0, input_shape=(1, 4, 4)).export(tmp_path / f"{name[:3]}.onnx")
    assert (tmp_path / "cpu.onnx").read_bytes() == (tmp_path / f"{device[:3]}.onnx").read_bytes()


@pytest.mark.parametrize(
    ("model", "loss", "targets"),
    [
        (Linear(3, 4), CrossEntropyLoss(), whole(4, 6)),
        (Sequential(Linear(3, 4), nnxp.layers.LogSoftmax()), NLLLoss(), whole(4, 6)),
        (Linear(3, 1), BCEWithLogitsLoss(), whole(2, 6, 1).astype("float32")),
    ],
)
def test_the_probabilities_of_the_loss_are_a_second_output(
    model: Layer, loss: Any, targets: Any, tmp_path: Path
) -> None:
    net, x = Network(model, seed=0), normal(6, 3)
    net.fit(x, targets, loss=loss, optimizer=SGD(0.1), verbose=False)
    net.export(tmp_path / "model.onnx", probabilities=True)
    assert [y.name for y in onnx.load(tmp_path / "model.onnx").graph.output] == ["output", "probabilities"]
    raw, shares = answers(tmp_path / "model.onnx", [x])
    np.testing.assert_allclose(raw, net.predict(x), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(shares, net.predict_proba(x), rtol=1e-5, atol=1e-6)


def test_a_network_in_float64_is_a_graph_in_float64(tmp_path: Path) -> None:
    model = Sequential(
        Linear(4, 3), GELU(), nnxp.layers.CELU(0.5), BatchNorm1d(3), Dropout(), Standardize(0.5, 2.0), Softmax()
    )
    net = drawn(model, (4,), "float64")
    net.export(tmp_path / "model.onnx")
    x = normal(5, 4).astype("float64")
    (y,) = onnx.reference.ReferenceEvaluator(str(tmp_path / "model.onnx")).run(None, {"input": x})
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, net.predict(x), rtol=1e-6)


@dataclass(frozen=True)
class Own(Layer):
    """A layer of a user's."""


SHAPED = Network(Sequential(Flatten(), Linear(None, 2)), input_shape=(3, 4), seed=0)


@pytest.mark.parametrize(
    ("net", "options", "error", "sentence"),
    [
        (Network(Sequential(Linear(3, 2), Own())), {}, ValueError,
         "export_onnx at '1': expected layers that ONNX has a counterpart of, got Own; "
         "layers of your own have to be put together from those of nnxp"),
        (Network(Sequential(Linear(3, 2), Activation(abs, abs))), {}, ValueError,
         "export_onnx at '1': expected layers that ONNX has a counterpart of, got Activation; "
         "its function is Python; use an activation that has a name"),
        (Network(Sequential(Flatten(), Linear(3, 2))), {}, ValueError,
         "export_onnx: expected the shape of a sample of 'input' to be known, got None; give input_shape, such as (3, 32, 32)"),
        (SHAPED, {"input_shape": 12}, TypeError, "export_onnx: expected input_shape to be a tuple, got 12"),
        (SHAPED, {"input_shape": (4, 3)}, ValueError,
         "export_onnx: expected input_shape of the network, (3, 4), got (4, 3)"),
        (Network(CosineSimilarity()), {"input_shape": (3,)}, ValueError,
         "export_onnx: expected input_shape to be a tuple of 2 shapes, of x1, x2, got (3,)"),
        (Network(Add()), {}, ValueError,
         "export_onnx: expected a model that says how many inputs it has, got Add(); put it into a Graph, whose inputs have names"),
        (Network(AdaptiveAvgPool2d(3)), {}, ValueError,
         "export_onnx: expected sizes that are known, to pool them adaptively, got (None, None, None); give input_shape"),
        (Network(AvgPool2d(3, 2, 1, ceil_mode=True)), {}, ValueError,
         "export_onnx: expected sizes that are known, with ceil_mode, got (None, None, None); give input_shape"),
        (Network(AdaptiveMaxPool2d(3, return_indices=True), input_shape=(1, 4, 4)), {}, ValueError,
         "export_onnx: expected windows that are all alike, where their indices are wanted, got (1, 4, 4); "
         "give return_indices=False, or sizes that are multiples of output_size"),
        (Network(LSTM(3, 2)), {"named": {"mask": "bool"}}, TypeError,
         "export_onnx: expected no mask, which ONNX' recurrent layers do not know, got 'mask'; cut the sequences to one length"),
        (Network(LSTM(3, 2)), {"named": {"hx": "bool"}}, TypeError, "export_onnx: expected hx to be 'float', got 'bool'"),
        (Network(LSTM(3, 2)), {"named": {"hxx": "float"}}, TypeError,
         "export_onnx: expected named to hold what LSTM takes by name (hx, mask), got 'hxx'; did you mean 'hx'?"),
        (Network(Linear(3, 2)), {"named": {"hx": "float"}}, TypeError,
         "export_onnx: expected named to hold what Linear takes by name (nothing), got 'hx'"),
        (Network(TransformerEncoderLayer(4, 2)), {"named": {"is_causal": "bool"}}, TypeError,
         "export_onnx: expected is_causal to be True or False, got 'bool'"),
        (Network(TransformerEncoderLayer(4, 2)), {"named": {"src_mask": True}}, TypeError,
         "export_onnx: expected src_mask to be 'bool' or 'float', the dtype of an input, got True"),
        (Network(EmbeddingBag(4, 2)), {"named": {"per_sample_weights": "float"}}, ValueError,
         "export_onnx: expected mode 'sum' with per_sample_weights, got 'mean'"),
        (Network(Embedding(4, 2)), {"integers": "float32"}, ValueError,
         "export_onnx: expected integers to be one of 'int64', 'int32', 'int16', 'int8', 'uint8', 'uint16', 'uint32', 'uint64', got 'float32'"),
        (Network(Linear(3, 2)), {"probabilities": True}, ValueError,
         "export_onnx: expected a network whose last loss implies probabilities, got None; "
         "train with CrossEntropyLoss, NLLLoss, BCELoss or BCEWithLogitsLoss"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_in_a_sentence(
    net: Network, options: Any, error: Any, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=f"^{re.escape(sentence)}$"):
        net.export(tmp_path / "model.onnx", **options)
    assert not list(tmp_path.iterdir())


def test_an_unknown_suffix_is_said_in_a_sentence(tmp_path: Path) -> None:
    sentence = (
        "expected a path that ends in .onnx or .py, got 'model.h5'; to keep the network for nnxp itself, use save"
    )
    with pytest.raises(ValueError, match=f"^export: {re.escape(sentence)}$"):
        Network(Linear(3, 2)).export("model.h5")


def test_arrays_of_more_than_one_file_holds_are_said_in_a_sentence(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(exporting, "MAX_BYTES", 31)
    sentence = "export_onnx: expected arrays of less than 2 GiB, as one protobuf file holds, got 32 bytes; use save, whose files have no such limit"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        Network(Linear(3, 2)).export(tmp_path / "model.onnx")


def test_without_onnx_a_sentence_says_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ImportError, match=re.escape("export_onnx: expected onnx to be installed; pip install 'nnxp[onnx]'")
    ):
        Network(Linear(3, 2)).export(tmp_path / "model.onnx")


def test_a_loss_without_probabilities_adds_none(tmp_path: Path) -> None:
    net, x = Network(Linear(3, 1), seed=0), normal(4, 3)
    net.fit(x, x[:, :1], loss=MSELoss(), optimizer=SGD(0.1), verbose=False)
    with pytest.raises(ValueError, match="expected a network whose last loss implies probabilities"):
        net.export(tmp_path / "model.onnx", probabilities=True)
