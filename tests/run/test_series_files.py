"""Series: their files, which are the same whoever writes them, and whatever interrupts it."""

import csv
import io
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.io.files import output_files
from nbkernel.run.series.specification import read_specification

from api_runs import SPEC, write_spec

LATTICES = dict(
    orientation='"uniform"', fluence="{ lognormal = [1e28, 0.3] }", wavelength="{ normal = [1.0, 0.01] }",
    cell_scale="{ normal = [1.0, 0.002] }", crystals="{ choice = [0, 1, 2] }",
)  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(name, *options, spec="spec.toml"):
    assert main(["series", spec, "--output", name, "--device", "cpu", *options]) == 0
    return contents(name)


def contents(name):
    """{file: bytes} of a folder."""
    return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def truth(path):
    return list(csv.DictReader(io.StringIO(Path(path).read_text())))


def test_two_shards_make_the_files_of_one_process():
    write_spec("spec.toml", SPEC, **LATTICES)
    whole = made("whole")
    assert set(made("shards", "--shard", "2/2")) == {"series.toml", "spec_000002.h5"}
    assert made("shards", "--shard", "1/2") == whole
    files = {f"spec_{number:06d}.h5" for number in (1, 2, 3)}
    assert set(whole) == {"series.toml", "spec_master.h5", "spec_truth.csv", *files}
    with h5py.File("shards/spec_master.h5") as file:
        assert file["entry/data/data"].shape == (5, 18, 24)
        np.testing.assert_allclose(
            file["entry/instrument/beam/incident_wavelength"][:],
            [float(row["wavelength"]) for row in truth("whole/spec_truth.csv")],
        )


# scatter of water, and every stage of a detector's response; after [series], whose table they end
CHAIN = """\
[[background]]
table = [[0.0, 2.57], [0.1, 3.3], [0.16, 6.3], [0.3, 5.0], [0.6, 2.6]]
volume = 1e-12
[detector.response]
flicker = 0.02
calibration = 0.05
psf = "fiber"
psf_fwhm = 1500.0
psf_radius = {radius}
gain = 1.5
readout_noise = 3.0
pedestal = 40.0
bits = 16
"""


@pytest.mark.parametrize("radius", [5, 15], ids=["point spread as a sum", "by Fourier transforms"])
def test_background_and_response_are_the_same_from_shards_and_threads(radius):
    write_spec("spec.toml", SPEC + CHAIN.format(radius=radius), **LATTICES)
    whole = made("whole", "--threads", "1")
    with h5py.File("whole/spec_master.h5") as file:
        counts = file["entry/data/data"][()]
    assert len({frame.tobytes() for frame in counts}) == 5 and 40 < counts.min() < counts.max() < 65535
    assert made("threads", "--threads", "3") == whole
    made("shards", "--shard", "2/2", "--threads", "2")
    assert made("shards", "--shard", "1/2") == whole


def test_python_makes_the_files_of_the_command_line():
    write_spec("spec.toml", SPEC)
    whole, told = made("whole"), []
    with nbkernel.Series("spec.toml", device="cpu", threads=1) as series:
        assert len(series) == 5
        paths = series.run("other", shard=(1, 2)) + series.run("other", progress=lambda *counts: told.append(counts))
    assert contents("other") == whole
    assert {Path(path).name for path in paths} == {name for name in whole if name != "series.toml"}
    assert told == [(1, 2), (2, 2)]


DYING = """
import os, signal, sys
import nbkernel
from nbkernel.io.nexus.data_file import DataFile

left = int(sys.argv[2])

def dying(function):
    def called(*arguments, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **more)
    return called

if sys.argv[1] == "append":
    DataFile.append = dying(DataFile.append)
else:
    os.replace = dying(os.replace)
nbkernel.Series("spec.toml", device="cpu").run("killed")
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["append 0", "append 3", "append 4", "replace 1", "replace 3", "replace 4"])
def test_a_killed_series_goes_on_to_the_same_files(moment):
    """Killed before a frame, or before a file gets its name: the first is the record of the series."""
    write_spec("spec.toml", SPEC, **LATTICES)
    whole = made("whole")
    killed = subprocess.run([sys.executable, "-c", DYING, *moment.split()])
    assert killed.returncode == -signal.SIGKILL
    left = contents("killed")
    complete = {name: content for name, content in left.items() if not name.startswith(".")}
    assert len(left) > len(complete) and complete.items() <= whole.items() and len(complete) < len(whole)
    states = {name: Path("killed", name).stat().st_mtime_ns for name in complete}
    assert made("killed", "--resume") == whole
    assert {name: Path("killed", name).stat().st_mtime_ns for name in complete} == states


def test_an_interrupted_file_leaves_no_trace(monkeypatch):
    write_spec("spec.toml", SPEC)
    with nbkernel.Series("spec.toml", device="cpu") as series:
        frames = series.frames()
        real = frames.frame
        frames.frame = lambda image: real(image) if image < 3 else 1 / 0
        with pytest.raises(ZeroDivisionError):
            series.run("out")
    assert set(contents("out")) == {"series.toml", "spec_000001.h5"}


def test_images_alone_are_those_of_the_files(capsys):
    write_spec("spec.toml", SPEC + "photons = true\n", **LATTICES)
    made("out")
    with nbkernel.Series("spec.toml", device="cpu") as series:
        images = [(series.image(i), series.photons(i)) for i in range(4, -1, -1)][::-1]
    for i, (counts, photons) in enumerate(images):
        with h5py.File(f"out/spec_{i // 2 + 1:06d}.h5") as file:
            assert (file["entry/data/data"][i % 2] == counts).all()
            assert file["entry/photons/data"][i % 2].tobytes() == np.asarray(photons).tobytes()
            assert file["entry/truth/photons"][i % 2] == pytest.approx(photons.sum(dtype=float), rel=1e-8)
    with h5py.File("out/spec_master.h5") as file:
        assert (file["entry/data/data"][:] == [counts for counts, _ in images]).all()
        assert file["entry/photons/data"][:].tobytes() == b"".join(photons.tobytes() for _, photons in images)
    alone = made("out", "--images", "3")
    with h5py.File("out/spec_image_000003.h5") as file:
        assert (file["entry/data/data"][:] == images[3][0]).all() and file["entry/data/data"].shape == (1, 18, 24)
    made("out", "--images", "1:4")
    with h5py.File("out/spec_images_000001-000002.h5") as file:
        assert (file["entry/data/data"][0] == images[1][0]).all()
    rows = truth("out/spec_images_000001-000003_truth.csv")
    assert rows == [{name: row[name] for name in rows[0]} for row in truth("out/spec_truth.csv")[1:4]]
    assert set(alone) >= {f"spec_image_000003{end}" for end in (".h5", "_truth.csv", "_master.h5")}


def test_an_image_is_simulates_with_the_noise_of_its_number():
    write_spec("spec.toml", SPEC, orientation='"uniform"', fluence="{ lognormal = [1e28, 0.3] }")
    made("out")
    with h5py.File("out/spec_master.h5") as file:
        assert file["entry/sample/ub_matrix"].shape == (5, 3, 3)
    rows, experiment = truth("out/spec_truth.csv"), read_specification("spec.toml").experiment
    for i, row in enumerate(rows):
        misset = tuple(float(row[f"misset_{axis}"]) for axis in "xyz")
        image = nbkernel.simulate(replace(experiment, misset=misset, fluence=float(row["fluence"])), device="cpu")
        with h5py.File(f"out/spec_{i // 2 + 1:06d}.h5") as file:
            counts = file["entry/data/data"][i % 2]
        # the angles of the table went through degrees and back
        np.testing.assert_allclose(image.max(), float(row["brightest"]), rtol=1e-6)
        assert (nbkernel.add_noise(image, 7, rng="philox", adc=0, frame=i) != counts).mean() < 0.01
    assert [row["image"] for row in rows] == list("01234") and len({row["photons"] for row in rows}) == 5


def test_the_truth_has_the_matrix_that_was_rendered():
    """UB times the indices of the brightest reflection is the scattering vector of its pixel, in the frame of NeXus."""
    text = SPEC.replace("Na = 3", 'xtal_shape = "gauss"\nNa = 3').replace(
        "detpixels_f = 24\ndetpixels_s = 18", "detsize_f = 200\ndetsize_s = 200"
    )
    write_spec("spec.toml", text)
    with nbkernel.Series("spec.toml", device="cpu") as series:
        series.run("out", images=2)
        photons = series.photons(2)
    (row,) = truth("out/spec_image_000002_truth.csv")
    UB = np.array([[float(row[f"ub_matrix_{i}{j}"]) for j in (1, 2, 3)] for i in (1, 2, 3)])
    detector = photons.detector
    slow, fast = np.unravel_index(np.argmax(np.asarray(photons)), photons.shape)
    place = np.array(detector.pix0_vector) + detector.pixel_size * (
        (fast + 0.5) * np.array(detector.fdet_vector) + (slow + 0.5) * np.array(detector.sdet_vector)
    )
    q = (place / np.linalg.norm(place) - np.array(detector.beam_vector)) / 1.0  # 1/Angstrom, at 1 Angstrom
    from nbkernel.io.nexus.mcstas import laboratory_to_mcstas

    hkl = np.linalg.solve(UB, laboratory_to_mcstas(detector.beam_vector, detector.polar_vector) @ q)
    assert np.abs(hkl - np.round(hkl)).max() < 0.15


def test_several_lattices_add_up_and_water_counts_once():
    text = SPEC.replace("[detector]", "[detector]").replace("oversample = 1", "oversample = 1\nwater = 3.0")
    write_spec("spec.toml", text, orientation='"uniform"', crystals="{ choice = [3] }")
    write_spec("empty.toml", text, crystals="{ choice = [0] }")
    experiment = read_specification("spec.toml").experiment
    with nbkernel.Series("spec.toml", device="cpu") as series:
        found, drawn = series.photons(1), series.draws(1)["crystals"]
        lattices = [series.frames().lattice_changes(own) for own in drawn]
    parts = [
        np.asarray(nbkernel.simulate(replace(experiment, water=0.0 if n else 3.0, **own), device="cpu"))
        for n, own in enumerate(lattices)
    ]
    assert np.asarray(found).tobytes() == ((parts[0] + parts[1]) + parts[2]).tobytes()
    with nbkernel.Series("empty.toml", device="cpu") as series:
        background = series.photons(0)
    assert (background > 0).all() and (np.asarray(background) <= parts[0] * (1 + 1e-6)).all()


def test_files_of_a_choice_are_named_alike_wherever_the_series_is_made(folder, monkeypatch):
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(name, "F.hkl").write_text(f"1 0 0 {len(name)}\n")
    write_spec("spec.toml", SPEC, hkl=f"{{ values = {['one/F.hkl', 'two/F.hkl'] * 3} }}")
    whole = made("whole")
    assert [row["hkl"] for row in truth("whole/spec_truth.csv")] == ["one/F.hkl", "two/F.hkl"] * 2 + ["one/F.hkl"]
    monkeypatch.chdir(folder / "one")
    again = made("../again", spec="../whole/series.toml")
    assert again == whole


def test_a_rotation_turns_evenly():
    text = SPEC.removeprefix('fix = ["all"]\n') + 'kind = "rotation"\nstart = 10.0\nwidth = 0.5\nsteps = 4\n'
    write_spec("spec.toml", text, fluence="{ normal = [1e28, 1e27] }")
    made("out")
    rows, experiment = truth("out/spec_truth.csv"), read_specification("spec.toml").experiment
    assert [float(row["phi"]) for row in rows] == [10.0, 10.5, 11.0, 11.5, 12.0]
    assert len({row["ub_matrix_11"] for row in rows}) == 1
    with h5py.File("out/spec_master.h5") as file:
        axis = file["entry/sample/transformations/omega"]
        assert axis[:].tolist() == [10.0, 10.5, 11.0, 11.5, 12.0] and (axis.parent["omega_increment_set"][:] == 0.5).all()
        assert file["entry/sample/ub_matrix"][0, 0, 0] == pytest.approx(float(rows[0]["ub_matrix_11"]))
    with nbkernel.Series("spec.toml", device="cpu") as series:
        for i in (0, 3):
            one = replace(experiment, phi=10 + 0.5 * i, osc=0.5, phisteps=4, fluence=float(rows[i]["fluence"]))
            assert series.photons(i).tobytes() == nbkernel.simulate(one, device="cpu").tobytes()
        # in the middle of the intervals, though the specification names no fix
        angles = [11.5 + 0.5 * (k + 0.5) / 4 for k in range(4)]
        still = replace(experiment, fix=(), osc=0.0, phisteps=1, fluence=float(rows[3]["fluence"]))
        stills = [nbkernel.simulate(replace(still, phi=angle), device="cpu") for angle in angles]
        np.testing.assert_allclose(series.photons(3), np.mean(stills, axis=0), rtol=1e-5, atol=1e-9 * np.max(stills))


def test_a_divergence_is_centred_on_the_beam():
    experiment = nbkernel.Experiment(
        cell=(50, 60, 70), default_F=100, hdivrange=4, hdivstep=1, wavelength=1.0, detpixels_f=8, detpixels_s=8, dump=None
    )
    with nbkernel.Series({"series": {"images": 1}}, experiment, device="cpu") as series:
        incident = series.photons(0).run.plan.source_incident
    assert len(incident) == 4
    np.testing.assert_allclose(incident.mean(axis=0)[1:], 0.0, atol=1e-12)


def test_panels_are_kept_apart():
    panel = nbkernel.Panel((0.1, 0.0256, -0.0256), (0, 0, 1), (0, -1, 0), 16, 10, name="top")
    other = replace(panel, pix0_vector=(0.1, 0.0, -0.0256), detpixels_f=12)
    experiment = nbkernel.Experiment(
        cell=(50, 60, 70), default_F=100, Na=3, Nb=3, Nc=3, wavelength=1.0, oversample=1, fluence=1e28, panels=(panel, other), dump=None
    )  # fmt: skip
    series = nbkernel.Series({"series": {"images": 2}, "vary": {"orientation": "uniform"}}, experiment, device="cpu")
    with series:
        series.run("out")
        images = series.image(1)
    with h5py.File("out/series_000001.h5") as file:
        data = file["entry/data/data"][1]
    assert data.shape == (20, 16) and (data[:10] == images[0]).all() and (data[10:, :12] == images[1]).all()
    with h5py.File("out/series_master.h5") as file:
        assert (file["entry/data/data"][1] == data).all()


@pytest.mark.parametrize("bits, dtype", [("", np.int32), ("bits = 32\n", np.int32), ("bits = 16\n", np.uint16)])
def test_counts_do_not_clip_in_silence(bits, dtype, capsys):
    text = SPEC.replace("fluence = 1e28", "fluence = 1e32").replace("images = 5", "images = 2")
    write_spec("spec.toml", text + bits)
    made("out")
    with h5py.File("out/spec_000001.h5") as file:
        data = file["entry/data/data"][:]
    assert data.dtype == dtype and data.max() == (65535 if dtype is np.uint16 else data.max())
    assert ("are cut off at 65535" in capsys.readouterr().err) == (dtype is np.uint16)
    assert [int(row["overloads"]) > 0 for row in truth("out/spec_truth.csv")] == [dtype is np.uint16] * 2


def test_small_counts_have_16_bits():
    write_spec("spec.toml", SPEC.replace("images = 5", "images = 2"))
    made("out")
    with h5py.File("out/spec_000001.h5") as file:
        assert file["entry/data/data"].dtype == np.uint16 and file["entry/data/data"][:].max() > 0


def test_without_counts_the_data_are_photons():
    write_spec("spec.toml", SPEC.replace("images = 5", "images = 2") + "counts = false\n")
    made("out")
    with nbkernel.Series("spec.toml", device="cpu") as series, h5py.File("out/spec_000001.h5") as file:
        assert file["entry/data/data"][1].tobytes() == series.image(1).tobytes() == series.photons(1).tobytes()


@pytest.mark.parametrize(
    "change, message",
    [
        (("seed = 7", "seed = 8"), "out is the folder of another series"),
        (("Na = 3", "Na = 4"), "out is the folder of another series"),
        (("images_per_file = 2", "images_per_file = 3"), "out is the folder of another series"),
    ],
)
def test_the_folder_of_another_series_is_left_alone(change, message, capsys):
    write_spec("spec.toml", SPEC)
    before = made("out", "--shard", "1/2")
    write_spec("spec.toml", SPEC.replace(*change))
    capsys.readouterr()
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu"]) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == "" and contents("out") == before


def test_another_precision_is_another_series(capsys):
    write_spec("spec.toml", SPEC)
    made("out", "--shard", "1/2")
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--precision", "exact"]) == 2
    assert "out is the folder of this series in precision double, not exact" in capsys.readouterr().err


def test_a_folder_with_such_files_but_no_record_is_left_alone(capsys):
    write_spec("spec.toml", SPEC)
    Path("out").mkdir()
    Path("out/spec_000002.h5").write_text("mine")
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu"]) == 2
    assert "out has spec_000002.h5 but no series.toml" in capsys.readouterr().err
    assert contents("out") == {"spec_000002.h5": b"mine"}


def test_the_record_is_the_specification():
    write_spec("spec.toml", SPEC, **LATTICES)
    whole = made("whole")
    assert read_specification("whole/series.toml") == read_specification("spec.toml")
    assert made("again", spec="whole/series.toml") == whole
    with (
        pytest.raises(nbkernel.InputError, match="has a series already"),
        nbkernel.Series("spec.toml", device="cpu") as series,
    ):
        series.run("again", resume=False)


def test_a_full_disk_is_one_line_and_finished_files_stay(capsys, monkeypatch):
    write_spec("spec.toml", SPEC)
    made("out", "--shard", "1/3")

    def refused(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output_files.os, "replace", refused)
    capsys.readouterr()
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu"]) == 2
    *warnings, line = capsys.readouterr().err.splitlines()
    assert line == "nbkernel: --output: cannot write out/spec_000002.h5: No space left on device"
    assert all(line.startswith("nbkernel: warning: -oversample 1") for line in warnings)
    assert set(contents("out")) == {"series.toml", "spec_000001.h5"}
