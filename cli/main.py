"""The `nbkernel` command: a table of sub-commands."""

# slow imports follow when signals are handled, see `console`
import errno
import os
import signal
import sys
import warnings

from nbkernel import __version__

HELP = {"-h", "-help", "--help"}
# name: what it does; commands/ has a module of that name, with help_text() and run(argv)
COMMANDS = {
    "simulate": "render a diffraction image (nanoBragg.c's flags)",
    "series": "render a data set of many images",
    "background": "what amorphous materials scatter (nonBragg.c's flags)",
    "noisify": "noise, point spread and read-out for a float image (noisify.c's flags)",
    "structure-factors": "structure factors from a model or another program's table",
    "export": "write what DIALS, CrystFEL or XDS need beside images",
    "show": "draw an image as a PNG",
    "trace": "print every number behind one pixel",
    "compare": "compare two images",
    "compare-traces": "compare two trace logs of a pixel",
    "info": "versions, devices, caches, what is missing",
}

# MiB of address space that libraries take, in addition to the work itself; next to none for other commands
LIBRARIES = {
    "simulate": 350,
    "series": 350,
    "background": 180,
    "noisify": 180,
    "structure-factors": 180,
    "export": 180,
    "show": 110,
    "trace": 290,
    "compare": 180,
    "info": 310,
}
INTERRUPTED, PIPE_CLOSED = 130, 141


def help_text():
    commands = "\n".join(f"  {name:<17} {summary}" for name, summary in COMMANDS.items())
    return f"usage: nbkernel COMMAND ...\n\n{commands}\n\nnbkernel COMMAND -h shows its options; nbkernel --version"


def main(argv=None):
    """Runs a command line; returns its exit status."""
    from nbkernel.errors import InputError, InternalError

    from .terminal import note

    argv = sys.argv[1:] if argv is None else argv
    try:
        return dispatch(argv)
    except InputError as error:
        note(error)
        return 2
    except InternalError as error:
        note(error)
        return 1
    except KeyboardInterrupt:
        note("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader of standard output has exited
        return PIPE_CLOSED
    except OSError as error:
        if error.errno is None:
            raise  # not an error of the system
        what = {errno.ENOMEM: "out of memory", errno.ENOENT: "the current directory"}.get(error.errno, "standard output")
        note(f"{error.filename or what}: {error.strerror}")
        return 2
    except ArithmeticError as error:
        note(f"a value is far too large or too small to compute with ({error})")
        return 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "start new thread" not in str(error):
            raise
        own = type(error).__name__ == "TooLittle"
        note(error if own else "out of memory; try a smaller detector, fewer steps or fewer threads")
        return 2


def dispatch(argv):
    if not argv or argv[0] in HELP or argv[0] == "help":
        print(help_text())
        return 0 if argv else 2
    if argv[0] == "--version":
        print(f"nbkernel {__version__}")
        return 0
    if argv[0] not in COMMANDS:
        from nbkernel.errors import InputError

        raise InputError(f"{argv[0]}: there is no such command; there are {', '.join(COMMANDS)}")
    import importlib

    from nbkernel.kernels.compile.address_space import MIB, require_address_space
    from nbkernel.support.garbage_collection import without_garbage_collection

    wants_help = not HELP.isdisjoint(argv)
    if not wants_help:
        require_address_space(LIBRARIES.get(argv[0], 0) * MIB, f"nbkernel {argv[0]}")
    with without_garbage_collection():
        command = importlib.import_module(f"nbkernel.cli.commands.{argv[0].replace('-', '_')}")
    if wants_help:
        print(command.help_text())
        return 0
    from nbkernel.support.logger import LOG

    from .terminal import warn

    # such as those about HDF5 files
    with LOG.shown_by(warn):
        return command.run(argv[1:])


def console():
    """Runs the `nbkernel` command and ends its process. Signals end it at once, and no unfinished files are left behind."""
    # blocked until there is a handler; `start` has done so before all imports
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
    from nbkernel.support.signals import end_on_signals, leave

    from .terminal import open_streams

    open_streams()
    # numpy's warnings about overflows: nbkernel has its own messages
    warnings.simplefilter("ignore", RuntimeWarning)
    # its threads would take 40 MiB of address space each, and nothing here profits from them
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    end_on_signals("nbkernel: interrupted", INTERRUPTED)
    status = flush_output(main())
    # all files are closed: the interpreter's own shutdown would take a fifth of a second
    leave(status)


def flush_output(status):
    """The exit status after flushing standard output."""
    from .terminal import note

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        return PIPE_CLOSED
    except OSError as error:
        if status != 2:  # else a line about the error is printed already
            note(f"standard output: {error.strerror}")
        return 2
    return status
