"""Files with which other programs process images: read what the images' file states, write what each program needs."""

import importlib
import os

from nbkernel.errors import InputError
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5.filters import folder_line
from nbkernel.support.logger import LOG
from nbkernel.support.validation import check_choice

from .data_set import read_data_set
from .programs import HAS_FILTERS, PROGRAMS


def export(path, to, folder=None, flag="export"):
    """Writes files that describe the images of a file of nbkernel's to another program, beside it or into `folder`, and
    returns their paths and the command lines to type there.

    to: one of PROGRAMS; flag: begins messages. All files appear, or none. Raises InputError for a file that is no NXmx file
    of nbkernel's, that the program cannot process, and if files cannot be written.
    """
    check_choice("--to", to, PROGRAMS)
    data_set = read_data_set(flag, path)
    folder = os.path.dirname(data_set.path) if folder is None else os.fspath(folder)
    program = importlib.import_module(f"nbkernel.io.export.{to}")
    beside = os.path.relpath(data_set.path, folder or os.curdir)
    texts = getattr(program, f"{to}_files")(data_set, beside)
    written = write_texts(folder, texts, (data_set.path, *data_set.data_files))
    for line in data_set.remarks:
        LOG.warning("%s: %s", flag, line)
    advice = list(getattr(program, f"{to}_advice")(data_set))
    if data_set.needs_plugin and to not in HAS_FILTERS:
        advice.insert(0, folder_line() or "pip install hdf5plugin")
    return written, advice


def write_texts(folder, texts, inputs):
    """Writes {name: text} into a folder, which is made if there is none; returns the paths."""
    try:
        os.makedirs(folder or os.curdir, exist_ok=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"--output: cannot make the folder {folder}: {why}") from None
    with OutputFiles(inputs) as files:
        for name, text in texts.items():
            files.open(name, os.path.join(folder, name))
            files.write(name, text.encode())
        files.commit()
    return [os.path.join(folder, name) for name in texts]
