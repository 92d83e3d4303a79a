"""The exact engine's vectorised path: its error bounds hold, and it never changes an image."""

import numba
import numpy as np
import pytest

import nbkernel.engine.bounds.bounded
import nbkernel.engine.render
from nbkernel.engine.bounds.bounded import table_reach_and_error
from nbkernel.engine.render import render
from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.numerics.exponential import EXPONENTIAL_ERROR, LOWEST_ARGUMENT, exponential
from nbkernel.kernels.numerics.sine import LARGEST_ARGUMENT, SINE_ERROR, sine_up_to_sign
from nbkernel.kernels.physics.constants import PI

from kinds_of_runs import prepared

CELL = "-cell 70 80 90 75 85 95 -misset 10 20 30 -lambda 1 -distance 80 -detpixels 48 -pixel 1.2 -fluence 1e24"


@numba.njit
@REGISTRY.register_called
def sines(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = sine_up_to_sign(x[i])
    return out


def difficult_arguments():
    """All magnitudes up to the largest argument, and values near the multiples of pi that integer indices and cell
    counts give."""
    rng = np.random.default_rng(5)
    h = rng.integers(-300, 300, 20000) + rng.choice([0, 1e-15, 1e-12, 1e-9, 1e-5, 0.1], 20000) * rng.normal(size=20000)
    near = PI * h * rng.choice([1, 2, 5, 36, 1000, 10000], 20000)
    return np.concatenate(
        [rng.uniform(-10, 10, 20000), rng.uniform(-1, 1, 20000) * LARGEST_ARGUMENT, near, 10.0 ** rng.uniform(-300, 0, 2000)]
    )


@pytest.mark.slow
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs an 80-bit long double to compare with")
def test_sine_error_is_within_its_bound():
    x = difficult_arguments()
    expected = np.abs(long_sine(x))
    nonzero = expected != 0
    error = np.abs(np.abs(sines(x).astype(np.longdouble)) - expected)[nonzero] / expected[nonzero]
    assert error.max() < SINE_ERROR


@numba.njit
@REGISTRY.register_called
def exponentials(x):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = exponential(x[i])
    return out


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="needs an 80-bit long double to compare with")
def test_exponential_error_is_within_its_bound():
    rng = np.random.default_rng(6)
    x = np.concatenate([rng.uniform(LOWEST_ARGUMENT, 0, 50000), -(10.0 ** rng.uniform(-20, 2.8, 50000)), [0.0, -708.0]])
    expected = np.exp(x.astype(np.longdouble))
    assert (np.abs(exponentials(x) - expected) / expected).max() < EXPONENTIAL_ERROR


def long_sine(x):
    """sin(x) up to its sign, in long double, after an exact reduction of x modulo pi."""
    from fractions import Fraction

    # 60 decimal digits of pi
    pi = Fraction(314159265358979323846264338327950288419716939937510582097494, 10**59)
    reduced = []
    for value in x:
        exact = Fraction(float(value))
        rest = exact - round(exact / pi) * pi
        high = float(rest)
        reduced.append(np.longdouble(high) + np.longdouble(float(rest - Fraction(high))))
    return np.sin(np.array(reduced))


RUNS = [
    f"{CELL} -default_F 100 -N 5",
    f"{CELL} -default_F 100 -Na 1 -Nb 36 -Nc 47 -nointerpolate",
    f"{CELL} -default_F 100 -N 5 -mosaic 0.3 -mosaic_dom 7 -osc 0.2 -phisteps 3 -polar 0.9",
    f"{CELL} -default_F 100 -N 5 -water 10 -dmin 3 -dispersion 2 -dispsteps 3",
    f"{CELL} -default_F 100 -N 5 -detector_abs 200 -detector_thick 300 -detector_thicksteps 3 -oversample 2",
    # indices that are exactly 0 along a row and a column: 0/0 in the vectorised path
    (
        "-cell 100 100 100 90 90 90 -default_F 10 -N 4 -lambda 1 -distance 100 -detpixels 21 -pixel 1 "
        "-Xbeam 10 -Ybeam 10 -denzo"
    ),
    f"{CELL} -default_F 100 -N 5 -curved_det -point_pixel -nopolar",
    f"{CELL} -default_F 100 -N 5 -gauss_xtal -fudge 0.001 -mosaic 0.3 -mosaic_dom 7",
    f"{CELL} -default_F 100 -N 5 -gauss_xtal -nopolar",
    f"{CELL} -default_F 100 -N 14 -gauss_xtal -fudge 0.1 -twotheta 120",
    f"{CELL} -default_F 100 -N 5 -round_xtal -oversample 2",
    f"{CELL} -default_F 100 -Na 36 -Nb 3 -Nc 7 -round_xtal -fudge 0.3 -mosaic 0.3 -mosaic_dom 7",
    (
        "-cell 100 100 100 90 90 90 -default_F 10 -N 4 -round_xtal -lambda 1 -distance 100 -detpixels 21 -pixel 1 "
        "-Xbeam 10 -Ybeam 10 -denzo"
    ),
    f"{CELL} -default_F 100 -N 5 -tophat_spots -fudge 0.0001 -mosaic 0.3 -mosaic_dom 7",
]


@pytest.mark.slow
@pytest.mark.parametrize("flags", RUNS)
def test_the_vectorised_image_has_the_bits_of_the_scalar_one(flags, monkeypatch):
    run = prepared(flags)
    vectorised, vectorised_omega, _ = render(run, "exact")
    monkeypatch.setattr(nbkernel.engine.render, "table_reach_and_error", lambda plan, history, tables, panel: None)
    scalar, scalar_omega, _ = render(run, "exact")
    assert vectorised.tobytes() == scalar.tobytes()
    assert vectorised_omega == scalar_omega


@pytest.mark.slow
@pytest.mark.parametrize("error", [1e-3, 1e-7])
def test_doubtful_pixels_are_rendered_exactly(error, monkeypatch):
    run = prepared(RUNS[2])
    monkeypatch.setattr(nbkernel.engine.render, "table_reach_and_error", lambda plan, history, tables, panel: None)
    scalar, _, _ = render(run, "exact")
    monkeypatch.setattr(nbkernel.engine.bounds.bounded, "relative_error", lambda terms: error)
    monkeypatch.setattr(nbkernel.engine.render, "table_reach_and_error", table_reach_and_error)
    uncertain, _, _ = render(run, "exact")
    assert uncertain.tobytes() == scalar.tobytes()


@pytest.mark.parametrize(
    "flags, qualifies",
    [
        ("-N 5", True),
        ("-N 5 -gauss_xtal", True),
        ("-N 5 -gauss_xtal -fudge -1", False),
        ("-N 5 -tophat_spots", True),
        ("-N 5 -round_xtal", True),
        ("-N 5 -round_xtal -fudge 0", False),
        ("-N 5 -oversample_polar", False),
        ("-N 100000000", False),
    ],
)
def test_only_runs_with_a_known_error_are_vectorised(flags, qualifies, monkeypatch):
    seen = []

    def spy(plan, history, tables, panel):
        seen.append(table_reach_and_error(plan, history, tables, panel))
        return seen[-1]

    monkeypatch.setattr(nbkernel.engine.render, "table_reach_and_error", spy)
    render(prepared(f"{CELL} -detpixels 4 -oversample 1 -default_F 100 {flags}"), "exact")
    assert (seen[0] is not None) == qualifies
