"""Errors whose message can be shown to the user unchanged."""

from nbkernel.support.printable import printable, shortened

LONGEST = 2000  # characters: enough for complete paths


class InputError(Exception):
    """Input that cannot be used. The message names the flag or file, what is wrong and what would be right, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(printable(message), LONGEST))


class DeviceError(InputError):
    """A device that cannot be used or has failed."""


class InternalError(Exception):
    """Two computations of the same quantity disagree. The message says where."""
