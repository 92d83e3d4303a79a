"""Which other files an HDF5 file may link to: only those beside it or below.

A foreign file may name any path of the machine, and what is read shows in pictures and error messages. Data files of an
EIGER or a JUNGFRAU are in the folder of the file that links to them.
"""

import os
import stat

from nbkernel.errors import InputError
from nbkernel.io.files.opening import open_input

from .path import HDF5_START

MOST_LINKS = 32  # in a row


class Unusable(Exception):
    """What is wrong with a file; the message continues from its name."""


class Refused(Unusable):
    """A link that is not followed."""


def file_beside(folder, link, named, absolute_by_name=True):
    """Real path of the file that a link in a file in `folder` (a real path) names; None if there is none.

    link: for messages; absolute_by_name: whether only the last part of an absolute path outside the folder counts, as in
    HDF5 if a file has been moved. Raises Refused for a path that leaves the folder, and for anything but an HDF5 file.
    """
    lead = f"{link} leads to {named}"
    if "\0" in named or not named:
        raise Refused(f"{link} leads to a file without a name")
    if ".." in named.split("/"):
        raise Refused(f"{lead}: a path with '..' is not followed; need a file beside this one or below")
    path = os.path.realpath(os.path.join(folder, named))
    if not is_below(path, folder):
        if not (os.path.isabs(named) and absolute_by_name):
            raise Refused(f"{lead}, outside this file's folder: not followed; copy that file here")
        path = os.path.realpath(os.path.join(folder, os.path.basename(named)))
        if not is_below(path, folder) or not os.path.lexists(path):
            raise Refused(f"{lead}, outside this file's folder: not followed; copy that file here")
    try:
        state = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(state.st_mode):
        raise Refused(f"{lead}, which is not a regular file: not opened")
    try:
        with open_input(lead, path) as file:
            start = file.read(len(HDF5_START))
    except InputError as error:
        raise Refused(str(error)) from None
    if start != HDF5_START:
        raise Refused(f"{lead}, which is not an HDF5 file: not read")
    return path


def is_below(path, folder):
    return os.path.commonpath([path, folder]) == folder
