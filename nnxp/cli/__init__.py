"""The command line: ``nnxp``, and ``python -m nnxp``.

Modules without an underscore hold the commands and are light, so that ``nnxp --help`` answers at once; what a command
needs is imported when it runs, from the modules with one.
"""

from nnxp.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line and exit: 0 done, 1 a check failed, 2 a user's mistake, 130 Ctrl-C."""
    app(prog_name="nnxp")
