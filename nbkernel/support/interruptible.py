"""Long compiled work that Ctrl-C can interrupt."""

import threading

PATIENCE = 0.05  # seconds


def interruptible(function, *arguments):
    """function(*arguments), computed in another thread while this one waits for it and for signals.

    Raises what the function raises. After an interruption the work continues until the process ends. Only the main thread
    can be interrupted; others compute themselves.
    """
    if threading.current_thread() is not threading.main_thread():
        return function(*arguments)
    outcome = {}

    def work():
        try:
            outcome["result"] = function(*arguments)
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    # a signal that the system delivers to another thread does not wake this one, so it polls
    while thread.is_alive():
        thread.join(PATIENCE)
    if "error" in outcome:
        raise outcome["error"]
    return outcome["result"]
