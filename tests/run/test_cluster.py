"""Series on a Dask cluster of processes: the files of one process, whatever happens to workers and scheduler."""

import contextlib
import logging
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import nbkernel
from nbkernel.cli.main import main
from nbkernel.errors import InputError

from api_runs import SPEC, write_spec

distributed = pytest.importorskip("distributed", reason="distributed (the extra dask) runs the cluster")
# workers that are not started from here do not find this module
cloudpickle = pytest.importorskip("cloudpickle")
cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.slow

MANY = SPEC.replace("images = 5\nimages_per_file = 2", "images = 24\nimages_per_file = 2")
VARY = dict(orientation='"uniform"', fluence="{ lognormal = [1e28, 0.3] }", crystals="{ choice = [0, 1, 2] }")
FILES = [f"spec_{number:06d}.h5" for number in range(1, 13)]
WARNING = "nbkernel: warning: "


@pytest.fixture(scope="module", autouse=True)
def whole(tmp_path_factory):
    """The files of one process."""
    folder = tmp_path_factory.mktemp("whole")
    write_spec(folder / "spec.toml", MANY, **VARY)
    with nbkernel.Series(folder / "spec.toml", device="cpu") as series:
        series.run(folder / "whole")
    return contents(folder / "whole")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_spec("spec.toml", MANY, **VARY)
    return tmp_path


@contextlib.contextmanager
def cluster(workers=2, **more):
    with (
        distributed.LocalCluster(
            processes=True, n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0", memory_limit=None,
            silence_logs=logging.CRITICAL, **more
        ) as found,
        distributed.Client(found) as client,
    ):  # fmt: skip
        yield found, client


@contextlib.contextmanager
def started(*command, **more):
    """A process that ends with the block, however that ends."""
    with subprocess.Popen(command, **more) as process:
        try:
            yield process
        finally:
            process.kill()


def scheduler_and_worker():
    dask = sys.executable, "-m"
    scheduler = *dask, "distributed.cli.dask_scheduler", "--port", "0", "--no-dashboard", "--scheduler-file", "s.json"
    return scheduler, (*dask, "distributed.cli.dask_worker", "--nthreads", "1", "--no-nanny", "--no-dashboard")


def contents(name):
    """{file: bytes} of a folder, temporary ones, too."""
    return {path.name: path.read_bytes() for path in Path(name).iterdir()}


def run(client, name="out", **more):
    with nbkernel.Series("spec.toml", device="cpu") as series:
        return series.run(name, client=client, **more)


def lines(text):
    """Lines of standard error without the warning that all quick runs have."""
    return [line for line in text.splitlines() if not line.startswith(f"{WARNING}-oversample 1")]


def slow_frames():
    """On a worker: gives a test the time to meet it at work."""
    from nbkernel.io.nexus.data_file import DataFile

    append = DataFile.append

    def appended(*arguments):
        time.sleep(0.05)
        append(*arguments)

    DataFile.append = appended


def test_workers_make_the_files_of_one_process(whole, capfd):
    told = []
    with cluster() as (found, client):
        paths = run(client, progress=lambda *counts: told.append(counts))
        assert contents("out") == whole
        assert [Path(path).name for path in paths] == [*FILES, "spec_truth.csv", "spec_master.h5"]
        assert told == [(2 * count, 24) for count in range(1, 13)]
        # a shard, and images alone; what is there is kept
        states = {path: os.stat(path).st_mtime_ns for path in paths}
        os.unlink(paths[3])
        assert run(client) == [paths[3], *paths[-2:]] and contents("out") == whole
        assert all(os.stat(path).st_mtime_ns == states[path] for path in paths[:3])
        assert [Path(path).name for path in run(client, "half", shard="2/2")] == FILES[1::2]
        run(client, images="3:5")
        assert {"spec_images_000003-000004_master.h5"} < set(contents("out")) - set(whole)
        # by its address and its file, from the command line
        Path("scheduler.json").write_text(f'{{"address": "{found.scheduler_address}"}}')
        for number, where in enumerate((found.scheduler_address, "scheduler.json")):
            capfd.readouterr()
            assert main(["series", "spec.toml", "--output", f"by{number}", "--device", "cpu", "--dask", where]) == 0
            out, err = capfd.readouterr()
            assert contents(f"by{number}") == whole and lines(err) == []
            # warnings of the workers arrive, once
            assert err.count("-oversample 1: spots") == 1 and err.count("\n") == 1
            assert sorted(line.split(":")[0] for line in out.splitlines()) == sorted({*whole} - {"series.toml"})


def test_a_worker_killed_in_the_middle_loses_nothing(whole):
    with cluster() as (found, client):
        client.run(slow_frames)
        killed = [nanny.pid for nanny in found.workers.values()][:1]

        def kill(done, images):
            if killed:
                os.kill(killed.pop(), signal.SIGKILL)

        paths = run(client, progress=kill)
    assert not killed and contents("out") == whole
    assert [Path(path).name for path in paths] == [*FILES, "spec_truth.csv", "spec_master.h5"]


def limit_files(most):
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))


def test_what_one_worker_cannot_write_another_does(whole, capfd):
    with cluster() as (found, client):
        worker = next(iter(client.nthreads()))
        client.run(limit_files, 100, workers=[worker])
        client.run(slow_frames)
        assert main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--dask", found.scheduler_address]) == 0
    told = lines(capfd.readouterr().err)
    assert told
    for line in told:
        assert line.startswith(f"{WARNING}worker {worker}: --output: cannot write {os.path.abspath('out')}/spec_0000"), told
        assert line.endswith(": File too large; another worker makes it"), told
    assert contents("out") == whole


def test_a_disk_that_is_full_for_all_workers_is_one_line(whole, capfd):
    with nbkernel.Series("spec.toml", device="cpu") as series:
        series.run("out", shard="1/4")
    with cluster() as (found, client):
        client.run(limit_files, 100)
        assert main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--dask", found.scheduler_address]) == 2
        *warnings, line = lines(capfd.readouterr().err)
        assert line.startswith("nbkernel: worker tcp://") and line.endswith(": File too large")
        assert all(line.endswith("another worker makes it") for line in warnings)
    assert {name: content for name, content in contents("out").items() if not name.startswith(".")} == {
        name: content for name, content in whole.items() if name == "series.toml" or name in FILES[::4]
    }
    with cluster() as (_, client):
        run(client)
    assert contents("out") == whole


FULL = """
mount -t tmpfs -o size=64k tmpfs out && cp record.toml out/series.toml && dd if=/dev/zero of=out/zeros bs=1k count=56 2> /dev/null
exec "$@"
"""


def can_mount():
    command = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=64k tmpfs "$0"', os.curdir]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


def test_a_full_disk_of_one_worker(whole, capfd, folder):
    """A worker in whose sight another, small disk lies where the folder is."""
    if not can_mount():
        pytest.skip("mounting a small disk needs root; files that may not grow are tested above")
    with nbkernel.Series("spec.toml", device="cpu") as series:
        series.run("out", shard="1/12")
    shutil.copy("out/series.toml", "record.toml")
    with cluster(1) as (found, client):
        client.run(slow_frames)
        worker = *scheduler_and_worker()[1], found.scheduler_address
        with started("unshare", "-m", "sh", "-c", FULL, "sh", *worker, stderr=subprocess.DEVNULL):
            client.wait_for_workers(2)
            status = main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--dask", found.scheduler_address])
            told = lines(capfd.readouterr().err)
    # once for each file that it was given before the other worker had all
    assert status == 0 and told
    assert all(line.endswith(": No space left on device; another worker makes it") for line in told), told
    assert contents("out") == whole


def test_a_scheduler_that_goes_away_is_one_line_and_files_stay(whole, capfd):
    command, worker = scheduler_and_worker()
    with started(*command, stderr=subprocess.DEVNULL) as scheduler:
        while not Path("s.json").exists():
            time.sleep(0.05)
        with (
            started(*worker, "--scheduler-file", "s.json", stderr=subprocess.DEVNULL),
            distributed.Client(scheduler_file="s.json") as client,
        ):
            client.wait_for_workers(1)
            client.run(slow_frames)
            with pytest.raises(
                InputError, match=r"^client: the scheduler at tcp://.* is gone; complete files stay"
            ) as caught:
                run(client, progress=lambda done, images: done == 6 and scheduler.kill())
            assert "\n" not in str(caught.value)
    left = {name: content for name, content in contents("out").items() if not name.startswith(".")}
    assert {"series.toml"} < set(left) < {"series.toml", *FILES} and left.items() <= whole.items()
    states = {name: Path("out", name).stat().st_mtime_ns for name in left}
    # goes on, here without a cluster, and leaves nothing of the killed worker
    assert main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--resume"]) == 0
    assert contents("out") == whole and {name: Path("out", name).stat().st_mtime_ns for name in left} == states


def test_local_workers_and_ctrl_c(whole):
    command = [
        sys.executable,
        "-m",
        "nbkernel",
        "series",
        "spec.toml",
        "--output",
        "out",
        "--device",
        "cpu",
        "--dask",
        "local",
    ]
    with started(*command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    left = contents("out")
    assert process.returncode == 130 and lines(err) == ["nbkernel: interrupted"]
    assert left.items() <= whole.items() and "spec_master.h5" not in left
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and lines(done.stderr) == [] and contents("out") == whole


@pytest.mark.parametrize(
    "where, message",
    [
        ("tcp://127.0.0.1:9", "--dask: no scheduler answers at tcp://127.0.0.1:9 ("),
        ("127.0.0.1:9", "--dask: no scheduler answers at 127.0.0.1:9 ("),
        ("nonsense://127.0.0.1:9", "--dask: no scheduler answers at nonsense://127.0.0.1:9 ("),
        ("none.json", "--dask: there is no file none.json"),
        ("spec.toml", "--dask: spec.toml is not a scheduler file of Dask"),
    ],
)
def test_a_cluster_that_does_not_answer_is_one_line_and_nothing_is_touched(where, message, folder, capfd):
    import dask

    with dask.config.set({"distributed.comm.timeouts.connect": "500ms"}):
        assert main(["series", "spec.toml", "--output", "out", "--device", "cpu", "--dask", where]) == 2
    out, err = capfd.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""
    assert [path.name for path in folder.iterdir()] == ["spec.toml"]


def test_a_client_that_cannot_be_used(folder):
    with (
        nbkernel.Series("spec.toml", device="cpu") as series,
        pytest.raises(InputError, match="^client: needs a dask.distr"),
    ):
        series.run("out", client="tcp://127.0.0.1:9")
    assert not (folder / "out").exists()


def other_version():
    nbkernel.__version__ = "0"


def other_input():
    Path("a.hkl").write_text("1 0 0 6\n")


def test_workers_must_see_the_same(folder):
    Path("a.hkl").write_text("1 0 0 5\n")
    write_spec("spec.toml", MANY.replace("default_F = 100", 'hkl = "a.hkl"'))
    with cluster(1) as (_, client):
        client.run(lambda: os.chdir("/"))
        run(client, "good")
        with nbkernel.Series("spec.toml", device="cpu") as series:
            series.run("alone")
        assert contents("good") == contents("alone")
        (worker,) = client.nthreads()
        with nbkernel.Series("spec.toml", device="cpu") as series:
            from nbkernel.run.series.folder import Folder

            place = Folder("out", series.specification, "double")
            place.open("folder", None)
            # read when the run began; changed before the worker looks
            other_input()
            message = f"^worker {worker}: folder: finds another series in .*out than was started; .* \\({Path('a.hkl').resolve()}\\)"
            from nbkernel.run.series import cluster as module

            making = module.made_by(client, "client", series)
            with pytest.raises(InputError, match=message):
                list(making("folder", place, place.parts(), None, False))
            Path("out").rename("away")
            place.renew_record = lambda option: None
            with pytest.raises(InputError, match=f"^worker {worker}: folder: finds no series.toml in .*out; need the same"):
                list(making("folder", place, place.parts(), None, False))


def test_another_version_is_refused(folder, monkeypatch):
    with cluster(1) as (_, client):
        monkeypatch.setattr(nbkernel, "__version__", "0")
        with pytest.raises(InputError, match="^client: the scheduler at .* has nbkernel .*; need 0, as here"):
            run(client)
    assert not (folder / "out").exists()


def test_a_file_that_ends_every_worker_is_one_line(whole):
    with cluster(2) as (_, client):
        client.run_on_scheduler(lambda dask_scheduler: setattr(dask_scheduler, "allowed_failures", 0))
        client.run(die_at, 5)
        with pytest.raises(InputError, match=r"^client: spec_0000\d\d.h5: the worker that made it died, 1 times"):
            run(client)
    left = contents("out")
    assert {name: content for name, content in left.items() if not name.startswith(".")}.items() < whole.items()


def die_at(image):
    from nbkernel.run.series.frame import FrameMaker

    frame = FrameMaker.frame
    FrameMaker.frame = lambda maker, number: os._exit(1) if number == image else frame(maker, number)
