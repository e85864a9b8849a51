"""Kernels as C functions that Python calls itself: machine code that needs no Numba any more.

A door is a function of Python's own C interface (``METH_FASTCALL``). It looks at its arguments' types, takes numbers
and arrays out of their objects, lets other threads run, and calls the kernel.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from llvmlite import ir
from numba import cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array

__all__ = ["machine_code"]

# Where things lie in memory: behind the head that every object has, whose last word is its type, an array has its data,
# its number of axes, and pointers to their lengths and to its dtype (PyArrayObject_fields); that has its letter.
HEAD = object.__basicsize__
_DATA, _AXES, _LENGTHS, _DTYPE, _LETTER = HEAD, HEAD + 8, HEAD + 16, HEAD + 40, HEAD + 9
_FLAGS, _PLAIN = HEAD + 48, 0x0001 | 0x0100 | 0x0400  # in C's order, aligned, writeable
_NATIVE = "="  # behind the letter

_NUMBERS = {
    "?": (types.boolean, "PyBool_Type"),
    "q": (types.int64, "PyLong_Type"),
    "d": (types.float64, "PyFloat_Type"),
}
_DTYPES = {"f": types.float32, "d": types.float64, "l": types.int64}
_WORD = ir.IntType(64)


def machine_code(kernel: Any, kinds: Sequence[str]) -> tuple[bytes, str]:
    """Compile a kernel behind a door.

    Parameters
    ----------
    kernel : dispatcher
        What Numba has made of a function that returns a number or nothing, and neither allocates nor raises.
    kinds : sequence of str
        Of its arguments: ``?``, ``q`` and ``d`` for booleans, integers and floats; a dtype's letter and the number of
        axes for arrays in C's order.

    Returns
    -------
    code : bytes
        An object file.
    name : str
        Of the door in it.
    """
    wanted = tuple(_type_of(kind) for kind in kinds)
    kernel.compile(wanted)
    compiled = kernel.overloads[wanted]

    @intrinsic  # type: ignore[untyped-decorator]
    def pass_on(context: Any, array_type: Any, objects: Any, count: Any) -> Any:
        def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            context.active_code_library.add_linking_library(compiled.library)
            return _Door(context, builder, kinds, *values).write(compiled)

        return types.int64(array_type, objects, count), write

    def door(array_type: int, objects: int, count: int) -> Any:
        return pass_on(array_type, objects, count)

    made = cfunc(types.int64(types.int64, types.int64, types.int64))(door)
    return made._library.serialize_using_object_code()[2][0], made.native_name


def _type_of(kind: str) -> Any:
    return _NUMBERS[kind][0] if len(kind) == 1 else types.Array(_DTYPES[kind[0]], int(kind[1:]), "C")


class _Door:
    """What generating a door needs."""

    def __init__(self, context: Any, builder: Any, kinds: Sequence[str], array_type: Any, objects: Any, count: Any):
        self.context, self.builder, self.kinds = context, builder, kinds
        self.array_type, self.given, self.count = array_type, objects, count
        self.objects: list[Any] = []

    def write(self, compiled: Any) -> Any:
        """Write the function's body: what is behind a condition may only be looked at if it holds."""
        builder = self.builder
        result = cgutils.alloca_once_value(builder, ir.Constant(_WORD, 0))
        with ExitStack() as inside:
            for conditions in (self.count_fits, self.types_fit, self.arrays_fit):
                inside.enter_context(builder.if_then(self.all(conditions()), likely=True))
            values = [self.value(kind, each) for kind, each in zip(self.kinds, self.objects, strict=True)]
            builder.store(self.enter(compiled, values), result)
        with builder.if_then(self.same(builder.load(result), 0), likely=False):
            self.call("PyErr_BadArgument", ir.IntType(32))  # a TypeError
        return builder.load(result)

    def enter(self, compiled: Any, values: Sequence[Any]) -> Any:
        """Call the kernel, while others run; whether it has raised is not asked, since it does not."""
        signature, builder = compiled.signature, self.builder
        thread = self.call("PyEval_SaveThread", _WORD)
        function = self.context.declare_function(builder.module, compiled.fndesc)
        _, found = self.context.call_conv.call_function(
            builder, function, signature.return_type, signature.args, values
        )
        self.call("PyEval_RestoreThread", ir.VoidType(), thread)
        return self.answer(signature.return_type, found)

    def count_fits(self) -> list[Any]:
        """Compare the number of arguments."""
        return [self.same(self.count, len(self.kinds))]

    def types_fit(self) -> list[Any]:
        """Compare every object's type."""
        self.objects = [self.word(self.given, 8 * i) for i in range(len(self.kinds))]
        found = []
        for kind, each in zip(self.kinds, self.objects, strict=True):
            wanted = self.array_type
            if len(kind) == 1:
                wanted = self.builder.ptrtoint(self.symbol(_NUMBERS[kind][1]), _WORD)
            found.append(self.same(self.word(each, HEAD - 8), wanted))
        return found

    def arrays_fit(self) -> list[Any]:
        """Compare what the arrays are."""
        found, builder = [], self.builder
        for kind, each in zip(self.kinds, self.objects, strict=True):
            if len(kind) > 1:
                axes, flags = self.load(each, _AXES, 32), self.load(each, _FLAGS, 32)
                found.append(self.same(axes, int(kind[1:])))
                found.append(self.same(builder.and_(flags, ir.Constant(flags.type, _PLAIN)), _PLAIN))
                dtype = self.word(each, _DTYPE)
                for place, letter in enumerate((kind[0], _NATIVE)):
                    found.append(self.same(self.load(dtype, _LETTER + place, 8), ord(letter)))
        return found

    def value(self, kind: str, each: Any) -> Any:
        """Take a number or an array out of its object."""
        if kind == "?":
            return self.builder.trunc(self.call("PyObject_IsTrue", ir.IntType(32), each), ir.IntType(8))
        if kind == "q":
            return self.call("PyLong_AsLongLong", _WORD, each)
        if kind == "d":
            return self.call("PyFloat_AsDouble", ir.DoubleType(), each)
        array = _type_of(kind)
        made = self.context.make_array(array)(self.context, self.builder)
        lengths = [self.word(self.word(each, _LENGTHS), 8 * i) for i in range(array.ndim)]
        size = ir.Constant(_WORD, array.dtype.bitwidth // 8)
        steps = [size]
        for length in reversed(lengths[1:]):
            steps.insert(0, self.builder.mul(steps[0], length))
        data = self.builder.inttoptr(self.word(each, _DATA), self.context.get_data_type(array.dtype).as_pointer())
        populate_array(made, data=data, shape=lengths, strides=steps, itemsize=size, meminfo=None)
        return made._getvalue()

    def answer(self, kind: Any, found: Any) -> Any:
        """Return a new reference to what the kernel has returned."""
        if kind == types.none:
            nothing = self.builder.ptrtoint(self.symbol("_Py_NoneStruct"), _WORD)
            self.call("Py_IncRef", ir.VoidType(), nothing)
            return nothing
        if kind == types.boolean:
            return self.call("PyBool_FromLong", _WORD, self.builder.zext(found, _WORD))
        return self.call("PyFloat_FromDouble", _WORD, self.context.cast(self.builder, found, kind, types.float64))

    # -- words of memory ---------------------------------------------------------------------------

    def load(self, address: Any, offset: int, bits: int) -> Any:
        place = self.builder.add(address, ir.Constant(_WORD, offset))
        return self.builder.load(self.builder.inttoptr(place, ir.IntType(bits).as_pointer()))

    def word(self, address: Any, offset: int) -> Any:
        return self.load(address, offset, 64)

    def symbol(self, name: str) -> Any:
        known = self.builder.module.globals
        return known.get(name) or ir.GlobalVariable(self.builder.module, _WORD, name)

    def call(self, name: str, result: Any, *values: Any) -> Any:
        kind = ir.FunctionType(result, [value.type for value in values])
        return self.builder.call(cgutils.get_or_insert_function(self.builder.module, kind, name), values)

    def same(self, a: Any, b: Any) -> Any:
        return self.builder.icmp_signed("==", a, ir.Constant(a.type, b) if isinstance(b, int) else b)

    def all(self, conditions: Sequence[Any]) -> Any:
        held = ir.Constant(ir.IntType(1), 1)
        for condition in conditions:
            held = self.builder.and_(held, condition)
        return held
