"""Runs programs on a terminal, and what a person sees there."""

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
    chunks: tuple  # (seconds since the start, bytes) as they arrived at the terminal
    out: str  # standard output, unless that was the terminal

    @property
    def shown(self):
        return b"".join(chunk for _, chunk in self.chunks).decode()


def on_terminal(arguments, columns=80, stdout_too=False, on_chunk=None, environment=None):
    """Runs python with `arguments`, its standard error (and output) on a new terminal; on_chunk(process, all output so far)
    is called whenever something arrives there."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    start, chunks = time.monotonic(), []
    process = subprocess.Popen(
        [sys.executable, *arguments], stdout=slave if stdout_too else subprocess.PIPE, stderr=slave,
        env=inherited | (environment or {}),
    )  # fmt: skip
    os.close(slave)
    try:
        while chunk := read(master):
            chunks.append((time.monotonic() - start, chunk))
            if on_chunk is not None:
                on_chunk(process, b"".join(chunk for _, chunk in chunks).decode())
        out = "" if stdout_too else process.stdout.read().decode()
        return Session(process.wait(timeout=60), tuple(chunks), out)
    finally:
        process.kill()
        os.close(master)
        if process.stdout is not None:
            process.stdout.close()


def read(master):
    try:
        return os.read(master, 4096)
    except OSError:
        return b""  # on Linux: the other end is closed


def screen(text, columns=80):
    """The lines that a terminal shows in the end. Text beyond its last column begins a new line."""
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
