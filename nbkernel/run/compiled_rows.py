"""Rendering from a user's own compiled code: `nbkernel.compiled_rows`."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from nbkernel.engine.background import new_background_call
from nbkernel.engine.bounds.precision import needs_exact
from nbkernel.engine.options import DEFAULT_PRECISION, PRECISIONS
from nbkernel.engine.render import choose_fast, exact_bound, new_exact_call, new_fast_calls, panel_history
from nbkernel.engine.squared_table import SquaredTables
from nbkernel.engine.threads import thread_count
from nbkernel.engine.tiles import panel_tile
from nbkernel.engine.workspaces import Workspaces
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.experiment import Experiment
from nbkernel.image.seeds import fresh_seed
from nbkernel.kernels.physics.pixel import omegas_per_pixel
from nbkernel.setup.prepare import prepare_panels
from nbkernel.support.memory import panel_zeros
from nbkernel.support.validation import check_threads


class CompiledRows(NamedTuple):
    """An image whose rows numba's compiled code fills.

    image: photons, (slow, fast) float32, 0 until a row is filled; fill: the jitted function fill(calls, slow_start,
    slow_stop), which fills these rows on numba's threads and returns 0, or for how many blocks of rows it failed; calls: its
    first argument. They refer to memory that this tuple keeps, so keep it as long as they are used. One thread at a time may
    call fill.
    """

    image: np.ndarray
    fill: Callable[..., int]
    calls: tuple[Any, ...]
    kept: tuple[Any, ...]  # the memory that `calls` refer to


@naming_arguments()
def compiled_rows(
    experiment: Experiment, *, precision: str = DEFAULT_PRECISION, threads: int | None = None
) -> CompiledRows | Any:  # a list of them where there are panels, which a type checker does not see
    """Prepares an Experiment for a user's own @njit functions, which can call `fill` of the result.

    precision: as for `simulate`, whose image has the same bits; threads: how many of numba's threads share the rows, by
    default as many as there are cores. Reads the files that the experiment names.

    Returns the CompiledRows; for an experiment with panels, a list with one for each. Raises InputError (with a message for
    the user) for unusable input.
    """
    if not isinstance(experiment, Experiment):
        raise InputError(f"compiled_rows: needs an Experiment, not {type(experiment).__name__}")
    if precision not in PRECISIONS:
        raise InputError(f"precision: {precision!r} is not supported; need {', '.join(PRECISIONS)}")
    check_threads(threads)
    runs = prepare_panels(experiment, fresh_seed())
    if runs[0].parts:
        raise InputError("compiled_rows: takes one table of structure factors; leave out hkl_per_energy or anomalous")
    tables = SquaredTables(runs[0].reflections.nonzero)
    rows = [rows_of_panel(prepared, tables, precision, thread_count(threads)) for prepared in runs]
    return rows if runs[0].experiment.panels else rows[0]


def rows_of_panel(prepared, tables, precision, threads):
    """The CompiledRows of a Prepared panel. tables: the run's SquaredTables."""
    from nbkernel.kernels.compile.parallel import fill, share_words

    plan, wanted, panel = prepared.plan, prepared.wanted, panel_tile(prepared.detector)
    history = panel_history(prepared, precision, threads)
    image = panel_zeros(wanted.shape, np.float32, prepared.roi)
    if precision == "exact" or needs_exact(plan, panel):
        bound = exact_bound(plan, history, tables, panel, panel)
        omegas = np.empty((*wanted.shape, omegas_per_pixel(plan)))
        new_calls = [new_exact_call(plan, history, panel, bound, wanted, image, omegas)]
    else:
        fast = choose_fast(prepared, tables, precision)
        unresolved, omega_sums = np.zeros(wanted.shape[0], np.int64), np.zeros(wanted.shape[0])
        new_calls = [*new_fast_calls(fast, plan, history, panel, wanted, image, unresolved, omega_sums, Workspaces())]
    if prepared.scatter is not None:
        new_calls.append(new_background_call(prepared, panel, wanted, image))
    kept = tuple([new_call() for _ in range(threads)] for new_call in new_calls)
    return CompiledRows(image, fill, tuple(share_words(calls) for calls in kept), kept)
