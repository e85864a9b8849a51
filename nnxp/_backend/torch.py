"""PyTorch's tensors, used as plain arrays: no autograd, no torch.nn. An oracle's arithmetic, and one more backend."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import array_api_compat.torch
import numpy as np
import torch

from nnxp._backend.library import Array, DeviceInfo, Library
from nnxp._backend.threads import follow
from nnxp._checks import message
from nnxp.errors import DeviceError


class TorchLibrary(Library):
    """PyTorch's tensors, on the CPU by default."""

    word = "torch"
    xp = array_api_compat.torch

    def resolve(self, index: str) -> tuple[str, Any]:
        """Find a device by PyTorch's own name for it, and try it."""
        try:
            # A tensor knows the one name that its device has: "cuda" becomes "cuda:0", "cpu:0" becomes "cpu".
            device = torch.empty(1, device=index or "cpu").device
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            hint = "nnxp.devices() lists what is there"
            raise DeviceError(
                message("Device", "a device that PyTorch can use", f"torch:{index}", f"{reason}; {hint}")
            ) from None
        return f"torch:{device}", device

    def devices(self) -> list[DeviceInfo]:
        """Describe the CPU and every GPU that PyTorch sees."""
        found = [DeviceInfo("torch:cpu", True, f"PyTorch {torch.__version__} on the CPU")]
        for i in range(torch.cuda.device_count()):
            found.append(DeviceInfo(f"torch:cuda:{i}", True, f"PyTorch on {torch.cuda.get_device_name(i)}"))
        return found

    def shared(self, x: Any, handle: Any) -> Array | None:
        """Share memory that may be written to, which PyTorch does not ask, and whose strides are known.

        At a negative stride it ends the process.
        """
        strides = getattr(x, "strides", None)
        known = isinstance(strides, tuple) and all(stride >= 0 for stride in strides)
        frozen = isinstance(x, np.ndarray) and not x.flags.writeable
        return super().shared(x, handle) if known and not frozen else None

    def dlpack_device(self, handle: Any) -> tuple[int, int] | None:
        """Return the host, or a GPU."""
        return {"cpu": (1, 0), "cuda": (2, handle.index or 0)}.get(handle.type)

    def put(self, host: np.ndarray[Any, Any], handle: Any) -> Array:
        """Copy: PyTorch cannot know that an array is read-only, nor take one with negative strides."""
        return torch.as_tensor(np.array(host, order="C"), device=handle)

    def get(self, x: Array) -> np.ndarray[Any, Any]:
        """Copy from a GPU; on the CPU the memory is shared, but for bfloat16, which becomes float32."""
        x = x.detach().cpu().resolve_conj().resolve_neg()
        # NumPy has no bfloat16; float32 holds all of its numbers.
        host: np.ndarray[Any, Any] = (x.float() if x.dtype == torch.bfloat16 else x).numpy()
        return host

    def context(self, handle: Any) -> AbstractContextManager[Any]:
        """Make a GPU current."""
        return torch.cuda.device(handle) if handle.type == "cuda" else nullcontext()

    def synchronize(self, handle: Any) -> None:
        """Wait for a GPU's queue."""
        if handle.type == "cuda":
            torch.cuda.synchronize(handle)

    def memory_info(self, handle: Any) -> tuple[int, int] | None:
        """Ask a GPU."""
        return torch.cuda.mem_get_info(handle) if handle.type == "cuda" else None

    def release_memory(self, handle: Any) -> None:
        """Empty the cache of a GPU."""
        if handle.type == "cuda":
            torch.cuda.empty_cache()

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """Write the product in place."""
        return torch.matmul(a, b, out=out)

    def erf(self, x: Array) -> Array:
        """PyTorch's own."""
        return torch.special.erf(x)


follow(torch.set_num_threads)
LIBRARY = TorchLibrary()
