"""`nbkernel trace`: every number from which a pixel is computed, with simulate's flags and options."""

import sys

from nbkernel.errors import InputError
from nbkernel.io.hdf5.path import is_hdf5

from ..arguments.options import options_of, options_text
from ..terminal import note, say_all, warn
from .simulate import read_command_line


def help_text():
    own = [option for option in options_of("trace") if "simulate" not in option.commands]
    return (
        "usage: nbkernel trace [flags and options of simulate] --pixel FAST SLOW\n\n"
        "Prints every quantity from which a pixel is computed, in the order of the computation: a name, then its values.\n"
        "With several layers, sub-pixels or sources it shows the first, and the sums over all. Writes no files.\n\n"
        f"Options:\n{options_text(own)}\n\nFor the others see nbkernel simulate -h"
    )


def run(argv):
    """Runs the sub-command with its arguments; returns the exit status. Raises InputError for unusable input."""
    chosen, experiment, _, _ = read_command_line("trace", argv)
    if "--pixel" not in chosen:
        raise InputError("trace: needs --pixel FAST SLOW; see nbkernel trace -h")
    fpixel, spixel = chosen["--pixel"]
    panel = chosen.get("--panel", 0)

    # imports numba, which can wait until the arguments have been checked
    from nbkernel.diagnose.traces.trace import trace_experiment

    which = panel, chosen.get("--lattice", 0)
    trace = trace_experiment(experiment, fpixel, spixel, warn, chosen.get("--threads"), "--all-steps" in chosen, *which)
    if is_hdf5(chosen.get("--config")):
        for line in image_lines(chosen["--config"], panel, fpixel, spixel):
            note(line)
    if "--json" in chosen:
        print(trace.as_json())
    else:
        say_all(trace.lines())
    if trace.stopped:
        sys.stdout.flush()
        note(trace.stopped)
        return 1
    return 0


def image_lines(path, panel, fpixel, spixel):
    """A line with the photons of an HDF5 file's image at a pixel, if it has that pixel."""
    from nbkernel.io.nexus.reader import panels_apart, read_hdf5_image

    image = read_hdf5_image("--config", path, path)
    if image.frames > 1:
        # none of a series' images is that of the experiment alone
        return
    parts = panels_apart(image.pixels, image.experiment.get("panels", ())) or []
    if panel < len(parts) and spixel < parts[panel].shape[0] and fpixel < parts[panel].shape[1]:
        yield f"{path}: the image has {parts[panel][spixel, fpixel]:.9g} photons at this pixel"
