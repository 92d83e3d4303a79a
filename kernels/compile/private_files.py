"""Folders and files that only the user and root can have changed: machine code is loaded only from these."""

import contextlib
import errno
import os
import stat
import time

OTHERS_WRITE, OTHERS_ENTER = stat.S_IWGRP | stat.S_IWOTH, stat.S_IXGRP | stat.S_IXOTH
MOST_LINKS = 40  # as many as the system follows
ABANDONED = 60.0  # seconds; writing a file takes milliseconds


class Refused(Exception):
    """A file or folder may have been written by others. The message says why, for the user."""


def make_private(folder):
    """Creates the folder, and any missing ones above it, for the user alone. Raises Refused, before anything is created, if
    others could replace it by another folder; OSError if it cannot be created."""
    missing = []
    place = os.fspath(folder)
    while not os.path.lexists(place):
        missing.append(place)
        place = os.path.dirname(place)
    check_way(place)
    for new in reversed(missing):
        with contextlib.suppress(FileExistsError):
            os.mkdir(new, 0o700)
    if missing:
        check_way(folder)


def check_way(path):
    """Raises Refused if others than the user and root can change what an absolute path leads to: they own a folder or a
    link on the way, or may write to a folder that they can reach. What is above the home directory is the system's."""
    home = own_home()
    here, left, links, reachable = "/", parts_of(os.fspath(path)), 0, True
    while left:
        name = left.pop(0)
        if name == os.pardir:
            here, reachable = os.path.dirname(here), True
            continue
        entry = os.path.join(here, name)
        found = os.lstat(entry)
        if not f"{home}/".startswith(f"{entry}/") or entry == home:
            check_owner(entry, found)
            if stat.S_ISDIR(found.st_mode) and reachable and not found.st_mode & stat.S_ISVTX:
                check_mode(entry, found)
        if stat.S_ISLNK(found.st_mode):
            links += 1
            if links > MOST_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
            target = os.readlink(entry)
            if os.path.isabs(target):
                here, reachable = "/", True
            left[:0] = parts_of(target)
        else:
            here, reachable = entry, reachable and bool(found.st_mode & OTHERS_ENTER)


def parts_of(path):
    return [part for part in path.split(os.sep) if part not in ("", os.curdir)]


def own_home():
    """The home directory; None if it is not the user's own, as after sudo."""
    home = os.path.realpath(os.environ.get("HOME") or "/")
    try:
        return home if home != "/" and os.stat(home).st_uid == os.geteuid() else None
    except OSError:
        return None


def check_owner(path, found):
    if found.st_uid not in (0, os.geteuid()):
        raise Refused(f"{path} belongs to another user")


def check_mode(path, found):
    if found.st_mode & OTHERS_WRITE:
        raise Refused(f"others may write to {path}; chmod go-w makes it yours")


@contextlib.contextmanager
def opened_folder(path):
    """Descriptor of the folder. Raises Refused unless it is the user's (or root's) and no one else may write to it, OSError
    if there is none; a link does not count as one."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        found = os.fstat(descriptor)
        check_owner(path, found)
        check_mode(path, found)
        yield descriptor
    finally:
        os.close(descriptor)


def read_private(path):
    """The bytes of a file in the folder. Raises Refused for a link, for anything that is not a regular file, and for a file
    that others own or may write to; OSError if it cannot be read."""
    parent, name = os.path.split(path)
    with opened_folder(parent) as folder:
        try:
            descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise Refused(f"{path} is a link") from None
            raise
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise Refused(f"{path} is not a regular file")
            check_owner(path, found)
            check_mode(path, found)
            return file.read()


def write_private(path, content):
    """Writes a file into the folder, completely or not at all, replacing whatever has that name; no link is followed. Raises
    Refused or OSError if that is impossible."""
    parent, name = os.path.split(path)
    with opened_folder(parent) as folder:
        remove_abandoned(folder)
        beside = f".{name}.{os.urandom(8).hex()}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(beside, flags, 0o600, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(beside, dir_fd=folder)
            raise


def remove_abandoned(folder):
    """Removes what killed processes have left behind; if one is still writing, its kernel is compiled another time."""
    for name in os.listdir(folder):
        if name.startswith(".") and name.endswith(".part"):
            with contextlib.suppress(OSError):
                if time.time() - os.lstat(name, dir_fd=folder).st_mtime > ABANDONED:
                    os.unlink(name, dir_fd=folder)
