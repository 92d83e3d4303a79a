"""What an engine needs to render: flat NamedTuples of numbers and arrays, in SI units."""

from typing import NamedTuple

import numpy as np


class RenderPlan(NamedTuple):
    """The complete experiment except the detector's panels. Quirks of nanoBragg.c and their fixes are data here.

    Lengths in metres unless a field says otherwise; arrays are C-contiguous float64 unless a field says otherwise.
    """

    # beam
    source_incident: np.ndarray  # (sources, 3), towards the sample
    source_lambda: np.ndarray  # (sources,)
    source_weight: np.ndarray  # (sources,), 1 where the weights are ignored
    fluence: float  # photons/m^2
    polarization: float  # Kahn factor
    nopolar: bool
    # crystal
    orientation: np.ndarray  # (slots, mosaic_domains, 9): a, b, c; slot 0 is the unrotated crystal
    # (slots, 9): a, b, c before the mosaic rotation; (slots * mosaic_domains, 9) of domains that the spindle turns: after it
    phi_vectors: np.ndarray
    mosaic_umats: np.ndarray  # (mosaic_domains, 9): that rotation, row by row; the identity if nothing is spread
    phi_slot: np.ndarray  # (phisteps,) int64: slot of each phi step
    phi_slot_first: np.ndarray  # (phisteps,) int64: the same for the first evaluated source of the run
    spot_axes: np.ndarray  # (9,): what measures how far an index is from a whole one, see `rad_star_squared`
    Na: float
    Nb: float
    Nc: float
    fudge: float
    xtal_shape: int
    F_latt_is_finite: bool  # so that a step with F_cell = 0 adds exactly nothing
    # structure factors
    Fhkl: np.ndarray  # (h, k, l), electrons; an empty table is (0, 0, 0)
    h_min: int
    k_min: int
    l_min: int
    default_F: float
    interpolate: bool
    interpolation_latch: bool  # the first index out of range switches interpolation off for the rest
    # background
    I_bg: float  # in the units of F_cell^2 F_latt^2
    has_water: bool
    keep_water_beyond_dmin: bool
    # sampling
    dmin: float
    oversample: int
    steps: float
    # detector sensor
    detector_thick: float
    detector_thickstep: float
    detector_thicksteps: int
    detector_mu: float  # 1/m
    # what a factor multiplies and how often it is renewed: FINAL_SUM, RUNNING_SUM, EACH_STEP, ... of `weights`
    oversample_thick: int  # capture fraction
    oversample_polar: int  # polarisation factor
    oversample_omega: int  # solid angle


class Tile(NamedTuple):
    """A block of one panel's pixels with the geometry to render it. Vectors are (3,) float64."""

    panel: int
    slow_start: int
    slow_stop: int
    fast_start: int
    fast_stop: int
    fdet: np.ndarray
    sdet: np.ndarray
    odet: np.ndarray
    pix0: np.ndarray  # corner of the panel's first pixel, m
    beam: np.ndarray  # unit vector, for a curved detector
    pixel_size: float
    distance: float
    close_distance: float
    curved_detector: bool
    point_pixel: bool


class History(NamedTuple):
    """State that nanoBragg.c keeps from pixel to pixel, computed beforehand so that pixels can be rendered in any order.

    Pixels are numbered by their position in the panel's file (slow x fpixels + fast).
    """

    first_pixel: int  # the pixel with the first evaluated source of the run; -1 if it makes no difference
    latch_pixel: int  # the first pixel outside the table; past the last if none is
    axis: np.ndarray  # (n, 3) states of the polarisation axis, by number of calls
    axis_next: np.ndarray  # (n,) int64: which state follows
    axis_start: np.ndarray  # (slow, fast) int32: state at a pixel's first call; (1, 1) if there is only one state


class SquaredTable(NamedTuple):
    """F_cell^2 with a border of one cell that contains default_F^2, so that a clipped index needs no range test."""

    F_squared: np.ndarray  # flat float64; a single element if there is no table
    h_low: float  # index of the border
    k_low: float
    l_low: float
    h_top: float  # largest position along h
    k_top: float
    l_top: float
    h_stride: float
    k_stride: float
    s_beyond: float  # 1/m: beyond this |scattering vector| all F_cell are 0; inf if default_F is not 0
    # for mixed precision, divided by the largest: flat float32
    F_squared_single: np.ndarray
    largest: float
    # the structure factors themselves, for interpolation: flat float64
    F_flat: np.ndarray


class Reach(NamedTuple):
    """Which steps may add something to a pixel: those with Miller indices close enough to whole ones with an F_cell.

    A group of orientations is that of some consecutive phi steps with all mosaic domains; a block of sources is one of
    consecutive sources of one direction.
    """

    is_limited: bool  # otherwise the rest is meaningless
    phi_stop: np.ndarray  # (groups,) int64: the phi step after the group's last
    cell: np.ndarray  # (groups, 1, 9) float64: mean a, b, c (m), as a RenderPlan's `orientation`
    spread: np.ndarray  # (groups, 3) float64: bound on the distance (m) of a, b, c from the mean
    longest: np.ndarray  # (groups, 3) float64: bound on the length (m) of a, b, c; where there are blocks of sources
    source_stop: np.ndarray  # (sources,) int64: the source after the last of this source's block
    middle: np.ndarray  # (sources,) int64: the source in the middle of that block
    stretch: np.ndarray  # (sources,) float64: of the block, bound on |wavelength of the middle one / of a source - 1|
    offset: np.ndarray  # (3,) float64, from whole h, k, l: further off, nothing is added; inf if everything adds
    low: np.ndarray  # (3,) float64: least h, k, l that adds anything
    high: np.ndarray  # (3,) float64: the largest
    half: float  # offset below which the nearest whole index is certain
    left_out: float  # photons: bound on what the other steps would have added to a pixel


class Workspace(NamedTuple):
    """Memory that one thread works in, for segments of n pixels."""

    work: np.ndarray  # (geometry.WORK, n) float64, initially ones
    omegas: np.ndarray  # (n,) float64, zeros between rows
    phases: np.ndarray  # (phases.PHASE_WORK, n) int32
    offsets: np.ndarray  # (phases.OFFSET_WORK, n) float32
    sums: np.ndarray  # (n,) float32, zeros between segments
    nearest: np.ndarray  # (n,) float32
    interpolation: np.ndarray  # (interpolation.INTERPOLATION_WORK, interpolation.BLOCK + LANES) float64
    corner: np.ndarray  # (interpolation.BLOCK,) int32


class RoundingLimit(NamedTuple):
    """Limits within which only the program's own operations give a pixel, see `rounding.py`; 0 if irrelevant."""

    relative_offset: float  # an offset from an integer index smaller than this times the index
    offset: float  # one smaller than this
    half_way: float  # an index closer than this to half way between two integers
    largest_index: float  # no index is larger
