"""Rendering and drawing noise through the CUDA driver, on drivers that record the calls: no kernel runs, so no number of
these tests is an image's."""

import ctypes
import os
import shutil
import subprocess
import sys
import threading
import types
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bench import cuda_code
from nbkernel.engine.cuda import driver
from nbkernel.engine.cuda.driver import Memory, opened_device
from nbkernel.engine.cuda.kept import MOST_TABLES
from nbkernel.engine.cuda.library import PROTOTYPES
from nbkernel.engine.cuda.simulated import SimulatedDriver
from nbkernel.engine.history import find_history
from nbkernel.engine.squared_table import SquaredTables
from nbkernel.engine.tiles import panel_tile
from nbkernel.errors import DeviceError
from nbkernel.experiment.experiment import Experiment
from nbkernel.geometry.background import Material
from nbkernel.image.cuda_noise import counted_noise_on_cuda
from nbkernel.kernels.compile.object_cache import ObjectCache
from nbkernel.kernels.cuda import machine_code
from nbkernel.kernels.cuda.arguments import DeviceArray, pack
from nbkernel.kernels.cuda.launch import DRAW_NOISE, THREADS
from nbkernel.kernels.plan import RoundingLimit
from nbkernel.run.simulate import Simulator
from nbkernel.setup.prepare import prepare

from cuda_helpers.recording_driver import RecordingDriver
from running import BASE, write_hkl

HELPERS = Path(__file__).parents[1] / "helpers"
FREES = {"cuMemAlloc_v2": "cuMemFree_v2", "cuMemHostAlloc": "cuMemFreeHost", "cuStreamCreate": "cuStreamDestroy_v2"}


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """What has been compiled, as (kernel, compute capability): by a compiler of our own, to an empty cache."""
    found = []

    def compile_kernel(key, arguments, capability):
        found.append((key, capability))
        return "symbol", f"code {len(found)}".encode()

    compiler = types.ModuleType("nbkernel.kernels.cuda.jit")
    compiler.compile_kernel = compile_kernel
    monkeypatch.setitem(sys.modules, compiler.__name__, compiler)
    monkeypatch.setattr(machine_code, "CODES", {})
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(machine_code, "CACHE", ObjectCache())
    return found


@pytest.fixture
def machine(monkeypatch, compiled):
    """machine(driver): a machine with this driver, none of whose devices has been opened."""

    def set_up(library):
        monkeypatch.setattr(driver, "load_driver", lambda: library)
        monkeypatch.setattr(driver, "OPENED", {})
        return library

    return set_up


def test_parameters_lie_as_a_c_compiler_would_put_them():
    array = DeviceArray(2**40, (5, 7), np.dtype(np.float32))
    limit = RoundingLimit(0.5, 0.25, 0.125, 9.0)
    content, signature = pack((True, limit, np.int32(-3), array, np.float32(1.5), (np.bool_(False), -1), np.float64(2.0)))
    kinds = (
        [ctypes.c_bool, *[ctypes.c_double] * 4, ctypes.c_int32, *[ctypes.c_int64] * 9, ctypes.c_float, ctypes.c_bool]
        + [ctypes.c_int64, ctypes.c_double]
    )  # fmt: skip
    values = [True, 0.5, 0.25, 0.125, 9.0, -3, 0, 0, 35, 4, 2**40, 5, 7, 28, 4, 1.5, False, -1, 2.0]

    class Parameters(ctypes.Structure):
        _fields_ = [(f"of_{number}", kind) for number, kind in enumerate(kinds)]

    found = Parameters.from_buffer_copy(content)
    assert [getattr(found, name) for name, _ in Parameters._fields_] == values
    assert signature == "b1 ( f8 f8 f8 f8 ) i4 f4[2] f4 ( b1 i8 ) f8"
    with pytest.raises(TypeError, match="cannot take a str"):
        pack(("a",))


def test_machine_code_is_compiled_once_for_each_target_and_kept(compiled, monkeypatch):
    def code(arguments=(1.0,), capability=(9, 0)):
        return machine_code.machine_code(DRAW_NOISE, arguments, pack(arguments)[1], capability)

    assert not machine_code.is_kept(DRAW_NOISE, (9, 0))
    assert code() == code() == ("symbol", b"code 1")
    assert code(capability=(8, 0)).image == b"code 2" and code((1,)).image == b"code 3"
    assert compiled == [(DRAW_NOISE, (9, 0)), (DRAW_NOISE, (8, 0)), (DRAW_NOISE, (9, 0))]
    files = sorted(Path(machine_code.CACHE.folder).iterdir())
    assert len(files) == 3 and all(path.name.startswith("draw_noise-") and path.suffix == ".cubin" for path in files)
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)

    # another process
    machine_code.CODES.clear()
    assert machine_code.is_kept(DRAW_NOISE, (9, 0)) and not machine_code.is_kept(DRAW_NOISE, (7, 0))
    assert code().image == b"code 1" and code(capability=(8, 0)).image == b"code 2" and len(compiled) == 3
    # damaged files, and those that others may write to, are not used
    machine_code.CODES.clear()
    for path in files:
        path.write_bytes(path.read_bytes()[:-1])
    assert code().image == b"code 4"
    machine_code.CODES.clear()
    for path in files:
        path.chmod(0o666)
    assert code().image == b"code 5"
    # nor with other versions of the compilers
    machine_code.CODES.clear()
    monkeypatch.setattr(machine_code, "cuda_environment", lambda: "others")
    assert code().image == b"code 6" and not machine_code.is_kept("sum_noise", (9, 0))


def panels(sizes):
    draw = np.random.default_rng(3)
    images = [draw.uniform(0, 50, size).astype(np.float32) for size in sizes]
    rois = [(0, size[1] - 1, 0, size[0] - 1) for size in sizes]
    return images, rois, [0] * len(sizes)


def draw_noise(devices, strips=2000):
    return counted_noise_on_cuda(*panels([(40, 300), (20, 500)]), 40.0, 0, (1, 2), devices, strips)


def test_a_tile_is_copied_computed_and_copied_back(machine, compiled):
    recorder = machine(RecordingDriver())
    ((counts, _), _) = draw_noise((0,), 12000)
    work = recorder.names("cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2", "cuStreamSynchronize")
    one = ["cuMemcpyHtoDAsync_v2", "cuLaunchKernel", "cuLaunchKernel", "cuMemcpyDtoHAsync_v2", "cuMemcpyDtoHAsync_v2"]
    assert work == [*one, *one, "cuStreamSynchronize", "cuStreamSynchronize"]
    assert counts.shape == (40, 300) and not counts.any()
    assert [name for name, _ in compiled] == ["draw_noise", "sum_noise"]
    assert [(launch.image, launch.grid, launch.threads) for launch in recorder.launches[:2]] == [
        (b"code 1", (-(-300 // THREADS), 40), THREADS),
        (b"code 2", (1, 1), THREADS),
    ]


def test_everything_is_freed_also_after_an_error(machine):
    for failing in (None, "cuLaunchKernel", "cuMemcpyDtoHAsync_v2"):
        recorder = machine(RecordingDriver(failing=failing))
        if failing is None:
            draw_noise((0,))
        else:
            with pytest.raises(DeviceError):
                draw_noise((0,))
        for made, freed in FREES.items():
            assert recorder.names(made).count(made) == recorder.names(freed).count(freed) > 0
        assert not recorder.simulated.memory
        last_work = max(i for i, name in enumerate(recorder.names()) if name.startswith(("cuMemcpy", "cuLaunch")))
        assert recorder.names()[last_work:].index("cuCtxSynchronize") < recorder.names()[last_work:].index("cuMemFree_v2")


def test_devices_share_the_tiles_and_the_compiled_kernels(machine, compiled):
    recorder = machine(RecordingDriver(devices=2))
    draw_noise((1, 0))
    contexts = {
        call.context for call in recorder.calls if call.name.startswith(("cuMem", "cuLaunch", "cuStream", "cuModule"))
    }
    assert contexts <= {0, 1}
    assert len(recorder.launches) == 2 * (-(-40 // 6) + -(-20 // 4)) and len(compiled) == 2
    retained = recorder.names("cuDevicePrimaryCtxRetain")
    draw_noise((1, 0))
    assert recorder.names("cuDevicePrimaryCtxRetain") == retained  # contexts are kept


@pytest.mark.parametrize(
    "failing, text",
    [
        ("cuMemAlloc_v2", r"--device cuda:0: out of memory; try a smaller --tile"),
        ("cuMemHostAlloc", r"--device cuda:0: out of memory; try a smaller --tile"),
        ("cuDevicePrimaryCtxRetain", r"--device cuda:0: out of memory; try a smaller --tile"),
    ],
)
def test_errors_are_the_users(failing, text, machine):
    machine(RecordingDriver(failing=failing))
    with pytest.raises(DeviceError, match=f"^{text}$"):
        draw_noise((0,))
    machine(RecordingDriver())
    with pytest.raises(DeviceError, match="^--device cuda:1: cuDeviceGet: CUDA_ERROR_INVALID_VALUE"):
        draw_noise((1,))
    machine(None)
    with pytest.raises(DeviceError, match="^--device cuda:0: no CUDA driver is installed"):
        draw_noise((0,))


def test_what_cannot_compile_is_told(machine, compiled, monkeypatch):
    machine(RecordingDriver())

    def compile_kernel(*arguments):
        raise ImportError("No module named 'cuda'")

    monkeypatch.setattr(sys.modules["nbkernel.kernels.cuda.jit"], "compile_kernel", compile_kernel)
    with pytest.raises(DeviceError, match="^--device cuda:0: No module named 'cuda'$"):
        draw_noise((0,))


def test_panels_are_uploaded_once(machine, compiled):
    """The same arrays of several panels; tiles in flight have memory of their own."""
    from nbkernel.engine.cuda.render import render_on_cuda

    recorder = machine(RecordingDriver())
    prepared = prepare(Experiment.from_command_line(f"{BASE} -detpixels 64".split()), 1)
    history = find_history(
        prepared.plan, panel_tile(prepared.detector), prepared.wanted, prepared.detector.polar_vector, 1, every_axis=False
    )
    counts = []
    for number in (1, 2):
        recorder.calls.clear()
        runs = [replace(prepared, wanted=prepared.wanted.copy()) for _ in range(number)]
        results = render_on_cuda(runs, [history] * number, SquaredTables(), "double", (0,), 1, (8, 64), None)
        assert [image.shape for image, _ in results] == [(64, 64)] * number
        counts.append(recorder.names("cuMemcpyHtoD_v2").count("cuMemcpyHtoD_v2"))
        assert recorder.names("cuStreamCreate").count("cuStreamCreate") == 3
        assert recorder.names("cuLaunchKernel").count("cuLaunchKernel") % (8 * number) == 0
    assert counts[1] - counts[0] <= 12  # the second panel: its own geometry and reach
    assert len({key for key, _ in compiled}) == len(compiled)


def test_a_background_is_added_between_two_copies(machine, compiled):
    """One more launch for each tile, between its rendering and its one copy to the host."""
    from nbkernel.engine.cuda.render import render_on_cuda
    from nbkernel.engine.render import panel_history

    bragg = Experiment.from_command_line(f"{BASE} -detpixels 64".split())
    material = Material([[0.0, 2.5], [0.2, 3.0], [0.6, 1.0]])
    names = "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuLaunchKernel"
    work, uploads = [], []
    for experiment in (bragg, replace(bragg, background=(material, material))):
        recorder = machine(RecordingDriver())
        prepared = prepare(experiment, 1)
        history = panel_history(prepared, "double", 1)
        ((image, _),) = render_on_cuda([prepared], [history], SquaredTables(), "double", (0,), 1, (8, 64), None)
        assert not image.any()  # what the driver does not add nobody adds
        work.append(recorder.names(*names))
        uploads.append(recorder.names("cuMemcpyHtoD_v2").count("cuMemcpyHtoD_v2"))
    tile_without, tile_with = (calls[: len(calls) // 8] for calls in work)
    assert tile_with == [*tile_without[:-3], "cuLaunchKernel", *["cuMemcpyDtoHAsync_v2"] * 3]
    assert work == [tile_without * 8, tile_with * 8]
    assert uploads[1] - uploads[0] <= 6  # the arrays of a Scatter
    launch = recorder.launches[len(recorder.launches) // 8 - 1]
    assert compiled[-1] == ("add_background", (9, 0)) and launch.image == f"code {len(compiled)}".encode()
    assert (launch.grid, launch.threads) == ((1, 8), THREADS)


@pytest.fixture
def series(machine, compiled, tmp_path, monkeypatch):
    """A Simulator of a table of structure factors on the device of a recorder, and the recorder."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.hkl", "b.hkl"):
        write_hkl(name, np.full((21, 21, 21), 5.0), (-10, -10, -10))
    recorder = machine(RecordingDriver())
    command = f"{BASE} -default_F 0 -hkl a.hkl -detpixels 64".replace(" -seed 1", "")
    simulator = Simulator(Experiment.from_command_line(command.split()), device="cpu", threads=1, tile=(8, 64))
    simulator.engine = replace(simulator.engine, devices=(0,))
    return simulator, recorder


def calls_of(recorder, function):
    """How often each function was called meanwhile, and the bytes of uploads."""
    recorder.calls.clear()
    function()
    sizes = [call.arguments[2] for call in recorder.calls if call.name == "cuMemcpyHtoD_v2"]
    return Counter(call.name for call in recorder.calls), sum(sizes)


TABLE = 23**3 * 8  # bytes, with its border


def test_a_series_keeps_tables_and_tile_memory_on_the_device(series):
    simulator, recorder = series
    with simulator:
        first, uploaded = calls_of(recorder, simulator.simulate)
        assert first["cuStreamCreate"] == 3 and first["cuMemHostAlloc"] > 0 and uploaded > TABLE
        kept = len(recorder.simulated.memory)
        for n in range(3):
            again, uploaded = calls_of(recorder, lambda n=n: simulator.simulate(misset=(n, 0, 0), fluence=1e20))
            assert again["cuStreamCreate"] == again["cuMemHostAlloc"] == 0 and 0 < uploaded < TABLE / 4
            assert again["cuLaunchKernel"] == first["cuLaunchKernel"]
            assert len(recorder.simulated.memory) == kept
        # another table, another size
        other, uploaded = calls_of(recorder, lambda: simulator.simulate(hkl="b.hkl"))
        assert uploaded > TABLE and other["cuStreamCreate"] == 0
        resized, uploaded = calls_of(recorder, lambda: simulator.simulate(detpixels_f=32, detpixels_s=32))
        assert uploaded < TABLE / 4 and resized["cuStreamCreate"] == resized["cuStreamDestroy_v2"] == 3
    assert not recorder.simulated.memory


def test_the_tables_of_all_energies_stay_on_the_device(series):
    simulator, recorder = series
    energies, shape = MOST_TABLES + 2, (21, 21, 21)
    indices = np.argwhere(np.ones(shape)) - 10
    tables = [(indices, np.full(len(indices), 5.0 + n)) for n in range(energies)]
    spectrum = [[1.0 + 0.01 * n, 1.0] for n in range(energies)]
    changes = dict(hkl=None, hkl_per_energy=tables, spectrum=spectrum, wavelength=None)
    simulator.experiment = replace(simulator.experiment, **changes)
    with simulator:
        _, uploaded = calls_of(recorder, simulator.simulate)
        assert uploaded > energies * TABLE
        _, uploaded = calls_of(recorder, lambda: simulator.simulate(misset=(1, 0, 0)))
        assert 0 < uploaded < TABLE
    assert not recorder.simulated.memory


def test_threads_share_what_is_kept_on_a_device(series):
    simulator, recorder = series
    errors = []

    def work(first):
        try:
            for n in range(first, 12, 3):
                simulator.simulate(misset=(n, 0, 0), hkl="ab"[n % 2] + ".hkl")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(first,)) for first in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    calls = Counter(recorder.names())
    assert calls["cuStreamCreate"] <= 9
    sizes = [call.arguments[2] for call in recorder.calls if call.name == "cuMemcpyHtoD_v2"]
    assert sizes.count(TABLE) == 2
    simulator.close()
    assert not recorder.simulated.memory


def test_tables_on_a_device_are_few(series):
    simulator, recorder = series
    held = []
    for n in range(2 * MOST_TABLES):
        shutil.copy("a.hkl", f"{n}.hkl")
        simulator.simulate(hkl=f"{n}.hkl")
        held.append(len(recorder.simulated.memory))
    assert held[MOST_TABLES - 1 :] == [held[-1]] * (MOST_TABLES + 1)


def test_a_device_that_fails_between_images_gives_everything_back(series):
    simulator, recorder = series
    simulator.simulate()
    recorder.failing = "cuLaunchKernel"
    with pytest.raises(DeviceError):
        simulator.simulate()
    recorder.failing = None
    assert simulator.simulate().shape == (64, 64)
    simulator.close()
    assert not recorder.simulated.memory


def test_arrays_come_back_as_they_were_sent(machine):
    machine(RecordingDriver())
    values = np.arange(12.0).reshape(3, 4)
    with Memory(opened_device(0)) as memory:
        stream = memory.stream()
        sent, host = memory.upload(values.T), memory.pinned_array((4, 3), np.float64)
        memory.copy_to_host(sent, host, stream)
        memory.synchronize(stream)
        assert np.array_equal(host, values.T)
        copy, back = memory.device_array((4, 3), np.float64), memory.pinned_array((4, 3), np.float64)
        memory.copy_to_device(host, copy, stream)
        memory.copy_to_host(copy, back, stream)
        memory.synchronize(stream)
        assert np.array_equal(back, values.T)
        assert memory.upload(np.empty((0, 9))).nbytes == 0


def test_the_simulator_and_the_recorders_have_the_functions_in_use():
    source = (HELPERS / "cuda_helpers" / "recording_driver.c").read_text()
    for name in PROTOTYPES:
        assert f"int {name}(" in source
    asked_by_devices = {"cuDriverGetVersion", "cuDeviceGetCount", "cuDeviceGetName", "cuDeviceTotalMem_v2"}
    assert {name for name in PROTOTYPES if not hasattr(SimulatedDriver, name)} == asked_by_devices


# a run as `nbkernel simulate`, and whether numba was imported
PROGRAM = """
import sys
from nbkernel.cli.main import main
status = main(sys.argv[1:])
print("numba is imported" if "numba" in sys.modules else "no numba")
sys.exit(status)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of a shared library that records the calls, in the place of CUDA's driver."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler for a driver that records the calls")
    folder = tmp_path_factory.mktemp("driver")
    source = HELPERS / "cuda_helpers" / "recording_driver.c"
    subprocess.run([compiler, "-Wall", "-shared", "-fPIC", "-o", folder / "libcuda.so.1", source], check=True)
    return folder


@pytest.fixture
def run(library, tmp_path):
    """run(*arguments, **environment): (completed process, calls of the driver) of a run in the folder tmp_path."""
    record = tmp_path / "calls"

    def start(*arguments, **environment):
        record.write_text("")
        environment = {
            **os.environ, "LD_LIBRARY_PATH": str(library), "RECORDED_CALLS": str(record), "NUMBA_ENABLE_CUDASIM": "0",
            **environment,
        }  # fmt: skip
        command = [sys.executable, "-c", PROGRAM, *arguments]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return done, [line.split() for line in record.read_text().splitlines()]

    return start


needs_numba_cuda = pytest.mark.skipif(cuda_code.missing() is not None, reason=str(cuda_code.missing()))


@pytest.mark.slow
@pytest.mark.cuda
@needs_numba_cuda
def test_a_warm_start_needs_no_numba(run, tmp_path):
    """Noise included: the first run compiles the kernels, the second loads their machine code."""
    flags = f"{BASE} -detpixels 40 --device cuda --noise-rng philox -seed 1 -noisefile noise.img -floatfile image.bin"
    first, first_calls = run("simulate", *flags.split())
    assert first.returncode == 0, first.stderr
    second, calls = run("simulate", *flags.split())
    assert second.returncode == 0, second.stderr
    assert second.stdout.endswith("no numba\n") and "compiling" not in second.stderr
    assert "rendering on cuda:0: recorder" in second.stderr
    assert "wrong" not in [call[0] for call in (*first_calls, *calls)]
    launched = [call[1:] for call in calls if call[0] == "cuLaunchKernel"]
    assert launched == [call[1:] for call in first_calls if call[0] == "cuLaunchKernel"]
    kernels = [call[1] for call in calls if call[0] == "cuModuleGetFunction"]
    assert any("render_tile" in name for name in kernels) and "draw_noise" in kernels[-2] and "sum_noise" in kernels[-1]
    assert (tmp_path / "image.bin").stat().st_size == 4 * 40 * 40 and (tmp_path / "noise.img").exists()


@pytest.mark.parametrize("failing", ["cuInit", "cuMemAlloc_v2", "cuMemHostAlloc"])
def test_a_driver_that_fails(failing, run, tmp_path):
    if cuda_code.missing() is not None:
        pytest.skip(str(cuda_code.missing()))
    flags = f"{BASE} -detpixels 40 -floatfile image.bin".split()
    done, calls = run("simulate", *flags, "--device", "cuda", FAILING_CALL=failing)
    assert done.returncode == 2 and len(done.stderr.splitlines()) <= 2 and "--device cuda" in done.stderr
    assert not (tmp_path / "image.bin").exists() and [failing] == [call[0] for call in calls if call[0] == failing][:1]
