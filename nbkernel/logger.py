"""The logger of the library, silent unless its user says otherwise."""

import logging

LOG = logging.getLogger("nbkernel")
LOG.addHandler(logging.NullHandler())
