"""Detectors in other programs' NeXus files: all statements of a file are combined, contradictions give a warning.

The expected values are those that the files are made from; dxtbx finds the same corners in the files that it can read.
"""

import os

import h5py
import numpy as np
import pytest

from nbkernel.cli.main import main
from nbkernel.errors import InputError
from nbkernel.io.images.read import read_image
from nbkernel.io.nexus.reader import read_nxmx_detector

from foreign_files import CORNER, DETECTOR, MODULE, SHAPE, axis, eiger, field, group
from running import simulate

HEAD_ON = (CORNER, [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0])
TRANSLATION = f"{DETECTOR}/transformations/translation"
OFFSET = f"{MODULE}/module_offset"
FAST, SLOW = (f"{MODULE}/{name}_pixel_direction" for name in ("fast", "slow"))
CENTRE_X, CENTRE_Y = (f"{DETECTOR}/beam_center_{name}" for name in "xy")
WAVELENGTH = "entry/instrument/beam/incident_wavelength"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write_eiger(change=None, **keys):
    eiger(**keys)
    if change is not None:
        with h5py.File("x_master.h5", "a") as file:
            change(file)


def set_value(path, new, **attributes):
    """Changes the value of a field, and keeps, replaces or (None) removes its attributes."""

    def change(file):
        kept = {**dict(file[path].attrs), **attributes}
        del file[path]
        file[path] = new
        file[path].attrs.update({name: own for name, own in kept.items() if own is not None})

    return change


def set_attributes(path, **attributes):
    def change(file):
        for name, own in attributes.items():
            if own is None:
                del file[path].attrs[name]
            else:
                file[path].attrs[name] = own

    return change


def combined(*changes):
    return lambda file: [change(file) for change in changes]


def without(*paths):
    return lambda file: [file.__delitem__(path) for path in paths]


def set_on_both_axes(name, new):
    """Sets an attribute of both pixel directions."""
    return combined(set_attributes(FAST, **{name: new}), set_attributes(SLOW, **{name: new}))


def on_beam(file):
    """Removes the offset across the beam from the chain."""
    file[OFFSET].attrs["offset"] = np.zeros(3)


def soft(file):
    file.move(OFFSET, f"{MODULE}/other")
    file[OFFSET] = h5py.SoftLink("other")


def tilted(file):
    axis(file[f"{DETECTOR}/transformations"], "tilt", 10.0, "deg", "rotation", [0.0, -1.0, 0.0], ".")
    file[TRANSLATION].attrs["depends_on"] = "tilt"


COS, SIN = np.cos(np.radians(10.0)), np.sin(np.radians(10.0))
TILT = np.array([[COS, 0.0, -SIN], [0.0, 1.0, 0.0], [SIN, 0.0, COS]])  # by 10 degrees about -y
FAR = CORNER * (1, 1, 2)
# name: (change to the file, corner, fast, slow, words of the warning)
PLACES = {
    "unchanged": (None, *HEAD_ON, []),
    # units and forms
    "mm": (set_value(TRANSLATION, 100.0, units="mm"), *HEAD_ON, []),
    "array": (set_value(TRANSLATION, np.array([[100.0]], np.float32), units=np.bytes_("mm")), *HEAD_ON, []),
    "um": (combined(set_value(FAST, 75.0, units="um"), set_value(SLOW, 75, units="microns")), *HEAD_ON, []),
    "no unit of the distance": (set_attributes(TRANSLATION, units=None), *HEAD_ON, ["no unit of /entry/instrument"]),
    "no unit of the offset": (set_attributes(OFFSET, offset_units=None), *HEAD_ON, []),
    "no unit of what is 0": (set_attributes(OFFSET, units=None), *HEAD_ON, []),
    "offset of 0": (set_attributes(TRANSLATION, offset=0.0), *HEAD_ON, []),
    "rows": (set_attributes(FAST, vector=np.array([[-1, 0, 0]], np.int32)), *HEAD_ON, []),
    "text": (set_attributes(FAST, vector="[-1, 0, 0]"), *HEAD_ON, []),
    "long vectors": (combined(set_attributes(FAST, vector=[-2.0, 0, 0]), set_attributes(SLOW, vector=[0, -0.3, 0])), *HEAD_ON, []),
    "skew": (
        combined(set_attributes(SLOW, vector=[0.6, -0.8, 0.0]), without(CENTRE_X)), *HEAD_ON[:2], [0.6, -0.8, 0.0],
        ["126.9 degrees apart"],
    ),
    "value in the vector": (
        combined(set_value(OFFSET, 1.0, vector=CORNER * (1, 1, 0)), on_beam), *HEAD_ON, ["vector of length 0.00345"],
    ),
    # chains
    "relative": (set_on_both_axes("depends_on", "module_offset"), *HEAD_ON, []),
    "soft": (soft, *HEAD_ON, []),
    "ends at the module": (set_on_both_axes("depends_on", "."), *HEAD_ON, []),
    "no end at the module": (set_on_both_axes("depends_on", None), *HEAD_ON, []),
    "ends within the module": (set_attributes(OFFSET, depends_on="."), *HEAD_ON, ["it goes on with"]),
    "offset without depends_on": (set_attributes(OFFSET, depends_on=None), *HEAD_ON, ["it goes on with"]),
    "no chain but a distance": (
        combined(set_attributes(OFFSET, depends_on="."), without(f"{DETECTOR}/depends_on")), *HEAD_ON, [],
    ),
    "at the sample": (set_value(TRANSLATION, 0.0), *HEAD_ON, ["distance of /entry/instrument/detector, 100 mm"]),
    "tilted": (
        combined(tilted, without(f"{DETECTOR}/beam_center_x")), TILT @ CORNER, TILT @ HEAD_ON[1], TILT @ HEAD_ON[2], [],
    ),
    # beam centre and distance
    "centre only": (on_beam, *HEAD_ON, []),
    "centre only, mm": (
        combined(on_beam, set_value(CENTRE_X, 2.625, units="mm"), set_value(CENTRE_Y, [2.25], units="mm")),
        *HEAD_ON, [],
    ),
    "centre only, no unit": (combined(on_beam, set_attributes(f"{DETECTOR}/beam_center_x", units=None)), *HEAD_ON, []),
    "no centre": (combined(on_beam, without(f"{DETECTOR}/beam_center_x")), (0.0, 0.0, 0.1), *HEAD_ON[1:], []),
    "another centre": (set_value(f"{DETECTOR}/beam_center_x", 40.0), *HEAD_ON, ["pixel 40 30", "at 35 30"]),
    "centre of 0": (combined(set_value(CENTRE_X, 0.0), set_value(CENTRE_Y, 0.0)), *HEAD_ON, []),
    "upstream of the sample": (set_value(TRANSLATION, -0.1), *HEAD_ON, ["100 mm before the sample"]),
    "upstream of the sample by its vector": (set_attributes(TRANSLATION, vector=[0, 0, -1]), *HEAD_ON, ["before the sample"]),
    "distance of the other sign": (set_value(f"{DETECTOR}/detector_distance", -0.1), *HEAD_ON, []),
    "another distance": (set_value(f"{DETECTOR}/detector_distance", 0.2), *HEAD_ON, ["200 mm", "100 mm"]),
    "two distances": (
        lambda file: field(file[DETECTOR], "distance", 150.0, "mm"), *HEAD_ON,
        ["detector_distance 100 mm but distance 150 mm"],
    ),
    "another pixel": (
        combined(set_value(f"{DETECTOR}/x_pixel_size", 0.1, units="mm"), set_value(f"{DETECTOR}/y_pixel_size", 0.1, units="mm")),
        *HEAD_ON, ["0.1 mm as x_pixel_size", "pixels of 0.075 mm"],
    ),
    "pixels without a unit": (set_attributes(f"{DETECTOR}/x_pixel_size", units=None), *HEAD_ON, []),
    "pixel of the module only": (without(f"{DETECTOR}/x_pixel_size", f"{DETECTOR}/y_pixel_size"), *HEAD_ON, []),
    "farther by its chain": (set_value(TRANSLATION, 0.2), FAR, *HEAD_ON[1:], ["100 mm", "200 mm"]),
}  # fmt: skip


def check_place(corner, fast, slow):
    (panel,) = read_nxmx_detector("x_master.h5", "--panels")["panels"]
    assert (panel.detpixels_s, panel.detpixels_f) == SHAPE and panel.pixel == pytest.approx(0.075, rel=1e-7)
    np.testing.assert_allclose(panel.pix0_vector, corner, rtol=0, atol=1e-8)
    for own, expected in ((panel.fdet_vector, fast), (panel.sdet_vector, slow)):
        np.testing.assert_allclose(own / np.linalg.norm(own), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", PLACES)
def test_places(name, caplog):
    change, *place, words = PLACES[name]
    write_eiger(change)
    check_place(*place)
    assert len(caplog.messages) == bool(words) and all(word in caplog.text for word in words), caplog.text
    assert all(message.startswith("--panels: x_master.h5 ") for message in caplog.messages)


def geometry(distances, orientation=(-1, 0, 0, 0, -1, 0)):
    def change(file):
        file[f"{DETECTOR}/geometry/orientation/value"] = np.array(orientation, np.float32)
        field(file[DETECTOR], "geometry/translation/distances", np.array(distances, np.float32), "m")

    return change


def as_of_2015(file):
    del file["entry/definition"]
    del file[f"{DETECTOR}/detectorSpecific/eiger_fw_version"]
    file[f"{DETECTOR}/description"] = "Dectris Eiger 1M"


# in DECTRIS's frame z is against the beam
WITHOUT_MODULES = {
    "centre and distance": (None, *HEAD_ON, []),
    "of 2015": (as_of_2015, *HEAD_ON, []),
    "geometry too": (geometry([0.002625, 0.00225, -0.1]), *HEAD_ON, []),
    "geometry with a distance only": (geometry([0, 0, 0.1]), *HEAD_ON, []),
    "geometry with a distance of the other sign": (geometry([0, 0, -0.1]), *HEAD_ON, []),
    "geometry of the other sign": (geometry([0.002625, 0.00225, 0.1]), *HEAD_ON, ["before the sample"]),
    "geometry of zeros": (geometry([0, 0, 0]), *HEAD_ON, []),
    "geometry of another centre": (
        geometry([0.003, 0.00225, -0.1]), (0.003, 0.00225, 0.1), *HEAD_ON[1:], ["35 30", "40 30"],
    ),
    "geometry alone": (
        combined(geometry([0.002625, 0.00225, -0.1]), without(CENTRE_X, f"{DETECTOR}/detector_distance")), *HEAD_ON, [],
    ),
    "rotated": (
        geometry([0, 0, 0], (0, 1, 0, -1, 0, 0)), (30 * 75e-6, -35 * 75e-6, 0.1), (0, 1, 0), (-1, 0, 0), [],
    ),
    "rotated, long vectors": (
        geometry([0, 0, 0], (0, 2, 0, -3, 0, 0)), (30 * 75e-6, -35 * 75e-6, 0.1), (0, 1, 0), (-1, 0, 0), [],
    ),
    "distance in mm, negative": (set_value(f"{DETECTOR}/detector_distance", -100.0, units="mm"), *HEAD_ON, []),
    "size by mask and counts only": (without("entry/data/data_000001"), *HEAD_ON, []),
    "size by mask only": (
        without("entry/data/data_000001", f"{DETECTOR}/detectorSpecific/x_pixels_in_detector"), *HEAD_ON, [],
    ),
    "no unit": (set_attributes(f"{DETECTOR}/detector_distance", units=None), *HEAD_ON, ["taken as m"]),
    "distance by its usual name": (
        lambda file: file.move(f"{DETECTOR}/detector_distance", f"{DETECTOR}/distance"), *HEAD_ON, [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHOUT_MODULES)
def test_detectors_without_modules(name, caplog):
    change, *place, words = WITHOUT_MODULES[name]
    write_eiger(change, module=False)
    check_place(*place)
    assert len(caplog.messages) == bool(words) and all(word in caplog.text for word in words), caplog.text


REFUSED = {
    "no distance": (without(f"{DETECTOR}/detector_distance"), "detector_distance"),
    "no centre": (without(f"{DETECTOR}/beam_center_y"), "beam_center_y"),
    "no pixel": (without(f"{DETECTOR}/x_pixel_size"), "no NXdetector_module and no detector with an x_pixel_size"),
    "no other pixel": (without(f"{DETECTOR}/y_pixel_size"), "y_pixel_size"),
    "pixel of metres": (
        combined(set_value(f"{DETECTOR}/x_pixel_size", 75), set_value(f"{DETECTOR}/y_pixel_size", 75)), "number or unit",
    ),
    "oblong": (set_value(f"{DETECTOR}/x_pixel_size", 1e-4), "square"),
    "unit": (set_attributes(f"{DETECTOR}/detector_distance", units="furlong"), "'furlong'"),
    "no size": (without("entry/data/data_000001", f"{DETECTOR}/detectorSpecific"), "size of /entry/instrument"),
    "orientation": (geometry([0, 0, 0], (1, 0, 0)), "need six"),
    "orientation of zeros": (geometry([0, 0, 0], (0, 0, 0, 0, -1, 0)), "without a direction"),
    "orientation along a line": (geometry([0, 0, 0], (1, 0, 0, -1, 0, 0)), "along one line"),
    "nan": (set_value(f"{DETECTOR}/beam_center_x", np.nan), "nan in /entry/instrument/detector/beam_center_x"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_incomplete_detectors_give_one_line(name):
    change, words = REFUSED[name]
    write_eiger(change, module=False)
    with pytest.raises(InputError) as error:
        read_nxmx_detector("x_master.h5", "--panels")
    assert words in str(error.value) and str(error.value).startswith("--panels: x_master.h5 ")


# sizes

TRANSPOSED = set_value(f"{MODULE}/data_size", SHAPE[::-1])
COUNTS = [f"{DETECTOR}/detectorSpecific/{axis}_pixels_in_detector" for axis in "xy"]
MASK = f"{DETECTOR}/detectorSpecific/pixel_mask"
IMAGES = "entry/data/data_000001"
SIZES = {
    "swapped": (TRANSPOSED, ["60 x 80", "80 x 60 pixels in the images"]),
    "swapped, no images": (combined(TRANSPOSED, without(IMAGES)), ["80 x 60 as y_ and x_pixels_in_detector"]),
    "swapped, mask only": (combined(TRANSPOSED, without(IMAGES, *COUNTS)), ["80 x 60 pixels in the mask"]),
    "mask transposed": (set_value(MASK, np.zeros(SHAPE[::-1], np.uint32)), []),
    "three dimensions": (
        combined(set_value(f"{MODULE}/data_size", [1, *SHAPE]), set_value(f"{MODULE}/data_origin", [0, 0, 0])), [],
    ),
    "smaller images": (
        set_value(f"{MODULE}/data_size", [90, 70]), ["90 x 70", "80 x 60 pixels in the images; the latter counts"],
    ),
    "no origin": (without(f"{MODULE}/data_origin"), []),
    "beyond the images": (
        set_value(f"{MODULE}/data_origin", [10, 0]), ["80 x 60 as data_size and 10 x 0 as data_origin", "80 x 60 pixels in the images"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name, caplog):
    change, words = SIZES[name]
    write_eiger(change)
    check_place(*HEAD_ON)
    assert len(caplog.messages) == bool(words) and all(word in caplog.text for word in words), caplog.text


@pytest.mark.parametrize(
    "size", [(1065, 1030), (2167, 2070), (4371, 4150), (3262, 3108), (4362, 4148), (512, 1028), (1062, 1028)]
)
@pytest.mark.parametrize("swapped", [False, True])
def test_an_eiger_size_alone(size, swapped):
    write_eiger(combined(set_value(f"{MODULE}/data_size", size[::-1] if swapped else size), without(IMAGES, *COUNTS, MASK)))
    (panel,) = read_nxmx_detector("x_master.h5")["panels"]
    assert (panel.detpixels_s, panel.detpixels_f) == size


def test_a_part_of_the_images():
    write_eiger(combined(set_value(f"{MODULE}/data_size", [20, 30]), set_value(f"{MODULE}/data_origin", [60, 30])))
    (panel,) = read_nxmx_detector("x_master.h5")["panels"]
    assert (panel.detpixels_s, panel.detpixels_f) == (20, 30)


def put_several_modules(file, sizes, origins, shape):
    """Modules side by side, each with its own offset along fast."""
    detector = file[DETECTOR]
    for number, (size, origin) in enumerate(zip(sizes, origins, strict=True)):
        file.copy(detector["module"], detector, f"m{number:02d}")
        module = detector[f"m{number:02d}"]
        module["data_size"][...], module["data_origin"][...] = size, origin
        module["module_offset"].attrs["offset"] = CORNER * (1, 1, 0) + (-number * 0.01, 0, 0)
        for name in ("fast", "slow"):
            module[f"{name}_pixel_direction"].attrs["depends_on"] = "module_offset"
    del detector["module"], file[IMAGES]
    file["entry/data/data"] = np.zeros((2, *shape), np.uint16)


@pytest.mark.parametrize("swapped", [False, True])
def test_several_modules(swapped, caplog):
    sizes = [(20, 60)] * 3
    write_eiger(
        lambda file: put_several_modules(
            file, [size[::-1] if swapped else size for size in sizes], [(0, 0), (30, 0), (60, 0)], SHAPE
        )
    )
    panels = read_nxmx_detector("x_master.h5")["panels"]
    assert [(panel.detpixels_s, panel.detpixels_f) for panel in panels] == sizes
    np.testing.assert_allclose(
        [panel.pix0_vector for panel in panels], [CORNER - (n * 0.01, 0, 0) for n in range(3)], atol=1e-12
    )
    assert len(caplog.messages) == swapped


def test_modules_along_their_own_dimension_of_the_data(caplog):
    write_eiger(lambda file: put_several_modules(file, [(16, 24)] * 2, [(0, 0)] * 2, (2, 16, 24)))
    panels = read_nxmx_detector("x_master.h5")["panels"]
    assert [(panel.detpixels_s, panel.detpixels_f) for panel in panels] == [(16, 24)] * 2 and not caplog.messages
    assert read_image("show", "x_master.h5").pixels.shape == (32, 24)


def test_a_detector_under_two_names_is_one():
    write_eiger(lambda file: file["entry/instrument"].__setitem__("eiger", file[DETECTOR]))
    check_place(*HEAD_ON)


def test_detectors_without_pixels_are_skipped(caplog):
    def diode(file):
        field(group(file["entry/instrument"], "diode", "NXdetector"), "distance", 0.5, "m")
        group(file["entry/instrument"], "all", "NXdetector_group")["group_names"] = ["all", "detector"]

    write_eiger(diode)
    check_place(*HEAD_ON)
    assert not caplog.messages


def test_modules_within_modules():
    def nest(file):
        file.copy(MODULE, f"{DETECTOR}/copy")
        file.move(f"{DETECTOR}/copy", f"{MODULE}/inner")

    write_eiger(nest)
    check_place(*HEAD_ON)


def test_transformations_in_another_file():
    write_eiger()
    with h5py.File("geometry.h5", "w") as other, h5py.File("x_master.h5", "a") as file:
        file.copy(f"{DETECTOR}/transformations", other, "t")
        del file[f"{DETECTOR}/transformations"]
        file[f"{DETECTOR}/transformations"] = h5py.ExternalLink("geometry.h5", "/t")
    check_place(*HEAD_ON)


# beam and spindle


def spectrum(values, weights, name="incident_wavelength_weights"):
    return combined(set_value(WAVELENGTH, values), lambda file: file["entry/instrument/beam"].__setitem__(name, weights))


def variant(file):
    beam = file["entry/instrument/beam"]
    beam["spectrum"], beam["spectrum_weights"] = [0.9, 1.2], [1.0, 1.0]
    beam["incident_wavelength"].attrs["variant"] = "spectrum"


def energy(file):
    del file[WAVELENGTH]
    field(file["entry/instrument/beam"], "incident_energy", 12.398419843320026, "keV")


def in_the_monochromator(file):
    del file["entry/instrument/beam"]
    field(group(file["entry/instrument"], "mono", "NXmonochromator"), "wavelength", 0.1, "nm")


def beside_the_sample(file):
    file.move("entry/instrument/beam", "beam")
    file.move("beam", f"{group(file['entry'], 'sample', 'NXsample').name}/beam")


WAVELENGTHS = {
    "scalar": (None, 1.0, 0),
    "list of one": (set_value(WAVELENGTH, [1.0]), 1.0, 0),
    "nm": (set_value(WAVELENGTH, 0.1, units="nm"), 1.0, 0),
    "no unit": (set_attributes(WAVELENGTH, units=None), 1.0, 1),
    "one per image": (set_value(WAVELENGTH, [1.0, 1.1, 0.9]), 1.0, 1),
    "jitter of a pulse": (set_value(WAVELENGTH, [1.0, 1.0001, 0.9999]), 1.0, 0),
    "spectrum": (spectrum([0.9, 1.0, 1.3], [1.0, 2.0, 1.0]), 1.05, 0),
    "spectrum, older name": (spectrum([0.9, 1.0, 1.3], [1.0, 2.0, 1.0], "incident_wavelength_weight"), 1.05, 0),
    "a spectrum per image": (spectrum([[0.9, 1.1], [2.0, 2.0]], [[1.0, 1.0], [0.0, 1.0]]), 1.0, 0),
    "weights of all images": (spectrum([0.9, 1.1], [[1.0, 1.0], [0.0, 1.0]]), 1.0, 0),
    "variant": (variant, 1.0, 0),
    "energy": (energy, 1.0, 0),
    "monochromator": (in_the_monochromator, 1.0, 0),
    "beside the sample": (beside_the_sample, 1.0, 0),
}  # fmt: skip


def test_a_file_without_a_wavelength_is_a_warning_unless_lambda_is_given():
    write_eiger(without(WAVELENGTH))
    run = "-cell 50 60 70 -default_F 1 -N 2 --panels x_master.h5 -nonoise -nopgm"
    warning = "--panels x_master.h5: has no wavelength, and there is no -lambda; 1 A is used"
    assert simulate(run).warnings == [warning]
    assert simulate(f"{run} -lambda 1.5").warnings == []
    write_eiger()
    assert simulate(run).warnings == []


@pytest.mark.parametrize("name", WAVELENGTHS)
def test_wavelengths(name, caplog):
    change, expected, warnings = WAVELENGTHS[name]
    write_eiger(change)
    assert read_nxmx_detector("x_master.h5")["wavelength"] == pytest.approx(expected, rel=1e-12)
    assert len(caplog.messages) == warnings


@pytest.mark.parametrize("weights", [[0.0, 0.0], [1.0, -2.0], [1.0], [np.nan, 1.0]])
def test_invalid_weights(weights):
    write_eiger(spectrum([0.9, 1.1], weights))
    with pytest.raises(InputError, match="weights"):
        read_nxmx_detector("x_master.h5")


def scanned(values, **more):
    def change(file):
        sample = group(file["entry"], "sample", "NXsample")
        sample["depends_on"] = "transformations/omega"
        transformations = group(sample, "transformations", "NXtransformations")
        axis(transformations, "omega", values, "deg", "rotation", [0.0, 1.0, 0.0], ".")
        for name, own in more.items():
            transformations[name] = own

    return change


@pytest.mark.parametrize(
    "change, expected",
    [
        (None, (-1, 0, 0)),
        (scanned([0.0, 0.1]), (0, 1, 0)),
        (scanned([0.0, -0.1, -0.2]), (0, -1, 0)),
        (scanned([3.0], omega_end=[2.9]), (0, -1, 0)),
        (scanned([3.0], omega_end=[3.1]), (0, 1, 0)),
    ],
)
def test_the_spindle_rotates_with_increasing_angles(change, expected):
    write_eiger(change)
    np.testing.assert_allclose(read_nxmx_detector("x_master.h5")["spindle_axis"], expected, atol=1e-12)


# images


def test_the_first_existing_images_are_read(caplog):
    def links(file):
        for number in (1, 2, 3):
            file.pop(f"entry/data/data_{number:06d}", None)
            file[f"entry/data/data_{number:06d}"] = h5py.ExternalLink(f"x_data_{number:06d}.h5", "/entry/data/data")
        del file["entry/data"].attrs["signal"]

    write_eiger(links)
    os.rename("x_data_000001.h5", "x_data_000002.h5")
    assert read_image("show", "x_master.h5", to_look_at=True).pixels[0, 1] == 1.0
    assert len(caplog.messages) == 1 and "data_000002 is taken" in caplog.text


def test_old_masks_exclude_pixels():
    mask = np.zeros(SHAPE, np.uint32)
    mask[3, 4] = 1
    write_eiger(set_value(MASK, mask), module=False)
    image = read_image("show", "x_master.h5", to_look_at=True)
    assert np.isnan(image.pixels[3, 4]) and np.isnan(image.pixels).sum() == 1
    np.testing.assert_allclose(image.beam_center, (35.0, 30.0), atol=1e-9)


def test_compare_does_not_warn_of_the_geometry(caplog):
    write_eiger(TRANSPOSED)
    read_image("compare", "x_master.h5")
    assert not caplog.messages


def test_warnings_reach_the_command_line(capsys):
    """The reader warns by logging, which the command must show."""
    write_eiger(TRANSPOSED)
    words = "-cell 9 9 9 90 90 90 -default_F 1 -N 1 -oversample 1 -seed 1 -nopgm -nonoise -noprogress"
    assert main(["simulate", "--panels", "x_master.h5", *words.split()]) == 0
    err = capsys.readouterr().err
    assert err.count("nbkernel: warning: --panels: x_master.h5 has 60 x 80 as data_size") == 1
