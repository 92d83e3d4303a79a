"""An ExperimentList for DIALS (.expt): detector, beam, goniometer, scan, images, and the crystals that were simulated.

As `dials.import` places them: dxtbx's frame has the beam coming from +z, and is McStas's turned by 180 degrees about y.
"""

import json
import uuid

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.panels import panel_name
from nbkernel.io.nexus.instrument import IDEAL_THICKNESS, UNKNOWN_MATERIAL

TO_DXTBX = np.diag([-1.0, 1.0, -1.0])
UNIT_MATRIX = np.eye(3).ravel().tolist()
# 1/mm times mm: of a sensor without depth, which absorbs all photons at any angle and has no parallax
COMPLETE = 100.0
WITHOUT_CRYSTALS = "_imported"
SKEW = 1e-7  # cosine between fast and slow that dxtbx accepts
LIST_NAMES = ("imageset", "beam", "detector", "goniometer", "scan", "crystal", "profile", "scaling_model")


def dials_files(data_set, data_path):
    """{name: text} of the files for a DataSet: NAME.expt with the crystals, and without them, as the images are imported.
    data_path: of the images, from the files' folder. Raises InputError for images that DIALS cannot read."""
    widths = {panel.detpixels_f for panel in data_set.panels}
    if len(widths) > 1:
        raise InputError(f"--to dials: {data_set.path} has panels of {len(widths)} widths, whose images DIALS cannot read")
    for number, panel in enumerate(data_set.panels):
        if abs(np.dot(panel.fdet_vector, panel.sdet_vector)) > SKEW:
            raise InputError(
                f"--to dials: {panel_name(number, panel)} of {data_set.path} has fast and slow axes that are not at a right "
                "angle, which DIALS refuses"
            )
    experiments = rotation if data_set.scan is not None else stills
    # dials.index would take given crystals for known
    empty = data_set._replace(crystals=((),) * data_set.frames)
    return {
        name: list_text(experiments(each, data_path)) for name, each in zip(names(data_set), (data_set, empty), strict=True)
    }


def names(data_set):
    return f"{data_set.name}.expt", f"{data_set.name}{WITHOUT_CRYSTALS}.expt"


def list_text(models):
    return json.dumps({"__id__": "ExperimentList", **models}, indent=1) + "\n"


def rotation(data_set, data_path):
    """The lists of an ExperimentList of one sequence: an experiment for each lattice."""
    start, width = data_set.scan
    frames = data_set.frames
    models = {
        "imageset": [imageset("ImageSequence", "template", data_path, range(frames))],
        "beam": [beam(data_set, data_set.wavelength)],
        "detector": [detector(data_set)],
        "goniometer": [
            {
                "rotation_axis": (TO_DXTBX @ data_set.spindle).tolist(),
                "fixed_rotation": UNIT_MATRIX,
                "setting_rotation": UNIT_MATRIX,
            }
        ],
        "scan": [
            {
                "image_range": [1, frames],
                "batch_offset": 0,
                "oscillation": [start, width],
                "exposure_time": [1.0] * frames,
                "epochs": [float(frame) for frame in range(frames)],
                "valid_image_ranges": {},
            }
        ],
        "crystal": [crystal(UB) for UB in data_set.crystals[0]],
    }
    shared = dict.fromkeys(("beam", "detector", "goniometer", "scan", "imageset"), 0)
    uses = [{**shared, "crystal": number} for number in range(len(models["crystal"]))] or [shared]
    return lists(data_path, uses, models)


def stills(data_set, data_path):
    """The same of stills: an experiment for each lattice of each image, and one without crystal for an image of none."""
    wavelengths, which = np.unique(data_set.wavelengths, return_inverse=True)
    models = {
        "imageset": [imageset("ImageSet", "images", [data_path], [frame]) for frame in range(data_set.frames)],
        "beam": [beam(data_set, float(wavelength)) for wavelength in wavelengths],
        "detector": [detector(data_set)],
        "crystal": [],
    }
    uses = []
    for frame, lattices in enumerate(data_set.crystals):
        shared = {"beam": int(which[frame]), "detector": 0, "imageset": frame}
        for UB in lattices:
            uses.append({**shared, "crystal": len(models["crystal"])})
            models["crystal"].append(crystal(UB))
        if not lattices:
            uses.append(shared)
    return lists(data_path, uses, models)


def lists(data_path, uses, models):
    """All lists of the file. Identifiers are the same whenever it is written."""
    experiments = [
        {"__id__": "Experiment", "identifier": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{data_path} {number}")), **use}
        for number, use in enumerate(uses)
    ]
    return {"experiment": experiments, **{name: models.get(name, []) for name in LIST_NAMES}}


def imageset(kind, key, place, frames):
    empty = dict.fromkeys(("mask", "gain", "pedestal", "dx", "dy"))
    return {"__id__": kind, key: place, "single_file_indices": list(frames), **empty, "params": {}}


def beam(data_set, wavelength):
    """wavelength: Angstrom. The light's electric field is along x."""
    return {
        "direction": (TO_DXTBX @ (0.0, 0.0, -1.0)).tolist(),
        "wavelength": wavelength,
        "divergence": 0.0,
        "sigma_divergence": 0.0,
        "polarization_normal": [0.0, 1.0, 0.0],
        "polarization_fraction": data_set.polarization_fraction,
        "flux": 0.0,
        "transmission": 1.0,
    }


def detector(data_set):
    panels = [panel_model(data_set, number, panel) for number, panel in enumerate(data_set.panels)]
    children = [{"panel": number} for number in range(len(panels))]
    group = {"origin": [0.0] * 3, "fast_axis": [1.0, 0.0, 0.0], "slow_axis": [0.0, 1.0, 0.0]}
    return {"panels": panels, "hierarchy": {**box("", "", [0, 0], 0.0, (0.0, 0.0)), **group, "children": children}}


def panel_model(data_set, number, panel):
    has_depth = panel.detector_thick > 0.0 and panel.detector_abs not in (None, 0.0) and np.isfinite(panel.detector_abs)
    thickness = panel.detector_thick / 1000.0 if has_depth else 1000.0 * IDEAL_THICKNESS
    mu = 1000.0 / panel.detector_abs if has_depth else COMPLETE / thickness
    largest = np.iinfo(np.int32).max if data_set.saturation is None else data_set.saturation
    size = [panel.detpixels_f, panel.detpixels_s]
    vectors = {
        "fast_axis": panel.fdet_vector,
        "slow_axis": panel.sdet_vector,
        "origin": 1000.0 * np.array(panel.pix0_vector),
    }
    return {
        **box(panel.name or f"panel_{number}", "SENSOR_PAD", size, panel.pixel, (-1.0, float(largest))),
        **{name: (TO_DXTBX @ np.array(vector)).tolist() for name, vector in vectors.items()},
        "thickness": thickness,
        "material": panel.material or UNKNOWN_MATERIAL,
        "mu": mu,
        "px_mm_strategy": {"type": "ParallaxCorrectedPxMmStrategy" if has_depth else "SimplePxMmStrategy"},
    }


def box(name, kind, size, pixel, trusted):
    """What dxtbx wants of a panel and of a group, without position and depth."""
    return {
        "name": name,
        "type": kind,
        "raw_image_offset": [0, 0],
        "image_size": size,
        "pixel_size": [pixel, pixel],
        "trusted_range": list(trusted),
        "thickness": 0.0,
        "material": "",
        "mu": 0.0,
        "identifier": "",
        "mask": [],
        "gain": 1.0,
        "pedestal": 0.0,
        "px_mm_strategy": {"type": "SimplePxMmStrategy"},
    }


def crystal(UB):
    """A crystal of P1, whose matrix has the columns a*, b*, c* (1/Angstrom, McStas's frame)."""
    axes = np.linalg.inv(UB) @ TO_DXTBX
    rows = {f"real_space_{name}": row for name, row in zip("abc", axes.tolist(), strict=True)}
    return {"__id__": "crystal", **rows, "space_group_hall_symbol": " P 1"}


def dials_advice(data_set):
    """Command lines that process the files without knowing the crystals."""
    imported = names(data_set)[1]
    if data_set.scan is None:
        return [f"dials.find_spots {imported}"]
    return [
        f"dials.find_spots {imported}",
        f"dials.index {imported} strong.refl",
        "dials.refine indexed.expt indexed.refl",
        "dials.integrate refined.expt refined.refl",
        "dials.scale integrated.expt integrated.refl",
    ]
