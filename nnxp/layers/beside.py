"""What is given by name, such as a mask, has to lie where the input lies."""

from nnxp._backend import Array, library_of, namespace
from nnxp._backend.dispatch import is_array
from nnxp._checks import Words, message

__all__ = ["check_beside", "check_place"]


def check_place(where: str, name: str, x: Array, like: Array) -> None:
    """Refuse an array that is not on the device of `like`."""
    if not is_array(x) or namespace(x) is not namespace(like) or x.device != like.device:
        got = f"an array on {library_of(x).locate(x)}" if is_array(x) else f"a {type(x).__name__}"
        wanted = f"{name} on {library_of(like).locate(like)}"
        raise TypeError(message(where, wanted, Words(got), f"move it: net.device.put({name})"))


def check_beside(where: str, name: str, x: Array, like: Array, *, booleans: bool = False) -> None:
    """Refuse an array that is not on the device of `like`, or neither of its dtype nor, if `booleans`, of bool."""
    check_place(where, name, x, like)
    if x.dtype != like.dtype and not (booleans and x.dtype == namespace(x).bool):
        dtype = str(like.dtype).rpartition(".")[2]
        wanted = f"{name} of dtype {'bool or ' if booleans else ''}{dtype}"
        raise TypeError(message(where, wanted, Words(str(x.dtype).rpartition(".")[2])))
