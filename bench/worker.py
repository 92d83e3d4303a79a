"""python -m bench.worker --precision P --threads N --device D --parallel NAME FLAGS: prints the seconds that
rendering takes, in a process of its own.

The median of several renderings, after one that loads everything needed.
"""

import statistics
import sys
import time

from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.render import render

from .parity import prepared_run

RENDERINGS, LONG = 5, 1.0


def main(argv):
    precision, threads, device, parallel, flags = argv[1], int(argv[3]), argv[5], argv[7], argv[8:]
    devices = choose_device(*parse_device(device), precision).devices
    prepared = prepared_run(flags)
    render(prepared, precision, threads, devices=devices, parallel=parallel)
    seconds = []
    while len(seconds) < RENDERINGS:
        started = time.perf_counter()
        render(prepared, precision, threads, devices=devices, parallel=parallel)
        seconds.append(time.perf_counter() - started)
        if seconds[0] > LONG:
            break
    print(statistics.median(seconds))


if __name__ == "__main__":
    main(sys.argv[1:])
