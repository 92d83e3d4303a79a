"""Errors whose message is meant for the user as it stands."""

from nbkernel.support.printable import printable, shortened

LONGEST = 2000  # letters; whole paths need some


class InputError(Exception):
    """Input that cannot be used. The message names the flag or file, what is wrong and what would be right, in one line."""

    def __init__(self, message: str) -> None:
        super().__init__(shortened(printable(message), LONGEST))


class DeviceError(InputError):
    """A device that cannot be used, or that failed."""


class InternalError(Exception):
    """Two ways of computing the same thing differ. The message says where."""
