"""Which quirks of nanoBragg.c change a run."""

from nbkernel.geometry.unit_cell import is_distorted
from nbkernel.kernels.physics.vectors import magnitude
from nbkernel.kernels.physics.weights import RUNNING_SUM, is_renewed
from nbkernel.setup.sampling import divergence_sweeps, is_centred


def active_quirks(experiment, plan, sensor, detector, angles, osc, weight, mask=None):
    """Names of the quirks that change this run and are not corrected (except interpolation, which is known only after
    rendering, and adc, which is known only after the noise).

    sensor: the Panel, or the Experiment itself, with the sensor's settings; angles: of the phi steps (phisteps,), osc: their
    range (radians); weight: (sources,), as given; mask: its SMVImage or PixelMask or None.
    """
    water = experiment.water != 0.0
    several_terms = plan.steps > 1 or plan.detector_thicksteps > 1
    active = {
        "phi0": bool(((angles == 0.0) & (plan.phi_slot != 0)).any()),
        "oversample": plan.oversample_thick == RUNNING_SUM
        or (RUNNING_SUM in (plan.oversample_polar, plan.oversample_omega) and several_terms)
        or (plan.oversample_polar == RUNNING_SUM and experiment.nopolar),
        "thickness": plan.detector_thick > 0.0
        and (not is_renewed(plan.oversample_thick) or sensor.detector_thicksteps is not None),
        "cell": experiment.cell is not None and experiment.mat is None and is_distorted(experiment.cell),
        "misset": experiment.misset == "random",
        "weights": not (weight == weight[0]).all() or not weight[0] > 0.0,
        "water": water,
        "vectors": experiment.convention == "custom" and not experiment.panels and ignores_vectors(experiment),
        "dmin": experiment.dmin > 0.0 and water and not experiment.nopolar and not is_renewed(plan.oversample_polar),
        "mask": mask is not None and mask.is_misread(),
        "phi_steps": osc > 0.0,
        "divergence": not are_centred(experiment),
        "behind": detector.close_distance < 0.0 and (not detector.point_pixel or plan.detector_thick > 0.0),
    }
    return tuple(name for name, changes in active.items() if changes and name not in experiment.fix)


def are_centred(experiment):
    """Whether the sources of a divergence are centred on the beam."""
    return (
        experiment.sourcefile is not None
        or experiment.sources is not None
        or all(map(is_centred, divergence_sweeps(experiment)))
    )


def ignores_vectors(experiment):
    """Whether some vector is not used as given."""
    odet = experiment.odet_vector
    return (
        (odet is not None and magnitude(odet) != 1.0)
        or experiment.twotheta_axis is not None
        or experiment.pix0_vector is not None
    )
