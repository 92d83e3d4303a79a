"""The SquaredTable of a plan: F_cell^2 in the form that the vectorised loops read."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.plan import SquaredTable

LARGEST_TABLE = 2**31 - 1
NO_FLOAT32_TABLE = np.zeros(1, np.float32)
ENTRIES_AT_A_TIME = 1_000_000  # structure factors that are searched at a time


class SquaredTables:
    """The SquaredTables, without and with float32, of plans that share their structure factors, each computed once.

    nonzero: see `squared_table`.
    """

    def __init__(self, nonzero=None):
        self.tables = {}
        self.nonzero = nonzero

    def get(self, plan, use_float32=False):
        if use_float32 not in self.tables:
            self.tables[use_float32] = squared_table(plan, use_float32, self.nonzero)
        return self.tables[use_float32]

    def get_checked(self, plan, use_float32, precision):
        """The same as `get`, but raises InputError for a table with more entries than 32-bit positions can count."""
        if plan.Fhkl.size > LARGEST_TABLE // 8:
            raise InputError(
                f"-hkl: a table of {' x '.join(map(str, plan.Fhkl.shape))} entries is too large for --precision "
                f"{precision}; give --precision exact"
            )
        return self.get(plan, use_float32)


def squared_table(plan, use_float32=False, nonzero=None):
    """The SquaredTable of a RenderPlan. use_float32: with the copy in float32 that precision `mixed` needs.

    nonzero: (n,) positions in the flattened `plan.Fhkl` of all values that are not 0, None if there are many.
    """
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
        # interpolation skips no source
        s_beyond=math.inf if default != 0.0 or plan.interpolate else length_beyond_table(plan, nonzero),
        F_squared_single=scaled,
        largest=largest,
        F_flat=plan.Fhkl.reshape(-1),
    )  # fmt: skip


def padded_positions(shape, nonzero):
    """Positions in the flattened table with a border of one entry. shape, nonzero: of the table without the border."""
    return np.ravel_multi_index([index + 1 for index in np.unravel_index(nonzero, shape)], [n + 2 for n in shape])


def length_beyond_table(plan, nonzero=None):
    """Length (1/m) of scattering vectors, above which the nearest integer index has no structure factor in any direction.

    |s| exceeds that of the nearest integer index by at most half of |a*| + |b*| + |c*|.
    """
    stars = plan.recip.reshape(3, 3)
    farthest = 0.0
    if nonzero is not None:
        h, k, l = np.unravel_index(nonzero, plan.Fhkl.shape)
        indices = np.stack([h + plan.h_min, k + plan.k_min, l + plan.l_min], axis=1)
        farthest = float(((indices @ stars) ** 2).sum(axis=1).max(initial=0.0))
    planes = max(1, ENTRIES_AT_A_TIME // max(1, plan.Fhkl[0].size))
    for first in range(0, plan.Fhkl.shape[0] if nonzero is None else 0, planes):
        filled = plan.Fhkl[first : first + planes] != 0.0
        h, k = np.nonzero(filled.any(axis=2))
        filled = filled[h, k]
        # along l the squared length is a parabola, which is largest at one of the ends
        for l in (filled.argmax(axis=1), filled.shape[1] - 1 - filled[:, ::-1].argmax(axis=1)):
            indices = np.stack([h + first + plan.h_min, k + plan.k_min, l + plan.l_min], axis=1)
            farthest = max(farthest, float(((indices @ stars) ** 2).sum(axis=1).max(initial=0.0)))
    half_way = 0.5 * sum(math.sqrt(float(star @ star)) for star in stars)
    return (math.sqrt(farthest) + half_way) * 1e10 * (1.0 + 1e-6)
