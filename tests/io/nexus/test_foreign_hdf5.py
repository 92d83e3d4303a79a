"""Malicious or just odd HDF5 files: they open no other file and take no memory; one line gives the reason."""

import contextlib
import io
import os
import resource
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from nbkernel.cli.main import main
from nbkernel.errors import InputError
from nbkernel.io.images.read import read_image
from nbkernel.io.nexus.reader import read_nxmx_detector

from foreign_files import DETECTOR, MODULE, SHAPE, eiger
from nxmx_files import write


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working folder `inside`, next to a file `secret.h5` that nothing inside may reach."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["entry/data/data"] = np.full((1, *SHAPE), 7, np.uint32)
    (tmp_path / "inside").mkdir()
    monkeypatch.chdir(tmp_path / "inside")
    return tmp_path


def command(*arguments):
    """Runs nbkernel: status and lines of standard error."""
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        status = main(list(arguments))
    return status, err.getvalue().splitlines()


def refused(*arguments):
    """The one error line of a command that must fail."""
    status, lines = command(*arguments)
    assert (status, len(lines)) == (2, 1), lines
    return lines[0]


@contextlib.contextmanager
def limited(memory=2**29, seconds=10):
    """Limits the CPU time, and the memory that the process may take beyond what it has."""
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    start = time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (taken + memory, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert time.process_time() - start < seconds


# links


def link_data(make):
    """Writes a master whose images are the link that `make` returns."""
    eiger()
    with h5py.File("x_master.h5", "a") as file:
        del file["entry/data/data_000001"]
        file["entry/data/data_000001"] = make()


def test_data_files_beside_and_below_the_master_are_read():
    eiger()
    expected = np.arange(4800, dtype=np.float32).reshape(SHAPE)
    assert (read_image("show", "x_master.h5").pixels == expected).all()
    Path("raw").mkdir()
    os.rename("x_data_000001.h5", "raw/d.h5")
    for named in ("raw/d.h5", "./raw/d.h5", os.path.abspath("raw/d.h5")):
        link_data(lambda named=named: h5py.ExternalLink(named, "/entry/data/data"))
        os.remove("x_data_000001.h5")
        assert (read_image("show", "x_master.h5").pixels == expected).all()
    # moved together: only the name counts of an absolute path
    os.rename("raw/d.h5", "d.h5")
    link_data(lambda: h5py.ExternalLink("/beamline/2019/d.h5", "/entry/data/data"))
    assert (read_image("show", "x_master.h5").pixels == expected).all()
    # a symbolic link to the master from another folder
    Path("elsewhere").mkdir()
    os.symlink("../x_master.h5", "elsewhere/link.h5")
    assert (read_image("show", "elsewhere/link.h5").pixels == expected).all()


def test_links_are_relative_to_the_file_that_contains_them():
    eiger()
    Path("raw").mkdir()
    os.rename("x_data_000001.h5", "raw/d.h5")
    with h5py.File("raw/step.h5", "w") as file:
        file["data"] = h5py.ExternalLink("d.h5", "/entry/data/data")
    with h5py.File("x_master.h5", "a") as file:
        file["entry/data/data"] = h5py.ExternalLink("raw/step.h5", "/data")
    assert read_image("show", "x_master.h5").pixels[0, 1] == 1.0


def outside_by_symlink():
    os.symlink("../secret.h5", "x.h5")
    return h5py.ExternalLink("x.h5", "/entry/data/data")


def outside_by_folder():
    os.symlink("..", "up")
    return h5py.ExternalLink("up/secret.h5", "/entry/data/data")


def fifo():
    os.mkfifo("pipe.h5")
    return h5py.ExternalLink("pipe.h5", "/entry/data/data")


def text():
    Path("passwd").write_text("root:secret\n")
    return h5py.ExternalLink("passwd", "/")


def in_two_steps():
    with h5py.File("step.h5", "w") as file:
        file["data"] = h5py.ExternalLink("../secret.h5", "/entry/data/data")
    return h5py.ExternalLink("step.h5", "/data")


def cycle():
    with h5py.File("step.h5", "w") as file:
        file["data"] = h5py.ExternalLink("x_master.h5", "/entry/data/data_000001")
    return h5py.ExternalLink("step.h5", "/data")


BAD_LINKS = {
    "up": (lambda: h5py.ExternalLink("../secret.h5", "/entry/data/data"), "../secret.h5", "'..'"),
    "absolute": (
        lambda: h5py.ExternalLink(os.path.abspath("../secret.h5"), "/entry/data/data"), "secret.h5", "outside",
    ),
    "system": (lambda: h5py.ExternalLink("/etc/passwd", "/"), "/etc/passwd", "outside"),
    "by a symlink": (outside_by_symlink, "x.h5", "outside"),
    "by a symlink to a folder": (outside_by_folder, "up/secret.h5", "outside"),
    "pipe": (fifo, "pipe.h5", "not a regular file"),
    "device": (lambda: h5py.ExternalLink("/dev/zero", "/"), "/dev/zero", "outside"),
    "folder": (lambda: Path("sub").mkdir() or h5py.ExternalLink("sub", "/"), "sub", "not a regular file"),
    "text": (text, "passwd", "not an HDF5 file"),
    "in two steps": (in_two_steps, "../secret.h5", "'..'"),
    "cycle of files": (cycle, "", "never end"),
    "cycle": (lambda: h5py.SoftLink("/entry/data/data_000001"), "", "never end"),
    "soft to external": (
        lambda: h5py.SoftLink("/entry/far"), "", "has no image"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_LINKS)
def test_links_that_are_not_followed(name):
    make, *words = BAD_LINKS[name]
    link_data(make)
    for arguments in (("show", "x_master.h5"), ("compare", "x_master.h5", "x_master.h5")):
        line = refused(*arguments)
        assert "x_master.h5" in line and all(word in line for word in words)
    assert not list(Path().glob("*.png"))


def test_a_bad_link_that_is_not_needed_is_a_warning(caplog):
    eiger()
    with h5py.File("x_master.h5", "a") as file:
        file["entry/instrument/other"] = h5py.ExternalLink("../secret.h5", "/entry")
    (panel,) = read_nxmx_detector("x_master.h5")["panels"]
    assert (panel.detpixels_s, panel.detpixels_f) == SHAPE
    assert len(caplog.messages) == 1 and "/entry/instrument/other" in caplog.text and "../secret.h5" in caplog.text


def test_geometry_needs_no_data(caplog):
    """Masters are often passed on without their data, or with broken links to them."""
    link_data(lambda: h5py.ExternalLink("../secret.h5", "/entry/data/data"))
    with h5py.File("x_master.h5", "a") as file:
        file.create_dataset(f"{DETECTOR}/odd", (3,), np.uint8, external=[("/etc/passwd", 0, 3)])
        file[f"{DETECTOR}/opaque"] = np.void(b"abc")
        file[f"{DETECTOR}/region"] = file[f"{DETECTOR}/x_pixel_size"].regionref[()]
    (panel,) = read_nxmx_detector("x_master.h5")["panels"]
    assert (panel.detpixels_s, panel.detpixels_f) == SHAPE
    assert len(caplog.messages) == 1 and "../secret.h5" in caplog.text


def test_data_without_read_permission_are_named(monkeypatch):
    eiger()

    def denied(name, flags, *mode):
        if "data" in os.path.basename(name):
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *mode)

    real = os.open
    monkeypatch.setattr(os, "open", denied)
    line = refused("show", "x_master.h5")
    assert line.startswith("nbkernel: show: x_master.h5 has a link /entry/data/data_000001") and "Permission" in line


def test_missing_data_are_named():
    eiger(data=False)
    assert "x_data_000001.h5" in refused("show", "x_master.h5")


def test_panels_and_configurations_follow_no_links_either(folder):
    write("own.h5")
    with h5py.File("own.h5", "a") as file:
        del file["entry/simulation/provenance"]
        file["entry/simulation/provenance"] = h5py.ExternalLink("../secret.h5", "/")
        del file[f"{MODULE}/module_offset"]
        file[f"{MODULE}/module_offset"] = h5py.ExternalLink("../secret.h5", "/entry/data/data")
    assert "'..'" in refused("simulate", "--config", "own.h5")
    assert "'..'" in refused(
        "simulate", "--panels", "own.h5", "-cell", *"9 9 9 90 90 90".split(), "-default_F", "1", "-N", "1"
    )


# virtual datasets and raw data


def virtual(named, inner="/entry/data/data", shape=(1, *SHAPE)):
    """Writes a master whose images are a virtual dataset of another file, like JUNGFRAU's."""
    eiger()
    layout = h5py.VirtualLayout(shape, np.uint32)
    layout[:] = h5py.VirtualSource(named, inner, shape)
    with h5py.File("x_master.h5", "a") as file:
        file.create_virtual_dataset("entry/data/data", layout)


@pytest.mark.parametrize("named", ["x_data_000001.h5", "./x_data_000001.h5"])
def test_virtual_data_beside_the_master_are_read(named, monkeypatch):
    virtual(named)
    expected = np.arange(4800, dtype=np.float32).reshape(SHAPE)
    assert (read_image("show", "x_master.h5").pixels == expected).all()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert (read_image("show", "../x_master.h5").pixels == expected).all()


def virtual_link():
    with h5py.File("step.h5", "w") as file:
        file["data"] = h5py.ExternalLink("../secret.h5", "/entry/data/data")
    virtual("step.h5", "/data")


def virtual_fifo():
    os.mkfifo("pipe.h5")
    virtual("pipe.h5")


def virtual_pattern():
    eiger()
    layout = h5py.VirtualLayout((1, *SHAPE), np.uint32, maxshape=(None, *SHAPE))
    layout[: h5py.h5s.UNLIMITED] = h5py.VirtualSource("x_data_00000%b.h5", "/entry/data/data", (1, *SHAPE))
    with h5py.File("x_master.h5", "a") as file:
        file.create_virtual_dataset("entry/data/data", layout)


def virtual_raw():
    Path("raw.bin").write_bytes(bytes(4 * 4800))
    with h5py.File("step.h5", "w") as file:
        file.create_dataset("data", (1, *SHAPE), np.uint32, external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])
    virtual("step.h5", "/data")


def raw(where):
    def make():
        eiger()
        with h5py.File("x_master.h5", "a") as file:
            file.create_dataset("entry/data/data", (1, *SHAPE), np.uint32, external=[(where, 0, h5py.h5f.UNLIMITED)])

    return make


BAD_DATA = {
    "up": (lambda: virtual("../secret.h5"), "../secret.h5", "'..'"),
    "absolute": (lambda: virtual(os.path.abspath("../secret.h5")), "secret.h5", "outside"),
    "missing": (lambda: virtual("gone.h5"), "gone.h5", "not there"),
    "pipe": (virtual_fifo, "pipe.h5", "not a regular file"),
    "link in the source": (virtual_link, "/data", "not followed"),
    "pattern": (virtual_pattern, "%b", "pattern"),
    "raw data in the source": (virtual_raw, "/etc/passwd", "raw data"),
    "raw data": (raw("/etc/passwd"), "/etc/passwd", "raw data"),
    "raw data beside": (raw("x_data_000001.h5"), "x_data_000001.h5", "raw data"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_data_of_other_files_are_not_read(name):
    make, *words = BAD_DATA[name]
    make()
    line = refused("show", "x_master.h5")
    assert "x_master.h5" in line and all(word in line for word in words)


def test_only_the_source_of_the_first_frame_must_exist():
    eiger(frames=2)
    layout = h5py.VirtualLayout((4, *SHAPE), np.uint32)
    layout[:2] = h5py.VirtualSource("x_data_000001.h5", "/entry/data/data", (2, *SHAPE))
    layout[2:] = h5py.VirtualSource("x_data_000002.h5", "/entry/data/data", (2, *SHAPE))
    with h5py.File("x_master.h5", "a") as file:
        file.create_virtual_dataset("entry/data/data", layout)
    assert read_image("show", "x_master.h5").pixels[0, 1] == 1.0


# bombs


def plain(path="bomb.h5", **keys):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", **keys)


def bomb_by_deflate():
    """A chunk that claims 4 kB and unpacks to 2 GB of zeros."""
    import zlib

    packing = zlib.compressobj(9)
    zeros = bytes(1 << 24)
    start, block = (packing.compress(zeros) + packing.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    content = start + 127 * block
    with h5py.File("bomb.h5", "w") as file:
        found = file.create_dataset("x", (64, 64), np.uint8, chunks=(64, 64), compression="gzip")
        found.id.write_direct_chunk((0, 0), content)


def bomb_by_header(name, content):
    def make():
        hdf5plugin = pytest.importorskip("hdf5plugin")
        packing = dict(
            lz4=hdf5plugin.LZ4(), bitshuffle=hdf5plugin.Bitshuffle(), zstd=hdf5plugin.Zstd(), blosc=hdf5plugin.Blosc()
        )
        with h5py.File("bomb.h5", "w") as file:
            found = file.create_dataset("x", (64, 64), np.uint8, chunks=(64, 64), **packing[name])
            found.id.write_direct_chunk((0, 0), content)

    return make


def many_groups():
    with h5py.File("bomb.h5", "w", libver="latest") as file:
        for number in range(30_000):
            h5py.h5g.create(file.id, b"%d" % number)


def texts():
    """Many references to one long text."""
    with h5py.File("bomb.h5", "w") as file:
        found = file.create_dataset("x", (50_000, 2), h5py.string_dtype())
        found[0, 0] = "x" * 1_000_000


HUGE = 1 << 40
ZSTD_FRAME = b"\x28\xb5\x2f\xfd\xe0" + HUGE.to_bytes(8, "little") + bytes(8)
BOMBS = {
    "unwritten": (lambda: plain(shape=(30_000, 30_000), dtype="f8", chunks=(1000, 1000)), "NBKERNEL_INPUT_LIMIT"),
    "unwritten, contiguous": (lambda: plain(shape=(30_000, 30_000), dtype="f8"), "NBKERNEL_INPUT_LIMIT"),
    "frames": (
        lambda: plain(shape=(10**6, 30_000, 30_000), dtype="u2", chunks=(1, 1000, 1000)), "NBKERNEL_INPUT_LIMIT",
    ),
    "chunk": (
        lambda: plain(shape=(100, 1), maxshape=(None, None), dtype="u4", chunks=(30_000, 30_000)), "a chunk of /x",
    ),
    "chunks": (lambda: plain(shape=(1000, 1000), dtype="u1", chunks=(1, 1)), "1000000 chunks"),
    "deflate": (bomb_by_deflate, "unpacks to more"),
    "twice": (
        lambda: plain(shape=(64, 64), dtype="u1", chunks=(64, 64), compression="gzip", scaleoffset=0), "more than once",
    ),
    "LZ4": (bomb_by_header("lz4", HUGE.to_bytes(8, "big") + bytes(16)), "unpacks to more"),
    "bitshuffle": (bomb_by_header("bitshuffle", HUGE.to_bytes(8, "big") + bytes(16)), "unpacks to more"),
    "Zstandard": (bomb_by_header("zstd", ZSTD_FRAME), "unpacks to more"),
    "Blosc": (bomb_by_header("blosc", b"\2\1\1\1" + (2**31).to_bytes(4, "little") + bytes(24)), "unpacks to more"),
    "texts": (texts, "no image in /x"),
    "compound": (lambda: plain(shape=(10, 10), dtype=[("a", "i4"), ("b", "f4")]), "no image in /x"),
    "references": (lambda: plain(shape=(10, 10), dtype=h5py.ref_dtype), "no image in /x"),
    "arrays": (lambda: plain(shape=(10, 10), dtype=h5py.vlen_dtype(np.int32)), "no image in /x"),
    "complex": (lambda: plain(shape=(10, 10), dtype="c8"), "no image in /x"),
    "nothing": (lambda: plain(data=h5py.Empty("f4")), "no image in /x"),
    "no pixels": (lambda: plain(shape=(0, 10, 10), dtype="u2"), "no image in /x"),
    "five dimensions": (lambda: plain(shape=(1, 1, 1, 10, 10), dtype="u2"), "no image in /x"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_bombs(name):
    make, words = BOMBS[name]
    make()
    with limited():
        line = refused("show", "bomb.h5:/x")
    assert words in line and "bomb.h5" in line


@pytest.mark.slow
def test_files_of_very_many_objects():
    many_groups()
    with limited():
        assert "30000 members" in refused("show", "bomb.h5")


def test_links_of_links_do_not_hang():
    """Each of 30 links follows the next one twice."""
    with h5py.File("bomb.h5", "w") as file:
        file["self"] = file["/"]
        for number in range(30):
            file[f"l{number}"] = h5py.SoftLink(f"l{number + 1}/l{number + 1}")
        file["l30"] = h5py.SoftLink("self")
    with limited():
        assert "no dataset /l0/x" in refused("show", "bomb.h5:/l0/x")


def test_the_size_of_later_frames_of_a_source_is_checked_too():
    hdf5plugin = pytest.importorskip("hdf5plugin")
    eiger()
    with h5py.File("x_data_000002.h5", "w") as file:
        found = file.create_dataset("d", (4, *SHAPE), np.uint32, chunks=(1, *SHAPE), **hdf5plugin.LZ4())
        found[...] = 5
        found.id.write_direct_chunk((2, 0, 0), HUGE.to_bytes(8, "big") + bytes(16))
    for frame, status in ((1, 0), (2, 2)):
        layout = h5py.VirtualLayout((1, *SHAPE), np.uint32)
        layout[0] = h5py.VirtualSource("x_data_000002.h5", "d", (4, *SHAPE))[frame]
        with h5py.File("x_master.h5", "a") as file:
            file.create_virtual_dataset(f"entry/data/v{frame}", layout)
        found, lines = command("show", f"x_master.h5:/entry/data/v{frame}")
        assert found == status and (not status or "unpacks to more" in lines[0]), lines


def test_the_limit_can_be_raised(monkeypatch):
    plain(shape=(1500, 1500), dtype="u1", chunks=(500, 500), compression="gzip")
    monkeypatch.setattr("nbkernel.io.files.input_limit.DEFAULT", 2**20)
    assert "NBKERNEL_INPUT_LIMIT=1G" in refused("show", "bomb.h5:/x")
    monkeypatch.setenv("NBKERNEL_INPUT_LIMIT", "1G")
    assert command("show", "bomb.h5:/x")[0] == 0


def test_data_of_usual_compressions_are_read():
    hdf5plugin = pytest.importorskip("hdf5plugin")
    pixels = np.random.default_rng(1).poisson(3.0, (300, 200)).astype(np.uint32)
    filters = dict(
        gzip=dict(compression="gzip"), lzf=dict(compression="lzf"),
        shuffled=dict(compression="gzip", shuffle=True, fletcher32=True),
        lz4=hdf5plugin.LZ4(), bitshuffle=hdf5plugin.Bitshuffle(), bitshuffle_zstd=hdf5plugin.Bitshuffle(cname="zstd"),
        only_shuffled=hdf5plugin.Bitshuffle(cname="none"), zstd=hdf5plugin.Zstd(), blosc=hdf5plugin.Blosc(),
        bzip2=hdf5plugin.BZip2(), plain={},
    )  # fmt: skip
    for name, options in filters.items():
        with h5py.File(f"{name}.h5", "w") as file:
            file.create_dataset("x", data=pixels, chunks=(128, 128), **options)
        assert (read_image("show", f"{name}.h5:/x").pixels == pixels).all(), name


def test_missing_filters_are_named():
    plain(shape=(64, 64), dtype="u1", chunks=(64, 64), compression=32019, allow_unknown_filter=True)
    line = refused("show", "bomb.h5:/x")
    assert "32019" in line and "h5repack" in line


# the record in nbkernel's own files


def refused_record(value):
    write("own.h5", provenance={"config": "x"})
    with h5py.File("own.h5", "a") as file:
        provenance = file["entry/simulation/provenance"]
        del provenance["config"]
        if value is not None:
            value(provenance) if callable(value) else provenance.__setitem__("config", value)
    return refused("simulate", "--config", "own.h5")


BAD_RECORDS = {
    "missing": None,
    "number": 3.5,
    "numbers": [1, 2, 3],
    "texts": ["wavelength = 1", "x"],
    "empty": "",
    "broken": np.bytes_(b"[beam]\nwavelength = 1 # \xff\xfe"),
    "null": np.void(b"[beam]\0\0wave"),
    "nothing": h5py.Empty("S1"),
    "group": lambda parent: parent.create_group("config"),
    "compound": np.zeros(2, [("a", "i4")]),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_records_that_are_not_text(name):
    line = refused_record(BAD_RECORDS[name])
    assert (
        line.startswith("nbkernel: --config")
        and "own.h5" in line
        and ("config" in line.partition("own.h5")[2] or "no experiment" in line)
    )


BAD_INPUTS = [
    "",
    "[]",
    "3",
    "{",
    "[" * 10**5,
    '{"hkl": 3}',
    '{"hkl": {}}',
    '{"hkl": {"path": 3, "sha256": null}}',
    '{"hkl": {"path": "x", "sha256": 4}}',
]


@pytest.mark.parametrize("text", BAD_INPUTS, ids=lambda text: text[:30])
def test_invalid_records_of_input_files(text):
    config = '[crystal]\nhkl = "x.hkl"\n'
    write("own.h5", provenance={"config": config, "inputs": text})
    line = refused("simulate", "--config", "own.h5")
    assert (line.startswith("nbkernel: --config own.h5") and "inputs" in line) or "/inputs" in line


# invalid values in an NXmx file


@pytest.mark.parametrize(
    "path, attribute, value",
    [
        (f"{MODULE}/fast_pixel_direction", None, np.nan),
        (f"{MODULE}/fast_pixel_direction", "vector", [np.nan, 0, 0]),
        (f"{MODULE}/fast_pixel_direction", "vector", [0.0, 0, 0]),
        (f"{MODULE}/module_offset", "offset", [0, np.inf, 0]),
        (f"{MODULE}/data_size", None, [np.nan, 3]),
        (f"{MODULE}/data_size", None, [-80, 60]),
        (f"{MODULE}/data_size", None, [80]),
        (f"{MODULE}/data_size", None, "80 60"),
        (f"{DETECTOR}/transformations/translation", None, np.nan),
        (f"{DETECTOR}/transformations/translation", None, np.zeros(0)),
        (f"{DETECTOR}/transformations/translation", None, 1e308),
        (f"{DETECTOR}/transformations/translation", None, np.full(5000, np.nan)),
        (f"{MODULE}/module_offset", "vector", [1e200, 1e200, 1e200]),
        (f"{DETECTOR}/beam_center_x", None, 1e308),
        ("entry/instrument/beam/incident_wavelength", None, [1e308, -1e308]),
        ("entry/instrument/beam/incident_wavelength", None, np.nan),
        ("entry/instrument/beam/incident_wavelength", None, 0.0),
        ("entry/instrument/beam/incident_wavelength", None, -1.0),
        ("entry/instrument/beam/incident_wavelength", None, "1.0"),
    ],
)
def test_invalid_values(path, attribute, value, recwarn):
    eiger()
    with h5py.File("x_master.h5", "a") as file:
        if attribute:
            file[path].attrs[attribute] = value
        else:
            attributes = dict(file[path].attrs)
            del file[path]
            file[path] = value
            file[path].attrs.update(attributes)
    with pytest.raises(InputError) as error:
        read_nxmx_detector("x_master.h5", "--panels")
    assert str(error.value).startswith("--panels: x_master.h5 ") and path.rpartition("/")[2] in str(error.value)
    assert not recwarn.list


def test_the_size_of_small_integers_is_that_of_their_float_pixels():
    plain(shape=(16_000, 16_000), dtype="u1", chunks=(1000, 1000))
    with limited():
        assert "1.19 GiB" in refused("show", "bomb.h5:/x")
