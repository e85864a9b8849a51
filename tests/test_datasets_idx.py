"""The IDX reader: what it reads, and that no file makes it read anything else."""

from __future__ import annotations

import gzip
import re
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnxp.datasets import load_idx, load_idx_folder
from nnxp.errors import FormatError

CODES = {"u1": 0x08, "i1": 0x09, ">i2": 0x0B, ">i4": 0x0C, ">f4": 0x0D, ">f8": 0x0E}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def idx_bytes(array: np.ndarray) -> bytes:
    code = next(c for d, c in CODES.items() if np.dtype(d).newbyteorder("=") == array.dtype)
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, code, array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def outcome(read: Callable[[Path], Any], path: Path) -> Any:
    try:
        return read(path)
    except FormatError as error:
        return error


@QUICK
@given(
    dtype=st.sampled_from(sorted(CODES)),
    data=st.data(),
    shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5),
    packed=st.booleans(),
)
def test_what_was_written_is_read(tmp_path, dtype, data, shape, packed):
    array = data.draw(hnp.arrays(np.dtype(dtype).newbyteorder("="), shape))
    content = idx_bytes(array)
    read = load_idx(write(tmp_path / "a", gzip.compress(content) if packed else content))
    assert read.dtype == array.dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)
    assert read.flags.writeable


@QUICK
@given(place=st.integers(0, 10**6), bits=st.integers(1, 255), packed=st.booleans())
def test_a_flipped_byte_ends_in_an_array_or_a_format_error(tmp_path, place, bits, packed):
    content = idx_bytes(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    content = bytearray(gzip.compress(content, mtime=0) if packed else content)
    content[place % len(content)] ^= bits
    found = outcome(load_idx, write(tmp_path / "a", bytes(content)))
    assert str(tmp_path / "a") in str(found) if isinstance(found, FormatError) else found.nbytes <= 48


@QUICK
@given(kept=st.integers(0, 10**6), packed=st.booleans())
def test_a_truncated_file_is_a_format_error(tmp_path, kept, packed):
    content = idx_bytes(np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    content = gzip.compress(content, mtime=0) if packed else content
    with pytest.raises(FormatError, match=re.escape(str(tmp_path / "a"))):
        load_idx(write(tmp_path / "a", content[: kept % len(content)]))


HEAD = b"\0\0\x08\x01"
MAGIC = "load_idx: expected the IDX magic 00 00, dtype (08, 09, 0b, 0c, 0d, 0e), axes (01 to 08) in PATH, got "


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", MAGIC + "'an empty file'"),
        (b"\0\0\x08", MAGIC + "'00 00 08'"),
        (b"\x89PNG", MAGIC + "'89 50 4e 47'"),
        (b"\0\0\x07\x01", MAGIC + "'00 00 07 01'"),
        (b"\0\0\x08\x00", MAGIC + "'00 00 08 00'"),
        (b"\0\0\x08\x09", MAGIC + "'00 00 08 09'"),
        (HEAD + b"\0\0", "load_idx: expected a header of 8 bytes in PATH, got 6"),
        (HEAD + b"\0\0\0\x03ab", "load_idx: expected 3 bytes after the header for shape (3,) in PATH, got 2"),
        (HEAD + b"\0\0\0\x01abcdef", "load_idx: expected 1 bytes after the header for shape (1,) in PATH, got 'more'"),
        (
            HEAD + b"\xff\xff\xff\xff",
            "load_idx: expected PATH to hold at most 2147483648 bytes, got 4294967295; give max_bytes if that is right",
        ),
        (
            b"\0\0\x0e\x03" + bytes(4) + b"\xff" * 8,
            "load_idx: expected PATH to hold at most 2147483648 bytes, got 147573952520956936200; "
            "give max_bytes if that is right",
        ),
        (
            b"\x1f\x8bnonsense",
            "load_idx: expected gzip data that can be unpacked in PATH, got 'Unknown compression method'",
        ),
    ],
)
def test_load_idx_refuses(tmp_path, content, sentence):
    path = write(tmp_path / "a", content)
    with pytest.raises(FormatError, match=f"^{re.escape(sentence.replace('PATH', str(path)))}$"):
        load_idx(path)


def test_a_large_file_and_a_folder_are_refused_unread(tmp_path):
    path = write(tmp_path / "a", idx_bytes(np.zeros(100, np.uint8)))
    sentence = f"load_idx: expected {path} to hold at most 50 bytes, got 108; give max_bytes if that is right"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_idx(path, max_bytes=50)
    with pytest.raises(
        FormatError, match=re.escape(f"load_idx: expected {tmp_path} to be a regular file, got 'a folder'")
    ):
        load_idx(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_idx(tmp_path / "b")


@pytest.mark.parametrize("claimed", [1, 2**31 - 1])
def test_memory_follows_what_is_there_and_not_what_is_claimed(tmp_path, claimed):
    bomb = gzip.compress(HEAD + struct.pack(">I", claimed) + bytes(20 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(FormatError):
            load_idx(write(tmp_path / "a", bomb))
        # All 20 MiB have to be read where more are claimed, and next to nothing where one byte is.
        assert tracemalloc.get_traced_memory()[1] < (2**19 if claimed == 1 else 2**26)
    finally:
        tracemalloc.stop()


def folder_of(tmp_path: Path, **counts: int) -> Path:
    for name, n in counts.items():
        labels = "labels" in name
        array = np.arange(n, dtype=np.uint8) % 10 if labels else np.arange(n * 6, dtype=np.uint8).reshape(n, 2, 3)
        file = name.replace("_", "-") + ("-idx1-ubyte" if labels else "-idx3-ubyte")
        write(tmp_path / file, idx_bytes(array))
    return tmp_path


def test_a_folder_of_two_pairs_is_training_and_test(tmp_path):
    folder = folder_of(tmp_path, train_images=7, train_labels=7, t10k_images=3, t10k_labels=3)
    write(tmp_path / "README.txt", b"not ours")
    x_train, y_train, x_test, y_test = load_idx_folder(folder)
    assert (x_train.shape, x_test.shape) == ((7, 2, 3), (3, 2, 3))
    assert x_train.dtype == np.uint8
    assert y_train.dtype == np.int64
    assert y_train.tolist() == list(range(7))
    assert y_test.tolist() == list(range(3))


@pytest.mark.parametrize("part", ["t10k", "train"])
def test_of_a_single_pair_the_last_fifth_is_the_test_part(tmp_path, part):
    x_train, y_train, x_test, y_test = load_idx_folder(
        folder_of(tmp_path, **{f"{part}_images": 10, f"{part}_labels": 10})
    )
    assert y_train.tolist() == list(range(8))
    assert y_test.tolist() == [8, 9]
    assert (len(x_train), len(x_test)) == (8, 2)
    assert x_test[0, 0, 0] == 48


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ("emnist-letters-test-images-idx3-ubyte.gz", "emnist-letters-test-labels-idx1-ubyte.gz"),
        ("latest_images", "Labels"),
    ],
)
def test_a_folder_is_read_under_many_names(tmp_path, images, labels):
    for name, array in ((images, np.zeros((5, 2, 2), np.uint8)), (labels, np.arange(5, dtype=np.int32))):
        content = idx_bytes(array)
        write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    assert load_idx_folder(tmp_path)[3].tolist() == [4]


def test_a_plain_file_counts_before_its_compressed_twin(tmp_path):
    folder = folder_of(tmp_path, train_images=5, train_labels=5)
    write(tmp_path / "train-images-idx3-ubyte.gz", b"damaged")
    assert len(load_idx_folder(folder)[0]) == 4


def test_a_folder_that_does_not_fit_together_is_refused(tmp_path):
    cases = [
        ({}, "expected a pair of IDX files with 'images' and 'labels' in their names in DIR, got 'none'"),
        (
            {"train_images": 5},
            "expected one file of images and one of labels for training in DIR, got 'train-images-idx3-ubyte'",
        ),
        (
            {"train_images": 5, "train_labels": 5, "x_images": 5},
            "expected one file of images and one of labels for training in DIR, "
            "got 'train-images-idx3-ubyte, x-images-idx3-ubyte, train-labels-idx1-ubyte'",
        ),
        (
            {"train_images": 5, "train_labels": 4},
            "expected as many labels in DIR/train-labels-idx1-ubyte as images (5), got 4",
        ),
        ({"train_images": 2, "train_labels": 2}, "expected at least 3 samples in DIR, got 2"),
        (
            {"train_images": 0, "train_labels": 0},
            "expected images of shape (n, height, width) in DIR/train-images-idx3-ubyte, got (0, 2, 3)",
        ),
    ]
    for i, (counts, sentence) in enumerate(cases):
        folder = tmp_path / str(i)
        folder.mkdir()
        folder_of(folder, **counts)
        with pytest.raises(
            FormatError, match=f"^{re.escape('load_idx_folder: ' + sentence.replace('DIR', str(folder)))}$"
        ):
            load_idx_folder(folder)


@pytest.mark.parametrize(
    ("labels", "got"),
    [
        (np.array([1, -2, 0], np.int8), "-2"),
        (np.zeros(3, np.float32), "'float32 of shape (3,)'"),
        (np.zeros((3, 1), np.uint8), "'uint8 of shape (3, 1)'"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path, labels, got):
    folder_of(tmp_path, train_images=3)
    path = write(tmp_path / "train-labels", idx_bytes(labels))
    sentence = f"load_idx_folder: expected labels of shape (n,), whole numbers from 0, in {path}, got {got}"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_idx_folder(tmp_path)


def test_parts_of_different_shape_are_refused(tmp_path):
    folder_of(tmp_path, train_images=3, train_labels=3, t10k_labels=3)
    write(tmp_path / "t10k-images", idx_bytes(np.zeros((3, 2, 2), np.uint8)))
    sentence = f"load_idx_folder: expected test images of shape (2, 3) in {tmp_path}, as for training, got (2, 2)"
    with pytest.raises(FormatError, match=f"^{re.escape(sentence)}$"):
        load_idx_folder(tmp_path)
