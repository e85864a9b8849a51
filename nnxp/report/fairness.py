"""Which numbers of several runs can be held against each other."""

from nnxp.report.record import Record
from nnxp.report.words import text

__all__ = ["UNFAIR", "same_data", "same_loss"]


def same_data(records: list[Record]) -> bool:
    """Tell whether runs were tested on the same samples, for the same target."""
    data = [record.table("data") for record in records]
    tests = {tuple(text(each.get(name)) for name in ("source", "test_samples", "classes")) for each in data}
    # A target may be named or left to be the last column; what the features are then tells.
    targets = {text(record.table("options").get("target")) for record in records}
    return len(tests) == 1 and (len(targets) == 1 or len({text(each.get("features")) for each in data}) == 1)


def same_loss(records: list[Record]) -> bool:
    """Tell whether the losses of runs are of one kind, on the same samples."""
    kinds = {tuple(text(r.table("options").get(name)) for name in ("loss", "label-smoothing")) for r in records}
    return len(kinds) == 1 and same_data(records)


# What is said where one of them does not hold.
UNFAIR = {
    same_data: "The runs were tested on different data or targets, so none of them is called best.",
    same_loss: "The runs have different losses, data or targets, so losses do not compare.",
}
