"""The written file as a whole: what it says of itself, its functions, ``predict``, the weights, and a small main."""

import keyword
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nnxp import __version__
from nnxp.io.plain.functions.activations import sigmoid
from nnxp.io.plain.functions.shares import softmax
from nnxp.io.plain.sources import Sources
from nnxp.io.plain.weights import weights_text
from nnxp.io.plain.writer import Writer, literal, quoted, safe
from nnxp.network import Network

__all__ = ["Page"]

# From what a loss implies to the function that it takes, if any, and the expression.
_PROBABILITIES: dict[str | None, tuple[Any, str]] = {
    "softmax": (softmax, "softmax(y, 1)"),
    "sigmoid": (sigmoid, "sigmoid(y)"),
    "exp": (None, "np.exp(y)"),
    "identity": (None, "y"),
}

_MAIN = '''
def main() -> None:
    """Print what is predicted for each sample in a .npy or .csv file."""
    if len(sys.argv) != 2:
        sys.exit("one argument: a .npy file of samples, or a .csv file with a sample in each row and no header")
    file = sys.argv[1]
    x = np.load(file, allow_pickle=False) if file.endswith(".npy") else np.loadtxt(file, delimiter=",", ndmin=2)
    y = predict(x{reshaped})
    np.savetxt(sys.stdout, y.reshape(len(y), -1), fmt="%.9g", delimiter=",")


if __name__ == "__main__":
    main()
'''


@dataclass
class Page:
    """The text of the file.

    Parameters
    ----------
    net : Network
        What is written.
    writer : Writer
        With the lines of ``predict``.
    inputs : sequence of str
        What ``predict`` takes.
    output : str
        The expression that it returns.
    classes : sequence of int or str, optional
        Their names.
    """

    net: Network
    writer: Writer
    inputs: Sequence[str]
    output: str
    classes: Sequence[int | str] | None = None

    def text(self, name: str, form: str, archive: str) -> str:
        """Write everything: a file of a name, its weights in a form, in an archive if that is named."""
        function, _ = _PROBABILITIES.get(self.net.probabilities, (None, ""))
        sources = Sources([*self.writer.functions, *([function] if function else [])])
        weights, imports = weights_text(self.writer.used, form, archive, self.writer.parts)
        main = self._main()
        imports |= sources.imports | ({"import sys"} if main else set())
        head = "\n\n".join([self._docstring(name, archive), _import_lines(imports), "\n".join(sources.types)])
        blocks = [*sources.functions, self._predict(), self._probabilities(), self._classes(), *weights, main]
        return "\n\n\n".join([head, *(block for block in blocks if block)]) + "\n"

    def _docstring(self, name: str, archive: str) -> str:
        needs = f"It needs NumPy, and {safe(archive)} beside it" if archive else "It needs NumPy and nothing else"
        usage = [f"    from {name} import predict", ""] if name.isidentifier() and not keyword.iskeyword(name) else []
        lines = [
            "What a neural network predicts, in plain NumPy.",
            "",
            f"Written by nnxp {__version__}. {needs}:",
            "",
            *usage,
            f"    y = predict({', '.join(self.inputs)})",
            "",
            "The layers, and the shapes of their outputs:",
            "",
            *self._table(),
        ]
        return '"""' + "\n".join(lines) + '\n"""'

    def _table(self) -> list[str]:
        rows = [
            (safe(node.path) or "model", safe(node.layer.display_name), self.writer.shape(node.path))
            for node in self.net.nodes
        ]
        widths = [max(len(row[i]) for row in rows) for i in range(2)]
        return [f"    {a:{widths[0]}}  {b:{widths[1]}}  {c}".rstrip() for a, b, c in rows]

    def _arguments(self) -> str:
        return ", ".join(f"{name}: Array" for name in self.inputs)

    def _predict(self) -> str:
        heads = [line for name in self.inputs for line in self._read(name)]
        body = "\n".join(f"    {line}" for line in [*heads, *self.writer.lines, f"return {self.output}"])
        about = "Return the raw outputs for a batch of inputs, the batch axis first."
        return f'def predict({self._arguments()}) -> Array:\n    """{about}"""\n{body}'

    def _read(self, name: str) -> list[str]:
        """Bring an input to the network's dtype, and refuse samples of another shape where theirs is known."""
        dtype, sample = self.net.dtype, self._sample()
        lines = [f'{name} = np.asarray({name}, dtype="{dtype}")']
        if self.net.model.accepts_integers:
            cast = f'{name} = {name} if {name}.dtype.kind in "iu" else {name}.astype("{dtype}")'
            lines = [f"{name} = np.asarray({name})", cast]
        if sample is not None:
            wanted = f"(batch, {', '.join(map(str, sample))})"
            lines.append(f"if {name}.shape[1:] != {literal(sample)}:")
            lines.append(f'    raise ValueError(f"predict: expected {name} of shape {wanted}, got {{{name}.shape}}")')
        return lines

    def _sample(self) -> tuple[int, ...] | None:
        """Return the shape of a sample, where there is one input and it is known."""
        shape = self.net.input_shape
        if len(self.inputs) > 1 or not shape or None in shape:
            return None
        return tuple(int(n) for n in shape if n is not None)

    def _probabilities(self) -> str:
        _, expression = _PROBABILITIES.get(self.net.probabilities, (None, ""))
        if not expression:
            return ""
        return (
            f"def predict_proba({self._arguments()}) -> Array:\n"
            f'    """Return the probabilities that the outputs stand for, in float64."""\n'
            f'    y = predict({", ".join(self.inputs)}).astype("float64")\n    return {expression}'
        )

    def _classes(self) -> str:
        if self.classes is None:
            return ""
        words = ", ".join(quoted(n) if isinstance(n, str) else literal(n) for n in self.classes)
        return (
            f"CLASSES = [{words}]\n\n\n"
            f"def predict_class({self._arguments()}) -> list[int | str]:\n"
            f'    """Return the likeliest class of each sample."""\n'
            f"    return [CLASSES[i] for i in predict({', '.join(self.inputs)}).argmax(axis=1)]"
        )

    def _main(self) -> str:
        """Write the small main, where one array goes in and one comes out."""
        if len(self.inputs) > 1 or not self._returns_array():
            return ""
        sample = self._sample()
        reshaped = "" if sample is None or len(sample) == 1 else f".reshape(-1, {', '.join(map(str, sample))})"
        integers = ".astype(int)" if self.net.model.accepts_integers else ""
        return _MAIN.strip().format(reshaped=reshaped + integers)

    def _returns_array(self) -> bool:
        return not self.output.startswith("(") and self.output not in self.writer.several


def _import_lines(imports: set[str]) -> str:
    """Sort imports: the standard library's, then NumPy."""
    ours = sorted(imports - {"import numpy as np"}, key=lambda line: (line.startswith("from"), line))
    return "\n".join([*ours, *([""] if ours else []), "import numpy as np"])
