"""How DATA is read: the options of tables and of images, as they were written on the command line."""

from dataclasses import asdict, dataclass
from typing import Any

from nnxp._checks import message

__all__ = ["Reading"]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The options of ``nnxp train`` that say how data are read; None is not told.

    Attributes
    ----------
    missing, categories, unseen, decimal : str or None
        Of a CSV file.
    size : str or None
        Of images, such as ``32`` or ``32x48``.
    """

    missing: str | None = None
    categories: str | None = None
    unseen: str | None = None
    decimal: str | None = None
    size: str | None = None

    def options(self) -> dict[str, Any]:
        """Return the options of `nnxp.datasets.load` that were told."""
        read = {
            "missing": _by_column(self.missing, _number),
            "categories": _by_column(self.categories, str),
            "unseen": self.unseen,
            "decimal": self.decimal,
            "size": _size(self.size),
        }
        return {name: value for name, value in read.items() if value is not None}

    def to_json(self) -> dict[str, Any]:
        """Return what was told, as plain values."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, kept: Any) -> "Reading":
        """Rebuild it; TypeError or ValueError where something is amiss."""
        if not all(isinstance(value, str) for value in kept.values()):
            raise ValueError(kept)
        return cls(**kept)


def _by_column(text: str | None, of_text: Any) -> Any:
    """Read a policy, or several such as ``age=median,colour=drop,mean``: the one without a name is for the others."""
    if text is None:
        return None
    found = {}
    for part in text.split(","):
        name, _, policy = part.rpartition("=")
        name = name.strip() or "*"
        if name in found:
            what = "the columns without a name" if name == "*" else repr(name)
            raise ValueError(message("train", f"one policy for {what}", text, "as in age=median,city=drop,mean"))
        found[name] = of_text(policy.strip())
    # What has no name must not stand before what has one.
    rest = found.pop("*", None)
    if not found:
        return rest
    return found if rest is None else {**found, "*": rest}


def _number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _size(text: str | None) -> Any:
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise ValueError(message("train", "--size to be a number of pixels such as 32, or 32x48", text))
    sizes = tuple(int(part) for part in parts)
    return sizes[0] if len(sizes) == 1 else sizes
