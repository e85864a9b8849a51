"""Data of other libraries: frames, columns, DataLoaders, and arrays that share their memory by DLPack."""

from __future__ import annotations

import re
from typing import Any

import datasets
import numpy as np
import pandas as pd
import polars as pl
import pytest

from nnxp import SGD, Add, CrossEntropyLoss, Graph, Linear, MSELoss, Network, Sequential, Tanh
from nnxp.datasets import from_columns
from nnxp.device import Device

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64)
NAMES = ["a", "b", "c"]


def network(device: str = "cpu") -> Network:
    return Network(Sequential(Linear(3, 4), Tanh(), Linear(4, 2)), device=device, seed=0)


def trained(x: Any, y: Any = None, device: str = "cpu", **options: Any) -> Any:
    net = network(device)
    net.fit(x, y, loss=CrossEntropyLoss(), optimizer=SGD(lr=0.1), epochs=2, batch_size=16, verbose=False, **options)
    return net.device.get(net.theta)


# -- frames --------------------------------------------------------------------------------------

FRAMES = {"pandas": pd.DataFrame(X, columns=NAMES), "polars": pl.DataFrame(X, schema=NAMES)}
SERIES = {"pandas": pd.Series(Y, name="y"), "polars": pl.Series("y", Y)}
every_library = pytest.mark.parametrize("library", ["pandas", "polars"])


@every_library
def test_frames_are_trained_on_evaluated_and_predicted_as_arrays_are(library: str) -> None:
    x, y = FRAMES[library], SERIES[library]
    assert np.array_equal(trained(x, y, validation=(x, y)), trained(X, Y, validation=(X, Y)))
    net = network()
    assert np.array_equal(net.predict(x), net.predict(X))
    assert net.evaluate(x, y, loss=CrossEntropyLoss()) == net.evaluate(X, Y, loss=CrossEntropyLoss())


@every_library
def test_columns_of_several_dtypes_are_put_side_by_side(library: str) -> None:
    columns = {"a": np.array([1, 2], np.int8), "b": np.array([True, False]), "c": np.array([0.5, 1.5])}
    frame = {"pandas": pd.DataFrame, "polars": pl.DataFrame}[library](columns)
    net = network()
    assert np.array_equal(net.predict(frame), net.predict(np.array([[1, 1, 0.5], [2, 0, 1.5]], np.float32)))


def test_pandas_own_dtypes_of_numbers_are_numbers() -> None:
    frame = pd.DataFrame({"a": pd.array([1, 2], "Int64"), "b": pd.array([0.5, 1], "Float32"), "c": [1, 2]})
    net = network()
    assert np.array_equal(net.predict(frame), net.predict(np.array([[1, 0.5, 1], [2, 1, 2]], np.float32)))


def test_pandas_may_have_two_columns_of_one_name() -> None:
    frame = pd.DataFrame(X, columns=["a", "a", "b"])
    assert np.array_equal(network().predict(frame), network().predict(X))


WORDS = "; number the words: np.unique(column, return_inverse=True)[1]"


@pytest.mark.parametrize(
    ("column", "error", "sentence"),
    [
        (pd.Series(["x", "y"]), TypeError, f"numbers in column 'b', got dtype str{WORDS}"),
        (pd.Series(["x", "y"], dtype=object), TypeError, f"numbers in column 'b', got dtype object{WORDS}"),
        (pd.Series(["x", "y"], dtype="category"), TypeError, f"numbers in column 'b', got dtype category{WORDS}"),
        (pd.Series(pd.to_datetime(["2020-01-01", "2020-01-02"])), TypeError, "numbers in column 'b', got dtype datetime64"),
        (pd.Series([1.0, None]), ValueError, "no missing values in column 'b', got 1; fill them, or drop their rows"),
        (pd.Series([pd.NA, 3], dtype="Int64"), ValueError, "no missing values in column 'b', got 1; fill them, or drop their rows"),
        (pl.Series(["x", "y"]), TypeError, f"numbers in column 'b', got dtype String{WORDS}"),
        (pl.Series(["x", "y"], dtype=pl.Categorical), TypeError, "numbers in column 'b', got dtype Categorical"),
        (pl.Series([1, None]), ValueError, "no missing values in column 'b', got 1; fill them, or drop their rows"),
    ],
)  # fmt: skip
def test_a_column_that_is_not_made_of_numbers_is_named(column: Any, error: type[Exception], sentence: str) -> None:
    frame = (pd if isinstance(column, pd.Series) else pl).DataFrame({"a": [1, 2], "b": column, "c": [1, 2]})
    with pytest.raises(error, match=f"^{re.escape(f'predict: expected {sentence}')}"):
        network().predict(frame)
    with pytest.raises(error, match=f"^{re.escape('fit: expected ' + sentence)}"):
        trained(frame, [0, 1])


def test_a_target_of_words_is_refused_by_its_name() -> None:
    words = np.where(Y, "cat", "dog")
    for series in (pd.Series(words, name="kind"), pl.Series("kind", words)):
        with pytest.raises(TypeError, match="^fit: expected numbers in column 'kind', got dtype"):
            trained(X, series)
    with pytest.raises(TypeError, match="^fit: expected numbers in the column, got dtype"):
        trained(X, pd.Series(words))


def test_a_frame_of_one_dtype_is_not_copied() -> None:
    from nnxp.training.batches import as_array

    held = pd.DataFrame(X.copy(), columns=NAMES)
    assert np.shares_memory(as_array("fit", held), held.to_numpy())


# -- columns -------------------------------------------------------------------------------------


def columns() -> dict[str, Any]:
    return {**dict(zip(NAMES, X.T, strict=True)), "y": Y}


@pytest.mark.parametrize("kind", ["dict", "pandas", "polars", "hugging face"])
def test_columns_become_arrays(kind: str) -> None:
    make = {"dict": dict, "pandas": pd.DataFrame, "polars": pl.DataFrame, "hugging face": datasets.Dataset.from_dict}
    x, y = from_columns(make[kind](columns()), NAMES, "y")
    assert np.array_equal(x, X)
    assert y.tolist() == Y.tolist()
    assert np.array_equal(trained(x, y), trained(X, Y))


def test_a_column_may_hold_arrays() -> None:
    images = RNG.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    held = datasets.Dataset.from_dict({"image": images.tolist(), "label": [0, 1, 2, 0, 1]})
    x, y = from_columns(held, "image", "label")
    assert np.array_equal(x, images)
    assert y.tolist() == [0, 1, 2, 0, 1]
    (only,) = from_columns(held, "image")
    assert np.array_equal(only, images)
    assert np.array_equal(from_columns({"image": images}, "image")[0], images)


def test_images_of_hugging_face_are_decoded() -> None:
    image = RNG.integers(0, 256, (4, 4), dtype=np.uint8)
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])})
    held = datasets.Dataset.from_dict({"image": [image, image[::-1].copy()], "label": [1, 0]}, features=features)
    x, y = from_columns(held, "image", "label")
    assert np.array_equal(x, np.stack([image, image[::-1]]))
    assert y.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("source", "inputs", "error", "sentence"),
    [
        ({"age": [1.0]}, "agee", ValueError, "one of the columns age, got 'agee'; did you mean 'age'?"),
        ({"a": ["x"]}, "a", TypeError, "numbers in column 'a', got dtype <U1" + WORDS),
        ({"a": [[1.0], [1.0, 2.0]]}, "a", ValueError, "entries of one shape in column 'a', got several"),
        ({"a": [1.0, float("nan")]}, "a", ValueError, "no missing value in column 'a', got 'nan'; fill or drop it"),
        ({"a": [1.0], "b": [1.0, 2.0]}, ["a", "b"], ValueError, "a column of 1 numbers as 'b', got (2,); give one column of arrays by itself"),
        (datasets.Dataset.from_dict({"a": [[1.0], [1.0, 2.0]]}), "a", ValueError, "entries of one shape in column 'a', got several"),
        (datasets.Dataset.from_dict({"a": ["x"]}), "a", TypeError, "numbers in column 'a', got dtype"),
        (datasets.Dataset.from_dict({"age": [1]}), "ages", ValueError, "one of the columns age, got 'ages'; did you mean 'age'?"),
    ],
)  # fmt: skip
def test_columns_that_are_no_data_are_refused(source: Any, inputs: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=f"^{re.escape('from_columns: expected ' + sentence)}"):
        from_columns(source, inputs)


def test_columns_of_several_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="^from_columns: expected columns of one length, got 1, 2$"):
        from_columns({"a": [1.0], "y": [0, 1]}, "a", "y")


# -- batches of PyTorch --------------------------------------------------------------------------


def loader(*arrays: Any, **options: Any) -> Any:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(*map(torch.as_tensor, arrays))
    return torch.utils.data.DataLoader(data, batch_size=16, **options)


@pytest.mark.parametrize("device", ["cpu", "torch:cpu"])
def test_a_dataloader_is_an_iterable_of_batches(device: str) -> None:
    batches = loader(X, Y)
    assert np.array_equal(trained(batches, device=device), trained(X, Y, device=device, shuffle=False))
    net = network(device)
    assert net.evaluate(batches, loss=CrossEntropyLoss()) == pytest.approx(net.evaluate(X, Y, loss=CrossEntropyLoss()))
    assert np.array_equal(net.predict(batches), net.predict(X, batch_size=16))


def test_a_dataloader_may_have_weights_and_several_inputs() -> None:
    weight = np.linspace(0, 1, 40, dtype=np.float32)
    assert np.array_equal(trained(loader(X, Y, weight)), trained(X, Y, sample_weight=weight, shuffle=False))
    torch = pytest.importorskip("torch")
    pairs = [
        ((torch.as_tensor(a), torch.as_tensor(b)), torch.as_tensor(a - b)) for a, b in zip(X, X[::-1], strict=True)
    ]
    batches = torch.utils.data.DataLoader(pairs, batch_size=16)  # [[a, b], y], lists instead of tuples
    weights = []
    for x, y in ((batches, None), ((X, X[::-1]), X - X[::-1])):
        net = Network(subtraction(), seed=0)
        net.fit(x, y, loss=MSELoss(), optimizer=SGD(lr=0.1), epochs=2, batch_size=16, shuffle=False, verbose=False)
        weights.append((net.theta.tobytes(), net.predict(batches if y is None else x).tobytes()))
    assert weights[0] == weights[1]


def subtraction() -> Graph:
    nodes = (("p", Linear(3, 3), "a"), ("q", Linear(3, 3), "b"), ("sum", Add(), ("p", "q")))
    return Graph(("a", "b"), nodes, ("sum",))


@pytest.mark.slow
def test_a_dataloader_may_have_workers() -> None:
    assert np.array_equal(trained(loader(X, Y, num_workers=2)), trained(X, Y, shuffle=False))


# -- one memory ----------------------------------------------------------------------------------


class OnlyDLPack:
    """An array that knows nothing but DLPack."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._array.__dlpack_device__()


def test_a_tensor_of_pytorch_enters_numpy_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.arange(6.0).reshape(2, 3)
    x = Device("cpu").put(tensor)
    assert isinstance(x, np.ndarray)
    assert x.ctypes.data == tensor.data_ptr()
    tensor[0, 0] = 9
    assert x[0, 0] == 9
    assert Device("cpu").put(tensor, "float64").dtype == np.float64


def test_an_array_of_numpy_enters_pytorch_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    for part in (x, x[:, 1:], x[::2]):
        tensor = Device("torch:cpu").put(part, "float32")
        assert isinstance(tensor, torch.Tensor)
        assert tensor.data_ptr() == part.ctypes.data
        assert np.array_equal(tensor.numpy(), part)


@pytest.mark.parametrize("change", ["backwards", "read-only", "big-endian", "between others", "empty", "0-d"])
def test_what_pytorch_cannot_share_is_copied(change: str) -> None:
    pytest.importorskip("torch")
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = {
        "backwards": x[:, ::-1],
        "read-only": x.copy(),
        "big-endian": x.astype(">f4"),
        "between others": np.ones(4, dtype="f4,i1")["f0"],
        "empty": x[:0],
        "0-d": x.sum(),
    }[change]
    if change == "read-only":
        given.setflags(write=False)
    tensor = Device("torch:cpu").put(given)
    assert np.array_equal(tensor.numpy(), given)
    tensor += 1
    assert x.sum() == 15
    assert change != "read-only" or given.sum() == 15


def test_outputs_leave_by_dlpack_without_a_copy() -> None:
    torch = pytest.importorskip("torch")
    y = network().predict(X)
    tensor = torch.from_dlpack(y)
    assert tensor.data_ptr() == y.ctypes.data
    net = network("torch:cpu")
    output, _ = net.forward(net.device.put(X))
    assert np.from_dlpack(output).ctypes.data == output.data_ptr()
    assert net.device.get(output).ctypes.data == output.data_ptr()


def test_an_array_that_knows_nothing_but_dlpack_is_data() -> None:
    x, y = OnlyDLPack(X), OnlyDLPack(Y)
    assert Device("cpu").put(x).ctypes.data == X.ctypes.data
    assert np.array_equal(trained(x, y), trained(X, Y))
    assert np.array_equal(network().predict(x), network().predict(X))
    net = network()
    assert np.array_equal(net.forward(net.device.put(x))[0], net.forward(X)[0])
    pytest.importorskip("torch")
    assert np.array_equal(Device("torch:cpu").put(x).numpy(), X)


def test_training_does_not_write_into_what_it_shares() -> None:
    pytest.importorskip("torch")
    x, y = X.copy(), Y.copy()
    trained(x, y, device="torch:cpu")
    assert np.array_equal(x, X)
    assert np.array_equal(y, Y)


def test_a_device_of_make_believe_shares_nothing() -> None:
    strict = Device("strict:device1")
    there = strict.put(X)
    assert not np.shares_memory(Device("cpu").put(there), np.from_dlpack(there))


def test_a_view_that_is_to_be_negated_arrives_negated() -> None:
    torch = pytest.importorskip("torch")
    view = torch.tensor([1 + 2j, 3 + 4j]).conj().imag
    for name in ("cpu", "torch:cpu", "strict"):
        device = Device(name)
        np.testing.assert_array_equal(device.get(device.put(view)), [-2, -4])


def test_bfloat16_becomes_float32_where_there_is_none() -> None:
    torch = pytest.importorskip("torch")
    there = Device("cpu").put(torch.tensor([0.5, -3.0], dtype=torch.bfloat16))
    assert there.dtype == np.float32
    assert there.tolist() == [0.5, -3.0]


def test_a_column_of_lists_is_samples() -> None:
    frame = pd.DataFrame({"x": [[1.0, 2.0], [3.0, 4.0]], "ragged": [[1.0], [2.0, 3.0]]})
    assert from_columns(frame, "x")[0].tolist() == [[1, 2], [3, 4]]
    with pytest.raises(
        ValueError, match="^from_columns: expected entries of one shape in column 'ragged', got several$"
    ):
        from_columns(frame, "ragged")


@pytest.mark.parametrize("inputs", [0, []])
def test_columns_have_names(inputs: Any) -> None:
    with pytest.raises(TypeError, match="^from_columns: expected a column's name or several, got "):
        from_columns({"a": [1.0]}, inputs)
