"""Long compiled work that Ctrl-C can interrupt."""

import threading

PATIENCE = 0.05  # seconds


def interruptible(function, *arguments):
    """function(*arguments), computed in another thread while this one waits for it and for signals.

    Raises what the function raises. On an interruption the work is left to end with the process.
    """
    outcome = {}

    def work():
        try:
            outcome["result"] = function(*arguments)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    # a signal that the system hands to another thread does not wake this one: it must look by itself
    while thread.is_alive():
        thread.join(PATIENCE)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
