"""What losses refuse, in which words; and arguments that are arrays."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from nnxp.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from tests.backends import Backend

F32 = np.float32


def whole(kind: type, sentence: str) -> str:
    """Complete a sentence of the tables below, and make it a pattern."""
    return f"^{re.escape(f'{kind.__name__}: expected {sentence}')}$"


REDUCTIONS = "'mean', 'sum', 'none'"
BAD_ARGUMENTS: list[Any] = [
    (MSELoss, {"reduction": "avg"}, ValueError, f"reduction to be one of {REDUCTIONS}, got 'avg'"),
    (MSELoss, {"reduction": "batchmean"}, ValueError, f"reduction to be one of {REDUCTIONS}, got 'batchmean'"),
    (KLDivLoss, {"reduction": "avg"}, ValueError, f"reduction to be one of {REDUCTIONS}, 'batchmean', got 'avg'"),
    (CrossEntropyLoss, {"reduction": None}, ValueError, f"reduction to be one of {REDUCTIONS}, got None"),
    (HuberLoss, {"delta": 0}, ValueError, "delta in (0, inf), got 0"),
    (SmoothL1Loss, {"beta": -1}, ValueError, "beta in [0, inf), got -1"),
    (CrossEntropyLoss, {"label_smoothing": 1.5}, ValueError, "label_smoothing in [0, 1], got 1.5"),
    (NLLLoss, {"ignore_index": 0.5}, TypeError, "ignore_index to be a whole number, got 0.5"),
    (CrossEntropyLoss, {"ignore_index": True}, TypeError, "ignore_index to be a whole number, got True"),
    (CrossEntropyLoss, {"weight": 2.0}, ValueError, "weight to be one number for each class, got 2.0"),
    (NLLLoss, {"weight": [[1.0], [2.0]]}, ValueError, "weight to be one number for each class, got [[1.0], [2.0]]"),
    (BCELoss, {"weight": [[1.0], [2.0, 3.0]]}, TypeError, "weight to be numbers of one shape, got [[1.0], [2.0, 3.0]]"),
    (BCEWithLogitsLoss, {"pos_weight": "heavy"}, TypeError, "pos_weight to be numbers of one shape, got 'heavy'"),
]


@pytest.mark.parametrize(
    ("kind", "options", "error", "sentence"), BAD_ARGUMENTS, ids=[case[3] for case in BAD_ARGUMENTS]
)
def test_a_bad_argument_is_refused_at_once(kind: Any, options: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=whole(kind, sentence)):
        kind(**options)


def zeros(*shape: int, dtype: Any = F32) -> Any:
    return np.zeros(shape, dtype)


LABELS_OR_PROBABILITIES = "target of integer labels, or of probabilities of shape"
BAD_CALLS: list[Any] = [
    (
        MSELoss(),
        (zeros(4, 1), zeros(4)),
        ValueError,
        "target of shape (4, 1), got (4,); add an axis: target[..., None]",
    ),
    (
        MSELoss(),
        (zeros(4), zeros(4, 1)),
        ValueError,
        "target of shape (4,), got (4, 1); drop the last axis: target[..., 0]",
    ),
    (BCELoss(), (zeros(4, 3), zeros(4, 2)), ValueError, "target of shape (4, 3), got (4, 2)"),
    (MSELoss(), (zeros(), zeros()), ValueError, "output of shape (batch, ...), got ()"),
    (
        MSELoss(),
        (zeros(2), zeros(2, dtype=int)),
        TypeError,
        "target of dtype float32, got int64; cast it: net.device.put(target, 'float32')",
    ),
    (MSELoss(), (zeros(2, dtype=int), zeros(2, dtype=int)), TypeError, "output of a real floating dtype, got int64"),
    (KLDivLoss(), (zeros(2), [0.0, 0.0]), TypeError, "target on cpu, got a list; move it: net.device.put(target)"),
    (
        MSELoss(),
        (zeros(2), zeros(2), [1.0, 1.0]),
        TypeError,
        "sample_weight on cpu, got a list; move it: net.device.put(sample_weight)",
    ),
    (MSELoss(), (zeros(2), zeros(2), zeros(2, 1)), ValueError, "sample_weight of shape (2,), got (2, 1)"),
    (BCELoss([1, 2]), (zeros(2, 3), zeros(2, 3)), ValueError, "weight that broadcasts to (2, 3), got (2,)"),
    (BCELoss([[1], [2]]), (zeros(2), zeros(2)), ValueError, "weight that broadcasts to (2,), got (2, 1)"),
    (
        BCEWithLogitsLoss(pos_weight=[1, 2]),
        (zeros(2, 3), zeros(2, 3)),
        ValueError,
        "pos_weight that broadcasts to (2, 3), got (2,)",
    ),
    (CrossEntropyLoss(), (zeros(3), np.array(1)), ValueError, "output of shape (batch, classes, ...), got (3,)"),
    (
        CrossEntropyLoss(),
        (zeros(2, 0), zeros(2, dtype=int)),
        ValueError,
        "output of shape (batch, classes, ...), got (2, 0)",
    ),
    (
        CrossEntropyLoss(),
        (zeros(2, 3), zeros(2, 1, dtype=int)),
        ValueError,
        "target of shape (2,), got (2, 1); drop the last axis: target[..., 0]",
    ),
    (
        CrossEntropyLoss(),
        (zeros(2, 3), zeros(2)),
        TypeError,
        f"{LABELS_OR_PROBABILITIES} (2, 3), got float32 of shape (2,); cast labels to int64",
    ),
    (
        CrossEntropyLoss(),
        (zeros(2, 3), zeros(2, dtype=bool)),
        TypeError,
        f"{LABELS_OR_PROBABILITIES} (2, 3), got bool of shape (2,); cast labels to int64",
    ),
    (CrossEntropyLoss(), (zeros(2, 3), zeros(2, 4)), ValueError, "target of shape (2, 3), got (2, 4)"),
    (
        CrossEntropyLoss(),
        (zeros(2, 3), zeros(2, 3, dtype=float)),
        TypeError,
        "target of dtype float32, got float64; cast it: net.device.put(target, 'float32')",
    ),
    (CrossEntropyLoss([1, 2]), (zeros(2, 3), zeros(2, dtype=int)), ValueError, "weight of shape (3,), got (2,)"),
    (CrossEntropyLoss(), (zeros(2, 3), np.array([1, 3])), ValueError, "labels in [0, 2], got 3"),
    (NLLLoss(), (zeros(2, 3), np.array([-1, 0])), ValueError, "labels in [0, 2], got -1"),
    (NLLLoss(), (zeros(2, 3), zeros(2)), TypeError, "target of integer labels, got float32; cast them to int64"),
    (NLLLoss(), (zeros(2, 3), zeros(3, dtype=int)), ValueError, "target of shape (2,), got (3,)"),
]


@pytest.mark.parametrize(("loss", "arrays", "error", "sentence"), BAD_CALLS, ids=[case[3] for case in BAD_CALLS])
def test_a_bad_call_is_refused_in_a_sentence(loss: Any, arrays: Any, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=whole(type(loss), sentence)):
        loss(*arrays)


def test_an_array_on_another_device_is_refused() -> None:
    device1, device2 = (Backend(f"strict:{name}") for name in ("device1", "device2"))
    sentence = "target on strict:device1, got an array on strict:device2; move it: net.device.put(target)"
    with pytest.raises(TypeError, match=whole(MSELoss, sentence)):
        MSELoss()(device1.put([0.0]), device2.put([0.0]))
    sentence = "target on strict:device1, got an array on cpu; move it: net.device.put(target)"
    with pytest.raises(TypeError, match=whole(CrossEntropyLoss, sentence)):
        CrossEntropyLoss()(device1.put([[0.0]]), np.array([0]))


CHECKS: list[Any] = [
    (MSELoss(), zeros(4), (1,), "target of shape (batch, 1), got (4,); add an axis: target[..., None]"),
    (MSELoss(), zeros(4, 2), (3,), "target of shape (batch, 3), got (4, 2)"),
    (MSELoss(), zeros(4, 1), (), "target of shape (batch,), got (4, 1); drop the last axis: target[..., 0]"),
    (MSELoss(), zeros(4, 2, 3), (None, 2), "target of shape (batch, *, 2), got (4, 2, 3)"),
    (CrossEntropyLoss(), np.array([0, 5]), (3,), "labels in [0, 2], got 5"),
    (
        CrossEntropyLoss(),
        zeros(2, 1, dtype=int),
        (3,),
        "target of shape (batch,), got (2, 1); drop the last axis: target[..., 0]",
    ),
    (CrossEntropyLoss(), zeros(2, 4), (3,), "target of shape (batch, 3), got (2, 4)"),
    (NLLLoss(), zeros(2, 5, dtype=int), (3, 4), "target of shape (batch, 4), got (2, 5)"),
]


@pytest.mark.parametrize(("loss", "labels", "shape", "sentence"), CHECKS, ids=[case[3] for case in CHECKS])
def test_all_labels_are_checked_before_training(loss: Loss, labels: Any, shape: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=whole(type(loss), sentence)):
        loss.check_labels(labels, shape)


def test_good_labels_pass() -> None:
    CrossEntropyLoss().check_labels(np.array([0, 2, -100]), (3,))
    CrossEntropyLoss(ignore_index=9).check_labels(np.array([[0, 9]]), (3, 2))
    CrossEntropyLoss().check_labels(np.array([7]), (None,))
    CrossEntropyLoss().check_labels(np.array([7]), None)
    CrossEntropyLoss().check_labels(zeros(2, 3), (3,))
    MSELoss().check_labels(zeros(2, 3), (3,))
    MSELoss().check_labels(zeros(2, 3), (None,))
    MSELoss().check_labels(zeros(2, 3), None)


def test_an_array_argument_may_come_in_any_form(backend: Backend) -> None:
    wanted = CrossEntropyLoss((1.0, 2.0, 3.0))
    for weight in ([1, 2, 3], np.array([1.0, 2.0, 3.0]), backend.put([1.0, 2.0, 3.0])):
        loss = CrossEntropyLoss(weight)
        assert loss == wanted
        assert hash(loss) == hash(wanted)
        assert repr(loss) == repr(wanted)
    for weight in (2, 2.0, np.float32(2), np.array(2.0), backend.put(2.0)):
        assert BCEWithLogitsLoss(pos_weight=weight) == BCEWithLogitsLoss(pos_weight=2.0)
    assert BCELoss([[1, 2], [3, 4]]).weight == ((1.0, 2.0), (3.0, 4.0))


def test_a_whole_number_of_numpy_is_a_label_to_ignore() -> None:
    assert repr(NLLLoss(ignore_index=np.int64(3))) == "NLLLoss(weight=None, ignore_index=3, reduction='mean')"
