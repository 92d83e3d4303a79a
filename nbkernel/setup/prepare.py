"""From an Experiment (user's units) to a RenderPlan (SI units, arrays): all that is decided before the first pixel."""

import math
from dataclasses import dataclass, replace

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.input_files import input_files
from nbkernel.geometry.detector import Detector
from nbkernel.io.files.text import read_text
from nbkernel.io.reflections.reflections import Reflections, value_remarks
from nbkernel.io.reflections.structure_factors import find_reflections
from nbkernel.io.tables.columns import read_columns
from nbkernel.kernels.physics.constants import (
    AVOGADRO,
    GAUSS,
    R_E_SQR,
    ROUND,
    RTD,
    SQUARE,
    TOPHAT,
    WATER_F,
    WATER_MW,
)
from nbkernel.kernels.physics.plan import RenderPlan
from nbkernel.setup.checks.contradictions import cell_lines, matrix_lines, unused_crystal_lines, wavelength_lines
from nbkernel.support.memory import require_memory

from .checks.active_quirks import active_quirks
from .crystal import Crystal, build_crystal
from .headers import read_headers
from .matrices import find_orientation, matrix_of
from .orientations import generator_seed, mosaic_umats, orientation_table
from .panels import place_detectors, sampled_distance
from .sampling import mosaic_sampling, phi_angles, phi_sweep, recommended_oversample, sensor_layers
from .sources import counted_sources, generated_sources, sources_from_rows

SHORTEST_WAVELENGTH = 1e-100  # m; below it indices may overflow
SHAPES = {"square": SQUARE, "round": ROUND, "gauss": GAUSS, "tophat": TOPHAT}


@dataclass(frozen=True)
class Prepared:
    """One panel of a run, ready to render. `experiment` has the headers' values filled in; panels of a run share all arrays
    but `wanted`."""

    experiment: Experiment
    panel: int  # its number
    detector: Detector
    crystal: Crystal
    reflections: Reflections
    plan: RenderPlan
    wanted: np.ndarray  # (slow, fast) bool: inside the ROI and not masked
    roi: tuple  # fast first, fast last, slow first, slow last, within the detector
    roi_flags: tuple  # the same as the program counts it, last values possibly past the edge
    wavelength: float  # m
    phi0: float  # radians
    osc: float  # radians
    quirks: tuple  # names of the uncorrected quirks that change this run
    inputs: tuple  # InputFiles
    remarks: tuple  # lines about inputs that may not be what was meant
    shuffle: np.ndarray  # the random generator's shuffle table, used by the noise after misset and mosaic


def prepare(experiment, default_seed):
    """The Prepared run of an Experiment with a single panel, see `prepare_panels`."""
    (prepared,) = prepare_panels(experiment, default_seed)
    return prepared


def prepare_panels(experiment, default_seed):
    """Prepared for each panel of an Experiment; `default_seed` (int) seeds a random missetting that has no seed of its own.

    Reads the files that the experiment names. Raises InputError for whatever cannot be used.
    """
    try:
        return prepare_values(experiment, default_seed)
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"a value is far too large or too small to compute with ({error})") from error


def prepare_values(experiment, default_seed):
    inputs = input_files(experiment)
    remarks = [*unused_crystal_lines(experiment)]
    mask, experiment, header_remarks = read_headers(experiment)
    check_values(experiment)
    detectors = place_detectors(experiment)
    detector = detectors[0]
    parts = [wanted_pixels(experiment, placed, mask) for placed in detectors]

    wavelength = (1.0 if experiment.wavelength is None else experiment.wavelength) / 1.0e10
    shuffle = np.zeros(33, np.int64)
    if experiment.misset == "random" and experiment.misset_seed is None:
        experiment = replace(experiment, misset_seed=default_seed)
    misset_seed = generator_seed(default_seed if experiment.misset_seed is None else experiment.misset_seed)
    reflections = find_reflections(experiment)
    experiment = with_cell(experiment, reflections.file)
    orientation, matrix, matrix_name = find_orientation(experiment, inputs), None, "mat"
    remarks += [*header_remarks, *reflections.remarks]
    remarks += value_remarks("-default_F", np.float64(experiment.default_F))
    if orientation is not None:
        matrix, matrix_name = matrix_of(orientation, experiment, wavelength, detector), orientation.name
        remarks += matrix_lines(experiment, orientation, matrix, wavelength)
    crystal = build_crystal(experiment, wavelength, matrix, misset_seed, shuffle, matrix_name)
    remarks += cell_lines(experiment, orientation, crystal, reflections.file)
    if experiment.stol is not None:
        read_text("-stol", experiment.stol)
    sources = find_sources(experiment, detector, wavelength)
    weight = sources.weight
    weighted = experiment.sourcefile is not None and "weights" in experiment.fix
    if weighted:
        sources = counted_sources(sources, experiment.sourcefile)
    remarks += wavelength_lines(experiment, sources.wavelength, wavelength)
    phi = spindle_sweep(experiment)
    phi0 = (0.0 if experiment.phi is None else experiment.phi) / RTD
    domains, spread = mosaic_sampling(
        experiment.mosaic_domains, None if experiment.mosaic_spread is None else experiment.mosaic_spread / RTD
    )
    require_memory((phi.steps + 1) * domains * 72, "-mosaic_domains, -phisteps", "the table of orientations")
    umats = mosaic_umats(domains, spread, experiment.mosaic_seed, shuffle)
    angles = phi_angles(phi0, phi, "phi_steps" in experiment.fix)
    orientations, phi_vectors, phi_slot, phi_slot_first = orientation_table(
        crystal, detector.spindle_vector, angles, umats, spread, "phi0" in experiment.fix
    )
    oversample = experiment.oversample
    if oversample is None or oversample <= 0:
        oversample = max(
            recommended_oversample(max(crystal.size), wavelength * sampled_distance(experiment, placed) / placed.pixel_size)
            for placed in detectors
        )
    owners = experiment.panels or (experiment,)
    sensors = [sensor_and_weights(experiment, owner) for owner in owners]
    if experiment.oversample_omega:
        subpixels = oversample * oversample * max(sensor["detector_thicksteps"] for sensor in sensors)
        longest = max(placed.fpixels for placed in detectors)
        require_memory(8 * longest * subpixels, "-oversample_omega", "the solid angles of one row's sub-pixels")
    steps = len(sources.wavelength) * domains * phi.steps * oversample * oversample
    plan = RenderPlan(
        source_incident=np.ascontiguousarray(sources.incident),
        source_lambda=sources.wavelength,
        source_weight=sources.weight if weighted else np.ones_like(sources.weight),
        fluence=beam_fluence(experiment),
        polarization=float(experiment.polarization),
        nopolar=experiment.nopolar,
        orientation=orientations,
        phi_vectors=phi_vectors,
        mosaic_umats=np.array(umats, np.float64),
        phi_slot=phi_slot,
        phi_slot_first=phi_slot_first,
        recip=np.array(crystal.a_star + crystal.b_star + crystal.c_star, np.float64),
        Na=crystal.Na,
        Nb=crystal.Nb,
        Nc=crystal.Nc,
        fudge=float(experiment.fudge),
        xtal_shape=SHAPES[experiment.xtal_shape],
        F_latt_is_finite=experiment.fudge >= 0.0 and bool((sources.wavelength > SHORTEST_WAVELENGTH).all()),
        Fhkl=np.ascontiguousarray(reflections.F),
        h_min=reflections.h_min,
        k_min=reflections.k_min,
        l_min=reflections.l_min,
        default_F=float(experiment.default_F),
        interpolate=interpolation_on(experiment) and reflections.count > 0,
        interpolation_latch="interpolation" not in experiment.fix,
        I_bg=water_background(experiment, steps),
        has_water=experiment.water != 0.0,
        keep_water_beyond_dmin="dmin" in experiment.fix and experiment.water != 0.0,
        dmin=experiment.dmin * 1e-10,
        oversample=oversample,
        steps=float(steps),
        **sensors[0],
    )
    plans = [plan._replace(**sensor) for sensor in sensors]
    return tuple(
        Prepared(
            experiment, number, placed, crystal, reflections, own, *part, wavelength, phi0, phi.span,
            active_quirks(experiment, own, owner, placed, angles, phi.span, weight, mask), inputs, tuple(remarks), shuffle,
        )
        for number, (placed, own, owner, part) in enumerate(zip(detectors, plans, owners, parts, strict=True))
    )  # fmt: skip


def with_cell(experiment, file):
    """The experiment with the cell of an MTZ or mmCIF file (None for a table) where it has neither cell nor matrix.

    Raises InputError where that one has none either.
    """
    if experiment.cell is not None or experiment.mat is not None:
        return experiment
    if file is None or file.cell is None:
        without = "" if file is None else f"; {file.path} has none that can be used"
        raise InputError(f"no unit cell: give -cell a b c alpha beta gamma, or -mat FILE{without}")
    return experiment.with_header({"cell": file.cell})


def check_values(experiment):
    """Raises InputError for a beam, cell or sampling value that cannot be."""
    wavelength = experiment.wavelength
    if wavelength is not None and not 0.0 < wavelength < math.inf:
        raise InputError(f"-lambda, -energy: a wavelength of {wavelength:g} Angstrom is impossible")
    if experiment.flux != 0.0 and experiment.beamsize == 0.0:
        raise InputError("-beamsize: 0 mm makes the fluence of a -flux infinite; give a size greater than 0")
    if (experiment.mosaic_spread or 0.0) > 1e6:
        raise InputError(f"-mosaic: a spread of {experiment.mosaic_spread:g} degrees is absurd; 90 is a powder")
    if (experiment.oversample or 0) > 10000:
        raise InputError(f"-oversample: {experiment.oversample} sub-pixels per edge is absurd; at most 10000")


def wanted_pixels(experiment, detector, mask):
    """(slow, fast) bool of the pixels to render, and the ROI within the detector and as the program counts it.

    Raises InputError where the ROI holds no pixel or the mask is too small.
    """
    fpixels, spixels = detector.fpixels, detector.spixels
    xmin, xmax, ymin, ymax = experiment.roi
    flags = (max(xmin, 0), fpixels if xmax < 0 else xmax, max(ymin, 0), spixels if ymax < 0 else ymax)
    roi = (flags[0], min(flags[1], fpixels - 1), flags[2], min(flags[3], spixels - 1))
    if roi[0] > roi[1] or roi[2] > roi[3]:
        raise InputError(
            f"-roi: {' '.join(str(edge) for edge in experiment.roi)} holds no pixel of the {fpixels} x {spixels} "
            "detector; give fast first, fast last, slow first, slow last"
        )
    wanted = np.zeros((spixels, fpixels), np.bool_)
    wanted[roi[2] : roi[3] + 1, roi[0] : roi[1] + 1] = True
    if mask is not None:
        if mask.pixels.size < fpixels * spixels:
            raise InputError(
                f"-mask {experiment.mask}: has {mask.width} x {mask.height} pixels, the detector has "
                f"{fpixels} x {spixels}; need a mask of at least as many"
            )
        # by position in the file, whatever the mask's own width
        misread = mask.program_pixels is not None and "mask" not in experiment.fix
        pixels = mask.program_pixels if misread else mask.pixels
        wanted &= pixels[: fpixels * spixels].reshape(spixels, fpixels) != 0
    return wanted, roi, flags


def find_sources(experiment, detector, wavelength):
    if experiment.sourcefile is not None:
        rows = read_columns("-sourcefile", experiment.sourcefile, 5)
        return sources_from_rows(rows, wavelength, detector.beam_vector, experiment.sourcefile)
    return generated_sources(experiment, wavelength, detector.beam_vector, detector.polar_vector, detector.vert_vector)


def beam_fluence(experiment):
    """photons/m^2; a flux, where given, wins over a fluence."""
    beamsize = experiment.beamsize / 1000
    if experiment.flux != 0.0 and experiment.exposure > 0.0 and beamsize >= 0:
        return experiment.flux * experiment.exposure / beamsize / beamsize
    return float(experiment.fluence)


def spindle_sweep(experiment):
    def radians(value):
        return None if value is None else value / RTD

    sweep = phi_sweep(experiment.phisteps, radians(experiment.osc), radians(experiment.phistep))
    if sweep.steps < 1:
        raise InputError(
            f"-phistep: steps of {experiment.phistep:g} deg over a range of {experiment.osc:g} deg (-osc, or OSC_RANGE in a "
            "header) make no usable number of phi steps"
        )
    return sweep


def interpolation_on(experiment):
    """The user's choice, else on where the crystal is at most two cells wide (by -N, not by -xtalsize)."""
    if experiment.interpolate is not None:
        return experiment.interpolate
    return experiment.Na <= 2 or experiment.Nb <= 2 or experiment.Nc <= 2


def water_background(experiment, steps):
    """Background in the units of F_cell^2 F_latt^2: scattering of a cube of water (density 1 g/cm^3).

    The program multiplies by r_e^2 fluence here and again at the end, and divides by the steps; corrected, only what
    is done at the end counts.
    """
    size = experiment.water / 1e6
    if "water" in experiment.fix:
        return WATER_F * WATER_F * size * size * size * 1e6 * AVOGADRO / WATER_MW * steps
    fluence = beam_fluence(experiment)
    return WATER_F * WATER_F * R_E_SQR * fluence * size * size * size * 1e6 * AVOGADRO / WATER_MW


def sensor_and_weights(experiment, owner):
    """Fields of the plan for the sensor's layers and for how its factors weigh the sum. owner: the Panel, or the
    Experiment itself, that tells of the sensor."""
    depth = owner.detector_abs
    if depth is None:
        mu = None
    else:
        if abs(depth) < 1e-300 and depth != 0.0:
            raise InputError(f"-detector_abs: {depth:g} um is not an attenuation depth; give inf for none")
        mu = 0.0 if depth == 0.0 or math.isinf(depth) else 1.0 / (depth * 1e-6)
    fix_thickness = "thickness" in experiment.fix
    sensor = sensor_layers(owner.detector_thick * 1e-6, owner.detector_thicksteps, mu, fix_thickness)
    thick, polar, omega = experiment.oversample_thick, experiment.oversample_polar, experiment.oversample_omega
    corrected = "oversample" in experiment.fix
    if corrected:
        thick = thick and sensor.thick > 0.0
        polar = polar and not experiment.nopolar
    return dict(
        detector_thick=sensor.thick,
        detector_thickstep=sensor.thickstep,
        detector_thicksteps=sensor.layers,
        detector_mu=sensor.mu,
        oversample_thick=thick,
        oversample_polar=polar,
        oversample_omega=omega,
        running_thick=thick and not corrected,
        running_polar=polar and not corrected,
        running_omega=omega and not corrected,
        own_thick=(thick and corrected) or (fix_thickness and sensor.layers > 1 and not thick),
        own_polar=polar and corrected,
        own_omega=omega and corrected,
    )
