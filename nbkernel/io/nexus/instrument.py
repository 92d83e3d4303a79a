"""NXinstrument of a NeXus file: the detector's panels and the beam."""

import math

import numpy as np

import nbkernel
from nbkernel.geometry.direct_beam import direct_beam
from nbkernel.io.hdf5.tree import add_axis, add_field, add_group

# DIALS divides by it; thin enough for no parallax
IDEAL_THICKNESS = 1e-9  # m
UNKNOWN_MATERIAL = "Si"
SPECTRUM = "incident_wavelength_1Dspectrum"  # the name that dxtbx writes
Z_AXIS = "/entry/instrument/detector/transformations/detector_z"


def panel_origins(shapes):
    """First row of each panel if all are stacked along slow."""
    return np.cumsum([0, *(slow for slow, _ in shapes)])[:-1].tolist()


def stacked_shape(shapes):
    """(slow, fast) of all panels stacked along slow, each in its own width. A frame has no dimension of panels, since DIALS
    (dxtbx) reads only modules of two dimensions."""
    return sum(slow for slow, _ in shapes), max(fast for _, fast in shapes)


def add_detector(instrument, runs, to_mcstas, frames=1):
    """The NXdetector of all panels, one NXdetector_module each, without data, mask and saturation. frames: their number."""
    first = runs[0].detector
    group = add_group(instrument, "detector", "NXdetector")
    add_field(group, "description", "simulated by nbkernel")
    add_field(group, "type", "pixel")
    # of the first panel, for programs that know only one size
    for name in ("x_pixel_size", "y_pixel_size"):
        add_field(group, name, first.pixel_size, "m")
    exposure = float(runs[0].experiment.exposure)
    for name in ("count_time", "frame_time"):
        add_field(group, name, exposure, "s")
    if len(runs) == 1:
        add_beam_centre(group, first)
    add_sensor(group, runs[0])

    # along the beam to the first panel's corner; from there each module has its own offset
    corners = [to_mcstas @ np.array(run.detector.pix0_vector) for run in runs]
    along = float(corners[0][2])
    add_field(group, "depends_on", Z_AXIS)
    transformations = add_group(group, "transformations", "NXtransformations")
    add_axis(transformations, "detector_z", np.array([along]), "m", "translation", (0.0, 0.0, 1.0), ".")
    shapes = [run.wanted.shape for run in runs]
    for run, corner, start in zip(runs, corners, panel_origins(shapes), strict=True):
        # names in the order of the panels: readers sort them
        name = "module" if len(runs) == 1 else f"module_{run.panel:05d}"
        add_module(group, name, run.detector, to_mcstas, corner - (0.0, 0.0, along), start)

    specific = add_group(group, "detectorSpecific", "NXcollection")
    add_field(specific, "nimages", frames)
    add_field(specific, "ntrigger", 1)
    add_field(specific, "x_pixels_in_detector", max(fast for _, fast in shapes))
    add_field(specific, "y_pixels_in_detector", sum(slow for slow, _ in shapes))
    add_field(specific, "software_version", f"nbkernel {nbkernel.__version__}")
    return group


def add_beam_centre(group, detector):
    """Distance along the beam, and the point where it meets the panel, if it does."""
    beam = direct_beam(detector)
    if beam is None or not math.isfinite(detector.distance) or detector.distance <= 0.0:
        return
    add_field(group, "distance", detector.distance, "m")
    for name, value in zip(("beam_center_x", "beam_center_y"), beam, strict=True):
        add_field(group, name, value, "pixel")


def add_sensor(group, run):
    """The first panel's sensor: NeXus has one for all panels."""
    material = getattr(run.experiment.panels[run.panel], "material", "") if run.experiment.panels else ""
    note = {} if material else {"note": "not given; a file must name one"}
    add_field(group, "sensor_material", material or UNKNOWN_MATERIAL, **note)
    thick = run.plan.detector_thick
    note = {} if thick > 0.0 else {"note": "an ideal detector without depth; a file must give one"}
    add_field(group, "sensor_thickness", thick if thick > 0.0 else IDEAL_THICKNESS, "m", **note)


def add_module(group, name, detector, to_mcstas, offset, first_row):
    """One panel. offset: of its first pixel's corner from the detector's z axis (m, in McStas's frame)."""
    module = add_group(group, name, "NXdetector_module")
    add_field(module, "data_origin", np.array([first_row, 0]))
    add_field(module, "data_size", np.array([detector.spixels, detector.fpixels]))
    length = math.hypot(*offset)  # squares may overflow
    direction = offset / length if length > 0.0 else (1.0, 0.0, 0.0)
    add_axis(module, "module_offset", np.array([length]), "m", "translation", direction, Z_AXIS)
    for axis, vector in (("fast", detector.fdet_vector), ("slow", detector.sdet_vector)):
        add_axis(
            module, f"{axis}_pixel_direction", np.array([detector.pixel_size]), "m", "translation",
            to_mcstas @ np.array(vector), f"{module.name}/module_offset",
        )  # fmt: skip


def add_beam(instrument, run, to_mcstas, wavelengths=None, fluences=None):
    """NXbeam: wavelength, spectrum, fluence, polarisation, spread of directions. wavelengths (Angstrom), fluences (1/m^2):
    of each frame, or of all; None for the run's."""
    experiment, plan = run.experiment, run.plan
    beam = add_group(instrument, "beam", "NXbeam")
    if wavelengths is None:
        add_wavelength(beam, *spectrum(plan))
    else:
        add_field(beam, "incident_wavelength", wavelengths, "angstrom")
    add_field(beam, "flux_integrated", float(plan.fluence) if fluences is None else fluences, "1/m^2")
    if experiment.flux != 0.0:
        add_field(beam, "total_flux", float(experiment.flux), "Hz")
        add_field(beam, "incident_beam_size", np.full(2, experiment.beamsize / 1000.0), "m")
        add_field(beam, "profile", "rectangular")
    if not plan.nopolar:
        # x is along the electric field, along which the Kahn factor counts
        add_field(beam, "incident_polarization_stokes", np.array([[1.0, plan.polarization, 0.0, 0.0]]), "1")
    directions = plan.source_incident @ to_mcstas.T
    spread = np.degrees(weighted_spread(np.arctan2(directions[:, :2], directions[:, 2:]), plan.source_weight))
    if spread.any():
        add_field(beam, "incident_beam_divergence", spread[np.newaxis], "deg")


def add_wavelength(beam, wavelengths, weights):
    """The wavelength; for a spectrum the mean, with the spectrum as its variant. dxtbx, at least, would take an array in its
    place for one wavelength per image."""
    if len(wavelengths) == 1:
        add_field(beam, "incident_wavelength", wavelengths[0], "angstrom")
        return
    longest = wavelengths[-1]
    mean = longest * np.average(wavelengths / longest, weights=weights if weights.sum() > 0.0 else None)
    add_field(beam, "incident_wavelength", mean, "angstrom", variant=SPECTRUM)
    add_field(beam, SPECTRUM, wavelengths, "angstrom")
    add_field(beam, f"{SPECTRUM}_weights", weights)


def spectrum(plan):
    """Sorted distinct wavelengths (Angstrom), and the sums of their sources' weights."""
    wavelengths, which = np.unique(plan.source_lambda, return_inverse=True)
    return wavelengths * 1e10, np.bincount(which.ravel(), plan.source_weight)


def weighted_spread(values, weight):
    """Standard deviation of each column of the (n, m) array `values`."""
    deviation = values - np.average(values, axis=0, weights=weight)
    # differences in the last bits count as none
    deviation[np.abs(deviation) < 1e-14] = 0.0
    return np.sqrt(np.average(deviation**2, axis=0, weights=weight))
