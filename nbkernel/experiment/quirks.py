"""Where nanoBragg.c surprises: the names of the fixes, what is said of them, and which of
them change a run."""

from nbkernel.errors import InputError
from nbkernel.geometry.unit_cell import is_distorted
from nbkernel.kernels.physics.vectors import magnitude
from nbkernel.setup.sampling import divergence_sweeps, is_centred

# name: (what the program does, what the fix does)
QUIRKS = {
    "phi0": (
        "a step at phi = 0 uses the orientation of the step before it",
        "phi = 0 means the unrotated crystal",
    ),
    "oversample": (
        "-oversample_thick, _polar and _omega multiply the running sum after every step",
        "each step's term is weighted by its own factor",
    ),
    "thickness": (
        "all sensor layers are scaled by the last one's capture fraction, and N layers are thick/(N-1) deep",
        "each layer has its own capture fraction, N layers are thick/N deep, no absorption captures all",
    ),
    "interpolation": (
        "the first index outside the table switches interpolation off for the rest of the run",
        "only that step falls back to the nearest neighbour",
    ),
    "cell": (
        "a triclinic -cell is rendered with other angles than given, by tenths of a degree where they are far from 90",
        "it has the angles given",
    ),
    "misset": (
        "-misset random does not draw orientations uniformly",
        "the orientation is uniform over all rotations",
    ),
    "weights": (
        "the weights in the source file are ignored",
        "each source counts by its weight",
    ),
    "water": (
        "the water background is scaled by r_e^2 fluence twice and divided by the steps",
        "it is scaled once",
    ),
    "vectors": (
        "-odet_vector, -twotheta_axis and -pix0_vector are not taken as given",
        "they are normalised and honoured",
    ),
    "dmin": (
        "pixels beyond -dmin lose their water background",
        "they keep it",
    ),
    "mask": (
        "the pixels of a mask whose header is longer than it states are taken from within the header",
        "they are taken from where they begin",
    ),
    "phi_steps": (
        "the phi steps stand at the beginning of their parts of -osc",
        "they stand in the middle",
    ),
    "divergence": (
        "the sources of this divergence do not lie about the beam",
        "they do, the same step apart",
    ),
    "behind": (
        "a detector that the sample sees from behind gets negative photons",
        "its solid angle is positive",
    ),
    "adc": (
        "counts below 0 of the noise image, by a negative -adc, come out as 65536 more",
        "they are 0",
    ),
}


def parse_fixes(option, text):
    """Set of fix names from 'name[,name...]' or 'all'. Raises InputError, led by `option`, for an unknown name."""
    names = {name.strip() for name in text.split(",") if name.strip()}
    if not names:
        raise InputError(f"{option}: needs one or more of {', '.join(QUIRKS)}, or all")
    return fix_names(option, names)


def fix_names(option, names):
    """Set of fix names, `all` standing for every one. Raises InputError, led by `option`, for an unknown name."""
    if "all" in names:
        return frozenset(QUIRKS)
    for name in sorted(names):
        if name not in QUIRKS:
            raise InputError(f"{option}: there is no fix '{name}'; there are {', '.join(QUIRKS)}, and all")
    return frozenset(names)


def warning(name):
    """One line that says what a quirk does to this run and how to correct it."""
    return f"as nanoBragg.c does, {QUIRKS[name][0]} (--fix {name}: {QUIRKS[name][1]})"


def active_quirks(experiment, plan, sensor, detector, angles, osc, weight, mask=None):
    """Names of the quirks that change this run and are not corrected (but for interpolation, which only the rendering can
    tell, and adc, which only the noise can). sensor: the Panel, or the Experiment itself, that tells of it; angles: of the phi
    steps, osc: their range (radians); weight: of all sources; mask: its SMVImage or None."""
    water = experiment.water != 0.0
    several_terms = plan.steps > 1 or plan.detector_thicksteps > 1
    active = {
        "phi0": any(phi == 0.0 and slot != 0 for phi, slot in zip(angles, plan.phi_slot, strict=True)),
        "oversample": plan.running_thick
        or ((plan.running_polar or plan.running_omega) and several_terms)
        or (plan.running_polar and experiment.nopolar),
        "thickness": plan.detector_thick > 0.0 and (not plan.oversample_thick or sensor.detector_thicksteps is not None),
        "cell": experiment.cell is not None and experiment.mat is None and is_distorted(experiment.cell),
        "misset": experiment.misset == "random",
        "weights": not (weight == weight[0]).all() or not weight[0] > 0.0,
        "water": water,
        "vectors": experiment.convention == "custom" and not experiment.panels and ignores_vectors(experiment),
        "dmin": experiment.dmin > 0.0 and water and not experiment.nopolar and not plan.oversample_polar,
        "mask": mask is not None and mask.is_misread(),
        "phi_steps": osc > 0.0,
        "divergence": not are_centred(experiment),
        "behind": detector.close_distance < 0.0 and (not detector.point_pixel or plan.detector_thick > 0.0),
    }
    return tuple(name for name, changes in active.items() if changes and name not in experiment.fix)


def are_centred(experiment):
    """Whether the sources of a divergence lie about the beam."""
    return experiment.sourcefile is not None or all(map(is_centred, divergence_sweeps(experiment)))


def ignores_vectors(experiment):
    """True where a given vector is not taken as given."""
    odet = experiment.odet_vector
    return (
        (odet is not None and magnitude(odet) != 1.0)
        or experiment.twotheta_axis is not None
        or experiment.pix0_vector is not None
    )
