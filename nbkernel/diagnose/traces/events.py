"""One pixel's chain of numbers, event by event, for whoever wants to see how its value comes about.

The loop nest of `kernels.pixel.render_pixel` with the same functions, as bare Python; `engine_photons` is that
function itself, for the comparison of the two.
"""

from typing import NamedTuple

import numpy as np

from nbkernel.kernels.exact.history import history_at
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.lattice_factor import lattice_factor
from nbkernel.kernels.physics.pixel import as_vector, omegas_per_pixel, render_pixel, subpixel_position, vector_at
from nbkernel.kernels.physics.pixel_geometry import absorbed_fraction, solid_angle
from nbkernel.kernels.physics.polarization import polarization_factor
from nbkernel.kernels.physics.scattering import beyond_dmin, miller_indices, nearest_index, scattering_vector
from nbkernel.kernels.physics.structure_factor import F_nearest, F_tricubic, interpolation_out_of_range
from nbkernel.kernels.physics.vectors import dot_product, magnitude, unitize
from nbkernel.kernels.physics.weights import (
    has_step_weights,
    is_renewed,
    mean_background,
    pixel_weight,
    step_weight,
    weigh_final_sum,
    weigh_running_sum,
)


class Start(NamedTuple):
    """What a pixel takes over from those before it, in the words of `render_pixel`."""

    interpolate: bool
    first_of_run: bool
    axis: np.ndarray
    axis_next: np.ndarray
    axis_state: int


class Subpixel(NamedTuple):
    """A layer of the sensor and a sub-pixel in it begin."""

    thick_tic: int
    subS: int
    subF: int
    pixel_pos: tuple  # m
    airpath: float  # m
    diffracted: tuple


class SolidAngle(NamedTuple):
    """The solid angle of a sub-pixel."""

    omega_pixel: float  # sr


class Absorption(NamedTuple):
    """What a layer of the sensor captures."""

    parallax: float
    capture_fraction: float


class Source(NamedTuple):
    """A source's contribution to a sub-pixel begins."""

    source: int
    incident: tuple
    wavelength: float  # m
    weight: float
    scattering: tuple  # 1/m
    beyond_dmin: bool


class Polarization(NamedTuple):
    """The polarisation factor of a sub-pixel and source."""

    incident: tuple
    diffracted: tuple
    axis: tuple
    polar: float


class Step(NamedTuple):
    """One phi step and mosaic domain; F_cell is None where F_latt = 0 ends the step before the look-up."""

    phi_tic: int
    mos_tic: int
    slot: int
    vectors: np.ndarray  # a, b, c: nine numbers, m
    hkl: tuple
    hkl0: tuple
    F_latt: float
    F_cell: float | None
    interpolated: bool
    I: float  # the sum after this step


class Total(NamedTuple):
    """The sum over all steps and the factors that make it photons."""

    I: float
    capture_fraction: float
    polar: float
    omega_pixel: float  # sr
    photons: float


def start_of_pixel(plan, history, spixel, fpixel, fpixels):
    """The Start of a pixel of a panel `fpixels` wide, from the run's History."""
    interpolate, first_of_run, axis_state = history_at(plan, history, spixel, fpixel, fpixels)
    return Start(interpolate, first_of_run, history.axis, history.axis_next, int(axis_state))


def engine_photons(plan, tile, spixel, fpixel, start):
    """The engine's own value of the pixel: `render_pixel` as bare Python.

    Raises ArithmeticError or ValueError where compiled code would go on with an infinity or a nan.
    """
    omega = np.empty(omegas_per_pixel(plan))
    with np.errstate(all="ignore"):
        return float(render_pixel(plan, tile, spixel, fpixel, *start, omega))


class PixelEvents:
    """The events of one pixel, see `events`. plan, tile: RenderPlan and Tile; start: Start."""

    def __init__(self, plan, tile, spixel, fpixel, start):
        self.plan, self.tile, self.spixel, self.fpixel = plan, tile, spixel, fpixel
        self.interpolate, self.axis, self.axis_next, self.axis_state = (
            start.interpolate, start.axis, start.axis_next, start.axis_state,
        )  # fmt: skip
        self.slots = plan.phi_slot_first if start.first_of_run else plan.phi_slot
        self.own_weights = has_step_weights(plan)
        self.I = 0.0 if self.own_weights else plan.I_bg
        self.pixel_weights = 0.0
        self.polar = 1.0 if plan.nopolar else 0.0
        self.omega_pixel = 0.0
        self.capture_fraction = 1.0

    def events(self):
        """Yields the events in the order of the computation, a Total at the end.

        Raises ArithmeticError or ValueError where compiled code would go on with an infinity or a nan.
        """
        plan = self.plan
        with np.errstate(all="ignore"):
            for thick_tic in range(plan.detector_thicksteps):
                self.capture_fraction = 1.0 if plan.detector_thick == 0.0 else 0.0
                for subS in range(plan.oversample):
                    for subF in range(plan.oversample):
                        yield from self.subpixel(thick_tic, subS, subF)
            yield self.total()

    def subpixel(self, thick_tic, subS, subF):
        plan, tile = self.plan, self.tile
        Odet = thick_tic * plan.detector_thickstep
        pixel_pos = subpixel_position(tile, plan.oversample, self.spixel, self.fpixel, subS, subF, Odet)
        airpath = magnitude(pixel_pos)
        self.diffracted = unitize(pixel_pos)
        yield Subpixel(thick_tic, subS, subF, pixel_pos, airpath, self.diffracted)
        if self.omega_pixel == 0.0 or is_renewed(plan.oversample_omega):
            self.omega_pixel = solid_angle(tile.pixel_size, airpath, tile.close_distance, tile.point_pixel)
            yield SolidAngle(self.omega_pixel)
        if self.capture_fraction == 0.0 or is_renewed(plan.oversample_thick):
            parallax = dot_product(self.diffracted, as_vector(tile.odet))
            self.capture_fraction = absorbed_fraction(thick_tic, plan.detector_thickstep, plan.detector_mu, parallax)
            yield Absorption(parallax, self.capture_fraction)
        for source in range(plan.source_lambda.shape[0]):
            yield from self.source(source)
        if self.own_weights:
            self.pixel_weights += pixel_weight(plan, 1.0, *self.factors())

    def source(self, source):
        plan = self.plan
        incident = vector_at(plan.source_incident, source)
        scattering = scattering_vector(self.diffracted, incident, plan.source_lambda[source])
        beyond = beyond_dmin(scattering, plan.dmin)
        yield Source(source, incident, plan.source_lambda[source], plan.source_weight[source], scattering, bool(beyond))
        if beyond and not plan.keep_water_beyond_dmin:
            return
        if self.polar == 0.0 or is_renewed(plan.oversample_polar):
            yield self.polarization(unitize(incident))
        if beyond:
            return
        weight = step_weight(plan, plan.source_weight[source], scattering, *self.factors())
        yield from self.orientations(scattering, weight)
        self.slots = plan.phi_slot

    def polarization(self, incident):
        self.diffracted = unitize(self.diffracted)
        axis = vector_at(self.axis, self.axis_state)
        self.polar = polarization_factor(self.plan.polarization, incident, self.diffracted, axis)
        self.axis_state = self.axis_next[self.axis_state]
        return Polarization(incident, self.diffracted, axis, self.polar)

    def factors(self):
        return self.capture_fraction, self.polar, self.omega_pixel

    def orientations(self, scattering, weight):
        for phi_tic, slot in enumerate(self.slots):
            for mos_tic in range(self.plan.orientation.shape[1]):
                yield self.step(phi_tic, mos_tic, slot, scattering, weight)

    def step(self, phi_tic, mos_tic, slot, scattering, weight):
        plan = self.plan
        h, k, l = hkl = miller_indices(plan.orientation, slot, mos_tic, scattering)
        h0, k0, l0 = hkl0 = nearest_index(h), nearest_index(k), nearest_index(l)
        F_latt = lattice_factor(h, k, l, h0, k0, l0, plan.spot_axes, plan.Na, plan.Nb, plan.Nc, plan.fudge, plan.xtal_shape)
        F_cell, interpolated = None, False
        if F_latt != 0.0 or plan.has_water:
            F_cell, interpolated = self.structure_factor(hkl, hkl0)
            self.add(F_cell, F_latt, weight)
        vectors = plan.orientation[slot, mos_tic]
        return Step(phi_tic, mos_tic, int(slot), vectors, hkl, hkl0, F_latt, F_cell, interpolated, self.I)

    def structure_factor(self, hkl, hkl0):
        """F_cell, and whether it is interpolated; the first index out of range can end interpolation."""
        table = (self.plan.Fhkl, self.plan.h_min, self.plan.k_min, self.plan.l_min)
        if self.interpolate:
            if not interpolation_out_of_range(*hkl, *table):
                return F_tricubic(*hkl, *table), True
            self.interpolate = not self.plan.interpolation_latch
        return F_nearest(*hkl0, *table, self.plan.default_F), False

    def add(self, F_cell, F_latt, weight):
        self.I += F_cell * F_cell * F_latt * F_latt * weight
        self.I = weigh_running_sum(self.plan, self.I, *self.factors())

    def total(self):
        plan = self.plan
        if self.own_weights:
            self.I += mean_background(plan, self.pixel_weights)
        photons = weigh_final_sum(plan, R_E_SQR * plan.fluence * self.I / plan.steps, *self.factors())
        return Total(self.I, *self.factors(), float(photons))
