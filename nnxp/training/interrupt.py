"""Ctrl-C as a request: the step in hand is finished, and the second Ctrl-C stops at once."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType

__all__ = ["Interrupt"]


class Interrupt:
    """Catches SIGINT for a block, and calls `stop` with the reason.

    Only in the main thread, and only where nobody else handles the signal; elsewhere nothing changes.
    """

    def __init__(self, stop: Callable[[str], None]) -> None:
        self._stop = stop
        self._requested = False
        self._ours = False

    def __enter__(self) -> None:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._handle)
            self._ours = True

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._requested:
            signal.default_int_handler(number, frame)
        self._requested = True
        self._stop("interrupted by Ctrl-C")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
