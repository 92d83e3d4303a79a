"""The user's folder of compiled kernels: object files by what they were compiled for, and the message before a compilation.

A file is used only if its key and its checksum are right, and only if no other user can have written it (`private_files`).
"""

import contextlib
import hashlib
import os

from .private_files import Refused, make_private, opened_folder, read_private, write_private

LONGEST_HEADER = 65536  # bytes: digest, symbol and key


class ObjectCache:
    """folder: None if none can be used; refused: why an existing folder or file is not used; say: called with a line before
    the first compilation."""

    def __init__(self):
        self.folder, self.refused = cache_folder()
        self.say = None
        self.said = False

    def path_of(self, name, key, ending=".o"):
        """The path of a kernel's object file; None without a folder."""
        if self.folder is None:
            return None
        return os.path.join(self.folder, f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:16]}{ending}")

    def holds(self, name, environment, ending=".o"):
        """Whether there is a file for a kernel of that name, compiled for this environment, the last lines of its key. It is
        not checked: what is to be executed has to be read by `read`."""
        if self.folder is None:
            return False
        end = f"\n{environment}".encode()
        with contextlib.suppress(OSError), os.scandir(self.folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    is_one = entry.name.startswith(f"{name}-") and entry.name.endswith(ending) and entry.is_file()
                    if is_one and header_of(entry.path).endswith(end):
                        return True
        return False

    def read(self, path, key):
        """(symbol, bytes) of a file that `write` made for the same key; None if there is none, or it is incomplete, or
        another user may have written it."""
        try:
            content = read_private(path)
        except Refused as reason:
            self.refused = str(reason)
            return None
        except OSError:
            return None
        digest, _, rest = content.partition(b"\n")
        if digest != hashlib.sha256(rest).hexdigest().encode():
            return None
        header, _, code = rest.partition(b"\0")
        symbol, _, for_key = header.decode().partition("\n")
        return (symbol, code) if for_key == key else None

    def write(self, path, key, symbol, code):
        rest = f"{symbol}\n{key}".encode() + b"\0" + code
        try:
            write_private(path, hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
        except (OSError, Refused):
            pass  # the next run compiles again

    def announce_once(self):
        if self.say is None or self.said:
            return
        self.said = True
        if self.folder is None:
            why = self.refused or "no folder for compiled kernels can be written"
            self.say(f"compiling, as in every run: {why} (NUMBA_CACHE_DIR names another)")
        elif self.refused is not None:
            self.say(f"compiling anew: {self.refused}")
        else:
            self.say("compiling, which only the first run does")


def header_of(path):
    with open(path, "rb") as file:
        return file.read(LONGEST_HEADER).partition(b"\0")[0]


def cache_folder():
    """(path or None, why not or None): the folder that the environment names, created if it is missing."""
    above = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    if above == "~/.cache":  # the user has no home
        return None, None
    try:
        # not abspath, for which a link's .. is the folder that the link is in
        folder = os.path.join(above if os.path.isabs(above) else os.path.join(os.getcwd(), above), "nbkernel")
        make_private(folder)
        folder = os.path.realpath(folder)
        with opened_folder(folder):
            return (folder, None) if os.access(folder, os.W_OK) else (None, None)
    except Refused as reason:
        return None, str(reason)
    except (OSError, ValueError):
        return None, None


CACHE = ObjectCache()
