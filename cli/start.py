"""Entry point of the `nbkernel` command: imported only by its own process, because the import blocks signals."""

# built into the interpreter; `signal` takes a millisecond to import, in which Ctrl-C would show a traceback
import _signal

_signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP))

from .main import console  # noqa: E402

__all__ = ["console"]
