"""F_latt^2 for pixels side by side: branch-free twins of `physics/lattice_factor.py`, good to some 1e-10.

h, k, l: fractional indices; h0, k0, l0: the nearest integer ones; `crystal`: the shape's entry of `crystals_by_shape`.
"""

import math

from nbkernel.kernels.numerics.arithmetic import fma, inverse_square_root, quotient, rint
from nbkernel.kernels.numerics.exponential import MAGIC, MOST_HALVINGS, halved
from nbkernel.kernels.numerics.sine import LARGEST_ARGUMENT, cospi, sine_up_to_sign, sinpi, sinpi_product
from nbkernel.kernels.physics.constants import GAUSS, PI
from nbkernel.kernels.physics.lattice_factor import rad_star_squared

LN2 = 0.6931471805599453
# of sin(x)/x - cos(x), whose digits cancel at small x = pi turns, sinpi's error leaves 2e-10 at this square; far below it
# the program's own value is noise, which only its own operations find again
FEW_DIGITS = 1e-3 / (PI * PI)


def offset_of_multiple(N, d):
    """N d modulo 1, between -1/2 and 1/2; a float64 as large as MAGIC has no bits for anything else."""
    return fma(N, d, MAGIC - fma(N, d, MAGIC))


def crystals_by_shape(plan):
    """What the loops of each shape need of the plan: for a parallelepiped, an ellipsoid, a Gaussian and a tophat."""
    return (crystal_square(plan), crystal_round(plan), crystal_gauss(plan), crystal_tophat(plan))


def crystal_square(plan):
    return (plan.Na, plan.Nb, plan.Nc)


def square_squared(h, k, l, h0, k0, l0, crystal):
    """nan if an index is an integer."""
    Na, Nb, Nc = crystal
    dh, dk, dl = h - h0, k - k0, l - l0
    below = sinpi_product(dh, dk, dl)
    above = sinpi_product(offset_of_multiple(Na, dh), offset_of_multiple(Nb, dk), offset_of_multiple(Nc, dl))
    F_latt = quotient(above, below)
    return F_latt * F_latt


def square_squared_as_program(h, k, l, h0, k0, l0, crystal):
    """The same with the arguments of the sines rounded as the program's are: for N so large that this matters. Also nan if
    one exceeds LARGEST_ARGUMENT."""
    Na, Nb, Nc = crystal
    x, y, z = PI * h, PI * k, PI * l
    above = sine_up_to_sign(x * Na) * sine_up_to_sign(y * Nb) * sine_up_to_sign(z * Nc)
    below = sine_up_to_sign(x) * sine_up_to_sign(y) * sine_up_to_sign(z)
    F_latt = quotient(above, below)
    largest = max(abs(x) * Na, max(abs(y) * Nb, abs(z) * Nc))
    F_latt = F_latt if largest < LARGEST_ARGUMENT else math.nan
    return F_latt * F_latt


def crystal_round(plan):
    """Factors of the squared offsets and of the form factor."""
    volume = plan.Na * plan.Nb * plan.Nc * 0.723601254558268
    volume = volume if plan.fudge >= 0.0 else math.nan
    aa, bb, cc = plan.Na * plan.Na * plan.fudge, plan.Nb * plan.Nb * plan.fudge, plan.Nc * plan.Nc * plan.fudge
    return (aa, bb, cc, 3.0 / (PI * PI) * volume)


def round_at_whole(aa, scale):
    """F_latt next to integer indices: unknown, but without a width (fudge 0) the full volume."""
    return PI * PI / 3.0 * scale if aa == 0.0 else math.nan


def round_squared(h, k, l, h0, k0, l0, crystal):
    """nan next to integer indices."""
    aa, bb, cc, scale = crystal
    dh, dk, dl = h - h0, k - k0, l - l0
    turns_squared = fma(dh * dh, aa, fma(dk * dk, bb, dl * dl * cc))
    inverse = inverse_square_root(turns_squared)
    turns = turns_squared * inverse
    rest = turns - rint(turns)
    F_latt = scale * (inverse * inverse) * fma(sinpi(rest), (1 / PI) * inverse, -cospi(rest))
    F_latt = round_at_whole(aa, scale) if turns_squared < FEW_DIGITS else F_latt
    return F_latt * F_latt


def positive_or_nan(x):
    return x if x > 0.0 else math.nan


def crystal_gauss(plan):
    """Of -log2 of F_latt^2 / (Na Nb Nc)^2 as a sum of squares (Cholesky): xy, xz, yz, xx, yy, zz, furthest for
    zz ((dl)^2 + yy (dk + yz dl)^2 + xx (dh + xy dk + xz dl)^2), and the largest value of what is in brackets that counts."""
    if plan.xtal_shape != GAUSS:
        return (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    axes, cells = plan.spot_axes, plan.Na * plan.Nb * plan.Nc
    scale = 2.0 / 0.63 * plan.fudge / LN2
    aa = axes[0] * axes[0] + axes[1] * axes[1] + axes[2] * axes[2]
    ab = axes[0] * axes[3] + axes[1] * axes[4] + axes[2] * axes[5]
    ac = axes[0] * axes[6] + axes[1] * axes[7] + axes[2] * axes[8]
    bb = axes[3] * axes[3] + axes[4] * axes[4] + axes[5] * axes[5]
    bc = axes[3] * axes[6] + axes[4] * axes[7] + axes[5] * axes[8]
    cc = axes[6] * axes[6] + axes[7] * axes[7] + axes[8] * axes[8]
    xy, xz = ab / aa, ac / aa
    yy = positive_or_nan(bb - ab * xy)
    yz = (bc - ab * xz) / yy
    zz = positive_or_nan(cc - ac * xz - yy * yz * yz)
    total = zz * cells * cells * (scale if scale >= 0.0 else math.nan)
    return (xy, xz, yz, aa / zz, yy / zz, total, MOST_HALVINGS / total if total > 0.0 else math.inf)


def halvings(dh, dk, dl, crystal):
    """-log2 of F_latt^2 / (Na Nb Nc)^2 over zz of `crystal_gauss`."""
    xy, xz, yz, xx, yy, _, _ = crystal
    x = fma(xy, dk, fma(xz, dl, dh))
    y = fma(yz, dl, dk)
    return fma(xx * x, x, fma(yy * y, y, dl * dl))


def gauss_squared(h, k, l, h0, k0, l0, crystal):
    """Divided by (Na Nb Nc)^2, which `weigh` accounts for."""
    times, (_, _, _, _, _, zz, furthest) = halvings(h - h0, k - k0, l - l0, crystal), crystal
    return halved(furthest if times > furthest else times, zz)


def gauss_is_nonzero(h, k, l, h0, k0, l0, crystal):
    """1 if the program's F_latt is not 0: its exponential ends at 2^-1075. Also 1 if F_latt is unknown (nan); nan if
    rounding decides."""
    _, _, _, _, _, zz, _ = crystal
    beyond = halvings(h - h0, k - k0, l - l0, crystal) * zz - 2 * 1075.0
    there = 0.0 if beyond >= 0.0 else 1.0
    return math.nan if abs(beyond) < 1e-8 else there


def crystal_tophat(plan):
    axes = plan.spot_axes
    axes = (axes[0], axes[1], axes[2], axes[3], axes[4], axes[5], axes[6], axes[7], axes[8])
    return (axes, plan.Na, plan.Nb, plan.Nc, plan.fudge)


def tophat_squared(h, k, l, h0, k0, l0, crystal):
    """In the program's own operations: a step at the edge counts fully or not at all."""
    axes, Na, Nb, Nc, fudge = crystal
    cells = Na * Nb * Nc
    rad_star_sqr = rad_star_squared(h - h0, k - k0, l - l0, axes, Na, Nb, Nc)
    return cells * cells if rad_star_sqr * fudge < 0.3969 else 0.0


def tophat_is_nonzero(h, k, l, h0, k0, l0, crystal):
    """1 if F_latt is not 0."""
    return 1.0 if tophat_squared(h, k, l, h0, k0, l0, crystal) > 0.0 else 0.0
