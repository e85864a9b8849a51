"""Arrays under names: written by value, the same bytes every time, read whoever wrote them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from nnxp.errors import FormatError
from nnxp.io import read_state_dict, write_state_dict
from nnxp.io import safetensors as room
from tests.backends import Backend

BASE = np.arange(24, dtype="float32").reshape(2, 3, 4)
ARRAYS = {
    "plain": BASE,
    "fortran": np.asfortranarray(BASE),
    "transposed": BASE.T,
    "swapped": np.swapaxes(BASE, 0, 1),
    "strided": BASE[:, ::2, 1::2],
    "reversed": BASE[::-1, :, ::-1],
    "broadcast": np.broadcast_to(BASE[0, 0], (3, 4)),
    "without_axes": np.asarray(2.5),
    "scalar": np.float32(2.5),
    "one": BASE[:1, 0, 0],
    "empty": np.zeros((0, 3), dtype="float32"),
    "empty_fortran": np.zeros((3, 0, 2), dtype="float64", order="F"),
    "big_endian": BASE.astype(">f4"),
    "big_endian_transposed": BASE.astype(">f8").T,
    "unaligned": np.frombuffer(b"\0" + BASE.tobytes(), dtype="float32", offset=1),
    "not_numbers": np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324]),
    "half": BASE.astype("float16"),
    "double": BASE.astype("float64"),
    "complex64": (BASE * (1 + 2j)).astype("complex64"),
    "bool": BASE > 5,
    **{name: BASE.astype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")},
}


def assert_same_bits(actual: np.ndarray[Any, Any], desired: np.ndarray[Any, Any]) -> None:
    desired = np.asarray(desired)
    assert actual.shape == desired.shape
    assert actual.dtype == desired.dtype.newbyteorder("=")
    assert actual.tobytes() == desired.astype(actual.dtype).tobytes()


@pytest.mark.parametrize("name", ARRAYS)
def test_every_kind_of_array_comes_back_by_value(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": ARRAYS[name], "b": BASE})
    assert_same_bits(read_state_dict(path)["a"], ARRAYS[name])
    assert_same_bits(safetensors.numpy.load_file(path)["a"], ARRAYS[name])


def test_all_kinds_share_a_file_in_the_order_given(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, ARRAYS)
    back = read_state_dict(path)
    assert list(back) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert_same_bits(back[name], array)
        assert back[name].flags.writeable
        assert back[name].flags.aligned


def test_no_array_and_odd_names_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {})
    assert read_state_dict(path) == {}
    write_state_dict(path, {'größe "x"\n': BASE, "": BASE})
    assert list(read_state_dict(path)) == ['größe "x"\n', ""]


def test_the_arrays_themselves_are_not_touched(tmp_path: Path) -> None:
    array = np.asfortranarray(BASE).astype(">f4")
    array.setflags(write=False)
    before = array.tobytes()
    write_state_dict(tmp_path / "a.safetensors", {"a": array})
    assert array.tobytes() == before


def test_arrays_come_from_any_device(backend: Backend, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": backend.put(BASE), "b": 2.5, "c": [1, 2]})
    back = read_state_dict(path)
    assert_same_bits(back["a"], BASE)
    assert back["b"] == 2.5
    assert back["c"].tolist() == [1, 2]


def test_metadata_is_kept_beside_the_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": BASE}, {"b": "größe", "a": ""})
    with safetensors.safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"a": "", "b": "größe"}


def test_the_data_begin_at_a_multiple_of_eight_and_wide_arrays_first(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": np.ones(3, "int8"), "b": np.ones(3, "float32"), "c": np.ones(1, "int64")})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert length % 8 == 0
    assert [header[name]["data_offsets"] for name in "abc"] == [[20, 23], [8, 20], [0, 8]]


WRITE = """
import hashlib, sys
import numpy as np
import nnxp.io
assert "safetensors" not in sys.modules, "loaded before it is needed"
from nnxp.layers import Linear, ReLU, Sequential
from nnxp.network import Network
net = Network(Sequential(Linear(3, 4), ReLU(), Linear(4, 2)), seed=1)
net.freeze("0.*")
nnxp.io.save(net, sys.argv[1], extra={"b": 1, "a": 2})
print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())
"""


def test_the_same_network_is_the_same_bytes_in_every_process(tmp_path: Path) -> None:
    hashes = set()
    for seed in ("0", "1", "2"):
        command = [sys.executable, "-c", WRITE, str(tmp_path / f"{seed}.safetensors")]
        run = subprocess.run(
            command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        )
        hashes.add(run.stdout)
    assert len(hashes) == 1


def test_the_bytes_of_a_small_file_are_these(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": np.asarray([1.0, 2.0], "float32")}, {"k": "v"})
    header = b'{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    expected = (80).to_bytes(8, "little") + header.ljust(80) + bytes.fromhex("0000803f00000040")
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(expected).digest()


def test_a_file_that_reads_back_otherwise_does_not_appear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    path.write_text("old")
    read = room.read_file

    def read_wrongly(*args: Any) -> Any:
        metadata, arrays = read(*args)
        arrays["a"][0, 0, 0] += 1
        return metadata, arrays

    monkeypatch.setattr(room, "read_file", read_wrongly)
    sentence = (
        f"write({str(path)!r}): expected to read back a as it was written, got 'other bytes'; the disk may be failing"
    )
    with pytest.raises(OSError, match=f"^{re.escape(sentence)}$"):
        write_state_dict(path, {"a": BASE})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


NAMES = "expected names that are text, and not __metadata__, got "
INTEGERS = "int64, int32, int16, int8, uint64, uint32, uint16, uint8"
KNOWN = f"one of the dtypes float64, float32, float16, complex64, {INTEGERS}, bool"
WRONG = {
    "str": ({"a": np.array(["x"])}, None, f"expected a of {KNOWN}, got <U1"),
    "objects": ({"a": np.array([None])}, None, f"expected a of {KNOWN}, got object"),
    "complex128": ({"a": np.array([1j])}, None, f"expected a of {KNOWN}, got complex128"),
    "name_of_number": ({1: BASE}, None, NAMES + "1"),
    "reserved_name": ({"__metadata__": BASE}, None, NAMES + "'__metadata__'"),
    "metadata_of_number": ({"a": BASE}, {"step": 3}, "expected metadata of text alone, got 3"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_the_format_cannot_hold_is_one_sentence(case: str, tmp_path: Path) -> None:
    arrays, metadata, sentence = WRONG[case]
    with pytest.raises(TypeError, match=f"^nnxp.io.write_state_dict: {re.escape(sentence)}$"):
        write_state_dict(tmp_path / "a", arrays, metadata)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_what_no_reader_would_take_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "a"
    many = dict.fromkeys(map(str, range(10_001)), np.zeros(0))
    with pytest.raises(ValueError, match=r"^nnxp.io.write_state_dict: expected at most 10000 arrays, got 10001$"):
        write_state_dict(path, many)
    sentence = "nnxp.io.write_state_dict: expected names and metadata of at most 1048576 bytes, got 1048608"
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        write_state_dict(path, {}, {"a": "x" * 2**20})
    assert not path.exists()


def test_a_larger_file_than_allowed_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    write_state_dict(path, {"a": BASE})
    size = path.stat().st_size
    assert list(read_state_dict(path, max_bytes=size)) == ["a"]
    sentence = (
        f"nnxp.io.read_state_dict({str(path)!r}): expected a file of at most {size - 1} bytes, got {size}; "
        "raise max_bytes if you trust it"
    )
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        read_state_dict(path, max_bytes=size - 1)


def test_what_is_no_file_is_one_sentence(tmp_path: Path) -> None:
    def sentence(path: Path, rest: str) -> str:
        return f"^{re.escape(f'nnxp.io.read_state_dict({str(path)!r}): expected {rest}')}$"

    missing, pipe = tmp_path / "missing", tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(FileNotFoundError, match=sentence(missing, "a file that exists, got 'no such file'")):
        read_state_dict(missing)
    with pytest.raises(IsADirectoryError, match=sentence(tmp_path, "a file, got 'a folder'")):
        read_state_dict(tmp_path)
    with pytest.raises(FormatError, match=sentence(pipe, "a regular file, got 'a device, a pipe or a socket'")):
        read_state_dict(pipe)


def test_a_state_dict_of_pytorch_is_read_as_it_is(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "a.safetensors"
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    save_file(module.state_dict(), path)
    back = read_state_dict(path)
    assert sorted(back) == sorted(module.state_dict())
    for name, tensor in module.state_dict().items():
        assert_same_bits(back[name], tensor.numpy())


def test_bfloat16_of_pytorch_is_one_sentence(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "a.safetensors"
    save_file({"w": torch.ones(2, dtype=torch.bfloat16)}, path)
    with pytest.raises(FormatError, match="got 'BF16'; convert it to float32 before saving"):
        read_state_dict(path)
