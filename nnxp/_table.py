"""A table as text and as HTML: for summaries, histories and comparisons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True)
class Table:
    """Columns and rows of text; numbers to the right, words to the left.

    Parameters
    ----------
    columns : sequence of str
        The heads.
    rows : sequence of sequence of str
        The cells.
    footer : sequence of str
        Lines below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    footer: Sequence[str] = field(default=())

    def _is_number(self, column: int) -> bool:
        cells = [row[column] for row in self.rows if row[column]]
        return bool(cells) and all(cell[0] in "0123456789-+.ni" and cell[-1] in "0123456789%nf" for cell in cells)

    def __str__(self) -> str:
        lines = [list(self.columns), *(list(row) for row in self.rows)]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        right = [self._is_number(i) for i in range(len(self.columns))]
        text = [
            "  ".join(c.rjust(w) if r else c.ljust(w) for c, w, r in zip(line, widths, right, strict=True)).rstrip()
            for line in lines
        ]
        text.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*text, *self.footer])

    def to_html(self) -> str:
        """Return the table as HTML for a notebook."""
        head = "".join(f"<th>{escape(column)}</th>" for column in self.columns)
        align = ["right" if self._is_number(i) else "left" for i in range(len(self.columns))]
        body = "".join(
            "<tr>"
            + "".join(f'<td style="text-align:{a}">{escape(c)}</td>' for c, a in zip(row, align, strict=True))
            + "</tr>"
            for row in self.rows
        )
        footer = "".join(f"<p>{escape(line)}</p>" for line in self.footer)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{footer}"
