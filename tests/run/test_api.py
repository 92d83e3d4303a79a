"""The Python API gives the same numbers as nanoBragg.c and the command line."""

import copy
import logging
import pickle
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import nbkernel
from nbkernel.engine.options import Engine
from nbkernel.image.statistics import Statistics
from nbkernel.io.images.smv import read_smv

from api_runs import TOP, TURNED, experiment, experiment_of_panels
from golden import expected_file, load_cases
from running import BASE, read_float, simulate, smv_bytes, write_hkl

CASES = load_cases()[::17]


def value_after(words, flag, default):
    return words[words.index(flag) + 1] if flag in words else default


@pytest.mark.golden
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_files_are_those_of_nanobragg(case, tmp_path, monkeypatch):
    """Image, scaled counts and noise, written by the API, byte for byte."""
    monkeypatch.chdir(tmp_path)
    words = case.command()
    image = nbkernel.simulate(nbkernel.Experiment.from_command_line(words), precision="exact", device="cpu")
    nbkernel.write_float("float.bin", image)
    assert (tmp_path / "float.bin").read_bytes() == expected_file(case.id, "float.bin")
    adc = float(value_after(words, "-adc", 40.0))
    scale = float(value_after(words, "-scale", 0.0))
    nbkernel.write_smv("int.img", nbkernel.to_counts(image, max(scale, 0.0), adc=adc))
    assert (tmp_path / "int.img").read_bytes() == expected_file(case.id, "int.img")
    if "-nonoise" not in words:
        nbkernel.write_smv("noise.img", nbkernel.add_noise(image, int(value_after(words, "-seed", 0)), adc=adc))
        assert (tmp_path / "noise.img").read_bytes() == expected_file(case.id, "noise.img")
    if "-nopgm" not in words and "-pgmscale" not in words:
        nbkernel.write_pgm("image.pgm", image)
        assert (tmp_path / "image.pgm").read_bytes() == expected_file(case.id, "image.pgm")


def test_an_image_is_float32_with_statistics_and_geometry():
    image = nbkernel.simulate(experiment())
    assert image.dtype == np.float32 and image.shape == (18, 24)
    assert isinstance(image.statistics, Statistics)
    assert image.statistics.max_I == float(image.max()) > 0.0
    assert image.statistics.mean == pytest.approx(float(np.mean(image, dtype=np.float64)), rel=1e-12)
    assert image.detector.pixel_size == 1e-4 and image.run.wanted.all()
    assert nbkernel.PanelImage(np.zeros((2, 2))).detector is None


def test_the_solid_angle_is_that_of_the_detector():
    """For a square centred in front of the sample (closed form), with any sampling; nanoBragg.c's line divides it by the
    steps."""
    half, distance = 0.02, 0.05
    expected = 4 * np.arctan(half * half / (distance * np.sqrt(distance * distance + 2 * half * half)))
    square = dict(detpixels_f=200, detpixels_s=200, pixel=0.2, distance=50.0, Xbeam=19.9, Ybeam=19.9)
    for sampling in ({}, dict(phi=0.0, osc=1.0, phisteps=3), dict(oversample=2, detector_thick=10.0, mosaic_spread=0.1)):
        found = nbkernel.simulate(experiment(**square, **sampling)).statistics
        assert found.solid_angle == pytest.approx(expected, rel=1e-3)


def test_an_image_is_an_array():
    """Arithmetic keeps the run, and statistics follow the pixels; parts and reordered views have no run."""
    image = nbkernel.simulate(experiment(detpixels_f=18))
    doubled = image * 2
    assert doubled.run is image.run and doubled.statistics.max_I == 2 * image.statistics.max_I
    image *= 3
    assert image.statistics.max_I == float(image.max())
    assert type(image.max()) is type(image.sum()) is type(image[3, 4]) is np.float32
    for other in (image.T, image[::-1], image[:, ::-1], image[:], image[image > 0], np.rot90(image), image.reshape(-1)):
        assert getattr(other, "run", None) is None
        with pytest.raises(nbkernel.InputError, match="needs the whole image|needs a .slow, fast. array"):
            nbkernel.write_hdf5("x.h5", other)
    for same in (image.copy(), copy.copy(image), copy.deepcopy(image), +image, image.astype(np.float64)):
        assert same.run is image.run and np.array_equal(same, image)
    assert pickle.loads(pickle.dumps(image)).run is None and np.array_equal(pickle.loads(pickle.dumps(image)), image)
    assert nbkernel.to_counts(image).statistics is None


def test_a_nan_pixel_does_not_change_the_scale():
    image = nbkernel.simulate(experiment())
    expected = nbkernel.to_counts(image).max()
    image[0, 0] = np.nan
    assert nbkernel.to_counts(image).max() == expected == 55040
    assert nbkernel.to_counts(image, -1).max() == expected


def test_random_orientations_differ_and_have_their_seed():
    images = [nbkernel.simulate(experiment(misset="random")) for _ in range(3)]
    seeds = [image.run.experiment.misset_seed for image in images]
    assert len(set(seeds)) == 3
    again = nbkernel.simulate(experiment(misset="random", misset_seed=seeds[1]))
    assert np.array_equal(again, images[1]) and not np.array_equal(again, images[0])


def test_probable_mistakes_are_logged(caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_hkl("x.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    assert simulate(f"{BASE} -detpixels 8 -hkl x.hkl -dump F.bin").status == 0
    for changes, words in (
        (dict(beam_vector=(0, 0, 1)), "beam_vector: no effect in the mosflm convention"),
        (dict(dump="F.bin", default_F=0.0), "structure factors come from the dump file F.bin"),
        (dict(fluence=0.0), "no pixel has any photons"),
        # 3 sub-pixels per spot: 3 x 17 x 50 A / (1 A x 100 mm / 2 mm)
        (
            dict(Na=17, pixel=2.0, detpixels_f=1, detpixels_s=1, oversample=None),
            "a crystal this large with pixels this large needs 51 x 51 sub-pixels",
        ),
    ):
        caplog.clear()
        nbkernel.simulate(experiment(**changes))
        assert any(words in record.getMessage() for record in caplog.records), words
    for changes in (
        dict(convention="custom", beam_vector=(1, 0, 0)),
        dict(Na=16, pixel=2.0, detpixels_f=1, detpixels_s=1, oversample=None),
    ):
        caplog.clear()
        nbkernel.simulate(experiment(dump=None, **changes))
        assert not caplog.records


def test_an_interruption_while_falling_back_stops_the_work(monkeypatch):
    """The work that continues on the CPU is stopped as well."""
    from nbkernel.run.simulate import render_on

    reports = []

    def render_panels(runs, precision, threads, tile_shape, report, devices=(), parallel=None, memory=None):
        if devices:
            raise nbkernel.DeviceError("--device cuda:0: gone")
        reports.append(report)
        raise KeyboardInterrupt

    monkeypatch.setattr("nbkernel.run.simulate.render_panels", render_panels)
    with pytest.raises(KeyboardInterrupt):
        render_on(Engine("double", None, None, (0,), True), [], None, lambda line: None)
    with pytest.raises(InterruptedError):
        reports[0](1)


def test_keywords_command_line_and_toml_give_the_same_experiment(tmp_path):
    by_keywords = experiment(phi=0.0, osc=1.0, phisteps=3, fix="phi0", beam_vector=np.array([1, 0, 0]))
    command = f"nanoBragg {BASE} -detpixels_f 24 -detpixels_s 18 -phi 0 -osc 1 -phisteps 3 -dump none.bin"
    by_flags = nbkernel.Experiment.from_command_line(command, fix=["phi0"])
    assert by_keywords == by_flags
    by_keywords.to_toml(tmp_path / "a.toml")
    read = nbkernel.Experiment.from_toml(tmp_path / "a.toml")
    assert read.dump == str(tmp_path / "none.bin") or read.dump.endswith("none.bin")
    images = [nbkernel.simulate(one) for one in (by_keywords, by_flags, read)]
    assert images[0].any() and all(np.array_equal(images[0], image) for image in images)
    unfixed = nbkernel.simulate(by_keywords, fix=())
    assert not np.array_equal(images[0], unfixed)


def test_the_api_gives_the_pixels_of_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = simulate(
        f"{BASE} -detpixels 24 --precision mixed -floatfile f.bin -intfile i.img -noisefile n.img --noise-rng philox"
    )
    assert run.status == 0
    image = nbkernel.simulate(experiment(detpixels_s=24), precision="mixed")
    assert np.array_equal(image, read_float("f.bin", "i.img"))
    noisy = nbkernel.add_noise(image, 1, rng="philox")
    assert np.array_equal(noisy.ravel(), read_smv("-noisefile", "n.img").pixels)


def test_noise_can_be_drawn_again():
    """With a seed below 0, nanoBragg.c's generator continues with the run's shuffle table."""
    image = nbkernel.simulate(experiment(misset="random", misset_seed=3))
    for seed in (7, -7):
        first = nbkernel.add_noise(image, seed)
        assert np.array_equal(first, nbkernel.add_noise(image, seed))
    assert not np.array_equal(first, nbkernel.add_noise(image, 8))


def test_noise_of_bare_arrays():
    photons = np.full((40, 50), 1000.0)
    for rng in ("ran1", "philox"):
        counts = nbkernel.add_noise(photons, np.int64(5), rng=rng, adc=0)
        assert counts.dtype == np.int32 and abs(counts.mean() - 1000.0) < 5 * np.sqrt(1000.0 / photons.size)


@pytest.mark.parametrize("shape", ["square", "gauss", "round"])
@pytest.mark.parametrize("dispersion, dispsteps", [(200, 2), (200, 3), (300, 4)])
def test_wavelengths_of_zero_and_below(shape, dispersion, dispsteps):
    """As in nanoBragg.c: a wavelength of 0 makes all pixels nan, a negative one mirrors the Ewald sphere."""
    one = experiment(xtal_shape=shape, dispersion=dispersion, dispsteps=dispsteps)
    expected = np.array(nbkernel.simulate(one, precision="exact"))
    for precision in ("double", "mixed"):
        found = np.array(nbkernel.simulate(one, precision=precision))
        np.testing.assert_allclose(
            found, expected, rtol=2e-6, atol=2e-6 * np.nanmax(np.append(expected, 0.0)), equal_nan=True
        )


def test_panels_give_a_list_of_images(tmp_path):
    """Each has the same pixels as alone; all share one scale and one sequence of random numbers."""
    images = nbkernel.simulate(experiment_of_panels(TOP, TURNED))
    assert [image.shape for image in images] == [(10, 16), (9, 12)]
    for image, panel in zip(images, (TOP, TURNED), strict=True):
        (alone,) = nbkernel.simulate(experiment_of_panels(panel))
        assert image.any() and np.array_equal(image, alone)
        assert image.statistics == alone.statistics
    counts = nbkernel.to_counts(images)
    assert max(int(own.max()) for own in counts) == 55000 + 40
    noisy = nbkernel.add_noise(images, 1)
    assert np.array_equal(noisy[0], nbkernel.add_noise(images[0], 1))
    assert not np.array_equal(noisy[1], nbkernel.add_noise(images[1], 1))
    flat = [nbkernel.PanelImage(np.full((30, 30), 50.0, np.float32))] * 2
    first, second = nbkernel.add_noise(flat, 1, rng="philox")
    assert not np.array_equal(first, second)
    nbkernel.write_smv(tmp_path / "noise.img", noisy)
    assert np.array_equal(read_smv("-img", tmp_path / "noise_1.img").pixels, noisy[1].ravel())


def test_the_command_line_writes_a_file_for_each_panel(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    by_keywords = experiment_of_panels(TOP, TURNED)
    by_keywords.to_toml("panels.toml")
    run = simulate(
        "--config panels.toml --precision double -seed 1 -floatfile f.bin -intfile i.img -noisefile n.img -pgmfile p.pgm"
    )
    assert run.status == 0, run.err
    images = nbkernel.simulate(by_keywords)
    for number, (image, noisy) in enumerate(zip(images, nbkernel.add_noise(images, 1), strict=True)):
        assert (tmp_path / f"f_{number}.bin").read_bytes() == image.tobytes()
        assert np.array_equal(read_smv("-img", f"n_{number}.img").pixels, noisy.ravel())
    # the API's files are the same
    for function, name, made in (
        (nbkernel.write_float, "f.bin", images),
        (nbkernel.write_smv, "i.img", nbkernel.to_counts(images)),
        (nbkernel.write_pgm, "p.pgm", images),
    ):
        function(f"api_{name}", made)
        stem, ending = name.split(".")
        for number in range(2):
            assert (tmp_path / f"{stem}_{number}.{ending}").read_bytes() == (
                tmp_path / f"api_{stem}_{number}.{ending}"
            ).read_bytes()
    assert "panel 0 (top)" in run.out and run.out.count("max_I =") == 2
    traced = simulate("--config panels.toml -trace_pixel 1 1")
    assert traced.status == 2 and "nbkernel trace --panel N" in traced.err


def test_several_threads_at_once():
    """Runs with different experiments and kernels give the same images as alone."""
    runs = [
        (experiment(), "double"),
        (experiment(xtal_shape="gauss", mosaic_spread=0.5, mosaic_domains=3), "mixed"),
        (experiment(xtal_shape="round", phi=1.0, osc=1.0, phisteps=2), "exact"),
        (experiment(Na=1, interpolate=False, water=1.0, fix="water"), "double"),
    ] * 2
    expected = [np.array(nbkernel.simulate(one, precision=precision)) for one, precision in runs]
    found = [None] * len(runs)

    def work(number):
        one, precision = runs[number]
        image = nbkernel.simulate(one, precision=precision)
        found[number] = image, nbkernel.add_noise(image, number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(runs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, (image, noisy) in enumerate(found):
        assert np.array_equal(image, expected[number])
        assert np.array_equal(noisy, nbkernel.add_noise(nbkernel.PanelImage(expected[number], image.run), number))


def test_nothing_is_printed_and_quirks_are_logged(capfd, caplog):
    with caplog.at_level(logging.INFO, "nbkernel"):
        nbkernel.simulate(experiment(phi=0.0, osc=1.0, phisteps=3))
    assert any("--fix phi0" in record.getMessage() and record.levelname == "WARNING" for record in caplog.records)
    assert capfd.readouterr() == ("", "")


def test_progress_is_shown_when_asked_for(capfd):
    seen = []
    nbkernel.simulate(experiment(detpixels_s=40), tile=(10, 24), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(240 * n, 960) for n in range(1, 5)]
    nbkernel.simulate(experiment(), progress=True)
    assert "100 %" in capfd.readouterr().err


def test_the_list_of_commands_imports_almost_nothing():
    code = (
        "import sys; from nbkernel.cli.main import main; main(['-h'])\n"
        "print(*sorted({'numpy', 'logging', 'traceback', 'json', 'nbkernel.support.logger', 'nbkernel.experiment.flags'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.startswith("usage: ") and run.stdout.splitlines()[-1] == "", run.stdout
    assert run.stderr == ""


def test_importing_needs_neither_numba_nor_a_device():
    code = (
        "import sys, nbkernel\n"
        "assert 'numpy' not in sys.modules\n"
        "nbkernel.simulate, nbkernel.Experiment, nbkernel.add_noise, nbkernel.write_smv\n"
        "assert not {'numba', 'h5py', 'gemmi', 'matplotlib'} & set(sys.modules)\n"
        "assert set(nbkernel.__all__) <= set(dir(nbkernel))\n"
        "print(all(getattr(nbkernel, name).__doc__ for name in nbkernel.__all__))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("True\n", "")
    code = "import nbkernel; nbkernel.Experiment.from_command_line('nanoBragg -bogus 3 -cell 78')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        nbkernel.nothing  # noqa: B018


WRONG = {
    "wavelength: needs a number, not 'red'": lambda: experiment(wavelength="red"),
    "mosaic_domains: needs a whole number, not 2.5": lambda: experiment(mosaic_domains=2.5),
    "Na, Nb, Nc: a square crystal has whole cells, not 2.5; give": lambda: nbkernel.simulate(experiment(Na=2.5)),
    "Na, Nb, Nc: needs at least 1 cell along each edge, not 0.5": lambda: nbkernel.simulate(
        experiment(Na=0.5, xtal_shape="gauss")
    ),
    "roi: needs 4 whole numbers": lambda: experiment(roi=(0, 5)),
    "nopolar: needs true or false": lambda: experiment(nopolar=1),
    "convention: needs adxv, mosflm": lambda: experiment(convention="moslfm"),
    "misset: needs 3 numbers": lambda: experiment(misset="rnd"),
    "fix: there is no fix 'phi'": lambda: experiment(fix="phi"),
    "panels: needs a list of Panels": lambda: experiment(panels=[1]),
    "pix0_vector: needs 3 numbers": lambda: nbkernel.Panel((1, 2), (0, 0, 1), (0, 1, 0), 5, 5),
    "precision: 'single' is not supported": lambda: nbkernel.simulate(experiment(), precision="single"),
    "device: needs auto, cpu": lambda: nbkernel.simulate(experiment(), device="gpu"),
    "threads: needs a whole number of at least 1, not 0": lambda: nbkernel.simulate(experiment(), threads=0),
    "tile: needs 2 whole numbers": lambda: nbkernel.simulate(experiment(), tile=(5,)),
    "fix: there is no fix 'x'": lambda: nbkernel.simulate(experiment(), fix=["x"]),
    "detpixels_f (-detpixels_f): the panels have their own": lambda: nbkernel.simulate(experiment(panels=[TOP])),
    "simulate: needs an Experiment, not dict": lambda: nbkernel.simulate({}),
    "device: needs a string": lambda: nbkernel.simulate(experiment(), device=None),
    "progress: needs True or a function": lambda: nbkernel.simulate(experiment(), progress=1),
    "tile: needs 2 whole numbers of at least 1": lambda: nbkernel.simulate(experiment(), tile=5),
    "cell: needs 1 to 6 numbers": lambda: experiment(cell=(1, 2, 3, 4, 5, 6, 7)),
    "cell: needs a list of numbers": lambda: experiment(cell=(78, None, 38)),
    "dump: needs a file name": lambda: experiment(dump=""),
    "add_noise: needs a (slow, fast) array": lambda: nbkernel.add_noise(np.ones(5), 1),
    "to_counts: needs a (slow, fast) array": lambda: nbkernel.to_counts(np.ones((2, 2, 2))),
    "to_counts: needs an image, not an empty list": lambda: nbkernel.to_counts([]),
    "write_pgm: needs a (slow, fast) array": lambda: nbkernel.write_pgm("x.pgm", None),
    "write_float: needs a (slow, fast) array": lambda: nbkernel.write_float("x.bin", [["a"]]),
    "seed: ran1 needs a whole number": lambda: nbkernel.add_noise(np.ones((2, 2)), 10**30),
    "adc: needs a finite number": lambda: nbkernel.add_noise(np.ones((2, 2)), 1, adc=np.nan),
    "wavelength: a wavelength of -1 Angstrom": lambda: nbkernel.simulate(experiment(wavelength=-1)),
    "hkl: there is no file nowhere.hkl": lambda: nbkernel.simulate(experiment(hkl="nowhere.hkl")),
    "panels: there is no file nowhere.expt": lambda: nbkernel.simulate(experiment(panels="nowhere.expt")),
    "detpixels_f: 0 is not a number of pixels": lambda: nbkernel.simulate(experiment(detpixels_f=0)),
    "column: chooses from an MTZ": lambda: nbkernel.simulate(experiment(column="F")),
    "rings: 60 rings are too many": lambda: nbkernel.write_preview("x.png", nbkernel.simulate(experiment()), rings=range(1, 61)),
    "zoom: needs 2 whole numbers": lambda: nbkernel.write_preview("x.png", np.ones((2, 2)), zoom=4),
    "rng: 'mt' is not supported": lambda: nbkernel.add_noise(np.ones((2, 2)), 1, rng="mt"),
    "seed: needs a whole number": lambda: nbkernel.add_noise(np.ones((2, 2)), 1.5),
    "write_smv: needs the whole image of a panel": lambda: nbkernel.write_smv("x.img", np.ones((2, 2), np.uint16)),
    "write_smv: needs counts, which are whole numbers": lambda: nbkernel.write_smv("x.img", nbkernel.simulate(experiment())),
    "write_preview: needs the whole image": lambda: nbkernel.write_preview("x.png", np.ones((2, 2)), rings="auto"),
    "scale: needs log, linear or sqrt, not 'cubic'": lambda: nbkernel.write_preview("x.png", np.ones((2, 2)), scale="cubic"),
    "write_float: cannot write nowhere/x.bin": lambda: nbkernel.write_float("nowhere/x.bin", np.ones((2, 2))),
    "--fix: is not a flag of nanoBragg.c": lambda: nbkernel.Experiment.from_command_line("-N 5 --fix all"),
    "-N: needs a number": lambda: nbkernel.Experiment.from_command_line("-N x"),
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_give_an_error_of_one_line(message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(nbkernel.InputError) as raised:
        WRONG[message]()
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)
    assert not list(tmp_path.iterdir())


def test_a_mask_is_applied(tmp_path):
    mask = np.ones((18, 24))
    mask[3:5] = 0
    (tmp_path / "mask.img").write_bytes(smv_bytes(mask, "PIXEL_SIZE=0.1;\n"))
    image = nbkernel.simulate(experiment(mask=tmp_path / "mask.img"))
    assert not image[3:5].any() and image[5:].any()


IN_PLACE_OF_FILES = {
    "hkl": "needs a path, StructureFactors, a pair of Miller indices (n, 3) and amplitudes (n,), or a gemmi.Mtz or reciprocal grid, not an array of 4 x 5",
    "sourcefile": "needs the path of a file, not an array of 4 x 5; sources takes an array",
    "mask": "needs a path, or a bool array (slow, fast) with True for the pixels to render, not float64, an array of 4 x 5",
    "img": "needs the path of a file, not an array of 4 x 5",
    "stol": "needs the path of a file, not an array of 4 x 5",
    "dump": "needs the path of a file, not an array of 4 x 5",
}


@pytest.mark.parametrize("name", IN_PLACE_OF_FILES)
def test_an_unusable_array_in_place_of_a_file(name):
    with pytest.raises(nbkernel.InputError, match=re.escape(f"{name}: {IN_PLACE_OF_FILES[name]}") + "$"):
        nbkernel.Experiment(**{name: np.ones((4, 5))})
