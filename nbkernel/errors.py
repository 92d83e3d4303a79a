"""Errors whose message is meant for the user as it stands."""


class InputError(Exception):
    """Input that cannot be used. The message names the flag or file, what is wrong and what would be right."""


class DeviceError(InputError):
    """A device that cannot be used, or that failed."""


class InternalError(Exception):
    """Two ways of computing the same thing differ. The message says where."""
