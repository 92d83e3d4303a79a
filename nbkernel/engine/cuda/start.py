"""What `--device auto` leaves to the CPU: what is done there before a device has started."""

from dataclasses import replace

from nbkernel.engine.bounds.precision import can_use_float32, needs_exact, needs_own_operations
from nbkernel.engine.devices import Choice, survey
from nbkernel.engine.squared_table import squared_table
from nbkernel.engine.threads import thread_count
from nbkernel.engine.tiles import panel_tile, wanted_count
from nbkernel.kernels.compile.environment import environment
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.kernels.cuda.kinds import kernel_kind
from nbkernel.kernels.cuda.launch import ADD_BACKGROUND, DRAW_NOISE, RESPONSE, SUM_NOISE, is_simulated
from nbkernel.kernels.cuda.machine_code import is_kept
from nbkernel.kernels.fast.cpu import RENDER_ROWS
from nbkernel.kernels.images import counted_noise_rows
from nbkernel.kernels.response.background import add_background_rows
from nbkernel.kernels.response.photons import counted_photons
from nbkernel.kernels.response.read_out import read_out_rows

from .driver import OPENED

# seconds, none of them measured on a device: a context and the first launch; compiling a kernel for the device, for the CPU
START, DEVICE_COMPILES, CPU_COMPILES = 0.3, 10.0, 30.0
# a CPU thread's time, in seconds per step, per interpolated step, per pixel and source of the background, and per pixel with
# noise: at least twice what an AMD EPYC (Zen 1) takes
STEP, INTERPOLATED_STEP, SCATTERING_SOURCE, NOISY_PIXEL = 40e-9, 500e-9, 40e-9, 400e-9


def without_needless_device(engine, runs, say):
    """The Engine for rendering Prepared panels, of an Engine with the device that `auto` chose: without it if the CPU is
    done before it has started. say: called with a line that tells where `auto` renders."""
    kernels, keys, steps = [], [], 0.0
    for prepared in runs:
        plan, panel = prepared.plan, panel_tile(prepared.detector)
        if needs_exact(plan, panel):
            continue  # by the CPU in any case
        use_float32 = engine.precision == "mixed" and can_use_float32(plan, panel, prepared.reflections.nonzero)
        own_operations = needs_own_operations(plan, use_float32, panel)
        # a single structure factor tells the kind as well as all of them
        table = squared_table(plan._replace(Fhkl=plan.Fhkl[:1, :1, :1]))
        kernels.append(RENDER_ROWS[use_float32, own_operations])
        keys.append(kernel_kind(plan, table, use_float32, own_operations, plan.interpolate))
        step = INTERPOLATED_STEP if plan.interpolate else STEP
        pixels = wanted_count([prepared])
        steps += pixels * plan.steps * plan.detector_thicksteps * step
        if prepared.scatter is not None:
            kernels.append(add_background_rows)
            keys.append(ADD_BACKGROUND)
            steps += pixels * len(prepared.scatter.weight) * SCATTERING_SOURCE
    engine, choice = chosen_engine(engine, steps, kernels, keys)
    say(choice.line())
    return engine


def without_needless_device_for_noise(engine, pixels):
    """The same for drawing philox noise on so many pixels, but tells nothing."""
    return chosen_engine(engine, pixels * NOISY_PIXEL, [counted_noise_rows], [DRAW_NOISE, SUM_NOISE])[0]


def without_needless_device_for_response(engine, pixels):
    """The same for the response of a detector with so many pixels."""
    return chosen_engine(engine, pixels * NOISY_PIXEL, [counted_photons, read_out_rows], RESPONSE)[0]


def chosen_engine(engine, seconds, kernels, keys):
    """(Engine, Choice) for work that takes one thread of the CPU so many seconds with these kernels, and needs kernels with
    these keys on a device; without any, nothing is done there."""
    (number,) = engine.devices
    seconds = seconds / thread_count(engine.threads) + CPU_COMPILES * sum(not is_compiled(one) for one in set(kernels))
    if not keys or seconds >= seconds_to_start(number, set(keys)):
        return engine, Choice(engine.devices, engine.reason)
    return replace(engine, devices=(), falls_back=False), Choice((), f"done there before cuda:{number} has started")


def is_compiled(kernel):
    """Whether the machine code of a CPU kernel need not be compiled, whatever its arguments."""
    return bool(kernel.native) or CACHE.holds(kernel.name, environment())


def seconds_to_start(number, keys):
    """Seconds until a device can run the kernels with these keys, at least."""
    if is_simulated():
        return 0.0
    capability = next(device.capability for device in survey().devices if device.number == number)
    start = 0.0 if number in OPENED else START
    return start + DEVICE_COMPILES * sum(not is_kept(key, capability) for key in keys)
