"""From the materials of an Experiment to what the kernel of the background adds up."""

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.background import VARIABLES
from nbkernel.io.tables.stol import read_pairs
from nbkernel.kernels.physics.constants import AVOGADRO, R_E_SQR
from nbkernel.kernels.response.background import DEGREE, FIRST, MIDDLE, PIECE, STEEPNESS, Scatter

from .beam.resolution import finest_spacing

PER_ANGSTROM = 1e10  # 1/m
CUBIC = 3
SAME_STOL = 1e-6  # relative; a table that ends so little before the last pixel does not end before it
# where cubic polynomials of u are evaluated to find their coefficients
NODES = np.array([-1.0, -1.0 / 3.0, 1.0 / 3.0, 1.0])


def find_scatter(experiment, beam, fluence, axis, kept):
    """The Scatter of an Experiment's materials, for a sensor that absorbs all photons; None without materials.

    beam: a Beam; fluence: photons/m^2; axis: along the electric field; kept: KeptInputs. Raises InputError for unusable
    tables.
    """
    if not experiment.background:
        return None
    tables, factors = [], []
    for number, material in enumerate(experiment.background):
        rows = rows_of(material, number, kept)
        tables.append((rows[:, 0] / VARIABLES[material.variable] * PER_ANGSTROM, rows[:, 1]))
        factors.append(R_E_SQR * fluence * molecules(experiment, material))
    with np.errstate(all="ignore"):
        edges, pieces = sum_of_squares(tables, factors)
    if not np.isfinite(pieces).all():
        raise InputError(
            "--background: F^2 times the molecules and the fluence is too large to compute with, or two points of a table "
            "are too close; are all units right?"
        )
    count = len(beam.weight)
    return Scatter(
        edges, pieces, np.ascontiguousarray(beam.sources.incident, np.float64),
        np.ascontiguousarray(beam.sources.wavelength, np.float64), np.ascontiguousarray(beam.weight / count, np.float64),
        np.array(axis, np.float64), float(experiment.polarization), bool(experiment.nopolar), 0.0,
    )  # fmt: skip


def table_remarks(experiment, detectors, rois, sources, kept):
    """Warnings about tables of an Experiment's materials that end before the largest stol of the panels' regions (fast
    first, fast last, slow first, slow last) with any of the Sources."""
    if not experiment.background:
        return
    reach = 0.5 / finest_spacing(detectors, rois, sources)
    for number, material in enumerate(experiment.background):
        end, F = rows_of(material, number, kept)[-1].tolist()
        end /= VARIABLES[material.variable]
        if reach > end * (1.0 + SAME_STOL):
            name = f"--background {material.table}" if isinstance(material.table, str) else f"background: material {number}"
            yield (
                f"{name}: its table ends at sin(theta)/lambda = {end:.4g} 1/Angstrom, but pixels reach {reach:.4g}; F is "
                f"{F:g} from there on"
            )


def in_sensor(scatter, sensor):
    """A Scatter, or None, for a panel with a sensor, of which RenderPlan's fields are given."""
    if scatter is None:
        return None
    return scatter._replace(depth=max(sensor["detector_thick"] * sensor["detector_mu"], 0.0))


def rows_of(material, number, kept):
    """(n, 2) float64: the table of a Material."""
    if not isinstance(material.table, str):
        return np.array(material.table, np.float64)
    return kept.get("--background", material.table, read_pairs, "--background", material.table)


def molecules(experiment, material):
    """Molecules of a Material in the beam. Raises InputError if the beam has no area."""
    if material.volume is not None:
        volume = material.volume * 1e-9
    else:
        if not experiment.beamsize > 0.0:
            raise InputError(
                f"-beamsize: the beam of {experiment.beamsize:g} mm has no area, which the background needs; give a size "
                "greater than 0, or the material a volume"
            )
        volume = material.thickness * 1e-3 * (experiment.beamsize * 1e-3) ** 2
    return volume * material.density * 1e6 * AVOGADRO / material.MW


def sum_of_squares(tables, factors):
    """(edges, pieces) as in Scatter: the sum of factor F^2 over tables (stol in 1/m, F)."""
    points = np.unique(np.concatenate([stol for stol, _ in tables]))
    # the first and the last piece are constant: their u stays 0
    pieces = np.zeros((len(points) + 1, PIECE))
    middle, half = (points[1:] + points[:-1]) / 2.0, (points[1:] - points[:-1]) / 2.0
    pieces[0, MIDDLE], pieces[-1, MIDDLE] = points[0], points[-1]
    pieces[1:-1, MIDDLE], pieces[1:-1, STEEPNESS] = middle, 1.0 / half
    stol = middle[:, None] + half[:, None] * NODES
    to_coefficients = np.linalg.inv(np.vander(NODES, increasing=True)).T
    for (own, F), factor in zip(tables, factors, strict=True):
        cubic = np.zeros((len(pieces), CUBIC + 1))
        cubic[0, 0], cubic[-1, 0] = F[0], F[-1]
        if len(points) > 1:
            cubic[1:-1] = interpolated(own, F, middle, stol) @ to_coefficients
        for i in range(CUBIC + 1):
            for j in range(CUBIC + 1):
                pieces[:, FIRST + i + j] += factor * cubic[:, i] * cubic[:, j]
    assert DEGREE == 2 * CUBIC
    return np.append(points, np.inf), pieces.ravel()


def interpolated(own, F, middle, stol):
    """F of a table (own, F) at stol (intervals, points), each interval in the same piece of the table as its middle: the
    polynomials through the four nearest points of the table, or the three at its ends; beyond, the first or last F.

    nonBragg.c has two more points far away at either end, with the first and the last F. Within the table that is the same.
    """
    last = len(own) - 1
    found = np.where((middle < own[0])[:, None], F[0], F[-1]) * np.ones_like(stol)
    inside = np.flatnonzero((middle > own[0]) & (middle < own[-1]))
    left = np.searchsorted(own, middle[inside]) - 1
    total = np.zeros((len(inside), stol.shape[1]))
    for at in range(-1, 3):
        here = left + at
        term = F[np.clip(here, 0, last)][:, None] * np.ones_like(total)
        for other in range(-1, 3):
            there = left + other
            exists = (there >= 0) & (there <= last)
            if other != at:
                to, distance = own[np.clip(there, 0, last)], own[np.clip(here, 0, last)]
                with np.errstate(all="ignore"):
                    ratio = (stol[inside] - to[:, None]) / (distance - to)[:, None]
                    term = np.where(exists[:, None], term * ratio, term)
        total += np.where(((here >= 0) & (here <= last))[:, None], term, 0.0)
    found[inside] = total
    return found
