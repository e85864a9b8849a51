"""What was found when a trained network met data that it was not trained on."""

from dataclasses import dataclass, field

__all__ = ["Findings", "Mistake"]


@dataclass(frozen=True)
class Mistake:
    """One sample that the network gets wrong.

    Attributes
    ----------
    index : int
        Its place among the test samples, from 0.
    truth, prediction, detail : str
        What it is, what the network says, and how sure or how far off it is.
    picture : str
        A data URI, or empty.
    values : list of str
        The first of its features.
    """

    index: int
    truth: str
    prediction: str
    detail: str
    picture: str = ""
    values: list[str] = field(default_factory=list)


@dataclass
class Findings:
    """What was found on test data.

    Attributes
    ----------
    samples : int
        How many there are.
    wrong : int or None
        How many are classified wrongly; None for numbers.
    classes : list of str
        Names, for classes.
    matrix : list of list of int
        Rows are true classes, columns predicted ones; empty for numbers, or where it would be too large.
    confusions : list of str
        The most frequent ones, in words.
    mistakes : list of Mistake
        The worst first.
    features : list of str
        Heads of the mistakes' values; empty where they are pictures.
    points : list of tuple of (str, list of (float, float))
        For each output that is a number: its name, and pairs of truth and prediction.
    notes : list of str
        Sentences about what could not be shown.
    """

    samples: int
    wrong: int | None = None
    classes: list[str] = field(default_factory=list)
    matrix: list[list[int]] = field(default_factory=list)
    confusions: list[str] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    features: list[str] = field(default_factory=list)
    points: list[tuple[str, list[tuple[float, float]]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
