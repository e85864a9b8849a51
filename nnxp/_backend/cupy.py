"""CuPy on a CUDA GPU.

Importing CuPy succeeds without a driver, and a broken installation shows only at the first kernel,
so a device is tried before it is used, and what can be wrong is told apart: nine ways, each with the
line that mends it.
"""

import ctypes
import warnings
from contextlib import AbstractContextManager
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any

import numpy as np

from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._checks import message
from nnxp.errors import DeviceError


class CudaError(DeviceError):
    """CUDA cannot be used; `reason` and `remedy` are the two halves of the message."""

    def __init__(self, asked: str, reason: str, remedy: str) -> None:
        super().__init__(message("Device", "a CUDA GPU that works", asked, f"{reason}; {remedy}"))
        self.reason = reason
        self.remedy = remedy


def driver_version() -> int:
    """Return the CUDA version that the driver supports, as 1000 * major + 10 * minor; 0 without a driver."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        version = ctypes.c_int(0)
        if library.cuDriverGetVersion(ctypes.byref(version)) == 0:
            return version.value
    return 0


def install_line(driver: int) -> str:
    """Return the pip line for a driver: CUDA 13 where it is new enough, else CUDA 12."""
    extra = "cuda12" if 0 < driver < 13000 else "cuda13"
    line = f"pip install 'nnxp[{extra}]'"
    return line if driver else f"{line} (or [cuda12]: nvidia-smi shows the driver's CUDA version)"


def import_cupy(asked: str) -> Any:
    """Import CuPy, or say which of the first three failures it is: absent, installed twice, or broken."""
    if find_spec("cupy") is None:
        raise CudaError(asked, "CuPy is not installed", install_line(driver_version()))
    wheels = sorted({name for d in distributions() if (name := d.metadata["Name"] or "").lower().startswith("cupy")})
    if len(wheels) > 1:
        remedy = f"pip uninstall {' '.join(wheels)}, then {install_line(driver_version())}"
        raise CudaError(asked, f"several CuPy packages are installed ({', '.join(wheels)})", remedy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import cupy
    except Exception as error:
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        remedy = f"pip list must show one cupy package: reinstall with {install_line(driver_version())}"
        raise CudaError(asked, f"CuPy failed to import ({last})", remedy) from error
    return cupy


def check_runtime(cupy: Any, asked: str, index: int) -> None:
    """Check driver, devices and index: failures four to seven."""
    runtime = cupy.cuda.runtime
    driver = runtime.driverGetVersion()
    if driver == 0:
        remedy = "install NVIDIA's driver (in a container: --gpus all), or use device='cpu'"
        raise CudaError(asked, "there is no usable NVIDIA driver", remedy)
    built_for = runtime.runtimeGetVersion()
    if driver // 1000 < built_for // 1000:
        supported = f"{driver // 1000}.{driver % 1000 // 10}"
        reason = f"CuPy is built for CUDA {built_for // 1000}, the driver supports up to {supported}"
        raise CudaError(asked, reason, f"update the driver, or {install_line(driver)} instead")
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError:
        count = 0
    if count == 0:
        raise CudaError(asked, "the driver works but shows no GPU", "look at CUDA_VISIBLE_DEVICES and nvidia-smi")
    if index >= count:
        raise CudaError(asked, f"only {count} GPU(s) are visible", f"use cuda:0 to cuda:{count - 1}")


def check_kernels(cupy: Any, asked: str, index: int) -> None:
    """Compile a kernel and multiply two matrices: failures eight and nine."""
    with cupy.cuda.Device(index):
        try:
            a = cupy.ones((2, 2), dtype="float32") + 1
        except Exception as error:
            remedy = f"reinstall with the toolkit's parts: {install_line(driver_version())}"
            raise CudaError(asked, f"CuPy cannot compile a kernel ({_last_line(error)})", remedy) from error
        try:
            a @ a
            cupy.cuda.get_current_stream().synchronize()
        except Exception as error:
            remedy = f"reinstall with the toolkit's parts: {install_line(driver_version())}"
            raise CudaError(asked, f"cuBLAS does not work ({_last_line(error)})", remedy) from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


@cache
def probe(index: int) -> Any:
    """Try a GPU once for the whole process; return CuPy if it passes.

    Raises
    ------
    DeviceError
        With the one of nine reasons that applies.
    """
    asked = f"cuda:{index}"
    cupy = import_cupy(asked)
    check_runtime(cupy, asked, index)
    check_kernels(cupy, asked, index)
    return cupy


class CuPyLibrary(Library):
    """CuPy's arrays; creating one needs its device to be current, so every entry enters a context."""

    word = "cuda"

    @property
    def xp(self) -> Any:
        """CuPy behind array-api-compat, imported when the first GPU is used."""
        import array_api_compat.cupy

        return array_api_compat.cupy

    def resolve(self, index: str) -> tuple[str, Any]:
        """Find a GPU by its number, and try it."""
        if index and not index.isdecimal():
            raise DeviceError(message("Device", "cuda or cuda:N with a whole number N", f"cuda:{index}"))
        number = int(index or 0)
        cupy = probe(number)
        return f"cuda:{number}", cupy.cuda.Device(number)

    def devices(self) -> list[DeviceInfo]:
        """Describe every GPU, or the one reason why there is none."""
        try:
            cupy = probe(0)
        except CudaError as error:
            return [DeviceInfo("cuda", False, error.reason, error.remedy)]
        found = []
        for i in range(cupy.cuda.runtime.getDeviceCount()):
            name = cupy.cuda.runtime.getDeviceProperties(i)["name"].decode()
            free, total = self.memory_info(cupy.cuda.Device(i)) or (0, 0)
            detail = f"CuPy {cupy.__version__} on {name}, {free / 2**30:.1f} of {total / 2**30:.1f} GiB free"
            found.append(DeviceInfo(f"cuda:{i}", True, detail))
        return found

    def locate(self, x: Array) -> str:
        """Return the GPU's name."""
        return f"cuda:{x.device.id}"

    def dlpack_device(self, handle: Any) -> tuple[int, int] | None:
        """Return the GPU."""
        return 2, int(handle.id)

    def put(self, host: np.ndarray[Any, Any], handle: Any) -> Array:
        """Copy to a GPU; CuPy ignores ``device=`` in most functions, so the device is made current."""
        with handle:
            return self.xp.asarray(host)

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Copy to the host, and wait for it."""
        with x.device:
            host: np.ndarray[Any, Any] = x.get()
        return host

    def context(self, handle: Any) -> AbstractContextManager[Any]:
        """Make the GPU current."""
        context: AbstractContextManager[Any] = handle
        return context

    def synchronize(self, handle: Any) -> None:
        """Wait for the GPU's current stream."""
        import cupy

        with handle:
            cupy.cuda.get_current_stream().synchronize()

    def memory_info(self, handle: Any) -> tuple[int, int] | None:
        """Ask the driver."""
        with handle:
            free, total = handle.mem_info
        return int(free), int(total)

    def release_memory(self, handle: Any) -> None:
        """Empty CuPy's pool."""
        import cupy

        with handle:
            cupy.get_default_memory_pool().free_all_blocks()

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Write the product in place, where CuPy can: into a C-contiguous array."""
        import cupy

        return cupy.matmul(a, b, out=out)

    def erf(self, x: Array) -> Array:
        """CuPy's own kernel."""
        import cupyx.scipy.special

        return cupyx.scipy.special.erf(x)


LIBRARY = CuPyLibrary()
