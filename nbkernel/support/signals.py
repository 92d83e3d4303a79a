"""Ends the process on Ctrl-C or a signal at any moment, without leaving unfinished files behind.

Python's own mechanism, an exception between any two steps of the main thread, may strike where it cannot be caught, and does
not work while that thread waits for compiled code. The command line therefore handles signals in a separate thread
(`end_on_signals`), which removes the files in `UNFINISHED` and ends the process.
"""

import os
import select
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# held while files are created or moved into place: an interruption waits for that
LOCK = threading.RLock()
UNFINISHED = set()  # paths of temporary files, added before they are created
SIGNALLED = threading.Event()  # set once a signal has arrived
FINAL_CALLS = []  # functions to be called before the message, with the seconds that they may take
PATIENCE = 5.0  # seconds to wait for the lock, in case a disk does not respond
STACK = 1 << 18  # bytes


def end_on_signals(message, status):
    """Lets the first of SIGNALS end the process, with `message` on standard error and the exit status `status`. Signals that
    are ignored, as SIGHUP is under nohup, stay so. Threads that are started later do not receive the signals."""
    heard = {number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)

    def wait():
        signal.sigwait(heard)
        SIGNALLED.set()
        end(message, status)

    listener = threading.Thread(target=wait, daemon=True)
    size = threading.stack_size(STACK)
    try:
        listener.start()
    except RuntimeError:
        # no memory for a thread: fall back to Python's own mechanism
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        return
    finally:
        threading.stack_size(size)
    # a thread that already exists may receive the signal
    for number in heard:
        signal.signal(number, lambda number, frame: signal.pthread_kill(listener.ident, number))  # type: ignore[arg-type]  # it runs


def end(message, status):
    LOCK.acquire(timeout=PATIENCE)  # never released
    for path in list(UNFINISHED):
        try:
            os.unlink(path)
        except OSError:
            pass
    try:
        for call in FINAL_CALLS:
            call(0.5)
        # do not block on a full pipe that nobody reads
        if select.select([], [2], [], 0.5)[1]:
            os.write(2, f"{message}\n".encode())
    except (OSError, ValueError):
        pass
    finally:
        os._exit(status)


def leave(status):
    """Ends the process with the exit status `status`, unless a signal is already ending it."""
    if SIGNALLED.is_set():
        threading.Event().wait()
    os._exit(status)
