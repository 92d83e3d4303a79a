"""The end of a process by Ctrl-C or a signal, at any moment: nothing unfinished stays behind.

Python's own way, an exception between any two steps of the main thread, may come where nobody can catch it, and does not
come while that thread waits for compiled code. So the command line leaves signals to a thread of its own (`end_on_signals`),
which removes what `UNFINISHED` names and ends the process.
"""

import os
import select
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# held where files come into being or into their place: an interruption waits for that
LOCK = threading.RLock()
UNFINISHED = set()  # paths of temporary files, before they are made
HEARD = threading.Event()  # a signal
LAST_WORDS = []  # functions to be called before the message, with the seconds that they may take
PATIENCE = 5.0  # seconds that the lock is waited for, if a disk does not answer
STACK = 1 << 18  # bytes


def end_on_signals(message, status):
    """From now on the first of SIGNALS ends the process, with a line on standard error and that status; not those that are
    ignored, as SIGHUP is under nohup. They are kept from all threads that are started later."""
    heard = {number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN}
    signal.pthread_sigmask(signal.SIG_BLOCK, heard)

    def wait():
        signal.sigwait(heard)
        HEARD.set()
        end(message, status)

    listener = threading.Thread(target=wait, daemon=True)
    size = threading.stack_size(STACK)
    try:
        listener.start()
    except RuntimeError:
        # no memory for a thread: Python's way, then
        signal.pthread_sigmask(signal.SIG_UNBLOCK, heard)
        return
    finally:
        threading.stack_size(size)
    # a thread that was there before may take it
    for number in heard:
        signal.signal(number, lambda number, frame: signal.pthread_kill(listener.ident, number))  # type: ignore[arg-type]  # it runs


def end(message, status):
    LOCK.acquire(timeout=PATIENCE)  # and never released
    for path in list(UNFINISHED):
        try:
            os.unlink(path)
        except OSError:
            pass
    try:
        for say in LAST_WORDS:
            say(0.5)
        # a full pipe that nobody reads must not keep us
        if select.select([], [2], [], 0.5)[1]:
            os.write(2, f"{message}\n".encode())
    except (OSError, ValueError):
        pass
    finally:
        os._exit(status)


def leave(status):
    """Ends the process with that status, if no signal is ending it."""
    if HEARD.is_set():
        threading.Event().wait()
    os._exit(status)
