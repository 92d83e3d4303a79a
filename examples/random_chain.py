"""Structure factors of a made-up molecule, for simulations without a data file.

    python examples/random_chain.py OUT [--cell A B C AL BE GA] [--atoms N] [--dmin D] [--seed S] [--B B]

The P1 cell contains one self-avoiding chain of carbon, nitrogen and oxygen atoms. Its structure factors are on the
absolute scale, in electrons. The rest of the cell is vacuum: without bulk solvent the low-resolution reflections are
stronger than in a real crystal.

OUT.hkl has a line `h k l |F|` for every reflection to D Angstrom, including Friedel mates and 0 0 0, because nanoBragg
does not apply symmetry. OUT.mtz is an MTZ file with the cell, and one of each pair of Friedel mates in the column FC; it
needs gemmi (pip install gemmi).
"""

import argparse
import sys

import numpy as np

ELEMENTS = ("C", "N", "O")
ELECTRONS = np.array([6, 7, 8])
PROPORTIONS = (0.63, 0.17, 0.20)  # as in proteins, without sulphur and hydrogen

# Cromer-Mann coefficients of the neutral atoms, one row per element: International Tables for Crystallography, vol. C,
# table 6.1.1.4.
GAUSS_A = np.array([[2.3100, 1.0200, 1.5886, 0.8650], [12.2126, 3.1322, 2.0125, 1.1663], [3.0485, 2.2868, 1.5463, 0.8670]])
GAUSS_B = np.array(
    [
        [20.8439, 10.2075, 0.5687, 51.6512],  # Angstrom^2
        [0.0057, 9.8933, 28.9975, 0.5826],
        [13.2771, 5.7011, 0.3239, 32.9089],
    ]
)
GAUSS_C = np.array([0.2156, -11.529, 0.2508])

BOND = 1.5  # Angstrom
CONTACT = 2.4  # Angstrom, closest approach of two unbonded atoms; it keeps bond angles above 106 degrees


def cell_axes(a, b, c, alpha, beta, gamma):
    """Axes of the cell as the rows of a 3 x 3 array, Angstrom: a along x, b in the xy plane.

    Takes edges in Angstrom and angles in degrees. International Tables vol. B, section 3.3.1.
    """
    cos_al, cos_be, cos_ga = np.cos(np.radians([alpha, beta, gamma]))
    sin_ga = np.sin(np.radians(gamma))
    # squared volume of the cell with edges of 1
    unit_volume2 = 1 - cos_al**2 - cos_be**2 - cos_ga**2 + 2 * cos_al * cos_be * cos_ga
    if not (np.min([a, b, c, alpha, beta, gamma]) > 0 and unit_volume2 > 0):
        raise ValueError("these edges and angles do not form a unit cell")
    return np.array(
        [
            [a, 0, 0],
            [b * cos_ga, b * sin_ga, 0],
            [c * cos_be, c * (cos_al - cos_be * cos_ga) / sin_ga, c * np.sqrt(unit_volume2) / sin_ga],
        ]
    )


def random_direction(rng):
    """A unit vector, shape (3,), all directions equally likely."""
    vector = rng.normal(size=3)
    return vector / np.linalg.norm(vector)


def is_free(position, others, axes):
    """Whether `position`, shape (3,), is at least CONTACT from all `others`, shape (n, 3), and their lattice copies.

    Both are fractional coordinates.
    """
    offset = others - position
    # Rounding finds the nearest copy of an atom if it is closer than half the spacing of the lattice planes, as it is here.
    offset -= np.round(offset)
    return bool(np.all(np.sum((offset @ axes) ** 2, axis=1) >= CONTACT**2))


def random_chain(axes, atoms, rng):
    """Fractional coordinates, shape (atoms, 3), of a chain that does not touch itself or its lattice copies."""
    to_fractional = np.linalg.inv(axes)
    chain = [rng.random(3)]
    misses = 0
    for _ in range(100 * atoms):
        if len(chain) == atoms:
            return np.array(chain)
        position = chain[-1] + BOND * random_direction(rng) @ to_fractional
        if is_free(position, np.array(chain[:-1]).reshape(-1, 3), axes):
            chain.append(position)
            misses = 0
        else:
            misses += 1
        if misses == 100:  # a dead end: go back a little
            del chain[max(1, len(chain) - 10) :]
            misses = 0
    raise ValueError(f"no room for a chain of {atoms} atoms in this cell")


def reflections(axes, dmin):
    """Miller indices of 0 0 0 and all reflections with a spacing of at least `dmin` Angstrom, shape (m, 3).

    Also their (sin(theta) / lambda)^2 in 1/Angstrom^2, shape (m,).
    """
    # h = s . a, so no index exceeds |a| / dmin
    h_max, k_max, l_max = np.floor(np.linalg.norm(axes, axis=1) / dmin).astype(int)
    hkl = np.mgrid[-h_max : h_max + 1, -k_max : k_max + 1, -l_max : l_max + 1].reshape(3, -1).T
    scattering_vector = hkl @ np.linalg.inv(axes).T
    stol2 = np.sum(scattering_vector**2, axis=1) / 4  # sin(theta) / lambda = 1 / 2d
    inside = stol2 <= 1 / (4 * dmin**2)
    return hkl[inside], stol2[inside]


def form_factors(stol2):
    """Scattering factors of C, N and O in electrons, shape (3, m), at (sin(theta) / lambda)^2, shape (m,), in 1/Angstrom^2.

    f = sum_i a_i exp(-b_i s^2) + c with s = sin(theta) / lambda. International Tables vol. C, equation 6.1.1.15.
    """
    gaussians = GAUSS_A[:, :, None] * np.exp(-GAUSS_B[:, :, None] * stol2)
    printed = gaussians.sum(axis=1) + GAUSS_C[:, None]
    # The printed coefficients are rounded: nitrogen's add up to 6.9946 electrons.
    return printed * (ELECTRONS / (GAUSS_A.sum(axis=1) + GAUSS_C))[:, None]


def structure_factors(hkl, stol2, elements, positions, b_factor):
    """Complex structure factors in electrons, shape (m,).

    F(hkl) = sum_j f_j(s) exp(-B s^2) exp(2 pi i h . x_j). International Tables vol. B, section 1.2.
    `elements`, shape (n,), are indices into ELEMENTS; `positions`, shape (n, 3), are fractional; `b_factor` is B in
    Angstrom^2.
    """
    factors = form_factors(stol2) * np.exp(-b_factor * stol2)
    total = np.zeros(len(hkl), dtype=complex)
    # atom by atom, as the phases of all at once would need gigabytes
    for element, position in zip(elements, positions, strict=True):
        total += factors[element] * np.exp(2j * np.pi * (hkl @ position))
    return total


def chain_amplitudes(cell, atoms, dmin, seed, b_factor):
    """Miller indices, shape (m, 3), and amplitudes in electrons, shape (m,), of a random chain.

    `cell` = (a, b, c, alpha, beta, gamma) and `dmin` in Angstrom and degrees, `b_factor` in Angstrom^2.
    """
    rng = np.random.default_rng(seed)
    axes = cell_axes(*cell)
    positions = random_chain(axes, atoms, rng)
    elements = rng.choice(len(ELEMENTS), size=atoms, p=PROPORTIONS)
    hkl, stol2 = reflections(axes, dmin)
    return hkl, np.abs(structure_factors(hkl, stol2, elements, positions, b_factor))


def write_hkl(path, hkl, amplitudes):
    """Write a line `h k l |F|` for each reflection; returns their number."""
    np.savetxt(path, np.column_stack([hkl, amplitudes]), fmt="%d %d %d %.4f")
    return len(hkl)


def write_mtz(path, hkl, amplitudes, cell):
    """Write an MTZ file in P 1 with `cell` (Angstrom, degrees): of -h -k -l and h k l that whose last index is positive,
    or where that is 0 the first, and then the second. Returns the number of reflections."""
    import gemmi

    h, k, l = hkl.T
    unique = (l > 0) | ((l == 0) & ((h > 0) | ((h == 0) & (k >= 0))))
    mtz = gemmi.Mtz(with_base=True)
    mtz.title = "random chain of C, N and O atoms"
    mtz.spacegroup = gemmi.SpaceGroup("P 1")
    mtz.set_cell_for_all(gemmi.UnitCell(*cell))
    mtz.add_dataset("chain")
    mtz.add_column("FC", "F")
    mtz.set_data(np.column_stack([hkl, amplitudes])[unique].astype(np.float32))
    mtz.write_to_file(path)
    return int(unique.sum())


def main(arguments=None):
    """Reads the command line, writes the file, and prints what is in it."""
    parser = argparse.ArgumentParser(
        description="Structure factors of a random chain of C, N and O atoms in P1.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("out", metavar="OUT", help="the file to write: .mtz, else a text table")
    parser.add_argument(
        "--cell",
        type=float,
        nargs=6,
        metavar=("A", "B", "C", "AL", "BE", "GA"),
        default=(30, 35, 40, 90, 95, 90),
        help="edges in Angstrom, angles in degrees",
    )
    parser.add_argument("--atoms", type=int, default=1000, metavar="N", help="atoms in the chain")
    parser.add_argument("--dmin", type=float, default=2.0, metavar="D", help="resolution in Angstrom")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="of the random numbers")
    parser.add_argument("--B", type=float, default=20.0, metavar="B", help="temperature factor in Angstrom^2")
    options = parser.parse_args(arguments)
    if options.atoms < 1 or not options.dmin > 0 or options.seed < 0:
        parser.error("--atoms must be at least 1, --dmin above 0 and --seed not negative")
    try:
        hkl, amplitudes = chain_amplitudes(options.cell, options.atoms, options.dmin, options.seed, options.B)
        f000 = amplitudes[~hkl.any(axis=1)][0]
        if options.out.endswith(".mtz"):
            written = write_mtz(options.out, hkl, amplitudes, options.cell)
        else:
            written = write_hkl(options.out, hkl, amplitudes)
    except ImportError:
        parser.error("an MTZ file needs gemmi: pip install gemmi")
    except (OSError, ValueError, RuntimeError) as error:
        parser.error(str(error))
    print(f"{options.out}: {written} reflections to {options.dmin:g} Angstrom, F000 = {f000:.0f} electrons")


if __name__ == "__main__":
    sys.exit(main())
