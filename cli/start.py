"""Where the `nbkernel` command begins: imported by its process only, since that keeps signals waiting from now on."""

# of the interpreter itself; `signal` takes a millisecond to import, in which Ctrl-C would show a traceback
import _signal

_signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP))

from .main import console  # noqa: E402

__all__ = ["console"]
