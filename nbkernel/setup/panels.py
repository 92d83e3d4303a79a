"""Where the detector is: one by nanoBragg's conventions, or panels each in its own place."""

from nbkernel.errors import InputError
from nbkernel.experiment.fields import DEFAULTS, WHOLE_IMAGE
from nbkernel.experiment.flags import flag_name
from nbkernel.geometry.detector import directions, place_detector
from nbkernel.geometry.panels import place_panel
from nbkernel.support.memory import require_memory

# what panels have of their own
PLACE_FIELDS = (
    "detpixels_f", "detpixels_s", "detsize_f", "detsize_s", "pixel", "distance", "close_distance",
    "Xbeam", "Ybeam", "Ybeam_from_far_edge", "Xclose", "Yclose", "ORGX", "ORGY",
    "detector_rotx", "detector_roty", "detector_rotz", "twotheta", "twotheta_axis",
    "fdet_vector", "sdet_vector", "odet_vector", "pix0_vector", "curved_detector",
    "detector_abs", "detector_thick", "detector_thicksteps",
)  # fmt: skip


def place_detectors(experiment):
    """The Detector of each panel. Raises InputError for panels that cannot be, or that are too large."""
    if experiment.panels:
        check_panel_settings(experiment)
        frame, point_pixel = directions(experiment), experiment.point_pixel
        detectors = [place_panel(panel, number, frame, point_pixel) for number, panel in enumerate(experiment.panels)]
    else:
        detectors = [place_detector(experiment)]
    # image, wanted pixels, counts of 32 and of 16 bits, bytes
    pixels = sum(detector.fpixels * detector.spixels for detector in detectors)
    size = f"{detectors[0].fpixels} x {detectors[0].spixels}"
    if len(detectors) > 1:
        size = f"{len(detectors)} panels of {size}"
    require_memory(pixels * 12, "panels" if experiment.panels else "-detpixels", f"an image of {size} pixels")
    return detectors


def check_panel_settings(experiment):
    """Raises InputError for settings that panels have of their own, or that can be meant for one panel only."""
    for name in PLACE_FIELDS:
        if getattr(experiment, name) != DEFAULTS[name]:
            raise InputError(f"{flag_name(name)}: the panels have their own size, place and sensor; leave it out")
    if len(experiment.panels) > 1:
        for flag, given in (("-roi", experiment.roi != WHOLE_IMAGE), ("-mask", experiment.mask is not None)):
            if given:
                raise InputError(
                    f"{flag}: counts the pixels of one panel, the detector has {len(experiment.panels)}; leave it out"
                )


def sampled_distance(experiment, detector):
    """Distance (m) that the automatic oversampling takes: along the beam, which need not meet every panel. The program's is
    negative for a detector seen from behind."""
    if experiment.panels:
        return detector.close_distance
    return abs(detector.distance) if "behind" in experiment.fix else detector.distance
