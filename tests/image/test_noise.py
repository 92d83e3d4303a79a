"""Noise from counter-based random numbers: the generator's published values, the distribution, and independence.

Seeds are fixed, so the tests are reproducible.
"""

import math
from fractions import Fraction
from pathlib import Path

import numba
import numpy as np
import pytest

from nbkernel.engine.options import Engine
from nbkernel.geometry.region import pixels_of, shape_of, whole_region
from nbkernel.image.noise import SEGMENT, NoisyStrips
from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.numerics import logarithm, philox, poisson
from nbkernel.kernels.numerics.arithmetic import floor

from golden import statistics_lines
from processors import HASWELL, in_another_process, x86_64
from running import BASE, simulate

KEY = (20, 7)
WORD = 2**32 - 1
# counter, key, words: Random123's kat_vectors
KNOWN_ANSWERS = (
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((WORD,) * 4, (WORD,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
)


def compiled(function):
    return numba.njit(error_model="numpy")(REGISTRY.register_called(function))


@compiled
def deviates(means, first, frame, key):
    """Counts (float64) of pixels `first` and following ones."""
    counts = np.empty(means.size)
    for i in range(means.size):
        counts[i] = poisson.poisson(np.float64(means[i]), first + i, frame, key)
    return counts


@compiled
def uniforms(count, key):
    pairs = np.empty((count, 2))
    for i in range(count):
        pairs[i] = philox.uniform_pair(i, 0, 0, key)
    return pairs


compiled_inversion = compiled(poisson.by_inversion)
compiled_probability = compiled(poisson.poisson_probability)
compiled_philox = compiled(philox.philox4x32)


def words(function, counter, key):
    return tuple(int(word) for word in function(*(np.uint64(word) for word in (*counter, *key))))


# the generator


@pytest.mark.parametrize("function", [philox.philox4x32, compiled_philox], ids=["bare", "compiled"])
@pytest.mark.parametrize("counter, key, answer", KNOWN_ANSWERS, ids=["zeros", "ones", "pi"])
def test_philox_gives_the_published_answers(function, counter, key, answer):
    assert words(function, counter, key) == answer


def test_philox_agrees_with_randomgen():
    randomgen = pytest.importorskip("randomgen", reason="the reference generator is in the package randomgen")
    draw = np.random.default_rng(1)
    for _ in range(200):
        counter, key = draw.integers(0, WORD, 4).tolist(), draw.integers(0, WORD, 2).tolist()
        # randomgen increments the counter before it draws
        before = sum(word << 32 * i for i, word in enumerate(counter)) - 1
        reference = randomgen.Philox(number=4, width=32, counter=before, key=key[0] | key[1] << 32)
        expected = tuple(reference.random_raw(4).tolist())
        assert words(compiled_philox, counter, key) == words(philox.philox4x32, counter, key) == expected


def test_the_counter_is_pixel_frame_and_draw():
    pixel = 5 << 32 | 3
    w = words(philox.philox4x32, (3, 5, 11, 13), KEY)
    expected = tuple(philox.uniform(*map(np.uint64, pair)) for pair in (w[:2], w[2:]))
    assert philox.uniform_pair(pixel, 11, 13, KEY) == expected


@pytest.mark.parametrize("high, low", [(0, 0), (WORD, WORD), (WORD, 0), (0, WORD), (0x80000000, 0), (0x7FFFFFFF, WORD)])
def test_uniform_deviates_lie_within_0_and_1(high, low):
    n = (high << 32 | low) >> 12
    for function in (philox.uniform, compiled(philox.uniform)):
        deviate = function(np.uint64(high), np.uint64(low))
        assert Fraction(float(deviate)) == Fraction(2 * n + 1, 2**53)
        assert 0.0 < deviate < 1.0


def is_plausible(chi_square, degrees):
    """Whether chi-square is within 4 standard deviations (odds of about 1 in 15,000 to be outside), by the Wilson-Hilferty
    approximation."""
    z = ((chi_square / degrees) ** (1 / 3) - (1 - 2 / (9 * degrees))) / math.sqrt(2 / (9 * degrees))
    return abs(z) < 4


@pytest.mark.slow
def test_uniform_deviates_are_uniform_and_independent():
    count, bins = 2**18, 16
    u, v = uniforms(count, KEY).T
    for first, second in ((u, v), (u[:-1], u[1:]), (v[:-1], u[1:])):
        seen = np.histogram2d(first, second, bins, ((0, 1), (0, 1)))[0]
        expected = first.size / bins**2
        assert is_plausible(((seen - expected) ** 2 / expected).sum(), bins**2 - 1)
    # so are single bits, down to the last
    for bit in (13, 26, 40, 51, 52):
        assert abs((np.floor(u * 2.0**bit) % 2).mean() - 0.5) < 5 * 0.5 / math.sqrt(count)


# the distribution


def probabilities(mean):
    """Counts within 10 standard deviations plus 40 of the mean, and their probabilities: the first from log-gamma, each
    following one from the one before."""
    lowest = max(0, math.floor(mean - 10 * math.sqrt(mean) - 40))
    counts = np.arange(lowest, math.ceil(mean + 10 * math.sqrt(mean) + 40), dtype=float)
    first = lowest * math.log(mean) - mean - math.lgamma(lowest + 1)
    p = np.exp(first + np.concatenate([[0.0], np.cumsum(np.log(mean / counts[1:]))]))
    # log-gamma loses digits at large counts; but the probabilities add up to 1
    assert p.sum() == pytest.approx(1, abs=1e-14 * mean + 1e-10)
    return counts, p / p.sum()


def chi_square(sample, mean, fewest=50, most_bins=200):
    """Chi-square and its degrees of freedom, with counts in bins of at least `fewest` expected deviates."""
    counts, p = probabilities(mean)
    lowest = counts[0]
    assert ((sample >= lowest) & (sample <= counts[-1])).all()
    seen = np.bincount((sample - lowest).astype(int), minlength=counts.size)
    # bins of about equal probability
    share = max(1 / most_bins, fewest / sample.size)
    below = np.concatenate([[0.0], np.cumsum(p)[:-1]])
    starts = np.flatnonzero(np.diff(np.floor(below / share), prepend=-1))
    if p[starts[-1] :].sum() * sample.size < fewest:
        starts = starts[:-1]
    seen, expected = np.add.reduceat(seen, starts), np.add.reduceat(p, starts) * sample.size
    return ((seen - expected) ** 2 / expected).sum(), starts.size - 1


MEANS = (1e-3, 0.1, 0.5, 1.0, 2.5, 5.0, 11.9, 12.1, 23.9, 24.0, 24.1, 30.0, 100.0, 1e4, 1e6, 1e9)


@pytest.mark.slow
@pytest.mark.parametrize("mean", MEANS)
def test_deviates_follow_the_distribution(mean):
    sample = deviates(np.full(400000, mean), 0, 0, KEY)
    assert (sample == np.floor(sample)).all()
    value, degrees = chi_square(sample, mean)
    assert degrees >= 1
    assert is_plausible(value, degrees)


@pytest.mark.slow
def test_the_chi_square_finds_a_wrong_distribution():
    """A rounded Gaussian with the same mean and variance; a mean 1% too large."""
    sample = np.rint(np.random.default_rng(1).normal(100, 10, 400000))
    assert not is_plausible(*chi_square(sample, 100.0))
    assert not is_plausible(*chi_square(deviates(np.full(400000, 1.01), 0, 0, KEY), 1.0))


@pytest.mark.parametrize("mean", (*MEANS, 1e12, 1e15, 2.0**53))
def test_mean_and_variance(mean):
    """Within 5 standard errors; the variance of a sample variance is (m + 2 m^2)/n."""
    count = 400000
    excess = deviates(np.full(count, mean), 0, 0, KEY) - mean
    assert abs(excess.mean()) <= 5 * math.sqrt(mean / count)
    assert abs((excess**2).mean() - mean) <= 5 * math.sqrt((mean + 2 * mean**2) / count)


def test_unusual_means():
    means = np.array([0.0, -0.0, -3.0, -1e30, 1e-300, 5e-324, math.inf, -math.inf, math.nan])
    expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, math.inf, 0.0, math.nan]
    np.testing.assert_array_equal(deviates(means, 0, 0, KEY), expected)
    largest = float(np.finfo(np.float32).max)
    np.testing.assert_allclose(deviates(np.array([1e30, largest]), 0, 0, KEY), [1e30, largest], rtol=1e-14)


@pytest.mark.parametrize("mean", [1e-9, 0.3, 5.0, 11.9, 23.99])
def test_inversion_changes_the_count_where_the_cumulative_probability_steps(mean):
    _counts, p = probabilities(mean)
    for count in range(50):
        below = math.fsum(p[: count + 1])
        if below > 1 - 1e-12:
            break
        assert compiled_inversion(mean, below - 1e-14) <= count
        assert compiled_inversion(mean, below + 1e-14) > count


@pytest.mark.parametrize("mean", [0.0, 1e-12, 0.1, 5.0, 23.99])
def test_inversion_ends_at_the_last_uniform_deviate(mean):
    last = 1 - 2.0**-53
    count = compiled_inversion(mean, last)
    _counts, p = probabilities(mean) if mean else (None, np.array([1.0]))
    # up to the first count with a probability below 1e-18
    assert count <= np.flatnonzero(p > 1e-18)[-1] + 1


HAT_MEANS = (*np.linspace(24, 25, 11), 27.0, *np.geomspace(26, 3000, 40), 1e5, 1e7)


@pytest.mark.parametrize("mean", HAT_MEANS)
def test_rejection_is_bounded_by_its_hat_and_squeeze(mean):
    """For the right distribution, a count's probability divided by its proposal density must lie between the squeeze and 1
    at all u, and below to_edge where v > to_edge is rejected at once."""
    u = (np.arange(20000) + 0.5) / 20000 - 0.5
    spread, tail, quick, inverse_alpha = poisson.hat(mean)
    to_edge = 0.5 - np.abs(u)
    count = np.floor((2 * tail / to_edge + spread) * u + mean + 0.43)
    counts, p = probabilities(mean)
    inside = (count >= counts[0]) & (count <= counts[-1])
    probability = np.where(inside, p[np.where(inside, count - counts[0], 0).astype(int)], 0.0)
    accepted = (tail / to_edge**2 + spread) * probability / inverse_alpha
    assert accepted.max() <= 1
    assert accepted[to_edge >= 0.07].min() >= quick
    assert (accepted <= to_edge)[to_edge < 0.013].all()
    # the hat is close to the distribution
    assert accepted.mean() > 0.8


@pytest.mark.parametrize("mean", [24.0, 31.7, 1e3, 1e6])
def test_the_probability_that_rejection_uses(mean):
    counts, p = (every[:: max(1, every.size // 1000)] for every in probabilities(mean))
    found = [compiled_probability(count, mean) for count in counts]
    np.testing.assert_allclose(found, p, rtol=1e-10, atol=2e-15)


def test_the_logarithm_agrees_with_math_log():
    log = compiled(logarithm.logarithm)
    draw = np.random.default_rng(1)
    for x in (*np.exp(draw.uniform(-50, 50, 500)), *draw.uniform(0.5, 2, 500), 1.0, 2.0, math.sqrt(0.5), math.sqrt(2)):
        # plus the rounding of math.log
        assert log(x) == pytest.approx(math.log(x), rel=logarithm.LOGARITHM_ERROR + 2e-16, abs=0)
    assert log(1.0) == 0.0


@pytest.mark.parametrize("x", [0.0, 0.43, 1.0, 2.999999, 24.0, 1e9 + 0.5, 2.0**51 - 0.5, 1e30, -0.5, -1.0, -1e9 - 0.25])
def test_floor(x):
    for function in (floor, compiled(floor)):
        assert function(x) == math.floor(x)


# independence


def test_neighbouring_pixels_are_not_correlated():
    """Nor are frames or images of neighbouring seeds, within 5 standard errors."""
    size = 512
    for mean in (0.5, 100.0):
        means = np.full(size * size, mean)
        image, frame, seed = (
            (deviates(means, 0, *where).reshape(size, size) - mean) / math.sqrt(mean)
            for where in ((0, KEY), (1, KEY), (0, (KEY[0] + 1, KEY[1])))
        )
        pairs = {
            "fast": (image[:, :-1], image[:, 1:]),
            "slow": (image[:-1], image[1:]),
            "diagonal": (image[:-1, :-1], image[1:, 1:]),
            "frame": (image, frame),
            "seed": (image, seed),
        }
        for name, (a, b) in pairs.items():
            assert abs((a * b).mean()) < 5 / math.sqrt(a.size), name


def mixed_means(slow, fast):
    """float32 means from 0 to a million, in random order."""
    draw = np.random.default_rng(1)
    means = np.exp(draw.uniform(math.log(1e-3), math.log(1e6), (slow, fast)))
    means[draw.random((slow, fast)) < 0.2] = 0.0
    return means.astype(np.float32)


def noise(image, roi=None, adc=0.0, seed=1, threads=1, rng="philox", **more):
    """Counts of the whole image, 0 outside the region; photons, overloads."""
    shuffle, engine = np.zeros(33, np.int64), Engine(threads=threads)
    noisy = NoisyStrips([image], [roi or whole_region(image.shape)], adc, seed, rng, shuffle, engine, None, **more)
    out = np.zeros(image.shape, np.int32)
    for _, strip, counts in noisy:
        out[pixels_of(strip)] = counts
    return out, *noisy.totals()[:2]


def test_bare_python_has_the_counts_of_compiled_code():
    means = np.concatenate([mixed_means(1, 200)[0], [0.0, 23.999, 24.0, 1e9]])
    bare = [float(poisson.poisson(np.float64(mean), 2**32 - 5 + i, 3, KEY)) for i, mean in enumerate(means)]
    assert deviates(means, 2**32 - 5, 3, KEY).tolist() == bare


@pytest.mark.parametrize("fast", [1, 7, SEGMENT, SEGMENT + 1, 300])
def test_pixels_rendered_in_segments_have_the_counts_of_single_pixels(fast):
    image = mixed_means(23, fast)
    image[2, :4] = [math.nan, 3e38, -1.0, 23.9999][:fast]
    counts = deviates(image.ravel(), 0, 0, (1, 0)).reshape(image.shape)
    out, photons, overloads = noise(image)
    # nan becomes the smallest int32, as in nanoBragg.c, and 0 in 16 bits
    np.testing.assert_array_equal(out, np.where(np.isnan(counts), -(2**31), np.minimum(counts, 2**31 - 1)))
    assert overloads == {16: (counts > 65535).sum(), 32: (counts > 2**31 - 1).sum()} and (fast == 1 or overloads[32] == 1)
    np.testing.assert_equal(photons, counts.sum(axis=1).sum())


def test_counts_do_not_depend_on_threads_and_region():
    image = mixed_means(70, 90)
    everywhere = noise(image)
    for threads in (2, 3, 64):
        out, *sums = noise(image, threads=threads)
        np.testing.assert_array_equal(out, everywhere[0])
        assert sums == list(everywhere[1:])
    part, photons, _ = noise(image, (5, 83, 3, 60))
    np.testing.assert_array_equal(part[3:61, 5:84], everywhere[0][3:61, 5:84])
    part[3:61, 5:84] = 0
    assert not part.any() and photons < everywhere[1]


@pytest.mark.parametrize("rng", ["ran1", "philox"])
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_strips_have_the_counts_of_the_whole_image(rng, rows):
    """Also of the rows before and after: the program's random numbers are drawn one after another."""
    image, roi = mixed_means(70, 90), (5, 83, 3, 68)
    whole = noise(image, roi, 40.0, rng=rng)
    strips = noise(image, roi, 40.0, rng=rng, strip_pixels=rows * shape_of(roi)[1] + 1)
    np.testing.assert_array_equal(strips[0], whole[0])
    assert strips[1:] == whole[1:] and whole[0].any()


@pytest.mark.parametrize("rng", ["ran1", "philox"])
@pytest.mark.parametrize("strip_pixels", [1, 40, 200, 10**6])
def test_strips_of_several_panels_follow_each_other(rng, strip_pixels):
    images = [mixed_means(5, 11), mixed_means(3, 40), mixed_means(9, 2)]
    rois = [whole_region(images[0].shape), (7, 12, 1, 1), whole_region(images[2].shape)]
    noisy = NoisyStrips(
        images, rois, 5.0, 1, rng, np.zeros(33, np.int64), Engine(threads=2), None, strip_pixels=strip_pixels
    )
    found = [np.zeros(image.shape, np.int32) for image in images]
    order = []
    for panel, strip, counts in noisy:
        assert counts.shape == shape_of(strip) and (counts.size <= strip_pixels or len(counts) == 1)
        found[panel][pixels_of(strip)] = counts
        order.append((panel, strip[2]))
    assert order == sorted(order)
    if rng == "philox":
        # numbered through all panels
        together = np.concatenate([image.ravel() for image in images])
        expected = deviates(together, 0, 0, (1, 0)) + 5
        inside = np.concatenate([inside_of(image.shape, roi).ravel() for image, roi in zip(images, rois, strict=True)])
        np.testing.assert_array_equal(np.concatenate([counts.ravel() for counts in found]), np.where(inside, expected, 0))
    lit = sum(int((counts > 5).sum()) for counts in found)
    photons = sum(
        int(counts.sum()) - 5 * int(inside_of(counts.shape, roi).sum()) for counts, roi in zip(found, rois, strict=True)
    )
    assert noisy.totals() == (photons, {16: sum(int((counts > 65535).sum()) for counts in found), 32: 0}, lit)


def inside_of(shape, roi):
    inside = np.zeros(shape, bool)
    inside[pixels_of(roi)] = True
    return inside


def test_seeds_are_keys_of_64_bits():
    image = np.full((20, 30), 5, np.float32)
    images = {seed: noise(image, seed=seed)[0].tobytes() for seed in (0, 1, -1, 2**31, 2**32, 2**63, -(2**63) + 1)}
    assert len(set(images.values())) == len(images)
    assert noise(image, seed=-1)[0].tobytes() == noise(image, seed=2**64 - 1)[0].tobytes()


def noise_digest():
    import hashlib

    return hashlib.sha256(noise(mixed_means(50, 333))[0].tobytes()).hexdigest()


@x86_64
def test_the_noise_is_the_same_with_avx2():
    assert (
        in_another_process("import json, test_noise as t; print(json.dumps(t.noise_digest()))", **HASWELL) == noise_digest()
    )


# files

RUN = f"{BASE} -detpixels_f 60 -detpixels_s 50 -pixel 0.4"
FILES = ("floatimage.bin", "intimage.img", "image.pgm", "noiseimage.img")


def results(command):
    """Files, the lines of statistics other than that of the photons, and that of the photons."""
    run = simulate(command)
    assert run.status == 0, run.err
    lines = statistics_lines(run.out.splitlines())
    photons = [line for line in lines if "photons on noise image" in line]
    return {name: Path(name).read_bytes() for name in FILES}, [line for line in lines if line not in photons], photons


def pixels(content):
    return np.frombuffer(content[512:], np.uint16).reshape(50, 60)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_ran1_is_the_default():
    assert results(RUN) == results(f"{RUN} --noise-rng ran1")


def test_only_the_noise_differs():
    (program, lines, _), (counted, same_lines, _) = results(RUN), results(f"{RUN} --noise-rng philox")
    assert lines == same_lines
    for name in FILES[:3]:
        assert counted[name] == program[name]
    assert counted["noiseimage.img"][:512] == program["noiseimage.img"][:512]
    assert counted["noiseimage.img"] != program["noiseimage.img"]
    assert len(counted["noiseimage.img"]) == len(program["noiseimage.img"])


@pytest.mark.parametrize("rng", ["ran1", "philox"])
def test_photons_are_counted_without_the_offset_and_before_clipping(rng):
    files, _, (line,) = results(f"{RUN} -adc 13 -scale 1 --noise-rng {rng}")
    counts = pixels(files["noiseimage.img"]).astype(int) - 13
    assert counts.min() == 0 and line == f"{counts.sum()} photons on noise image (0 overloads)"
    bright = f"{RUN} -fluence 1e34 -adc 13 --noise-rng {rng}"
    files, _, (line,) = results(bright)
    means = np.fromfile("floatimage.bin", np.float32).astype(float)
    overloads = (pixels(files["noiseimage.img"]) == 65535).sum()
    assert 0 < overloads < 3000
    assert line.endswith(f"photons on noise image ({overloads} overloads)")
    assert float(line.split()[0]) == pytest.approx(means.sum(), abs=5 * math.sqrt(means.sum()))


def test_files_do_not_depend_on_threads_tiles_and_the_region():
    expected = results(f"{RUN} --noise-rng philox")
    for cut in ("--threads 1", "--threads 2 --tile 7x13", "--tile 1x1000 --threads 1"):
        assert results(f"{RUN} --noise-rng philox {cut}") == expected
    part = pixels(results(f"{RUN} --noise-rng philox -roi 3 40 5 30")[0]["noiseimage.img"])
    np.testing.assert_array_equal(part[5:31, 3:41], pixels(expected[0]["noiseimage.img"])[5:31, 3:41])
    assert not part[:5].any() and not part[:, 41:].any()


def test_the_seed_is_the_flags():
    first, again, other = (results(f"{RUN} --noise-rng philox -seed {seed}")[0] for seed in (3, 3, 4))
    assert first == again
    assert first["noiseimage.img"] != other["noiseimage.img"]
