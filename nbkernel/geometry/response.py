"""Response: what a detector makes of the photons that arrive."""

import math
import typing
from dataclasses import dataclass

from nbkernel.errors import InputError
from nbkernel.support.validation import check_choice, convert_fields, short_text, with_unit

if typing.TYPE_CHECKING:
    from os import PathLike

    import numpy as np

    Map = float | str | PathLike[str] | np.ndarray
    Stages = typing.Any
else:
    Map = float | str
    Stages = tuple[tuple[float, float, float], ...]

POINT_SPREADS = ("gauss", "fiber")
MAPS = ("gain", "pedestal", "mask")
MOST_SATURATION = {16: 65535, 32: 2147483647}


class PixelMap:
    """A number for every pixel of a panel. array: (slow, fast), read-only."""

    def __init__(self, name, array):
        import numpy as np  # the command line checks its arguments without it

        if array.ndim != 2 or array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise InputError(
                f"{name}: needs a number, a file, or a (slow, fast) array of finite numbers, not {short_text(array)}"
            )
        self.array = np.array(array, np.int32 if name == "mask" else np.float64)
        self.array.setflags(write=False)

    def __eq__(self, other):
        return (
            isinstance(other, PixelMap) and self.array.shape == other.array.shape and bool((self.array == other.array).all())
        )

    def __hash__(self):
        return hash((self.array.shape, self.array.tobytes()))

    def __repr__(self):
        return f"<map of {self.array.shape[0]} x {self.array.shape[1]} pixels>"


@dataclass(frozen=True)
class Response:
    """What a detector makes of the photons that arrive. Every stage is off by default: then the counts are those of an ideal
    photon counter, `add_noise(rng="philox", adc=0)`.

    The stages follow each other as the fields do: flicker and calibration change the expected photons, of which each pixel
    counts a Poisson deviate; these are spread (psf), amplified, and read out as integers. gain, pedestal and mask can be a
    number, a (slow, fast) array, or a file with such (NumPy's .npy, SMV, HDF5). A fiber's point spread is g/(2 pi (g^2 +
    r^2)^(3/2)), of a phosphor on a fiber-optic taper (Holton, Nielsen and Frankel, J. Synchrotron Rad. 19 (2012) 1006);
    both kinds are integrated over pixels, and their sum within the radius is 1. Photons that are spread across an edge are
    lost. With stages of gain switching, the noise of each is in counts of its own gain, in whose steps it is digitised; the
    result is in counts of `gain`. Raises InputError, naming the field, for unusable values.
    """

    flicker: float = 0.0  # relative standard deviation of the beam, from shot to shot
    calibration: float = 0.0  # relative standard deviation of the pixels' efficiencies, the same in every shot
    calibration_seed: int = 1  # of these
    psf: str | None = None  # gauss or fiber
    psf_fwhm: float = with_unit(46.0, "micrometres")  # full width at half maximum
    psf_radius: int | None = with_unit(None, "pixels")  # None: beyond it 1e-6 of a Gaussian, 1 % of a fiber's
    gain: Map = with_unit(1.0, "counts")  # of a photon
    readout_noise: float = with_unit(0.0, "counts")  # standard deviation
    stages: Stages = ()  # of gain switching, rows: photons from which on, gain relative to `gain`, read-out noise
    pedestal: Map = with_unit(0.0, "counts")  # added to every pixel
    bits: int = 32  # 16: counts from 0 to 65535; 32: signed
    saturation: int | None = with_unit(None, "counts")  # largest count; None: the most that the bits can hold
    mask: Map = 0  # NeXus' bits: 1 or 2 a pixel that is always 0, 8 one that is always saturated

    def __post_init__(self):
        for name in MAPS:
            value = getattr(self, name)
            if getattr(value, "ndim", 0):
                object.__setattr__(self, name, PixelMap(name, value))
        maps = {name: getattr(self, name) for name in MAPS if isinstance(getattr(self, name), PixelMap)}
        for name in maps:
            object.__setattr__(self, name, 1.0)
        convert_fields(self)
        for name, value in maps.items():
            object.__setattr__(self, name, value)
        check(self)


def as_responses(response):
    """A tuple of Responses, from one, several or None."""
    return () if response is None else (response,) if isinstance(response, Response) else tuple(response)


def least_saturation(responses):
    """The counts at which the first panel saturates."""
    return min(response.saturation or MOST_SATURATION[response.bits] for response in responses)


def check(response):
    """Raises InputError for values that no detector has."""
    for name in ("flicker", "calibration", "readout_noise"):
        value = getattr(response, name)
        if not 0.0 <= value < math.inf:
            raise InputError(f"{name}: needs a number of at least 0, not {value:g}")
    if response.psf is not None:
        check_choice("psf", response.psf, POINT_SPREADS)
        if not 0.0 < response.psf_fwhm < math.inf:
            raise InputError(f"psf_fwhm: needs a width in micrometres greater than 0, not {response.psf_fwhm:g}")
    if response.psf_radius is not None and response.psf_radius < 1:
        raise InputError(f"psf_radius: needs a whole number of pixels from 1 on, not {response.psf_radius}")
    least = float(response.gain.array.min()) if isinstance(response.gain, PixelMap) else response.gain
    if not isinstance(least, str) and not 0.0 < least < math.inf:
        raise InputError(f"gain: needs counts of a photon greater than 0, not {least:g}")
    if isinstance(response.pedestal, float) and not math.isfinite(response.pedestal):
        raise InputError(f"pedestal: needs a finite number of counts, not {response.pedestal:g}")
    if response.bits not in MOST_SATURATION:
        raise InputError(f"bits: needs 16 or 32, not {response.bits}")
    most = MOST_SATURATION[response.bits]
    if response.saturation is not None and not 1 <= response.saturation <= most:
        raise InputError(f"saturation: needs counts from 1 to {most} with {response.bits} bits, not {response.saturation}")
    threshold = 0.0
    for row in response.stages:
        if not (threshold < row[0] < math.inf and 0.0 < row[1] < math.inf and 0.0 <= row[2] < math.inf):
            raise InputError(
                f"stages: needs rows of photons (each more than the last), gain above 0, noise, not {short_text(row)}"
            )
        threshold = row[0]
