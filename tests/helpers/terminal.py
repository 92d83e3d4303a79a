"""What a person sees of a program on a terminal."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Session:
    status: int
    pieces: tuple  # (seconds since the start, bytes) as they arrived at the terminal
    out: str  # standard output, where that was not the terminal

    @property
    def shown(self):
        return b"".join(piece for _, piece in self.pieces).decode()


def on_terminal(arguments, columns=80, stdout_too=False, on_piece=None, environment=None):
    """Runs python with `arguments`, its standard error (and output) a new terminal; on_piece(process, all so far) is called
    whenever something arrives there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    start, pieces = time.monotonic(), []
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=slave if stdout_too else subprocess.PIPE, stderr=slave,
        env=inherited | (environment or {}),
    )  # fmt: skip
    os.close(slave)
    try:
        while piece := read(master):
            pieces.append((time.monotonic() - start, piece))
            if on_piece is not None:
                on_piece(process, b"".join(piece for _, piece in pieces).decode())
        out = "" if stdout_too else process.stdout.read().decode()
        return Session(process.wait(timeout=60), tuple(pieces), out)
    finally:
        process.kill()
        os.close(master)


def read(master):
    try:
        return os.read(master, 4096)
    except OSError:
        return b""  # Linux' way of telling that the other end is closed


def screen(text, columns=80):
    """The lines that a terminal shows in the end. Letters beyond its last column begin a new line."""
    lines, column = [[]], 0
    for letter in text:
        if letter == "\r":
            column = 0
        elif letter == "\n":
            lines.append([])
            column = 0
        else:
            if column == columns:
                lines.append([])
                column = 0
            lines[-1][column : column + 1] = letter
            column += 1
    return ["".join(line).rstrip() for line in lines]
