"""The NPZ reader: NumPy's archives, with nothing unpickled and no header believed."""

from __future__ import annotations

import io
import re
import struct
import tracemalloc
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.lib import format as npy

from nnxp.datasets import load_npz
from nnxp.errors import FormatError

QUICK = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
X, Y = np.arange(20.0).reshape(10, 2), np.arange(10) % 3


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.npz"


def member(array: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    stream = io.BytesIO()
    npy.write_array(stream, array, version=version)
    return stream.getvalue()


def header(text: str, body: bytes = b"") -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + body


def write_members(path: Any, compression: int = zipfile.ZIP_STORED, **members: bytes) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_of_x_and_y_the_last_fifth_is_the_test_part(path, save):
    save(path, x=X, y=Y, extra=np.zeros(3))
    x_train, y_train, x_test, y_test = load_npz(path)
    assert np.array_equal(x_train, X[:8])
    assert np.array_equal(x_test, X[8:])
    assert np.array_equal(y_train, Y[:8])
    assert np.array_equal(y_test, Y[8:])
    assert x_train.dtype == np.float64


def test_four_arrays_are_training_and_test(path):
    np.savez(path, x_train=X, y_train=Y, x_test=X[:3], y_test=Y[:3], x=X, y=Y)
    assert [len(a) for a in load_npz(path)] == [10, 10, 3, 3]


@pytest.mark.parametrize(
    ("y", "dtype", "shape"),
    [
        (Y.astype(np.uint8), np.int64, (2,)),
        (Y[:, None], np.int64, (2,)),
        (Y > 0, np.int64, (2,)),
        (Y.astype(np.float64), np.float32, (2, 1)),
        (np.ones((10, 3)), np.float32, (2, 3)),
    ],
)
def test_whole_numbers_are_labels_and_floating_ones_are_numbers(path, y, dtype, shape):
    np.savez(path, x=X, y=y)
    y_test = load_npz(path)[3]
    assert (y_test.dtype, y_test.shape) == (dtype, shape)
    assert np.array_equal(y_test.ravel(), y[8:].ravel())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["|u1", "|i1", "|b1", ">u2", "<i4", ">i8", "<f2", ">f4", "<f8"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_layout_is_read(path, dtype, order, version):
    x = np.asarray(np.arange(30).reshape(5, 2, 3) % 7 > 3, dtype=dtype, order=order)
    write_members(path, x=member(x, version), y=member(np.arange(5)))
    x_train, _, x_test, _ = load_npz(path)
    assert x_train.dtype == np.dtype(dtype).newbyteorder("=")
    assert np.array_equal(np.concatenate([x_train, x_test]), x)


SMALL = {"x": member(X), "y": member(Y)}


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        (
            {"x": SMALL["x"]},
            "arrays x_train, y_train, x_test, y_test or x, y in PATH, got 'x'",
        ),
        ({}, "arrays x_train, y_train, x_test, y_test or x, y in PATH, got 'none'"),
        (
            {**SMALL, "x": header("{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", b"cos\nsystem\n")},
            "real numbers in x in PATH, got 'dtype |O'; objects are never unpickled",
        ),
        ({**SMALL, "y": member(np.array(["cat"] * 10))}, "real numbers in y in PATH, got 'dtype <U3'"),
        ({**SMALL, "x": member(X + 1j)}, "real numbers in x in PATH, got 'dtype <c16'"),
        ({**SMALL, "x": member(np.zeros(3, dtype="i4,f4"))}, "a NumPy array as x in PATH, got 'something else'"),
        ({**SMALL, "x": header("__import__('os')")}, "a NumPy array as x in PATH, got 'something else'"),
        ({**SMALL, "x": b"\x93NUMPX" + SMALL["x"][6:]}, "a NumPy array as x in PATH, got 'something else'"),
        ({**SMALL, "x": b""}, "a NumPy array as x in PATH, got 'something else'"),
        ({**SMALL, "x": SMALL["x"][:-1]}, "x in PATH to hold 160 bytes for shape (10, 2), got 159"),
        ({**SMALL, "x": SMALL["x"] + b"!"}, "x in PATH to hold 160 bytes for shape (10, 2), got 161"),
        (
            {**SMALL, "x": header("{'descr': '<f8', 'fortran_order': False, 'shape': (0, 99999999999999), }")},
            "samples in x in PATH, got (0, 99999999999999)",
        ),
        ({**SMALL, "x": member(np.array(1.0))}, "samples in x in PATH, got ()"),
        ({**SMALL, "y": member(Y[:0])}, "samples in y in PATH, got (0,)"),
        ({**SMALL, "y": member(Y[:9])}, "y as long as x (10) in PATH, got 9"),
        (
            {**SMALL, "x": member(np.where(X == 3, np.inf, X))},
            "finite numbers in x in PATH, got 'NaN or infinity'; drop those samples",
        ),
        (
            {**SMALL, "y": member(Y - 1)},
            "labels of shape (n,), whole numbers from 0, as y in PATH, got -1; numbers to predict are floating",
        ),
        (
            {**SMALL, "y": member(np.zeros((10, 3), np.uint8))},
            "labels of shape (n,), whole numbers from 0, as y in PATH, got 'uint8 of shape (10, 3)'; "
            "numbers to predict are floating",
        ),
        ({"x": member(X[:2]), "y": member(Y[:2])}, "at least 3 samples in PATH, got 2"),
        (
            {"x_train": SMALL["x"], "y_train": SMALL["y"], "x_test": member(X[:, :1]), "y_test": SMALL["y"]},
            "x_test in PATH to be samples like those of x_train, float64 of shape (n, 2), "
            "got 'float64 of shape (n, 1)'",
        ),
    ],
)
def test_load_npz_refuses(path, members, sentence):
    write_members(path, **members)
    sentence = "load_npz: expected " + sentence.replace("PATH", str(path))
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_npz(path)


def test_what_is_no_archive_is_refused(path):
    path.write_bytes(b"nothing of the kind")
    sentence = f"load_npz: expected {path} to be an .npz archive in good order, got 'File is not a zip file'"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_npz(path)


def test_another_compression_is_refused(path):
    write_members(path, zipfile.ZIP_BZIP2, **SMALL)
    sentence = f"load_npz: expected x in {path} to be stored or deflated, got 'another compression or a password'"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_npz(path)


def test_an_archive_that_lies_about_a_length_is_refused(path):
    content = SMALL["x"][:-8]
    write_members(path, zipfile.ZIP_DEFLATED, **{**SMALL, "x": content})
    size, lie = struct.pack("<I", len(content)), struct.pack("<I", len(SMALL["x"]))
    path.write_bytes(path.read_bytes().replace(size, lie))
    sentence = f"load_npz: expected x in {path} to hold 160 bytes, got 152"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_npz(path)


def test_a_bomb_is_refused_before_it_is_unpacked(path):
    write_members(path, zipfile.ZIP_DEFLATED, **SMALL, zeros=bytes(20 * 2**20))
    unpacked = 20 * 2**20 + len(SMALL["x"]) + len(SMALL["y"])
    sentence = (
        f"load_npz: expected {path} to hold at most 1000000 bytes, got {unpacked}; give max_bytes if that is right"
    )
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
            load_npz(path, max_bytes=10**6)
        assert tracemalloc.get_traced_memory()[1] < 2**19
    finally:
        tracemalloc.stop()


@QUICK
@given(place=st.integers(0, 10**6), bits=st.integers(1, 255), kept=st.integers(1, 10**6), cut=st.booleans())
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_damaged_archive_ends_in_arrays_or_a_format_error(path, compression, place, bits, kept, cut):
    write_members(path, compression, **SMALL)
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= bits
    path.write_bytes(content[: kept % len(content)] if cut else content)
    try:
        found = load_npz(path)
    except FormatError as error:
        found = error
    assert str(path) in str(found) if isinstance(found, FormatError) else [len(a) for a in found] == [8, 8, 2, 2]


def test_a_target_beyond_float32_does_not_become_infinite(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.zeros((5, 2)), y=np.array([1e300, 1, 2, 3, 4]))
    with pytest.raises(
        FormatError, match="^load_npz: expected finite float32 numbers as y in .*, got 'infinity or NaN'$"
    ):
        load_npz(path)
