"""Errors as the command line shows them: one sentence for a user's mistake, a traceback for ours."""

import sys
from typing import Any

from typer.core import TyperGroup

from nnxp.errors import DeviceError, FormatError

__all__ = ["INTERRUPTED", "USER_MISTAKE", "Commands", "sentence"]

USER_MISTAKE = 2
INTERRUPTED = 130  # 128 + SIGINT, as shells count

# The grammar of nnxp's own messages; what says it not comes from elsewhere, and is a bug.
_GRAMMAR = ": expected "


class Commands(TyperGroup):
    """The commands as a group; what one of them returns is the exit status."""

    def main(self, *args: Any, **named: Any) -> Any:
        """Run a command, and exit."""
        named["standalone_mode"] = False  # which would print errors in its own way
        try:
            status = super().main(*args, **named)
        except Exception as error:
            said = sentence(error)
            if said is None:
                raise
            print(f"nnxp: {said}", file=sys.stderr)
            status = USER_MISTAKE
        sys.exit(status)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; Ctrl-C ends it without a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("nnxp: interrupted", file=sys.stderr)
            return INTERRUPTED


def sentence(error: Exception) -> str | None:
    """Say in one line what the user may mend; None for an error that only we can."""
    foreseen = isinstance(error, (DeviceError, FormatError, OSError))
    refused = isinstance(error, (ValueError, TypeError, ImportError)) and _GRAMMAR in str(error)
    if hasattr(error, "format_message"):
        # The command line's parser: an unknown option, a word where a number belongs.
        text = error.format_message()
    elif isinstance(error, MemoryError):
        text = f"not enough memory; {error}"
    elif isinstance(error, OSError) and error.filename is not None:
        text = f"{error.filename}: {error.strerror}"
    elif foreseen or refused:
        text = str(error)
    else:
        return None
    return " ".join(text.split())
