"""A command that was told to end (SIGTERM) ends its servers, too."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def told_to_end() -> Iterator[None]:
    """Inside, SIGTERM unwinds every `with` block, as Ctrl-C does; in the main thread."""

    def end(*_: object) -> None:
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
