"""Master files: other programs and nbkernel find every frame of a series, with its angle or its wavelength and crystal."""

import datetime
import os
import shutil
from dataclasses import replace
from pathlib import Path
from time import sleep

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.cli.commands.trace import image_lines
from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.io.images.read import read_image
from nbkernel.io.nexus.data_file import DataFile, read_content
from nbkernel.io.nexus.master_file import write_master
from nbkernel.io.nexus.mcstas import laboratory_to_mcstas
from nbkernel.io.nexus.reader import read_nxmx_detector
from nbkernel.io.nexus.sample import rendered_axes
from nbkernel.setup.prepare import prepare_panels

from nxmx_files import CRYSTAL, FLAT, PANELS, RUN, corners, mcstas_rotation
from running import command

MASTER = "s_master.h5"
FRAMES = 5
SAME = tuple(replace(PANELS[0], pix0_vector=(0.15, 0.01 * number, 0.0), name=str(number)) for number in range(3))
DETECTORS = {"one panel": FLAT, "panels of one shape": dict(panels=SAME), "panels": dict(panels=PANELS)}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Made:
    """A series of random pixels. experiments: of each frame; frames: (photons, counts) of each, lists of panels."""

    def __init__(self, fields, experiments, in_16_bits=(True, True)):
        self.runs = [prepare_panels(experiment, 1) for experiment in experiments]
        random = np.random.default_rng(3)
        self.frames = []
        for number, panels in enumerate(self.runs):
            photons = [(300.0 * random.random(run.wanted.shape)).astype(np.float32) for run in panels]
            counts = [random.poisson(image).astype(np.int32) for image in photons]
            counts[0][0, 0] = 7 if in_16_bits[number // 3] else 70000 + number
            self.frames.append((photons, counts))
        self.base = prepare_panels(Experiment(**RUN, **fields), 1)

    def stacked(self, frame, which):
        """What is stored of a frame; which: 0 for photons, 1 for counts."""
        panels = self.frames[frame][which]
        whole = np.zeros((sum(map(len, panels)), max(panel.shape[1] for panel in panels)), panels[0].dtype)
        row = 0
        for panel in panels:
            whole[row : row + len(panel), : panel.shape[1]] = panel
            row += len(panel)
        return whole

    def truth(self, numbers):
        runs = [self.runs[number][0] for number in numbers]
        to_mcstas = [laboratory_to_mcstas(run.detector.beam_vector, run.detector.polar_vector) for run in runs]
        found = {
            "image": (list(numbers), None),
            "wavelength": ([run.wavelength * 1e10 for run in runs], "angstrom"),
            "fluence": ([run.plan.fluence for run in runs], "1/m^2"),
            "ub_matrix": ([np.linalg.inv(rendered_axes(*each)) for each in zip(runs, to_mcstas, strict=True)], "1/angstrom"),
            "note": ([f"frame {number}" for number in numbers], None),
        }
        if runs[0].osc:
            found |= {name: ([getattr(run.experiment, name) for run in runs], "deg") for name in ("phi", "osc")}
        return found

    def write(self, folder="", with_photons=True, dtype=None, truth=None, **more):
        """Writes data files of 3 and 2 frames, and the master."""
        paths, shapes = [], [run.wanted.shape for run in self.base]
        for number, own in enumerate((range(3), range(3, FRAMES)), 1):
            paths.append(os.path.join(folder, f"s_{number:06d}.h5"))
            with DataFile("--output", paths[-1], shapes, len(own), dtype, with_photons, own.start + 1) as file:
                for frame in own:
                    photons, counts = self.frames[frame]
                    if dtype == np.float32:
                        file.append(photons)
                    else:
                        file.append(counts, photons if with_photons else None)
                file.add_truth((truth or self.truth)(own))
        write_master("--output", os.path.join(folder, MASTER), self.base, paths, **more)
        return self


def rotation(fields=FLAT, **more):
    return Made(
        fields, [Experiment(**RUN, **fields, phi=10.0 + 0.5 * n, osc=0.5, phisteps=2) for n in range(FRAMES)], **more
    )


def stills(fields=FLAT, **more):
    wavelengths, angles = (1.2, 1.21, 1.19, 1.2, 1.3), (0.0, 30.0, 60.0, 90.0, 123.0)
    run = {name: value for name, value in RUN.items() if name not in ("wavelength", "misset")}
    experiments = [
        Experiment(**run, **fields, wavelength=wavelength, misset=(angle, 5.0, -angle), fluence=1e28 * (1.0 + angle))
        for wavelength, angle in zip(wavelengths, angles, strict=True)
    ]
    return Made(fields, experiments, **more)


KINDS = {"rotation": rotation, "stills": stills}


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize("kind", KINDS)
def test_other_programs_find_every_frame(kind, detector):
    nxmx, fabio = pytest.importorskip("nxmx"), pytest.importorskip("fabio")
    nexus, silx, nxdata = map(pytest.importorskip, ("nexusformat.nexus", "silx.io", "silx.io.nxdata"))
    made = KINDS[kind](DETECTORS[detector]).write()
    counts = np.array([made.stacked(frame, 1) for frame in range(FRAMES)])
    assert nexus.nxload(MASTER).entry.validate(application="NXmx", level="error")[1] == 0
    # a plain name shows them all a second time, by the links to data files
    opened = fabio.open(f"{MASTER}::/entry/data/data")
    assert opened.nframes == FRAMES
    for frame in range(FRAMES):
        np.testing.assert_array_equal(opened.getframe(frame).data, counts[frame])
        np.testing.assert_array_equal(fabio.open(MASTER).getframe(frame).data, counts[frame])
    with silx.open(MASTER) as file:
        shown = nxdata.get_default(file)
        assert shown.is_valid
        np.testing.assert_array_equal(shown.signal[()], counts)
    with h5py.File(MASTER) as file:
        entry = nxmx.NXmx(file).entries[0]
        data = entry.data[0][entry.data[0].signal]
        assert data.dtype == np.uint16 and data.shape == counts.shape
        np.testing.assert_array_equal(file["entry/photons/data"][2], made.stacked(2, 0))
        np.testing.assert_array_equal(file["entry/data/data_000002"][()], counts[3:])
        detector = entry.instruments[0].detectors[0]
        for panel, (run, module) in enumerate(zip(made.base, detector.modules, strict=True)):
            (top, left), (slow, fast) = module.data_origin, module.data_size
            where = slice(top, top + slow), slice(left, left + fast)
            for frame in range(FRAMES):
                np.testing.assert_array_equal(data[(frame, *where)], made.frames[frame][1][panel])
            assert not file["entry/instrument/detector/pixel_mask"][where].any()
            chain = nxmx.get_cumulative_transformation(nxmx.get_dependency_chain(module.fast_pixel_direction.depends_on))[0]
            expected = corners(run.detector)[0] @ mcstas_rotation(run.detector).T
            np.testing.assert_allclose(chain[:3, 3] / 1000.0, expected, rtol=0, atol=1e-9)
        # as XDS's plugins read them
        specific = file["entry/instrument/detector/detectorSpecific"]
        assert (specific["nimages"][()], specific["ntrigger"][()]) == (FRAMES, 1)
        assert file["entry/data/data_000001"].chunks == (1, *counts.shape[1:])


@pytest.mark.parametrize("convention", ("mosflm", "xds"))
def test_a_rotation_has_an_angle_for_each_frame(convention):
    nxmx = pytest.importorskip("nxmx")
    made = rotation(dict(FLAT, convention=convention)).write()
    with h5py.File(MASTER) as file:
        entry = nxmx.NXmx(file).entries[0]
        omega, beam = entry.samples[0].depends_on, entry.instruments[0].beams[0]
        np.testing.assert_allclose(omega[()].to("deg").magnitude, [10.0, 10.5, 11.0, 11.5, 12.0])
        np.testing.assert_allclose(omega.end[()].to("deg").magnitude, [10.5, 11.0, 11.5, 12.0, 12.5])
        np.testing.assert_allclose(omega.increment_set.to("deg").magnitude, [0.5] * FRAMES)
        assert beam["incident_wavelength"].shape == () and beam["incident_wavelength"][()] == RUN["wavelength"]
        assert file["entry/sample/ub_matrix"].shape == (1, 3, 3)
        UB = file["entry/sample/ub_matrix"][0]
        for frame, (run,) in enumerate(made.runs):
            # a, b, c of the first phi step are the inverse of the rotated UB
            abc = run.plan.orientation[run.plan.phi_slot[0], 0].reshape(3, 3) * 1e10
            turned = omega.matrix[frame, :3, :3] @ UB
            np.testing.assert_allclose(abc @ mcstas_rotation(run.detector).T @ turned, np.eye(3), atol=1e-9)
    assert read_nxmx_detector(MASTER)["wavelength"] == RUN["wavelength"]


def test_stills_have_a_wavelength_a_fluence_and_a_crystal_for_each_frame():
    nxmx = pytest.importorskip("nxmx")
    made = stills().write()
    with h5py.File(MASTER) as file:
        entry = nxmx.NXmx(file).entries[0]
        assert entry.samples[0].depends_on is None
        beam = entry.instruments[0].beams[0]
        expected = [run.wavelength * 1e10 for (run,) in made.runs]
        assert beam.incident_wavelength.to("angstrom").magnitude.tolist() == expected
        assert file["entry/instrument/beam/flux_integrated"][()].tolist() == [run.plan.fluence for (run,) in made.runs]
        for frame, (run,) in enumerate(made.runs):
            abc = run.plan.orientation[run.plan.phi_slot[0], 0].reshape(3, 3) * 1e10
            UB = file["entry/sample/ub_matrix"][frame]
            np.testing.assert_allclose(abc @ mcstas_rotation(run.detector).T @ UB, np.eye(3), atol=1e-9)
            np.testing.assert_allclose(file["entry/sample/unit_cell"][frame], RUN["cell"], rtol=1e-4)
        truth = file["entry/truth"]
        assert truth["image"][()].tolist() == list(range(FRAMES))
        assert [text.decode() for text in truth["note"][()]] == [f"frame {number}" for number in range(FRAMES)]
        np.testing.assert_array_equal(truth["ub_matrix"][()], file["entry/sample/ub_matrix"][()])
        assert truth["wavelength"].attrs["units"] == b"angstrom"


def test_a_spectrum_is_not_a_wavelength_for_each_frame():
    """dxtbx takes an array in incident_wavelength for one wavelength per image."""
    fields = dict(FLAT, dispersion=2.0, dispsteps=FRAMES)
    Made(fields, [Experiment(**RUN, **fields)] * FRAMES).write()
    with h5py.File(MASTER) as file:
        beam = file["entry/instrument/beam"]
        assert beam["incident_wavelength"].shape == () and beam["incident_wavelength"][()] == pytest.approx(1.2)
        assert beam["incident_wavelength_1Dspectrum"].shape == (FRAMES,)


def several_lattices(made):
    """Images with 0, 1, 2, 1 and 1 lattices; the third file has none."""

    def truth(numbers):
        found = made.truth(numbers)
        UB, units = found.pop("ub_matrix")
        times = [(0, 1, 2, 1, 1)[number] for number in numbers]
        images = np.repeat(list(numbers), times)
        return found | {"crystals/image": (images, None), "crystals/ub_matrix": (np.repeat(UB, times, axis=0), units)}

    return truth


def test_several_lattices_in_a_frame():
    made = stills()
    made.write(truth=several_lattices(made))
    with h5py.File(MASTER) as file:
        assert file["entry/truth/crystals/image"][()].tolist() == [1, 2, 2, 3, 4]
        assert file["entry/truth/crystals/image"].dtype.kind == "i"
        expected = [made.truth(range(FRAMES))["ub_matrix"][0][number] for number in (1, 2, 2, 3, 4)]
        np.testing.assert_array_equal(file["entry/sample/ub_matrix"][()], expected)
        assert file["entry/sample/unit_cell"].shape == (5, 6)


def test_files_without_a_lattice_add_nothing():
    made = stills()
    none = {"crystals/image": (np.array([]), None)}

    def truth(numbers):
        if numbers.start == 0:
            return several_lattices(made)(numbers)
        return {name: value for name, value in made.truth(numbers).items() if name != "ub_matrix"} | none

    made.write(truth=truth)
    with h5py.File(MASTER) as file:
        assert file["entry/truth/crystals/image"][()].tolist() == [1, 2, 2]
        assert file["entry/truth/crystals/image"].dtype.kind == "i" and file["entry/sample/ub_matrix"].shape == (3, 3, 3)


# types


@pytest.mark.parametrize("in_16_bits", [(True, True), (True, False), (False, True), (False, False)])
def test_the_master_has_a_type_that_holds_the_counts_of_all_files(in_16_bits, caplog):
    made = stills(in_16_bits=in_16_bits).write()
    with h5py.File(MASTER) as file:
        data = file["entry/data/data"]
        assert data.dtype == (np.uint16 if all(in_16_bits) else np.int32)
        np.testing.assert_array_equal(data[()], [made.stacked(frame, 1) for frame in range(FRAMES)])
        assert file["entry/instrument/detector/saturation_value"][()] == np.iinfo(data.dtype).max - 1
        assert [read_content("", f"s_{n:06d}.h5").dtype == np.uint16 for n in (1, 2)] == list(in_16_bits)
        # XDS's plugins take the first file's type for all
        assert ("data_000001" in file["entry/data"]) == (len(set(in_16_bits)) == 1)
    assert ("XDS" in caplog.text) == (len(set(in_16_bits)) == 2)


def test_photons_alone():
    made = stills().write(dtype=np.float32)
    with h5py.File(MASTER) as file:
        assert file["entry/data/data"].dtype == np.float32 and file["entry/photons/data"] == file["entry/data/data"]
        np.testing.assert_array_equal(file["entry/data/data"][4], made.stacked(4, 0))
        assert "saturation_value" not in file["entry/instrument/detector"]


def test_counts_alone():
    stills().write(with_photons=False)
    with h5py.File(MASTER) as file:
        assert list(file["entry"]) == ["data", *sorted(set(file["entry"]) - {"data"})] and "photons" not in file["entry"]


# nbkernel's own reader


@pytest.mark.parametrize("detector", DETECTORS)
def test_compare_and_show_take_any_frame(detector):
    made = stills(DETECTORS[detector]).write()
    for frame in range(FRAMES):
        counts = read_image("compare", f"{MASTER}:/entry/data/data", frame=frame)
        np.testing.assert_array_equal(counts.pixels, made.stacked(frame, 1))
        image = read_image("compare", MASTER, frame=frame)
        assert image.frames == FRAMES
        np.testing.assert_array_equal(image.pixels, made.stacked(frame, 0))
        assert image.experiment["wavelength"] == pytest.approx(made.runs[frame][0].wavelength * 1e10)
    made.stacked(3, 0).tofile("three.bin")
    shape = map(str, made.stacked(3, 0).shape)
    status, out, err = command("compare", "three.bin", MASTER, "--frame", "3", "--shape", *shape)
    assert (status, err) == (0, []) and "within the tolerance exact" in out[-1]
    assert command("compare", f"{MASTER}:/entry/data/data", "s_000002.h5:/entry/data/data", "--frame", "1")[0] == 1
    status, out, err = command("show", MASTER, "--frame", "4", "--preview-rings", "auto")
    assert (status, err) == (0, []) and Path("s_master.h5.png").exists()
    for arguments in (("show", MASTER), ("compare", MASTER, MASTER)):
        status, out, err = command(*arguments, "--frame", "5")
        assert (status, out) == (2, []) and err == [f"nbkernel: --frame: 5 is not in {MASTER}, which has frames 0 to 4"]
        status, _, err = command(*arguments, "--frame", "-1")
        assert status == 2 and "--frame" in err[0]


def test_no_frame_is_taken_for_the_image_of_the_experiment_that_is_traced():
    stills().write()
    assert list(image_lines(MASTER, 0, 3, 4)) == []


def test_a_moved_folder_is_whole(monkeypatch):
    Path("first").mkdir()
    made = rotation().write("first")
    shutil.move("first", "second")
    for path in ("second", "."):
        monkeypatch.chdir(path)
        name = MASTER if path == "second" else os.path.join("second", MASTER)
        np.testing.assert_array_equal(read_image("compare", name, frame=4).pixels, made.stacked(4, 0))
        monkeypatch.chdir(os.pardir if path == "second" else os.curdir)
    with h5py.File("second/s_master.h5") as file:
        np.testing.assert_array_equal(file["entry/data/data"][4], made.stacked(4, 1))
        np.testing.assert_array_equal(file["entry/data/data_000002"][1], made.stacked(4, 1))


def test_a_missing_data_file_is_named_and_its_frames_are_not_0():
    made = rotation().write()
    os.remove("s_000002.h5")
    np.testing.assert_array_equal(read_image("compare", MASTER, frame=2).pixels, made.stacked(2, 0))
    for path in (MASTER, f"{MASTER}:/entry/data/data"):
        status, out, err = command("show", path, "--frame", "3")
        assert (status, out, len(err)) == (2, [], 1) and "s_000002.h5, which is not there" in err[0]
    with h5py.File(MASTER) as file:
        assert (file["entry/data/data"][3] == 65535).all() and np.isnan(file["entry/photons/data"][3]).all()


# writing


@pytest.mark.slow
def test_the_same_series_gives_the_same_bytes():
    time = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    for folder in ("a", "b"):
        Path(folder).mkdir()
        stills().write(folder, time=time, provenance={"seed": 7})
        # HDF5 may keep the second at which something was made
        sleep(1.1)
    assert Path("a", MASTER).read_bytes() == Path("b", MASTER).read_bytes()
    with h5py.File("a/s_master.h5") as file:
        assert file["entry/start_time"][()] == b"2026-01-02T03:04:05Z"
        assert file["entry/simulation/provenance/seed"][()] == 7 and file.attrs["file_name"] == b"s_master.h5"


def change(path, make):
    with h5py.File(path, "a") as file:
        make(file)


BAD_SERIES = {
    "missing": (lambda: os.remove("s_000002.h5"), "there is no file s_000002.h5"),
    "text": (lambda: Path("s_000002.h5").write_text("no"), "s_000002.h5 is not an HDF5 file"),
    "cut": (lambda: Path("s_000002.h5").write_bytes(Path("s_000002.h5").read_bytes()[:3000]), "s_000002.h5"),
    "other": (lambda: change("s_000002.h5", lambda file: file.pop("entry/data/data")), "s_000002.h5 has no frames"),
    "photons": (
        lambda: change("s_000002.h5", lambda file: file.pop("entry/photons/data")),
        "s_000002.h5 has counts only, but s_000001.h5 counts and photons",
    ),
    "truth": (
        lambda: change("s_000002.h5", lambda file: file.pop("entry/truth/wavelength")), "s_000002.h5 lacks wavelength",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SERIES)
def test_data_files_that_do_not_fit_are_refused(name):
    made = stills().write()
    os.remove(MASTER)
    make, words = BAD_SERIES[name]
    make()
    with pytest.raises(InputError, match=words) as error:
        write_master("--output", MASTER, made.base, ["s_000001.h5", "s_000002.h5"])
    assert str(error.value).startswith("--output: ") and "\n" not in str(error.value) and not Path(MASTER).exists()


def test_other_places_and_detectors_are_refused():
    made = stills().write()
    Path("sub").mkdir()
    with pytest.raises(InputError, match="s_000001.h5 is not in the folder of sub/m.h5 or below"):
        write_master("--output", "sub/m.h5", made.base, ["s_000001.h5"])
    with pytest.raises(InputError, match="s_000001.h5 is an input"):
        write_master("--output", "s_000001.h5", made.base, ["s_000001.h5"])
    with pytest.raises(InputError, match="needs a data file"):
        write_master("--output", "m.h5", made.base, [])
    other = prepare_panels(Experiment(**RUN, **dict(FLAT, detpixels_f=30)), 1)
    with pytest.raises(InputError, match=r"s_000001.h5 has frames of \(23, 31\) pixels, the detector \(23, 30\)"):
        write_master("--output", "m.h5", other, ["s_000001.h5"])
    assert not Path("m.h5").exists()


@pytest.mark.slow
@pytest.mark.parametrize("detector", ("one panel", "panels"))
@pytest.mark.parametrize("kind", KINDS)
def test_simulated_frames(kind, detector):
    """Noiseless images of nbkernel.simulate, frame by frame."""
    fields = DETECTORS[detector]
    steps = [
        dict(phi=5.0 * n, osc=5.0, phisteps=2) if kind == "rotation" else dict(misset=(20 * n, 3, 1)) for n in range(FRAMES)
    ]
    experiments = [Experiment(**{**CRYSTAL, **fields, **step}, wavelength=1.2, oversample=1) for step in steps]
    made = Made(fields, experiments)
    images = [nbkernel.simulate(experiment, device="cpu") for experiment in experiments]
    panels = [image if isinstance(image, list) else [image] for image in images]
    made.frames = [([np.asarray(panel) for panel in own], None) for own in panels]
    made.write(dtype=np.float32)
    for frame, own in enumerate(panels):
        nbkernel.write_hdf5("single.h5", own if len(own) > 1 else own[0])
        status, _, err = command("compare", "single.h5", MASTER, "--frame", str(frame))
        assert (status, err) == (0, [])
        with h5py.File("single.h5") as single, h5py.File(MASTER) as master:
            turn = "entry/sample/transformations/omega"
            if kind == "rotation":
                for end in ("", "_end"):
                    assert master[f"{turn}{end}"][frame] == pytest.approx(single[f"{turn}{end}"][0], rel=1e-14)
            row = frame if kind == "stills" else 0
            np.testing.assert_array_equal(master["entry/sample/ub_matrix"][row], single["entry/sample/ub_matrix"][0])
