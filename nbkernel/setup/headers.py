"""Detector and beam as stated in files: headers of SMV images, and panel files."""

from dataclasses import replace

from nbkernel.experiment.fields import DEFAULTS

# fields that are taken from a header if there are panels, which have their own geometry
FIELDS_WITH_PANELS = ("wavelength", "phi", "osc")


def read_headers(experiment, kept):
    """(SMVImage or PixelMask of the mask or None, Experiment, warnings): fields that the experiment leaves open are taken
    from its panel file and from the headers of img and mask; img has precedence over mask. The warnings are about headers
    that may not be as intended. kept: KeptInputs.

    Raises InputError for files that cannot be used.
    """
    panels_file = experiment.panels if isinstance(experiment.panels, str) else None
    if panels_file is not None:
        from nbkernel.io.detector_files import read_detector_file

        experiment = with_panels(experiment, kept.get("--panels", panels_file, read_detector_file, panels_file))
    mask = None
    fields, headers, origins = {}, {}, {}
    for flag, path, is_mask in (("-mask", experiment.mask, True), ("-img", experiment.img, False)):
        if path is None:
            continue
        if not isinstance(path, str):
            mask = path
            fields.update(detpixels_f=mask.width, detpixels_s=mask.height)
            continue
        from nbkernel.io.images.smv import read_smv

        image = kept.get(flag, path, read_smv, flag, path)
        found = image.experiment_fields(is_mask)
        if is_mask:
            mask = image
        elif "Ybeam" in found:
            fields.pop("Ybeam_from_far_edge", None)
        fields.update(found)
        headers[flag] = (path, image.header)
        origins.update(dict.fromkeys((*found, "Ybeam"), flag))
    if experiment.panels:
        fields = {name: fields[name] for name in FIELDS_WITH_PANELS if name in fields}
    lines = []
    if headers:
        from nbkernel.io.images.smv import stray_lines

        missing = {name for name in origins if getattr(experiment, name) is None}
        for flag, (path, header) in headers.items():
            lines += stray_lines(flag, path, header, {name for name in missing if origins[name] == flag})
    experiment = experiment.with_header(fields)
    if (
        panels_file is not None
        and experiment.wavelength is None
        and experiment.sourcefile is None
        and experiment.sources is None
        and experiment.spectrum is None
    ):
        lines.append(f"--panels {panels_file}: has no wavelength, and there is no -lambda; 1 A is used")
    return mask, experiment, lines


def with_panels(experiment, stated):
    """The experiment with the panels of a file, and with the file's wavelength, directions and crystal unless the experiment
    has its own. A convention other than the default and custom fixes all directions.

    stated: {name of a field of Experiment: value}, see `io.detector_files.read_detector_file`.
    """
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
