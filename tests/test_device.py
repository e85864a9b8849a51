"""Devices: the grammar, the default, the probe's nine failures, and moving data."""

from __future__ import annotations

import pickle
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import nnxp
from nnxp import Device, DeviceError
from nnxp._backend import cupy as cuda
from tests.backends import Backend


def sentence(text: str) -> str:
    return f"^{re.escape(text)}$"


def test_the_default_is_the_cpu() -> None:
    assert Device().name == "cpu"


def test_the_environment_sets_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNXP_DEVICE", "strict")
    assert Device().name == "strict:device1"
    assert Device("cpu").name == "cpu"


@pytest.mark.parametrize(
    ("name", "canonical"), [("cpu", "cpu"), ("strict", "strict:device1"), ("strict:device2", "strict:device2")]
)
def test_names_become_canonical(name: str, canonical: str) -> None:
    assert Device(name).name == canonical
    assert str(Device(name)) == canonical


def test_torch_is_on_its_cpu_by_default() -> None:
    pytest.importorskip("torch")
    assert Device("torch") == Device("torch:cpu")
    # PyTorch has several names for one device: that of its tensors counts, or they would be strangers there.
    assert Device("torch:cpu:0") == Device("torch:cpu")


@pytest.mark.parametrize("name", ["gpuu", "", "cpu:", ":0", "CPU", "mps"])
def test_a_word_outside_the_grammar_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNXP_DEVICE", "nowhere")
    got = name or "nowhere"
    text = f"Device: expected cpu, cuda[:N], gpu[:N], torch[:device], strict[:device] or auto, got {got!r}"
    with pytest.raises(DeviceError, match=sentence(text)):
        Device(name)


@pytest.mark.parametrize("name", [0, 1, 1.5, b"cpu"])
def test_what_is_no_word_is_refused(name: Any) -> None:
    text = f"Device: expected cpu, cuda[:N], gpu[:N], torch[:device], strict[:device] or auto, got {name}"
    with pytest.raises(DeviceError, match=sentence(text)):
        Device(name)


def test_the_host_has_no_index() -> None:
    with pytest.raises(
        DeviceError, match=sentence("Device: expected cpu, got 'cpu:0'; the host is one device, without an index")
    ):
        Device("cpu:0")


def test_an_unknown_device_of_make_believe_is_refused() -> None:
    with pytest.raises(
        DeviceError, match="^Device: expected strict:CPU_DEVICE or strict:device1 or .*, got 'strict:device9'$"
    ):
        Device("strict:device9")


def test_a_gpu_is_numbered() -> None:
    with pytest.raises(
        DeviceError, match=sentence("Device: expected cuda or cuda:N with a whole number N, got 'cuda:first'")
    ):
        Device("cuda:first")


def test_a_device_that_torch_does_not_know_is_refused() -> None:
    pytest.importorskip("torch")
    with pytest.raises(DeviceError, match="^Device: expected a device that PyTorch can use, got 'torch:nonsense'; "):
        Device("torch:nonsense")


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.device.find_spec", lambda name: None)
    text = "Device: expected a device that is there, got 'torch'; torch is not installed: pip install 'nnxp[oracle]'"
    with pytest.raises(DeviceError, match=sentence(text)):
        Device("torch")


def test_a_device_is_a_value() -> None:
    assert Device("cpu") == Device(Device("cpu"))
    assert len({Device("cpu"), Device("cpu"), Device("strict")}) == 2
    assert pickle.loads(pickle.dumps(Device("strict"))) == Device("strict")
    assert repr(Device("cpu")) == "Device(name='cpu')"
    with pytest.raises(AttributeError):
        Device("cpu").name = "cuda"  # type: ignore[misc]


def test_auto_says_what_it_took(capsys: pytest.CaptureFixture[str]) -> None:
    device = Device("auto")
    said = capsys.readouterr().err
    assert said.startswith(f"nnxp: auto chose {device.name}")
    assert said.count("\n") == 1


def test_auto_takes_a_gpu_that_passes_its_probe(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cuda.CuPyLibrary, "resolve", lambda self, index: ("cuda:0", "handle"))
    assert Device("auto").name == "cuda:0"
    assert capsys.readouterr().err == "nnxp: auto chose cuda:0\n"


def test_auto_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def refuse(self: Any, index: str) -> Any:
        raise cuda.CudaError("cuda:0", "there is no GPU in this box", "buy one")

    monkeypatch.setattr(cuda.CuPyLibrary, "resolve", refuse)
    assert Device("auto").name == "cpu"
    assert capsys.readouterr().err == "nnxp: auto chose cpu (there is no GPU in this box)\n"


# -- the nine failures of a CUDA device, on a runtime of make-believe ------------------------------------


class FakeRuntimeError(Exception):
    pass


def fake_cupy(*, driver: int = 13000, runtime: int = 13000, count: int = 1, kernel: str = "", blas: str = "") -> Any:
    def device_count() -> int:
        if count < 0:
            raise FakeRuntimeError("cudaErrorNoDevice")
        return count

    class FakeArray:
        def __add__(self, other: Any) -> FakeArray:
            if kernel:
                raise RuntimeError(kernel)
            return self

        def __matmul__(self, other: Any) -> FakeArray:
            if blas:
                raise RuntimeError(blas)
            return self

    class FakeDevice:
        def __init__(self, index: int) -> None:
            self.id = index

        def __enter__(self) -> None: ...

        def __exit__(self, *args: object) -> None: ...

    stream = SimpleNamespace(synchronize=lambda: None)
    return SimpleNamespace(
        ones=lambda shape, dtype: FakeArray(),
        cuda=SimpleNamespace(
            Device=FakeDevice,
            get_current_stream=lambda: stream,
            runtime=SimpleNamespace(
                driverGetVersion=lambda: driver,
                runtimeGetVersion=lambda: runtime,
                getDeviceCount=device_count,
                CUDARuntimeError=FakeRuntimeError,
            ),
        ),
    )


@pytest.fixture
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "driver_version", lambda: 0)


def test_1_cupy_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "find_spec", lambda name: None)
    monkeypatch.setattr(cuda, "driver_version", lambda: 12040)
    text = "Device: expected a CUDA GPU that works, got 'cuda:0'; CuPy is not installed; pip install 'nnxp[cuda12]'"
    with pytest.raises(DeviceError, match=sentence(text)):
        cuda.import_cupy("cuda:0")


def installed(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    monkeypatch.setattr(cuda, "find_spec", lambda name: object())
    monkeypatch.setattr(cuda, "distributions", lambda: [SimpleNamespace(metadata={"Name": name}) for name in names])


def test_2_two_wheels_of_cupy(monkeypatch: pytest.MonkeyPatch, no_driver: None) -> None:
    installed(monkeypatch, "cupy-cuda12x", "numpy", "cupy-cuda13x")
    text = (
        "Device: expected a CUDA GPU that works, got 'cuda:0'; several CuPy packages are installed (cupy-cuda12x, cupy-cuda13x); "
        "pip uninstall cupy-cuda12x cupy-cuda13x, then pip install 'nnxp[cuda13]' "
        "(or [cuda12]: nvidia-smi shows the driver's CUDA version)"
    )
    with pytest.raises(DeviceError, match=sentence(text)):
        cuda.import_cupy("cuda:0")


def test_3_cupy_fails_to_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    installed(monkeypatch, "cupy-cuda13x")
    monkeypatch.setattr(cuda, "driver_version", lambda: 13000)
    (tmp_path / "cupy.py").write_text("raise ImportError('first line\\nlibcudart.so.13: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "cupy", raising=False)
    text = (
        "Device: expected a CUDA GPU that works, got 'cuda:0'; CuPy failed to import (libcudart.so.13: cannot open); "
        "pip list must show one cupy package: reinstall with pip install 'nnxp[cuda13]'"
    )
    with pytest.raises(DeviceError, match=sentence(text)):
        cuda.import_cupy("cuda:0")


@pytest.mark.parametrize(
    ("runtime", "reason"),
    [
        (
            {"driver": 0},
            "there is no usable NVIDIA driver; install NVIDIA's driver (in a container: --gpus all), or use device='cpu'",
        ),
        (
            {"driver": 12040},
            "CuPy is built for CUDA 13, the driver supports up to 12.4; update the driver, or pip install 'nnxp[cuda12]' instead",
        ),
        ({"count": 0}, "the driver works but shows no GPU; look at CUDA_VISIBLE_DEVICES and nvidia-smi"),
        ({"count": -1}, "the driver works but shows no GPU; look at CUDA_VISIBLE_DEVICES and nvidia-smi"),
        ({"count": 2}, "only 2 GPU(s) are visible; use cuda:0 to cuda:1"),
    ],
    ids=["4_no_driver", "5_driver_too_old", "6_no_device", "6_no_device_raises", "7_bad_index"],
)
def test_the_runtime_tells_four_failures_apart(runtime: dict[str, int], reason: str) -> None:
    text = f"Device: expected a CUDA GPU that works, got 'cuda:5'; {reason}"
    with pytest.raises(DeviceError, match=sentence(text)):
        cuda.check_runtime(fake_cupy(**runtime), "cuda:5", 5)


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"kernel": "in file\nvector_types.h not found"}, "CuPy cannot compile a kernel (vector_types.h not found)"),
        ({"blas": "libcublas.so.13 not found"}, "cuBLAS does not work (libcublas.so.13 not found)"),
    ],
    ids=["8_no_headers", "9_no_cublas"],
)
def test_the_first_kernel_tells_two_failures_apart(broken: dict[str, str], reason: str, no_driver: None) -> None:
    text = (
        f"Device: expected a CUDA GPU that works, got 'cuda:0'; {reason}; reinstall with the toolkit's parts: "
        "pip install 'nnxp[cuda13]' (or [cuda12]: nvidia-smi shows the driver's CUDA version)"
    )
    with pytest.raises(DeviceError, match=sentence(text)):
        cuda.check_kernels(fake_cupy(**broken), "cuda:0", 0)


def test_a_sound_gpu_passes_every_check() -> None:
    cupy = fake_cupy()
    cuda.check_runtime(cupy, "cuda:0", 0)
    cuda.check_kernels(cupy, "cuda:0", 0)


# -- the list ---------------------------------------------------------------------------------------------


def test_the_list_names_what_is_there_and_mends_what_is_missing() -> None:
    found = {info.name: info for info in nnxp.devices()}
    assert found["cpu"].available
    assert found["strict:device1"].available
    for info in found.values():
        assert info.detail
        assert bool(info.remedy) != info.available


def test_the_list_says_how_to_install_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nnxp.device.find_spec", lambda name: None)
    found = {info.name: info for info in nnxp.devices()}
    assert (found["torch"].detail, found["torch"].remedy) == ("torch is not installed", "pip install 'nnxp[oracle]'")
    assert found["strict"].remedy == "pip install 'nnxp[test]'"


# -- moving data ------------------------------------------------------------------------------------------


def test_put_and_get_round_trip(backend: Backend) -> None:
    host = np.arange(6, dtype=np.float32).reshape(2, 3)
    x = backend.put(host)
    assert backend.device.owns(x)
    np.testing.assert_array_equal(backend.get(x), host)
    assert backend.get((x, None, (x,)))[1] is None


def test_what_is_there_already_is_not_copied(backend: Backend) -> None:
    x = backend.put(np.ones(3, np.float32))
    assert backend.device.put(x) is x
    assert backend.device.put(x, "float32") is x


def test_only_arrays_are_arrays() -> None:
    assert not Device("cpu").owns(np.random.default_rng(0))
    assert not Device("cpu").owns(np.dtype("float32"))
    assert Device("cpu").owns(np.float32(1.0))
    assert Device("cpu").owns(np.ma.masked_array([1.0]))


def test_foreign_byte_order_is_read(backend: Backend) -> None:
    np.testing.assert_array_equal(backend.get(backend.device.put(np.array([1, 2], ">i4"))), [1, 2])


@pytest.mark.parametrize("source", ["uint8", "int64", "float64", "bool", "float16", ">f4", ">i2"])
def test_put_casts(backend: Backend, source: str) -> None:
    x = backend.device.put(np.array([0, 1, 1], dtype=source), "float32")
    assert str(x.dtype).endswith("float32")
    np.testing.assert_array_equal(backend.get(x), [0.0, 1.0, 1.0])


def test_put_takes_arrays_of_other_libraries_and_awkward_strides(backend: Backend) -> None:
    other = Device("strict:device2").put(np.arange(4.0))
    np.testing.assert_array_equal(backend.get(backend.device.put(other)), np.arange(4.0))
    np.testing.assert_array_equal(backend.get(backend.device.put(np.arange(4.0)[::-1])), np.arange(4.0)[::-1])
    np.testing.assert_array_equal(backend.get(backend.device.put([[1, 2], [3, 4]])), [[1, 2], [3, 4]])


def test_the_host_has_no_memory_of_its_own_to_report() -> None:
    assert Device("cpu").memory_info() is None
    Device("cpu").synchronize()
