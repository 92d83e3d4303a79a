"""The library's logger, silent unless the user adds a handler."""

import logging

from .printable import printable


def in_one_line(record):
    record.msg, record.args = printable(record.getMessage()), ()
    return True


LOG = logging.getLogger("nbkernel")
LOG.addHandler(logging.NullHandler())
LOG.addFilter(in_one_line)
