"""One run of noisify.c's flags, from a float image to files. All files are opened before the work starts and renamed to
their final names together."""

import math
from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.response import Response
from nbkernel.image.noisify import (
    KINDS,
    Generators,
    Spread,
    noiseless_words,
    on_photon_scale,
    read_out_words,
    spread_out,
    with_noise,
)
from nbkernel.image.seeds import fresh_seed
from nbkernel.io.files.opening import read_bytes
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.files.text import c_format
from nbkernel.io.formats import IMAGE, START, find_format
from nbkernel.io.hdf5.path import split_dataset
from nbkernel.io.images.pgm import pgm_header
from nbkernel.io.images.read import read_image
from nbkernel.io.images.smv import experiment_fields
from nbkernel.io.images.smv_header import parse_header
from nbkernel.io.images.smv_nanobragg import BYTE_ORDER, HEADER_BYTES
from nbkernel.kernels.compile.object_cache import CACHE

from .exposure import beam_along_x, exposure_of, write_exposure

TYPES = {16: "unsigned_short", 32: "long_integer"}
LEAST_INT32 = -(2**31)


class Source(NamedTuple):
    """What is read: pixels (slow, fast) float32, how many more the file has, stated: fields of its header or geometry, and
    the bytes of a header that is taken over, or None."""

    pixels: np.ndarray
    unused: int
    stated: dict
    header: bytes | None


def noisify_to_files(asked, say, warn, note, threads=None, rng="ran1", hdf5=None, command=None):
    """Makes the images of a Noisify and writes its files, all or none.

    say: called with lines for standard output; warn, note: with lines for standard error; threads: None for all cores; rng:
    ran1, noisify.c's noise, or philox, that of `detect`; hdf5: a file for photons and counts, whose provenance has the
    command line. Raises InputError for unusable input.
    """
    CACHE.say = note
    source = read_source(asked)
    if source.unused:
        warn(f"{asked.floatfile}: its last {source.unused} pixels are ignored: the image has {shown_shape(source)}")
    check(asked, source)
    geometry = Geometry(asked, source)
    exposure = None if hdf5 is None else exposure_in(asked, geometry, source.pixels.shape)
    seed = fresh_seed() if asked.seed is None else asked.seed

    def tell(template, *values):
        say(c_format(template, *values))

    with OutputFiles(filter(None, [split_dataset(asked.floatfile)[0], asked.header])) as files:
        files.open("-intfile", asked.intfile)
        if asked.pgm:
            files.open("-pgmfile", asked.pgmfile)
        if asked.noise:
            files.open("-noisefile", asked.noisefile)
        if hdf5 is not None:
            files.open("--hdf5", hdf5, by_name=True)
        response = response_of(asked) if rng == "philox" else None
        spread = spread_of(asked, geometry.pixel)
        tell_settings(tell, asked, geometry, seed)
        photons = scaled_photons(asked, source, tell, warn)
        if spread is not None and not asked.noise:
            tell("  applying PSF to noiseless image width = %g pixels", spread.fwhm)
            photons = spread_out(photons, spread, threads, tell)
        header = source.header or smv_header(asked, geometry, photons.shape)
        words = noiseless_words(photons, asked.gain, asked.adc)
        files.write("-intfile", header, in_bits(asked.bits, words))
        if asked.pgm:
            grey = np.minimum(in_bits(16, words), 255).astype(np.uint8)
            files.write("-pgmfile", pgm_header(*photons.shape[::-1], 1.0), grey)
        noisy = noiseless = None
        if exposure is not None:
            # noise is drawn in place
            noiseless = photons.copy()
        if asked.noise:
            if response is not None:
                noisy = detected_words(response, photons, geometry.pixel, seed, threads, tell)
            else:
                noisy = noisy_words(asked, photons, spread, seed, threads, tell)
            files.write("-noisefile", header, in_bits(asked.bits, noisy))
        if exposure is not None:
            noise = {"rng": rng, "seed": seed, "adc": asked.adc}
            write_exposure(files, hdf5, exposure, noiseless, signed_counts(asked.bits, noisy), noise, command)
        files.commit()


def read_source(asked):
    """The Source of a Noisify."""
    start = read_bytes("-floatfile", split_dataset(asked.floatfile)[0], START)
    stated, header, shape = {}, None, (asked.detpixels_s or 0, asked.detpixels_f or 0)
    if asked.header is not None:
        content = read_bytes("-header", asked.header)
        found = parse_header("-header", asked.header, content)
        header, shape = content[: found.stated], (found.height, found.width)
        stated = experiment_fields(found.text, shape)
    if find_format(IMAGE, start).name in ("HDF5", "SMV"):
        image = read_image("-floatfile", asked.floatfile)
        if any(size not in (0, own) for size, own in zip(shape, image.pixels.shape, strict=True)):
            raise InputError(
                f"-floatfile: {asked.floatfile} has {shown_size(image.pixels.shape)} pixels (fast x slow), not "
                f"{' x '.join(str(size or '?') for size in shape[::-1])}"
            )
        return Source(np.ascontiguousarray(image.pixels), 0, stated or stated_by(image), header)
    content = read_bytes("-floatfile", asked.floatfile)
    if len(content) % 4:
        raise InputError(
            f"-floatfile: {asked.floatfile} is no float image: {len(content)} bytes are not whole float32 numbers"
        )
    pixels = np.frombuffer(content, np.float32)
    shape = complete_shape(shape, pixels.size)
    needed = math.prod(shape)
    if not 0 < needed <= pixels.size:
        raise InputError(
            f"-floatfile: {asked.floatfile} has {pixels.size} float32 pixels, not {shown_size(shape)} (fast x slow)"
        )
    return Source(pixels[:needed].reshape(shape), pixels.size - needed, stated, header)


def stated_by(image):
    """What an Image states, with its beam centre as a header states it."""
    if image.beam_center is None or "Xbeam" in image.experiment or "pixel" not in image.experiment:
        return image.experiment
    fast, slow = (image.experiment["pixel"] * (center - 0.5) for center in image.beam_center)
    return {**image.experiment, "Xbeam": slow, "Ybeam": fast}


def complete_shape(shape, pixels):
    """(slow, fast) of an image of so many pixels, where 0 stands for what is not known: as square as it can be."""
    slow, fast = shape
    if not slow and not fast:
        fast = math.isqrt(pixels)
        while pixels % fast:
            fast -= 1
    return slow or pixels // fast, fast or pixels // slow


def shown_size(shape):
    return f"{shape[1]} x {shape[0]}"


def shown_shape(source):
    return f"{shown_size(source.pixels.shape)} pixels, fast x slow"


def check(asked, source):
    """Raises InputError for a point spread that the image cannot have."""
    if asked.psf is None or asked.psf_fwhm == 0.0:
        return
    if asked.psf_radius > max(source.pixels.shape):
        raise InputError(
            f"-psf_radius: {asked.psf_radius} pixels are more than the image has ({shown_shape(source)}); need 0, "
            f"automatic, to {max(source.pixels.shape)}"
        )
    if not np.isfinite(source.pixels).all():
        raise InputError(f"-psf: {asked.floatfile} has pixels that are not finite numbers, which cannot be spread")


class Geometry:
    """pixel (m) and what the headers state, by flags, by the header or file that was read, or by default."""

    def __init__(self, asked, source):
        slow, fast = source.pixels.shape

        def of(name, default):
            own, stated = getattr(asked, name), source.stated.get(name)
            if source.header is not None:
                own, stated = stated, own
            found = own if own is not None else stated
            return default if found is None else found

        self.pixel = of("pixel", 0.1) / 1000.0
        self.detsize = self.pixel * fast, self.pixel * slow
        self.distance = of("distance", 100.0) / 1000.0
        self.wavelength = of("wavelength", 1.0)
        self.Xbeam = of("Xbeam", self.detsize[0] / 2.0 * 1000.0) / 1000.0
        self.Ybeam = of("Ybeam", self.detsize[1] / 2.0 * 1000.0) / 1000.0
        if asked.Ybeam is None and "Ybeam" in source.stated:
            # headers count it from the other edge
            self.Ybeam = self.detsize[1] - self.Ybeam


def spread_of(asked, pixel):
    """The Spread of a Noisify, None if there is none."""
    fwhm = np.float32(asked.psf_fwhm / 1e6)
    if asked.psf is None or not fwhm > 0.0:
        return None
    return Spread(KINDS[asked.psf], float(fwhm) / pixel, asked.psf_radius)


def exposure_in(asked, geometry, shape):
    """The Exposure of a Noisify: a detector across the beam, with the centre that its headers state."""
    experiment = Experiment(
        distance=geometry.distance * 1000.0, pixel=geometry.pixel * 1000.0, detpixels_f=shape[1], detpixels_s=shape[0],
        Xbeam=geometry.Xbeam * 1000.0, Ybeam=(geometry.detsize[1] - geometry.Ybeam) * 1000.0,
        response=response_of(asked) if asked.noise else None,
    )  # fmt: skip
    beam = beam_along_x(geometry.wavelength * 1e-10, asked.fluence)
    return exposure_of(experiment, beam, None, math.radians(asked.phi), math.radians(asked.osc))


def tell_settings(tell, asked, geometry, seed):
    """Prints the program's lines about what it does."""
    if asked.psf is not None:
        name = "Gaussian" if asked.psf == "gauss" else "fiber"
        rest = "with automatic rendering radius" if asked.psf_radius == 0 else f"with rendering radius: {asked.psf_radius}"
        tell(f"  {name} PSF fwhm = %g um   {rest}", float(np.float32(asked.psf_fwhm / 1e6)) * 1e6)
    tell("  seed: %d", -seed)
    tell("  calibration noise seed: %d", -asked.calib_seed)
    used = asked.noise
    tell("  calibration_noise = %g %%", asked.calibration * 100.0 * used)
    tell("  input file scale = %g", asked.scale)
    tell("  readout_noise = %g ADU", asked.readout_noise * used)
    tell("  flicker_noise = %g %%", asked.flicker * 100.0 * used)
    tell("  quantum_gain = %g ADU/photon", asked.gain)
    tell("  adc_offset = %g ADU", asked.adc)
    tell("")


def scaled_photons(asked, source, tell, warn):
    """Photons (float32) of a Noisify's image."""
    from nbkernel.kernels.physics.constants import R_E_SQR

    pixels = source.pixels
    negative = int(np.count_nonzero(pixels < 0.0))
    if negative:
        warn(f"{asked.floatfile}: {negative} pixels are below 0, which photons cannot be")
    largest = max(0.0, float(np.fmax.reduce(pixels, axis=None)))
    tell("maximum value in input file: %g ( %g on photon scale)", largest, largest * asked.scale * asked.fluence * R_E_SQR)
    return on_photon_scale(pixels, asked.fluence, asked.scale)


def noisy_words(asked, photons, spread, seed, threads, tell):
    """The integers (int64) of an image with noise; changes `photons`."""
    generators = Generators(seed, asked.calib_seed)
    total = with_noise(photons, asked.flicker, asked.calibration, generators)
    if spread is not None:
        tell("%.0f photons on noise image before PSF", total)
        tell("  applying PSF width = %g um", float(np.float32(asked.psf_fwhm / 1e6)) * 1e6)
        photons = spread_out(photons, spread, threads, tell)
    words, total, overloads = read_out_words(photons, asked.gain, asked.adc, asked.readout_noise, generators)
    tell("%.0f photons on noise image (%d overloads)", total, overloads[asked.bits])
    return words


def response_of(asked):
    """The Response of a Noisify. Raises InputError for values that it cannot have."""
    with_spread = dict(psf=asked.psf, psf_fwhm=asked.psf_fwhm, psf_radius=asked.psf_radius or None) if asked.psf_fwhm else {}
    try:
        return Response(
            flicker=asked.flicker, calibration=asked.calibration, calibration_seed=asked.calib_seed, gain=asked.gain,
            readout_noise=asked.readout_noise, pedestal=asked.adc, bits=asked.bits, **with_spread,
        )  # fmt: skip
    except InputError as error:
        raise InputError(f"-{error}") from None


def detected_words(response, photons, pixel, seed, threads, tell):
    """The counts of `detect`. pixel: m."""
    from nbkernel.engine.options import Engine
    from nbkernel.image.response.detect import detected_strips

    engine = Engine(threads=threads)
    detected = detected_strips([photons], [response], seed, engine, None, edge=1000.0 * pixel)
    counts = np.concatenate([strip for _, _, strip in detected])
    totals = detected.totals()
    tell("%.0f photons on noise image (%d overloads)", totals.photons, totals.overloads[response.bits])
    return counts


def in_bits(bits, words):
    """Integers (int64) as the program stores them: below 0 they wrap around."""
    if bits == 32:
        return words.astype(np.uint32)
    # what does not fit into 32 bits becomes the least of them
    return np.where(words < LEAST_INT32, 0, np.minimum(words, 65535)).astype(np.uint16)


def signed_counts(bits, words):
    """Integers of an HDF5 file: uint16 as in the SMV image, or int32 with those below 0; None without any."""
    if words is None:
        return None
    if bits == 16:
        return in_bits(bits, words)
    return np.clip(words, LEAST_INT32, -LEAST_INT32 - 1).astype(np.int32)


def smv_header(asked, geometry, shape):
    """Header bytes of the SMV images."""
    slow, fast = shape
    lines = [
        f"{{\nHEADER_BYTES={HEADER_BYTES};\nDIM=2;\nBYTE_ORDER={BYTE_ORDER};\nTYPE={TYPES[asked.bits]};\n",
        c_format(
            "SIZE1=%d;\nSIZE2=%d;\nPIXEL_SIZE=%g;\nDISTANCE=%g;\n",
            fast, slow, geometry.pixel * 1000.0, geometry.distance * 1000.0,
        ),
        c_format(
            "WAVELENGTH=%g;\nBEAM_CENTER_X=%g;\nBEAM_CENTER_Y=%g;\n",
            geometry.wavelength, geometry.Xbeam * 1000.0, (geometry.detsize[1] - geometry.Ybeam) * 1000,
        ),
        c_format("PHI=%g;\nOSC_START=%g;\nOSC_RANGE=%g;\n", asked.phi, asked.phi, asked.osc),
        "DETECTOR_SN=000;\nBEAMLINE=fake;\n}\f",
    ]  # fmt: skip
    return "".join(lines).encode().ljust(HEADER_BYTES)
