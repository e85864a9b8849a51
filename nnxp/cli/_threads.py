"""The option ``--threads``."""

from nnxp.threads import set_num_threads

__all__ = ["use_threads"]


def use_threads(n: int | None) -> None:
    """Work with so many threads; None leaves the number as it is."""
    if n is not None:
        set_num_threads(n)
