"""Experiments as TOML files: a table for each part, with Experiment's own names; `[[panels]]` for each panel."""

import dataclasses
import json
import os
import re
import tomllib

from nbkernel.errors import InputError
from nbkernel.geometry.panels import Panel
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.hdf5.path import is_hdf5
from nbkernel.support.printable import shortened
from nbkernel.support.suggestion import suggestion
from nbkernel.support.validation import unit_of

from .experiment import DEFAULTS, Experiment
from .input_files import FIELDS as PATHS
from .input_files import input_files, sha256_of

# the first field of each table, in Experiment's order; what comes before the first stands at the top, like `fix`
FIRST_FIELDS = {
    "wavelength": "beam",
    "cell": "crystal",
    "phi": "spindle",
    "detpixels_f": "detector",
    "oversample": "sampling",
}
OWN_PLACES = ("fix", "panels")
# ways of saying the same: fields of each
COMPETING = (
    (("distance",), ("close_distance",)),
    (("Xbeam", "Ybeam", "Ybeam_from_far_edge"), ("Xclose", "Yclose"), ("ORGX", "ORGY")),
    (("detpixels_f",), ("detsize_f",)),
    (("detpixels_s",), ("detsize_s",)),
    (("fluence",), ("flux",)),
    (("cell",), ("mat",)),
    (("Na",), ("sample_x",)),
    (("Nb",), ("sample_y",)),
    (("Nc",), ("sample_z",)),
    (("phistep",), ("phisteps",)),
    (("hdivstep",), ("hdivsteps",)),
    (("vdivstep",), ("vdivsteps",)),
    (
        ("sourcefile",),
        ("hdivrange", "hdivstep", "hdivsteps", "vdivrange", "vdivstep", "vdivsteps", "dispersion", "dispsteps"),
    ),
)
CONFIG = "config"  # the name of the experiment's text in an HDF5 file
SHELLS_PIPE = re.compile(r"/proc/\d+/fd/pipe:\[\d+\]")
UNDECODED = "\ufffd"  # stands for bytes that were not UTF-8


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
    lead = f"{option} {path}"
    try:
        if is_hdf5(path):
            text, inputs = recorded(option, path)
            content = tomllib.loads(text)
        else:
            content, inputs = tomllib.loads(toml_text(option, path)), {}
    except RecursionError:
        raise InputError(f"{lead}: is not a TOML file of an experiment: its lists or tables are nested too deeply") from None
    except (OSError, ValueError) as error:
        if isinstance(error, (tomllib.TOMLDecodeError, UnicodeDecodeError)):
            raise InputError(f"{lead}: is not a TOML file: {error}") from None
        raise InputError(f"{lead}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    found = fields_of(content, lead, os.path.dirname(path))
    for name, told in inputs.items():
        # the file may have been moved away from its inputs
        if isinstance(found.get(name), str) and not os.path.exists(found[name]):
            found[name] = told["path"]
    return found


def toml_text(option, path):
    """The text of a file, or of the pipe that a shell makes of `--config <(command)`. A pipe with a name, which may wait for
    ever, is refused like all else that is not a file."""
    if not SHELLS_PIPE.fullmatch(os.path.realpath(path)):
        is_empty = os.path.isfile(path) and os.path.getsize(path) == 0
        return "" if is_empty else read_bytes(option, path).decode()
    with open(path, "rb") as file:
        return file.read().decode()


def overridden(found, given):
    """What a file says, {field: value}, without what competes with the fields given: where two ways of saying the same are
    there, the file's would win over the flag's."""
    found = dict(found)
    for ways in COMPETING:
        ours = [way for way in ways if any(name in given for name in way)]
        for way in ways:
            if ours and way not in ours:
                for name in way:
                    found.pop(name, None)
    return found


def recorded(option, path):
    """The TOML text of the experiment that an HDF5 file holds, and {field: {"path", "sha256"}} of its input files, see
    `provenance`. Raises InputError, led by `option`, where they are not there, or not such."""
    from nbkernel.io.nexus.reader import read_provenance

    found = read_provenance(path, option, (CONFIG, "inputs"))
    lead = f"{option} {path}"
    if CONFIG not in found:
        raise InputError(f"{lead}: contains no experiment; need a file of --hdf5 (or --panels for its geometry alone)")
    for name, text in found.items():
        if not text.strip() or "\0" in text or UNDECODED in text:
            raise InputError(f"{lead}: its record is broken: {name} is {'not text' if text.strip() else 'empty'}")
    try:
        inputs = json.loads(found.get("inputs", "{}"))
    except (ValueError, RecursionError):
        inputs = None
    if not isinstance(inputs, dict) or not all(is_told(told) for told in inputs.values()):
        raise InputError(f"{lead}: its record is broken: inputs do not name files and their digests")
    return found[CONFIG], inputs


def is_told(told):
    """Whether an entry of the recorded input files is one."""
    if not isinstance(told, dict) or not isinstance(told.get("path"), str) or "sha256" not in told:
        return False
    return told["sha256"] is None or isinstance(told["sha256"], str)


def outside_inputs(option, path, experiment, names):
    """A line where fields of an Experiment, `names`, which the file `path` has set, name files that lie outside its folder,
    for whoever follows links: who wrote it may have meant files that the user would not have read."""
    folder = os.path.realpath(os.path.dirname(path))
    # what cannot even be looked up is not read
    files = [file for file in input_files(experiment) if file.field in names and "\0" not in file.path]
    found = [(file.field, os.path.realpath(file.path)) for file in files]
    outside = [f"{name} {where}" for name, where in found if os.path.commonpath((folder, where)) != folder]
    if outside:
        yield f"{option} {os.fspath(path)}: reads files outside its folder: {', '.join(outside)}"


def changed_inputs(path, experiment, names):
    """A line for each input file of an Experiment, of the fields `names`, which the HDF5 file `path` has set, that is not
    what it was when that file was made; nothing for other files."""
    if not is_hdf5(path):
        return
    _, told = recorded("--config", path)
    for file in input_files(experiment):
        before = told[file.field]["sha256"] if file.field in names and file.field in told else None
        # whoever needs a file that is gone will say so
        if before is not None and sha256_of(file.path) not in (None, before):
            yield f"--config {path}: {file.path} has changed since that image was made from it"


def fields_of(content, lead, folder):
    found, known = {}, tables()
    for name, value in content.items():
        if name == "fix":
            found["fix"] = value
        elif name == "panels":
            found["panels"] = value if isinstance(value, str) else read_panels(value, lead)
        elif name not in known:
            others = meant(name, [*known]) or f"; there are {', '.join(known)}, panels and fix"
            raise InputError(f"{lead}: there is no [{shortened(name, 80)}]{others}")
        elif not isinstance(value, dict):
            raise InputError(f"{lead}: [{name}] must be a table of names and values")
        else:
            for field in value:
                if field not in known[name]:
                    raise InputError(f"{lead}: [{name}] has no {shortened(field, 80)}{meant(field, known[name])}")
            found.update(value)
    if found.get("dump") is False or found.get("dump") == "":
        found["dump"] = None  # which TOML has no word for
    for name in PATHS:
        if isinstance(found.get(name), str):
            found[name] = os.path.join(folder, found[name])
    try:
        experiment = Experiment(**found)
    except InputError as error:
        raise InputError(f"{lead}: {error}") from None
    return {name: getattr(experiment, name) for name in found}


def meant(name, known):
    """What the user may have meant by a name: that of another table's field, or one that is much like it."""
    if name == "N":
        return "; the cells along each edge are Na, Nb and Nc"
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
                raise InputError(f"{lead}: panel {number} has no {shortened(name, 80)}{suggestion(name, known)}")
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
    folder = os.path.realpath(os.path.dirname(path))
    lines = ["# an nbkernel experiment: nbkernel simulate --config FILE"]
    if experiment.fix:
        lines.append(f"fix = {toml_value(sorted(experiment.fix))}")
    given = {name: value for name, value in different_fields(experiment) if name not in OWN_PLACES}
    if "dump" in given and given["dump"] is None:
        given["dump"] = False
    for name in PATHS:
        if isinstance(given.get(name), str):
            given[name] = os.path.relpath(os.path.realpath(given[name]), folder)
    if isinstance(experiment.panels, str):
        lines.append(f"panels = {toml_value(os.path.relpath(os.path.realpath(experiment.panels), folder))}")
    for table, names in tables().items():
        if any(name in given for name in names):
            lines += ["", f"[{table}]", *(toml_line(experiment, name, given[name]) for name in names if name in given)]
    if not isinstance(experiment.panels, str):
        for panel in experiment.panels:
            lines += ["", "[[panels]]", *(toml_line(panel, name, value) for name, value in different_fields(panel))]
    return "\n".join(lines) + "\n"


def resolved(prepared):
    """The Experiment of a Prepared panel, which gives the same image again without the image whose header has been read. Where
    a table was read, its dump is only written, which a file has no say in."""
    experiment = dataclasses.replace(prepared.experiment, img=None)
    if experiment.hkl is not None and experiment.dump is not None:
        experiment = dataclasses.replace(experiment, dump=DEFAULTS["dump"])
    for file in prepared.inputs:
        if file.field == "dump":
            # even by its default name it must be found again
            experiment = dataclasses.replace(experiment, dump=file.path)
    return experiment


def different_fields(instance):
    """(name, value) of the fields that are not at their default."""
    for field in dataclasses.fields(instance):
        value = getattr(instance, field.name)
        if field.default is dataclasses.MISSING or value != field.default:
            yield field.name, value


def toml_line(instance, name, value):
    """A field's value, and its unit as a comment."""
    unit = "" if isinstance(value, str) else unit_of(type(instance), name)
    return f"{name} = {toml_value(value)}" + (f"  # {unit}" if unit else "")


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise InputError(f"{value!r}: a TOML file holds Unicode only, which this name is not; rename the file") from None
        # JSON's escapes are TOML's; its one more control character is not
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(toml_value(part) for part in value)}]"
    return repr(value)
