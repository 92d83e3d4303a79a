"""The trace of a pixel: every quantity that its value is computed from, by name, in the order of the computation."""

import json
import math
from dataclasses import dataclass, replace

import numpy as np

from nbkernel.engine.history import find_history
from nbkernel.engine.threads import thread_count
from nbkernel.engine.tiles import panel_tile, region_tile
from nbkernel.errors import InputError, InternalError
from nbkernel.experiment.quirks import warning
from nbkernel.image.seeds import fresh_seed
from nbkernel.kernels.exact.rows import render_rows_exactly
from nbkernel.kernels.physics.constants import PI, R_E_SQR, SQUARE
from nbkernel.kernels.physics.lattice_factor import sincg
from nbkernel.kernels.physics.pixel import omegas_per_pixel
from nbkernel.kernels.physics.vectors import cross_product, dot_product, vector_scale
from nbkernel.kernels.physics.weights import is_renewed
from nbkernel.setup.checks.remarks import run_remarks
from nbkernel.setup.prepare import prepare_panels
from nbkernel.support.memory import panel_zeros

from .background import at_centre, background_quantities
from .events import (
    Absorption,
    PixelEvents,
    Polarization,
    SolidAngle,
    Source,
    Step,
    Subpixel,
    Total,
    engine_photons,
    start_of_pixel,
)
from .quantity import Quantity


@dataclass(frozen=True)
class Trace:
    """quantities: in the order of the computation. stopped: empty, or why the trace ends early."""

    fpixel: int
    spixel: int
    quantities: tuple
    stopped: str

    @property
    def photons(self):
        """The pixel's value in double precision; only for a trace that did not stop early."""
        return self.quantities[-1].values[0]

    def lines(self):
        """Name and values of each quantity; where a block begins, a line with the index of each loop."""
        shown = ()
        for name, values, at in self.quantities:
            if at and at != shown:
                same = next((i for i, pair in enumerate(at) if pair not in shown[i : i + 1]), 0)
                yield from (f"{loop} {index}" for loop, index in at[same:])
                shown = at
            yield " ".join([name, *("%.15g" % value for value in values)])

    def as_json(self):
        """One JSON object; values with all their digits, nan and infinities as text."""
        quantities = [
            {"name": name, **dict(at), "values": [json_number(value) for value in values]}
            for name, values, at in self.quantities
        ]
        return json.dumps({"fpixel": self.fpixel, "spixel": self.spixel, "quantities": quantities}, allow_nan=False)


def json_number(value):
    if isinstance(value, (bool, int)):
        return int(value)
    return float(value) if math.isfinite(value) else "%g" % value


def trace_experiment(experiment, fpixel, spixel, warn, threads=None, all_steps=False, panel=0, lattice=0):
    """The Trace of one pixel of an Experiment's panel, for one of its lattices. warn: called with each warning that
    `simulate` would give.

    Raises InputError for unusable input, InternalError if trace and engine differ.
    """
    runs = prepare_panels(experiment, fresh_seed())
    if runs[0].parts:
        raise InputError(
            "trace: follows one table of structure factors, not those of each energy; give one wavelength and its table"
        )
    if experiment.misset == "random" and experiment.misset_seed is None:
        warn(f"-misset random: this orientation was drawn with -misset_seed {runs[0].experiment.misset_seed}")
    if panel >= len(runs):
        raise InputError(f"--panel: there is no panel {panel}; need 0 to {len(runs) - 1}")
    lattices = (runs[panel], *runs[panel].lattices)
    if lattice >= len(lattices):
        raise InputError(f"--lattice: there is no lattice {lattice}; need 0 to {len(lattices) - 1}")
    prepared = lattices[lattice]
    check_pixel("--pixel", prepared, fpixel, spixel)
    for line in (*map(warning, prepared.quirks), *run_remarks(runs)):
        warn(line)
    history = run_history(prepared, threads)
    if history.latch_pixel < prepared.wanted.size:
        warn(warning("interpolation"))
    trace = trace_pixel(prepared, history, fpixel, spixel, all_steps)
    if not trace.stopped:
        require_in_image(trace, render_one_pixel(prepared, history, fpixel, spixel))
    return trace


def render_one_pixel(prepared, history, fpixel, spixel):
    """The image (slow, fast) with only this pixel rendered, by the compiled engine."""
    tile = panel_tile(prepared.detector)._replace(
        slow_start=spixel, slow_stop=spixel + 1, fast_start=fpixel, fast_stop=fpixel + 1
    )
    plan = prepared.plan
    image = panel_zeros(prepared.wanted.shape, np.float32, (fpixel, fpixel, spixel, spixel))
    omegas = np.empty((1, prepared.wanted.shape[1], omegas_per_pixel(plan)))
    render_rows_exactly(plan, history, tile, prepared.wanted, image, omegas, spixel, spixel + 1)
    if prepared.scatter is not None:
        at_centre(prepared, prepared.scatter, fpixel, spixel, image)
    return image


def check_pixel(flag, prepared, fpixel, spixel):
    """Raises InputError, naming the flag, if the run does not render this pixel."""
    d, roi = prepared.detector, prepared.roi
    pixel = f"{flag}: pixel {fpixel} {spixel} (fast slow)"
    if not (0 <= fpixel < d.fpixels and 0 <= spixel < d.spixels):
        raise InputError(f"{pixel} is outside the detector; give 0 0 to {d.fpixels - 1} {d.spixels - 1}")
    if not (roi[0] <= fpixel <= roi[1] and roi[2] <= spixel <= roi[3]):
        raise InputError(f"{pixel} is outside -roi; give {roi[0]} {roi[2]} to {roi[1]} {roi[3]}")
    if not prepared.wanted[spixel, fpixel]:
        raise InputError(f"{pixel} is masked by -mask {prepared.experiment.mask}; give a pixel that is not")


def run_history(prepared, threads=None):
    """The History of a Prepared run."""
    return find_history(
        prepared.plan, region_tile(prepared), prepared.wanted, prepared.detector.polar_vector,
        thread_count(threads), every_axis=True,
    )  # fmt: skip


def trace_pixel(prepared, history, fpixel, spixel, all_steps=False):
    """The Trace of a pixel of a Prepared run.

    all_steps: every layer, sub-pixel and source instead of the first only. Raises InternalError unless the trace ends in
    exactly the engine's value, to the last bit.
    """
    plan, tile = prepared.plan, panel_tile(prepared.detector)
    start = start_of_pixel(plan, history, spixel, fpixel, prepared.wanted.shape[1])
    recorder = Recorder(prepared, all_steps)
    recorder.detector()
    try:
        for event in PixelEvents(plan, tile, spixel, fpixel, start).events():
            recorder.add(event)
        expected = engine_photons(plan, tile, spixel, fpixel, start)
    except (ArithmeticError, ValueError) as error:
        stopped = f"pixel {fpixel} {spixel} (fast slow): the trace stops here: {error}"
        return Trace(fpixel, spixel, tuple(recorder.quantities), stopped)
    trace = Trace(fpixel, spixel, tuple(recorder.quantities), "")
    require_same(trace, expected)
    if prepared.scatter is not None:
        added = background_quantities(prepared, fpixel, spixel, trace.photons, all_steps)
        trace = replace(trace, quantities=(*trace.quantities, *added))
    return trace


def require_same(trace, expected):
    """Raises InternalError unless the trace's last value is the engine's, bit for bit."""
    if np.float64(trace.photons).tobytes() != np.float64(expected).tobytes():
        raise difference(trace, trace.photons, f"the engine's ends in {expected!r}")


def require_in_image(trace, image):
    """Raises InternalError unless the image (slow, fast) has the trace's last value at that pixel."""
    with np.errstate(over="ignore"):
        expected = np.float32(0.0 + trace.photons)
    rendered = image[trace.spixel, trace.fpixel]
    if expected != rendered and not (np.isnan(expected) and np.isnan(rendered)):
        raise difference(trace, expected, f"but the image has {rendered!s}")


def difference(trace, value, other):
    return InternalError(
        f"pixel {trace.fpixel} {trace.spixel} (fast slow): its trace ends in {value!s}, {other}; "
        "this is a bug in nbkernel, please report it"
    )


class Recorder:
    """Collects the quantities of a pixel's events, by default of the first layer, sub-pixel and source only."""

    def __init__(self, prepared, all_steps):
        self.prepared, self.plan, self.all_steps = prepared, prepared.plan, all_steps
        self.quantities = []
        self.cos_2theta = None
        self.iterations = {
            "thick_tic": self.plan.detector_thicksteps,
            "subS": self.plan.oversample,
            "subF": self.plan.oversample,
            "source": len(self.plan.source_lambda),
            "phi_tic": len(self.plan.phi_slot),
            "mos_tic": self.plan.orientation.shape[1],
        }
        self.subpixel, self.beam, self.at = (), (), ()
        self.wanted = True
        self.handlers = {
            Subpixel: self.on_subpixel,
            SolidAngle: self.on_solid_angle,
            Absorption: self.on_absorption,
            Source: self.on_source,
            Polarization: self.on_polarization,
            Step: self.on_step,
            Total: self.on_total,
        }

    def add(self, event):
        self.handlers[type(event)](event)

    def put(self, name, *values):
        if self.wanted:
            self.quantities.append(Quantity(name, values, self.at))

    def enter(self, outer, **loops):
        """`outer` with the indices of these loops, leaving out loops of a single iteration."""
        return outer + tuple((loop, index) for loop, index in loops.items() if self.iterations[loop] > 1)

    def detector(self):
        d = self.prepared.detector
        for name in ("fdet", "sdet", "odet", "beam", "polar", "spindle"):
            self.put(f"{name}_vector", *getattr(d, f"{name}_vector"))
        self.put("pix0_vector_meters", *d.pix0_vector)
        if self.plan.has_water:
            self.put("I_bg", self.plan.I_bg)

    def on_subpixel(self, event):
        first = event.thick_tic == event.subS == event.subF == 0
        self.first_subpixel = first
        self.wanted = first or self.all_steps
        self.subpixel = self.enter((), thick_tic=event.thick_tic, subS=event.subS, subF=event.subF)
        self.at = self.subpixel
        self.put("pixel_pos_meters", *event.pixel_pos)
        self.put("R_distance_meters", event.airpath)
        self.airpath, self.diffracted = event.airpath, event.diffracted
        self.diffracted_shown = False

    def on_solid_angle(self, event):
        self.put("omega_pixel_sr", event.omega_pixel)
        d = self.prepared.detector
        if not d.point_pixel:
            self.put("close_distance_meters", d.close_distance)
            self.put("obliquity_factor", d.close_distance / self.airpath)

    def show_diffracted(self):
        if not self.diffracted_shown:
            self.put("diffracted_vec", *self.diffracted)
            self.diffracted_shown = True

    def on_absorption(self, event):
        self.show_diffracted()
        self.put("parallax", event.parallax)
        if self.all_steps:
            self.put("capture_fraction", event.capture_fraction)

    def on_source(self, event):
        self.wanted = self.all_steps or (self.first_subpixel and event.source == 0)
        self.show_diffracted()
        self.beam = self.at = self.enter(self.subpixel, source=event.source)
        self.put("incident_vec", *event.incident)
        self.put("lambda_meters", event.wavelength)
        if event.weight != 1.0:
            self.put("source_weight", event.weight)
        self.put("scattering_vec", *event.scattering)
        if self.plan.dmin > 0.0:
            self.put("beyond_dmin", event.beyond_dmin)

    def on_polarization(self, event):
        self.cos_2theta = dot_product(event.incident, event.diffracted)
        if self.all_steps:
            self.put("cos_2theta", self.cos_2theta)
            self.put("polar", event.polar)

    def on_step(self, event):
        if not self.wanted:
            return
        self.at = self.enter(self.beam, phi_tic=event.phi_tic, mos_tic=event.mos_tic)
        if self.iterations["phi_tic"] > 1:
            # -1 stands for the unrotated cell
            self.put("cell_from_phi_tic", event.slot - 1)
        cell = [tuple(event.vectors[i : i + 3] * 1e10) for i in (0, 3, 6)]
        for name, vector in zip("abc", cell, strict=True):
            self.put(f"rot_{name}_angstroms", *vector)
        for name, vector in zip("abc", reciprocal(*cell), strict=True):
            self.put(f"rot_{name}_star", *vector)
        self.put("hkl_frac", *event.hkl)
        # no negative zero
        self.put("hkl_rounded", *(index + 0.0 for index in event.hkl0))
        self.lattice_factors(event)
        if event.F_cell is not None:
            if self.plan.interpolate:
                self.put("interpolated", event.interpolated)
            self.put("F_cell", event.F_cell)
        self.put("I_sum", event.I)

    def lattice_factors(self, event):
        plan = self.plan
        if plan.xtal_shape == SQUARE:
            for name, h, N in zip("abc", event.hkl, (plan.Na, plan.Nb, plan.Nc), strict=True):
                self.put(f"F_latt_{name}", sincg(PI * h, N) if N > 1 else 1.0)
        self.put("F_latt", event.F_latt)

    def on_total(self, event):
        plan = self.plan
        self.wanted, self.at = True, ()
        self.put("I_before_scaling", event.I)
        self.put("r_e_sqr", R_E_SQR)
        self.put("fluence_photons_per_m2", plan.fluence)
        self.put("steps", plan.steps)
        self.put("oversample_thick", is_renewed(plan.oversample_thick))
        self.put("oversample_polar", is_renewed(plan.oversample_polar))
        self.put("oversample_omega", is_renewed(plan.oversample_omega))
        self.put("capture_fraction", event.capture_fraction)
        if plan.polarization != 0.0:
            self.put("kahn_factor", plan.polarization)
        self.put("polar", event.polar)
        if self.cos_2theta is not None:
            self.put("cos_2theta", self.cos_2theta)
        self.put("I_pixel_final", event.photons)


def reciprocal(a, b, c):
    """a_star, b_star, c_star (1/Angstrom) of the cell vectors a, b, c (Angstrom)."""
    volume = dot_product(a, cross_product(b, c))
    return tuple(vector_scale(cross_product(x, y), 1.0 / volume) for x, y in ((b, c), (c, a), (a, b)))
