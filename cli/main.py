"""The `nbkernel` command: a table of sub-commands."""

import contextlib
import importlib
import os
import signal
import sys
import threading

from nbkernel import __version__
from nbkernel.errors import InputError, InternalError

# name: what it does; the module of that name has run(argv)
COMMANDS = {
    "simulate": "render a diffraction image (nanoBragg.c's flags)",
    "show": "draw an image as a PNG",
    "trace": "print every number behind one pixel",
    "compare": "compare two images",
    "compare-traces": "compare two trace logs of a pixel",
    "info": "versions, devices, caches, what is missing",
}

INTERRUPTED, PIPE_CLOSED = 130, 141


def help_text():
    commands = "\n".join(f"  {name:<16} {summary}" for name, summary in COMMANDS.items())
    return f"usage: nbkernel COMMAND ...\n\n{commands}\n\nnbkernel COMMAND -h tells more; nbkernel --version"


def main(argv=None):
    """Runs a command line; returns its exit status."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        with termination_heard():
            return dispatch(argv)
    except InputError as error:
        print(f"nbkernel: {error}", file=sys.stderr)
        return 2
    except InternalError as error:
        print(f"nbkernel: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("nbkernel: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read standard output has left
        sys.stderr.close()
        return PIPE_CLOSED
    except OSError as error:
        if error.errno is None:
            raise  # not from the system
        print(f"nbkernel: {error.filename or 'standard output'}: {error.strerror}", file=sys.stderr)
        return 2
    except MemoryError:
        print("nbkernel: out of memory; try a smaller detector or fewer steps", file=sys.stderr)
        return 2


def dispatch(argv):
    if not argv or argv[0] in ("-h", "-help", "--help", "help"):
        print(help_text())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"nbkernel {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        raise InputError(f"{argv[0]}: there is no such command; there are {', '.join(COMMANDS)}")
    return importlib.import_module(f"nbkernel.cli.{argv[0].replace('-', '_')}").run(argv[1:])


@contextlib.contextmanager
def termination_heard():
    """SIGTERM ends the work as Ctrl-C does, so that no traces stay behind."""

    def stop(signum, frame):
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set up signals
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def console():
    """The process of the `nbkernel` command."""
    status = main()
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = PIPE_CLOSED
    except OSError as error:
        print(f"nbkernel: standard output: {error.strerror}", file=sys.stderr)
        status = 2
    # all files are closed: taking the interpreter apart would cost a fifth of a second, and on an interruption compiled
    # work may still be running in another thread
    os._exit(status)
