"""Counts with 16 and 32 bits: what is cut off, where, and the warnings about it."""

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.io.images.read import read_image
from nbkernel.io.images.smv import read_smv

from running import BASE, read_float, simulate

RUN = f"{BASE} -detpixels_f 24 -detpixels_s 18 -pixel 0.5 -nopgm"
FILES = "-floatfile f.bin -intfile i.img -noisefile n.img"
BRIGHT = f"{RUN} -fluence 1e33 -adc 0"
RNGS = ("ran1", "philox")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def noise_image():
    return read_smv("-noisefile", "n.img").pixels.reshape(18, 24)


def hdf5_counts(path="a.h5"):
    with h5py.File(path) as file:
        return file["/entry/data/data"][0]


@pytest.mark.parametrize("rng", RNGS)
@pytest.mark.parametrize("precision", ["exact", "double"])
def test_an_hdf5_file_has_counts_above_16_bits(rng, precision):
    """Every pixel is within 5 standard deviations of its photons; the noise image has the same counts, cut off."""
    run = simulate(f"{BRIGHT} {FILES} --hdf5 a.h5 --noise-rng {rng} --precision {precision}")
    photons, counts = read_float("f.bin", "i.img").astype(float), hdf5_counts()
    assert counts.dtype == np.int32 and counts.max() > 1e6
    assert (np.abs(counts - photons) <= 5 * np.sqrt(photons) + 5).all()
    above = int((counts > 65535).sum())
    lit = int((counts > 0).sum())
    assert 20 < above < 0.9 * lit
    np.testing.assert_array_equal(noise_image(), np.minimum(counts, 65535))
    assert f"photons on noise image ({above} overloads)" in run.out
    (line,) = run.warnings
    assert line == f"n.img: {above} of {lit} pixels with photons are cut off at 65535, the most that 16 bits can hold"


@pytest.mark.parametrize("rng", RNGS)
def test_counts_beyond_32_bits_are_cut_off_and_reported(rng, caplog):
    photons = np.array([[1e5, 2.0e9, 3e9, 1e30, 0.0, 70000.0]], np.float32)
    counts = nbkernel.add_noise(photons, 1, rng=rng, adc=0)
    assert counts.dtype == np.int32 and counts[0, 2] == counts[0, 3] == 2**31 - 1 and counts[0, 4] == 0
    assert abs(counts[0, 1] - 2e9) < 5 * np.sqrt(2e9)
    assert counts.noise["overloads"] == 2
    assert "add_noise: 2 of 5 pixels with photons are cut off at 2147483647" in caplog.text
    caplog.clear()
    short = nbkernel.add_noise(photons, 1, rng=rng, adc=0, bits=16)
    assert short.dtype == np.uint16 and short.noise["overloads"] == 5
    np.testing.assert_array_equal(short, np.minimum(counts, 65535))
    assert "add_noise: 5 of 5 pixels with photons are cut off at 65535" in caplog.text and "so strong" in caplog.text


@pytest.mark.parametrize("adc", [0.0, 40.0, 0.75, -3.5])
def test_an_overload_exceeds_the_limit_before_truncation(adc):
    """As nanoBragg.c counts them, with any offset."""
    photons = np.full((50, 60), 65500.0, np.float32)
    for rng in RNGS:
        counts, cut = (nbkernel.add_noise(photons, 3, rng=rng, adc=adc, bits=bits) for bits in (32, 16))
        deviates = nbkernel.add_noise(photons, 3, rng=rng, adc=0).astype(float)
        np.testing.assert_array_equal(counts, np.trunc(deviates + adc))
        assert cut.noise["overloads"] == (deviates + adc > 65535).sum() > 0
        assert counts.noise["overloads"] == 0


def test_files_written_by_the_api(caplog):
    experiment = nbkernel.Experiment.from_command_line(f"{BRIGHT} -oversample 1")
    image = nbkernel.simulate(experiment)
    caplog.clear()
    counts = nbkernel.add_noise(image, 1, adc=0)
    assert not caplog.records and counts.max() > 1e6
    nbkernel.write_hdf5("a.h5", image, counts)
    np.testing.assert_array_equal(hdf5_counts(), counts)
    assert not caplog.records
    nbkernel.write_smv("n.img", counts)
    (record,) = caplog.records
    assert record.getMessage() == (
        f"n.img: {(counts > 65535).sum()} pixels are cut off at 65535; an SMV image has 16 bits, an HDF5 file has 32"
    )
    np.testing.assert_array_equal(noise_image(), np.minimum(counts, 65535))
    caplog.clear()
    nbkernel.write_smv("n.img", counts - 100000)
    assert f"n.img: {(counts < 100000).sum()} pixels are cut off at 0" in caplog.text
    np.testing.assert_array_equal(noise_image(), np.clip(counts - 100000, 0, 65535))
    short = nbkernel.add_noise(image, 1, adc=0, bits=16)
    nbkernel.write_hdf5("b.h5", image, short)
    assert hdf5_counts("b.h5").dtype == np.uint16
    np.testing.assert_array_equal(hdf5_counts("b.h5"), written_to_smv(short))


def written_to_smv(counts):
    nbkernel.write_smv("s.img", counts)
    return read_smv("-noisefile", "s.img").pixels.reshape(counts.shape)


@pytest.mark.parametrize("scale, adc", [(1.0, 40.0), (2e-2, 0.0), (None, 40.0), (1.0, -10.0), (1e6, 0.0)])
def test_scaled_counts_of_32_bits(scale, adc):
    photons = np.geomspace(1e-3, 1e7, 700, dtype=np.float32).reshape(20, 35)
    short, counts = (nbkernel.to_counts(photons, scale, adc=adc, bits=bits) for bits in (16, 32))
    assert short.dtype == np.uint16 and counts.dtype == np.int32
    np.testing.assert_array_equal(short, np.minimum(counts, 65535))
    exact = np.clip(photons.astype(float) * (55000 / float(photons.max()) if scale is None else scale) + adc, 0, 2147483520)
    # float32 has 24 bits
    assert (np.abs(counts - exact) <= 0.5 + exact * 2.0**-23).all()


def test_counts_have_16_or_32_bits():
    for function in (nbkernel.add_noise, nbkernel.to_counts):
        with pytest.raises(nbkernel.InputError, match="bits: 8 is not supported; need 16 or 32"):
            function(np.ones((2, 2)), 1, bits=8)


def test_the_integer_image_warns_about_pixels_that_its_scale_cuts_off():
    run = simulate(f"{RUN} {FILES} -nonoise -scale 1")
    expected = int((read_float("f.bin", "i.img").astype(float) + 40 > 65535).sum())
    assert expected == 0 and not run.warnings
    run = simulate(f"{RUN} {FILES} -nonoise -scale 10000")
    expected = int((read_float("f.bin", "i.img").astype(float) * 10000 + 40 > 65535).sum())
    assert expected > 10
    assert run.warnings == [
        f"i.img: {expected} pixels are cut off at 65535, the most that 16 bits can hold; use a smaller -scale"
    ]


def test_overexposed_and_unexposed_images_are_warned_about():
    (line,) = simulate(f"{RUN} {FILES} -fluence 1e40").warnings
    assert "n.img: 430 of 432 pixels with photons are cut off" in line and "meant to be so strong" in line
    run = simulate(f"{RUN} {FILES} -fluence 1e18")
    (line,) = run.warnings
    assert "\n0 photons on noise image" in run.out
    total = np.fromfile("f.bin", np.float32).sum(dtype=float)
    assert line.startswith(f"n.img: not one photon was counted, and {total:g} are expected in all pixels together")
    # an ordinary image makes no warning
    assert not simulate(f"{RUN} {FILES}").warnings


@pytest.mark.parametrize("adc", ["65535", "65535.5", "1e9"])
def test_an_offset_that_leaves_no_room(adc):
    assert (
        f"n.img: -adc {float(adc):g} leaves no room for photons; 16 bits can hold at most 65535"
        in simulate(f"{RUN} {FILES} -adc {adc}").err
    )
    assert noise_image().min() == 65535


@pytest.mark.parametrize("rng", RNGS)
def test_counts_below_0(rng, caplog):
    """nanoBragg.c's conversion wraps them; with --fix adc, and in files that nanoBragg.c does not write, they are 0."""
    command = f"{RUN} {FILES} -adc -10 --noise-rng {rng} --hdf5 a.h5"
    run = simulate(command)
    wrapped = noise_image().astype(int)
    deviates = nbkernel.add_noise(np.fromfile("f.bin", np.float32).reshape(18, 24), 1, rng=rng, adc=0).astype(int)
    assert (deviates < 10).any() and (deviates > 10).any()
    np.testing.assert_array_equal(wrapped, (deviates - 10) % 65536)
    assert sum("(--fix adc:" in line for line in run.warnings) == 1
    np.testing.assert_array_equal(hdf5_counts(), np.maximum(deviates - 10, 0))
    fixed = simulate(command, "--fix", "adc")
    np.testing.assert_array_equal(noise_image(), np.maximum(deviates - 10, 0))
    np.testing.assert_array_equal(hdf5_counts(), np.maximum(deviates - 10, 0))
    assert not fixed.warnings
    image = nbkernel.simulate(nbkernel.Experiment.from_command_line(RUN), precision="exact")
    for bits in (16, 32):
        np.testing.assert_array_equal(
            nbkernel.add_noise(image, 1, rng=rng, adc=-10, bits=bits), np.maximum(deviates - 10, 0)
        )
    # no warning without counts below 0
    assert not simulate(f"{RUN} {FILES} -adc -0.5 --noise-rng {rng}").warnings


def test_compare_reads_counts_above_16_bits(caplog):
    """A constant factor between counts is found, although they are above 65535."""
    from nbkernel.diagnose.images.compare import constant_factor, make_pair

    counts = np.random.default_rng(1).integers(100000, 2000000, (18, 24)).astype(np.int32)
    for name, values in (("a.h5", counts), ("b.h5", counts * 3)):
        with h5py.File(name, "w") as file:
            file["data"] = values
    a, b = (read_image("compare", f"{name}:/data") for name in ("a.h5", "b.h5"))
    np.testing.assert_array_equal(a.pixels, counts)
    assert constant_factor(make_pair(a, b))["factor"] == pytest.approx(3.0, rel=1e-6)


def test_pixels_outside_the_region_of_a_bright_image():
    """They have no photons to cut off."""
    run = simulate(f"{BRIGHT} {FILES} -fluence 1e45 -roi 0 3 0 3 --hdf5 a.h5")
    assert "16 of 16 pixels with photons" in run.err and "(16 overloads)" in run.out
    assert hdf5_counts()[:4, :4].min() > 65535 and hdf5_counts()[4:].max() == 0
    beyond = int((hdf5_counts() == 2**31 - 1).sum())
    assert beyond and any(
        f"a.h5: {beyond} of 16 pixels with photons are cut off at 2147483647" in line for line in run.warnings
    )
