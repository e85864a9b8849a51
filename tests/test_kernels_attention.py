"""What attention does without Numba: the same blocks, in NumPy's own passes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nnxp._backend.fused import SPECIFICATIONS
from nnxp._backend.kernels import attention, softmax_blocks
from tests.backends import assert_close
from tests.fused_cases import CASES, FusedCase, attention_backward
from tests.test_fused import copied, parts

ATTENTION = [case for case in CASES if case.name.startswith("attention")]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", ATTENTION, ids=str)
def test_blocks_equal_the_plain_function(case: FusedCase, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in softmax_blocks.__all__:
        monkeypatch.setattr(attention, name, getattr(softmax_blocks, name))
    rng = np.random.default_rng(0)
    given = case.arguments(lambda *shape: rng.normal(size=shape).astype(dtype))
    for_blocks, for_plain = copied(given), copied(given)
    found: Any = getattr(attention, case.name)(*for_blocks)
    expected = SPECIFICATIONS[case.name](*for_plain)
    for here, there in zip(parts((found, for_blocks)), parts((expected, for_plain)), strict=True):
        assert here.dtype == there.dtype
        assert_close(here, there, "float64" if here.dtype.kind in "iub" else dtype)


def test_backward_does_not_depend_on_how_its_inputs_lie() -> None:
    rng = np.random.default_rng(0)
    given = attention_backward(lambda *shape: rng.normal(size=shape))
    ends = []
    for outermost in (0, 1):  # samples, or heads
        inputs = [np.ascontiguousarray(x.swapaxes(0, outermost)).swapaxes(0, outermost) for x in given[:4]]
        results = [np.empty(x.shape) for x in given[1:4]]
        attention.attention_backward(*inputs, *given[4:9], *results)
        ends.append(results)
    for here, there in zip(*ends, strict=True):
        assert_close(here, there, "float64")


@pytest.mark.parametrize(("samples", "heads", "length", "count"), [(5, 3, 4, 1), (300, 4, 64, 75), (2, 3, 400, 6)])
def test_blocks_cover_every_head_once(samples: int, heads: int, length: int, count: int) -> None:
    shares = np.zeros((samples, heads, length, length), dtype="float32")
    blocks = list(attention.blocks(shares, 0, samples))
    assert len(blocks) == count
    for block in blocks:
        assert shares[block].nbytes <= max(attention._BLOCK, shares[0, 0].nbytes)
        shares[block] += 1
    assert (shares == 1).all()
