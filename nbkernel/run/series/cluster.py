"""A series on a Dask cluster: each data file is a task. Which worker makes it, what happens when that worker dies, and the
dashboard are left to Dask.

Workers find the specification in the folder's record, which they read once. So a task is small, and a worker that does not
see the folder, or other input files, says so before it renders anything.
"""

import concurrent.futures
import contextlib
import functools
import json
import logging
import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

import nbkernel
from nbkernel.engine.threads import thread_count
from nbkernel.errors import InputError
from nbkernel.experiment.input_files import input_files
from nbkernel.io.files.temporary_files import remove_all_abandoned
from nbkernel.io.files.text import read_text
from nbkernel.run.simulate import Simulator
from nbkernel.support.logger import LOG
from nbkernel.support.recent import Recent
from nbkernel.support.signals import FINAL_CALLS

from .folder import RECORD, Folder
from .frame import FrameMaker
from .specification import read_specification
from .writing import write_part

LOCAL = "local"
MOST_TRIES = 3  # of a file, each on another worker where there is one
BATCH = 1000  # tasks that are sent at a time
LOGGERS = ("distributed", "tornado", "asyncio")


class Order(NamedTuple):
    """What all files of a run have in common. folder: its absolute path; digest, precision: of its record; version: of
    nbkernel; device, threads: as for `Simulator`; option: for messages; again: whether files that are there are made
    again."""

    folder: str
    digest: str
    precision: str
    version: str
    device: str
    threads: int
    option: str
    again: bool


def made_by(client, lead, series):
    """A function by which the workers of a Dask Client make files of a Series; `write_series` calls it with the option of
    messages, the Folder, Parts, a function to be called with the number of images done, or None, and whether files that are
    there are made again. It yields each Part when its file is there. lead: how messages about the cluster begin. Raises
    InputError for a Client that cannot be used."""
    check_client(lead, client)

    def making(option, place, parts, report, again):
        # of the same content, but input files may have moved since
        place.renew_record(option)
        # Dask knows how many tasks a worker runs at a time
        threads = series.simulator.engine.threads or 1
        folder = os.path.abspath(place.path)
        order = Order(folder, place.digest, place.precision, nbkernel.__version__, series.device, threads, option, again)
        return files_made(client, lead, order, parts, report)

    return making


def make_file(part, order):
    """Makes a data file, on a worker; returns the warnings. Raises InputError, which begins with the worker's address."""
    from distributed import get_worker

    try:
        with warning_lines() as lines:
            place, maker = makers().get(order)
            if order.again or not place.has(part.name):
                write_part(maker, order.option, place, part, None)
    except InputError as error:
        raise type(error)(f"worker {get_worker().address}: {error}") from None
    except MemoryError as error:
        why = str(error) or "out of memory; try fewer threads or workers"
        raise InputError(f"worker {get_worker().address}: {part.name}: {why}") from None
    except OSError as error:
        raise InputError(f"worker {get_worker().address}: {part.name}: {error.strerror or error}") from None
    return lines


class Makers:
    """What a worker keeps: the Folder and the FrameMaker of the series that it made files of last. Thread-safe."""

    def __init__(self):
        self.lock, self.recent = threading.Lock(), Recent(1)

    def get(self, order):
        """(Folder, FrameMaker) for an Order. Raises InputError if this worker does not find what the Order says."""
        with self.lock:
            return self.recent.get(order._replace(again=False), lambda: prepare(order))


@functools.cache
def makers():
    """The Makers of this process."""
    return Makers()


def prepare(order):
    if order.version != nbkernel.__version__:
        raise InputError(
            f"{order.option}: has nbkernel {nbkernel.__version__}; need {order.version}, as where the run began"
        )
    record = Folder(order.folder, None, order.precision)
    found = record.record(order.option)
    if found is None:
        raise InputError(
            f"{order.option}: finds no {RECORD} in {order.folder}; need the same folder, under this path, on every worker"
        )
    specification = read_specification(record.file(RECORD), order.option)
    place = Folder(order.folder, specification, order.precision)
    if found != (order.digest, order.precision) or place.digest != order.digest:
        names = ", ".join(file.path for file in input_files(specification.experiment))
        raise InputError(
            f"{order.option}: finds another series in {order.folder} than was started; need the same folder"
            + (f", and the same input files ({names})" if names else "")
        )
    simulator = Simulator(specification.experiment, device=order.device, precision=order.precision, threads=order.threads)
    return place, FrameMaker(specification, simulator)


@contextlib.contextmanager
def warning_lines():
    """Within this context: a list of the library's warnings, each once."""
    lines: list[str] = []
    handler = logging.Handler(logging.WARNING)

    def emit(record):
        line = record.getMessage()
        if line not in lines:
            lines.append(line)

    handler.emit = emit  # type: ignore[method-assign]
    LOG.addHandler(handler)
    try:
        yield lines
    finally:
        LOG.removeHandler(handler)


def files_made(client, lead, order, parts, report, make=make_file):
    """Has the workers of a Dask Client make Parts; yields each one when its file is there.

    lead: how messages about the cluster begin; report: called with the number of images done, or None; make: what a task
    calls, with a Part and the Order.

    A file that fails is tried on other workers. If it fails there, too, or its workers die, InputError is raised with
    what the last one said: files that have not been begun are cancelled, the others become complete. Raises InputError
    if the scheduler goes away.
    """
    from distributed import as_completed

    address = client.scheduler.address
    tries, failing, done = Counter(), set(), 0
    if not client.nthreads():
        LOG.warning("%s: the scheduler at %s has no workers yet; waiting for them", lead, address)
    tasks = dict(zip(client.map(make, parts, order=order, pure=False, batch_size=BATCH), parts, strict=True))
    waiting = as_completed(tasks)
    try:
        for task in waiting:
            part = tasks.pop(task)
            try:
                lines = outcome(lead, address, task, part)
            except WorkerFailed as failed:
                tries[part.name] += 1
                failing.add(failed.worker)
                others = sorted(set(client.nthreads()) - failing)
                if not others or tries[part.name] == MOST_TRIES:
                    raise failed.error from None
                LOG.warning("%s; another worker makes it", failed.error)
                again = client.submit(make, part, order=order, pure=False, workers=others, allow_other_workers=True)
                tasks[again] = part
                waiting.add(again)
                continue
            for line in lines:
                LOG.warning("%s", line)
            done += len(part.images)
            if report is not None:
                report(done)
            yield part
    finally:
        if tasks and client.status == "running":
            client.cancel(list(tasks))


class WorkerFailed(Exception):
    """A worker cannot make a file. worker: its address; error: the InputError."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error, self.worker = error, str(error).split(": ")[0].removeprefix("worker ")


def outcome(lead, address, task, part):
    """The warnings of a finished task. Raises WorkerFailed for what a worker could not do, InputError if its workers died or
    the scheduler is gone."""
    from distributed import KilledWorker
    from distributed.client import ClosedClientError

    try:
        return task.result()
    except InputError as error:
        raise WorkerFailed(error) from None
    except KilledWorker as error:
        raise InputError(
            f"{lead}: {part.name}: the worker that made it died, {error.allowed_failures + 1} times, last "
            f"{error.last_worker.address}; does it have enough memory?"
        ) from None
    except (concurrent.futures.CancelledError, ClosedClientError, OSError, TimeoutError):
        raise InputError(
            f"{lead}: the scheduler at {address} is gone; complete files stay, and the same command goes on with the others"
        ) from None


def check_client(lead, client: Any):
    """Raises InputError unless it is a connected Client of a cluster with this version of nbkernel."""
    from distributed import Client

    usable = isinstance(client, Client) and not client.asynchronous and client.status == "running"
    if not usable:
        raise InputError(f"{lead}: needs a dask.distributed.Client that is connected and not asynchronous, not {client!r}")
    found = client.get_versions(packages=["nbkernel"])
    places = {f"the scheduler at {client.scheduler.address}": found["scheduler"]}
    places |= {f"the worker at {address}": versions for address, versions in found["workers"].items()}
    for where, versions in places.items():
        version = (versions or {}).get("packages", {}).get("nbkernel")
        if version != nbkernel.__version__:
            raise InputError(f"{lead}: {where} has nbkernel {version or 'not'}; need {nbkernel.__version__}, as here")


@contextlib.contextmanager
def connected(lead, where, folder, threads):
    """A context whose value is a Client for the command line: of workers on this machine (the word local), or of the
    scheduler that an address or a scheduler file names. Dask's own log is silent.

    folder: where the files go; threads: of each local worker, None for 1. Raises InputError, beginning with `lead`, if there
    is no Dask or no answer.
    """
    try:
        import distributed
    except ImportError as error:
        raise InputError(f"{lead}: needs Dask ({error}): pip install 'nbkernel[dask]'") from None
    for name in list(logging.Logger.manager.loggerDict):
        if name.split(".")[0] in LOGGERS:
            logging.getLogger(name).disabled = True
    if where == LOCAL:
        with local_client(folder, threads) as client:
            yield client
        return
    address = address_of(lead, where)
    try:
        client = distributed.Client(address)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{lead}: no scheduler answers at {address} ({error})") from None
    with contextlib.ExitStack() as opened:
        # a Client whose scheduler is gone would try to reach it
        opened.callback(lambda: client.status == "running" and client.close())
        yield client


def address_of(lead, where):
    """The address of a scheduler, from a text that is one or names a scheduler file."""
    if "://" in where or (not os.path.exists(where) and where.rpartition(":")[2].isdecimal()):
        return where
    try:
        address = json.loads(read_text(lead, where))["address"]
    except (ValueError, TypeError, KeyError):
        address = None
    if not isinstance(address, str):
        raise InputError(
            f"{lead}: {where} is not a scheduler file of Dask; need one, an address such as tcp://HOST:8786, or local"
        )
    return address


@contextlib.contextmanager
def local_client(folder, threads):
    """A context whose value is a Client of worker processes on this machine, as many as its cores allow."""
    from distributed import Client, LocalCluster

    # of the process that outlives this one if a signal ends it, and removes semaphores
    sys.warnoptions.append("ignore::UserWarning:multiprocessing.resource_tracker")
    cluster = LocalCluster(
        n_workers=max(1, thread_count(None) // (threads or 1)), threads_per_worker=1, memory_limit=None,
        dashboard_address="127.0.0.1:0", silence_logs=logging.CRITICAL,
    )  # fmt: skip

    def end(patience):
        processes = [nanny.pid for nanny in cluster.workers.values() if nanny.pid]
        for process in processes:
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        # until they are gone their files are theirs
        stop = time.monotonic() + patience
        while remove_all_abandoned(folder) and time.monotonic() < stop:
            time.sleep(0.01)

    FINAL_CALLS.append(end)
    try:
        with cluster, Client(cluster) as client:
            yield client
    finally:
        FINAL_CALLS.remove(end)
        remove_all_abandoned(folder)
