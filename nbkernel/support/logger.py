"""The library's logger, silent unless the user adds a handler."""

import logging

from .printable import printable


def make_printable(record):
    record.msg, record.args = printable(record.getMessage()), ()
    return True


LOG = logging.getLogger("nbkernel")
LOG.addHandler(logging.NullHandler())
LOG.addFilter(make_printable)
