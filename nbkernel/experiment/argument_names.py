"""Messages for users of the Python API, who give arguments and fields where the command line has flags and options."""

import contextlib
import re

from nbkernel.errors import InputError

from .flags import FLAGS

LEAD = re.compile(r"--?[A-Za-z]\w*(?:-\w+)*(?:, --?[A-Za-z]\w*(?:-\w+)*)*(?=[: ])")


@contextlib.contextmanager
def naming_arguments():
    """An InputError whose message is led by flags or options names the arguments or fields instead."""
    try:
        yield
    except InputError as error:
        error.args = (in_arguments(str(error)),)
        raise


def in_arguments(message):
    lead = LEAD.match(message)
    if lead is None:
        return message
    names = dict.fromkeys(name for flag in lead[0].split(", ") for name in names_of(flag))
    return ", ".join(names) + message[lead.end() :]


def names_of(flag):
    """Fields that a flag sets, or the argument that an option of ours is in Python."""
    if flag.startswith("--"):
        return (flag.removeprefix("--preview-").removeprefix("--"),)
    for entry in FLAGS:
        if flag in entry.spellings:
            return entry.sets or tuple(entry.also) or (flag,)
    return (flag,)
