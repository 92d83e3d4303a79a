"""One DIALS experiment (.expt) as a whole: detector, beam, goniometer, scan and crystal, in dxtbx's frame."""

from nbkernel.errors import InputError
from nbkernel.io.files.json_values import parse_json
from nbkernel.io.files.opening import read_bytes

from .crystal import first_image, orientation_of
from .detector import beam_fields, model, models, read_panels, spindle_axis

POLARIZATION_FRACTION = 0.999  # dxtbx's, of a beam that states none


def read_dxtbx_experiment(option, path, index):
    """Fields of an Experiment from one DIALS experiment, without its crystal, and the crystal's Orientation or None.

    index: its number in the file; None for the only one. Raises InputError, starting with `option`, for a file that is
    damaged or of another kind, and for an index that is missing or too large.
    """
    document = parse_json(option, path, read_bytes(option, path))
    container, use = chosen_use(document, index)
    found = models(container, use)
    beam = found.get("beam")
    fields = {
        "panels": read_panels(found["detector"]),
        "convention": "custom",
        **beam_fields(beam),
        "spindle_axis": spindle_axis(found.get("goniometer")),
    }
    if beam is not None:
        fields["polarization"] = kahn_factor(beam)
    first = first_image(model(container, use.at("scan"), "scan")) if use.has("scan") else None
    if first is not None:
        fields["phi"], fields["osc"] = first
    return fields, orientation_of(container, use) if use.has("crystal") else None


def chosen_use(document, index):
    """(container, use) of the experiment with this number."""
    containers = document.items() if document.is_list() else [document]
    if not all(container.has("experiment") and container.has("detector") for container in containers):
        raise InputError(f"{document.where}: is not a DIALS experiment (.expt); the field panels takes a detector alone")
    uses = [(container, use) for container in containers for use in container.at("experiment").items()]
    if not uses:
        raise InputError(f"{document.where}: has no experiment in it")
    if index is None and len(uses) > 1:
        raise InputError(f"{document.where}: has {len(uses)} experiments; choose one by index, 0 to {len(uses) - 1}")
    if not 0 <= (index or 0) < len(uses):
        raise InputError(f"{document.where}: has {len(uses)} experiments; index {index} is not one of 0 to {len(uses) - 1}")
    return uses[index or 0]


def kahn_factor(beam):
    """Kahn's polarisation factor of a beam: its fraction of light polarised along the electric field is (1 + factor) / 2."""
    fraction = POLARIZATION_FRACTION
    if beam.has("polarization_fraction"):
        fraction = beam.at("polarization_fraction").number()
        if not 0.0 <= fraction <= 1.0:
            raise beam.at("polarization_fraction").error("a number from 0 to 1")
    return 2.0 * fraction - 1.0
