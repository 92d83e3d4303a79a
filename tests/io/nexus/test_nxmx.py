"""HDF5 files: other readers find the pixels, panels, beam and crystal that nbkernel writes, and nbkernel finds theirs."""

import json
import os
import resource
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.input_files import input_digests, input_files
from nbkernel.geometry.response import Response
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.hdf5 import input as hdf5_input
from nbkernel.io.hdf5 import tree
from nbkernel.io.images.read import read_image
from nbkernel.io.nexus import chains as nxmx_chains
from nbkernel.io.nexus import writer as nxmx_writer
from nbkernel.io.nexus.instrument import panel_origins
from nbkernel.io.nexus.mcstas import laboratory_to_mcstas
from nbkernel.io.nexus.reader import read_nxmx_detector
from nbkernel.io.nexus.writer import new_nxmx, write_nxmx
from nbkernel.setup.prepare import prepare_panels

from nxmx_files import FLAT, PANELS, RUN, corners, mcstas_rotation, write
from running import BASE, command, simulate

DETECTOR = "/entry/instrument/detector"
GEOMETRIES = {
    **{name: dict(FLAT, convention=name) for name in ("mosflm", "xds", "dials", "adxv", "denzo")},
    "swung": dict(FLAT, twotheta=25, detector_rotx=3, detector_roty=-4, detector_rotz=5, Xbeam=1, Ybeam=2),
    "swung xds": dict(FLAT, convention="xds", twotheta=-40, detector_rotx=3, ORGX=-10, ORGY=7),
    "custom": dict(
        FLAT, convention="custom", beam_vector=(0.1, 0.2, 1), polar_vector=(1, 0.3, 0.2), fdet_vector=(0, 1, 0.1),
        sdet_vector=(1, 0.1, 0), odet_vector=(0.0, -0.1, 1.0), spindle_axis=(0.2, 1, 0),
    ),
    "panels": dict(panels=PANELS),
    "panels, custom": dict(panels=PANELS, convention="custom", beam_vector=(1, 1, 0.2), polar_vector=(0, 0.2, 1)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "flags",
    ["-polar 1e300 --precision double", "-pixel 1e305", "-Ybeam 1.7e308", "-lambda 1e308 -dispersion 1 -dispsteps 3"],
)
def test_absurd_numbers_are_written_without_warnings_of_numpy(flags):
    run = simulate(f"{BASE} -detpixels 16 -nopgm --hdf5 a.h5 {flags}")
    assert run.status == 0 and not run.errors
    with h5py.File("a.h5") as file:
        assert file["entry/photons/data"].shape == (1, 16, 16)


# what other programs read


@pytest.mark.parametrize(
    "fields",
    [
        FLAT,
        dict(panels=PANELS),
        dict(FLAT, osc=1.0, flux=1e12, dispersion=1, dispsteps=3, hdivrange=1, hdivsteps=3, polarization=0.9),
    ],
)
@pytest.mark.parametrize("counts", [True, False])
def test_the_validator_finds_no_errors(fields, counts):
    nexus = pytest.importorskip("nexusformat.nexus")
    provenance = {"command": "nbkernel simulate", "seed": 1, "fix": ["phi0", "misset"], "none": []}
    write("a.h5", fields, counts, provenance=provenance)
    assert nexus.nxload("a.h5").entry.validate(application="NXmx", level="error")[1] == 0


@pytest.mark.parametrize("counts", [True, False])
def test_fabio_and_silx_find_the_same_pixels(counts):
    fabio = pytest.importorskip("fabio")
    _, (image,), noisy = write("a.h5", counts=counts)
    data = noisy[0] if counts else image
    opened = fabio.open("a.h5")
    assert opened.nframes == 1 and opened.data.dtype == data.dtype
    np.testing.assert_array_equal(opened.data, data)
    np.testing.assert_array_equal(fabio.open("a.h5::/entry/photons/data").data, image)

    silx = pytest.importorskip("silx.io")
    nxdata = pytest.importorskip("silx.io.nxdata")
    with silx.open("a.h5") as file:
        shown = nxdata.get_default(file)
        assert shown.is_valid
        np.testing.assert_array_equal(shown.signal[0], data)


def maps_of(shape):
    random = np.random.default_rng(3)
    mask = np.zeros(shape, np.int32)
    mask[2, 4], mask[4, 6], mask[-1, -1] = 2, 8, 1
    return random.uniform(0.5, 2.0, shape), random.normal(40.0, 3.0, shape), mask


@pytest.mark.parametrize("fields", [FLAT, dict(panels=PANELS)], ids=["one panel", "panels"])
def test_other_readers_find_the_maps_of_a_response(fields):
    nxmx = pytest.importorskip("nxmx")
    nexus = pytest.importorskip("nexusformat.nexus")
    shapes = [(panel.detpixels_s, panel.detpixels_f) for panel in fields.get("panels", ())] or [(23, 31)]
    maps = [maps_of(shape) for shape in shapes]
    responses = [Response(gain=gain, pedestal=pedestal, mask=mask, bits=16) for gain, pedestal, mask in maps]
    _, _, noisy = write("a.h5", dict(fields, response=responses))
    assert nexus.nxload("a.h5").entry.validate(application="NXmx", level="error")[1] == 0
    with h5py.File("a.h5") as file:
        (entry,) = nxmx.NXmx(file).entries
        (detector,) = entry.instruments[0].detectors
        (data,) = [own for own in entry.data if own.path == "/entry/data"]
        assert (detector.underload_value, detector.saturation_value, detector.bit_depth_readout) == (0, 65534, 16)
        offset, factor = data.data_offset, data["data_scaling_factor"]
        assert detector.pixel_mask.dtype == np.int8
        for (gain, pedestal, mask), counts, start in zip(maps, noisy, panel_origins(shapes), strict=True):
            own = slice(start, start + len(gain)), slice(gain.shape[1])
            photons = (data[data.signal][0][own] + offset[own]) * factor[own]
            np.testing.assert_allclose(photons, (counts - pedestal) / gain, rtol=1e-5, atol=1e-4)
            np.testing.assert_array_equal(detector.pixel_mask[own], mask)


def test_numbers_that_all_pixels_have_in_common_are_numbers():
    write("a.h5", dict(FLAT, response=Response(gain=10.0, pedestal=400.0)))
    write("b.h5", dict(FLAT, response=Response(readout_noise=1.0)))
    with h5py.File("a.h5") as file:
        # the example of NXmx
        assert (file["entry/data/data_offset"][()], file["entry/data/data_scaling_factor"][()]) == (-400.0, 0.1)
    with h5py.File("b.h5") as file:
        assert list(file["entry/data"]) == ["data"]


@pytest.mark.parametrize("name", GEOMETRIES)
def test_nxmx_finds_every_panel(name):
    nxmx = pytest.importorskip("nxmx")
    runs, images, _ = write("a.h5", GEOMETRIES[name], counts=False)
    to_mcstas = mcstas_rotation(runs[0].detector)
    with h5py.File("a.h5") as file:
        entry = nxmx.NXmx(file).entries[0]
        data = entry.data[0][entry.data[0].signal]
        assert entry.instruments[0].beams[0].incident_wavelength.to("angstrom").magnitude == RUN["wavelength"]
        modules = entry.instruments[0].detectors[0].modules
        assert len(modules) == len(runs)
        for run, image, module in zip(runs, images, modules, strict=True):
            (top, left), (slow, fast) = module.data_origin, module.data_size
            np.testing.assert_array_equal(data[0, top : top + slow, left : left + fast], image)
            axes = module.fast_pixel_direction, module.slow_pixel_direction
            (pixel_f, pixel_s) = (axis[()].to("m").magnitude.item() for axis in axes)
            (chain,) = nxmx.get_cumulative_transformation(nxmx.get_dependency_chain(axes[0].depends_on))
            found = [
                chain[:3, :3] @ (f * pixel_f * axes[0].vector + s * pixel_s * axes[1].vector) + chain[:3, 3] / 1000.0
                for f in (0, fast)
                for s in (0, slow)
            ]
            np.testing.assert_allclose(found, corners(run.detector) @ to_mcstas.T, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", GEOMETRIES)
@pytest.mark.parametrize("foreign", [False, True])
def test_nbkernels_reader_finds_every_panel(name, foreign):
    runs, _, _ = write("a.h5", GEOMETRIES[name])
    to_mcstas = np.eye(3)
    if foreign:
        to_mcstas = mcstas_rotation(runs[0].detector)
        with h5py.File("a.h5", "a") as file:
            del file["entry/nbkernel"]
    fields = read_nxmx_detector("a.h5")
    again = prepare_panels(Experiment(**{**RUN, **fields}), 1)
    assert len(again) == len(runs)
    for run, other in zip(runs, again, strict=True):
        np.testing.assert_allclose(corners(other.detector), corners(run.detector) @ to_mcstas.T, rtol=0, atol=1e-12)
        for vector in ("beam_vector",) if foreign else ("beam_vector", "polar_vector", "spindle_vector"):
            expected = to_mcstas @ getattr(run.detector, vector)
            np.testing.assert_allclose(getattr(other.detector, vector), expected, rtol=0, atol=1e-12)
        if not foreign:
            assert (other.plan.detector_thick, other.plan.detector_mu, other.plan.detector_thicksteps) == (
                run.plan.detector_thick, run.plan.detector_mu, run.plan.detector_thicksteps,
            )  # fmt: skip
    if not foreign:
        assert [panel.name for panel in fields["panels"]] == (["A", "B", "C"] if "panels" in name else [""])


def test_the_frame_is_that_of_mcstas():
    """MOSFLM's flat detector has fast (-1, 0, 0) and slow (0, -1, 0), offset by the beam centre."""
    (run,), _, _ = write("a.h5", dict(FLAT, Xbeam=2.0, Ybeam=3.0))
    with h5py.File("a.h5") as file:
        module = file[f"{DETECTOR}/module"]
        assert module["fast_pixel_direction"].attrs["vector"].tolist() == [-1.0, 0.0, 0.0]
        assert module["slow_pixel_direction"].attrs["vector"].tolist() == [0.0, -1.0, 0.0]
        offset = module["module_offset"][0] * module["module_offset"].attrs["vector"]
        np.testing.assert_allclose(offset, (run.detector.Fbeam, run.detector.Sbeam, 0.0), atol=1e-15)
        assert file[f"{DETECTOR}/transformations/detector_z"][0] == pytest.approx(0.15)
        assert file[f"{DETECTOR}/beam_center_x"][()] == pytest.approx(run.detector.Fbeam / 0.0002)
    # with an electric field along the beam any x axis is allowed
    frame = laboratory_to_mcstas((0.0, 0.0, 2.0), (0.0, 0.0, 1.0))
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(frame) == pytest.approx(1.0) and frame[2].tolist() == [0, 0, 1]


# beam, spindle, crystal


def test_a_spectrum_has_each_wavelength_once():
    nxmx = pytest.importorskip("nxmx")
    fields = dict(FLAT, dispersion=2.0, dispsteps=5, hdivrange=2.0, hdivsteps=3, polarization=0.9)
    write("a.h5", fields)
    with h5py.File("a.h5") as file:
        beam = nxmx.NXmx(file).entries[0].instruments[0].beams[0]
        expected = RUN["wavelength"] * np.array([0.99, 0.995, 1.0, 1.005, 1.01])
        # dxtbx takes an array here as one wavelength per image, even with weights beside it
        assert beam["incident_wavelength"].shape == ()
        assert beam.incident_wavelength.to("angstrom").magnitude == pytest.approx(RUN["wavelength"], rel=1e-14)
        spectrum = beam["incident_wavelength"].attrs["variant"].decode()
        assert beam[spectrum].attrs["units"] == b"angstrom"
        np.testing.assert_allclose(beam[spectrum][()], expected, rtol=1e-12)
        assert beam[f"{spectrum}_weights"][()].tolist() == [3.0] * 5
        # -1, 0, 1 mrad in the plane of the electric field, which is along x
        spread = np.degrees(1e-3 * np.sqrt(2.0 / 3.0))
        np.testing.assert_allclose(beam["incident_beam_divergence"][()], [[spread, 0.0]], rtol=1e-6)
        assert beam["incident_polarization_stokes"][()].tolist() == [[1.0, 0.9, 0.0, 0.0]]
        assert beam["flux_integrated"][()] == Experiment().fluence and "total_flux" not in beam
    assert read_nxmx_detector("a.h5")["wavelength"] == pytest.approx(RUN["wavelength"])


def test_sources_are_weighted_and_can_be_reused():
    Path("s.txt").write_text("-10 0 0 2 1.1e-10\n-10 0.1 0 3 1.3e-10\n-10 0 0.1 5 1.1e-10\n")
    runs, _, _ = write("a.h5", dict(FLAT, sourcefile="s.txt", fix=frozenset(["weights"])))
    with h5py.File("a.h5") as file:
        beam = file["entry/instrument/beam"]
        assert beam["incident_wavelength"][()] == pytest.approx(0.7 * 1.1 + 0.3 * 1.3)
        assert beam["incident_wavelength_1Dspectrum"][()] == pytest.approx([1.1, 1.3])
        assert beam["incident_wavelength_1Dspectrum_weights"][()] == pytest.approx(np.array([7, 3]) * 3 / 10)
        np.savetxt("again.txt", file["entry/nbkernel/sources"][()], "%.17g")
    (again,) = prepare_panels(Experiment(**RUN, **FLAT, sourcefile="again.txt", fix=frozenset(["weights"])), 1)
    for name in ("source_incident", "source_lambda", "source_weight"):
        np.testing.assert_allclose(getattr(again.plan, name), getattr(runs[0].plan, name), rtol=1e-14)
    assert read_nxmx_detector("a.h5")["wavelength"] == pytest.approx(0.7 * 1.1 + 0.3 * 1.3)


def test_a_spectrum_as_incident_wavelength_is_read():
    """As older versions of nbkernel wrote it, and as NXmx defines it for polychromatic beams."""
    write("a.h5", FLAT)
    with h5py.File("a.h5", "r+") as file:
        beam = file["entry/instrument/beam"]
        del beam["incident_wavelength"]
        beam["incident_wavelength"], beam["incident_wavelength_weights"] = [1.1, 1.3], [7.0, 3.0]
        beam["incident_wavelength"].attrs["units"] = "angstrom"
    assert read_nxmx_detector("a.h5")["wavelength"] == pytest.approx(0.7 * 1.1 + 0.3 * 1.3)


@pytest.mark.parametrize("fields", (dict(panels=PANELS), FLAT))
def test_masks_are_compressed_unless_xds_can_read_them(fields, monkeypatch):
    monkeypatch.setattr(nxmx_writer, "MAP_CHUNK", 500)
    for limit in (nxmx_writer.ONE_CHUNK, 700):
        monkeypatch.setattr(nxmx_writer, "ONE_CHUNK", limit)
        runs, _, _ = write("a.h5", fields)
        with h5py.File("a.h5") as file:
            mask = file[f"{DETECTOR}/pixel_mask"]
            assert mask.dtype == np.int8 and mask == file[f"{DETECTOR}/detectorSpecific/pixel_mask"]
            assert (mask.chunks is None) == (len(runs) == 1 and limit > 700)
            # the filter that every HDF5 library has
            assert mask.compression == (None if mask.chunks is None else "gzip")
            good = mask[()] == 0
        assert good.sum() == sum(run.wanted.sum() for run in runs)
        assert np.array_equal(np.isnan(read_image("show", "a.h5", to_look_at=True).pixels), ~good)


@pytest.mark.parametrize("chunk", (1, 90, 31 * 7))
@pytest.mark.parametrize("fields", (dict(panels=PANELS), FLAT, dict(FLAT, roi=(3, 12, 8, 15))))
def test_large_frames_are_in_chunks_and_take_space_only_where_they_are_written(fields, chunk, monkeypatch):
    monkeypatch.setattr(tree, "ONE_CHUNK", 700)
    monkeypatch.setattr(tree, "CHUNK_PIXELS", chunk)
    runs, images, noisy = write("a.h5", fields)
    shapes = [image.shape for image in images]
    fast = max(width for _, width in shapes)
    with h5py.File("a.h5") as file:
        for name, arrays in (("data", noisy), ("photons", images)):
            data = file[f"entry/{name}/data"]
            assert data.chunks == (1, max(1, chunk // fast), min(chunk, fast))
            for first, array in zip(panel_origins(shapes), arrays, strict=True):
                np.testing.assert_array_equal(data[0, first : first + len(array), : array.shape[1]], array)
    np.testing.assert_array_equal(
        read_image("show", "a.h5:/entry/data/data").pixels[: shapes[0][0], : shapes[0][1]], noisy[0]
    )
    strip = (4, 9, 10, 11)
    with new_nxmx("b.h5", runs, np.int32) as nxmx:
        nxmx.write_counts(0, strip, np.full((2, 6), 7, np.int32))
        nxmx.finish({})
    with h5py.File("b.h5") as file:
        data = file["entry/data/data"]
        stored, counts = data.id.get_num_chunks(), data[0]
    assert (counts[10:12, 4:10] == 7).all() and counts.sum() == 7 * 12
    assert stored == (12 if chunk == 1 else 1)


@pytest.mark.slow
def test_plugins_in_the_environment_do_no_harm():
    """HDF5_PLUGIN_PATH is what DIALS and CrystFEL need to read nbkernel's files."""
    hdf5plugin = pytest.importorskip("hdf5plugin")
    code = "from nbkernel.cli.main import main\nstatus = main(sys.argv[1:])\nsys.stdout.flush()\nsys.exit(status)"
    environment = {**os.environ, "HDF5_PLUGIN_PATH": hdf5plugin.PLUGIN_PATH}
    for words in (f"simulate {BASE} -detpixels 9 --hdf5 a.h5", "compare a.h5 a.h5", "show a.h5:/entry/data/data", "info"):
        done = subprocess.run(
            [sys.executable, "-c", f"import sys\n{code}", *words.split()], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    assert f"export HDF5_PLUGIN_PATH={hdf5plugin.PLUGIN_PATH}\n" in done.stdout


def test_flux_and_exposure():
    nxmx = pytest.importorskip("nxmx")
    write("a.h5", dict(FLAT, flux=1e12, exposure=0.1, beamsize=0.02, nopolar=True))
    with h5py.File("a.h5") as file:
        beam = nxmx.NXmx(file).entries[0].instruments[0].beams[0]
        assert beam.total_flux.to("Hz").magnitude == 1e12
        assert beam["flux_integrated"][()] == pytest.approx(1e11 / 2e-5**2)
        assert beam.incident_beam_size.to("mm").magnitude.tolist() == [0.02, 0.02]
        assert "incident_polarization_stokes" not in beam
        assert file[f"{DETECTOR}/count_time"][()] == 0.1


@pytest.mark.parametrize("convention", ["mosflm", "dials"])
def test_the_goniometer_rotates_the_crystal_as_rendered(convention):
    nxmx = pytest.importorskip("nxmx")
    (run,), _, _ = write("a.h5", dict(FLAT, convention=convention, phi=30.0, osc=2.0, phisteps=4))
    to_mcstas = mcstas_rotation(run.detector)
    with h5py.File("a.h5") as file:
        sample = nxmx.NXmx(file).entries[0].samples[0]
        omega = sample.depends_on
        angles = [values.to("deg").magnitude.item() for values in (omega[()], omega.end[()], omega.increment_set)]
        assert angles == pytest.approx([30.0, 32.0, 2.0], rel=1e-14)
        np.testing.assert_allclose(omega.vector, to_mcstas @ run.detector.spindle_vector, atol=1e-15)
        # a, b, c of the first phi step are the inverse of the rotated UB
        abc = run.plan.orientation[run.plan.phi_slot[0], 0].reshape(3, 3) * 1e10
        turned = omega.matrix[0, :3, :3] @ sample["ub_matrix"][0]
        np.testing.assert_allclose(abc @ to_mcstas.T @ turned, np.eye(3), atol=1e-9)
        U, UB = sample["orientation_matrix"][0], sample["ub_matrix"][0]
        assert np.linalg.det(U) == pytest.approx(1.0)
        B = U.T @ UB
        np.testing.assert_allclose(np.tril(B, -1), 0.0, atol=1e-15)
        assert (np.diag(B) > 0).all()
        # the cell as rendered: nanoBragg.c's c* of a triclinic cell is slightly off
        np.testing.assert_allclose(sample["unit_cell"][0], RUN["cell"], rtol=1e-5)
        assert sample["unit_cell_volume"][0] == pytest.approx(1.0 / np.linalg.det(UB))


def test_a_still_has_no_goniometer():
    nxmx = pytest.importorskip("nxmx")
    (run,), _, _ = write("a.h5", dict(FLAT, phi=30.0))
    with h5py.File("a.h5") as file:
        sample = nxmx.NXmx(file).entries[0].samples[0]
        assert sample.depends_on is None and file["entry/sample/depends_on"][()] == b"."
        abc = run.plan.orientation[run.plan.phi_slot[0], 0].reshape(3, 3) * 1e10
        np.testing.assert_allclose(abc @ mcstas_rotation(run.detector).T @ sample["ub_matrix"][0], np.eye(3), atol=1e-9)


def test_the_sensor_is_described_even_if_there_is_none():
    nxmx = pytest.importorskip("nxmx")
    write("ideal.h5")
    write("thick.h5", dict(panels=PANELS[1:]))
    with h5py.File("ideal.h5") as ideal, h5py.File("thick.h5") as thick:
        for file, material, thickness in ((ideal, "Si", 1e-9), (thick, "CdTe", 300e-6)):
            detector = nxmx.NXmx(file).entries[0].instruments[0].detectors[0]
            assert detector.sensor_material == material
            # DIALS refuses 0
            assert detector.sensor_thickness.to("m").magnitude == pytest.approx(thickness)
        assert "note" in ideal[f"{DETECTOR}/sensor_material"].attrs and "note" in ideal[f"{DETECTOR}/sensor_thickness"].attrs
        assert not thick[f"{DETECTOR}/sensor_material"].attrs.get("note")


# pixels


def test_pixels_not_rendered_are_masked():
    write("roi.h5", dict(FLAT, roi=(5, 20, 3, 10)))
    write("panels.h5", dict(panels=PANELS))
    good = np.zeros((23, 31), bool)
    good[3:11, 5:21] = True
    with h5py.File("roi.h5") as file:
        mask = file[f"{DETECTOR}/pixel_mask"][()]
        np.testing.assert_array_equal(mask == 0, good)
        # the XDS plugins know only bits 0 to 4 and need a contiguous mask
        assert set(mask[~good]) == {1} and file[f"{DETECTOR}/pixel_mask"].chunks is None
        assert file[f"{DETECTOR}/detectorSpecific/pixel_mask"] == file[f"{DETECTOR}/pixel_mask"]
    with h5py.File("panels.h5") as file:
        mask = file[f"{DETECTOR}/pixel_mask"][()]
    assert mask.shape == (23 + 40 + 5, 44) and not mask[:23, :31].any() and not mask[63:].any()
    assert (mask[:23, 31:] == 1).all() and (mask[23:63, 12:] == 1).all() and not mask[23:63, :12].any()
    picture = read_image("show", "roi.h5", to_look_at=True).pixels
    np.testing.assert_array_equal(np.isnan(picture), ~good)
    assert np.isfinite(read_image("compare", "roi.h5").pixels).all()


@pytest.mark.parametrize(
    "values, kind",
    [
        (np.array([0, 65534], np.int64), np.int32),
        (np.array([0, 65535], np.uint16), np.uint16),
        (np.array([0, 65535], np.int64), np.int32),
        (np.array([0, 70000], np.uint32), np.int32),
        (np.array([-1, 7], np.int16), np.int32),
    ],
)
def test_counts_have_a_type_that_programs_read(values, kind):
    (run,) = prepare_panels(Experiment(**RUN, **dict(FLAT, detpixels_f=2, detpixels_s=1)), 1)
    write_nxmx("a.h5", [run], [np.zeros((1, 2), np.float32)], [values[np.newaxis]])
    with h5py.File("a.h5") as file:
        data = file["entry/data/data"]
        assert data.dtype == kind and data[0, 0].tolist() == values.tolist()
        # the type's largest number marks overloads
        assert file[f"{DETECTOR}/saturation_value"][()] == {np.uint16: 65534, np.int32: 2147483646}[kind]
        assert file[f"{DETECTOR}/bit_depth_readout"][()] == {np.uint16: 16, np.int32: 32}[kind]
        assert file[f"{DETECTOR}/underload_value"][()] == 0


def test_photons_have_no_saturation_value():
    (run,) = prepare_panels(Experiment(**RUN, **dict(FLAT, detpixels_f=2, detpixels_s=1)), 1)
    write_nxmx("a.h5", [run], [np.zeros((1, 2), np.float32)])
    with h5py.File("a.h5") as file:
        assert not {"saturation_value", "underload_value", "bit_depth_readout"} & set(file[DETECTOR])


BAD_PIXELS = {
    "too large": (dict(counts=[np.full((23, 31), 2**31)]), "2147483648"),
    "not whole": (dict(counts=[np.zeros((23, 31))]), "integers, not float64"),
    "shape": (dict(images=[np.zeros((31, 23), np.float32)]), r"\(31, 23\)"),
    "number": (dict(counts=[]), r"counts.*\[\]"),
}


@pytest.mark.parametrize("name", BAD_PIXELS)
def test_invalid_pixels_are_refused(name):
    (run,) = prepare_panels(Experiment(**RUN, **FLAT), 1)
    more, words = BAD_PIXELS[name]
    with pytest.raises(InputError, match=words):
        write_nxmx("a.h5", **{"runs": [run], "images": [np.zeros((23, 31), np.float32)], **more})


def test_a_sphere_is_refused():
    (run,) = prepare_panels(Experiment(**RUN, **FLAT, curved_detector=True), 1)
    with pytest.raises(InputError, match="-curved_det"):
        write_nxmx("a.h5", [run], [np.zeros((23, 31), np.float32)])


# storage


def test_texts_are_fixed_length_ascii_and_end_with_a_null():
    """ASCII except where nbkernel's own texts contain other characters."""
    provenance = {"command": "nbkernel -hkl méthane.hkl", "fix": ["a", "long"], "seed": 7}
    write("a.h5", dict(panels=[replace(PANELS[0], name="é")], osc=1.0), provenance=provenance)
    seen = []

    def check(name, kind, raw):
        if kind.get_class() == h5py.h5t.STRING:
            only_ascii = name not in ("entry/simulation/provenance/command", "entry/nbkernel/panel_name")
            assert not kind.is_variable_str() and (kind.get_cset() == h5py.h5t.CSET_ASCII) == only_ascii, name
            assert all(len(each) < kind.get_size() for each in np.ravel(raw)), name
            seen.append(name)

    def visit(name, node):
        for key in node.attrs:
            check(f"{name}@{key}", h5py.h5a.open(node.id, key.encode()).get_type(), node.attrs[key])
        if isinstance(node, h5py.Dataset):
            check(name, node.id.get_type(), node[()])

    with h5py.File("a.h5") as file:
        visit("/", file)
        file.visititems(visit)
        # superblock 0, the format that all readers know
        assert file.id.get_create_plist().get_version()[0] == 0
        provenance = file["entry/simulation/provenance"]
        assert provenance["command"][()] == "nbkernel -hkl méthane.hkl".encode()
        assert (provenance["fix"][()].tolist(), provenance["seed"][()]) == ([b"a", b"long"], 7)
        assert file.attrs["file_name"] == b"a.h5"
    assert "entry/instrument/detector/module/fast_pixel_direction@units" in seen and len(seen) > 60
    assert read_nxmx_detector("a.h5")["panels"][0].name == "é"


@pytest.mark.parametrize("plugin", [True, False])
def test_compression_and_chunks(plugin, monkeypatch):
    if plugin:
        pytest.importorskip("hdf5plugin")
    else:
        monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    _, images, noisy = write("a.h5", dict(panels=PANELS))
    filters = {}
    with h5py.File("a.h5") as file:
        for name in ("data", "photons"):
            data = file[f"entry/{name}/data"]
            assert data.chunks == (1, 68, 44)
            plist = data.id.get_create_plist()
            filters[name] = [plist.get_filter(i)[0] for i in range(plist.get_nfilters())]
        np.testing.assert_array_equal(file["entry/data/data"][0, 23:63, :12], noisy[1])
        np.testing.assert_array_equal(file["entry/photons/data"][0, 23:63, :12], images[1])
        assert file[f"{DETECTOR}/data_000001"] == file[f"{DETECTOR}/data"] == file["entry/data/data"]
    # 32008: bitshuffle
    assert filters == dict.fromkeys(("data", "photons"), [32008] if plugin else [])


def in_another_process(code):
    done = subprocess.run([sys.executable, "-c", f"import sys\n{code}"], capture_output=True, text=True)
    return done.returncode, done.stderr.splitlines()


def test_a_compressed_file_names_the_plugin_it_needs():
    pytest.importorskip("hdf5plugin")
    write("a.h5")
    without = "import os\nos.environ.pop('HDF5_PLUGIN_PATH', None)\nsys.modules['hdf5plugin'] = None\n"
    compare = "from nbkernel.cli.main import main\nsys.exit(main(['compare', 'a.h5', 'a.h5']))"
    status, lines = in_another_process(without + compare)
    assert status == 2 and len(lines) == 1 and "hdf5plugin" in lines[0]


def test_h5py_is_imported_only_for_hdf5():
    assert simulate(f"{BASE} -detpixels 9 -nopgm -nonoise").status == 0
    code = "from nbkernel.cli.main import main\nmain(['show', 'intimage.img'])\nsys.exit('h5py' in sys.modules)"
    assert in_another_process(code) == (0, [])


def test_the_file_appears_complete_or_not_at_all():
    (run,) = prepare_panels(Experiment(**RUN, **FLAT), 1)
    image = np.zeros((23, 31), np.float32)
    Path("old.h5").write_bytes(b"old")

    def writer(path):
        write_nxmx(path, [run], [image], file_name="old.h5")
        assert Path("old.h5").read_bytes() == b"old"

    with OutputFiles() as files:
        files.open("--hdf5", "old.h5", by_name=True)
        files.write_by_name("--hdf5", writer)
        files.commit()
    with h5py.File("old.h5") as file:
        assert file.attrs["file_name"] == b"old.h5"
    before = Path("old.h5").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with pytest.raises(InputError, match="--hdf5: cannot write old.h5: File too large$"), OutputFiles() as files:
        files.open("--hdf5", "old.h5", by_name=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10000, limits[1]))
        try:
            files.write_by_name("--hdf5", lambda path: write_nxmx(path, [run], [image]))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert Path("old.h5").read_bytes() == before and [path.name for path in Path().iterdir()] == ["old.h5"]
    with pytest.raises(InputError, match="--hdf5: /dev/null is a pipe or a device"), OutputFiles() as files:
        files.open("--hdf5", "/dev/null", by_name=True)


# show and compare


def test_compare_reads_photons_or_any_dataset():
    _, (image,), (noisy,) = write("a.h5")
    image.tofile("a.bin")
    status, out, _ = command("compare", "a.bin", "a.h5", "--shape", "23", "31")
    assert status == 0 and "B: a.h5, HDF5, 23 x 31 pixels (slow x fast)" in out
    numbers = json.loads("\n".join(command("compare", "a.h5", "a.h5:/entry/data/data", "--json")[1]))
    assert numbers["sum_b"] == noisy.sum()
    counts = read_image("compare", "a.h5:/entry/data/data")
    assert counts.whole_numbers and not read_image("compare", "a.h5").whole_numbers
    assert counts.pixels.dtype == np.float32 and (counts.pixels == noisy).all()


@pytest.mark.parametrize("flags", ["", "-twotheta 20 -detector_rotx 5"])
def test_rings_come_from_the_file(flags):
    """They are those that the flags of the run give."""
    run = f"{BASE} -detpixels_f 31 -detpixels_s 23 -pixel 0.2 -distance 150 -Xbeam 2 -Ybeam 1 {flags}"
    assert simulate(f"{run} -nopgm -nonoise").status == 0
    fields = dict(FLAT, Xbeam=2, Ybeam=1, **(dict(twotheta=20, detector_rotx=5) if flags else {}))
    write("a.h5", fields)
    rings = ("--preview-rings", "auto", "--preview-beam")
    place = "-distance 150 -pixel 0.2 -Xbeam 2 -Ybeam 1 -lambda 1.2".split()
    expected = command("show", "intimage.img", *rings, *place, *flags.split())
    status, out, err = command("show", "a.h5", *rings)
    assert (status, err, out[-2:]) == (0, [], expected[1][-2:])
    assert out[-2].startswith("rings: ")
    # a wavelength given by the user changes the rings, not the beam
    shorter = command("show", "a.h5", *rings, "-lambda", "0.6")[1]
    assert shorter[-2] != out[-2] and shorter[-1] == out[-1]
    status, _, err = command("show", "a.h5", *rings, "-distance", "100")
    assert status == 0 and ["tilted" in line for line in err] == ([True] if flags else [])


def test_panels_are_shown_together():
    write("a.h5", dict(panels=PANELS))
    assert command("show", "a.h5", "--preview-rings", "auto")[0] == 0
    assert command("show", "a.h5:/entry/data/data")[0] == 0 and Path("a.h5.png").exists()
    status, _, err = command("show", "a.h5:/entry/data/data", "--output", "a.h5")
    assert status == 2 and "input" in err[0]


# other programs' files


def foreign_file(path, frames=2):
    """Two detectors on a two-theta arm, with other units, chains and types of text."""
    with h5py.File(path, "w") as file:
        entry = file.create_group("scan")
        entry.attrs["NX_class"] = "NXentry"
        entry["definition"] = "NXmx"
        instrument, sample, data = (entry.create_group(name) for name in ("instrument", "sample", "images"))
        for group, nx_class in ((instrument, "NXinstrument"), (sample, "NXsample"), (data, "NXdata")):
            group.attrs["NX_class"] = np.bytes_(nx_class)
        beam = instrument.create_group("beam")
        beam.attrs["NX_class"] = "NXbeam"
        beam["incident_wavelength"] = [0.0979]
        beam["incident_wavelength"].attrs["units"] = "nm"
        beam["incident_polarization_stokes"] = [[1.0, 0.0, 0.5, 0.0]]

        def axis(group, name, value, units, kind, vector, depends_on, **more):
            group[name] = np.atleast_1d(value)
            attributes = dict(units=units, transformation_type=kind, vector=vector, depends_on=depends_on, **more)
            group[name].attrs.update(attributes)

        arm = instrument.create_group("arm")
        axis(arm, "two_theta", 12.0, "deg", "rotation", [0.0, -1.0, 0.0], ".")
        up = dict(offset=[1.0, 2.0, 3.0], offset_units="mm")
        axis(arm, "z", [0.2, 0.3], "m", "translation", [0.0, 0.0, 1.0], "two_theta", **up)
        for number in (1, 2):
            detector = instrument.create_group(f"detector_{number}")
            detector.attrs["NX_class"] = "NXdetector"
            module = detector.create_group("module")
            module.attrs["NX_class"] = "NXdetector_module"
            module["data_origin"], module["data_size"] = [0, 0], [7, 5 + number]
            axis(module, "tilt", 0.1 * number, "rad", "rotation", [0.6, 0.8, 0.0], "/scan/instrument/arm/z")
            axis(module, "module_offset", 40.0, "mm", "translation", [0.8, 0.6, 0.0], "tilt")
            axis(
                module, "fast_pixel_direction", 75.0, "um", "translation", [-1.0, 0.0, 0.0], "module_offset",
                offset=[0.5, 0.25, 0.125], offset_units="cm",
            )  # fmt: skip
            axis(module, "slow_pixel_direction", 0.075, "mm", "translation", [0.0, -1.0, 0.0], "module_offset")
        sample["depends_on"] = "kappa"
        axis(sample, "kappa", 5.0, "deg", "rotation", [0.0, 1.0, 0.0], "omega")
        axis(sample, "omega", [0.0, 0.1], "deg", "rotation", [0.0, 0.0, 2.0], "base")
        axis(sample, "base", 90.0, "degrees", "rotation", [0.0, 1.0, 0.0], ".")
        data.attrs["signal"] = "counts"
        pixels = np.arange(frames * 42, dtype=np.uint32).reshape(frames, 7, 6)
        pixels[:, 0, 0] = 2**32 - 1
        data["counts"] = pixels
        instrument["detector_1/pixel_mask"] = (pixels[0] > 1000).astype(np.uint32)
    return pixels


def test_chains_units_and_several_detectors():
    nxmx = pytest.importorskip("nxmx")
    foreign_file("f.nxs")
    fields = read_nxmx_detector("f.nxs")
    with h5py.File("f.nxs") as file:
        instrument = nxmx.NXmx(file).entries[0].instruments[0]
        assert len(fields["panels"]) == len(instrument.detectors) == 2
        for panel, detector in zip(fields["panels"], instrument.detectors, strict=True):
            axes = detector.modules[0].fast_pixel_direction, detector.modules[0].slow_pixel_direction
            chain = nxmx.get_cumulative_transformation(nxmx.get_dependency_chain(axes[0].depends_on))[0]
            corner = chain[:3, :3] @ axes[0].offset.to("mm").magnitude + chain[:3, 3]
            np.testing.assert_allclose(panel.pix0_vector, corner / 1000.0, rtol=0, atol=1e-12)
            np.testing.assert_allclose(panel.fdet_vector, chain[:3, :3] @ axes[0].vector, atol=1e-12)
            np.testing.assert_allclose(panel.sdet_vector, chain[:3, :3] @ axes[1].vector, atol=1e-12)
            assert panel.pixel == pytest.approx(0.075)
    assert [(panel.detpixels_s, panel.detpixels_f) for panel in fields["panels"]] == [(7, 6), (7, 7)]
    assert fields["wavelength"] == pytest.approx(0.979) and fields["convention"] == "custom"
    # polarised halfway between x and y; omega is along z, which the base rotates onto x
    np.testing.assert_allclose(fields["polar_vector"], [np.sqrt(0.5), np.sqrt(0.5), 0.0], atol=1e-12)
    np.testing.assert_allclose(fields["spindle_axis"], [2.0, 0.0, 0.0], atol=1e-12)


def test_the_first_frame_of_another_programs_file():
    pixels = foreign_file("f.nxs")
    image = read_image("compare", "f.nxs")
    assert image.whole_numbers and (image.pixels == pixels[0].astype(np.float32)).all()
    picture = read_image("show", "f.nxs", to_look_at=True).pixels
    assert np.isnan(picture[0, 0]) and np.isnan(picture).sum() == 1
    with h5py.File("plain.h5", "w") as file:
        file["a/b"] = pixels[1]
        file["modules"] = pixels.reshape(1, 2, 7, 6)
    assert (read_image("compare", "plain.h5:/a/b").pixels == pixels[1].astype(np.float32)).all()
    stacked = read_image("compare", "plain.h5:/modules").pixels
    assert (stacked == pixels.reshape(14, 6).astype(np.float32)).all()


def file_changed(change):
    def make():
        write("bad.h5")
        with h5py.File("bad.h5", "a") as file:
            change(file, file[f"{DETECTOR}/module"])

    return make


def set_attribute(name, attribute, value):
    return file_changed(lambda file, module: module[name].attrs.__setitem__(attribute, value))


def remove(*paths):
    return file_changed(lambda file, module: [file.__delitem__(path) for path in paths])


def plain():
    with h5py.File("bad.h5", "w") as file:
        file["x"] = [1.0, 2.0]


def cut():
    write("whole.h5")
    Path("bad.h5").write_bytes(Path("whole.h5").read_bytes()[:5000])


BAD_DETECTORS = {
    "missing": (lambda: None, "there is no file bad.h5"),
    "folder": (lambda: Path("bad.h5").mkdir(), "is a directory"),
    "text": (lambda: Path("bad.h5").write_text("no"), "is not an HDF5 file"),
    "truncated": (cut, "truncated"),
    "plain": (plain, "not NXmx"),
    "no module": (remove(f"{DETECTOR}/module"), "NXdetector_module"),
    "no size": (remove(f"{DETECTOR}/module/data_size"), "data_size"),
    "no axis": (set_attribute("module_offset", "depends_on", "nowhere"), "lacks the axis nowhere"),
    "cycle": (set_attribute("module_offset", "depends_on", "module_offset"), "depends_on must end"),
    "unit": (set_attribute("fast_pixel_direction", "units", "furlong"), "'furlong'"),
    "kind": (set_attribute("module_offset", "transformation_type", "magic"), "'magic'"),
    "vector": (set_attribute("fast_pixel_direction", "vector", [1.0, 0.0]), "three numbers"),
    "oblong": (file_changed(lambda file, module: module["slow_pixel_direction"].__setitem__(0, 1e-4)), "square"),
    "panels": (file_changed(lambda file, module: module.parent.copy("module", "second")), "2 modules"),
    "frame": (remove("entry/nbkernel/beam_vector"), "beam_vector"),
}


@pytest.mark.parametrize("name", BAD_DETECTORS)
def test_detectors_that_cannot_be_read(name):
    make, words = BAD_DETECTORS[name]
    make()
    with pytest.raises(InputError) as error:
        read_nxmx_detector("bad.h5", "--panels")
    message = str(error.value)
    assert message.startswith("--panels: ") and "bad.h5" in message and words in message and "\n" not in message


BAD_IMAGES = {
    "missing": (lambda: None, "bad.h5", "there is no file bad.h5"),
    "missing, dataset": (lambda: None, "bad.h5:/entry/data/data", "there is no file bad.h5:/entry/data/data"),
    "not HDF5": (lambda: Path("bad.h5").write_text("no"), "bad.h5:/entry", "is not an HDF5 file"),
    "truncated": (cut, "bad.h5", "truncated"),
    "plain": (plain, "bad.h5", "FILE:/path/in/file"),
    "line": (plain, "bad.h5:/x", "no image in /x"),
    "no dataset": (plain, "bad.h5:/y", "no dataset /y"),
    "text": (lambda: write("bad.h5"), "bad.h5:/entry/definition", "no image"),
    "group": (lambda: write("bad.h5"), "bad.h5:/entry/data", "no dataset /entry/data"),
    "no data": (remove("entry/data", "entry/photons", f"{DETECTOR}/data"), "bad.h5", "has no image"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
@pytest.mark.parametrize("program", ["show", "compare"])
def test_images_that_cannot_be_read(name, program):
    make, path, words = BAD_IMAGES[name]
    make()
    status, out, err = command(program, path, *([path] if program == "compare" else []))
    assert (status, out, len(err)) == (2, [], 1)
    assert err[0].startswith(f"nbkernel: {program}: ") and words in err[0]


def test_a_picture_needs_no_geometry():
    BAD_DETECTORS["no axis"][0]()
    assert command("show", "bad.h5")[0] == 0
    status, _, err = command("show", "bad.h5", "--preview-beam")
    assert status == 2 and len(err) == 1 and "-distance" in err[0]


# digests


def test_digests_of_input_files(folder):
    Path("F.hkl").write_bytes(b"abc")
    found = input_digests(input_files(Experiment(hkl="F.hkl", mask="/dev/null")))
    # FIPS 180-2, appendix B.1
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert found == {"hkl": {"path": str(folder / "F.hkl"), "sha256": known}, "mask": {"path": "/dev/null", "sha256": None}}
    files = input_files(Experiment(hkl="F.hkl"))
    Path("F.hkl").write_bytes(b"abcd")
    assert input_digests(files)["hkl"]["sha256"] is None, "the file has changed since it was read"
    Path("F.hkl").unlink()
    assert input_digests(files)["hkl"]["sha256"] is None


def test_axes_that_modules_share_are_composed_once(monkeypatch):
    """Each module has its own offset, all share the axis along the beam; nothing is read twice."""
    panels = tuple(replace(PANELS[0], pix0_vector=(0.15, 0.01 * n, 0.0)) for n in range(40))
    write("a.h5", dict(panels=panels))
    counts = {"step": 0, "attribute": 0, "open": 0}

    def counting(name, function):
        def counting_call(*arguments):
            counts[name] += 1
            return function(*arguments)

        return counting_call

    monkeypatch.setattr(nxmx_chains, "step", counting("step", nxmx_chains.step))
    monkeypatch.setattr(hdf5_input.Node, "read_attribute", counting("attribute", hdf5_input.Node.read_attribute))
    monkeypatch.setattr(hdf5_input.Source, "node", counting("open", hdf5_input.Source.node))
    assert len(read_nxmx_detector("a.h5")["panels"]) == 40
    assert counts["step"] == 41
    # offset: type, unit, vector, offset, depends_on; directions: each unit, vector, depends_on, and one offset; a class
    assert counts["attribute"] <= 40 * 13 + 60 and counts["open"] <= 40 * 6 + 60
