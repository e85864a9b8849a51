"""Networks as plain NumPy files: run where there is no nnxp, each layer equal to its own forward."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnxp.layers
from nnxp import (
    Add,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    Flatten,
    Graph,
    Layer,
    Linear,
    LSTMCell,
    MaxPool2d,
    MSELoss,
    MultiheadAttention,
    Network,
    ReLU,
    Sequential,
    Sigmoid,
    Tanh,
    models,
)
from nnxp.io.plain import export_plain
from nnxp.io.plain.templates import TEMPLATES
from nnxp.layers import Activation
from nnxp.random import generator
from tests.backends import Backend
from tests.cli_runs import mistake, write_classes
from tests.cli_runs import nnxp as cli
from tests.layer_cases import CASES, Case
from tests.layer_cases.adapted import Adapted, Indexed, at
from tests.layer_cases.joined import Joined

# Of the largest output: see the notes of `export_plain`.
RTOL = {"float32": 1e-6, "float64": 1e-12}

PROGRAM = """
import json, runpy, sys, warnings
warnings.simplefilter("error")
sys.path.append(sys.argv[1])
try:
    import nnxp
except ImportError:
    pass
else:
    raise AssertionError("nnxp can be imported")
import numpy as np

def flat(y):
    return [leaf for part in y for leaf in flat(part)] if isinstance(y, tuple) else [np.asarray(y)]

for name in json.loads(sys.argv[2]):
    module = runpy.run_path(name + ".py")
    with np.load(name + "_in.npz") as file:
        inputs = [file[key] for key in file.files]
    outputs = flat(module["predict"](*inputs))
    np.savez(name + "_out.npz", *outputs)
    if "predict_proba" in module:
        np.save(name + "_proba.npy", module["predict_proba"](*inputs))
"""


@pytest.fixture(scope="module")
def numpy_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a folder to import from that holds NumPy and nothing else."""
    folder = tmp_path_factory.mktemp("numpy_alone")
    site = Path(np.__file__).parents[1]
    for name in ("numpy", "numpy.libs"):
        if (site / name).exists():
            (folder / name).symlink_to(site / name)
    return folder


def predict_elsewhere(numpy_alone: Path, folder: Path, names: list[str]) -> None:
    """Run the written files in one process without site-packages."""
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, str(numpy_alone), json.dumps(names)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def inner(case: Case, dtype: str) -> tuple[Layer, tuple[Any, ...]]:
    """Return the layer of a case without the containers of the tests, and what goes in."""
    rng = generator(0, case.name)
    x = rng.normal(size=case.shape)
    layer: Any = case.layer
    if isinstance(layer, Indexed):
        return layer.layer, (np.floor(np.abs(x) * 5).astype("int64") % layer.size,)
    if isinstance(layer, Adapted):
        model = (
            Graph(("a", "b", "c"), (("y", Add(), ("a", "b", "c")),), ("y",)) if layer.layer == Add() else layer.layer
        )
        return model, tuple(x[at(cut)].astype(dtype) for cut in layer.cuts)
    return layer.layer if isinstance(layer, Joined) else layer, (x.astype(dtype),)


def random_network(layer: Layer, inputs: tuple[Any, ...], dtype: str) -> Network:
    """Build a network none of whose arrays is what it starts as."""
    sample = inputs[0].shape[1:] if len(inputs) == 1 else None
    net = Network(layer, dtype=dtype, seed=3, input_shape=sample)
    rng, state = generator(1, "arrays"), net.state_dict()
    for name, array in state.items():
        if array.dtype.kind == "f":
            positive = name.endswith(("running_var", "std", "original0"))
            state[name] = 0.5 + rng.random(array.shape) if positive else rng.normal(size=array.shape) * 0.5
    net.load_state_dict(state)
    return net


def flat(y: Any) -> list[Any]:
    return [leaf for part in y for leaf in flat(part)] if isinstance(y, tuple) else [np.asarray(y)]


def assert_same(name: str, actual: list[Any], desired: list[Any]) -> None:
    assert [a.shape for a in actual] == [d.shape for d in desired], name
    for a, d in zip(actual, desired, strict=True):
        assert a.dtype == d.dtype, name
        largest = np.abs(d).max(initial=0.0)
        assert np.abs(a - d).max(initial=0.0) <= RTOL[str(d.dtype)] * largest, name


def is_refused(case: Case) -> bool:
    """Tell whether a layer holds a function, or has its batch behind."""
    layer, _ = inner(case, "float32")
    return isinstance(layer, Activation) or not getattr(layer, "batch_first", True)


WRITABLE = [case for case in CASES if not is_refused(case)]


@dataclass
class Written:
    folder: Path
    expected: dict[str, list[Any]]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, numpy_alone: Path) -> Written:
    """Write every layer under contract, in both dtypes, and run them all."""
    folder = tmp_path_factory.mktemp("plain")
    expected: dict[str, list[Any]] = {}
    for case in WRITABLE:
        for dtype in RTOL:
            layer, inputs = inner(case, dtype)
            net, name = random_network(layer, inputs, dtype), f"{case.name}_{dtype}"
            expected[name] = flat(net.predict(inputs if len(inputs) > 1 else inputs[0]))
            export_plain(net, folder / f"{name}.py")
            arrays: Any = inputs
            np.savez(folder / f"{name}_in.npz", *arrays)
    predict_elsewhere(numpy_alone, folder, list(expected))
    return Written(folder, expected)


def test_every_written_layer_answers_as_the_layer(written: Written) -> None:
    for name, expected in written.expected.items():
        with np.load(written.folder / f"{name}_out.npz") as file:
            assert_same(name, [file[key] for key in file.files], expected)


def test_a_written_file_is_tidy(written: Written) -> None:
    for name in written.expected:
        text = (written.folder / f"{name}.py").read_text()
        assert max(map(len, text.splitlines())) <= 120, name
        tree = ast.parse(text)
        defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        bound = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        assert defined | bound <= used | {"predict"}, (name, defined | bound - used)


def test_every_layer_is_written_or_refused() -> None:
    kinds = {getattr(nnxp.layers, name) for name in nnxp.layers.__all__}
    layers = {kind for kind in kinds if issubclass(kind, Layer) and kind is not Layer}
    # A new layer needs a template in nnxp/io/plain/templates, or a phrase that says why it has none.
    assert layers - TEMPLATES.keys() == set()
    met = {
        type(node.layer)
        for case in WRITABLE
        for node in Network(inner(case, "float32")[0], input_shape=known(case)).nodes
    }
    assert {kind for kind in layers if not isinstance(TEMPLATES[kind], str)} - met == set()


def known(case: Case) -> tuple[int, ...] | None:
    _, inputs = inner(case, "float32")
    return inputs[0].shape[1:] if len(inputs) == 1 else None


NETWORKS = {
    "mlp": (models.mlp(64), (64,)),
    "lenet5": (models.lenet5(), (1, 28, 28)),
    "transformer": (models.transformer(28), (28, 28)),
    "lstm": (Sequential(nnxp.LSTM(5, 8, 2, return_state=False), nnxp.LayerNorm(8)), (12, 5)),
}


def test_whole_networks_answer_alike(tmp_path: Path, numpy_alone: Path) -> None:
    expected = {}
    for name, (model, shape) in NETWORKS.items():
        net = Network(model, input_shape=shape, seed=0)
        x = generator(0, name).normal(size=(7, *shape)).astype("float32")
        expected[name] = net.predict(x)
        export_plain(net, tmp_path / f"{name}.py")
        np.savez(tmp_path / f"{name}_in.npz", x)
    predict_elsewhere(numpy_alone, tmp_path, list(expected))
    for name, y in expected.items():
        with np.load(tmp_path / f"{name}_out.npz") as file:
            assert_same("net", [file["arr_0"]], [y])


@pytest.mark.parametrize("loss", [CrossEntropyLoss(), BCEWithLogitsLoss(), nnxp.NLLLoss(), nnxp.BCELoss()])
def test_probabilities_are_those_of_the_last_loss(loss: Any, tmp_path: Path, numpy_alone: Path) -> None:
    layers = {"NLLLoss": [nnxp.LogSoftmax()], "BCELoss": [Sigmoid()]}.get(type(loss).__name__, [])
    net = Network(Sequential(Linear(4, 3), *layers), seed=0)
    x = generator(0, "x").normal(size=(6, 4)).astype("float32")
    labels = np.arange(6) % 3
    y = labels if loss.accepts_indices else np.eye(3, dtype="float32")[labels]
    net.fit(x, y, loss=loss, optimizer=nnxp.SGD(lr=0.1), verbose=False)
    export_plain(net, tmp_path / "net.py")
    np.savez(tmp_path / "net_in.npz", x)
    predict_elsewhere(numpy_alone, tmp_path, ["net"])
    proba = np.load(tmp_path / "net_proba.npy")
    assert proba.dtype == np.float64
    np.testing.assert_allclose(proba, net.predict_proba(x), rtol=1e-5)


def test_a_loss_without_probabilities_writes_none(tmp_path: Path) -> None:
    net = Network(Linear(4, 3), seed=0)
    net.fit(np.ones((2, 4)), np.ones((2, 3)), loss=MSELoss(), optimizer=nnxp.SGD(lr=0.1), verbose=False)
    export_plain(net, tmp_path / "net.py")
    assert "predict_proba" not in (tmp_path / "net.py").read_text()


@pytest.mark.parametrize("weights", ["numbers", "base64", "npz"])
def test_every_form_keeps_every_bit(weights: str, tmp_path: Path, numpy_alone: Path) -> None:
    net = Network(Linear(3, 2), seed=0)
    net.parameters["bias"][...] = np.float32([1e-42, -3.0000001e30])
    export_plain(net, tmp_path / "net.py", weights=weights)
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]; import net; print(*(w.tobytes().hex() for w in net.WEIGHTS.values()))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(tmp_path), str(numpy_alone)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [array.tobytes().hex() for array in net.state_dict().values()]
    assert (tmp_path / "net.npz").exists() == (weights == "npz")


def test_the_form_goes_by_the_size(tmp_path: Path) -> None:
    for size, word in ((4, "np.array("), (64, "decoded("), (400, "np.load(Path(__file__)")):
        export_plain(Network(Linear(size, size), seed=0), tmp_path / "net.py")
        assert f"{word}" in (tmp_path / "net.py").read_text().partition("WEIGHTS = {")[2 if size < 400 else 0]


def test_numbers_that_are_not_finite_are_written_too(tmp_path: Path) -> None:
    net = Network(Linear(3, 1), seed=0)
    net.parameters["weight"][...] = np.float32([[np.nan, np.inf, -np.inf]])
    export_plain(net, tmp_path / "net.py")
    assert "np.nan, np.inf, -np.inf" in (tmp_path / "net.py").read_text()


def test_a_network_of_any_device_is_written(backend: Backend, tmp_path: Path) -> None:
    net = Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)), device=backend.device, seed=0)
    before = net.state_dict()
    export_plain(net, tmp_path / "net.py")
    here = Network(net.model, seed=0)
    export_plain(here, tmp_path / "here.py")
    assert (tmp_path / "net.py").read_text().replace("import net", "") == (tmp_path / "here.py").read_text().replace(
        "from here", "from net"
    ).replace("import net", "")
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), net.state_dict().values(), strict=True))


def test_main_reads_csv_and_npy_and_prints_csv(tmp_path: Path, numpy_alone: Path) -> None:
    net = Network(Sequential(Flatten(), Linear(4, 2)), input_shape=(2, 2), seed=0)
    x = generator(0, "x").normal(size=(3, 2, 2)).astype("float32")
    export_plain(net, tmp_path / "net.py")
    np.save(tmp_path / "x.npy", x)
    np.savetxt(tmp_path / "x.csv", x.reshape(3, 4), delimiter=",")
    code = "import runpy, sys; sys.path.append(sys.argv.pop(1)); del sys.argv[0]; runpy.run_path(sys.argv[0], run_name='__main__')"
    for name in ("x.npy", "x.csv"):
        command = [
            sys.executable,
            "-I",
            "-S",
            "-c",
            code,
            str(numpy_alone),
            str(tmp_path / "net.py"),
            str(tmp_path / name),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        printed = np.array([line.split(",") for line in done.stdout.splitlines()], dtype="float32")
        assert_same("net", [printed], [net.predict(x)])


def test_classes_are_answered_by_name(tmp_path: Path, numpy_alone: Path) -> None:
    net = Network(Linear(2, 2, bias=False), input_shape=(2,), seed=0)
    net.parameters["weight"][...] = np.eye(2)
    export_plain(net, tmp_path / "net.py", classes=['fox\'s "den"\n', "wolf"])
    code = "import sys; sys.path[:0] = sys.argv[1:]; import net; print(net.predict_class([[0, 1], [1, 0]]))"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(tmp_path), str(numpy_alone)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ast.literal_eval(done.stdout) == ["wolf", 'fox\'s "den"\n']
    with pytest.raises(
        ValueError, match=r"^export: expected as many classes as outputs, got 3 for outputs of shape \(2,\)$"
    ):
        export_plain(net, tmp_path / "net.py", classes=[1, 2, 3])


def test_names_of_a_stranger_stay_names(tmp_path: Path, numpy_alone: Path) -> None:
    names = ["x", "np", "predict", "linear", "class", 'a"""\nimport nowhere\n', "#\r1", "ü'", "\\", "1", "WEIGHTS"]
    nodes = tuple((f"{name}", Linear(2, 2), (names[i],)) for i, name in enumerate(names[1:]))
    net = Network(Graph(("x",), nodes, (names[-1],)), seed=0)
    export_plain(net, tmp_path / "net.py")
    x = np.float32([[1, 2], [3, 4]])
    np.savez(tmp_path / "net_in.npz", x)
    predict_elsewhere(numpy_alone, tmp_path, ["net"])
    with np.load(tmp_path / "net_out.npz") as file:
        assert_same("net", [file["arr_0"]], [net.predict(x)])


@dataclass(frozen=True)
class Mine(Layer):
    """A layer that nnxp does not know."""

    def forward(self, p: Any, x: Any, mode: Any) -> Any:
        return x, None


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Sequential(Mine()), "export: expected layers of nnxp, whose formulas are known, got Mine (layer 0)"),
        (
            Sequential(ReLU(), Activation(np.sin, np.cos)),
            "export: expected layers of nnxp, whose formulas are known, got Activation (layer 1); "
            "a function of yours has no text that could be written: take a layer with a name, such as Tanh",
        ),
        (
            MaxPool2d(2, return_indices=True),
            "export: expected layers of nnxp, whose formulas are known, got MaxPool2d; "
            "the indices of maxima are not written: give it return_indices=False",
        ),
        (
            nnxp.GRU(2, 3, batch_first=False),
            "export: expected layers with batch_first=True, got batch_first=False in GRU; batches are cut along the first axis",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_in_a_sentence(model: Layer, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the whole sentence is compared
        export_plain(Network(model), tmp_path / "net.py")
    assert str(error.value) == sentence
    assert list(tmp_path.iterdir()) == []


def test_several_outputs_have_no_main(tmp_path: Path) -> None:
    for model in (LSTMCell(2, 3), nnxp.LSTM(2, 3), MultiheadAttention(4, 2)):
        export_plain(Network(model), tmp_path / "net.py")
        assert "def main" not in (tmp_path / "net.py").read_text()


def test_a_sample_of_another_shape_is_refused_there_too(tmp_path: Path) -> None:
    export_plain(Network(Linear(4, 3), input_shape=(4,)), tmp_path / "net.py")
    namespace: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), namespace)
    with pytest.raises(ValueError, match=r"^predict: expected x of shape \(batch, 4\), got \(2, 5\)$"):
        namespace["predict"](np.ones((2, 5)))


def test_an_integer_that_is_no_row_is_refused_there_too(tmp_path: Path) -> None:
    export_plain(Network(nnxp.Embedding(5, 2)), tmp_path / "net.py")
    namespace: dict[str, Any] = {}
    exec((tmp_path / "net.py").read_text(), namespace)
    assert namespace["predict"]([[4, 0]]).shape == (1, 2, 2)
    with pytest.raises(ValueError, match=r"^embedding: expected integers in \[0, 5\), got -1 to 3$"):
        namespace["predict"]([[-1, 3]])


def test_an_archive_that_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "net.npz").mkdir()
    with pytest.raises(IsADirectoryError):
        export_plain(Network(Linear(400, 400)), tmp_path / "net.py")
    assert not (tmp_path / "net.py").exists()
    shutil.rmtree(tmp_path / "net.npz")


# -- through other doors ------------------------------------------------------------------------


def test_a_networks_method_writes_by_the_suffix(tmp_path: Path) -> None:
    net = Network(Linear(4, 3), seed=0)
    net.export(tmp_path / "net.py")
    export_plain(net, tmp_path / "same.py")
    assert (tmp_path / "net.py").read_text().replace("net", "same") == (tmp_path / "same.py").read_text().replace(
        "net", "same"
    )


@pytest.mark.parametrize(("name", "said"), [("net", True), ("class", False), ("my-net", False)])
def test_only_a_name_that_can_be_imported_is_said_to_be(name: str, said: bool, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.py"
    export_plain(Network(Linear(4, 3), seed=0), path)
    assert (f"from {name} import predict" in path.read_text()) is said


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    cli(
        "train",
        write_classes(folder / "data.csv"),
        "--target",
        "kind",
        "--epochs",
        "2",
        "--hidden",
        "8",
        "--out",
        folder / "run",
    )
    return folder / "run"


def test_a_run_is_exported_and_answers_elsewhere(run: Path, tmp_path: Path, numpy_alone: Path) -> None:
    out = tmp_path / "foxes.py"
    assert cli("export", run, out) == ([f"wrote {out}"], "")
    net = nnxp.load(run / "model.safetensors")
    x = np.float32([[1000, 1.5], [1020, -3.0]])
    np.savez(tmp_path / "foxes_in.npz", x)
    predict_elsewhere(numpy_alone, tmp_path, ["foxes"])
    with np.load(tmp_path / "foxes_out.npz") as file:
        assert_same("net", [file["arr_0"]], [net.predict(x)])
    np.testing.assert_allclose(np.load(tmp_path / "foxes_proba.npy"), net.predict_proba(x), rtol=1e-5)
    assert 'CLASSES = ["arctic hare", "grey wolf", "red fox"]' in out.read_text()


def test_a_large_run_says_both_files(run: Path, tmp_path: Path) -> None:
    wide = tmp_path / "wide"
    cli("train", run.parent / "data.csv", "--target", "kind", "--epochs", "1", "--hidden", "300,300", "--out", wide)
    out = tmp_path / "wide.py"
    assert cli("export", wide, out)[0] == [f"wrote {out} and {out.with_suffix('.npz')}"]
    out.unlink()
    said = mistake("export", wide, out)
    assert said == f"export: expected FILE to be new, got '{out.with_suffix('.npz')}'; --force overwrites"
    cli("export", wide, out, "--force")
    assert out.exists()


def test_an_export_that_cannot_be_is_one_sentence(run: Path, tmp_path: Path) -> None:
    (tmp_path / "there.py").write_text("mine")
    there = tmp_path / "there.py"
    assert mistake("export", run, there) == f"export: expected FILE to be new, got '{there}'; --force overwrites"
    assert there.read_text() == "mine"
    assert mistake("export", run, tmp_path / "net.txt").startswith(
        "export: expected a path that ends in .onnx or .py, got "
    )
    assert mistake("export", run, tmp_path / "net.py", "--probabilities") == (
        f"export: expected --probabilities with a .onnx file, got {tmp_path / 'net.py'}; a .py file has predict_proba beside predict"
    )
    assert mistake("export", tmp_path, tmp_path / "net.py").startswith("export: expected a run")
    assert mistake("export", run, tmp_path / "no" / "net.py").startswith("write(")
