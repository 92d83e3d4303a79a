"""Random command lines over nearly every flag of nanoBragg.c, as users give them, and occasionally as no user does."""

from bench.fuzz.draw import group

from .command_inputs import DUMPS, HEADERS, MASKS, MATRICES, MOST_PIXELS, SOURCES, TABLES

CELLS = (
    "25 31 28 90 90 90", "300 280 310 88 91 93", "70 80 90 75 85 95", "100 100 100 90 90 90", "62 62 150 90 90 120",
    "50 60 110 90 104 90", "78 78 37 90 90 90", "5 6 7 70 100 110", "1000 1200 900 90 90 90",
)  # fmt: skip
VECTORS = (
    ("-fdet_vector", "0.999982 -0.005998 -0.000118"),
    ("-sdet_vector", "-0.005998 -0.999970 -0.004913"),
    ("-odet_vector", "-0.000088 0.004914 -0.999988"),
    ("-beam_vector", "0.00051387949 0.0 -0.99999986"),
)


def ordinary_line(draw, folder):
    """A command line (tuple of groups) drawn by `draw`; files are those of `folder`."""
    parts = (crystal, factors, beam, sources, detector, orientation, sensor, sampling, spindle, mosaic, outputs)
    return tuple(each for part in parts for each in part(draw, folder))


def crystal(draw, folder):
    if draw.some(0.75):
        yield group("-cell", draw.pick(*CELLS))
    else:
        yield group(draw.pick("-mat", "-matrix"), folder / draw.choice(MATRICES))
        if draw.some(0.1):
            yield group("-cell", draw.pick(*CELLS))
    if draw.some(0.5):
        yield group("-misset", *(draw.number(-180, 180) for _ in range(3)))
    elif draw.some(0.3):
        # the program's own order matters here, see the behaviour of -misset_seed
        yield (*group("-misset_seed", draw.randrange(1, 10**6)), *group("-misset", "random"))
    if draw.some(0.6):
        yield group("-N", draw.pick(1, 2, 3, 5, 8, 13, 36, 100, 1000, 100000))
    elif draw.some(0.8):
        for axis in "abc":
            yield group(f"-N{axis}", draw.pick(1, 2, 3, 4, 5, 9, 12, 29, 47))
    else:
        yield group(draw.pick("-samplesize", "-xtalsize"), draw.pick("0.0001", "0.0005", "0.00001"))
        if draw.some(0.3):
            yield group("-xtal_thick", "0.0003")
    if draw.some(0.4):
        yield group(draw.pick("-round_xtal", "-square_xtal", "-gauss_xtal", "-binary_spots", "-tophat_spots"))
    if draw.some(0.25):
        yield group("-fudge", draw.pick("1.3", "0.5", "2", "1e-6", "1e-3", "1e-9", draw.scale(1e-12, 1e3)))


def factors(draw, folder):
    if draw.some(0.5):
        yield group("-hkl", folder / draw.choice(TABLES))
        if draw.some(0.6):
            yield group("-default_F", draw.pick("5", "50", "0", "1e-3"))
    elif draw.some(0.1):
        yield group("-dump", folder / draw.choice(DUMPS))
    else:
        yield group("-default_F", draw.pick("1", "33.3", "100", "1e4"))
    if draw.some(0.35):
        yield group(draw.pick("-interpolate", "-nointerpolate"))


def beam(draw, folder):
    if draw.some(0.2):
        yield group("-energy", draw.pick("9500", "12398.42", "7100", draw.number(2000, 40000)))
    else:
        flag = draw.pick("-lambda", "-wave", "-wavelength")
        yield group(flag, draw.pick("1.0", "0.9768", "0.5", "1.54", "6.2", draw.number(0.1, 10)))
    if draw.some(0.4):
        yield group("-fluence", draw.pick("1e24", "1e28", "3e20", "1e12", "1"))
    if draw.some(0.3):
        yield group("-flux", draw.pick("1e12", "1e18"))
        yield group("-exposure", draw.pick("0.1", "1", "0"))
        yield group("-beamsize", draw.pick("0.01", "1.0", "0.0003"))
    if draw.some(0.4):
        yield group("-polar", draw.pick("0.95", "0", "1", "0.5", "-1", draw.number(-1, 1)))
    if draw.some(0.1):
        yield group("-nopolar")


def sources(draw, folder):
    if draw.some(0.08):
        yield group("-sourcefile", folder / draw.choice(SOURCES))
        return
    if draw.some(0.15):
        if draw.some(0.6):
            yield group("-dispersion", draw.pick("1", "0.5", "5", draw.number(0, 10)))
        yield group("-dispsteps", draw.pick(1, 2, 3, 4))
    if draw.some(0.1):
        yield group("-divergence", draw.pick("2", "0.1", draw.number(0, 30)))
        yield group("-divsteps", draw.pick(1, 2, 3))
    elif draw.some(0.12):
        for axis in draw.pick("h", "v", "hv"):
            if draw.some(0.7):
                yield group(f"-{axis}divrange", draw.pick("1.5", "2", "1"))
            if draw.some(0.5):
                yield group(f"-{axis}divstep", draw.pick("0.5", "0.4", "0.25", "1.5"))
            if draw.some(0.4):
                yield group(f"-{axis}divsteps", draw.pick(1, 2, 3, 4))
    if draw.some(0.05):
        yield group("-square_div")


def detector(draw, folder):
    pixel = draw.pick("0.172", "0.4", "0.1", "0.05", "0.516", "0.15", "1.2", "0.3", "5")
    fast, slow = (draw.randrange(1, MOST_PIXELS) for _ in range(2))
    if draw.some(0.5):
        slow = fast
        yield group("-detpixels", fast)
    elif draw.some(0.15):
        yield group("-detsize", f"{fast * float(pixel):.9g}")
        slow = fast
    else:
        f, s = draw.pick("fs", "xy")
        yield group(f"-detpixels_{f}", fast)
        yield group(f"-detpixels_{s}", slow)
    yield group("-pixel", pixel)
    if draw.some(0.15):
        yield group("-close_distance", draw.pick("40", "120", draw.number(1, 1000)))
    else:
        yield group("-distance", draw.pick("231.27466", "500", "100", "30", "2", draw.number(1, 5000), "-50"))
    if draw.some(0.2):
        yield group("-Xbeam", draw.number(0, fast * float(pixel)))
        yield group("-Ybeam", draw.number(0, slow * float(pixel)))
    elif draw.some(0.12):
        yield group("-Xclose", draw.number(0, fast * float(pixel)))
        yield group("-Yclose", draw.number(0, slow * float(pixel)))
    elif draw.some(0.12):
        yield group("-ORGX", draw.number(0, fast))
        yield group("-ORGY", draw.number(0, slow))


def orientation(draw, folder):
    if draw.some(0.6):
        yield group(draw.pick("-mosflm", "-xds", "-adxv", "-denzo", "-dials"))
    if draw.some(0.3):
        for axis in "xyz":
            yield group(f"-detector_rot{axis}", draw.number(-20, 20))
    if draw.some(0.2):
        yield group("-twotheta", draw.number(-30, 30))
    if draw.some(0.15):
        yield group("-pivot", draw.pick("sample", "beam"))
    if draw.some(0.06):
        yield from (group(*each) for each in VECTORS)
    for flag in ("-twotheta_axis", "-spindle_axis", "-polar_vector", "-beam_vector"):
        if draw.some(0.04):
            yield group(flag, *(draw.number(-1, 1) for _ in range(3)))
    if draw.some(0.03):
        yield group("-pix0_vector_mm", "-1 2 100")


def sensor(draw, folder):
    if draw.some(0.2):
        yield group("-detector_abs", draw.pick("500", "100", "inf", "10"))
        if draw.some(0.8):
            yield group("-detector_thick", draw.pick("450", "50", "1000"))
        if draw.some(0.8):
            yield group(draw.pick("-thicksteps", "-detector_thicksteps"), draw.pick(1, 2, 3, 5))
    for flag, chance in (("-curved_det", 0.1), ("-point_pixel", 0.08)):
        if draw.some(chance):
            yield group(flag)


def sampling(draw, folder):
    if draw.some(0.75):
        yield group("-oversample", draw.pick(1, 1, 1, 2, 3))
    for kind in ("thick", "polar", "omega"):
        if draw.some(0.08):
            yield group(f"-oversample_{kind}")
    if draw.some(0.12):
        fast, slow = (sorted(draw.randrange(-1, 30) for _ in range(2)) for _ in range(2))
        yield group("-roi", *fast, *slow)
    if draw.some(0.12):
        yield group("-dmin", draw.pick("2", "4", draw.number(0.5, 20)))
    if draw.some(0.12):
        yield group("-water", draw.pick("1", "4", "0.01", "-1"))
    if draw.some(0.06):
        yield group("-mask", folder / draw.choice(MASKS))
    if draw.some(0.05):
        yield group("-img", folder / draw.choice(HEADERS))


def spindle(draw, folder):
    if draw.some(0.25):
        yield group("-phi", draw.pick("33", "10", "-0.1", "0"))
    if draw.some(0.25):
        yield group("-osc", draw.pick("0.7", "0.5", "1", "0"))
        if draw.some(0.5):
            yield group("-phisteps", draw.pick(1, 2, 3, 4))
        elif draw.some(0.5):
            yield group("-phistep", draw.pick("0.2", "0.1", "1"))


def mosaic(draw, folder):
    if draw.some(0.25):
        yield group(draw.pick("-mosaic", "-mosaic_spread", "-mosaicity"), draw.pick("0.1", "0.5", "2", "20"))
        if draw.some(0.7):
            yield group(draw.pick("-mosaic_dom", "-mosaic_domains"), draw.pick(1, 2, 5, 12))
        if draw.some(0.3):
            yield group("-mosaic_seed", draw.pick("777", "-5", "0"))


def outputs(draw, folder):
    if draw.some(0.2):
        yield group("-scale", draw.pick("0.01", "1", "1000", "1e-6"))
    if draw.some(0.25):
        yield group("-adc", draw.pick("0", "10", "100", "-10", "0.5", "65535"))
    if draw.some(0.2):
        yield group("-pgmscale", draw.pick("0.1", "1", "1e5"))
    yield group("-seed", draw.randrange(1, 10**6))
