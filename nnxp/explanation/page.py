"""What `explain` found, as text and as HTML."""

import re
from dataclasses import dataclass
from html import escape
from textwrap import fill

from nnxp._table import Table
from nnxp.explanation.formulas import Formula
from nnxp.explanation.slopes import Slope

__all__ = ["Explanation", "LayerExplanation"]

_WIDTH = 110


@dataclass(frozen=True)
class LayerExplanation:
    """One layer.

    Attributes
    ----------
    path, name : str
        Where it is in the model, and what it is.
    shapes : str
        Of what goes in and what comes out.
    formula : Formula
        Forward and backward, with shapes in the products; formulas stand between double backticks.
    arrays : tuple of (str, str, str)
        Name, shape and numbers of everything that takes part.
    slopes : tuple of Slope
        The checks of its parameters and inputs.
    drawing : str
        The layer node by node, if it is tiny.
    """

    path: str
    name: str
    shapes: str
    formula: Formula
    arrays: tuple[tuple[str, str, str], ...]
    slopes: tuple[Slope, ...]
    drawing: str

    @property
    def title(self) -> str:
        """The layer in a line."""
        return f"{self.path or 'model'}  {self.name}{f'  {self.shapes}' if self.shapes else ''}"

    @property
    def check(self) -> Table:
        """The slopes as a table."""
        numbers = (
            (s.name, f"{s.backpropagated:.9e}", f"{s.numerical:.9e}", f"{s.difference:.0e}") for s in self.slopes
        )
        columns = ("slope of f along", "backpropagated", "finite differences", "apart")
        if not any(slope.verdict for slope in self.slopes):
            return Table(columns, list(numbers))
        rows = [(*row, slope.verdict) for row, slope in zip(numbers, self.slopes, strict=True)]
        return Table((*columns, "verdict"), rows)

    def __str__(self) -> str:
        lines = [self.title, "-" * len(self.title)]
        for word, text in zip(("forward", "backward"), self.formula, strict=True):
            lines.append(fill(f"{word + ':':10}{_plain(text)}", _WIDTH, subsequent_indent=" " * 10))
        if self.arrays:
            lines += ["", str(Table(("", "shape", "numbers"), self.arrays))]
        if self.slopes:
            lines += ["", str(self.check)]
        if self.drawing:
            lines += ["", self.drawing]
        return "\n".join(lines)

    def to_html(self) -> str:
        """Return the layer as HTML."""
        parts = [f"<h3>{escape(self.title)}</h3>"]
        for word, text in zip(("Forward", "Backward"), self.formula, strict=True):
            parts.append(f"<p><strong>{word}:</strong> {_marked(text)}</p>")
        if self.arrays:
            parts.append(Table(("", "shape", "numbers"), self.arrays).to_html())
        if self.slopes:
            parts.append(self.check.to_html())
        if self.drawing:
            parts.append(f"<pre>{escape(self.drawing)}</pre>")
        return "".join(parts)


@dataclass(frozen=True)
class Explanation:
    """What `explain` found: prints as text, and shows itself as HTML in a notebook.

    Attributes
    ----------
    run : str
        The run in a sentence or two.
    layers : tuple of LayerExplanation
        Depth first, containers before what is in them.
    """

    run: str
    layers: tuple[LayerExplanation, ...]

    @property
    def slopes(self) -> tuple[Slope, ...]:
        """All checks."""
        return tuple(slope for layer in self.layers for slope in layer.slopes)

    @property
    def agrees(self) -> bool:
        """Whether every gradient is what finite differences say."""
        return all(slope.agrees for slope in self.slopes)

    @property
    def verdict(self) -> str:
        """The checks in a sentence."""
        wrong = [slope for slope in self.slopes if not slope.agrees]
        if lost := [slope for slope in wrong if not slope.is_finite]:
            return f"{len(lost)} of {len(self.slopes)} gradients are not finite, or f is not where they are checked."
        if wrong:
            where = ", ".join(f"{slope.name} of {slope.path or 'model'}" for slope in wrong)
            return f"{len(wrong)} of {len(self.slopes)} gradients disagree with finite differences: {where}."
        return f"All {len(self.slopes)} gradients agree with finite differences."

    def __str__(self) -> str:
        head = fill(f"{self.run} {self.verdict}", _WIDTH)
        return "\n\n\n".join([head, *map(str, self.layers)])

    __repr__ = __str__

    def to_html(self) -> str:
        """Return a fragment of a page: headings, paragraphs, tables, and ``<pre>`` for the drawings."""
        layers = "".join(f"<section>{layer.to_html()}</section>" for layer in self.layers)
        return f'<div class="nnxp-explanation"><p>{escape(self.run)} {escape(self.verdict)}</p>{layers}</div>'

    def _repr_html_(self) -> str:
        return self.to_html()


def _plain(text: str) -> str:
    return text.replace("`", "")


def _marked(text: str) -> str:
    """Make code of what stands between backticks."""
    return re.sub(r"(`+)(.+?)\1", r"<code>\2</code>", escape(text, quote=False))
