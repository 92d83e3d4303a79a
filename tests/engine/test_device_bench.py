"""`bench.device` on a driver that records the calls: which parts it runs, when it stops, and what it calls wrong."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench import cuda_code, device
from bench.cases import Case
from bench.timing import Duration
from nbkernel.engine import devices
from nbkernel.engine.cuda import driver
from nbkernel.kernels.compile.object_cache import ObjectCache
from nbkernel.kernels.cuda import machine_code
from nbkernel.kernels.cuda.arguments import pack

from cuda_helpers.recording_driver import RecordingDriver

SMALL = "-cell 70 80 90 90 90 90 -lambda 1 -distance 100 -default_F 100 -N 5 -detpixels 40 -oversample 1"
GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def recorder(monkeypatch, tmp_path):
    """The driver of a machine with a device, whose kernels need no compiler; and the processes that the bench starts."""
    library = RecordingDriver()
    for module in (devices, driver):
        monkeypatch.setattr(module, "load_driver", lambda: library)
    monkeypatch.setattr(devices, "cuda_packages", lambda: 12)
    monkeypatch.delenv("NUMBA_ENABLE_CUDASIM", raising=False)
    monkeypatch.setattr(driver, "OPENED", {})
    monkeypatch.setattr(driver, "machine_code", lambda *arguments: machine_code.MachineCode("kernel", b"code"))
    library.processes = []
    monkeypatch.setattr(
        device, "run", lambda command, folder: library.processes.append(command) or (Duration(0.25, 0.0), 100.0)
    )
    return library


def options(tmp_path, *cases):
    return SimpleNamespace(number=0, capability=(9, 0), base=tmp_path, data=None, cases=cases, wrong=[], golden=GOLDEN)


def test_an_image_out_of_its_promise_gets_no_speed(recorder, tmp_path):
    said, chosen = (
        [],
        options(tmp_path, Case("lit", "", f"{SMALL} -fluence 1e28"), Case("dark", "", f"{SMALL} -fluence 1e-300")),
    )
    found = device.workloads_part(chosen, device.Clock(1e5), said.append)
    # the driver runs no kernel, so that only a black image is right
    assert list(found) == ["dark double", "dark mixed"]
    assert chosen.wrong == [f"{precision} of lit is not within its promise" for precision in device.PRECISIONS]
    for precision in device.PRECISIONS:
        row = found[f"dark {precision}"]
        assert row["process"] == 0.25 and row["ns_per_step"] == row["kernel"] / 40**2 * 1e9
        assert row["kernel"] > 0.0 and row["copy"] > 0.0
    assert all("--device" in command and "cuda:0" in command for command in recorder.processes)
    assert driver.OPENED[0].driver.__class__ is driver.Driver


def test_a_timed_driver_waits_after_kernels_and_copies(recorder, tmp_path):
    workload = Case("dark", "", f"{SMALL} -fluence 1e-300")
    prepared = device.prepared_run(workload.flags.split())
    device.timed_parts(prepared, "double", 0)
    names = recorder.names()
    for name, following in itertools.pairwise(names):
        if name == "cuLaunchKernel" or name.startswith("cuMemcpy"):
            assert following == "cuCtxSynchronize"
    assert "cuLaunchKernel" in names


def test_golden_cases_that_a_device_gets_wrong(recorder, tmp_path):
    said, chosen = [], options(tmp_path)
    ends = iter([1.0, 1.0, 0.0])
    clock = device.Clock(0.0)
    clock.left = lambda: next(ends)
    found = device.golden_part(chosen, clock, said.append)
    number = len(json.loads((GOLDEN / "cases.json").read_text())["cases"])
    assert f"  left out for lack of time: {number - 2} of {number} cases" in said
    assert {len(of_cases) for of_cases in found.values()} == {2}
    wrong = sum(not row["within"] for of_cases in found.values() for row in of_cases.values())
    assert len(chosen.wrong) == wrong > 0


def test_start_is_timed_warm_and_cold(recorder, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "user"))
    cache = ObjectCache()
    for name in ("rows-1.o", "double-1.cubin"):
        Path(cache.folder, name).write_bytes(b"x")
    monkeypatch.setattr("nbkernel.kernels.compile.object_cache.CACHE", cache)
    found = device.start_part(options(tmp_path), device.Clock(1e5), lambda line: None)
    assert found == {"cpu": 0.25, "device, warm": 0.25, "device, cold": 0.25}
    assert len(recorder.processes) == 2 + 2 * device.REPEAT + 1
    assert [path.name for path in (tmp_path / "cache" / "nbkernel").iterdir()] == ["rows-1.o"]
    assert recorder.processes[-1][:2] == ["env", f"NUMBA_CACHE_DIR={tmp_path / 'cache'}"]


def test_sanitizers_run_every_small_image(recorder, tmp_path, monkeypatch):
    program = tmp_path / "compute-sanitizer"
    program.write_text('#!/bin/sh\necho "$*" >> "$0.log"\ncase "$*" in *racecheck*-round*) exit 99;; esac\n')
    program.chmod(0o755)
    monkeypatch.setattr(device, "sanitizer", lambda: str(program))
    chosen = options(tmp_path)
    found = device.sanitizers_part(chosen, device.Clock(1e5), lambda line: None)
    assert len(found) == 2 * len(device.SMALL) * len(device.PRECISIONS)
    assert {name for name, status in found.items() if status} == {"racecheck round double", "racecheck round mixed"}
    assert len(chosen.wrong) == 2
    commands = Path(f"{program}.log").read_text().splitlines()
    assert all(line.startswith(("--tool memcheck --error-exitcode 99", "--tool racecheck")) for line in commands)
    assert all("--device cuda:0" in line for line in commands)
    monkeypatch.setattr(device, "sanitizer", lambda: None)
    said = []
    assert device.sanitizers_part(chosen, device.Clock(1e5), said.append) == {} and "not installed" in said[0]


def test_parts_run_in_order_and_their_results_are_kept(recorder, tmp_path, monkeypatch, capsys):
    called = []
    for name in device.PARTS:
        monkeypatch.setitem(device.PARTS, name, lambda options, clock, say, name=name: called.append(name) or {"of": name})
    report = tmp_path / "report.json"
    assert device.main(["--json", str(report)]) == 0
    assert called == ["compile", "golden", "sanitizers", "start", "workloads"]
    found = json.loads(report.read_text())
    assert found["device"].startswith("cuda:0  recorder, 80 GiB") and found["golden"] == {"of": "golden"}
    called.clear()
    monkeypatch.setitem(device.PARTS, "start", lambda options, clock, say: options.wrong.append("it"))
    assert device.main(["start", "golden", "--device", "cuda:0"]) == 1 and called == ["golden"]
    assert "wrong: it" in capsys.readouterr().out


@pytest.mark.cuda
@pytest.mark.skipif(cuda_code.missing() is not None, reason=str(cuda_code.missing()))
def test_compiled_kernels_have_the_types_of_a_launch(monkeypatch, tmp_path):
    """So that what the first part compiles is what the others find in the cache."""
    library, launched = RecordingDriver(), {}

    def recorded(key, arguments, signature, capability):
        launched[key] = signature
        return machine_code.MachineCode("kernel", b"code")

    monkeypatch.setattr(driver, "load_driver", lambda: library)
    monkeypatch.setattr(driver, "OPENED", {})
    monkeypatch.setattr(driver, "machine_code", recorded)
    cases = json.loads((GOLDEN / "cases.json").read_text())["cases"]
    for case in cases[:12]:
        prepared = device.prepared_run([argument.replace("{in}", str(GOLDEN / "inputs")) for argument in case["args"]])
        only = prepared.wanted.copy()
        only[:] = False
        only[:1, :4] = True
        for precision in device.PRECISIONS:
            device.render(replace(prepared, wanted=only), precision, devices=(0,))
    assert len(launched) > 3
    for key, signature in launched.items():
        assert signature == pack(cuda_code.arguments_of(key))[1]
