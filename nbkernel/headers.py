"""What files say of the detector and the beam: headers of SMV images, and files of panels."""

from dataclasses import replace

from .experiment import DEFAULTS
from .io.smv import read_smv

# what a header may tell where the panels have their own place
BESIDE_PANELS = ("wavelength", "phi", "osc")


def read_headers(experiment):
    """The mask image (or None), and the experiment with what is said by the file of its panels and by the headers of img
    and mask, where it says nothing itself; img wins. Raises InputError for files that cannot be used."""
    if isinstance(experiment.panels, str):
        from .io.detector_files import read_detector_file

        experiment = with_panels(experiment, read_detector_file(experiment.panels))
    mask = None
    fields = {}
    if experiment.mask is not None:
        mask = read_smv("-mask", experiment.mask)
        fields.update(mask.experiment_fields(is_mask=True))
    if experiment.img is not None:
        fields.update(read_smv("-img", experiment.img).experiment_fields())
        if "Ybeam" in fields:
            fields.pop("Ybeam_from_far_edge", None)
    if experiment.panels:
        fields = {name: fields[name] for name in BESIDE_PANELS if name in fields}
    return mask, experiment.with_header(fields)


def with_panels(experiment, stated):
    """The experiment with the panels that a file states, and with its wavelength, directions and crystal but for those that
    the experiment has itself. A convention other than the default one fixes them all."""
    replaced = {"panels": stated["panels"]}
    if experiment.convention in ("mosflm", "custom"):
        replaced["convention"] = "custom"
        for name in ("beam_vector", "polar_vector", "spindle_axis"):
            if getattr(experiment, name) == DEFAULTS[name]:
                replaced[name] = stated[name]
    if experiment.wavelength is None and stated.get("wavelength") is not None:
        replaced["wavelength"] = stated["wavelength"]
    if experiment.mat is None and experiment.cell is None and "mat" in stated:
        replaced["mat"] = stated["mat"]
    return replace(experiment, **replaced)
