"""Experiments as TOML files: a table for each part, with Experiment's own names; `[[panels]]` for each panel."""

import dataclasses
import json
import os
import tomllib

from .arguments import suggestion
from .errors import InputError
from .experiment import PATHS, Experiment
from .flags import FLAGS
from .io.digests import sha256_of
from .io.hdf5_path import is_hdf5
from .panels import Panel

# the first field of each table, in Experiment's order; what comes before the first stands at the top, like `fix`
FIRST_FIELDS = {"wavelength": "beam", "cell": "crystal", "phi": "spindle", "detpixels_f": "detector", "oversample": "sampling"}
OWN_PLACES = ("fix", "panels")
CONFIG = "config"  # the name of the experiment's text in an HDF5 file
SPELT_OUT = {"A": "Angstrom", "deg": "degrees", "um": "micrometres", "A, deg": "Angstrom, degrees", "e": "electrons"}
# the first flag that sets a field has its unit
UNITS = {entry.sets[0]: SPELT_OUT.get(entry.unit, entry.unit) for entry in reversed(FLAGS) if len(entry.sets) == 1}


def tables():
    """{table: fields} of Experiment, in its order."""
    found, table = {}, None
    for field in dataclasses.fields(Experiment):
        table = FIRST_FIELDS.get(field.name, table)
        if field.name not in OWN_PLACES:
            found.setdefault(table, []).append(field.name)
    return found


def read_config(option, path):
    """Experiment's fields, {name: value}, of a TOML file, or of an HDF5 file that `write_hdf5` made; paths in it count from
    its folder.

    Raises InputError, led by `option`, for a file that cannot be read, a name that is not known, or a panel that cannot be.
    """
    lead = f"{option} {path}".strip()
    try:
        if is_hdf5(path):
            content = tomllib.loads(recorded(option, path)[CONFIG])
        else:
            with open(path, "rb") as file:
                content = tomllib.load(file)
    except OSError as error:
        raise InputError(f"{lead}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{lead}: is no TOML file: {error}") from None
    return fields_of(content, lead, os.path.dirname(path))


def recorded(option, path):
    """The provenance of an HDF5 file, see `provenance`."""
    from .io.nxmx_reader import read_provenance

    found = read_provenance(path, option)
    if CONFIG not in found:
        raise InputError(f"{option} {path}: tells of no experiment; need a file of --hdf5 (or --panels for its geometry alone)")
    return found


def changed_inputs(path):
    """A line for each input file of the run that made an HDF5 file that is not what it was; nothing for other files."""
    if path is None or not is_hdf5(path):
        return
    for field, told in json.loads(recorded("--config", path).get("inputs", "{}")).items():
        try:
            same = told["sha256"] in (None, sha256_of(field, told["path"]))
        except InputError:
            continue  # whoever needs it will say that it is gone
        if not same:
            yield f"--config {path}: {told['path']} has changed since that image was made from it"


def fields_of(content, lead, folder):
    found, known = {}, tables()
    for name, value in content.items():
        if name == "fix":
            found["fix"] = value
        elif name == "panels":
            found["panels"] = value if isinstance(value, str) else read_panels(value, lead)
        elif name not in known:
            raise InputError(f"{lead}: there is no [{name}]{meant(name, [*known])}; there are {', '.join(known)}, panels and fix")
        elif not isinstance(value, dict):
            raise InputError(f"{lead}: [{name}] must be a table of names and values")
        else:
            for field in value:
                if field not in known[name]:
                    raise InputError(f"{lead}: [{name}] has no {field}{meant(field, known[name])}")
            found.update(value)
    for name in PATHS:
        if isinstance(found.get(name), str):
            found[name] = os.path.normpath(os.path.join(folder, found[name]))
    try:
        # names the field where a value cannot be
        Experiment(**found)
    except InputError as error:
        raise InputError(f"{lead}: {error}") from None
    return found


def meant(name, known):
    """What the user may have meant by a name: that of another table's field, or one that is much like it."""
    for table, names in tables().items():
        if name in names:
            return f"; it belongs in [{table}]"
    return suggestion(name, known)


def read_panels(value, lead):
    if not isinstance(value, list) or not all(isinstance(panel, dict) for panel in value):
        raise InputError(f"{lead}: panels must be [[panels]] tables, or the path of a file of them")
    known = [field.name for field in dataclasses.fields(Panel)]
    needed = [field.name for field in dataclasses.fields(Panel) if field.default is dataclasses.MISSING]
    panels = []
    for number, panel in enumerate(value):
        for name in panel:
            if name not in known:
                raise InputError(f"{lead}: panel {number} has no {name}{suggestion(name, known)}")
        for name in needed:
            if name not in panel:
                raise InputError(f"{lead}: panel {number} lacks {name}; it needs {', '.join(needed)}")
        try:
            panels.append(Panel(**panel))
        except InputError as error:
            raise InputError(f"{lead}: panel {number}: {error}") from None
    return tuple(panels)


def config_text(experiment, path):
    """The TOML text of an Experiment for a file `path`: whatever differs from the defaults."""
    folder = os.path.dirname(os.path.abspath(path))
    lines = ["# an nbkernel experiment: nbkernel simulate --config FILE"]
    if experiment.fix:
        lines.append(f"fix = {toml_value(sorted(experiment.fix))}")
    given = {name: value for name, value in different_fields(experiment) if name not in OWN_PLACES}
    for name in PATHS:
        if name in given:
            given[name] = os.path.relpath(given[name], folder)
    if isinstance(experiment.panels, str):
        lines.append(f"panels = {toml_value(os.path.relpath(experiment.panels, folder))}")
    for table, names in tables().items():
        if any(name in given for name in names):
            lines += ["", f"[{table}]", *(toml_line(name, given[name]) for name in names if name in given)]
    if not isinstance(experiment.panels, str):
        for panel in experiment.panels:
            lines += ["", "[[panels]]", *(toml_line(name, value) for name, value in different_fields(panel))]
    return "\n".join(lines) + "\n"


def resolved(prepared):
    """The Experiment of a Prepared panel, which gives the same image again: without the image whose header has been read,
    and with the seed that a random missetting took."""
    experiment = dataclasses.replace(prepared.experiment, img=None)
    if experiment.misset == "random" and experiment.misset_seed is None:
        experiment = dataclasses.replace(experiment, misset_seed=prepared.seed)
    return experiment


def different_fields(instance):
    """(name, value) of the fields that are not at their default."""
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            yield field.name, value


def toml_line(name, value):
    unit = "" if isinstance(value, str) else UNITS.get(name, "")
    return f"{name} = {toml_value(value)}" + (f"  # {unit}" if unit else "")


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # JSON's escapes are TOML's; its one more control character is not
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(toml_value(part) for part in value)}]"
    return repr(value)
