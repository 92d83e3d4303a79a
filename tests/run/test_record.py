"""From structure factors to an HDF5 file and back, by the command line and the Python API, with the record of the run."""

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

import nbkernel
from nbkernel.io.images.smv import read_smv

import running
from api_runs import TOP, TURNED, experiment, experiment_of_panels
from running import BASE, read_float, simulate, write_hkl

ROOT = Path(__file__).parents[2]
RUN = f"{BASE} -detpixels_f 24 -detpixels_s 18 -misset random -phi 3 -osc 1 -phisteps 2 --precision double"
PROVENANCE = "entry/simulation/provenance"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def command(text):
    """The words of a text as a command, see `running.command`."""
    return running.command(*text.split())


def provenance(path):
    with h5py.File(path) as file:
        values = {name: item[()] for name, item in file[PROVENANCE].items()}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}


def datasets(path):
    with h5py.File(path) as file:
        return file["entry/data/data"][0], file["entry/photons/data"][0]


@pytest.mark.slow
def test_from_an_mtz_file_to_other_programs():
    """Other crystallographic software opens the command line's file, and the API gives the same pixels."""
    pytest.importorskip("gemmi")
    fabio, nxmx, nexus = (pytest.importorskip(name) for name in ("fabio", "nxmx", "nexusformat.nexus"))
    subprocess.run([sys.executable, ROOT / "examples/random_chain.py", "x.mtz", "--dmin", "6"], check=True)
    flags = "-hkl x.mtz -N 6 -misset 10 20 30 -lambda 1 -distance 130 -detpixels 40 -pixel 2 -oversample 1 -seed 7 -adc 0"
    status, _, err = command(f"simulate {flags} -fluence 1e28 --hdf5 x.h5 -floatfile x.bin -intfile x.img -noisefile n.img")
    assert status == 0, err
    photons, counts = read_float("x.bin", "x.img"), read_smv("-img", "n.img").pixels.reshape(40, 40)
    assert photons.max() > 10
    numbers = fabio.open("x.h5").data
    # the direct beam is too bright for 16 bits
    assert numbers.max() > 65535 and np.array_equal(np.minimum(numbers, 65535), counts)
    assert np.array_equal(fabio.open("x.h5::/entry/photons/data").data, photons)
    with h5py.File("x.h5") as file:
        entry = nxmx.NXmx(file).entries[0]
        assert entry.instruments[0].beams[0].incident_wavelength.to("angstrom").magnitude == 1.0
        assert entry.instruments[0].detectors[0].modules[0].data_size.tolist() == [40, 40]
    assert nexus.nxload("x.h5").entry.validate(application="NXmx", level="error")[1] == 0
    image = nbkernel.simulate(nbkernel.Experiment.from_command_line(f"{flags} -fluence 1e28"))
    noisy = nbkernel.add_noise(image, 7, adc=0)
    nbkernel.write_hdf5("api.h5", image, noisy)
    for ours, theirs, one in zip(datasets("x.h5"), datasets("api.h5"), (numbers, photons), strict=True):
        assert np.array_equal(ours, theirs) and np.array_equal(ours, one) and ours.dtype == theirs.dtype
    assert command("compare x.bin x.h5")[0] == 0


def test_the_record_contains_how_an_image_was_made():
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (5, 5, 5)), (-2, -2, -2))
    text = f"{RUN} -hkl table.hkl -default_F 0 --fix phi0 --hdf5 a.h5 --noise-rng philox -adc 3"
    assert command(f"simulate {text}")[0] == 0
    found = provenance("a.h5")
    assert found["command"] == f"nbkernel simulate {text}"
    assert (found["noise_rng"], found["noise_seed"], found["noise_adc"]) == ("philox", 1, 3.0)
    assert (found["precision"], found["device"], found["fix"], found["nbkernel"]) == (
        "double",
        "cpu",
        "phi0",
        nbkernel.__version__,
    )
    digest = hashlib.sha256(Path("table.hkl").read_bytes()).hexdigest()
    assert json.loads(found["inputs"])["hkl"] == {"path": str(Path("table.hkl").absolute()), "sha256": digest}
    assert found["numba"] and found["numpy"] == np.__version__


def test_the_record_reproduces_the_image():
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (5, 5, 5)), (-2, -2, -2))
    Path("sub").mkdir()
    assert command(f"simulate {RUN} -hkl table.hkl --hdf5 sub/a.h5 -floatfile a.bin")[0] == 0
    status, _, err = command("simulate --config sub/a.h5 -floatfile b.bin -noprogress")
    assert status == 0 and not any("changed" in line for line in err)
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes() and any(Path("a.bin").read_bytes())
    status, out, err = command("trace --config sub/a.h5 --pixel 5 7")
    photons = np.fromfile("a.bin", np.float32).reshape(18, 24)[7, 5]
    assert status == 0 and f"nbkernel: sub/a.h5: the image has {photons:.9g} photons at this pixel" in err
    assert float(out[-1].split()[-1]) == pytest.approx(photons, rel=1e-6)
    assert nbkernel.Experiment.from_toml("sub/a.h5").misset_seed is not None
    with open("table.hkl", "a") as file:
        file.write("3 3 3 5\n")
    status, _, err = command("simulate --config sub/a.h5 -floatfile b.bin -noprogress")
    assert status == 0 and any(line.endswith("table.hkl has changed since the image was computed from it") for line in err)


def test_panels_are_read_back():
    """The geometry, image and trace of each panel, from the record and by --panels."""
    ours = experiment_of_panels(TOP, TURNED)
    images = nbkernel.simulate(ours)
    nbkernel.write_hdf5("p.h5", images, nbkernel.add_noise(images, 1), command="some script")
    assert provenance("p.h5")["command"] == "some script"
    for again in (nbkernel.Experiment.from_toml("p.h5"), experiment_with_panels_from("p.h5")):
        for image, same in zip(images, nbkernel.simulate(again), strict=True):
            np.testing.assert_allclose(same, image, rtol=1e-5, atol=1e-7 * float(image.max()))
    assert np.array_equal(nbkernel.simulate(nbkernel.Experiment.from_toml("p.h5"))[1], images[1])
    status, out, err = command("trace --config p.h5 --panel 1 --pixel 3 4")
    assert status == 0 and f"the image has {images[1][4, 3]:.9g} photons at this pixel" in err[-1]
    assert float(out[-1].split()[-1]) == pytest.approx(float(images[1][4, 3]), rel=1e-6)
    assert command("trace --config p.h5 --panel 2 --pixel 3 4")[::2] == (
        2,
        ["nbkernel: --panel: there is no panel 2; need 0 to 1"],
    )


def experiment_with_panels_from(path):
    panels = experiment_of_panels()
    return nbkernel.Experiment(
        cell=panels.cell,
        default_F=panels.default_F,
        Na=3,
        Nb=3,
        Nc=3,
        oversample=1,
        fluence=1e28,
        dump="none.bin",
        panels=path,
    )


def test_the_picture_of_several_panels():
    """`show` and the API draw the same picture as --preview."""
    experiment_of_panels(TOP, TURNED).to_toml("p.toml")
    preview = "--preview-rings auto --preview-beam"
    assert command(f"simulate --config p.toml --hdf5 p.h5 --preview run.png {preview}")[0] == 0
    assert command(f"show p.h5 --output show.png {preview}")[0] == 0
    assert Path("run.png").read_bytes() == Path("show.png").read_bytes()
    nbkernel.write_preview("api.png", nbkernel.simulate(experiment_of_panels(TOP, TURNED)), rings="auto", beam=True)
    assert Path("run.png").read_bytes() == Path("api.png").read_bytes()


def test_inputs_of_every_kind_are_recorded():
    """A header, a detector file and a dump are recorded with their digests, and the dump is found from another folder."""
    write_hkl("table.hkl", np.random.default_rng(1).uniform(50, 150, (5, 5, 5)), (-2, -2, -2))
    base = "-cell 50 60 70 90 90 90 -N 3 -oversample 1 -fluence 1e28 -seed 1 -nopgm -noprogress"
    assert command(f"simulate {base} -hkl table.hkl -detpixels 20 -intfile old.img --hdf5 one.h5")[0] == 0
    Path("sub").mkdir()
    assert command(f"simulate {base} --panels one.h5 -img old.img --hdf5 sub/two.h5 -floatfile a.bin")[0] == 0
    inputs = json.loads(provenance("sub/two.h5")["inputs"])
    assert set(inputs) == {"panels", "img", "dump"}
    for name, path in (("panels", "one.h5"), ("img", "old.img"), ("dump", "Fdump.bin")):
        assert inputs[name]["sha256"] == hashlib.sha256(Path(path).read_bytes()).hexdigest()
    Path("moved").mkdir()
    Path("sub/two.h5").rename("moved/two.h5")
    assert command("simulate --config moved/two.h5 -floatfile b.bin -noprogress")[0] == 0
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes() and any(Path("a.bin").read_bytes())


def test_an_input_that_has_changed_since_it_was_read_has_no_digest():
    write_hkl("table.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    image = nbkernel.simulate(experiment(hkl="table.hkl"))
    with pytest.raises(nbkernel.InputError, match="write_float: table.hkl is an input of this run"):
        nbkernel.write_float("table.hkl", image)
    Path("table.hkl").write_text("0 0 0 1\n")
    nbkernel.write_hdf5("a.h5", image)
    Path("table.hkl").unlink()
    nbkernel.write_hdf5("b.h5", image)
    for path in ("a.h5", "b.h5"):
        assert json.loads(provenance(path)["inputs"])["hkl"]["sha256"] is None


def test_non_ascii_names():
    Path("é").mkdir()
    write_hkl("é/t.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    assert command(f"simulate {RUN} -hkl é/t.hkl --hdf5 a.h5 -floatfile a.bin")[0] == 0
    assert command("simulate --config a.h5 -floatfile b.bin -noprogress")[0] == 0
    assert Path("a.bin").read_bytes() == Path("b.bin").read_bytes()


def test_a_given_direction_overrides_the_detector_files():
    """The others stay as in the file."""
    images = nbkernel.simulate(experiment_of_panels(TOP))
    nbkernel.write_hdf5("p.h5", images)
    changed = dict(convention="custom", spindle_axis=(1, 0, 0))
    run = nbkernel.simulate(replace(experiment_with_panels_from("p.h5"), **changed))[0].run
    assert run.detector.spindle_vector == (1.0, 0.0, 0.0) and run.detector.beam_vector == images[0].detector.beam_vector


def test_a_detector_file_is_not_replaced():
    nbkernel.write_hdf5("p.h5", nbkernel.simulate(experiment_of_panels(TOP)))
    before = Path("p.h5").read_bytes()
    status, _, err = command("simulate -cell 50 60 70 -default_F 100 -N 2 --panels p.h5 --hdf5 p.h5")
    assert status == 2 and err == ["nbkernel: --hdf5: p.h5 is an input of this run; give another name"]
    with pytest.raises(nbkernel.InputError, match="write_hdf5: p.h5 is an input"):
        nbkernel.write_hdf5("p.h5", nbkernel.simulate(experiment_with_panels_from("p.h5")))
    assert Path("p.h5").read_bytes() == before


def test_device_files_get_no_panel_number(capfd):
    experiment_of_panels(TOP, TURNED).to_toml("p.toml")
    assert command("simulate --config p.toml -intfile /dev/null -pgmfile /dev/null")[0] == 0
    assert not list(Path("/dev").glob("null_*"))


def test_a_trace_with_other_flags_is_not_compared_with_the_image():
    nbkernel.write_hdf5("a.h5", nbkernel.simulate(experiment()))
    status, _, err = command("trace --config a.h5 -detpixels 40 --pixel 30 30")
    assert status == 0 and not any("the image has" in line for line in err)


@pytest.mark.parametrize("flags, dtype", [("", np.int32), ("-nonoise", np.float32)])
def test_the_file_has_counts_unless_nonoise(flags, dtype):
    assert command(f"simulate {RUN} {flags} --hdf5 a.h5")[0] == 0
    assert datasets("a.h5")[0].dtype == dtype and ("noise_seed" in provenance("a.h5")) == (flags == "")


@pytest.mark.parametrize(
    "flags, message",
    [
        ("--hdf5 nowhere/a.h5", "--hdf5: cannot write nowhere/a.h5"),
        ("--hdf5 /dev/null", "--hdf5: /dev/null is a pipe or a device"),
        ("--hdf5 old.h5 -floatfile old.h5", "--hdf5: old.h5 is already the file of -floatfile"),
        ("--hdf5 old.h5 --config old.h5", "--hdf5: old.h5 is an input of this run"),
        ("--hdf5 a.h5 -curved_det -phi 0", "-curved_det: a NeXus file has flat panels only"),
        ("-dump dump.bin -floatfile dump.bin -default_F 0", "-floatfile: dump.bin is an input of this run"),
        ("-detpixels 8 -mask mask.img -intfile mask.img", "-intfile: mask.img is an input of this run"),
        ("--config other.h5", "--config other.h5: contains no experiment"),
        ("--config broken.h5", "--config: cannot read the HDF5 file broken.h5"),
    ],
)
def test_unusable_input_is_one_line_and_changes_no_file(flags, message):
    nbkernel.write_hdf5("old.h5", nbkernel.simulate(experiment()))
    with h5py.File("other.h5", "w") as file:
        file["x"] = 1.0
    write_hkl("table.hkl", np.full((3, 3, 3), 7.0), (-1, -1, -1))
    assert command(f"simulate {BASE} -detpixels 8 -hkl table.hkl -dump dump.bin -intfile mask.img")[0] == 0
    Path("broken.h5").write_bytes(Path("old.h5").read_bytes()[:700])
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    status, out, err = command(f"simulate {BASE} -detpixels_f 24 -detpixels_s 18 {flags}")
    assert status == 2 and err[-1].startswith(f"nbkernel: {message}") and out == []
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


def test_the_api_refuses_images_without_their_run():
    image = nbkernel.simulate(experiment())
    panels = nbkernel.simulate(experiment_of_panels(TOP, TURNED))
    for wrong, message in (
        (np.ones((3, 3)), "write_hdf5: needs the whole image of a panel"),
        (image[:5], "write_hdf5: needs the whole image of a panel"),
        (panels[1:], "write_hdf5: needs all panels of a run"),
    ):
        with pytest.raises(nbkernel.InputError, match=message):
            nbkernel.write_hdf5("x.h5", wrong)
    for counts in (nbkernel.add_noise(panels, 1), nbkernel.add_noise(nbkernel.simulate(experiment(distance=90.0)), 1)):
        with pytest.raises(nbkernel.InputError, match="write_hdf5: needs images and counts of the same experiment"):
            nbkernel.write_hdf5("x.h5", image, counts)
    with pytest.raises(nbkernel.InputError, match="counts: have the shapes"):
        nbkernel.write_hdf5("x.h5", image, np.ones((3, 3), np.uint16))
    with pytest.raises(nbkernel.InputError, match="write_hdf5: needs photons"):
        nbkernel.write_hdf5("x.h5", nbkernel.add_noise(image, 1))
    with pytest.raises(nbkernel.InputError, match="all panels of a run, in order"):
        nbkernel.write_hdf5("x.h5", panels, nbkernel.add_noise(panels, 1)[::-1])
    assert not Path("x.h5").exists()
    assert simulate(f"{BASE} -detpixels 8 --hdf5").status == 2
