"""The SquaredTable of a plan: F_cell^2 in the form that the vectorised loops look it up."""

import math

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.physics.plan import SquaredTable

LARGEST_TABLE = 2**31 - 1
NOTHING_SINGLE = np.zeros(1, np.float32)
PLANES_OF = 1_000_000  # structure factors looked through at a time


class Tables:
    """The SquaredTables of plans that share their structure factors, each worked out once. places: of Reflections."""

    def __init__(self, places=None):
        self.made = {}
        self.places = places

    def of(self, plan, single=False):
        if single not in self.made:
            self.made[single] = squared_table(plan, single, self.places)
        return self.made[single]

    def checked(self, plan, single, precision):
        """`of`; raises InputError for a table that 32-bit positions cannot count."""
        if plan.Fhkl.size > LARGEST_TABLE // 8:
            raise InputError(
                f"-hkl: a table of {' x '.join(map(str, plan.Fhkl.shape))} entries is too large for --precision "
                f"{precision}; give --precision exact"
            )
        return self.of(plan, single)


def squared_table(plan, single=False, places=None):
    """single: with the copy in float32 that precision `mixed` needs. places: positions in the flattened Fhkl of all that is
    not 0, None where they are many."""
    default = plan.default_F * plan.default_F
    if plan.Fhkl.size == 0:
        return SquaredTable(
            np.array([default]), *[0.0] * 8, s_beyond=math.inf, F_squared_single=NOTHING_SINGLE, largest=1.0,
            F_flat=plan.Fhkl.reshape(-1),
        )  # fmt: skip
    nh, nk, nl = shape = [n + 2 for n in plan.Fhkl.shape]
    # what is too large for a square is infinite, as in the program
    with np.errstate(over="ignore", under="ignore"):
        if places is not None and default == 0.0:
            padded, there = np.zeros(shape), padded_places(plan.Fhkl.shape, places)
            flat = padded.reshape(-1)
            flat[there] = plan.Fhkl.reshape(-1)[places] ** 2
        else:
            padded, there = np.full(shape, default), slice(None)
            np.multiply(plan.Fhkl, plan.Fhkl, out=padded[1:-1, 1:-1, 1:-1])
            flat = padded.reshape(-1)
        largest = float(flat[there].max(initial=0.0)) if single else 1.0
        largest = largest if 0.0 < largest < math.inf else 1.0
        scaled = NOTHING_SINGLE
        if single:
            scaled = np.zeros(flat.shape, np.float32)
            scaled[there] = flat[there] / largest
    return SquaredTable(
        flat,
        plan.h_min - 1.0, plan.k_min - 1.0, plan.l_min - 1.0,
        nh - 1.0, nk - 1.0, nl - 1.0,
        float(nk * nl), float(nl),
        # interpolation leaves out no source
        s_beyond=math.inf if default != 0.0 or plan.interpolate else beyond_all(plan, places),
        F_squared_single=scaled,
        largest=largest,
        F_flat=plan.Fhkl.reshape(-1),
    )  # fmt: skip


def padded_places(shape, places):
    """Positions in the flattened table with a border of one of what is at `places` without it."""
    return np.ravel_multi_index([index + 1 for index in np.unravel_index(places, shape)], [n + 2 for n in shape])


def beyond_all(plan, places=None):
    """Length (1/m) of a scattering vector whose nearest whole index has no structure factor, whatever its direction."""
    stars = plan.recip.reshape(3, 3)
    farthest = 0.0
    if places is not None:
        h, k, l = np.unravel_index(places, plan.Fhkl.shape)
        indices = np.stack([h + plan.h_min, k + plan.k_min, l + plan.l_min], axis=1)
        farthest = float(((indices @ stars) ** 2).sum(axis=1).max(initial=0.0))
    planes = max(1, PLANES_OF // max(1, plan.Fhkl[0].size))
    for first in range(0, plan.Fhkl.shape[0] if places is None else 0, planes):
        there = plan.Fhkl[first : first + planes] != 0.0
        h, k = np.nonzero(there.any(axis=2))
        there = there[h, k]
        # along l the squared length is a parabola: largest at one of the two ends
        for l in (there.argmax(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)):
            indices = np.stack([h + first + plan.h_min, k + plan.k_min, l + plan.l_min], axis=1)
            farthest = max(farthest, float(((indices @ stars) ** 2).sum(axis=1).max(initial=0.0)))
    half_way = 0.5 * sum(math.sqrt(float(star @ star)) for star in stars)
    return (math.sqrt(farthest) + half_way) * 1e10 * (1.0 + 1e-6)
