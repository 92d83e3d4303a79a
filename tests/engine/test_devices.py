"""The choice of a device, and the messages if CUDA cannot be used. A fake driver answers as CUDA's does."""

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.engine import devices
from nbkernel.engine.cuda import start
from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.options import Engine
from nbkernel.errors import DeviceError, InputError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.background import Material
from nbkernel.setup.prepare import prepare_panels

from running import BASE, simulate


class Driver:
    """A driver with these devices: (name, memory, (major, minor), multiprocessors)."""

    def __init__(self, *devices, version=12040, status=0):
        self.devices, self.version, self.status = devices, version, status

    def cuInit(self, flags):
        return self.status

    def cuDriverGetVersion(self, version):
        version._obj.value = self.version
        return 0

    def cuDeviceGetCount(self, count):
        count._obj.value = len(self.devices)
        return 0

    def cuDeviceGet(self, device, number):
        device._obj.value = 10 + number
        return 0

    def cuDeviceGetName(self, name, size, device):
        name.value = self.device(device)[0].encode()
        return 0

    def cuDeviceTotalMem_v2(self, memory, device):
        assert isinstance(memory._obj, ctypes.c_size_t)
        memory._obj.value = self.device(device)[1]
        return 0

    def cuDeviceGetAttribute(self, value, which, device):
        _, _, (major, minor), multiprocessors = self.device(device)
        value._obj.value = {16: multiprocessors, 75: major, 76: minor}[which]
        return 0

    def device(self, handle):
        return self.devices[handle.value - 10]


SMALL = ("small", 8 * 2**30, (8, 6), 20)
LARGE = ("large", 80 * 2**30, (9, 0), 132)
OLD = ("old", 4 * 2**30, (3, 5), 10)


@pytest.fixture
def machine(monkeypatch):
    """machine(driver, packages) sets the machine's driver and CUDA packages."""

    def set_up(driver, packages=12):
        monkeypatch.setattr(devices, "load_driver", lambda: driver)
        monkeypatch.setattr(devices, "cuda_packages", lambda: packages)

    monkeypatch.delenv(devices.SIMULATOR, raising=False)
    monkeypatch.setattr(start, "START", 0.0)  # so that `auto` takes a device for the smallest job
    monkeypatch.setattr(start, "is_kept", lambda key, capability: True)
    return set_up


@pytest.mark.parametrize(
    "text, expected",
    [
        ("auto", ("auto", ())),
        ("cpu", ("cpu", ())),
        ("cuda", ("cuda", ())),
        ("cuda:1", ("cuda", (1,))),
        ("cuda:2,0", ("cuda", (2, 0))),
    ],
)
def test_device_names(text, expected):
    assert parse_device(text) == expected


@pytest.mark.parametrize("text", ["gpu", "", "cuda:", "cuda:a", "cuda:-1", "cpu:0", "auto:1", "cuda:0,", "cuda:1,1", "CUDA"])
def test_other_device_names_are_refused(text):
    with pytest.raises(InputError, match="^--device: "):
        parse_device(text, "--device")


def test_devices_are_described(machine):
    machine(Driver(SMALL, LARGE))
    found = devices.survey()
    assert [(d.number, d.name, d.memory, d.capability, d.multiprocessors) for d in found.devices] == [
        (0, *SMALL),
        (1, *LARGE),
    ]
    assert found.driver == 12040 and found.missing == ""
    assert found.devices[1].line() == "cuda:1  large, 80 GiB, 132 multiprocessors, compute capability 9.0"


def test_auto_chooses_the_largest_device(machine):
    machine(Driver(SMALL, LARGE, SMALL))
    choice = choose_device("auto", (), "double")
    assert choice.devices == (1,) and choice.falls_back
    assert choice.line() == "rendering on cuda:1: large"
    assert choose_device("auto", (), "exact").devices == ()
    assert choose_device("cpu", (), "mixed").devices == ()


def test_cuda_chooses_the_named_devices(machine):
    machine(Driver(SMALL, LARGE))
    assert choose_device("cuda", (), "mixed").devices == (0,)
    choice = choose_device("cuda", (1, 0), "double")
    assert choice.devices == (1, 0) and not choice.falls_back
    with pytest.raises(DeviceError, match=r"cuda:2: there is no such device; available: 0, 1"):
        choose_device("cuda", (0, 2), "double")
    with pytest.raises(DeviceError, match="exact"):
        choose_device("cuda", (), "exact")


def test_devices_that_are_too_old_are_passed_over(machine):
    machine(Driver(("old but large", 4 * 2**30, (3, 5), 200), SMALL))
    assert choose_device("auto", (), "double").devices == (1,)
    assert choose_device("cuda", (), "double").devices == (1,)
    with pytest.raises(
        DeviceError, match="^--device cuda:0: its compute capability is below 5.0, which cu12 needs; usable: 1"
    ):
        choose_device("cuda", (0, 1), "double")


@pytest.mark.parametrize(
    "driver, packages, words",
    [
        (None, 12, "no CUDA driver is installed"),
        (Driver(status=100), 12, "error 100"),
        (Driver(), 12, "finds no device"),
        (Driver(LARGE), None, r"pip install 'nbkernel\[cu12\]'"),
        (Driver(LARGE, version=13000), None, r"pip install 'nbkernel\[cu13\]'"),
        (Driver(LARGE, version=11080), 12, r"has CUDA 11.8, they need 12.0 \(driver 525 or later\)"),
        (Driver(LARGE, version=12040), 13, r"they need 13.0 \(driver 580 or later\); or pip install 'nbkernel\[cu12\]'"),
        (Driver(OLD), 12, "compute capability 5.0 or higher"),
    ],
)
def test_the_reason_names_what_is_missing(machine, driver, packages, words):
    machine(driver, packages)
    with pytest.raises(DeviceError, match=words):
        choose_device("cuda", (), "double")
    choice = choose_device("auto", (), "double")
    assert choice.devices == () and choice.reason == devices.survey().missing


def test_simulate_reports_the_reason(machine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    machine(None)
    run = simulate(f"{BASE} -detpixels 8 --precision double --device cuda -floatfile there.bin")
    assert run.status == 2 and run.err == "nbkernel: --device cuda: no CUDA driver is installed (libcuda.so.1)\n"
    assert not list(tmp_path.iterdir())
    run = simulate(f"{BASE} -detpixels 8 --precision double --device auto")
    assert run.status == 0
    assert "rendering on the CPU: no CUDA driver is installed" in run.err
    assert "rendering on" not in simulate(f"{BASE} -detpixels 8 --precision double").err


@pytest.mark.parametrize("device, status", [("auto", 0), ("cuda", 2)])
def test_a_device_that_fails(device, status, machine, tmp_path, monkeypatch):
    """auto falls back to the CPU; cuda leaves no file."""
    import nbkernel.run.simulate

    render_panels = nbkernel.run.simulate.render_panels

    def failing(runs, precision, threads, tile_shape, on_pixels, numbers, parallel, memory):
        if numbers:
            raise DeviceError("--device cuda:0: out of memory")
        return render_panels(runs, precision, threads, tile_shape, on_pixels, numbers, parallel, memory)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nbkernel.run.simulate, "render_panels", failing)
    machine(Driver(LARGE))
    run = simulate(f"{BASE} -detpixels 8 --precision double --device {device} -floatfile float.bin")
    assert run.status == status
    assert "--device cuda:0: out of memory" in run.err
    assert (tmp_path / "float.bin").exists() == (status == 0)
    assert ("rendering on the CPU" in run.err) == (status == 0)


SOONER = "nbkernel: rendering on the CPU: done there before cuda:0 has started"


@pytest.mark.parametrize(
    "start_seconds, kept, compiled, opened, sooner",
    [
        (0.3, True, True, (), True),
        (0.3, True, True, (0,), False),  # the device has started already
        (1e-9, True, True, (), False),
        (1e-9, False, True, (), True),  # has to be compiled for the device
        (0.3, True, False, (), False),  # or for the CPU
        (0.3, False, False, (), False),
    ],
)
def test_auto_leaves_to_the_cpu_what_is_done_there_sooner(
    start_seconds, kept, compiled, opened, sooner, machine, tmp_path, monkeypatch
):
    import nbkernel.run.simulate

    used, render_panels = [], nbkernel.run.simulate.render_panels

    def recorded(runs, precision, threads, tile_shape, on_pixels, numbers, *others):
        used.append(numbers)
        return render_panels(runs, precision, threads, tile_shape, on_pixels, (), *others)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(nbkernel.run.simulate, "render_panels", recorded)
    machine(Driver(LARGE))
    monkeypatch.setattr(start, "START", start_seconds)
    monkeypatch.setattr(start, "is_kept", lambda key, capability: kept)
    monkeypatch.setattr(start, "is_compiled", lambda kernel: compiled)
    monkeypatch.setattr(start, "OPENED", dict.fromkeys(opened))
    flags = f"{BASE} -detpixels 8 -nonoise -nopgm --precision double"
    lines = simulate(f"{flags} --device auto").err.splitlines()
    assert [line for line in lines if "rendering on" in line] == [
        SOONER if sooner else "nbkernel: rendering on cuda:0: large"
    ]
    assert used == [() if sooner else (0,)]
    # what was asked for is done
    used.clear()
    assert "nbkernel: rendering on cuda:0: large" in simulate(f"{flags} --device cuda").err.splitlines()
    assert used == [(0,)]


def test_auto_takes_the_device_for_many_steps(machine, monkeypatch):
    """For many pixels, or a few with many steps each."""
    machine(Driver(LARGE))
    monkeypatch.setattr(start, "START", 0.3)
    monkeypatch.setattr(start, "is_compiled", lambda kernel: True)
    engine = Engine(devices=(0,), falls_back=True, threads=1, reason="large")

    def device_of(flags, background=()):
        experiment = replace(Experiment.from_command_line(f"{BASE} {flags}".split()), background=background)
        (prepared,) = prepare_panels(experiment, 1)
        lines = []
        found = start.without_needless_device(engine, [prepared], lines.append)
        assert len(lines) == 1 and ("cuda:0: large" in lines[0]) == bool(found.devices) == found.falls_back
        return found.devices

    assert device_of("-detpixels 100") == ()
    assert device_of("-detpixels 4000") == (0,)
    assert device_of("-detpixels 100 -oversample 1 -mosaic 1 -mosaic_dom 1000") == (0,)
    # one step a pixel, and as much for what scatters beside the crystal
    assert device_of("-detpixels 2200 -oversample 1") == ()
    assert device_of("-detpixels 2200 -oversample 1", Material([[0.0, 1.0]])) == (0,)


def test_the_api_leaves_little_noise_to_the_cpu(machine, monkeypatch):
    machine(Driver(LARGE))
    monkeypatch.setattr(start, "START", 0.3)
    monkeypatch.setattr(start, "is_compiled", lambda kernel: True)
    engine = Engine(devices=(0,), falls_back=True, threads=1)
    assert start.without_needless_device_for_noise(engine, 1000).devices == ()
    assert start.without_needless_device_for_noise(engine, 10**8) is engine


@pytest.fixture
def failing_noise(machine, monkeypatch):
    """A machine whose device fails when it draws noise; images for it are rendered on the CPU."""
    import nbkernel.image.cuda_noise
    import nbkernel.run.simulate

    def failing(*arguments):
        raise DeviceError("--device cuda:0: out of memory")

    render_panels = nbkernel.run.simulate.render_panels
    monkeypatch.setattr(nbkernel.run.simulate, "render_panels", lambda *arguments: render_panels(*arguments[:5]))
    monkeypatch.setattr(nbkernel.image.cuda_noise, "counted_noise_on_cuda", failing)
    machine(Driver(LARGE))


@pytest.mark.parametrize("device, status", [("auto", 0), ("cuda", 2)])
def test_a_device_that_draws_no_noise(device, status, failing_noise, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = f"{BASE} -detpixels 8 -seed 1 --precision double --noise-rng philox -noisefile noise.img"
    run = simulate(f"{command} --device {device}")
    assert run.status == status
    assert ("nbkernel: --device cuda:0: out of memory; drawing the noise on the CPU\n" in run.err) == (status == 0)
    if status != 0:
        assert run.err.endswith("nbkernel: --device cuda:0: out of memory\n") and not list(tmp_path.iterdir())
        return
    noise = Path("noise.img").read_bytes()
    assert simulate(f"{command} --device cpu").status == 0 and Path("noise.img").read_bytes() == noise
    # nanoBragg.c's random numbers need no device
    assert (
        "out of memory" not in simulate(f"{BASE} -detpixels 8 --precision double -noisefile noise.img --device {device}").err
    )


def test_the_api_falls_back_for_noise_as_it_does_for_images(failing_noise, caplog):
    photons = np.full((5, 6), 30.0)
    expected = nbkernel.add_noise(photons, 1, rng="philox")
    assert np.array_equal(nbkernel.add_noise(photons, 1, rng="philox", device="auto"), expected)
    assert [record.getMessage() for record in caplog.records] == [
        "--device cuda:0: out of memory; drawing the noise on the CPU"
    ]
    with pytest.raises(DeviceError, match="out of memory"):
        nbkernel.add_noise(photons, 1, rng="philox", device="cuda")
    with pytest.raises(DeviceError, match="there is no such device"):
        nbkernel.add_noise(photons, 1, rng="philox", device="cuda:3")
    for rng in ("ran1", "philox"):
        with pytest.raises(InputError, match="^device: needs auto"):
            nbkernel.add_noise(photons, 1, rng=rng, device="gpu")
    nbkernel.add_noise(photons, 1, rng="ran1", device="cuda:3")


def test_info(machine, capsys):
    machine(Driver(LARGE))
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "cuda:0  large, 80 GiB" in out and "CUDA driver 12.4" in out and "CUDA can be used" in out
    machine(Driver(LARGE), None)
    assert main(["info"]) == 0
    out = capsys.readouterr().out
    assert "CUDA: numba-cuda is not installed: pip install 'nbkernel[cu12]'" in out and "compiled kernels" in out
    assert main(["info", "--wrong"]) == 2
