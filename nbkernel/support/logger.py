"""The library's logger, silent unless the user adds a handler."""

import contextlib
import functools

from .printable import printable


class Log:
    """Python's logger "nbkernel", which is made when it is first used: logging takes time to import."""

    def __init__(self):
        self.show = None

    @contextlib.contextmanager
    def shown_by(self, show):
        """A context in which `show` is called with the line of each warning."""
        before, self.show = self.show, show
        try:
            yield
        finally:
            self.show = before

    @functools.cached_property
    def logger(self):
        import logging

        handler = logging.Handler(logging.WARNING)
        handler.emit = self.emit  # type: ignore[method-assign]
        logger = logging.getLogger("nbkernel")
        logger.addHandler(handler)
        logger.addFilter(make_printable)
        return logger

    def emit(self, record):
        if self.show is not None:
            self.show(record.getMessage())

    def __getattr__(self, name):
        return getattr(self.logger, name)


def make_printable(record):
    record.msg, record.args = printable(record.getMessage()), ()
    return True


LOG = Log()
