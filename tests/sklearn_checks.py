"""What must run where scikit-learn hands on arrays of every library: `test_sklearn_checks` starts it in such a process.

By hand: ``SCIPY_ARRAY_API=1 python -m pytest tests/sklearn_checks.py``.
"""

from __future__ import annotations

import os
import pickle
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from nnxp import LBFGS, SGD, Device
from nnxp.sklearn import NNClassifier, NNRegressor

if not os.environ.get("SCIPY_ARRAY_API"):
    raise RuntimeError("set SCIPY_ARRAY_API=1: without it the checks of arrays are skipped")

DEVICES = ["strict:device1", "strict:CPU_DEVICE", *(["torch:cpu"] if find_spec("torch") else [])]


# As many epochs as scikit-learn gives its own networks here.
@parametrize_with_checks([NNClassifier(max_iter=100), NNRegressor(max_iter=100)])
def test_check(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [
        NNClassifier(),
        NNRegressor(),
        NNClassifier(loss="bce_with_logits", activation="tanh", optimizer=SGD(lr=0.1, momentum=0.9)),
        NNClassifier(loss="multi_margin", optimizer=LBFGS(max_iter=20), max_iter=10),
    ]
)
def test_check_with_parameters(estimator: Any, check: Any) -> None:
    check(estimator)


@pytest.fixture
def dispatch() -> Any:
    with sklearn.config_context(array_api_dispatch=True):
        yield


def iris(dtype: str = "float64") -> tuple[Any, Any]:
    x, y = load_iris(return_X_y=True)
    return x.astype(dtype), y


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.usefixtures("dispatch")
def test_the_network_lives_and_answers_where_x_is(name: str, dtype: str) -> None:
    x, y = iris(dtype)
    device = Device(name)
    host = NNClassifier((20,), max_iter=20, random_state=0).fit(x, y)
    there = NNClassifier((20,), max_iter=20, random_state=0).fit(device.put(x), device.put(y))
    assert there.network_.device == device
    assert there.network_.dtype == dtype
    for method in ("predict", "predict_proba", "decision_function", "predict_log_proba"):
        answer = getattr(there, method)(device.put(x))
        assert device.owns(answer)
        np.testing.assert_allclose(device.get(answer), getattr(host, method)(x), rtol=0, atol=1e-4)
    # scikit-learn averages in PyTorch's default float32.
    assert there.score(device.put(x), device.put(y)) == pytest.approx(host.score(x, y), rel=1e-6)


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.usefixtures("dispatch")
def test_numbers_are_predicted_where_x_is(name: str) -> None:
    x, _ = iris("float32")
    device = Device(name)
    model = NNRegressor((20,), max_iter=20, early_stopping=True, random_state=0).fit(device.put(x[:, :2]), x[:, 2:])
    answer = model.predict(device.put(x[:, :2]))
    assert device.owns(answer)
    assert answer.shape == (150, 2)
    assert answer.dtype == device.xp.float32


@pytest.mark.usefixtures("dispatch")
def test_labels_may_be_text_though_x_is_on_a_device() -> None:
    x, y = iris()
    device = Device("strict")
    names = load_iris().target_names[y]
    model = NNClassifier(max_iter=5, random_state=0).fit(device.put(x), names)
    assert set(model.predict(device.put(x))) <= set(names)


@pytest.mark.usefixtures("dispatch")
def test_a_device_that_is_named_wins_and_the_answer_still_follows_x() -> None:
    x, y = iris()
    strict = Device("strict")
    model = NNClassifier(max_iter=5, device="cpu", random_state=0).fit(strict.put(x), strict.put(y))
    assert model.network_.device.name == "cpu"
    assert strict.owns(model.predict(strict.put(x)))


@pytest.mark.usefixtures("dispatch")
def test_x_from_elsewhere_is_refused_in_one_sentence() -> None:
    x, y = iris()
    strict = Device("strict")
    model = NNClassifier(max_iter=2, random_state=0).fit(strict.put(x), strict.put(y))
    with pytest.raises(
        ValueError, match=r"^NNClassifier\.predict\(\): expected X on strict:device1, got one on cpu; it"
    ):
        model.predict(x)


@pytest.mark.usefixtures("dispatch")
def test_a_pipeline_stays_where_x_is() -> None:
    x, y = iris()
    strict = Device("strict")
    model = make_pipeline(MinMaxScaler(), NNClassifier(max_iter=200, random_state=0))
    model.fit(strict.put(x), strict.put(y))
    assert model[-1].network_.device == strict
    assert model.score(strict.put(x), strict.put(y)) > 0.9


@pytest.mark.usefixtures("dispatch")
def test_a_copy_on_the_cpu_takes_x_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = iris()
    strict = Device("strict")
    data = pickle.dumps(NNClassifier(max_iter=2, random_state=0).fit(strict.put(x), strict.put(y)))
    assert pickle.loads(data).predict(strict.put(x)).shape == (150,)
    monkeypatch.setattr("nnxp.device.find_spec", lambda name: None if "strict" in name else name)
    with pytest.warns(UserWarning, match="it is on cpu now"):
        twin = pickle.loads(data)
    assert twin.predict(x).shape == (150,)
