"""Kernels read nothing behind the end of what they are given: the next page may not be touched."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nnxp._backend.kernels.path import numba_is_here

# In a process of its own, since a read too far ends it. Inputs end where a page begins that nobody may read.
CODE = """
import ctypes, mmap
import numpy as np
from nnxp._backend.kernels import PATHS
from nnxp.layers import Conv2d, Linear, ReLU, Sequential
from nnxp.network import Network

libc = ctypes.CDLL(None, use_errno=True)
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
for path in PATHS.values():
    path.least = 0
held = []

def at_the_end(array):
    pages = -(-max(array.nbytes, 1) // mmap.PAGESIZE)
    room = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(room))
    assert libc.mprotect(start + pages * mmap.PAGESIZE, mmap.PAGESIZE, 0) == 0
    held.append(room)
    found = np.frombuffer(room, array.dtype, array.size, pages * mmap.PAGESIZE - array.nbytes).reshape(array.shape)
    found[...] = array
    return found

rng = np.random.default_rng(0)
for dtype in ("float32", "float64"):
    for rows, depth, columns in [(30, 17, 33), (64, 31, 9), (12, 70, 47), (40, 16, 32), (700, 5, 7)]:
        a, b = at_the_end(rng.normal(size=(rows, depth)).astype(dtype)), rng.normal(size=(depth, columns)).astype(dtype)
        for right in (at_the_end(b), at_the_end(b.T.copy()).T):
            np.testing.assert_allclose(PATHS["matmul"](a, right, None), a @ b, rtol=1e-3, atol=1e-3)
            PATHS["matmul"](right.T, at_the_end(np.ones((depth, rows), dtype)), None)
    for model, shape in [(Sequential(Linear(19, 37), ReLU(), Linear(37, 5)), (23, 19)), (Conv2d(3, 5, 3), (2, 3, 9, 11)),
                         (Conv2d(4, 9, 5, stride=2, padding=2), (3, 4, 13, 10)), (Conv2d(6, 6, 3, groups=6), (2, 6, 8, 8)),
                         (Conv2d(7, 33, 1), (3, 7, 5, 5))]:
        net = Network(model, dtype=dtype, seed=0)
        y, cache = net.forward(at_the_end(rng.normal(size=shape).astype(dtype)))
        net.backward(cache, at_the_end(rng.normal(size=y.shape).astype(dtype)))
print("whole")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are closed by the means of Linux")
@pytest.mark.skipif(not numba_is_here(), reason="Numba is not installed")
def test_nothing_is_read_behind_the_end() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr
