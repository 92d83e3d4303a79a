"""The response of a detector: every stage against closed forms or a slow sum, and the chain against statistics."""

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel import InputError, Response, add_noise, detect
from nbkernel.engine.options import Engine
from nbkernel.geometry.response import PixelMap
from nbkernel.image.response.chain import DetectedStrips, PanelChain
from nbkernel.image.response.spread import (
    LARGEST_SUM,
    Spread,
    SpreadBySums,
    SpreadByTransform,
    automatic_radius,
    next_smooth,
    shares_of,
)
from nbkernel.kernels.numerics.gaussian import gaussian
from nbkernel.kernels.numerics.philox import uniform_pair
from nbkernel.kernels.response.photons import counted_photons
from nbkernel.kernels.response.read_out import read_out_rows
from nbkernel.kernels.response.spread import spread_rows

from running import remarks_of, simulate

SHAPE = 60, 70
FULL = Response(
    flicker=0.05, calibration=0.03, psf="fiber", psf_fwhm=120.0, psf_radius=4, gain=1.7, readout_noise=2.5, pedestal=20.0
)


def flat(mean, shape=SHAPE):
    return np.full(shape, mean, np.float32)


def uneven(shape=SHAPE):
    return np.random.default_rng(3).gamma(2.0, 6.0, shape).astype(np.float32)


def both_sides(shares):
    """The whole (2 radius + 1)^2 of the shares of one side."""
    half = np.concatenate([shares[:0:-1], shares])
    return np.concatenate([half[:, :0:-1], half], axis=1)


def slow_spread(photons, shares):
    """Each pixel given away to those around it."""
    radius, whole = len(shares) - 1, both_sides(shares)
    padded = np.zeros([size + 2 * radius for size in photons.shape])
    for (slow, fast), own in np.ndenumerate(photons):
        padded[slow : slow + 2 * radius + 1, fast : fast + 2 * radius + 1] += own * whole
    return padded[radius:-radius, radius:-radius]


def test_a_response_without_errors_is_an_ideal_counter():
    image = uneven()
    assert np.array_equal(detect(image, Response(), seed=5), add_noise(image, seed=5, rng="philox", adc=0.0))
    assert np.array_equal(detect(image, Response(bits=16), seed=5), add_noise(image, seed=5, rng="philox", adc=0.0, bits=16))


def test_gaussian_deviates_are_those_of_box_and_muller():
    u, v = np.random.default_rng(1).random((2, 2000))
    expected = np.sqrt(-2.0 * np.log(u)) * np.cos(2.0 * np.pi * v)
    found = [gaussian(*pair) for pair in zip(u, v, strict=True)]
    np.testing.assert_allclose(found, expected, atol=3e-15, rtol=1e-13)


def test_gaussian_deviates_follow_their_distribution():
    """Chi-square of 40 equally probable bins; odd and even moments."""
    drawn = np.array([gaussian(*uniform_pair(pixel, 3, 1 << 24, (7, 0))) for pixel in range(20000)])
    probability = np.array([0.5 * (1.0 + math.erf(x / math.sqrt(2.0))) for x in drawn])
    counts = np.bincount((probability * 40).astype(int), minlength=40)
    assert ((counts - 500.0) ** 2 / 500.0).sum() < 39 + 5 * math.sqrt(78)
    for power, moment, variance in ((1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)):
        assert abs((drawn**power).mean() - moment) < 5 * math.sqrt(variance / drawn.size)


@pytest.mark.parametrize("kind", ["gauss", "fiber"])
@pytest.mark.parametrize("radius", [1, 6])
def test_sums_and_transforms_spread_as_a_slow_loop(kind, radius):
    spread = Spread(shares_of(kind, 2.3, radius))
    photons = np.random.default_rng(2).poisson(4.0, (30 + 2 * radius, 41)).astype(np.float64)
    expected = slow_spread(photons, spread.shares)[radius : 30 + radius]
    by_sums, by_transform = np.empty((2, 30, 41))
    SpreadBySums(spread, 41)(photons, by_sums)
    SpreadByTransform(spread, 30, 41)(photons, by_transform)
    np.testing.assert_allclose(by_sums, expected, rtol=2e-6)
    np.testing.assert_allclose(by_transform, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["gauss", "fiber"])
def test_shares_are_integrals_whose_sum_is_1(kind):
    whole = both_sides(shares_of(kind, 1.9, 12))
    assert whole.sum() == pytest.approx(1.0, abs=1e-14)
    assert (whole == whole.T).all() and (whole == whole[::-1]).all() and (whole >= 0.0).all()
    steps = (np.arange(300) + 0.5) / 300 - 0.5
    g = 1.9 / 2.0 / math.sqrt(2.0 ** (2.0 / 3.0) - 1.0)

    def fine(x, y):
        r2 = (x + steps) ** 2 + (y + steps[:, None]) ** 2
        return (np.exp(-math.log(16.0) * r2 / 1.9**2) if kind == "gauss" else (g * g + r2) ** -1.5).mean()

    for x, y in ((1, 0), (2, 3), (0, 5)):
        assert whole[12 + y, 12 + x] / whole[12, 12] == pytest.approx(fine(x, y) / fine(0, 0), rel=1e-4)


def test_the_automatic_radius_leaves_out_what_it_says():
    for kind, tail in (("gauss", 1e-6), ("fiber", 1e-2)):
        radius = automatic_radius(kind, 1.5)
        g = 1.5 / 2.0 / math.sqrt(2.0 ** (2.0 / 3.0) - 1.0)

        def beyond(r, kind=kind, g=g):
            return math.exp(-math.log(16.0) * (r / 1.5) ** 2) if kind == "gauss" else g / math.hypot(g, r)

        assert beyond(radius) <= tail < beyond(radius - 2)


def test_sizes_of_transforms():
    assert [next_smooth(size) for size in (1, 11, 97, 2088)] == [1, 12, 98, 2100]


@pytest.mark.parametrize("radius", [4, LARGEST_SUM + 1])
def test_counts_depend_on_no_threads(radius):
    image = np.tile(uneven(), (12, 1))
    response = Response(psf="fiber", psf_radius=radius, readout_noise=1.0, calibration=0.1, flicker=0.1)
    one, three = (detect(image, response, seed=8, threads=threads) for threads in (1, 3))
    assert np.array_equal(one, three)


def test_strips_have_the_counts_of_the_whole_image(monkeypatch):
    image = uneven()
    whole = detect(image, FULL, seed=8)
    monkeypatch.setattr("nbkernel.image.response.chain.LEAST_ROWS", 7)
    assert np.array_equal(detect(image, FULL, seed=8), whole)


def test_seeds_frames_panels_and_calibration():
    image = uneven()
    first = detect(image, FULL, seed=8)
    assert not np.array_equal(first, detect(image, FULL, seed=9))
    assert not np.array_equal(first, detect(image, FULL, seed=8, frame=1))
    panels = detect([image, image], [FULL, FULL], seed=8)
    assert np.array_equal(panels[0], first) and not np.array_equal(panels[1], first)
    assert first.noise["rng"] == "philox" and first.noise["seed"] == 8
    assert first.offset_and_gain == (20.0, 1.7)


def test_the_calibration_is_the_same_in_every_frame_and_the_flicker_is_one_factor():
    image = flat(1e7)
    calibrated = [detect(image, Response(calibration=0.02), seed=1, frame=frame) / 1e7 for frame in (0, 1)]
    assert np.std(calibrated[0]) == pytest.approx(0.02, rel=0.05)
    assert np.std(calibrated[0] - calibrated[1]) < 0.001
    other = detect(image, Response(calibration=0.02, calibration_seed=2), seed=1) / 1e7
    assert abs(np.corrcoef(other.ravel(), calibrated[0].ravel())[0, 1]) < 5 / math.sqrt(image.size)
    factors = [detect(image[:4, :4], Response(flicker=0.1), seed=1, frame=frame) / 1e7 for frame in range(400)]
    assert max(np.std(own) for own in factors) < 0.001
    means = np.mean(factors, axis=(1, 2))
    assert means.mean() == pytest.approx(1.0, abs=5 * 0.1 / 20) and means.std() == pytest.approx(0.1, rel=0.2)


@pytest.mark.parametrize("radius", [3, LARGEST_SUM + 2])
def test_mean_variance_and_covariance_after_point_spread(radius):
    """Of a flat image: mean, mean times the sum of squared shares, mean times the sum of products of shares d apart; far
    from the edges, from many pixels. Rounding to integers adds 1/12."""
    response = Response(psf="fiber", psf_fwhm=150.0, psf_radius=radius, gain=100.0)
    shape = 400, 420
    counts = detect(flat(50.0, shape), response, seed=4)[radius:-radius, radius:-radius] / 100.0
    whole = both_sides(shares_of("fiber", 1.5, radius))
    count = counts.size
    # pixels within a radius of each other are not independent
    effective = count / (2 * radius + 1) ** 2 if radius < 10 else count / 60
    assert counts.mean() == pytest.approx(50.0, abs=5 * math.sqrt(50.0 / count))
    centred = counts - 50.0
    for slow, fast in ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 2)):
        shifted = np.zeros_like(whole)
        shifted[slow:, fast:] = whole[: whole.shape[0] - slow, : whole.shape[1] - fast]
        expected = 50.0 * (whole * shifted).sum() + (1.0 / 12.0 / 1e4 if slow == fast == 0 else 0.0)
        found = (centred[slow:, fast:] * centred[: counts.shape[0] - slow, : counts.shape[1] - fast]).mean()
        assert found == pytest.approx(expected, abs=6 * 50.0 * (whole**2).sum() / math.sqrt(effective))


def test_photons_that_spread_across_an_edge_are_lost_and_all_others_kept():
    image = np.zeros(SHAPE, np.float32)
    image[30, 35], image[0, 35] = 1e6, 1e6
    response = Response(psf="gauss", psf_fwhm=150.0, gain=100.0)
    counts = detect(image, response, seed=1)
    assert counts[15:].sum() / 1e8 == pytest.approx(1.0, abs=0.01)
    whole = both_sides(shares_of("gauss", 1.5, automatic_radius("gauss", 1.5)))
    kept = whole[len(whole) // 2 :].sum()
    assert 0.5 < kept < 0.95
    assert counts[:15].sum() / 1e8 == pytest.approx(kept, abs=0.01)


@pytest.mark.parametrize("gain", [0.7, 4.0])
def test_the_photon_transfer_curve_gives_gain_and_noise(gain):
    """Variance against mean of flat fields: the slope is the gain, the intercept read-out noise squared and rounding."""
    response = Response(gain=gain, readout_noise=5.0, pedestal=100.0)
    means, variances = [], []
    for frame, photons in enumerate((0.0, 100.0, 300.0, 1000.0, 3000.0)):
        counts = detect(flat(photons, (600, 600)), response, seed=2, frame=frame)
        means.append(counts.mean() - 100.0)
        variances.append(counts.var())
    slope = np.polyfit(means, variances, 1, w=1.0 / np.array(variances))[0]
    assert slope == pytest.approx(gain, rel=0.01)
    assert variances[0] == pytest.approx(25.0 + 1.0 / 12.0, rel=0.01)


def test_chi_square_of_counts_with_a_calibration_that_is_known():
    """Counts of pixels with their own known means, from many frames, are Poisson's: sum of squared deviations over means."""
    image = uneven((20, 20)) + 5.0
    frames = np.array([detect(image, Response(), seed=6, frame=frame) for frame in range(200)], float)
    chi_square = ((frames - image) ** 2 / image).sum()
    # its variance: 2 + 1/mean for each term
    spread = math.sqrt((200 * (2.0 + 1.0 / image)).sum())
    assert abs(chi_square - frames.size) < 5 * spread


def test_stages_have_their_own_gain_and_noise():
    response = Response(gain=40.0, readout_noise=30.0, stages=[(30.0, 0.02, 2.0), (1000.0, 0.002, 2.0)], pedestal=500.0)
    chain = PanelChain(flat(1.0, (3, 400)), (0, 399, 0, 2), response, 100.0, 0, 1, 0)
    counts, sums = np.empty((3, 400), np.int32), np.zeros((3, 4))
    photons = np.repeat([[29.0], [300.0], [5000.0]], 400, axis=1)
    read_out_rows(
        photons, chain.roi, 400, 0, chain.maps["gain"], chain.maps["pedestal"], chain.stages, chain.maps["mask"], -1e9, 1e9,
        0, chain.key, np.empty((4, 400)), sums, counts, 0, 3,
    )  # fmt: skip
    for row, (mean, relative, noise) in enumerate(((29.0, 1.0, 30.0), (300.0, 0.02, 2.0), (5000.0, 0.002, 2.0))):
        assert counts[row].mean() == pytest.approx(500.0 + 40.0 * mean, abs=5 * noise / relative / 20)
        expected = noise / relative if row == 0 else math.sqrt(noise**2 + 1 / 12) / relative
        assert counts[row].std() == pytest.approx(expected, rel=0.2)
        # digitised in steps of the stage's own gain
        assert np.allclose((counts[row] - 500.0) * relative, np.rint((counts[row] - 500.0) * relative), atol=relative)


def test_saturation_offsets_and_pixels_that_do_not_work(caplog):
    image = flat(1000.0)
    image[:2] = 0.0
    mask = np.zeros(SHAPE, int)
    mask[5, 6], mask[7, 8], mask[9, 9], mask[10, 10] = 2, 8, 1, 4
    counts = detect(image, Response(saturation=900, mask=mask, pedestal=-50.0, readout_noise=1.0), seed=1)
    assert (counts[5, 6], counts[7, 8], counts[9, 9]) == (0, 900, 0)
    assert counts.max() == 900 and counts[0].mean() == pytest.approx(-50.0, abs=1.0)
    lit = image.copy()
    lit[mask & 11 > 0] = 0.0
    expected = int((detect(lit, Response(pedestal=-50.0, readout_noise=1.0), seed=1) >= 900).sum())
    assert counts.noise["overloads"] == expected
    assert "are cut off at 900, where the detector saturates" in caplog.text
    assert detect(image, Response(bits=16, pedestal=-50.0), seed=1)[:2].max() == 0


def test_maps_as_arrays_and_files(tmp_path):
    gain, pedestal = 1.0 + np.random.default_rng(1).random((2, *SHAPE))
    image = uneven()
    counts = detect(image, Response(gain=gain, pedestal=100.0 * pedestal), seed=3)
    photons = detect(image, Response(), seed=3).astype(float)
    assert np.array_equal(counts, np.floor(photons * gain + 100.0 * pedestal + 0.5))
    np.save(tmp_path / "gain.npy", gain)
    same = detect(image, Response(gain=tmp_path / "gain.npy", pedestal=100.0 * pedestal), seed=3)
    assert np.array_equal(same, counts) and counts.offset_and_gain == (0.0, 1.0)


def test_counts_outside_the_region_are_0_and_memory_is_that_of_strips():
    shape = 2048, 256
    image = flat(3.0, shape)
    response = Response(psf="fiber", psf_radius=20, readout_noise=1.0)
    detect(image, response, seed=1)
    tracemalloc.start()
    counts = detect(image, response, seed=1, threads=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # the counts, those of all strips, and the work of one
    assert peak < 2.5 * counts.nbytes + 40 * 300 * (256 + 300)
    strips = list(DetectedStrips([image], [(10, 99, 20, 59)], [response], [100.0], 1, 0, Engine(threads=2), None))
    assert [(panel, strip, own.shape) for panel, strip, own in strips] == [(0, (10, 99, 20, 59), (40, 90))]


def test_bare_python_has_the_counts_of_compiled_code():
    image = uneven((6, 9))
    compiled = detect(image, FULL, seed=3)
    chain = PanelChain(image, (0, 8, 0, 5), FULL, 100.0, 0, 3, 0)
    photons, spread = np.zeros((6 + 8, 9)), np.empty((6, 9))
    counts = np.empty((6, 9), np.int32)
    with np.errstate(over="ignore"):
        counted_photons.function(
            image, chain.roi, 0, chain.flicker, 0.03, (1, 0), 0, chain.key, np.empty((6, 64)), np.empty(64, np.float32),
            photons[4:10], 0, 6,
        )  # fmt: skip
        sums = SpreadBySums(chain.spread, 9)
        spread_rows.function(photons, sums.shares, sums.reaches, sums.pair, sums.total, spread, 0, 6)
        read_out_rows.function(
            spread, chain.roi, 9, 0, chain.maps["gain"], chain.maps["pedestal"], chain.stages, chain.maps["mask"],
            -2147483648.0, 2147483647.0, 0, chain.key, np.empty((4, 9)), chain.sums, counts, 0, 6,
        )  # fmt: skip
    assert np.array_equal(counts, compiled)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(gain=0.0), "gain: needs counts of a photon greater than 0, not 0"),
        (dict(gain=np.zeros(SHAPE)), "gain: needs counts of a photon greater than 0, not 0"),
        (dict(psf="round"), "psf: needs gauss or fiber, not 'round'"),
        (dict(psf="gauss", psf_fwhm=0.0), "psf_fwhm: needs a width in micrometres greater than 0, not 0"),
        (dict(psf_radius=0), "psf_radius: needs a whole number of pixels from 1 on, not 0"),
        (dict(readout_noise=-1.0), "readout_noise: needs a number of at least 0, not -1"),
        (dict(bits=8), "bits: needs 16 or 32, not 8"),
        (dict(bits=16, saturation=70000), "saturation: needs counts from 1 to 65535 with 16 bits, not 70000"),
        (dict(flicker="much"), "flicker: needs a number, not 'much'"),
        (
            dict(stages=[(10.0, 0.1, 1.0), (5.0, 0.01, 1.0)]),
            "stages: needs rows of photons (each more than the last), gain above 0, noise, not (5.0, 0.01, 1.0)",
        ),
        (
            dict(pedestal=np.full(3, 1.0)),
            "pedestal: needs a number, a file, or a (slow, fast) array of finite numbers, not an array of 3",
        ),
    ],
)
def test_unusable_responses(arguments, message):
    with pytest.raises(InputError) as error:
        Response(**arguments)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("response", "message"),
    [
        (Response(gain=np.ones((3, 4))), "gain: has 3 x 4 pixels (slow x fast), the panel has 60 x 70"),
        (Response(psf="gauss", psf_radius=71), "psf_radius: 71 pixels are more than the image has, 60 x 70 (slow x fast)"),
        (Response(pedestal="gone.npy"), "pedestal: there is no file gone.npy"),
        ([Response(), Response()], "detect: has 2 responses for 1 panels; need one for all, or one each"),
        ("fiber", "detect: needs a Response, or a list of them, one per panel"),
    ],
)
def test_responses_that_do_not_fit(response, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as error:
        detect(flat(1.0), response)
    assert str(error.value) == message


def test_maps_are_compared_by_their_content():
    assert Response(gain=np.ones(SHAPE)) == Response(gain=np.ones(SHAPE)) != Response(gain=np.full(SHAPE, 2.0))
    assert PixelMap("mask", np.ones((2, 2), bool)).array.dtype == np.int32


EXPERIMENT = "-cell 50 60 70 90 90 90 -default_F 100 -N 3 -lambda 1 -distance 100 -pixel 0.1 -detpixels 40 -oversample 1"
TOML = """
[crystal]
cell = [50.0, 60.0, 70.0]
default_F = 100.0
Na = 3
Nb = 3
Nc = 3

[beam]
wavelength = 1.0
fluence = 1e30

[detector]
distance = 100.0
pixel = 0.1
detpixels_f = 40
detpixels_s = 40

[detector.response]
psf = "gauss"
psf_fwhm = 150.0
gain = "gain.npy"
mask = "mask.npy"
pedestal = 30.0
readout_noise = 2.0

[sampling]
oversample = 1
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("shot.toml").write_text(TOML)
    np.save("gain.npy", np.linspace(1.0, 2.0, 1600).reshape(40, 40))
    np.save("mask.npy", 8 * np.eye(40, dtype=np.int32))
    return tmp_path


@pytest.mark.slow
def test_simulate_and_series_have_the_counts_of_detect(folder):
    h5py = pytest.importorskip("h5py")
    run = simulate("--config shot.toml -seed 5 -noprogress --precision double -noisefile noise.img --hdf5 out.h5")
    assert run.status == 0 and not remarks_of(run), run.err
    experiment = nbkernel.Experiment.from_toml("shot.toml")
    image = nbkernel.simulate(experiment)
    expected = detect(image, experiment.response, seed=5)
    with h5py.File("out.h5") as file:
        assert np.array_equal(file["entry/data/data"][0], expected)
        assert np.array_equal(file["entry/instrument/detector/pixel_mask"][...], 8 * np.eye(40))
    assert np.array_equal(np.fromfile("noise.img", np.uint16, offset=512).reshape(40, 40), np.minimum(expected, 65535))
    # the record of the file repeats the run
    assert nbkernel.Experiment.from_toml("out.h5") == experiment
    series = nbkernel.Series({"series": {"images": 2, "seed": 5}}, experiment=experiment)
    with series:
        again = series.image(1)
    assert np.array_equal(again, detect(image, experiment.response, seed=5, frame=1))


def test_toml_keeps_a_response_and_those_of_panels(folder):
    experiment = nbkernel.Experiment.from_toml("shot.toml")
    experiment.to_toml("again.toml")
    assert "[detector.response]" in Path("again.toml").read_text()
    assert nbkernel.Experiment.from_toml("again.toml").response.psf == "gauss"
    several = nbkernel.Experiment(response=[Response(pedestal=1.0), Response(stages=[(10.0, 0.1, 2.0)])])
    several.to_toml("several.toml")
    assert nbkernel.Experiment.from_toml("several.toml").response == several.response


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('gain = "gone.npy"', "gain: there is no file gone.npy"),
        ("gain = 0.0", "--config shot.toml: [detector.response] gain: needs counts of a photon greater than 0, not 0"),
        ('gain = "small.npy"', "gain: has 3 x 4 pixels (slow x fast), the panel has 40 x 40"),
        ("gains = 2.0", "--config shot.toml: [detector.response] has no gains; did you mean gain?"),
        ("psf_radius = 41", "psf_radius: 41 pixels are more than the image has, 40 x 40 (slow x fast)"),
    ],
)
def test_bad_responses_in_files_are_one_line_and_nothing_is_written(folder, line, message):
    np.save("small.npy", np.ones((3, 4)))
    Path("shot.toml").write_text(TOML.replace('gain = "gain.npy"', line))
    before = sorted(path.name for path in folder.iterdir())
    run = simulate("--config shot.toml -seed 5 -noprogress")
    assert (run.status, run.errors) == (2, [f"nbkernel: {message}"])
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_map_is_not_overwritten(folder):
    run = simulate("--config shot.toml -noprogress -noisefile gain.npy")
    assert run.status == 2 and "gain.npy is an input of this run" in run.err
