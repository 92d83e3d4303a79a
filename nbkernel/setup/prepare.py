"""From an Experiment (user's units) to a RenderPlan (SI units, arrays)."""

import math
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.input_files import input_files
from nbkernel.experiment.kept_inputs import KeptInputs
from nbkernel.geometry.detector import Detector
from nbkernel.geometry.lattice import Lattice
from nbkernel.geometry.region import shape_of
from nbkernel.io.factors.of_run import factors_of_run
from nbkernel.io.factors.scaled import all_scaled, scaled
from nbkernel.io.files.text import read_text
from nbkernel.io.reflections.reflections import Reflections, value_remarks
from nbkernel.kernels.physics.constants import (
    AVOGADRO,
    GAUSS,
    R_E_SQR,
    ROUND,
    SQUARE,
    TOPHAT,
    WATER_F,
    WATER_MW,
)
from nbkernel.kernels.plan import RenderPlan
from nbkernel.kernels.response.background import Scatter
from nbkernel.support.memory import require_memory

from .background import find_scatter, in_sensor, table_remarks
from .beam.beam import beam_fluence, find_beam, with_wavelength
from .beam.one_direction import with_one_source_per_direction
from .beam.resolution import finest_spacing
from .checks.active_quirks import active_quirks
from .checks.contradictions import unused_crystal_remarks, wavelength_remarks
from .crystal import Crystal, find_crystal, spot_axes, with_cell
from .headers import read_headers
from .orientations.lattices import turned_crystal
from .orientations.orientations import find_orientations, generator_seed
from .panels import place_detectors
from .region import rendered_region, require_image_memory, wanted_pixels
from .sampling import interpolation_on, oversampling
from .sensor import sensor_and_weights

SHORTEST_WAVELENGTH = 1e-100  # m; below it indices may overflow
# gauss_star differs from gauss in its spot_axes only
SHAPES = {"square": SQUARE, "round": ROUND, "gauss": GAUSS, "gauss_star": GAUSS, "tophat": TOPHAT}

ONE_LATTICE = Lattice()


@dataclass(frozen=True)
class Prepared:
    """One panel of a run, ready to render. `experiment` has the headers' values filled in; panels of a run share all arrays
    except `wanted`."""

    experiment: Experiment
    panel: int  # its number
    detector: Detector
    crystal: Crystal
    reflections: Reflections  # as they are rendered
    as_read: Reflections  # the same without the Experiment's B and scale
    plan: RenderPlan
    wanted: np.ndarray  # (slow, fast) bool: inside the ROI and not masked
    roi: tuple  # fast first, fast last, slow first, slow last, within the detector
    program_roi: tuple  # the same as in the program, whose last values may be past the edge
    wavelength: float  # m
    phi_start: float  # radians
    osc: float  # radians
    quirks: tuple  # names of the uncorrected quirks that change this run
    inputs: tuple  # InputFiles
    remarks: tuple  # warnings about inputs that may not be as intended
    scatter: Scatter | None  # what scatters beside the crystal; sources of one direction may be one
    scatter_by_source: Scatter | None  # the same, all sources apart
    shuffle: np.ndarray  # the random generator's shuffle table, used by the noise after misset and mosaic
    lattices: tuple = ()  # Prepared of the same panel for the further lattices, whose photons are added
    # where sources have structure factors of their own: Prepared for each table, whose photons add up to this lattice's
    parts: tuple = ()

    def added_up(self):
        """The Prepared with one lattice and one table each, whose photons add up to the panel's."""
        return [part for own in (self, *self.lattices) for part in own.parts or (own,)]


def prepare(experiment, default_seed):
    """The Prepared run of an Experiment with a single panel, see `prepare_panels`."""
    (prepared,) = prepare_panels(experiment, default_seed)
    return prepared


def prepare_panels(experiment, default_seed, kept=None):
    """Prepared for each panel of an Experiment; `default_seed` (int) seeds a random missetting without a seed.

    kept: the KeptInputs of a series of runs; None to read all files that the experiment names. Raises InputError for
    unusable values and files.
    """
    try:
        kept = KeptInputs() if kept is None else kept
        if experiment.lattices:
            return prepare_lattices(experiment, default_seed, kept)
        return prepare_values(experiment, default_seed, kept, ONE_LATTICE)
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"a value is far too large or too small to compute with ({error})") from error


def prepare_lattices(experiment, default_seed, kept):
    """The same of several lattices: those of the first, which have everything that scatters beside the crystals, and the
    others as their `lattices`."""
    found = []
    for number, lattice in enumerate(experiment.lattices):
        changes = lattice.changes() | ({"water": 0.0, "background": ()} if number else {})
        try:
            found.append(prepare_values(replace(experiment, lattices=(), **changes), default_seed, kept, lattice))
        except InputError as error:
            if not lattice.changes() and lattice.twin is None:
                raise
            raise InputError(f"--lattices: lattice {number}: {error}") from None
    stated = {name: getattr(experiment, name) for name in experiment.lattices[0].changes()}
    whole = replace(found[0][0].experiment, lattices=experiment.lattices, **stated)
    remarks = tuple(dict.fromkeys(line for runs in found for line in runs[0].remarks))
    return tuple(
        replace(first, experiment=whole, remarks=remarks, quirks=quirks_of((first, *others)), lattices=tuple(others))
        for first, *others in zip(*found, strict=True)
    )


def quirks_of(runs):
    """Names of the quirks that change any of Prepared runs."""
    return tuple(dict.fromkeys(name for prepared in runs for name in prepared.quirks))


def prepare_values(experiment, default_seed, kept, lattice):
    inputs = input_files(experiment)
    remarks = [*unused_crystal_remarks(experiment, kept)]
    mask, experiment, header_remarks = read_headers(experiment, kept)
    experiment = with_wavelength(experiment, kept)
    check_values(experiment)
    detectors = place_detectors(experiment)
    rois = [rendered_region(experiment, detector) for detector in detectors]
    require_image_memory(experiment, detectors, [roi for roi, _ in rois])
    regions = [
        (wanted_pixels(experiment, detector, mask, roi), roi, flags)
        for detector, (roi, flags) in zip(detectors, rois, strict=True)
    ]

    wavelength = (1.0 if experiment.wavelength is None else experiment.wavelength) / 1.0e10
    shuffle = np.zeros(33, np.int64)
    if experiment.misset == "random" and experiment.misset_seed is None:
        experiment = replace(experiment, misset_seed=default_seed)
    misset_seed = generator_seed(default_seed if experiment.misset_seed is None else experiment.misset_seed)
    find_beam_once = cache(lambda: find_beam(experiment, detectors[0], wavelength, kept))
    tables = factors_of_run(
        experiment,
        kept,
        lambda: find_beam_once().energies * 1e10,
        lambda: finest_spacing(detectors, [roi for roi, _ in rois], find_beam_once().sources),
        DEFAULTS,
    )
    first = find_beam_once().energy[0] if len(tables) > 1 else 0
    reflections = tables[first]
    experiment = with_cell(experiment, reflections.file)
    remarks += [*header_remarks, *reflections.remarks, *value_remarks("-default_F", np.float64(experiment.default_F))]
    crystal, crystal_remarks = find_crystal(
        experiment, detectors[0], wavelength, reflections.file, misset_seed, shuffle, inputs, kept
    )
    crystal = turned_crystal(crystal, lattice)
    as_read, tables = reflections, scaled_tables(experiment, tables, crystal, kept)
    reflections = tables[first]
    if experiment.stol is not None:
        kept.get("-stol", experiment.stol, read_text, "-stol", experiment.stol)
        path = experiment.stol
        remarks.append(f"-stol {path}: has no effect, as in nanoBragg.c; --background {path} adds what it scatters")
    beam = find_beam_once()
    remarks += [*crystal_remarks, *wavelength_remarks(experiment, beam.sources.wavelength, wavelength)]
    orientations = find_orientations(experiment, crystal, detectors[0].spindle_vector, shuffle, kept)
    oversample = oversampling(experiment, crystal, detectors, wavelength)
    owners = experiment.panels or (experiment,)
    sensors = [sensor_and_weights(experiment, owner) for owner in owners]
    if experiment.oversample_omega:
        subpixels = oversample * oversample * max(sensor["detector_thicksteps"] for sensor in sensors)
        longest = max(shape_of(roi)[1] for roi, _ in rois)
        require_memory(8 * longest * subpixels, "-oversample_omega", "the solid angles of one row's sub-pixels")
    shared = {
        **beam_terms(experiment, beam, lattice.fraction),
        **crystal_terms(experiment, crystal, orientations, beam),
        **reflection_terms(experiment, reflections),
        **sampling_terms(experiment, beam, orientations, oversample),
    }
    plans = [RenderPlan(**shared, **sensor) for sensor in sensors]
    by_source = find_scatter(experiment, beam, shared["fluence"], detectors[0].polar_vector, kept)
    remarks += table_remarks(experiment, detectors, [roi for roi, _ in rois], beam.sources, kept)
    scatter = (
        with_one_source_per_direction(by_source, sum(d.fpixels * d.spixels for d in detectors))
        if by_source is not None
        else None
    )
    runs = (
        Prepared(
            experiment, number, detector, crystal, reflections, as_read, plan, *region, wavelength, orientations.phi_start,
            orientations.osc,
            active_quirks(
                experiment, plan, owner, detector, orientations.angles, orientations.osc, beam.given_weight, mask
            ),
            kept.as_read(inputs), tuple(remarks), in_sensor(scatter, sensor), in_sensor(by_source, sensor), shuffle,
        )
        for number, (detector, plan, owner, sensor, region) in enumerate(
            zip(detectors, plans, owners, sensors, regions, strict=True)
        )
    )  # fmt: skip
    changes = changes_by_table(experiment, tables, beam, shared)
    return tuple(replace(run, parts=parts_of(run, changes)) if changes else run for run in runs)


def changes_by_table(experiment, tables, beam, shared):
    """[(Reflections, {field of the plan: value})] for each of the tables that sources of a Beam have; empty if all have the
    same. shared: the plan's fields."""
    groups = {}
    for source, number in enumerate(beam.energy if len(tables) > 1 else ()):
        groups.setdefault(id(tables[number]), (tables[number], []))[1].append(source)
    found = []
    for table, own in groups.values() if len(groups) > 1 else ():
        sources = {
            name: np.ascontiguousarray(shared[name][own]) for name in ("source_incident", "source_lambda", "source_weight")
        }
        # what is there once belongs to the first
        rest = {"I_bg": 0.0, "has_water": False, "keep_water_beyond_dmin": False, "phi_slot_first": shared["phi_slot"]}
        found.append((table, {**sources, **reflection_terms(experiment, table), **(rest if found else {})}))
    return found


def parts_of(run, changes):
    """The Prepared panel for each table of structure factors; their images add up to the panel's. changes: see
    `changes_by_table`."""
    return tuple(
        replace(run, plan=run.plan._replace(**fields), reflections=table, scatter=None if number else run.scatter)
        for number, (table, fields) in enumerate(changes)
    )


def check_values(experiment):
    """Raises InputError for an impossible value of beam, crystal or sampling."""
    wavelength = experiment.wavelength
    if wavelength is not None and not 0.0 < wavelength < math.inf:
        raise InputError(f"-lambda, -energy: a wavelength of {wavelength:g} Angstrom is impossible")
    if experiment.flux != 0.0 and experiment.beamsize == 0.0:
        raise InputError("-beamsize: 0 mm makes the fluence of a -flux infinite; give a size greater than 0")
    if (experiment.mosaic_spread or 0.0) > 1e6:
        raise InputError(f"-mosaic: a spread of {experiment.mosaic_spread:g} degrees is absurd; 90 is a powder")
    fractions = [N for N in (experiment.Na, experiment.Nb, experiment.Nc) if N != round(N)]
    if any(N < 1.0 for N in fractions):
        raise InputError(f"-N: needs at least 1 cell along each edge, not {min(fractions):.15g}")
    if fractions and experiment.xtal_shape == "square":
        raise InputError(
            f"-N: a square crystal has whole cells, not {fractions[0]:.15g}; give a whole number, or another shape: round, "
            "gauss, gauss_star or tophat"
        )
    if (experiment.oversample or 0) > 10000:
        raise InputError(f"-oversample: {experiment.oversample} sub-pixels per edge is absurd; need at most 10000")


def scaled_tables(experiment, tables, crystal, kept):
    """The Reflections with the Experiment's B factor and scale; a tuple. Raises InputError for impossible ones."""
    B, scale = experiment.B, experiment.spot_scale
    if not scale > 0.0:
        raise InputError(f"--spot-scale: needs a number greater than 0, not {scale:g}")
    if B != 0.0 and experiment.default_F != 0.0:
        raise InputError("--B: -default_F has no B factor, as it is no reflection's; give -hkl FILE without it")
    if (B == 0.0 and scale == 1.0) or not tables[0].count:
        return tables
    star = np.array([crystal.a_star, crystal.b_star, crystal.c_star])
    # rounded, so that all orientations share it
    settings = tuple((star @ star.T).round(14).ravel().tolist()), B, scale
    if len(tables) == 1:
        found = (kept.derived(scaled, tables[0], *settings),)
    else:
        found = kept.derived(all_scaled, tables, *settings)
    if not all(np.isfinite(table.F).all() for table in found):
        raise InputError(f"--B: {B:g} A^2 makes structure factors too large to compute with")
    return found


def beam_terms(experiment, beam, fraction):
    """Fields of the plan for a Beam. fraction: that of a Lattice, a weight of all its steps."""
    return dict(
        source_incident=np.ascontiguousarray(beam.sources.incident),
        source_lambda=beam.sources.wavelength,
        source_weight=beam.weight if fraction == 1.0 else fraction * beam.weight,
        fluence=beam_fluence(experiment),
        polarization=float(experiment.polarization),
        nopolar=experiment.nopolar,
    )


def crystal_terms(experiment, crystal, orientations, beam):
    """Fields of the plan for a Crystal in its Orientations."""
    return dict(
        orientation=orientations.table,
        phi_vectors=orientations.phi_vectors,
        mosaic_umats=orientations.mosaic_umats,
        phi_slot=orientations.phi_slot,
        phi_slot_first=orientations.phi_slot_first,
        spot_axes=np.array(spot_axes(experiment, crystal), np.float64),
        Na=crystal.Na,
        Nb=crystal.Nb,
        Nc=crystal.Nc,
        fudge=float(experiment.fudge),
        xtal_shape=SHAPES[experiment.xtal_shape],
        F_latt_is_finite=experiment.fudge >= 0.0 and bool((beam.sources.wavelength > SHORTEST_WAVELENGTH).all()),
    )


def reflection_terms(experiment, reflections):
    """Fields of the plan for F_cell."""
    return dict(
        Fhkl=np.ascontiguousarray(reflections.F),
        h_min=reflections.h_min,
        k_min=reflections.k_min,
        l_min=reflections.l_min,
        default_F=float(experiment.default_F) * math.sqrt(experiment.spot_scale),
        interpolate=interpolation_on(experiment) and reflections.count > 0,
        interpolation_latch="interpolation" not in experiment.fix,
        dmin=experiment.dmin * 1e-10,
    )


def sampling_terms(experiment, beam, orientations, oversample):
    """Fields of the plan for the number of steps and the water background, which depends on it."""
    slots, domains = len(orientations.angles), len(orientations.mosaic_umats)
    steps = len(beam.sources.wavelength) * domains * slots * oversample * oversample
    has_water = experiment.water != 0.0
    return dict(
        I_bg=water_background(experiment, steps),
        has_water=has_water,
        keep_water_beyond_dmin="dmin" in experiment.fix and has_water,
        oversample=oversample,
        steps=float(steps),
    )


def water_background(experiment, steps):
    """Background in the units of F_cell^2 F_latt^2: scattering of a cube of water (density 1 g/cm^3).

    The program multiplies by r_e^2 fluence here and again at the end, and divides by the steps; corrected, it is scaled
    only at the end.
    """
    size = experiment.water / 1e6
    if "water" in experiment.fix:
        return WATER_F * WATER_F * size * size * size * 1e6 * AVOGADRO / WATER_MW * steps
    fluence = beam_fluence(experiment)
    return WATER_F * WATER_F * R_E_SQR * fluence * size * size * size * 1e6 * AVOGADRO / WATER_MW
