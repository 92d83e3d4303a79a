"""The detector's geometry: a single one by nanoBragg's conventions, or several panels, each with its own."""

from nbkernel.errors import InputError
from nbkernel.experiment.fields import DEFAULTS, WHOLE_IMAGE
from nbkernel.experiment.flags import flag_name
from nbkernel.geometry.detector import directions, place_detector
from nbkernel.geometry.panels import place_panel

# of a panel: more have no addresses in memory
MOST_PIXELS = 1 << 44
# fields that each panel has for itself
PLACE_FIELDS = (
    "detpixels_f", "detpixels_s", "detsize_f", "detsize_s", "pixel", "distance", "close_distance",
    "Xbeam", "Ybeam", "Ybeam_from_far_edge", "Xclose", "Yclose", "ORGX", "ORGY",
    "detector_rotx", "detector_roty", "detector_rotz", "twotheta", "twotheta_axis",
    "fdet_vector", "sdet_vector", "odet_vector", "pix0_vector", "curved_detector",
    "detector_abs", "detector_thick", "detector_thicksteps",
)  # fmt: skip


def place_detectors(experiment):
    """The Detector of each panel. Raises InputError for panels that are impossible or too large."""
    if experiment.panels:
        check_panel_settings(experiment)
        frame, point_pixel = directions(experiment), experiment.point_pixel
        detectors = [place_panel(panel, number, frame, point_pixel) for number, panel in enumerate(experiment.panels)]
    else:
        detectors = [place_detector(experiment)]
    for detector in detectors:
        if detector.fpixels * detector.spixels > MOST_PIXELS:
            raise InputError(
                f"{'panels' if experiment.panels else '-detpixels'}: {detector.fpixels} x {detector.spixels} pixels are too "
                f"many; need at most {MOST_PIXELS}"
            )
    return detectors


def check_panel_settings(experiment):
    """Raises InputError for settings that each panel has for itself, or that make sense for a single panel only."""
    for name in PLACE_FIELDS:
        if getattr(experiment, name) != DEFAULTS[name]:
            raise InputError(f"{flag_name(name)}: the panels have their own size, position and sensor; omit it")
    if len(experiment.panels) > 1:
        for flag, given in (("-roi", experiment.roi != WHOLE_IMAGE), ("-mask", experiment.mask is not None)):
            if given:
                raise InputError(
                    f"{flag}: refers to the pixels of one panel, the detector has {len(experiment.panels)}; omit it"
                )


def sampled_distance(experiment, detector):
    """Distance (m) for the automatic oversampling: along the beam, or of a panel's plane, as the beam need not meet every
    panel. The program's is negative for a detector seen from behind."""
    if experiment.panels:
        return detector.close_distance
    return abs(detector.distance) if "behind" in experiment.fix else detector.distance
