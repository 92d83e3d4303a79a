"""Each formula, as bare Python, against a closed form or a slow independent computation; and compiled against bare Python."""

import cmath
import itertools
import math

import numba
import numpy as np
import pytest

from nbkernel.kernels.compile.jit import REGISTRY
from nbkernel.kernels.numerics import ran1
from nbkernel.kernels.physics import constants, polarization, rotations, scattering, structure_factor, vectors
from nbkernel.kernels.physics import lattice_factor as lattice
from nbkernel.kernels.physics import pixel_geometry as detector

RNG_SEED = 7


def draws(count=50, size=3, seed=RNG_SEED):
    return [tuple(row) for row in np.random.default_rng(seed).normal(size=(count, size)).tolist()]


# vectors


def test_products_agree_with_numpy():
    for x, y in zip(draws(), draws(seed=8)):
        assert vectors.dot_product(x, y) == pytest.approx(np.dot(x, y), abs=1e-14)
        np.testing.assert_allclose(vectors.cross_product(x, y), np.cross(x, y), atol=1e-14)
        assert vectors.magnitude(x) == pytest.approx(np.linalg.norm(x), rel=1e-15)


def test_unit_vectors_have_length_1_and_zero_stays_zero():
    for x in draws():
        assert vectors.magnitude(vectors.unitize(x)) == pytest.approx(1, abs=2e-16 * 2)
        np.testing.assert_allclose(vectors.vector_rescale(x, 5.0), 5 * np.array(x) / np.linalg.norm(x), rtol=1e-14)
    assert vectors.unitize((0.0, 0.0, 0.0)) == (0.0, 0.0, 0.0)
    assert vectors.vector_rescale((0.0, 0.0, 0.0), 5.0) == (0.0, 0.0, 0.0)


def rotation_series(axis, angle):
    """The exponential of the cross-product matrix, as a power series."""
    x, y, z = axis
    generator = angle * np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    term, total = np.eye(3), np.eye(3)
    for n in range(1, 60):
        term = term @ generator / n
        total = total + term
    return total


def test_rotation_about_an_axis_is_the_exponential_of_its_generator():
    for v, axis, (angle, _, _) in zip(draws(), draws(seed=8), draws(seed=9)):
        axis = vectors.unitize(axis)
        np.testing.assert_allclose(vectors.rotate_axis(v, axis, angle), rotation_series(axis, angle) @ v, atol=1e-13)


def test_rotate_goes_about_x_then_y_then_z():
    for v, angles in zip(draws(), draws(seed=8)):
        x, y, z = (rotation_series(axis, angle) for axis, angle in zip(np.eye(3), angles))
        np.testing.assert_allclose(vectors.rotate(v, *angles), z @ y @ x @ v, atol=1e-13)


def test_rotations_by_zero_keep_every_bit():
    for v in draws():
        assert vectors.rotate(v, 0.0, 0.0, 0.0) == v


def test_a_matrix_is_given_row_by_row():
    matrix = draws(1, 9)[0]
    for v in draws():
        np.testing.assert_allclose(vectors.rotate_umat(v, matrix), np.reshape(matrix, (3, 3)) @ v, atol=1e-14)


def test_axis_angle_matrix_is_the_rotation_about_the_axis():
    for axis, (angle, _, _) in zip(draws(), draws(seed=8)):
        axis = vectors.unitize(axis)
        matrix = np.reshape(rotations.axis_angle_umat(*axis, angle), (3, 3))
        np.testing.assert_allclose(matrix, rotation_series(axis, angle), atol=1e-13)


# lattice factors


@pytest.mark.parametrize("N", [1, 2, 3, 7, 36])
def test_sincg_is_the_modulus_of_N_phases(N):
    """The sum runs symmetrically about 0, so it is real."""
    for x in (0.0, 1e-9, 0.1, 0.5, 1.0, 1.5, 3.0, -0.7):
        phases = sum(cmath.exp(2j * x * (n - (N - 1) / 2)) for n in range(N))
        assert lattice.sincg(x, N) == pytest.approx(phases.real, abs=1e-13 * N)


def sinc3_series(x):
    """3 sum (-1)^n (2n+2) x^2n / (2n+3)!"""
    return 3 * math.fsum((-1) ** n * (2 * n + 2) * x ** (2 * n) / math.factorial(2 * n + 3) for n in range(40))


@pytest.mark.parametrize("x", [0.3, 1.0, 2.5, 4.493409457909064, 6.0])
def test_sinc3_is_the_series_of_the_sphere(x):
    assert lattice.sinc3(x) == pytest.approx(sinc3_series(x), abs=1e-13)


def test_sinc3_is_1_at_0_and_near_it():
    assert lattice.sinc3(0.0) == 1.0
    # 1 - x^2 / 10, within the cancellation error of sin(x)/x - cos(x)
    assert lattice.sinc3(1e-3) == pytest.approx(1 - 1e-7, abs=1e-9)


def test_square_lattice_factor_is_a_product_over_edges_of_more_than_one_cell():
    assert lattice.F_latt_square(0.25, 0.3, 0.1, 2, 3, 1) == pytest.approx(
        lattice.sincg(math.pi * 0.25, 2) * lattice.sincg(math.pi * 0.3, 3), rel=1e-15
    )
    assert lattice.F_latt_square(0.0, 0.0, 0.0, 2, 3, 4) == 24
    assert lattice.F_latt_square(0.3, 0.3, 0.3, 1, 1, 1) == 1


def test_round_lattice_factor_at_its_peak_and_zeros():
    """The ellipsoid inscribed in the parallelepiped has pi/6 of its volume, and F is scaled by sqrt(pi/6) = 0.7236."""
    assert 0.723601254558268 == pytest.approx(math.sqrt(math.pi / 6), rel=1e-14)
    assert lattice.F_latt_round(0.0, 0.0, 0.0, 2, 3, 4, 1.0) == pytest.approx(24 * math.sqrt(math.pi / 6), rel=1e-14)
    # first zero where tan(x) = x
    zero = 4.493409457909064 / math.pi / 5
    assert abs(lattice.F_latt_round(zero, 0.0, 0.0, 5, 3, 4, 1.0)) < 1e-12
    assert abs(lattice.F_latt_round(0.0, zero / 2, 0.0, 3, 5, 4, 4.0)) < 1e-12


CUBIC = (0.02, 0.0, 0.0, 0.0, 0.02, 0.0, 0.0, 0.0, 0.02)  # reciprocal vectors of a 50 Angstrom cube


def test_distance_to_the_reciprocal_lattice_point():
    skew = draws(1, 9)[0]
    d = (0.1, -0.2, 0.3)
    expected = np.linalg.norm(np.array(d) @ np.reshape(skew, (3, 3))) ** 2 * (2 * 3 * 4) ** 2
    assert lattice.rad_star_squared(*d, skew, 2, 3, 4) == pytest.approx(expected, rel=1e-14)


CELLS = (3.0, 3.0, 4.5)


def test_the_axes_of_hkl_measure_offsets_as_an_ellipsoid_does():
    for d in draws(20):
        found = lattice.rad_star_squared(*d, lattice.hkl_axes(*CELLS), *CELLS)
        assert found == pytest.approx(lattice.round_radius_squared(*d, *CELLS), rel=1e-13)


def test_spots_of_gauss_star_are_round_and_those_of_symmetric_reflections_alike():
    hexagonal = np.array([[0.02, 0.02 / math.sqrt(3.0), 0.0], [0.0, 0.04 / math.sqrt(3.0), 0.0], [0.0, 0.0, 0.01]])
    V_cell = 1.0 / np.linalg.det(hexagonal)
    volume = math.prod(CELLS) * V_cell
    # of a left-handed cell, too
    star = lattice.gauss_star_axes(hexagonal.ravel().tolist(), *CELLS, -V_cell)

    def F_latt(d, axes):
        return lattice.F_latt_gauss(lattice.rad_star_squared(*d, axes, *CELLS), *CELLS, 0.7)

    for d in draws(20):
        h, k, l = (0.2 * x for x in d)
        dQ = np.linalg.norm(np.array([h, k, l]) @ hexagonal)
        expected = math.prod(CELLS) * math.exp(-1.9 * 0.7 * dQ**2 * volume ** (2.0 / 3.0))
        assert F_latt((h, k, l), star) == pytest.approx(expected, rel=1e-13)
        turned = (k, -h - k, l)  # by 120 degrees about c
        assert F_latt(turned, star) == pytest.approx(expected, rel=1e-12)
        by_index = lattice.hkl_axes(*CELLS)
        assert F_latt(turned, by_index) != pytest.approx(F_latt((h, k, l), by_index), rel=1e-3)


def test_gaussian_spots_fall_to_half_their_square_at_the_tophat_edge():
    edge = 0.63 * 0.63
    assert lattice.F_latt_gauss(0.0, 2, 3, 4, 1.0) == 24
    assert lattice.F_latt_gauss(edge, 2, 3, 4, 1.0) == pytest.approx(24 * math.exp(-0.63), rel=1e-15)
    assert lattice.F_latt_gauss(edge / 4, 2, 3, 4, 4.0) == pytest.approx(24 * math.exp(-0.63), rel=1e-15)
    assert lattice.F_latt_tophat(0.3969 * (1 - 1e-12), 2, 3, 4, 1.0) == 24
    assert lattice.F_latt_tophat(0.3969, 2, 3, 4, 1.0) == 0
    assert lattice.F_latt_tophat(0.3969 / 4 * (1 - 1e-12), 2, 3, 4, 4.0) == 24
    assert lattice.F_latt_tophat(0.3969 / 4, 2, 3, 4, 4.0) == 0


@pytest.mark.parametrize("shape", range(4))
def test_all_shapes_are_periodic_and_peak_at_integer_indices(shape):
    def factor(h):
        near = [float(scattering.nearest_index(x)) for x in h]
        return lattice.lattice_factor(*h, *near, CUBIC, 5, 6, 7, 1.0, shape)

    # not at the integer index itself, where the square shape's sines are rounding errors
    peak = abs(factor((1.00001, -2.00001, 3.00001)))
    assert peak == pytest.approx(5 * 6 * 7 * (math.sqrt(math.pi / 6) if shape == constants.ROUND else 1), rel=1e-6)
    offset = (0.05, 0.02, -0.03)
    here, there = (abs(factor([a + b for a, b in zip(offset, base)])) for base in ((0, 0, 0), (4, -2, 3)))
    assert here == pytest.approx(there, rel=1e-11)
    assert here <= peak


# scattering


def test_miller_indices_are_products_with_the_cell_vectors():
    """A wave scattered at h a* + k b* + l c* has the indices h, k, l."""
    cell = np.random.default_rng(1).normal(size=(3, 3)) * 50e-10
    reciprocal = np.linalg.inv(cell).T
    for h in draws():
        found = scattering.miller_indices(cell.reshape(1, 1, 9), 0, 0, tuple(np.array(h) @ reciprocal))
        np.testing.assert_allclose(found, h, atol=1e-12)


def test_the_scattering_vector_has_braggs_length():
    for angle in (0.01, 0.3, 1.2):
        q = scattering.scattering_vector((math.cos(2 * angle), math.sin(2 * angle), 0.0), (1.0, 0.0, 0.0), 1.5e-10)
        assert vectors.magnitude(q) == pytest.approx(2 * math.sin(angle) / 1.5e-10, rel=1e-13)


def test_beyond_dmin_compares_spacings():
    q = (0.0, 3e9, 4e9)  # spacing 2 Angstrom
    assert scattering.beyond_dmin(q, 2.1e-10)
    assert not scattering.beyond_dmin(q, 1.9e-10)
    assert not scattering.beyond_dmin(q, 0.0)
    assert not scattering.beyond_dmin((0.0, 0.0, 0.0), 1.0)


@pytest.mark.parametrize("h, nearest", [(0.4, 0), (0.5, 0), (0.6, 1), (-0.5, -1), (-0.4, 0), (-1.6, -2), (2.0, 2)])
def test_halves_round_down(h, nearest):
    assert scattering.nearest_index(h) == nearest


# detector


def test_the_solid_angle_of_a_whole_plane_is_half_the_sphere():
    """By Gauss quadrature over rings of the plane, from the solid angle per area at each angle to the normal."""
    nodes, weights = np.polynomial.legendre.leggauss(80)
    angles = (nodes + 1) * np.pi / 4
    total, distance, edge = 0.0, 0.1, 1e-4
    for angle, weight in zip(angles, weights * np.pi / 4):
        per_area = detector.solid_angle(edge, distance / math.cos(angle), distance, False) / edge**2
        ring_area = 2 * math.pi * distance**2 * math.tan(angle) / math.cos(angle) ** 2
        total += weight * per_area * ring_area
    assert total == pytest.approx(2 * math.pi, rel=1e-10)


def test_a_point_pixels_solid_angle_is_the_inverse_square():
    assert detector.solid_angle(1e-4, 0.5, 0.1, True) == 4.0


@pytest.mark.parametrize("layers, parallax", [(1, 1.0), (5, 1.0), (8, 0.6)])
def test_absorption_in_the_layers_adds_up_to_that_of_the_sensor(layers, parallax):
    thick, mu = 300e-6, 4000.0
    total = sum(detector.absorbed_fraction(layer, thick / layers, mu, parallax) for layer in range(layers))
    assert total == pytest.approx(1 - math.exp(-thick * mu / parallax), rel=1e-13)


def test_a_curved_detector_has_all_pixels_at_its_distance():
    for y, z in ((0.0, 0.0), (0.02, 0.0), (0.0, -0.03), (0.02, 0.05)):
        position = detector.curved_position((0.1, y, z), 0.1, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
        assert vectors.magnitude(position) == pytest.approx(0.1, rel=1e-14)
    # the flat offset becomes the length of the arc
    _, _, z = detector.curved_position((0.1, 0.02, 0.0), 0.1, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
    assert abs(z) == pytest.approx(0.1 * math.sin(0.2), rel=1e-14)


# polarisation


@pytest.mark.parametrize("twotheta", [0.0, 0.3, math.pi / 4, math.pi / 2, 2.5])
def test_polarization_factor_perpendicular_and_parallel_to_the_field(twotheta):
    beam, axis = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)
    perpendicular = (math.cos(twotheta), math.sin(twotheta), 0.0)
    parallel = (math.cos(twotheta), 0.0, math.sin(twotheta))
    half = (1 + math.cos(twotheta) ** 2) / 2
    assert polarization.polarization_factor(0.0, beam, perpendicular, axis) == pytest.approx(half, abs=1e-15)
    assert polarization.polarization_factor(1.0, beam, perpendicular, axis) == pytest.approx(1, abs=1e-15)
    assert polarization.polarization_factor(1.0, beam, parallel, axis) == pytest.approx(math.cos(twotheta) ** 2, abs=1e-15)
    # polarised perpendicular to the axis
    assert polarization.polarization_factor(-1.0, beam, parallel, axis) == pytest.approx(1, abs=1e-15)


def test_polarization_factor_is_that_of_a_dipole_and_linear_in_the_kahn_factor():
    for diffracted, incident, axis in zip(draws(), draws(seed=8), draws(seed=9)):
        diffracted, incident, axis = (np.array(vectors.unitize(v)) for v in (diffracted, incident, axis))
        field = axis - incident * (axis @ incident)
        field /= np.linalg.norm(field)
        dipole = 1 - (field @ diffracted) ** 2
        unpolarised = (1 + (incident @ diffracted) ** 2) / 2
        for kahn in (1e-3, 0.4, 1.0):
            found = polarization.polarization_factor(kahn, tuple(incident), tuple(diffracted), tuple(axis))
            assert found == pytest.approx(unpolarised + kahn * (dipole - unpolarised), abs=1e-14)


# structure factors


def cubic_polynomial(h, k, l):
    return (1 + h - 2 * h**2 + 0.5 * h**3) * (2 - k + k**3) * (l**2 - 3 * l + 0.25 * l**3)


def table_of(function, first, shape):
    return np.array([[[function(first[0] + i, first[1] + j, first[2] + m) for m in range(shape[2])]
                      for j in range(shape[1])] for i in range(shape[0])], float)  # fmt: skip


def test_tricubic_interpolation_reproduces_cubic_polynomials():
    first, shape = (-3, -2, -4), (8, 7, 9)
    table = table_of(cubic_polynomial, first, shape)
    for h in np.random.default_rng(1).uniform((-1, 0, -2), (2, 2, 2), (50, 3)).tolist():
        assert not structure_factor.interpolation_out_of_range(*h, table, *first)
        found = structure_factor.F_tricubic(*h, table, *first)
        assert found == pytest.approx(cubic_polynomial(*h), abs=1e-12 * np.abs(table).max())


def test_tricubic_interpolation_is_the_table_at_its_nodes():
    table = np.random.default_rng(1).uniform(0, 100, (6, 6, 6))
    for h, k, l in itertools.product((-1, 0), repeat=3):
        assert structure_factor.F_tricubic(float(h), float(k), float(l), table, -3, -3, -3) == pytest.approx(
            table[h + 3, k + 3, l + 3], rel=1e-14
        )


def test_interpolation_never_reads_outside_the_table():
    """As in nanoBragg.c, the range stops up to one node short of the table's ends."""
    table = np.zeros((6, 6, 6))  # -3 .. 2
    for h in np.arange(-3, 3, 0.125):
        out = structure_factor.axis_out_of_range(h, -3, 6)
        needs = range(math.floor(h) - 1, math.floor(h) + 3)
        reads_outside = needs[0] < -3 or needs[-1] > 2
        assert not (reads_outside and not out)
        assert out == (h < -1 or h > 0)
    assert structure_factor.interpolation_out_of_range(0.0, 0.0, 0.5, table, -3, -3, -3)
    assert not structure_factor.interpolation_out_of_range(0.0, 0.0, 0.0, table, -3, -3, -3)


def test_the_nearest_entry_or_the_default_outside():
    table = np.arange(24.0).reshape(2, 3, 4)
    for h, k, l in itertools.product(range(-3, 5), repeat=3):
        inside = 0 <= h + 1 < 2 and 0 <= k < 3 and 0 <= l - 1 < 4
        expected = table[h + 1, k, l - 1] if inside else 99.0
        assert structure_factor.F_nearest(float(h), float(k), float(l), table, -1, 0, 1, 99.0) == expected
    assert structure_factor.F_nearest(0.0, 0.0, 0.0, np.zeros((0, 0, 0)), 0, 0, 0, 99.0) == 99.0


# random deviates


def fresh(seed=-1):
    return np.array([seed], np.int64), np.zeros(33, np.int64)


class PublishedGenerator:
    """Park and Miller's generator with the Bays-Durham shuffle, in Python integers."""

    MODULUS, MULTIPLIER = 2**31 - 1, 7**5

    def __init__(self, seed):
        self.state = max(seed, 1)
        for _ in range(8):  # warm up
            self.step()
        self.table = [self.step() for _ in range(32)][::-1]
        self.output = self.table[0]

    def step(self):
        self.state = self.state * self.MULTIPLIER % self.MODULUS
        return self.state

    def draw(self):
        new = self.step()
        slot = self.output // (1 + (self.MODULUS - 1) // 32)
        self.output, self.table[slot] = self.table[slot], new
        return self.output / self.MODULUS


@pytest.mark.parametrize("seed", [1, 2, 12345678, 2147483646])
def test_uniform_deviates_are_those_of_the_published_generator(seed):
    state, shuffle = fresh(-seed)
    published = PublishedGenerator(seed)
    for _ in range(2000):
        assert ran1.ran1(state, shuffle) == pytest.approx(published.draw(), rel=1.2e-7)


def test_park_and_millers_check_value():
    """Starting from 1, the 10000th number is 1043618065 (Park and Miller 1988)."""
    number = 1
    for _ in range(10000):
        number = ran1.next_minimal_standard(number)
    assert number == 1043618065


@numba.njit
@REGISTRY.register_called
def poisson_deviates(mean, count, seed):
    state, shuffle = np.array([-seed]), np.zeros(33, np.int64)
    spare, memo = np.zeros(2, np.float32), np.array([-1, 0, 0, 0], np.float32)
    return np.array([np.float64(ran1.poidev(np.float32(mean), state, shuffle, spare, memo)) for _ in range(count)])


@pytest.mark.slow
@pytest.mark.parametrize("mean", [0.0, 0.3, 5.0, 11.9, 12.0, 100.0, 30000.0, 2e6])
def test_poisson_deviates_have_their_mean_and_variance(mean):
    """Within 5 standard errors; the variance of a sample variance is (mu4 - var^2) / n with mu4 = m + 3 m^2."""
    count = 100000
    deviates = poisson_deviates(mean, count, 3)
    assert abs(deviates.mean() - mean) <= 5 * math.sqrt(mean / count)
    assert abs(deviates.var() - mean) <= 5 * math.sqrt((mean + 2 * mean**2) / count)
    if mean < 1e6:
        assert (deviates == np.floor(deviates)).all() and (deviates >= 0).all()


@pytest.mark.slow
def test_small_poisson_deviates_follow_the_distribution():
    count, mean = 100000, 2.5
    deviates = poisson_deviates(mean, count, 4)
    for n in range(8):
        p = math.exp(-mean) * mean**n / math.factorial(n)
        assert abs((deviates == n).mean() - p) <= 5 * math.sqrt(p * (1 - p) / count)


@numba.njit
@REGISTRY.register_called
def gaussian_deviates(count, seed):
    state, shuffle, spare = np.array([-seed]), np.zeros(33, np.int64), np.zeros(2, np.float32)
    return np.array([np.float64(ran1.gaussdev(state, shuffle, spare)) for _ in range(count)])


def test_gaussian_deviates_have_the_normal_moments():
    """Within 5 standard errors: moments 0, 1, 0, 3 have variances 1, 2, 15, 96 over n."""
    count = 100000
    deviates = gaussian_deviates(count, 3)
    for power, moment, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((deviates**power).mean() - moment) <= 5 * math.sqrt(variance / count)


@pytest.mark.parametrize("x", [1.0, 1.5, 2.0, 10.0, 12345.0])
def test_log_gamma_agrees_with_math_lgamma_to_float32(x):
    assert ran1.gammln(np.float32(x)) == pytest.approx(math.lgamma(x), rel=2e-7, abs=1e-7)


def rotation_angle(matrix):
    return math.acos(min(1.0, max(-1.0, (np.trace(matrix) - 1) / 2)))


@pytest.mark.parametrize("spread", [0.01, 1.0])
def test_mosaic_rotations_are_rotations_within_the_spread(spread):
    seed, shuffle = fresh()
    for _ in range(200):
        matrix = np.reshape(rotations.mosaic_rotation_umat(spread, seed, shuffle), (3, 3))
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-6 * spread)
        assert np.linalg.det(matrix) > 0
        assert rotation_angle(matrix) <= spread * (1 + 1e-6)


def test_uniform_rotations_are_uniform():
    """The matrices are orthonormal; their entries are uncorrelated, with mean 0 and variance 1/3; the cosine of the
    rotation angle has mean -1/2. Within 5 standard errors."""
    seed, shuffle = fresh()
    count = 4000
    matrices = np.array([rotations.uniform_rotation_umat(seed, shuffle) for _ in range(count)])
    for matrix in matrices[:100].reshape(-1, 3, 3):
        np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-14)
        assert np.linalg.det(matrix) > 0
    # each entry is uniform between -1 and 1
    assert (np.abs(matrices.mean(axis=0)) <= 5 * math.sqrt(1 / 3 / count)).all()
    assert (np.abs((matrices**2).mean(axis=0) - 1 / 3) <= 5 * math.sqrt(4 / 45 / count)).all()
    for i, j in itertools.combinations(range(9), 2):
        assert abs((matrices[:, i] * matrices[:, j]).mean()) <= 5 * math.sqrt(1 / 3 / count)
    cosines = (matrices[:, [0, 4, 8]].sum(axis=1) - 1) / 2
    # density (1 - cos) / pi over the angle: mean -1/2, second moment 1/2
    assert abs(cosines.mean() + 0.5) <= 5 * math.sqrt(0.25 / count)


# compiled

TABLE = np.random.default_rng(1).uniform(0, 100, (7, 8, 9))


def random_arguments(name):
    """Arguments for one call of the formula of this name."""
    draw = random_arguments.generator

    def x():
        return draw.normal()

    def v():
        return (draw.normal(), draw.normal(), draw.normal())

    def u():
        return vectors.unitize(v())

    return {
        "dot_product": lambda: (v(), v()),
        "cross_product": lambda: (v(), v()),
        "magnitude": lambda: (v(),),
        "unitize": lambda: (v(),),
        "vector_scale": lambda: (v(), x()),
        "vector_rescale": lambda: (v(), x()),
        "rotate_axis": lambda: (v(), u(), x()),
        "rotate": lambda: (v(), x(), x(), x()),
        "rotate_umat": lambda: (v(), v() + v() + v()),
        "pixel_position": lambda: (x(), x(), x(), u(), u(), u(), v()),
        "curved_position": lambda: (v(), abs(x()) + 0.1, u(), u(), u()),
        "solid_angle": lambda: (abs(x()), abs(x()), abs(x()), bool(draw.random() < 0.5)),
        "absorbed_fraction": lambda: (3, abs(x()), abs(x()), 0.5 + draw.random()),
        "scattering_vector": lambda: (u(), u(), abs(x())),
        "beyond_dmin": lambda: (v(), abs(x())),
        "nearest_index": lambda: (10 * x(),),
        "sincg": lambda: (3 * x(), 5.0),
        "sinc3": lambda: (3 * x(),),
        "F_latt_square": lambda: (x(), x(), x(), 2.0, 5.0, 1.0),
        "F_latt_round": lambda: (x(), x(), x(), 2.0, 5.0, 1.0, 1.1),
        "rad_star_squared": lambda: (x(), x(), x(), v() + v() + v(), 2.0, 5.0, 3.0),
        "F_latt_gauss": lambda: (abs(x()), 2.0, 5.0, 3.0, 1.1),
        "F_latt_tophat": lambda: (abs(x()), 2.0, 5.0, 3.0, 1.1),
        "polarization_factor": lambda: (x(), u(), u(), u()),
        "F_nearest": lambda: (float(round(3 * x())), float(round(3 * x())), 0.0, TABLE, -3, -4, -4, 9.0),
        "interpolation_out_of_range": lambda: (x(), x(), 2 * x(), TABLE, -3, -4, -4),
        "F_tricubic": lambda: (draw.random(), draw.random(), draw.random() - 1, TABLE, -3, -4, -4),
        "next_minimal_standard": lambda: (int(draw.integers(1, 2**31 - 1)),),
    }[name]()


FORMULAS = {
    name: getattr(module, name)
    for module in (vectors, detector, scattering, lattice, polarization, structure_factor, ran1)
    for name in vars(module)
    if name
    in (
        "dot_product cross_product magnitude unitize vector_scale vector_rescale rotate_axis rotate rotate_umat "
        "pixel_position curved_position solid_angle absorbed_fraction scattering_vector beyond_dmin nearest_index "
        "sincg sinc3 F_latt_square F_latt_round rad_star_squared F_latt_gauss F_latt_tophat polarization_factor "
        "F_nearest interpolation_out_of_range F_tricubic next_minimal_standard"
    ).split()
}


@pytest.mark.parametrize("name", FORMULAS)
def test_a_compiled_formula_has_the_bits_of_bare_python(name):
    bare = FORMULAS[name]
    compiled = numba.njit(error_model="numpy")(REGISTRY.register_called(bare))
    random_arguments.generator = np.random.default_rng(5)
    for _ in range(200):
        arguments = random_arguments(name)
        assert compiled(*arguments) == bare(*arguments)


@pytest.mark.parametrize("mean", [0.5, 20.0, 1e5, 2e6])
def test_compiled_random_numbers_have_the_bits_of_bare_python(mean):
    state, shuffle = fresh(-3)
    spare, memo = np.zeros(2, np.float32), np.array([-1, 0, 0, 0], np.float32)
    bare = [float(ran1.poidev(np.float32(mean), state, shuffle, spare, memo)) for _ in range(200)]
    assert poisson_deviates(mean, 200, 3).tolist() == bare
