"""Opening the user's files: only regular ones, since a pipe may block forever and a device has no end. gzip files are
unpacked, up to the limit of `input_limit`."""

import contextlib
import os
import re
import stat
import zlib

from nbkernel.errors import InputError
from nbkernel.io.hdf5.path import HDF5_START

from .input_limit import check_size, largest_size

GZIP = re.compile(rb"\x1f\x8b\x08(?:[\x00-\x1f]|$)", re.DOTALL)
# by their first bytes, with which no image or table begins
OTHER_COMPRESSION = (
    (re.compile(rb"\xfd7zXZ\0"), "xz"),
    (re.compile(rb"\x28\xb5\x2f\xfd"), "zstd"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "bzip2"),
    (re.compile(rb"PK\x03\x04"), "zip"),
)
START = 10
LARGEST_RATIO = 1032  # that deflate can reach
PIECE = 1 << 20
# the machine's free memory is looked up each time
BETWEEN_CHECKS = 64 * PIECE
KINDS = (
    (stat.S_ISDIR, "a directory"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"),
)  # fmt: skip


@contextlib.contextmanager
def open_input(flag, path):
    """The regular file `path`, open for reading bytes. Raises InputError, starting with `flag`, if there is none or if it
    cannot be opened or read. Nothing but a regular file is ever opened."""
    try:
        # a FIFO is not even opened, and does not block if it takes the file's place meanwhile
        require_regular(flag, path, os.stat(path))
        file = open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))  # noqa: SIM115  returned
    except FileNotFoundError:
        raise InputError(f"{flag}: there is no file {os.fspath(path)}") from None
    except (OSError, ValueError) as error:
        raise cannot_read(flag, path, error) from None
    with file:
        require_regular(flag, path, os.fstat(file.fileno()))
        try:
            yield file
        except OSError as error:
            raise cannot_read(flag, path, error) from None


def cannot_read(flag, path, error):
    return InputError(f"{flag}: cannot read {os.fspath(path)}: {getattr(error, 'strerror', None) or error}")


def require_regular(flag, path, found):
    for is_kind, kind in KINDS:
        if is_kind(found.st_mode):
            remedy = "" if kind == "a directory" else "; write what comes from it into a file first"
            raise InputError(f"{flag}: {os.fspath(path)} is {kind}, not a file{remedy}")


def read_bytes(flag, path, most=-1):
    """Contents of a file that must exist and not be empty, or its first `most` bytes (-1: all). gzip is unpacked.

    Raises InputError, naming the flag, if the file cannot be read, or would be too large unpacked.
    """
    with open_input(flag, path) as file:
        start = file.read(START)
        if GZIP.match(start):
            content, how = b"".join(unpacked(flag, path, file, start, most)), ", unpacked"
            if content.startswith(HDF5_START):
                raise InputError(f"{flag}: {os.fspath(path)} is an HDF5 file compressed by gzip; gunzip it first")
        else:
            refuse_other_compression(flag, path, start)
            file.seek(0)
            content, how = file.read(most), ""
    if not content:
        raise InputError(f"{flag}: {os.fspath(path)} is empty{how}")
    return content


def refuse_other_compression(flag, path, start):
    for magic, program in OTHER_COMPRESSION:
        if magic.match(start):
            raise InputError(
                f"{flag}: {os.fspath(path)} is compressed by {program}; unpack it first (gzip is read as it is)"
            )


def unpacked(flag, path, file, start, most):
    """The unpacked content, piece by piece, of gzip data: `start` and the rest of the open file. At most `most` bytes in all
    (-1: everything).

    Raises InputError if the data are damaged, cut short, or more than may be unpacked.
    """
    length = os.fstat(file.fileno()).st_size
    largest = largest_size(path, length)
    stated = stated_size(file)
    if most < 0 and stated <= LARGEST_RATIO * length:
        check_size(flag, path, stated, length=length)
    size, checked, rest = 0, 0, start
    member, ended = zlib.decompressobj(31), False
    while most < 0 or size < most:
        rest = rest or file.read(PIECE)
        if not rest:
            if not ended:
                raise InputError(f"{flag}: {os.fspath(path)} is cut short: its gzip data do not end")
            return
        if ended:
            # gzip files may be concatenated, and padded with zeros
            rest = rest.lstrip(b"\0")
            if not rest:
                continue
            member, ended = zlib.decompressobj(31), False
        try:
            piece = member.decompress(rest, PIECE if most < 0 else min(PIECE, most - size))
        except zlib.error:
            raise InputError(f"{flag}: {os.fspath(path)} is damaged: its gzip data cannot be unpacked") from None
        rest, ended = (member.unused_data, True) if member.eof else (member.unconsumed_tail, False)
        size += len(piece)
        if size > checked:
            # the size stated in the file may be wrong
            check_size(flag, path, size, "its content, so far,", length)
            checked = min(size + BETWEEN_CHECKS, max(size, largest))
        if piece:
            yield piece


def stated_size(file):
    """The unpacked size (bytes, modulo 4 GiB) in the last four bytes of a gzip file; the position in the file stays."""
    return int.from_bytes(os.pread(file.fileno(), 4, max(os.fstat(file.fileno()).st_size - 4, 0)), "little")


def dump_is_there(path):
    """Whether there is a dump file to read. Users who want none give the null device, which nanoBragg.c finds empty."""
    return path is not None and os.path.exists(path) and not os.path.samefile(path, os.devnull)
