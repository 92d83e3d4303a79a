"""What -printout and -trace_pixel print: the numbers behind single pixels."""

from nbkernel.diagnose.traces.printout import Printout
from nbkernel.diagnose.traces.trace import check_pixel, render_one_pixel, require_in_image, trace_pixel
from nbkernel.errors import InputError


def check_single_pixels(outputs, runs):
    """Raises InputError if a pixel is requested that does not exist, or if there are several panels it could be on."""
    if runs[0].parts:
        raise InputError("-trace_pixel, -printout: need one table of structure factors; leave out those of each energy")
    if len(runs) > 1:
        for flag, asked in (("-trace_pixel", outputs.trace_pixel is not None), ("-printout", outputs.printout)):
            if asked:
                raise InputError(
                    f"{flag}: the detector has {len(runs)} panels; use nbkernel trace --panel N --pixel FAST SLOW"
                )
    elif outputs.trace_pixel is not None:
        check_pixel("-trace_pixel", runs[0], *reversed(outputs.trace_pixel))


def show_pixels(prepared, rendering, outputs, say, warn, precision):
    """Prints what -printout, -printout_pixel and -trace_pixel ask for. Raises InternalError if trace and image differ."""
    image, _, history = rendering
    if outputs.printout:
        for text in printouts(Printout(prepared, history, image), outputs.printout_pixel, warn):
            for line in text.split("\n"):
                say(line)
    if outputs.trace_pixel is not None:
        spixel, fpixel = outputs.trace_pixel
        trace = trace_pixel(prepared, history, fpixel, spixel)
        for line in trace.lines():
            say(line)
        if trace.stopped:
            warn(trace.stopped)
        else:
            # a trace is computed with the program's own operations
            exact = image if precision == "exact" else render_one_pixel(prepared, history, fpixel, spixel)
            require_in_image(trace, exact)


def printouts(printout, pixel, warn):
    """The texts of -printout for one pixel (fast, slow), or for all."""
    if pixel is None or pixel[0] < 0:
        return printout.texts(warn)
    try:
        check_pixel("-printout_pixel", printout.prepared, *pixel)
    except InputError as error:
        warn(f"{error}; nothing is printed")
        return []
    return filter(None, [printout.one_text(*pixel, warn)])
