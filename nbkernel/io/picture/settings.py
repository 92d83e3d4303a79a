"""What the user wants a picture to show."""

from dataclasses import dataclass

from nbkernel.support.field_types import IntPair, NumberPair, Numbers, Region
from nbkernel.support.validation import check_choice, convert_fields, with_unit

SCALES = ("log", "linear", "sqrt")
# the lower one is high: what is between the spots is of no interest
PERCENTILES = (80.0, 99.95)


@dataclass(frozen=True)
class PictureSettings:
    """What `write_preview` draws.

    scale: "log", "linear" or "sqrt"; percentiles: of the positive values shown, white and black; roi: fast first, fast last,
    slow first, slow last, ends included, None for all; zoom: (picture pixels, detector pixels) along an edge, one of them 1,
    None to fit; rings: spacings (Angstrom), "auto" or (); beam: whether to mark the direct beam. Raises InputError, naming
    the field, for a value of another kind."""

    scale: str = SCALES[0]
    percentiles: NumberPair = with_unit(PERCENTILES, "%")
    roi: Region | None = with_unit(None, "pixels")
    zoom: IntPair | None = None
    rings: Numbers | str = with_unit((), "Angstrom")
    beam: bool = False

    def __post_init__(self):
        convert_fields(self)
        check_choice("scale", self.scale, SCALES)

    def needs_geometry(self) -> bool:
        """Whether the picture can only be drawn from a PanelImage."""
        return bool(self.rings) or self.beam
