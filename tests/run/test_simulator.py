"""nbkernel.Simulator: the images of `simulate`, with inputs that are read once and memory that is used again."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.engine import squared_table
from nbkernel.engine.bounds.structure_factors import once_for_a_table
from nbkernel.engine.workspaces import Workspaces
from nbkernel.experiment.kept_inputs import MOST_FILES, KeptInputs
from nbkernel.run import simulate as run

from api_runs import TOP, TURNED, experiment
from nxmx_files import write as write_nxmx
from running import smv_bytes, write_hkl

MATRIX = "0.01 0.002 0.001\n-0.001 0.012 0.003\n0.002 -0.001 0.015\n"
# {what changes: fields}
CHANGES = {
    "orientation": dict(misset=(10.0, 20.0, 30.0)),
    "random orientation": dict(misset="random", misset_seed=7),
    "matrix": dict(mat=((0.01, 0, 0.001), (0, 0.012, 0), (-0.001, 0, 0.014))),
    "matrix file": dict(mat="a.mat", cell=None),
    "cell": dict(cell=(51, 62, 73, 85, 95, 100)),
    "wavelength": dict(wavelength=1.3),
    "fluence": dict(fluence=1e27),
    "flux": dict(flux=1e12, exposure=0.1, beamsize=0.01),
    "mosaic": dict(mosaic_spread=0.5, mosaic_domains=3, mosaic_seed=5),
    "size of the crystal": dict(Na=4, Nb=5, Nc=6),
    "shape of the crystal": dict(xtal_shape="gauss"),
    "structure factors": dict(hkl="other.hkl"),
    "F of absent reflections": dict(default_F=20.0),
    "one structure factor": dict(hkl=None, default_F=50.0),
    "interpolation": dict(interpolate=True, wavelength=6.0),
    "sources": dict(sourcefile="a.src"),
    "spindle": dict(phi=1.0, osc=2.0, phisteps=3),
    "detector": dict(detpixels_f=40, detpixels_s=30, distance=80.0),
    "sensor": dict(detector_abs=200.0, detector_thick=300.0, detector_thicksteps=2, oversample=2),
    "region": dict(roi=(3, 15, 2, 11)),
    "mask": dict(mask="mask.img"),
    "corrected": dict(fix="all", sourcefile="a.src"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(1)
    write_hkl("a.hkl", draw.uniform(50, 150, (15, 15, 15)) * (draw.random((15, 15, 15)) < 0.5), (-7, -7, -7))
    write_hkl("other.hkl", draw.uniform(50, 150, (9, 11, 13)), (-4, -5, -6))
    Path("a.mat").write_text(MATRIX)
    Path("a.src").write_text("-10 0 0 1 1e-10\n-10 0.1 0 2 1.02e-10\n")
    mask = np.ones((18, 24))
    mask[4:7, 5:20] = 0
    Path("mask.img").write_bytes(smv_bytes(mask, "PIXEL_SIZE=0.1;\n"))
    return tmp_path


def series(**more):
    """An Experiment with structure factors of a table, on a coarse detector."""
    return experiment(hkl="a.hkl", default_F=0.0, pixel=1.5, misset=(1.0, 2.0, 3.0), **more)


def same(found, expected):
    """Whether two images, or two lists of them, have the same bits."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("precision", nbkernel.engine.options.PRECISIONS)
def test_images_are_those_of_simulate(precision):
    base = series()
    with nbkernel.Simulator(base, device="cpu", precision=precision) as simulator:
        for name in [*CHANGES, *reversed(CHANGES)]:
            changes = CHANGES[name]
            expected = nbkernel.simulate(replace(base, **changes), device="cpu", precision=precision)
            assert expected.any(), name
            found = simulator.simulate(**changes)
            assert same(found, expected), name
            assert found.statistics == expected.statistics, name
            assert found.run.experiment == expected.run.experiment, name
        assert same(simulator.simulate(), nbkernel.simulate(base, device="cpu", precision=precision))


def test_panels_in_a_list_and_in_a_file():
    write_nxmx("panels.h5", dict(panels=(TOP, TURNED)))
    common = dict(cell=(50, 60, 70, 90, 90, 90), default_F=100.0, Na=3, Nb=3, Nc=3, dump=None, wavelength=1.0)
    base = nbkernel.Experiment(panels="panels.h5", **common)
    with nbkernel.Simulator(base, device="cpu") as simulator:
        expected = nbkernel.simulate(base, device="cpu"), nbkernel.simulate(replace(base, wavelength=1.1), device="cpu")
        for _ in range(2):
            assert same(simulator.simulate(), expected[0])
            assert same(simulator.simulate(wavelength=1.1), expected[1])
        assert same(simulator.simulate(panels=(TOP,)), nbkernel.simulate(replace(base, panels=(TOP,)), device="cpu"))


FILES = dict(mat="a.mat", cell=None, sourcefile="a.src", mask="mask.img", stol="a.stol", img="mask.img")


def test_input_files_are_read_once(folder, monkeypatch):
    """Without its files a Simulator gives the images that it gave with them; the table is squared once."""
    Path("a.stol").write_text("0.1 5\n")
    squared = []
    square = squared_table.square
    monkeypatch.setattr(squared_table, "square", lambda *arguments: squared.append(arguments) or square(*arguments))
    with nbkernel.Simulator(series(**FILES), device="cpu") as simulator:
        angles = [(10.0 * n, 0.0, 5.0) for n in range(3)]
        before = [simulator.simulate(misset=misset) for misset in angles]
        for path in folder.iterdir():
            path.unlink()
        after = [simulator.simulate(misset=misset) for misset in angles]
    assert len(squared) == 1
    assert len({image.tobytes() for image in before}) == 3
    assert same(after, before)


def test_a_file_that_changes():
    base = series()
    with nbkernel.Simulator(base, device="cpu") as simulator:
        first = simulator.simulate()
        write_hkl("a.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
        assert same(simulator.simulate(), first)
        assert not same(nbkernel.simulate(base, device="cpu"), first)
        # absent reflections are part of the table, so that it would have to be read again
        with pytest.raises(nbkernel.InputError, match=r"^hkl: .*a\.hkl has changed since this Simulator read it") as raised:
            simulator.simulate(default_F=5.0)
        assert "\n" not in str(raised.value)


def test_the_record_of_an_image_whose_file_has_changed():
    """The digest of a file that is not the one that was read is left out."""
    from nbkernel.experiment.input_files import input_digests

    with nbkernel.Simulator(series(), device="cpu") as simulator:
        assert input_digests(simulator.simulate().run.inputs)["hkl"]["sha256"]
        Path("a.hkl").write_text("0 0 0 1\n")
        assert input_digests(simulator.simulate().run.inputs)["hkl"]["sha256"] is None


def test_a_dump_file_that_appears_later(folder):
    """It is not read, and not in the record."""
    base = experiment(dump="Fdump.bin")
    with nbkernel.Simulator(base, device="cpu") as simulator:
        first = simulator.simulate()
        (folder / "Fdump.bin").write_bytes(b"-1 0 -1 0 -1 0\n\f" + np.full(27, 3.0).tobytes())
        second = simulator.simulate()
        assert same(second, first) and not second.run.inputs
    assert not same(nbkernel.simulate(base, device="cpu"), first)


def test_several_threads_share_a_simulator():
    base = series()
    names = ["orientation", "wavelength", "cell", "detector", "structure factors", "region"] * 3
    expected = {name: nbkernel.simulate(replace(base, **CHANGES[name]), device="cpu") for name in names}
    found = [None] * len(names)
    with nbkernel.Simulator(base, device="cpu", threads=2) as simulator:

        def work(first):
            for number in range(first, len(names), 3):
                found[number] = simulator.simulate(**CHANGES[names[number]])

        threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(same(image, expected[name]) for name, image in zip(names, found, strict=True))


def test_work_space_is_used_again():
    """Images one after the other need the memory of one."""
    with nbkernel.Simulator(series(), device="cpu", threads=1) as simulator:
        for n in range(4):
            simulator.simulate(misset=(n, 0, 0))
        _, memory = simulator.kept
        assert [len(free) for free in memory.workspaces.values()] == [1]
        (three,) = memory.workspaces[32]
        assert Workspaces(memory.workspaces).take(24) is three


def test_a_random_orientation_is_drawn_for_each_image():
    with nbkernel.Simulator(series(), device="cpu") as simulator:
        seeds = {simulator.simulate(misset="random").run.experiment.misset_seed for _ in range(4)}
        assert len(seeds) == 4 and None not in seeds
        seed = seeds.pop()
        again = [simulator.simulate(misset="random", misset_seed=seed) for _ in range(2)]
    assert same(*again)


def test_a_closed_simulator():
    with nbkernel.Simulator(series(), device="cpu") as simulator:
        assert simulator.simulate().any()
    simulator.close()
    with pytest.raises(nbkernel.InputError, match=r"^simulate: this Simulator is closed; make a new one$"):
        simulator.simulate()


def test_a_device_that_failed_is_not_tried_again(monkeypatch, caplog):
    tried = []
    render_panels = run.render_panels

    def failing(runs, precision, threads, tile_shape, report, devices, *more):
        tried.append(devices)
        if devices:
            raise nbkernel.DeviceError("--device cuda:0: out of memory")
        return render_panels(runs, precision, threads, tile_shape, report, devices, *more)

    monkeypatch.setattr(run, "render_panels", failing)
    monkeypatch.setattr(run, "settled", lambda engine, runs, say: engine)
    with nbkernel.Simulator(series(), device="cpu") as simulator:
        simulator.engine = replace(simulator.engine, devices=(0,), falls_back=True)
        for _ in range(2):
            assert simulator.simulate().engine.devices == ()
    assert tried == [(0,), (), ()]
    assert [record.getMessage() for record in caplog.records].count(
        "--device cuda:0: out of memory; rendering on the CPU"
    ) == 1


WRONG = {
    "Simulator: needs an Experiment, not dict": lambda: nbkernel.Simulator({}),
    "precision: 'single' is not supported": lambda: nbkernel.Simulator(experiment(), precision="single"),
    "device: needs auto, cpu": lambda: nbkernel.Simulator(experiment(), device="gpu"),
    "wavelenght: is not a field of Experiment; did you mean wavelength?": lambda: simulator().simulate(wavelenght=1.0),
    "wavelength: needs a number, not 'red'": lambda: simulator().simulate(wavelength="red"),
    "wavelength: a wavelength of -1 Angstrom": lambda: simulator().simulate(wavelength=-1),
    "hkl: there is no file nowhere.hkl": lambda: simulator().simulate(hkl="nowhere.hkl"),
    "progress: needs True or a function": lambda: simulator().simulate(progress=1),
    "device: is not a field of Experiment": lambda: simulator().simulate(device="cpu"),
}


def simulator():
    return nbkernel.Simulator(experiment(), device="cpu")


@pytest.mark.parametrize("message", WRONG)
def test_wrong_arguments_give_an_error_of_one_line(message):
    with pytest.raises(nbkernel.InputError) as raised:
        WRONG[message]()
    assert str(raised.value).startswith(message) and "\n" not in str(raised.value)


def test_an_image_that_fails_does_not_end_the_series():
    with nbkernel.Simulator(series(), device="cpu") as simulator:
        first = simulator.simulate()
        with pytest.raises(nbkernel.InputError):
            simulator.simulate(cell=(50, 60, 70, 10, 10, 170))
        with pytest.raises(nbkernel.InputError):
            simulator.simulate(mat="later.mat")
        Path("later.mat").write_text(MATRIX)
        assert simulator.simulate(mat="later.mat").any()
        assert same(simulator.simulate(), first)


def test_many_files_of_one_kind():
    kept, read = KeptInputs(), []

    def content(path):
        read.append(path)
        return Path(path).read_text()

    names = [f"{n}.txt" for n in range(MOST_FILES + 1)]
    for name in names:
        Path(name).write_text(name)
    for name in names * 2:
        assert kept.get("-mat", name, content, name) == name
    # in this order each has been dropped before it comes again
    assert read == names * 2
    Path(names[0]).write_text("something else")
    os.utime(names[0], ns=(1, 1))
    with pytest.raises(nbkernel.InputError, match="-mat: .*0.txt has changed"):
        kept.get("-mat", names[0], content, names[0])
    assert kept.get("-mat", names[-1], content, names[-1]) == names[-1]
    assert len(read) == 2 * len(names)


@pytest.mark.parametrize("stored", ["dense", "sparse"])
def test_the_outermost_reflection_is_found_for_any_cell(stored):
    draw = np.random.default_rng(2)
    F = np.where(draw.random((9, 8, 7)) < 0.1, 5.0, 0.0)
    nonzero = np.flatnonzero(F) if stored == "sparse" else None
    plan = nbkernel.setup.prepare.prepare(experiment(default_F=1.0), 1).plan
    plan = plan._replace(Fhkl=F, h_min=-5, k_min=-2, l_min=-3, default_F=0.0, interpolate=False)
    outermost = squared_table.outermost_indices(plan, nonzero).T
    filled = np.argwhere(F) + (-5, -2, -3)
    assert len(outermost) and {*map(tuple, outermost.tolist())} <= {*map(tuple, filled.tolist())}
    for _ in range(50):
        stars = draw.normal(size=(3, 3))
        lengths = [np.linalg.norm(indices @ stars, axis=1).max() for indices in (outermost, filled)]
        assert lengths[0] == pytest.approx(lengths[1], rel=1e-12)


def test_what_bounds_need_of_a_table_is_found_once():
    """As long as the table exists and cannot change."""
    seen = []
    largest = once_for_a_table(lambda F: seen.append(1) or float(F.max()))
    for _ in range(3):
        F = np.arange(8.0)
        assert [largest(F), largest(F)] == [7.0, 7.0]
        F[0] = 9.0
        assert largest(F) == 9.0
        F.flags.writeable = False
        assert [largest(F), largest(F)] == [9.0, 9.0]
    assert len(seen) == 3 * 4


MANY = """
import sys
sys.path[:0] = {path!r}
import nbkernel
from test_simulator import series

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4

with nbkernel.Simulator(series(), device="cpu", threads=2) as simulator:
    for n in range(500):
        simulator.simulate(misset=(n, 2 * n, 3 * n), wavelength=1.0 + n / 1000, detpixels_f=20 + n % 7)
        if n == 49:
            before = resident()
    print(resident() - before)
"""


@pytest.mark.slow
def test_memory_does_not_grow():
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "helpers")]
    run = subprocess.run([sys.executable, "-c", MANY.format(path=paths)], capture_output=True, text=True)
    assert run.stderr == "" and int(run.stdout) < 4096, run  # KiB
