"""NNClassifier and NNRegressor pass every check of scikit-learn, none expected to fail, and none skipped in silence."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parent.parent
# A check of arrays on hardware, or of a library, that this machine lacks: what its name holds, and what is said.
LACKING = {
    "cupy": "cupy is not installed",
    "dpnp": "dpnp is not installed",
    "cuda": "requires cuda, which is not available",
    "xpu": "no XPU device is available",
    "mps": "PYTORCH_ENABLE_MPS_FALLBACK is not set",
    "torch": "torch is not installed",
}
# What makes the difference to a library of NumPy alone: these must have run.
ARRAYS = [
    "check_array_api_input(array_namespace=numpy",
    "check_array_api_input(array_namespace=array_api_strict,device_name=CPU_DEVICE,dtype_name=float64)",
    "check_array_api_input(array_namespace=array_api_strict,device_name=device1,dtype_name=float32)",
    "check_array_api_same_namespace(array_namespace=array_api_strict)",
]
ON_TORCH = [
    "check_array_api_input(array_namespace=torch,device_name=cpu,dtype_name=float32)",
    "check_array_api_input(array_namespace=torch,device_name=cpu,dtype_name=float64)",
]


def outcomes(tmp_path: Path, marks: str) -> tuple[list[str], dict[str, str]]:
    """Run the checks in a process where SciPy takes arrays of every library; return who passed, and why who was skipped."""
    report = tmp_path / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, f"--junitxml={report}"]
    run = subprocess.run(
        [*command, "tests/sklearn_checks.py"],
        cwd=ROOT, env=os.environ | {"SCIPY_ARRAY_API": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
    passed, skipped = [], {}
    for case in ElementTree.parse(report).iter("testcase"):
        reason = case.find("skipped")
        if reason is None:
            passed.append(case.get("name", ""))
        else:
            skipped[case.get("name", "")] = reason.get("message", "")
    return passed, skipped


def assert_complete(passed: list[str], skipped: dict[str, str], estimators: int) -> None:
    for name, reason in skipped.items():
        assert "check_array_api" in name, f"{name} was skipped: {reason}"
        assert any(word in name and said in reason for word, said in LACKING.items()), f"{name} was skipped: {reason}"
    if find_spec("torch") is None:
        assert "torch is not installed" in " ".join(skipped.values())
    for wanted in ARRAYS + (ON_TORCH if find_spec("torch") else []):
        assert sum(wanted in name for name in passed) == estimators, wanted
    # What is silent where pandas is missing.
    assert sum("check_sample_weights_pandas_series" in name for name in passed) == estimators
    assert sum("test_check" in name for name in passed) >= 60 * estimators
    # Eight GPU libraries and devices, some in two dtypes, and their mixtures; three more where PyTorch is missing.
    assert len(skipped) <= 17 * estimators


def test_every_check_of_scikit_learn_passes(tmp_path: Path) -> None:
    passed, skipped = outcomes(tmp_path, "not slow")
    assert_complete(passed, skipped, estimators=2)


@pytest.mark.slow
def test_every_check_passes_by_default_and_with_other_losses_and_optimizers(tmp_path: Path) -> None:
    passed, skipped = outcomes(tmp_path, "slow")
    assert_complete(passed, skipped, estimators=4)
