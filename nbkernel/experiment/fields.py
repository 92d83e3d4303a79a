"""The fields of an Experiment, in the user's units, and their allowed values. None means 'not given'."""

import math
from dataclasses import dataclass, fields, replace
from typing import Self

from nbkernel.errors import InputError
from nbkernel.geometry.background import Material
from nbkernel.geometry.lattice import Lattice
from nbkernel.geometry.panels import Panel
from nbkernel.geometry.response import Response
from nbkernel.support.field_types import File, Many, Matrix, Names, NumberPair, Numbers, Region, Vector
from nbkernel.support.printable import shortened
from nbkernel.support.validation import check_choice, convert_fields, short_text, with_unit

from .flags import flag_name
from .in_memory.fields import CLASSES, Blocks, Factors, Mask, PerEnergy, Sources, Weights, held
from .input_files import FIELDS
from .quirks import fix_names

WHOLE_IMAGE = (-1, -1, -1, -1)
CHOICES = {
    "xtal_shape": ("square", "round", "gauss", "tophat", "gauss_star"),
    "spot_metric": ("reciprocal", "hkl"),
    "convention": ("adxv", "mosflm", "denzo", "xds", "dials", "custom"),
    "pivot": ("beam", "sample"),
}


@dataclass(frozen=True)
class ExperimentFields:
    """See `Experiment`, which adds reading and writing of command lines and files."""

    # beam
    wavelength: float | None = with_unit(None, "Angstrom")
    fluence: float = with_unit(125932015286227086360700780544.0, "1/m2")
    flux: float = with_unit(0.0, "1/s")  # replaces the fluence, with exposure and beamsize
    exposure: float = with_unit(1.0, "s")
    beamsize: float = with_unit(0.1, "mm")
    polarization: float = 0.0  # Kahn factor
    nopolar: bool = False
    hdivrange: float | None = with_unit(None, "mrad")
    hdivstep: float | None = with_unit(None, "mrad")
    hdivsteps: int | None = None
    vdivrange: float | None = with_unit(None, "mrad")
    vdivstep: float | None = with_unit(None, "mrad")
    vdivsteps: int | None = None
    round_div: bool = True
    dispersion: float = with_unit(0.0, "%")
    dispsteps: int | None = None
    sourcefile: File | None = None
    # rows x y z weight wavelength (m) as in a source file, or directions, weights and wavelengths; instead of sourcefile
    sources: Sources | None = None
    # of each direction, instead of a dispersion: a file, rows of wavelength (Angstrom) and weight, or both as a tuple
    spectrum: Weights | None = None
    # crystal
    cell: Numbers | None = with_unit(None, "Angstrom, degrees")  # a b c alpha beta gamma; the last ones may be omitted
    mat: Matrix | File | None = None  # rows x y z of a* b* c*, times the wavelength; or a file
    misset: Vector | str | None = with_unit(None, "degrees")  # about x, y, z, or "random"
    misset_seed: int | None = None
    Na: int | float = 1  # unit cells along a; whole numbers for a square crystal
    Nb: int | float = 1  # unit cells along b
    Nc: int | float = 1  # unit cells along c
    sample_x: float = with_unit(0.0, "mm")
    sample_y: float = with_unit(0.0, "mm")
    sample_z: float = with_unit(0.0, "mm")
    xtal_shape: str = "square"  # square, round, gauss, tophat; gauss_star: spots that are round in reciprocal space
    # of Gaussian and tophat spots: reciprocal, their width in 1/Angstrom times Na Nb Nc; or hkl, in h, k, l times Na, Nb, Nc
    spot_metric: str = "reciprocal"
    fudge: float = 1.0
    mosaic_spread: float | None = with_unit(None, "degrees")
    mosaic_domains: int | None = None
    mosaic_seed: int = 12345678
    # instead of a spread: rotations of domains that turn with the crystal, a file or an array (n, 3, 3)
    mosaic_blocks: Blocks | None = None
    # instead of a spread: standard deviation of the domains' rotations, or of those about a, b and c
    mosaic_sigma: float | Vector | None = with_unit(None, "degrees")
    # standard deviations of the domains' cells: of a, b, c, and perhaps of alpha, beta, gamma
    cell_spread: Numbers | None = with_unit(None, "%, degrees")
    hkl: Factors | None = (
        None  # a file of them or of a model, StructureFactors, a pair of Miller indices and amplitudes, or a gemmi object
    )
    # instead of hkl, for each wavelength of spectrum, dispersion or sources: paths, or what hkl takes in memory
    hkl_per_energy: PerEnergy | None = None
    column: str | None = None  # amplitudes in an MTZ or mmCIF file; two with a comma are F(+) and F(-)
    # of a model, PDB or mmCIF: to which spacing it is calculated, None: what the pixels record; its flat bulk solvent
    model_dmin: float | None = with_unit(None, "Angstrom")
    ksol: float = with_unit(0.35, "electrons/Angstrom^3")
    bsol: float = with_unit(46.0, "Angstrom^2")
    anomalous: Many[str] = ()  # elements of a model whose f' and f'' at each wavelength count
    dump: File | None = "Fdump.bin"  # read if there is no hkl; None: neither read nor written
    default_F: float = with_unit(0.0, "electrons")
    B: float = with_unit(0.0, "Angstrom^2")  # F_cell^2 is multiplied by spot_scale * exp(-2 B stol^2), stol = 1/(2 d)
    spot_scale: float = 1.0
    stol: File | None = None  # profile of amorphous scattering; read, but has no effect: see background
    # spindle
    phi: float | None = with_unit(None, "degrees")
    osc: float | None = with_unit(None, "degrees")
    phistep: float | None = with_unit(None, "degrees")
    phisteps: int | None = None
    spindle_axis: Vector = (0.0, 0.0, 1.0)
    # detector
    detpixels_f: int | None = None
    detpixels_s: int | None = None
    detsize_f: float = with_unit(102.4, "mm")
    detsize_s: float = with_unit(102.4, "mm")
    pixel: float | None = with_unit(None, "mm")
    distance: float | None = with_unit(None, "mm")
    close_distance: float | None = with_unit(None, "mm")
    convention: str = "mosflm"  # adxv, mosflm, denzo, xds, dials, custom
    pivot: str = "beam"  # beam or sample; used only by the custom convention
    Xbeam: float | None = with_unit(None, "mm")
    Ybeam: float | None = with_unit(None, "mm")
    Ybeam_from_far_edge: NumberPair | None = with_unit(None, "m, mm")  # detector size, distance from its far edge
    Xclose: float | None = with_unit(None, "mm")
    Yclose: float | None = with_unit(None, "mm")
    ORGX: float | None = with_unit(None, "pixels")
    ORGY: float | None = with_unit(None, "pixels")
    detector_rotx: float = with_unit(0.0, "degrees")
    detector_roty: float = with_unit(0.0, "degrees")
    detector_rotz: float = with_unit(0.0, "degrees")
    twotheta: float = with_unit(0.0, "degrees")
    twotheta_axis: Vector | None = None  # 0 1 0 if not given with the custom convention
    fdet_vector: Vector | None = None
    sdet_vector: Vector | None = None
    odet_vector: Vector | None = None
    beam_vector: Vector = (1.0, 0.0, 0.0)
    polar_vector: Vector = (0.0, 0.0, 1.0)
    pix0_vector: Vector | None = with_unit(None, "m")
    curved_detector: bool = False
    point_pixel: bool = False
    detector_abs: float | None = with_unit(None, "micrometres")  # attenuation depth; 0 or inf: none
    detector_thick: float = with_unit(0.0, "micrometres")
    detector_thicksteps: int | None = None
    # if there are any, they replace the size, position and sensor above; a path is that of a dxtbx JSON, an
    # NXmx file, a .geom of CrystFEL or an XDS.INP
    panels: Many[Panel] | File = ()
    img: File | None = None
    mask: Mask | None = None  # a file, or a bool array (slow, fast): True for the pixels to render
    response: Response | Many[Response] | None = None  # of the detector, or of each panel; None: an ideal photon counter
    # sampling
    oversample: int | None = None
    oversample_thick: bool = False
    oversample_polar: bool = False
    oversample_omega: bool = False
    # fast first, fast last, slow first, slow last; -1: the edge
    roi: Region = with_unit(WHOLE_IMAGE, "pixels")
    dmin: float = with_unit(0.0, "Angstrom")
    interpolate: bool | None = None
    water: float = with_unit(0.0, "micrometres")
    # what else the beam meets
    background: Material | Many[Material] = ()  # amorphous materials, whose scattering is added
    # several crystals, or parts of one, in place of the single one; their photons add up
    lattices: Lattice | Many[Lattice] = ()
    # quirks of nanoBragg.c that are corrected, see `quirks`
    fix: Names = frozenset()

    def __post_init__(self):
        self._convert(vars(self))

    def with_changes(self, changes: dict) -> Self:
        """The experiment with the values `changes` ({field: value}): as `dataclasses.replace` makes it, without a second
        look at the fields that stay. Raises InputError for unusable values."""
        made = object.__new__(type(self))
        vars(made).update(vars(self) | changes)
        made._convert(changes)
        return made

    def _convert(self, names):
        """Converts and checks the values of the fields `names`. Raises InputError, naming the field, for unusable ones."""
        if isinstance(self.fix, str):
            object.__setattr__(self, "fix", [self.fix])
        if isinstance(self.anomalous, str):
            object.__setattr__(self, "anomalous", (self.anomalous,))
        if isinstance(self.background, Material):
            object.__setattr__(self, "background", (self.background,))
        if isinstance(self.lattices, Lattice):
            object.__setattr__(self, "lattices", (self.lattices,))
        for name in CLASSES:
            if name in names:
                object.__setattr__(self, name, held(name, getattr(self, name)))
        for name in FIELDS:
            value = getattr(self, name)
            if getattr(value, "ndim", 0) and name != "mat":
                instead = "; sources takes an array" if name == "sourcefile" else ""
                raise InputError(f"{name}: needs the path of a file, not {short_text(value)}{instead}")
        convert_fields(self, names)
        object.__setattr__(self, "fix", fix_names("fix", self.fix))
        check_finite(self, names)
        for name, choices in CHOICES.items():
            check_choice(name, getattr(self, name), choices)
        for name in FIELDS:
            if getattr(self, name) == "":
                raise InputError(f"{name}: needs a file name, not an empty string")
        if isinstance(self.mat, tuple) and not all(math.isfinite(number) for row in self.mat for number in row):
            raise InputError("mat: needs nine finite numbers, three reciprocal cell vectors")
        if self.hkl is not None and self.hkl_per_energy is not None:
            raise InputError("hkl_per_energy: there is also hkl; give one of them")
        if self.sources is not None and self.sourcefile is not None:
            raise InputError("sources: there is also a sourcefile; give one of them")
        if self.spectrum is not None:
            for name in ("sourcefile", "sources", "dispersion", "dispsteps"):
                if getattr(self, name) != DEFAULTS[name]:
                    raise InputError(f"spectrum: there is also {name}, which has wavelengths of its own; give one of them")
        check_domains(self)
        if self.cell is not None and not 1 <= len(self.cell) <= 6:
            raise InputError(
                f"cell: needs 1 to 6 numbers, a b c (Angstrom) alpha beta gamma (degrees), not {len(self.cell)}"
            )
        if isinstance(self.misset, str) and self.misset != "random":
            raise InputError(f"misset: needs 3 numbers (degrees) or the word random, not {shortened(repr(self.misset), 80)}")
        if self.lattices:
            check_lattices(self)

    def with_header(self, header: dict) -> Self:
        """The experiment with values of an SMV header ({field: value}) for the fields that are not given.

        Raises TypeError for a name that is not a field.
        """
        if not header:
            return self
        given = {field.name for field in fields(self) if getattr(self, field.name) is not None}
        return replace(self, **{name: value for name, value in header.items() if name not in given})


def check_lattices(experiment):
    """Raises InputError if a lattice has values that an Experiment cannot have."""
    for number, lattice in enumerate(experiment.lattices):
        try:
            replace(experiment, lattices=(), **lattice.changes())
        except InputError as error:
            raise InputError(f"lattices: lattice {number}: {error}") from None


def check_domains(experiment):
    """Raises InputError for mosaic domains that are stated twice, and for impossible deviations."""
    for name, others in (
        ("mosaic_blocks", ("mosaic_spread", "mosaic_sigma", "mosaic_domains")),
        ("mosaic_sigma", ("mosaic_spread",)),
    ):
        for other in others:
            if getattr(experiment, name) is not None and getattr(experiment, other):
                raise InputError(f"{name}: there is also {other}, which states the mosaic domains, too; give one of them")
    sigma = experiment.mosaic_sigma
    if sigma is not None and not min(sigma if isinstance(sigma, tuple) else (sigma,)) > 0.0:
        raise InputError(f"mosaic_sigma: needs degrees greater than 0, one number or three, not {short_text(sigma)}")
    spread = experiment.cell_spread
    if spread is not None and (len(spread) not in (3, 6) or min(spread) < 0.0):
        raise InputError(
            "cell_spread: needs 3 or 6 numbers of at least 0, the deviations of a b c (percent) alpha beta gamma (degrees), "
            f"not {short_text(spread)}"
        )


def check_finite(experiment, names):
    """Raises InputError for a number in the fields `names` that is not finite, except an attenuation depth of inf (no
    absorption)."""
    for name in names:
        value = getattr(experiment, name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, float) and not math.isfinite(number) and (name != "detector_abs" or math.isnan(number)):
                raise InputError(f"{flag_name(name)}: needs a finite number, not {number}")


DEFAULTS = {field.name: field.default for field in fields(ExperimentFields)}
