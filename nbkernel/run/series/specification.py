"""What a series is: an Experiment, a number of images, and what varies among them. From and to TOML."""

import dataclasses
import hashlib
import json
import math
import os
import typing
from dataclasses import dataclass, field

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.config.input_warnings import outside_inputs
from nbkernel.experiment.config.reading import ConfigFile, experiment_fields, read_content
from nbkernel.experiment.config.tables import ALTERNATIVES, tables
from nbkernel.experiment.config.writing import config_text, toml_value
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.experiment.in_memory.content import InMemory
from nbkernel.experiment.input_files import FIELDS as PATHS
from nbkernel.experiment.input_files import input_files, sha256_of
from nbkernel.geometry.background import Material
from nbkernel.geometry.response import PixelMap, Response
from nbkernel.io.tables.columns import read_columns
from nbkernel.support.suggestion import suggestion
from nbkernel.support.validation import check_choice, convert_fields, field_kinds, integer, short_text, unit_of, with_unit

from .distributions import Distribution, check_count, read_distribution, toml_of

# the shape of the frames, which all share; files with a geometry of their own; what is not a property of the experiment
FIXED = (
    "detpixels_f", "detpixels_s", "detsize_f", "detsize_s", "pixel", "img", "mask", "panels", "dump", "stol", "convention",
    "pivot", "column", "response",
)  # fmt: skip
ABOVE_0 = ("mosaic_sigma", "wavelength", "distance", "close_distance", "cell_scale")
AT_LEAST_0 = (
    "fluence", "flux", "exposure", "beamsize", "dispersion", "hdivrange", "vdivrange", "mosaic_spread", "default_F",
    "detector_thick", "detector_abs", "dmin", "water", "crystals",
)  # fmt: skip
AT_LEAST_1 = ("Na", "Nb", "Nc", "mosaic_domains", "phisteps", "hdivsteps", "vdivsteps", "dispsteps", "oversample")
OF_CRYSTAL = frozenset(tables()["crystal"])
MOST_LATTICES = 1000
ROTATION_TOLERANCE = 1e-6  # of a matrix written with seven digits
FIRST_CHECKED = 1000  # images whose draws are checked before a run begins
SEEDS = 2**63  # TOML's integers end below
FRAMES = 2**32  # numbers of frames that the noise's counter holds
# with which rotations and divergences are sampled in the middle of their intervals, so that spots are where other programs
# predict them
CENTRED = frozenset({"phi_steps", "divergence"})


@dataclass(frozen=True)
class SeriesTable:
    """The table [series] of a specification."""

    images: int
    kind: str = "stills"  # or rotation
    seed: int = 1  # of everything that is drawn, and of the noise
    images_per_file: int = 100
    counts: bool = True  # noisy counts; without them the data are photons
    photons: bool = False  # photons without noise beside the counts
    bits: int | None = None  # of the counts, 16 or 32; by default 16 in a file whose counts fit, else 32
    adc: float = with_unit(0.0, "counts")  # added to every count
    start: float | None = with_unit(None, "degrees")  # of a rotation: spindle angle of the first image,
    width: float | None = with_unit(None, "degrees")  # the angle of each image,
    steps: int | None = None  # and phi steps in each image
    name: str = "series"  # with which the names of the files begin


@dataclass(frozen=True)
class Specification(SeriesTable):
    """A whole specification. vary: {name: Distribution} of fields of Experiment, and of orientation, cell_scale, crystals;
    lead: how messages begin."""

    experiment: Experiment = field(default_factory=Experiment)
    vary: dict = field(default_factory=dict)
    lead: str = field(default="series", compare=False)

    def varied_by_crystal(self):
        """Names of what each lattice draws for itself, without its orientation."""
        return [name for name in self.vary if name == "cell_scale" or name in OF_CRYSTAL]

    def varied_by_shot(self):
        """Names of what all lattices of an image share."""
        own = {*self.varied_by_crystal(), "orientation", "crystals"}
        return [name for name in self.vary if name not in own]

    def has_several(self):
        """Whether images may have several lattices, or none."""
        return "crystals" in self.vary

    def check_drawn(self, image, drawn):
        """Raises InputError if a value drawn for an image is impossible."""
        for name, value in drawn.items():
            wrong = impossible(name, value)
            if wrong:
                raise InputError(f"{self.lead}: [vary] {name}: image {image} would have {value:g}; {wrong}")


def read_specification(path, option="series"):
    """The Specification in a TOML file, whose series has the file's name without its ending unless it states another. Raises
    InputError, beginning with `option`, for unusable ones."""
    content, _ = read_content(option, path)
    name = os.path.splitext(os.path.basename(path))[0]
    return specification_of(f"{option} {os.fspath(path)}", content, os.path.dirname(path), name=name)


def specification_of(lead, content, folder="", experiment=None, name="series"):
    """The Specification of the tables of a TOML file, {"series": {...}, "vary": {...}} and those of an Experiment, with the
    fixes `CENTRED`.

    folder: to which paths are relative; experiment: an Experiment in place of its tables; name: of a series that states
    none. Raises InputError, beginning with `lead`, for an unusable specification.
    """
    if not isinstance(content, dict):
        raise InputError(f'{lead}: needs tables, {{"series": {{...}}, "vary": {{...}}}}, not {short_text(content)}')
    rest = {key: value for key, value in content.items() if key not in ("series", "vary")}
    if "series" not in content:
        raise InputError(f"{lead}: has no table [series], which says how many images there are: images = 1000")
    if experiment is None:
        experiment = Experiment(**experiment_fields(rest, lead, folder))
    elif rest:
        raise InputError(f"{lead}: [{next(iter(rest))}] is stated beside an Experiment; state it in one of them")
    experiment = dataclasses.replace(experiment, fix=experiment.fix | CENTRED)
    table = series_table(f"{lead}: [series]", {"name": name, **as_table(lead, "series", content["series"])})
    stated = as_table(lead, "vary", content.get("vary", {}))
    values = {field.name: getattr(table, field.name) for field in dataclasses.fields(table)}
    base = Specification(**values, experiment=experiment, lead=lead)
    vary = {name: varied(f"{lead}: [vary] {name}", name, value, base, folder) for name, value in stated.items()}
    specification = dataclasses.replace(base, vary=vary)
    check_rotation(specification)
    check_together(specification)
    return specification


def outside_folder(path, specification):
    """Warnings about files outside the folder of a specification, which its author may have chosen."""
    experiment = specification.experiment
    named = [field for field in (*PATHS, "background") if getattr(experiment, field) != DEFAULTS[field]]
    return outside_inputs("series", ConfigFile(os.fspath(path), {}, {}), experiment, named)


def as_table(lead, name, value):
    if not isinstance(value, dict):
        raise InputError(f"{lead}: [{name}] must be a table of names and values")
    return value


def series_table(lead, stated):
    """The SeriesTable of names and values. Raises InputError, beginning with `lead`."""
    known = [field.name for field in dataclasses.fields(SeriesTable)]
    for name in stated:
        if name not in known:
            raise InputError(f"{lead} has no {name}{suggestion(name, known)}; it has {', '.join(known)}")
    if "images" not in stated:
        raise InputError(f"{lead} lacks images, their number")
    table = SeriesTable(**stated)
    try:
        convert_fields(table)
        check_choice("kind", table.kind, ("stills", "rotation"))
        for name, least, most in (("images", 1, FRAMES), ("images_per_file", 1, FRAMES), ("seed", 0, SEEDS - 1)):
            if not least <= integer(name, getattr(table, name)) <= most:
                raise InputError(f"{name}: needs a whole number from {least} to {most}, not {getattr(table, name)}")
        for name in ("adc", "start", "width"):
            value = getattr(table, name)
            if value is not None and not math.isfinite(value):
                raise InputError(f"{name}: needs a finite number, not {value}")
        if table.bits not in (None, 16, 32):
            raise InputError(f"bits: needs 16 or 32, not {table.bits}")
        if table.photons and not table.counts:
            raise InputError("photons: without counts the data are photons anyway; leave it out")
        if not table.name or os.sep in table.name or table.name.startswith(".") or not table.name.isprintable():
            raise InputError(f"name: needs the beginning of file names, not {short_text(table.name)}")
    except InputError as error:
        raise InputError(f"{lead} {error}") from None
    return table


def check_rotation(specification):
    """Raises InputError for what does not suit the kind of series."""
    lead = f"{specification.lead}: [series]"
    given = {name: getattr(specification, name) for name in ("start", "width", "steps")}
    if specification.kind == "stills":
        for name, value in given.items():
            if value is not None:
                raise InputError(f'{lead} {name}: is for kind = "rotation", not for stills')
        return
    if specification.width is None or specification.width == 0.0:
        raise InputError(f"{lead} width: needs the angle of each image in degrees, not {specification.width or 'nothing'}")
    if specification.steps is not None and specification.steps < 1:
        raise InputError(f"{lead} steps: needs at least 1 phi step for each image, not {specification.steps}")
    own = ("phi", "osc", "phistep", "phisteps")
    for name in own:
        if getattr(specification.experiment, name) != DEFAULTS[name]:
            raise InputError(f"{lead}: start, width and steps of a rotation set {name}; leave it out of [spindle]")
    for name in specification.vary:
        if name in (*own, "orientation", "crystals", "cell_scale") or name in OF_CRYSTAL:
            raise InputError(f"{specification.lead}: [vary] {name}: a rotation has one crystal on an evenly turning spindle")


def check_together(specification):
    """Raises InputError for values that vary without effect, or that have no meaning together."""
    experiment, vary = specification.experiment, specification.vary
    for name in vary:
        for ways in ALTERNATIVES:
            ours = [way for way in ways if name in way]
            for other in (other for way in ways if ours and way not in ours for other in way):
                if getattr(experiment, other) != DEFAULTS[other] or other in vary:
                    raise InputError(
                        f"{specification.lead}: [vary] {name}: has no effect, or an uncertain one, beside {other}; "
                        "give one of them"
                    )
    if "crystals" in vary and "orientation" in vary and vary["orientation"].kind == "values":
        raise InputError(
            f"{specification.lead}: [vary] orientation: has a matrix for each image, but crystals draws several lattices"
        )


def varied(lead, name, stated, specification, folder):
    """The Distribution of what varies under a name. Raises InputError, beginning with `lead`."""
    images = specification.images
    if name == "orientation":
        return read_orientations(lead, stated, images, folder)
    kind = {"crystals": int, "cell_scale": float}.get(name) or scalar_kind(name)
    known = [*scalar_names(), "orientation", "cell_scale", "crystals"]
    if name not in known:
        reason = "cannot vary" if name in DEFAULTS else "is not known"
        raise InputError(
            f"{lead}: {reason}{suggestion(name, known)}; need a field with a single value that frames of "
            "one detector need not share, or orientation, cell_scale, crystals"
        )
    if name == "crystals" and isinstance(stated, dict) and not {"poisson", "choice", "values", "uniform"} & {*stated}:
        raise InputError(f"{lead}: is a number of lattices; need poisson, choice, uniform or values")
    distribution = read_distribution(lead, name, stated, kind, images, folder)
    if name in PATHS:
        distribution = distribution._replace(numbers=tuple(os.path.join(folder, path) for path in distribution.numbers))
    for value in dict.fromkeys(distribution.typical()):
        wrong = impossible(name, value)
        if wrong:
            raise InputError(f"{lead}: {value:g} is impossible; {wrong}")
    if name in DEFAULTS:
        for value in dict.fromkeys(distribution.typical()[:FIRST_CHECKED]):
            try:
                dataclasses.replace(specification.experiment, **{name: round(value) if kind is int else value})
            except InputError as error:
                raise InputError(f"{lead}: {error}") from None
    return distribution


def impossible(name, value):
    """What would be possible, if a value is not."""
    if name in ABOVE_0 and not value > 0.0:
        return "need a value greater than 0"
    if name in AT_LEAST_0 and not value >= 0.0:
        return "need at least 0"
    if name in AT_LEAST_1 and not value >= 1:
        return "need at least 1"
    if name == "crystals" and value > MOST_LATTICES:
        return f"need at most {MOST_LATTICES} lattices"
    return ""


def scalar_kind(name):
    """The type of a field of Experiment with one value; None for others."""
    hint = field_kinds(Experiment).get(name)
    kinds = set(typing.get_args(hint) or [hint]) - {type(None)}
    if name in ("misset", "mat") or name in FIXED:
        return None
    return next((kind for kind in (bool, int, float, str) if kind in kinds), None)


def scalar_names():
    """Names of the fields of Experiment that can vary."""
    return [name for name in DEFAULTS if scalar_kind(name) is not None]


def read_orientations(lead, stated, images, folder):
    """The Distribution of orientations: the word uniform, or a rotation matrix for each image, as (n, 3, 3) or (n, 9)
    numbers or a text file with nine numbers in each line."""
    if isinstance(stated, str) and stated == "uniform":
        return Distribution("uniform", ())
    if isinstance(stated, (str, os.PathLike)):
        stated = read_columns(lead, os.path.join(folder, stated), 9)
    try:
        matrices = np.array(stated, np.float64)
        matrices = matrices.reshape(len(matrices), 3, 3)
    except (TypeError, ValueError):
        raise InputError(
            f'{lead}: needs "uniform", or a rotation matrix of nine numbers for each image (or a file with one in each '
            f"line), not {short_text(stated)}"
        ) from None
    check_count(lead, len(matrices), images)
    turned = matrices @ matrices.transpose(0, 2, 1)
    wrong = np.flatnonzero(
        ~(abs(turned - np.eye(3)).max(axis=(1, 2)) < ROTATION_TOLERANCE) | ~(np.linalg.det(matrices) > 0.0)
    )
    if wrong.size:
        raise InputError(f"{lead}: matrix {wrong[0]} is not a rotation: its rows need length 1, right angles, determinant 1")
    return Distribution("values", tuple(tuple(matrix) for matrix in matrices.reshape(-1, 9).tolist()))


def specification_text(specification, path, names=None):
    """The TOML text of a Specification, for the file `path`, to whose folder its paths are relative. names: as for
    `config_text`."""
    _, _, experiment = config_text(specification.experiment, path, names).partition("\n")
    lines = ["# nbkernel series FILE --output FOLDER", experiment, "[series]"]
    for known in dataclasses.fields(SeriesTable):
        value = getattr(specification, known.name)
        if value is not None and (known.name == "name" or value != known.default):
            unit = unit_of(SeriesTable, known.name)
            lines.append(f"{known.name} = {toml_value(value)}" + (f"  # {unit}" if unit else ""))
    if specification.vary:
        lines += ["", "[vary]"]
    for name, distribution in specification.vary.items():
        if name in PATHS:
            folder = os.path.realpath(os.path.dirname(path))
            relative = tuple(os.path.relpath(os.path.realpath(each), folder) for each in distribution.numbers)
            distribution = distribution._replace(numbers=relative)
        if name == "orientation":
            lines.append(f"orientation = {toml_value(distribution.numbers or 'uniform')}")
        else:
            lines.append(f"{name} = {toml_of(distribution, toml_value)}")
    return "\n".join(lines) + "\n"


def digest_of(specification, **more):
    """Hexadecimal SHA-256 digest of a Specification: of values and of the contents of files, not of their names. more:
    further things on which the images depend."""
    values = {known.name: getattr(specification, known.name) for known in dataclasses.fields(SeriesTable)}
    experiment = {
        known.name: getattr(specification.experiment, known.name)
        for known in dataclasses.fields(Experiment)
        if not (known.name in PATHS and isinstance(getattr(specification.experiment, known.name), str))
    }
    inputs = {file.field: sha256_of(file.path) for file in input_files(specification.experiment)}
    vary = {
        name: [kind, [sha256_of(path) for path in numbers] if name in PATHS else numbers]
        for name, (kind, numbers, _) in specification.vary.items()
    }
    text = json.dumps([values, experiment, inputs, vary, more], sort_keys=True, default=plain)
    return hashlib.sha256(text.encode()).hexdigest()


def file_digest_or_self(value):
    return sha256_of(value) if isinstance(value, str) and os.path.exists(value) else value


def plain(value):
    """What JSON does not know: sets, what is in memory, panels, responses, materials."""
    if isinstance(value, Response):
        return [file_digest_or_self(getattr(value, known.name)) for known in dataclasses.fields(Response)]
    if isinstance(value, PixelMap):
        return hashlib.sha256(value.array.tobytes()).hexdigest()
    if isinstance(value, Material):
        # the content of its file is among the inputs
        return dataclasses.asdict(value) | ({"table": None} if isinstance(value.table, str) else {})
    if isinstance(value, InMemory):
        return [value.column, value.digest]
    return sorted(value) if isinstance(value, frozenset) else dataclasses.asdict(value)
