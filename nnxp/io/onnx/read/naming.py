"""What layers that are read are called."""

import re

__all__ = ["layer_name"]


def layer_name(name: str, kind: str, taken: set[str]) -> str:
    """Return a name without dots that nobody has yet: ``"0.layer/Gemm"`` makes ``"0_layer"``.

    Parameters
    ----------
    name : str
        An operator's or an input's.
    kind : str
        What is left out at the end of a path, and taken where nothing else is left.
    taken : set of str
        Names that are there already; the new one is added.
    """
    kind = kind.rpartition(":")[2]
    path, _, last = name.strip("/").rpartition("/")
    if not path or not re.fullmatch(r"[A-Za-z0-9]+(_\d+)?", last):
        path = name.strip("/")
    clean = re.sub(r"[^A-Za-z0-9]+", "_", path).strip("_")[:100] or kind.lower()
    found, n = clean, 1
    while found in taken:
        n += 1
        found = f"{clean}_{n}"
    taken.add(found)
    return found
