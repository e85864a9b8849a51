"""A metric of one among several outputs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnxp._checks import Words, check_positive_int, message
from nnxp.metrics.metric import Metric

__all__ = ["OnOutput"]


@dataclass(frozen=True)
class OnOutput(Metric):
    """Measures one output of a network that has several.

    Parameters
    ----------
    output : int
        Which output, counted from 0.
    metric : str, Metric or callable
        What is measured, as `nnxp.metrics.resolve` takes it.
    target : int, optional
        Which target, where there are several; None takes the one at `output`.

    Raises
    ------
    ValueError
        If a place is no whole number of at least 0.

    Examples
    --------
    >>> net.fit(x, (labels, places), metrics=[OnOutput(0, "accuracy")], ...)["output0_accuracy"]
    """

    output: int
    metric: Metric | str | Callable[[Any, Any], float]
    target: int | None = None

    def __post_init__(self) -> None:
        for name in ("output", "target"):
            if getattr(self, name) is not None:
                check_positive_int("OnOutput", name, getattr(self, name), least=0)

    @property
    def name(self) -> str:
        """The inner metric's name, with the output in front."""
        return f"output{self.output}_{self._inner.name}"

    @property
    def _inner(self) -> Metric:
        from nnxp.metrics import resolve

        return resolve(self.metric)

    def statistics(self, output: Any, target: Any) -> tuple[Any, ...]:
        """Return what one batch adds to the totals."""
        return self._inner.statistics(*self._chosen(output, target))

    def result(self, *totals: Any) -> float:
        """Return the metric from the totals."""
        return self._inner.result(*totals)

    def add(self, totals: tuple[Any, ...], statistics: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the totals with one more batch in them."""
        return self._inner.add(totals, statistics)

    def __call__(self, output: Any, target: Any) -> float:
        """Return the metric of whole arrays."""
        return self._inner(*self._chosen(output, target))

    def _chosen(self, output: Any, target: Any) -> tuple[Any, Any]:
        """Pick output and target; say what there is where there is no such one."""
        place = self.output if self.target is None else self.target
        for name, values, i in (("outputs", output, self.output), ("targets", target, place)):
            if isinstance(values, tuple) and i >= len(values):
                raise ValueError(message("OnOutput", f"more than {i} {name}", len(values)))
        if not isinstance(output, tuple):
            raise TypeError(message("OnOutput", "a network of several outputs", Words("one output")))
        return output[self.output], target[place] if isinstance(target, tuple) else target
