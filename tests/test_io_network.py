"""A network is the same after it was saved and loaded."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnxp._checks import Shape
from nnxp.errors import FormatError
from nnxp.initializers import normal
from nnxp.io import load, read_metadata, read_state_dict, save, write_state_dict
from nnxp.layers import (
    ELU,
    GELU,
    SELU,
    Activation,
    BufferSpec,
    Dropout,
    Flatten,
    Identity,
    Layer,
    LeakyReLU,
    Linear,
    LogSoftmax,
    Mode,
    Parallel,
    ParameterSpec,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Standardize,
    Tanh,
    Views,
)
from nnxp.network import Network
from tests.backends import Backend
from tests.layer_cases import CASES, Case


@dataclass(frozen=True)
class Count(Layer):
    """A layer of a user's: it scales, and counts its training batches in an integer."""

    factor: float

    def parameters(self, in_shape: Shape | None) -> dict[str, ParameterSpec]:
        return {"scale": ParameterSpec((), normal(1.0), "norm")}

    def buffers(self, in_shape: Shape | None) -> dict[str, BufferSpec]:
        return {"batches": BufferSpec((), 0, "int64"), "empty": BufferSpec((0, 2))}

    def forward(self, p: Views, x: Any, mode: Mode) -> tuple[Any, Any]:
        if mode.training:
            p.batches[...] = p.batches + 1
        return x * p.scale * self.factor, x

    def backward(self, p: Views, g: Views, x: Any, dy: Any) -> Any:
        raise NotImplementedError


# One line a layer: a model around it, for samples of shape (3,).
MODELS = {
    "Count": Count(0.5),
    "Dropout": Sequential(Dropout(0.25), Linear(3, 4), Dropout(0.5)),
    "ELU": ELU(0.5),
    "Flatten": Flatten(),
    "GELU": Sequential(GELU(), GELU("tanh")),
    "Identity": Identity(),
    "LeakyReLU": LeakyReLU(0.1),
    "Linear": Linear(3, 4),
    "LogSoftmax": LogSoftmax(),
    "Parallel": Parallel(Linear(3, 4), Sequential(Linear(3, 4, bias=False), Tanh()), combine="concatenate"),
    "ReLU": ReLU(),
    "Residual": Residual(Sequential(Linear(3, 4), Tanh(), Linear(4, 3))),
    "SELU": SELU(),
    "Sequential": Sequential(Linear(3, 4), Sequential(ReLU(), Linear(4, 4)), Linear(4, 2)),
    "SiLU": SiLU(),
    "Sigmoid": Sigmoid(),
    "Softmax": Softmax(),
    "Softplus": Softplus(2.0),
    "Standardize": Standardize((1.0, 2.0, 3.0), 0.5),
    "Tanh": Tanh(),
}  # fmt: skip
X = np.linspace(-2, 2, 15).reshape(5, 3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.safetensors"


def example(**arguments: Any) -> Network:
    return Network(Sequential(Linear(3, 4), Dropout(0.5), Linear(4, 2)), **{"seed": 0, **arguments})


def outputs(net: Network, training: bool) -> Any:
    return net.device.get(net.forward(net.device.put(X, net.dtype), training=training)[0])


def assert_equal(a: Network, b: Network) -> None:
    state = b.state_dict()
    assert list(a.state_dict()) == list(state)
    for name, array in a.state_dict().items():
        assert array.dtype == state[name].dtype
        np.testing.assert_array_equal(array, state[name])


def refused(error: type[Exception], sentence: str) -> Any:
    return pytest.raises(error, match=f"^{re.escape(sentence)}$")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_the_same_to_the_bit(name: str, dtype: str, backend: Backend, path: Path) -> None:
    net = Network(MODELS[name], device=backend.device, dtype=dtype, seed=3)
    outputs(net, training=True)
    save(net, path)
    back = load(path, device=backend.device, layers=(Count,))
    assert back.model == net.model
    assert_equal(back, net)
    for training in (False, True):
        np.testing.assert_array_equal(outputs(back, training), outputs(net, training))


@pytest.mark.parametrize("case", [case for case in CASES if not case.no_repr], ids=lambda case: case.name)
def test_every_layer_under_contract_comes_back(case: Case, path: Path) -> None:
    net = Network(case.layer, input_shape=case.shape[1:], seed=3)
    save(net, path)
    back = load(path)
    assert back.model == net.model
    assert back.input_shape == net.input_shape
    assert_equal(back, net)


def test_all_that_a_network_is_comes_back(path: Path) -> None:
    net = example(dtype="float64", seed=2**63 + 1, input_shape=(None, 3))
    net.freeze("0.*")
    net.scale_lr("2.weight", 0.1)
    net.step, net.epoch, net.probabilities = 12, 3, "softmax"
    net.save(path)
    back = load(path)
    assert_equal(back, net)
    for name in ("model", "dtype", "seed", "input_shape", "step", "epoch", "probabilities", "frozen", "device"):
        assert getattr(back, name) == getattr(net, name), name
    assert back.runs() == net.runs()
    assert not back.views["0"].trains
    assert back.views["2"].trains


def test_a_network_moves_between_devices_through_a_file(backend: Backend, path: Path) -> None:
    net = example(input_shape=(3,))
    save(net, path)
    there = load(path, device=backend.device)
    assert there.device == backend.device
    assert_equal(there, net)
    save(there, path.with_name("back.safetensors"))
    assert path.with_name("back.safetensors").read_bytes() == path.read_bytes()


def test_saving_leaves_the_network_alone_and_loading_makes_another(path: Path) -> None:
    net = example()
    _, cache = net.forward(np.ones((1, 3), dtype="float32"))
    theta, step = net.theta.copy(), net.step
    save(net, path)
    np.testing.assert_array_equal(net.theta, theta)
    assert net.step == step
    net.backward(cache, np.ones((1, 2), dtype="float32"))
    back = load(path)
    back.theta += 1.0
    np.testing.assert_array_equal(net.theta, theta)
    assert not np.shares_memory(back.theta, net.theta)


def test_weights_that_are_not_finite_are_the_users(path: Path) -> None:
    net = example()
    net.theta[:3] = [np.nan, np.inf, -np.inf]
    save(net, path)
    np.testing.assert_array_equal(load(path).theta, net.theta)


def test_the_arrays_are_a_plain_state_dict(path: Path) -> None:
    net = example()
    save(net, path)
    other = example(seed=1)
    other.load_state_dict(read_state_dict(path))
    assert_equal(other, net)


def test_metadata_is_read_without_the_arrays(path: Path) -> None:
    extra = {"classes": ["null", "één"], "scale": 255.0, "nested": {"a": [None, True]}}
    save(example(), path, extra=extra)
    about = read_metadata(path)
    assert about["extra"] == extra
    assert about["model"]["layers"][0] == {"type": "Linear", "in_features": 3, "out_features": 4, "bias": True}
    names = "version nnxp model dtype seed step epoch input_shape probabilities frozen lr_scales extra optimizer run"
    assert list(about) == names.split()
    path.write_bytes(path.read_bytes()[:-4])
    assert read_metadata(path) == about


def test_what_is_not_json_is_no_extra(path: Path) -> None:
    sentence = "save: expected extra to be JSON, got 'something else (Object of type set is not JSON serializable)'"
    with refused(TypeError, sentence):
        save(example(), path, extra={"a": {1}})
    with pytest.raises(TypeError, match=r"^save: expected extra to be JSON, got 'something else \(Out of range"):
        save(example(), path, extra={"a": float("nan")})
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    with refused(FormatError, "save: expected a description nested at most 256 deep, got 'one that is deeper'"):
        save(example(), path, extra={"a": deep})
    assert not path.exists()


def test_a_layer_of_ones_own_is_named_when_loading(path: Path) -> None:
    save(Network(Sequential(Count(2.0)), seed=0), path)
    sentence = f"nnxp.load({str(path)!r}): expected a layer that nnxp knows, got 'Count'; "
    with refused(FormatError, sentence + "for a layer of your own, give layers=(MyLayer,)"):
        load(path)
    assert load(path, layers=(Count,)).model == Sequential(Count(2.0))


def test_a_layer_called_as_a_public_one_is_not_saved(path: Path) -> None:
    own = dataclass(frozen=True)(type("ReLU", (Layer,), {"forward": ReLU.forward, "backward": ReLU.backward}))
    sentence = "layers: expected classes that are called differently from all others, got 'ReLU'; rename it"
    with refused(ValueError, sentence):
        save(Network(Sequential(own(), ReLU())), path)
    assert not path.exists()


def test_a_layer_that_its_fields_do_not_rebuild_is_not_saved(path: Path) -> None:
    @dataclass(frozen=True, init=False)
    class Doubled(Layer):
        size: int

        def __init__(self, size: int) -> None:
            object.__setattr__(self, "size", 2 * size)

    got = "{'type': 'Doubled', 'size': 6}; let __init__ keep its arguments in fields"
    with refused(ValueError, f"save: expected layers that their fields rebuild, got {got}"):
        save(Network(Doubled(3)), path)
    assert not path.exists()


def test_a_function_is_not_saved(path: Path) -> None:
    sentence = (
        "save: expected Activation.function to hold numbers, text, layers or tuples of them, got 'a function'; "
        "write a layer of your own and load it with layers=(MyLayer,)"
    )
    with refused(TypeError, sentence):
        save(Network(Activation(abs, abs)), path)


def test_weights_without_an_architecture_say_what_to_do(path: Path) -> None:
    write_state_dict(path, example().state_dict())
    hint = f"give the model: nnxp.load({str(path)!r}, model=...)"
    for name, reader in (("nnxp.load", load), ("nnxp.io.read_metadata", read_metadata)):
        sentence = f"{name}({str(path)!r}): expected a file that net.save wrote, got 'arrays without an architecture'; "
        with refused(FormatError, sentence + hint):
            reader(path)


def test_a_missing_file_and_a_folder_are_one_sentence(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with refused(FileNotFoundError, f"nnxp.load({str(missing)!r}): expected a file that exists, got 'no such file'"):
        load(missing)
    with refused(IsADirectoryError, f"nnxp.load({str(tmp_path)!r}): expected a file, got 'a folder'"):
        load(tmp_path)


def test_a_larger_file_than_allowed_is_not_loaded(path: Path) -> None:
    save(example(), path)
    size = path.stat().st_size
    sentence = (
        f"nnxp.load({str(path)!r}): expected a file of at most 100 bytes, got {size}; raise max_bytes if you trust it"
    )
    with refused(FormatError, sentence):
        load(path, max_bytes=100)


def test_a_model_of_pytorch_computes_the_same(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)).double()
    save_file(module.state_dict(), path)
    net = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)), dtype="float64")
    net.load_state_dict(read_state_dict(path))
    np.testing.assert_allclose(outputs(net, False), module(torch.asarray(X)).detach().numpy(), rtol=1e-12)


def test_pytorch_reads_what_was_saved(path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    net = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)), seed=0)
    save(net, path)
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    module.load_state_dict(load_file(path))
    np.testing.assert_array_equal(module[2].weight.detach().numpy(), net.parameters["2.weight"])


def test_a_field_changes_the_file(path: Path) -> None:
    """Guards the comparisons above: `model ==` sees every field."""
    save(Network(Count(0.5), seed=0), path)
    assert [f.name for f in fields(Count)] == ["factor"]
    assert load(path, layers=(Count,)).model != Count(0.25)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_alone_load_into_a_model_that_is_given(path: Path, backend: Backend, dtype: str) -> None:
    net = Network(Sequential(Linear(4, 3), ReLU(), Linear(3, 2)), seed=0, dtype=dtype)
    write_state_dict(path, net.state_dict())
    again = load(path, model=Sequential(Linear(None, 3), ReLU(), Linear(3, 2)), input_shape=(4,), device=backend.device)
    assert (again.dtype, again.device) == (dtype, backend.device)
    np.testing.assert_array_equal(backend.get(again.theta), net.theta)


def test_weights_of_another_model_are_refused_with_everything_that_is_wrong(path: Path) -> None:
    write_state_dict(path, Network(Linear(4, 3), seed=0).state_dict())
    text = "Network.load_state_dict: expected the 2 arrays of this model, got missing 0.weight, missing 0.bias, unknown weight, unknown bias"
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        load(path, model=Sequential(Linear(4, 3)))
