"""Error messages for users of the Python API, which name arguments and fields instead of flags and options."""

import contextlib
import re

from nbkernel.errors import InputError

from .flags import FLAGS

LEAD = re.compile(r"--?[A-Za-z]\w*(?:-\w+)*(?:, --?[A-Za-z]\w*(?:-\w+)*)*(?=[: ])")


@contextlib.contextmanager
def naming_arguments():
    """Within this context, an InputError that begins with flags or options names the arguments or fields instead."""
    try:
        yield
    except InputError as error:
        error.args = (with_argument_names(str(error)),)
        raise


def with_argument_names(message):
    lead = LEAD.match(message)
    if lead is None:
        return message
    names = dict.fromkeys(name for flag in lead[0].split(", ") for name in python_names(flag))
    return ", ".join(names) + message[lead.end() :]


def python_names(flag):
    """The fields that a flag sets, or the Python argument of one of nbkernel's options."""
    if flag.startswith("--"):
        return (flag.removeprefix("--preview-").removeprefix("--").replace("-", "_"),)
    for entry in FLAGS:
        if flag in entry.spellings:
            return entry.sets or tuple(entry.also) or (flag,)
    return (flag,)
