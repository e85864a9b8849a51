"""Kernels that start without Numba: the machine code that it made once is kept on disk, and loaded from there.

Numba takes half a second until it has been imported and has found what it keeps itself; llvmlite, which loads the code,
a fraction of that. A kernel is called through a door (see `doors`), which looks at the types of its arguments.
"""

import ctypes
import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from nnxp._files import write_atomic

__all__ = ["Kernel", "stamp"]

_HERE = Path(__file__).parent
# Doors know how CPython and NumPy lay out their objects, and have been tried on this system alone.
_DOORS = sys.implementation.name == "cpython" and sys.platform == "linux"
_FASTCALL = 0x0080  # CPython's METH_FASTCALL

# What Numba writes wherever it hands an array on, and never comes to: doors give it arrays that others own.
_UNUSED = "define void @NRT_MemInfo_call_dtor(ptr %x) { ret void }"
# What would want Numba after all.
_FOREIGN = (b"NRT_MemInfo_alloc", b"NRT_Allocate", b"numba_", b"__svml_")


class Kernel:
    """One compiled function, called from Python.

    Parameters
    ----------
    room : str
        The module beside this one that has it; imported only where it has to be compiled.
    name : str
        The function's. It returns a number or nothing, and neither allocates nor raises.
    """

    def __init__(self, room: str, name: str) -> None:
        self.room, self.name = room, name
        self._door: Callable[..., Any] = _closed
        self._doors: dict[tuple[str, ...], Callable[..., Any]] = {}

    def __call__(self, *args: Any) -> Any:
        """Call it; the first call with arguments of other types finds the door for them."""
        try:
            return self._door(*args)
        except TypeError:
            return self._open(args)(*args)

    def _open(self, args: tuple[Any, ...]) -> Callable[..., Any]:
        kinds = tuple(map(_kind, args))
        if not _DOORS or "" in kinds:
            return self.dispatcher()  # type: ignore[no-any-return]
        if kinds not in self._doors:
            self._doors[kinds] = self._kept(kinds) or self._made(kinds)
        self._door = self._doors[kinds]
        return self._door

    def dispatcher(self) -> Any:
        """Return Numba's own way to call it, which takes all types that it can be compiled for."""
        return getattr(import_module(f"nnxp._backend.kernels.{self.room}"), self.name)

    def _kept(self, kinds: tuple[str, ...]) -> Callable[..., Any] | None:
        """Return the door from the file, if that is there, whole, and of this machine and these sources."""
        try:
            head, _, code = self._file(kinds).read_bytes().partition(b"\n")
            facts = json.loads(head)
            whole = facts["made_of"] == made_of() and facts["sum"] == hashlib.sha256(code).hexdigest()
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return _loaded(code, facts["door"]) if whole else None

    def _made(self, kinds: tuple[str, ...]) -> Callable[..., Any]:
        """Compile the door, and write the file; a folder that cannot be written to costs the next process time."""
        from nnxp._backend.kernels.doors import machine_code

        code, door = machine_code(self.dispatcher(), kinds)
        if any(name in code for name in _FOREIGN):
            return self.dispatcher()  # type: ignore[no-any-return]
        facts = {"made_of": made_of(), "door": door, "sum": hashlib.sha256(code).hexdigest()}
        with suppress(OSError):
            file = self._file(kinds)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, json.dumps(facts).encode() + b"\n" + code)
        return _loaded(code, door)

    def _file(self, kinds: tuple[str, ...]) -> Path:
        word = hashlib.sha256(" ".join(kinds).encode()).hexdigest()[:12]
        return folder() / f"{self.room}.{self.name}.{sys.implementation.cache_tag}.{word}.o"


def _closed(*args: Any) -> Any:
    raise TypeError


def _kind(value: Any) -> str:
    """Say what a door has to expect; empty if there can be none."""
    if type(value) is np.ndarray:
        flags, dtype = value.flags, value.dtype
        plain = flags.c_contiguous and flags.aligned and flags.writeable and dtype.isnative and dtype.char in "fdl"
        return f"{dtype.char}{value.ndim}" if plain else ""
    return {bool: "?", int: "q", float: "d"}.get(type(value), "")


@cache
def folder() -> Path:
    """Return where machine code is kept: beside the sources, as Python keeps its own, or where a user's caches are."""
    told = os.environ.get("NUMBA_CACHE_DIR")
    if told:
        return Path(told) / "nnxp"
    beside = _HERE / "__pycache__"
    if os.access(beside if beside.exists() else _HERE, os.W_OK):
        return beside
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nnxp"


@cache
def stamp() -> tuple[int, int]:
    """Return the time of the newest room, and the size of all: what is kept holds the code of several."""
    found = [room.stat() for room in _HERE.glob("*.py")]
    return max(each.st_mtime_ns for each in found), sum(each.st_size for each in found)


@cache
def made_of() -> list[str]:
    """Say what machine code depends on: the sources, the compiler, the processor, and how objects lie in memory."""
    import llvmlite
    from llvmlite import binding

    numba = find_spec("numba")
    compiler = "" if numba is None or numba.origin is None else str(os.stat(numba.origin).st_mtime_ns)
    features = hashlib.sha256(binding.get_host_cpu_features().flatten().encode()).hexdigest()
    facts = (stamp(), compiler, llvmlite.__version__, binding.get_host_cpu_name(), features, sys.version)
    return [*map(str, facts), np.__version__]


class _Method(ctypes.Structure):
    """CPython's PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p), ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    )  # fmt: skip


# What must live as long as the doors do: they are never closed.
_alive: list[Any] = []


def _loaded(code: bytes, door: str) -> Callable[..., Any]:
    """Put machine code into memory, and return its door as a function."""
    from llvmlite import binding

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = binding.Target.from_default_triple().create_target_machine()
    engine = binding.create_mcjit_compiler(binding.parse_assembly(_UNUSED), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    method = _Method(b"kernel", engine.get_function_address(door), _FASTCALL, None)
    _alive.extend((engine, method))
    make = ctypes.pythonapi["PyCFunction_NewEx"]  # a function object of our own, whose types nobody else sets
    make.restype, make.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p)
    return make(ctypes.addressof(method), np.ndarray, None)  # type: ignore[no-any-return]
