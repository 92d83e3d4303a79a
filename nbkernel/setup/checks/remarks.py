"""Lines about a whole run that may not be as its user meant it."""

from nbkernel.experiment.fields import DEFAULTS
from nbkernel.geometry.panels import ROUNDING
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.vectors import magnitude

from .undersampling import undersampling_lines

MANY_SUBPIXELS = 50  # along an edge
VECTORS = (
    "fdet_vector", "sdet_vector", "odet_vector", "beam_vector", "polar_vector", "spindle_axis", "twotheta_axis", "pix0_vector",
)  # fmt: skip


def run_remarks(runs):
    """Lines about what the user may not have meant in the Prepared panels of a run."""
    experiment, plan = runs[0].experiment, runs[0].plan
    given = [name for name in VECTORS if getattr(experiment, name) != DEFAULTS[name]]
    if given and experiment.convention != "custom":
        yield f"no effect in the {experiment.convention} convention: {', '.join(given)}; they need the convention custom"
    yield from detector_remarks(runs[0].detector)
    yield from undersampling_lines(runs)
    if not experiment.oversample and plan.oversample > MANY_SUBPIXELS:
        yield (
            f"{plan.oversample} x {plan.oversample} sub-pixels resolve the spots of so large a crystal on so large a pixel; "
            "-oversample N takes fewer"
        )
    if experiment.hkl is None and runs[0].reflections.count:
        yield f"structure factors come from the dump file {experiment.dump}, as there is no -hkl"
    yield from runs[0].remarks


def detector_remarks(detector):
    """A line where the sample does not see the detector's face."""
    how = ""
    if detector.pivot == "beam" and detector.twotheta != 0.0:
        how = (
            f": -twotheta {detector.twotheta * RTD:g} turns it about the beam spot on it; -xds, -dials, or -pivot sample with "
            "vectors of your own, turn it about the sample"
        )
    if abs(detector.close_distance) <= ROUNDING * magnitude(detector.pix0_vector):
        yield f"the sample sees the detector edge-on, its plane goes through the sample{how}"
    elif detector.seen_from_behind:
        yield f"the detector faces away from the sample{how}"
