"""python -m bench.worker --precision P --threads N --device D --parallel NAME FLAGS: prints the seconds that
rendering takes in a process of its own, and the share of them that was lost to other programs.

The median of several renderings, after one that loads everything needed.
"""

import json
import sys

from nbkernel.engine.devices import choose_device, parse_device
from nbkernel.engine.render import render

from .parity import prepared_run
from .timing import Stopwatch

RENDERINGS, LONG = 5, 1.0


def main(argv):
    precision, threads, device, parallel, flags = argv[1], int(argv[3]), argv[5], argv[7], argv[8:]
    devices = choose_device(*parse_device(device), precision).devices
    prepared = prepared_run(flags)
    render(prepared, precision, threads, devices=devices, parallel=parallel)
    durations = []
    while len(durations) < RENDERINGS:
        watch = Stopwatch()
        render(prepared, precision, threads, devices=devices, parallel=parallel)
        durations.append(watch.duration())
        if durations[0].seconds > LONG:
            break
    print(json.dumps(sorted(durations)[len(durations) // 2]))


if __name__ == "__main__":
    main(sys.argv[1:])
