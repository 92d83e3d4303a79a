"""The SquaredTable of a plan: F_cell^2 in the form that the vectorised loops read."""

import math
import threading

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.plan import SquaredTable

LARGEST_TABLE = 2**31 - 1
NO_FLOAT32_TABLE = np.zeros(1, np.float32)
SAME_CELL = 1e-9  # relative, of squares of lengths: more than rounding of rotations
ENTRIES_AT_A_TIME = 1_000_000  # structure factors that are searched at a time


class SquaredTables:
    """The SquaredTables, without and with float32, of plans that share their structure factors, which are squared once.
    Thread-safe.

    nonzero: (n,) positions in the flattened `plan.Fhkl` of all values that are not 0, None if there are many.
    """

    def __init__(self, nonzero=None):
        self.lock = threading.Lock()
        self.tables = {}
        self.nonzero = nonzero
        self.default_F = None
        self.outermost = None

    def get(self, plan, use_float32=False):
        """The SquaredTable of a RenderPlan. use_float32: with the copy in float32 that precision `mixed` needs."""
        with self.lock:
            if self.default_F != plan.default_F:
                self.tables, self.default_F = {}, plan.default_F
            if use_float32 not in self.tables:
                self.tables[use_float32] = square(plan, use_float32, self.nonzero)
            if self.outermost is None and is_dark_beyond(plan):
                self.outermost = outermost_indices(plan, self.nonzero)
            table = self.tables[use_float32]
        return table._replace(s_beyond=length_beyond_table(plan, self.outermost))

    def get_checked(self, plan, use_float32, precision):
        """The same as `get`, but raises InputError for a table with more entries than 32-bit positions can count."""
        if plan.Fhkl.size > LARGEST_TABLE // 8:
            raise InputError(
                f"-hkl: a table of {' x '.join(map(str, plan.Fhkl.shape))} entries is too large for --precision "
                f"{precision}; give --precision exact"
            )
        return self.get(plan, use_float32)


def squared_table(plan, use_float32=False, nonzero=None):
    """The SquaredTable of a single RenderPlan, see SquaredTables."""
    return SquaredTables(nonzero).get(plan, use_float32)


def square(plan, use_float32, nonzero):
    """The SquaredTable of any cell: without `s_beyond`."""
    default = plan.default_F * plan.default_F
    if plan.Fhkl.size == 0:
        return SquaredTable(
            np.array([default]), *[0.0] * 8, s_beyond=math.inf, F_squared_single=NO_FLOAT32_TABLE, largest=1.0,
            F_flat=plan.Fhkl.reshape(-1),
        )  # fmt: skip
    nh, nk, nl = shape = [n + 2 for n in plan.Fhkl.shape]
    # squares that overflow are infinite, as in the program
    with np.errstate(over="ignore", under="ignore"):
        if nonzero is not None and default == 0.0:
            padded, filled = np.zeros(shape), padded_positions(plan.Fhkl.shape, nonzero)
            flat = padded.reshape(-1)
            flat[filled] = plan.Fhkl.reshape(-1)[nonzero] ** 2
        else:
            padded, filled = np.full(shape, default), slice(None)
            np.multiply(plan.Fhkl, plan.Fhkl, out=padded[1:-1, 1:-1, 1:-1])
            flat = padded.reshape(-1)
        largest = float(flat[filled].max(initial=0.0)) if use_float32 else 1.0
        largest = largest if 0.0 < largest < math.inf else 1.0
        scaled = NO_FLOAT32_TABLE
        if use_float32:
            scaled = np.zeros(flat.shape, np.float32)
            scaled[filled] = flat[filled] / largest
    return SquaredTable(
        flat,
        plan.h_min - 1.0, plan.k_min - 1.0, plan.l_min - 1.0,
        nh - 1.0, nk - 1.0, nl - 1.0,
        float(nk * nl), float(nl),
        s_beyond=math.inf,
        F_squared_single=scaled,
        largest=largest,
        F_flat=plan.Fhkl.reshape(-1),
    )  # fmt: skip


def padded_positions(shape, nonzero):
    """Positions in the flattened table with a border of one entry. shape, nonzero: of the table without the border."""
    return np.ravel_multi_index([index + 1 for index in np.unravel_index(nonzero, shape)], [n + 2 for n in shape])


def is_dark_beyond(plan):
    """Whether all F_cell beyond the table of structure factors are 0; interpolation skips no source."""
    return plan.Fhkl.size > 0 and plan.default_F == 0.0 and not plan.interpolate


def outermost_indices(plan, nonzero=None):
    """(3, n) float64, indices h, k, l with a structure factor, one of which is farthest from the origin whatever the unit
    cell: the first and last l of each h, k, because along l the squared length is a parabola.

    nonzero: see SquaredTables.
    """
    first, shape, found = np.array([[plan.h_min], [plan.k_min], [plan.l_min]], float), plan.Fhkl.shape, [np.zeros((3, 0))]
    if nonzero is not None:
        h_k = nonzero // shape[2]
        starts = np.flatnonzero(np.diff(h_k, prepend=-1))
        ends = np.append(starts, np.append(starts[1:], nonzero.size) - 1) if nonzero.size else starts
        return np.stack(np.unravel_index(nonzero[ends], shape)) + first
    planes = max(1, ENTRIES_AT_A_TIME // max(1, plan.Fhkl[0].size))
    for start in range(0, shape[0], planes):
        filled = plan.Fhkl[start : start + planes] != 0.0
        h, k = np.nonzero(filled.any(axis=2))
        filled = filled[h, k]
        for l in (filled.argmax(axis=1), shape[2] - 1 - filled[:, ::-1].argmax(axis=1)):
            found.append(np.stack([h + start, k, l]) + first)
    return np.concatenate(found, axis=1)


def length_beyond_table(plan, outermost):
    """Length (1/m) of scattering vectors, above which the nearest integer index has no structure factor in any direction.

    outermost: `outermost_indices`. |s| exceeds that of the nearest integer index by at most half of |a*| + |b*| + |c*|.
    """
    if not is_dark_beyond(plan):
        return math.inf
    try:
        stars = np.linalg.inv(plan.orientation[0, 0].reshape(3, 3)).T  # 1/m
    except np.linalg.LinAlgError:  # cell vectors in a plane
        return math.inf
    farthest = float(((stars.T @ outermost) ** 2).sum(axis=0).max(initial=0.0))
    half_way = 0.5 * sum(math.sqrt(float(star @ star)) for star in stars)
    return (math.sqrt(farthest) + half_way) * (1.0 + 1e-6) * largest_stretch(plan)


def largest_stretch(plan):
    """Bound on the length of a reciprocal vector in any mosaic domain over that in the first; 1 if they are only turned."""
    cells = plan.orientation[0].reshape(-1, 3, 3)
    if len(cells) == 1:
        return 1.0
    metrics = cells @ cells.transpose(0, 2, 1)
    if np.abs(metrics - metrics[0]).max() <= SAME_CELL * metrics[0].max():
        return 1.0
    try:
        return float(np.linalg.norm(np.linalg.solve(cells, cells[:1]), 2, axis=(1, 2)).max()) * (1.0 + SAME_CELL)
    except np.linalg.LinAlgError:  # cell vectors in a plane
        return math.inf
