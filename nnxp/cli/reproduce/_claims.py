"""What a source claims, beside what came out here."""

from collections.abc import Sequence
from dataclasses import dataclass

from nnxp._table import Table

__all__ = ["Claim", "report"]

_VERDICTS = {True: "holds", False: "falls short", None: ""}


@dataclass(frozen=True)
class Claim:
    """A line of the table.

    Parameters
    ----------
    what : str
        The quantity.
    published, here : str
        What the source says of it, and what came out.
    holds : bool, optional
        Whether that is good enough; None where the line is only there to be read.
    """

    what: str
    published: str
    here: str
    holds: bool | None = None


def report(claims: Sequence[Claim], notes: Sequence[str] = ()) -> int:
    """Print the table and the notes under it; return 0 if no claim falls short, else 1."""
    rows = [(claim.what, claim.published, claim.here, _VERDICTS[claim.holds]) for claim in claims]
    print(Table(("what", "published", "here", "verdict"), rows, notes))
    return int(any(claim.holds is False for claim in claims))
