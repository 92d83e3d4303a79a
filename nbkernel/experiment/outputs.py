"""Outputs: which files a run writes, how they are scaled, and for which pixels values are printed."""

from dataclasses import dataclass

from nbkernel.io.picture.settings import PictureSettings
from nbkernel.support.validation import with_unit

# name: how the noise is drawn
NOISE_RNGS = {
    "ran1": "nanoBragg.c's generator, pixel after pixel",
    "philox": "counter-based random numbers: those of a pixel do not depend on threads and region",
}
DEFAULT_NOISE_RNG = "ran1"
# name: header of the SMV images
SMV_STYLES = {
    "nanobragg": "nanoBragg.c's, byte for byte",
    "dials": "one from which DIALS reads the correct beam centre, offset and gain; the pixels are the same",
}
DEFAULT_SMV_STYLE = "nanobragg"


@dataclass(frozen=True)
class Outputs:
    """Which files to write, and how counts are scaled. A scale of 0 or less is chosen automatically; None omits a file."""

    floatfile: str = "floatimage.bin"
    intfile: str = "intimage.img"
    pgmfile: str | None = "image.pgm"
    noisefile: str | None = "noiseimage.img"
    dump: str | None = "Fdump.bin"  # the table of an hkl file
    hdf5: str | None = None  # photons, counts, geometry and more in the NXmx format
    config_read: str | None = None  # the file of the experiment, which no output may replace
    config: str | None = None  # the resolved experiment as TOML
    labels: str | None = None  # what each pixel's Bragg photons are made of, HDF5
    preview: str | None = None
    picture: PictureSettings = PictureSettings()  # of the preview
    scale: float = 0.0
    pgmscale: float = 0.0
    adc: float = with_unit(40.0, "counts")
    seed: int | None = None  # of the noise; None: random
    noise_rng: str = DEFAULT_NOISE_RNG  # of NOISE_RNGS
    smv: str = DEFAULT_SMV_STYLE  # of SMV_STYLES
    printout: bool = False
    printout_pixel: tuple[int, int] | None = with_unit(None, "pixels")  # fast, slow; None or a fast below 0: every pixel
    trace_pixel: tuple[int, int] | None = with_unit(None, "pixels")  # slow, fast
