"""How many threads work on the host: ours, those of NumPy's BLAS, and PyTorch's where it is a device.

Unless told, they are as many as the first of ``OMP_NUM_THREADS``, ``OPENBLAS_NUM_THREADS`` and ``MKL_NUM_THREADS`` in
the environment says, else as many as there are cores for this process. Where our threads call BLAS, it keeps to one
thread in each: the numbers are never multiplied.
"""

from nnxp._backend import threads
from nnxp._checks import message

__all__ = ["get_num_threads", "set_num_threads"]

_MOST = 1024


def get_num_threads() -> int:
    """Return the number of threads that work on the host is cut for."""
    return threads.count()


def set_num_threads(n: int) -> None:
    """Set the number of threads for everything that runs on the host, from now on.

    Parameters
    ----------
    n : int
        From 1 to 1024; more than there are cores gains nothing.

    Raises
    ------
    ValueError
        If `n` is not such a number.

    Notes
    -----
    Sums are grouped by thread, so results with another number may differ in rounding.

    Examples
    --------
    >>> set_num_threads(1)
    >>> get_num_threads()
    1
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or not 1 <= n.__index__() <= _MOST:
        raise ValueError(message("set_num_threads", f"n to be a whole number from 1 to {_MOST}", n))
    threads.set_count(n.__index__())
