"""Temporary names of files that are being written: they contain the process that writes them. A killed process cannot remove
its files; the next one that writes the same file does."""

import contextlib
import hashlib
import os
import re
import stat

LONGEST = 255  # bytes of a name
TOKEN = re.compile(r"([0-9a-f]{8})-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-[0-9a-f]{8}")
ENDING = ".part"
TOKEN_LENGTH = 8 + 1 + 8 + 1 + 10 + 1 + 20 + 1 + 8


def temporary_name(name):
    """A new name for a file that will be called `name`."""
    machine, uptime = where()
    start = started(os.getpid()) or 0
    return f"{beginning(name)}{machine}-{uptime}-{os.getpid()}-{start}-{os.urandom(4).hex()}{ENDING}"


def beginning(name):
    most = LONGEST - TOKEN_LENGTH - len(ENDING) - 2
    return f".{os.fsencode(name)[:most].decode(errors='ignore')}."


def temporary_files(folder):
    """Names of the temporary files in a folder."""
    with contextlib.suppress(OSError):
        return [name for name in os.listdir(folder) if name.startswith(".") and name.endswith(ENDING)]
    return []


def remove_abandoned(folder, name, names):
    """Removes those temporary files in a folder, by their `names`, that were to become `name` and whose writers are gone.
    Only processes of this machine and this user are known to be gone."""
    begins = beginning(name)
    for own in names:
        token = own.startswith(begins) and TOKEN.fullmatch(own, len(begins), len(own) - len(ENDING))
        if token:
            remove_if_gone(folder, own, token)


def remove_all_abandoned(folder):
    """Removes all such files in a folder, whatever they were to become; returns whether others are left."""
    for own in temporary_files(folder):
        token = TOKEN.fullmatch(own.removesuffix(ENDING).rpartition(".")[2])
        if token:
            remove_if_gone(folder, own, token)
    return bool(temporary_files(folder))


def remove_if_gone(folder, own, token):
    with contextlib.suppress(OSError):
        path = os.path.join(folder, own)
        found = os.lstat(path)
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and is_gone(token):
            os.unlink(path)


def is_gone(token):
    """Whether the process that a temporary file's name contains has ended."""
    machine, uptime, process, start = token.groups()
    if (machine, uptime) != where() or int(start) == 0 or started(os.getpid()) is None:
        return False
    return started(int(process)) != int(start)


def where():
    """Two digests: of the machine, and of its start (or the container's): process numbers are unique from there on."""
    node = os.uname().nodename + read("/etc/machine-id")
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    uptime = read("/proc/sys/kernel/random/boot_id") + space
    return tuple(hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8] for text in (node, uptime))


def started(process):
    """When a process was started, in the system's own unit; None if there is no such process, or the system does not
    tell."""
    # the name in parentheses may contain parentheses and blanks
    words = read(f"/proc/{process}/stat").rpartition(")")[2].split()
    return int(words[19]) if len(words) > 19 and words[0] not in "ZX" else None


def read(path):
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return ""
