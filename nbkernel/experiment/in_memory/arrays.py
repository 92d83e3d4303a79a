"""Sources and masks as arrays. numpy is imported when there is one: the command line starts without it."""

from __future__ import annotations

import typing

from nbkernel.errors import InputError
from nbkernel.support.validation import short_text

from .content import InMemory

if typing.TYPE_CHECKING:
    import numpy as np

PARTS = ("directions", "weights", "wavelengths")


class FixedArray(InMemory):
    """A read-only array in `array`, compared by content; numpy.asarray returns it. values: an array, or what can be made
    one. Raises InputError for an array of another kind than the sub-class holds."""

    name: str  # of the field
    ending = ".npy"

    def __init__(self, values: typing.Any) -> None:
        import numpy as np

        self.array: np.ndarray = np.array(self.checked(values), order="C")
        self.array.flags.writeable = False

    @staticmethod
    def checked(values):
        """The values as an array of the right kind."""
        raise NotImplementedError

    @classmethod
    def from_content(cls, content, name, column=None):
        """The same from the bytes of a .npy file; name: of the file, in messages."""
        from nbkernel.io.files.npy import read_npy

        return cls(read_npy(f"{cls.name}: {name}", content))

    @property
    def content(self) -> bytes:  # type: ignore[override]
        from nbkernel.io.files.npy import npy_bytes

        return npy_bytes(self.array)

    def __array__(self, dtype=None, copy=None):
        return self.array.astype(dtype) if copy or (dtype is not None and dtype != self.array.dtype) else self.array

    def __reduce__(self):
        return type(self), (self.array,)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {' x '.join(map(str, self.array.shape))}>"


class SourceTable(FixedArray):
    """Sources in memory: `array` is (n, 5) float64 with x y z weight wavelength in each row, as in a source file.

    values: such an array, or directions (n, 3), weights (n,) and wavelengths (n,); x y z point from the sample to the
    source, in any unit; wavelengths in metres. A single weight or wavelength is that of all sources. Raises InputError for
    anything else.
    """

    name = "sources"

    @staticmethod
    def checked(values):
        if isinstance(values, (tuple, list)) and len(values) == 3 and not is_row(values[0]):
            values = table_of(*values)
        return checked_sources(numbers("sources", values))


class Spectrum(FixedArray):
    """A spectrum in memory: `array` is (n, 2) float64 with a wavelength (Angstrom) and a weight in each row.

    values: such an array, or a tuple of wavelengths (n,) and weights (n,). Raises InputError for anything else.
    """

    name = "spectrum"

    @staticmethod
    def checked(values):
        import numpy as np

        from nbkernel.io.tables.spectrum import checked_spectrum

        if isinstance(values, tuple) and len(values) == 2:
            wavelengths, weights = (numbers("spectrum", part) for part in values)
            if wavelengths.ndim != 1 or wavelengths.shape != weights.shape:
                shown = f"{short_text(wavelengths)} and {short_text(weights)}"
                raise InputError(f"spectrum: needs as many weights as wavelengths, not {shown}")
            values = np.column_stack((wavelengths, weights))
        rows = numbers("spectrum", values)
        if rows.ndim != 2 or rows.shape[1] != 2 or not len(rows):
            shown = short_text(rows) if rows.ndim else "a single number"
            raise InputError(
                "spectrum: needs the path of a file, an array of n x 2 (wavelength in Angstrom, weight), or a tuple of "
                f"wavelengths and weights, not {shown}"
            )
        checked_spectrum("spectrum", rows[:, 0], rows[:, 1])
        return rows


class MosaicBlocks(FixedArray):
    """Mosaic domains in memory: `array` is (n, 3, 3) float64, rotation matrices that turn the crystal's axes.

    values: such an array, or (n, 9) with the matrices' rows one after another. Raises InputError for anything else.
    """

    name = "mosaic_blocks"

    @staticmethod
    def checked(values):
        from nbkernel.geometry.rotations import checked_rotations

        return checked_rotations("mosaic_blocks", numbers("mosaic_blocks", values))


class PixelMask(FixedArray):
    """A mask in memory: `array` is (slow, fast) bool, True for the pixels to be rendered.

    values: such an array. Raises InputError for anything else.
    """

    name = "mask"

    @staticmethod
    def checked(values):
        import numpy as np

        try:
            found = np.asarray(values)
        except ValueError:
            found = None
        if found is None or found.dtype != bool or found.ndim != 2 or not found.size:
            kind = short_text(values) if found is None or not found.ndim else f"{found.dtype}, {short_text(found)}"
            raise InputError(
                f"mask: needs a path, or a bool array (slow, fast) with True for the pixels to render, not {kind}"
            )
        return found

    # what a mask read from a file has, too
    program_pixels = None

    @property
    def pixels(self) -> np.ndarray:
        return self.array.reshape(-1)

    @property
    def height(self) -> int:
        return self.array.shape[0]

    @property
    def width(self) -> int:
        return self.array.shape[1]

    def is_misread(self) -> bool:
        """Whether nanoBragg.c finds zeros in other places: there is no header that it could misread."""
        return False


def is_row(value):
    """Whether a value is a row of numbers, and not several rows."""
    try:
        return not hasattr(value[0], "__len__")
    except (TypeError, IndexError):
        return True


def numbers(what, values):
    """An array of real numbers, as float64."""
    import numpy as np

    try:
        found = np.asarray(values)
    except ValueError:
        raise InputError(f"{what}: needs an array of numbers, but its rows differ in length") from None
    if found.dtype.kind not in "iuf":
        shown = short_text(values) if found.dtype.kind in "OUS" and not found.ndim else found.dtype
        raise InputError(f"{what}: needs an array of real numbers, not {shown}")
    return found.astype(np.float64)


def table_of(directions, weights, wavelengths):
    """(n, 5) rows of three arrays. Raises InputError if they do not fit together."""
    import numpy as np

    found = [
        numbers(f"sources: {part}", values) for part, values in zip(PARTS, (directions, weights, wavelengths), strict=True)
    ]
    if found[0].ndim != 2 or found[0].shape[1] != 3:
        raise InputError(f"sources: needs directions as an array of n x 3, not {short_text(found[0])}")
    count = len(found[0])
    for part, values in zip(PARTS[1:], found[1:], strict=True):
        if values.ndim and values.shape != (count,):
            raise InputError(
                f"sources: needs one number, or one for each of the {count} directions, as {part}, not {short_text(values)}"
            )
    return np.column_stack([found[0], *(np.broadcast_to(values, count) for values in found[1:])])


def checked_sources(rows):
    """(n, 5) rows. Raises InputError, naming the first bad one, if they are not sources."""
    import numpy as np

    if rows.ndim != 2 or rows.shape[1] != 5 or not len(rows):
        shown = short_text(rows) if rows.ndim else "a single number"
        raise InputError(
            "sources: needs an array of n x 5 (x y z to the source, weight, wavelength in metres), or directions, weights "
            f"and wavelengths, not {shown}"
        )
    problems = (
        (~np.isfinite(rows).all(axis=1), "has a value that is not a finite number"),
        (~rows[:, :3].any(axis=1), "is at 0 0 0; need a direction x y z"),
        (~(rows[:, 4] > 0.0), "has a wavelength that is not greater than 0"),
    )
    for bad, what in problems:
        if bad.any():
            raise InputError(f"sources: source {int(np.argmax(bad)) + 1} {what}")
    return rows
