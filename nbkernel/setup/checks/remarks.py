"""Warnings about a run that may not be what the user intended."""

from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.input_files import has_no_factors
from nbkernel.geometry.panels import ROUNDING
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.vectors import magnitude

from .undersampling import undersampling_remarks

MANY_SUBPIXELS = 50  # along an edge
VECTORS = (
    "fdet_vector", "sdet_vector", "odet_vector", "beam_vector", "polar_vector", "spindle_axis",
    "twotheta_axis", "pix0_vector",
)  # fmt: skip


def run_remarks(runs):
    """Warnings about what the user may not have intended in the Prepared panels of a run."""
    experiment, plan = runs[0].experiment, runs[0].plan
    given = [name for name in VECTORS if getattr(experiment, name) != DEFAULTS[name]]
    if given and experiment.convention != "custom":
        yield f"{', '.join(given)}: no effect in the {experiment.convention} convention; use the convention custom"
    yield from detector_remarks(runs[0].detector)
    yield from undersampling_remarks(runs)
    if not experiment.oversample and plan.oversample > MANY_SUBPIXELS:
        yield (
            f"a crystal this large with pixels this large needs {plan.oversample} x {plan.oversample} sub-pixels to resolve "
            "its spots; -oversample N can set fewer"
        )
    if has_no_factors(experiment) and runs[0].reflections.count:
        yield f"structure factors come from the dump file {experiment.dump}, because there is no -hkl"
    yield from runs[0].remarks


def detector_remarks(detector):
    """A warning if the detector's front does not face the sample."""
    how = ""
    if detector.pivot == "beam" and detector.twotheta != 0.0:
        how = (
            f": -twotheta {detector.twotheta * RTD:g} rotates it about the position of the direct beam; -xds, -dials, or "
            "-pivot sample with custom vectors rotate it about the sample"
        )
    if abs(detector.close_distance) <= ROUNDING * magnitude(detector.pix0_vector):
        yield f"the sample sees the detector edge-on, as its plane passes through the sample{how}"
    elif detector.seen_from_behind:
        yield f"the detector faces away from the sample{how}"
