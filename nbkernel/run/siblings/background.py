"""One run of nonBragg.c's flags, from a stol table to files. All files are opened before the work starts and renamed to
their final names together."""

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from nbkernel.engine.threads import share_rows, thread_count
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.detector import swung_detector
from nbkernel.geometry.response import Response
from nbkernel.image.counts import count_scale, grey_scale
from nbkernel.image.noisify import Generators, with_noise
from nbkernel.image.seeds import fresh_seed
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.files.text import c_format
from nbkernel.io.images.pgm import pgm_header
from nbkernel.io.images.smv_nanobragg import BYTE_ORDER, HEADER_BYTES
from nbkernel.io.tables.columns import read_columns
from nbkernel.io.tables.stol import read_stol
from nbkernel.kernels.compile.object_cache import CACHE
from nbkernel.kernels.exact.background import Scene, background_rows
from nbkernel.kernels.physics.constants import AVOGADRO, DBL_MIN, PI, RTD
from nbkernel.kernels.physics.vectors import cross_product, dot_product, magnitude, rotate, unitize, vector_scale
from nbkernel.setup.beam.beam import beam_fluence
from nbkernel.setup.beam.sources import generated_sources, sources_from_rows
from nbkernel.setup.sampling import spindle_sweep
from nbkernel.support.interruptible import interruptible
from nbkernel.support.memory import require_memory

from .exposure import Beam, exposure_of, write_exposure

BYTES_PER_PIXEL = 40
LARGEST_16 = 65535.0


class Placed(NamedTuple):
    """A detector as nonBragg.c places it; lengths in m."""

    shape: tuple  # slow, fast
    detsize: tuple  # fast, slow
    pixel: float
    fdet: tuple
    sdet: tuple
    odet: tuple
    pix0: tuple
    beam: tuple
    polar: tuple
    distance: float
    close_distance: float
    beam_centre: tuple  # fast, slow
    closest: tuple  # fast, slow


def background_to_files(asked, say, note, threads=None, hdf5=None, command=None):
    """Makes the images of a Background and writes its files, all or none.

    say: called with lines for standard output; note: with lines for standard error; threads: None for all cores; hdf5: a
    file for photons and counts, whose provenance has the command line. Raises InputError for unusable input.
    """
    CACHE.say = note

    def tell(template, *values):
        say(c_format(template, *values))

    placed = place(asked)
    stol, F = read_stol("-stol", asked.stol, asked.scale)
    sources = sources_of(asked, placed)
    # the headers state the range that the spindle's steps cover
    osc = spindle_sweep(asked).span
    seed = fresh_seed() if asked.seed is None else asked.seed
    scene = scene_of(asked, placed, tell)
    require_memory(BYTES_PER_PIXEL * math.prod(placed.shape), "-detpixels", "this many pixels")
    roi = region(asked, placed.shape)
    lit = slice(max(roi[2], 0), roi[3] + 1), slice(max(roi[0], 0), roi[1] + 1)
    exposure = None if hdf5 is None else exposure_in(asked, placed, sources, scene.fluence, osc, lit)
    with OutputFiles([name for name in (asked.stol, asked.sourcefile) if name is not None]) as files:
        files.open("-floatfile", asked.floatfile)
        files.open("-intfile", asked.intfile)
        files.open("-pgmfile", asked.pgmfile)
        if asked.noise:
            files.open("-noisefile", asked.noisefile)
            tell("  seed: %d", -seed)
        if hdf5 is not None:
            files.open("--hdf5", hdf5, by_name=True)
        image, omega = np.zeros(placed.shape, np.float32), np.zeros(placed.shape)
        rows = partial(background_rows.over_rows, scene, *sources, stol, F, np.array(roi), image, omega)
        interruptible(share_rows, rows, 0, len(image), thread_count(threads))
        solid_angle = in_order(omega[lit])
        tell("solid angle subtended by detector = %g steradian ( %g%% sphere)", solid_angle, 100 * solid_angle / 4 / PI)
        files.write("-floatfile", b"", image)
        largest, rmsd = tell_statistics(tell, asked, placed, image, lit)
        scale = asked.intfile_scale
        if scale <= 0.0:
            scale = count_scale(largest)
        tell("intfile_scale = %g", scale)
        header = smv_header(asked, placed, osc)
        words = np.zeros(placed.shape, np.uint16)
        words[lit] = rounded(image[lit].astype(np.float64) * scale + asked.adc)
        files.write("-intfile", header, words)
        pgm_scale = asked.pgm_scale
        if pgm_scale <= 0.0:
            pgm_scale = grey_scale(rmsd, scale)
        tell("pgm_scale = %g", pgm_scale)
        grey = np.clip(image.astype(np.float64) * pgm_scale, 0.0, 255.0)
        files.write("-pgmfile", pgm_header(*placed.shape[::-1], pgm_scale), grey.astype(np.uint8))
        if asked.noise:
            words[lit] = noisy_words(image[lit], asked.adc, seed, tell)
            files.write("-noisefile", header, words)
        if exposure is not None:
            noise = {"rng": "ran1", "seed": seed, "adc": asked.adc}
            write_exposure(files, hdf5, exposure, image, words if asked.noise else None, noise, command)
        files.commit()


def place(asked):
    """The Placed of a Background. Raises InputError for a detector that cannot be."""
    pixel = asked.pixel / 1000.0
    sizes = [
        pixel * count if count else length / 1000.0
        for count, length in ((asked.detpixels_f, asked.detsize_f), (asked.detpixels_s, asked.detsize_s))
    ]
    if not all(0.0 < size / pixel < 2**31 for size in sizes):
        raise InputError(
            f"-detsize: {sizes[0] * 1000:g} x {sizes[1] * 1000:g} mm is no number of pixels of {asked.pixel:g} mm"
        )
    shape = math.ceil(sizes[1] / pixel), math.ceil(sizes[0] / pixel)

    def closest_of(own, origin, default):
        if origin is not None:
            return origin * pixel
        return default if own is None else own / 1000.0

    Xclose = closest_of(asked.Xclose, asked.ORGX, (sizes[0] - pixel) / 2.0)
    Yclose = closest_of(asked.Yclose, asked.ORGY, (sizes[1] + pixel) / 2.0)
    Xbeam = Xclose if asked.Xbeam is None else asked.Xbeam / 1000.0
    Ybeam = Yclose if asked.Ybeam is None else asked.Ybeam / 1000.0
    for name in ("beam_vector", "fdet_vector", "sdet_vector", "polar_vector"):
        if magnitude(getattr(asked, name)) == 0.0:
            raise InputError(f"-{name}: has no direction; need a vector that is not 0 0 0")
    beam, fdet, sdet = unitize(asked.beam_vector), unitize(asked.fdet_vector), unitize(asked.sdet_vector)
    odet = unitize(cross_product(fdet, sdet))
    if magnitude(odet) == 0.0:
        raise InputError("-sdet_vector: is parallel to -fdet_vector; need another direction")
    angles = asked.detector_rotx / RTD, asked.detector_roty / RTD, asked.detector_rotz / RTD
    ratio = dot_product(beam, rotate(odet, *angles)) or DBL_MIN
    close = ratio * (asked.distance / 1000.0) if asked.close_distance is None else asked.close_distance / 1000.0
    fdet, sdet, odet, pix0 = swung_detector(
        (fdet, sdet, odet), angles, asked.twotheta_axis, asked.twotheta / RTD, asked.pivot,
        (Xclose, Yclose, close), (Xbeam, Ybeam, vector_scale(beam, close / ratio)),
    )  # fmt: skip
    close = dot_product(pix0, odet)
    if close == 0.0:
        raise InputError("-distance: the detector's plane goes through the sample; choose another distance or rotation")
    impact = tuple(along - origin for along, origin in zip(vector_scale(beam, close / ratio), pix0, strict=True))
    return Placed(
        shape, tuple(sizes), pixel, fdet, sdet, odet, pix0, beam, unitize(asked.polar_vector), close / ratio, close,
        (dot_product(fdet, impact), dot_product(sdet, impact)), (-dot_product(pix0, fdet), -dot_product(pix0, sdet)),
    )  # fmt: skip


def exposure_in(asked, placed, sources, fluence, osc, lit):
    """The Exposure of a Background. sources, fluence: of its Scene; osc: radians; lit: slices of its region."""
    if asked.plot_F:
        raise InputError("-Fmap: an HDF5 file has photons, not structure factors; leave out the flag or --hdf5")
    experiment = Experiment(
        convention="custom", fix={"vectors"}, beam_vector=placed.beam, polar_vector=placed.polar, fdet_vector=placed.fdet,
        sdet_vector=placed.sdet, odet_vector=placed.odet, pix0_vector=placed.pix0, distance=placed.distance * 1000.0,
        pixel=placed.pixel * 1000.0, detpixels_f=placed.shape[1], detpixels_s=placed.shape[0], flux=asked.flux,
        exposure=asked.exposure, beamsize=asked.beamsize, curved_detector=asked.curved_detector,
        response=Response(pedestal=asked.adc, bits=16) if asked.noise else None,
    )  # fmt: skip
    incident, wavelengths, weights = sources
    beam = Beam(incident, wavelengths, weights, fluence, asked.polarization, asked.nopolar)
    wanted = np.zeros(placed.shape, bool)
    wanted[lit] = True
    return exposure_of(experiment, beam, wanted, asked.phi / RTD, osc)


def sources_of(asked, placed):
    """The Sources of a Background."""
    wavelength = asked.wavelength / 1e10
    if asked.sourcefile is not None:
        rows = read_columns("-sourcefile", asked.sourcefile, 5)
        return sources_from_rows(rows, wavelength, placed.beam, f"-sourcefile {asked.sourcefile}")
    vert = unitize(cross_product(placed.beam, placed.polar))
    return generated_sources(asked, wavelength, placed.beam, placed.polar, vert)


def scene_of(asked, placed, tell):
    """The Scene of a Background; prints the lines about beam and sample."""
    fluence, beamsize = beam_fluence(asked), asked.beamsize / 1000
    x, y, z = asked.sample_x / 1000, asked.sample_y / 1000, asked.sample_z / 1000
    if beamsize >= 0.0:
        y, z = min(y, beamsize), min(z, beamsize)
    volume, weight, density = x * y * z, asked.molecular_weight, asked.density * 1e6
    if volume == 0.0:
        raise InputError(f"-beamsize: the beam of {asked.beamsize:g} mm leaves nothing of the sample; need more than 0")
    if asked.molecules != 0.0:
        density = asked.molecules / volume / AVOGADRO * weight
    molecules = volume * density * AVOGADRO / weight
    tell("  incident fluence: %g photons/m^2", fluence)
    tell(
        "  sample is %g m thick x %g m high x %g m wide, %g g/cm^3 and %g g/mol (%g molecules)",
        x, y, z, density / 1e6, weight, molecules,
    )  # fmt: skip
    # the program normalises this vector for every pixel again
    polar = unitize(placed.polar)
    return Scene(
        placed.fdet, placed.sdet, placed.odet, placed.pix0, placed.beam, polar, placed.distance, placed.close_distance,
        placed.pixel, max(asked.oversample, 1), int(asked.curved_detector), int(asked.point_pixel), int(asked.nopolar),
        asked.polarization, fluence, molecules, int(asked.plot_F),
    )  # fmt: skip


def region(asked, shape):
    """First and last pixel, fast and slow, those included. Raises InputError for an empty one."""
    slow, fast = shape
    given = zip(asked.roi, (0, fast, 0, slow), strict=True)
    roi = [default if own < 0 else own for own, default in given]
    if roi[0] > min(roi[1], fast - 1) or roi[2] > min(roi[3], slow - 1):
        raise InputError(f"-roi: {' '.join(map(str, asked.roi))} has no pixel of the image of {fast} x {slow} (fast x slow)")
    return roi


def in_order(values):
    """The sum of numbers one after another, as the program adds."""
    return float(np.cumsum(values, dtype=np.float64)[-1])


def tell_statistics(tell, asked, placed, image, lit):
    """Prints the program's lines about the image; returns its largest pixel and rmsd. lit: the region of interest."""
    pixels = image[lit]
    largest, at = 0.0, (0.0, 0.0)
    if pixels.max() > 0.0:
        largest = float(pixels.max())
        slow, fast = np.unravel_index(int(pixels.argmax()), pixels.shape)
        # of the pixel's last sub-pixel
        oversample = max(asked.oversample, 1)
        sub = placed.pixel / oversample
        at = tuple(
            sub * ((int(index) + 1) * oversample - 1) + sub / 2.0 for index in (fast + lit[1].start, slow + lit[0].start)
        )
    n = pixels.size
    mean = in_order(pixels) / n
    rms = math.sqrt(in_order(pixels * pixels) / max(n - 1, 1))
    # each deviation is that of a later pixel: the program counts before it reads, and only within the region
    counted = np.append(image.ravel(), np.float32(0.0))[1 : image.size + 1].reshape(image.shape)[lit]
    deviations = counted.astype(np.float64) - mean
    rmsd = math.sqrt(in_order(deviations * deviations) / max(n - 1, 1))
    tell("max_I = %g  at %g %g", largest, *at)
    tell("mean= %g rms= %g rmsd= %g", mean, rms, rmsd)
    return largest, rmsd


def rounded(counts):
    """Counts (float64) as the program rounds them, through float32."""
    return np.floor((np.clip(counts, 0.0, LARGEST_16) + 0.5).astype(np.float32)).astype(np.int64).astype(np.uint16)


def noisy_words(photons, adc, seed, tell):
    """Integers (uint16) of Poisson deviates of a region's photons."""
    drawn = np.array(photons, order="C")
    total = with_noise(drawn, 0.0, 0.0, Generators(seed, seed))
    counts = drawn.astype(np.float64) + adc
    tell("%.0f photons on noise image (%d overloads)", total, int(np.count_nonzero(counts > LARGEST_16)))
    return np.minimum(counts, LARGEST_16).astype(np.int64).astype(np.uint16)


def smv_header(asked, placed, osc):
    """Header bytes of the SMV images. osc: radians."""
    slow, fast = placed.shape
    lines = [
        f"{{\nHEADER_BYTES={HEADER_BYTES};\nDIM=2;\nBYTE_ORDER={BYTE_ORDER};\nTYPE=unsigned_short;\n",
        c_format(
            "SIZE1=%d;\nSIZE2=%d;\nPIXEL_SIZE=%g;\nDISTANCE=%g;\n",
            fast, slow, placed.pixel * 1000.0, placed.distance * 1000.0,
        ),
        c_format("WAVELENGTH=%g;\n", asked.wavelength / 1e10 * 1e10),
        c_format(
            "BEAM_CENTER_X=%g;\nBEAM_CENTER_Y=%g;\n",
            placed.beam_centre[0] * 1000.0, (placed.detsize[1] - placed.beam_centre[1]) * 1000,
        ),
        c_format("ORGX=%g;\nORGY=%g;\n", *(center / placed.pixel for center in placed.closest)),
        c_format("CLOSE_DISTANCE=%g;\n", placed.close_distance * 1000.0),
        c_format("PHI=%g;\nOSC_START=%g;\nOSC_RANGE=%g;\n", asked.phi / RTD * RTD, asked.phi / RTD * RTD, osc * RTD),
        c_format("TWOTHETA=%g;\n", asked.twotheta / RTD * RTD),
        "DETECTOR_SN=000;\nBEAMLINE=fake;\n}\f",
    ]  # fmt: skip
    return "".join(lines).encode().ljust(HEADER_BYTES)
