"""X-ray sources: directions, wavelengths and weights, from a file or from divergence and dispersion."""

from typing import NamedTuple

import numpy as np

from nbkernel.errors import InputError
from nbkernel.kernels.physics.vectors import magnitude, rotate_axis, unitize, vector_scale
from nbkernel.setup.sampling import divergence_sweeps, first_point, source_sweep
from nbkernel.support.memory import require_memory

SOURCE_DISTANCE = 10.0  # m; only directions matter
BYTES_PER_SOURCE = 300


class Sources(NamedTuple):
    """incident: (n, 3) unit vectors towards the sample; wavelength: (n,) m; weight: (n,)."""

    incident: np.ndarray
    wavelength: np.ndarray
    weight: np.ndarray


def sources_from_rows(rows, wavelength, beam_vector, lead):
    """Sources from a source file's rows (x, y, z, weight, wavelength in m), None for missing values.

    x, y, z point from the sample to the source, in any unit; wavelength (m) and beam_vector (unit vector) are the defaults;
    lead: their name in messages. Raises InputError for a row that is not a source.
    """
    to_source = vector_scale(beam_vector, -SOURCE_DISTANCE)
    directions, wavelengths, weights = [], [], []
    for number, row in enumerate(rows, 1):
        x, y, z = (default if value is None else value for value, default in zip(row[:3], to_source, strict=True))
        if magnitude((x, y, z)) == 0.0:
            raise InputError(f"{lead}: source {number} is at 0 0 0; need a direction x y z")
        if row[4] is not None and not row[4] > 0.0:
            raise InputError(
                f"{lead}: source {number} has wavelength {row[4]:g} m; it must be greater than 0 "
                "(missing values in a last line without a newline are read as 0)"
            )
        directions.append(unitize((x, y, z)))
        wavelengths.append(wavelength if row[4] is None else row[4])
        weights.append(1.0 if row[3] is None else row[3])
    return assemble(directions, wavelengths, weights)


def generated_sources(experiment, wavelength, beam_vector, polar_vector, vert_vector, spectrum=None):
    """Sources of a divergent, polychromatic beam, clipped to an ellipse unless `round_div` is off.

    wavelength: m, the central one; beam_vector, polar_vector, vert_vector: unit vectors along the beam, along its electric
    field and perpendicular to both; spectrum: wavelengths (m) and their weights, instead of the dispersion. Raises
    InputError if no source is left.
    """
    hdiv, vdiv = divergence_sweeps(experiment)
    first_h, first_v = (first_point(sweep, "divergence" in experiment.fix) for sweep in (hdiv, vdiv))
    disp = dispersion_sweep(experiment)
    count = hdiv.steps * vdiv.steps * (disp.steps if spectrum is None else len(spectrum[0]))
    require_memory(count * BYTES_PER_SOURCE, "-hdivsteps, -vdivsteps, -dispsteps", "this many sources")
    directions, wavelengths, weights = [], [], []
    for hdiv_tic in range(hdiv.steps):
        for vdiv_tic in range(vdiv.steps):
            h = hdiv.step * hdiv_tic + first_h
            v = vdiv.step * vdiv_tic + first_v
            if experiment.round_div and outside_ellipse(h, hdiv, v, vdiv):
                continue
            vector = vector_scale(beam_vector, -SOURCE_DISTANCE)
            # "horizontal" is the direction of the beam's electric field
            vector = rotate_axis(rotate_axis(vector, polar_vector, v), vert_vector, h)
            if spectrum is not None:
                for own_wavelength, weight in zip(*(values.tolist() for values in spectrum), strict=True):
                    directions.append(unitize(vector))
                    wavelengths.append(own_wavelength)
                    weights.append(weight)
                continue
            for disp_tic in range(disp.steps):
                directions.append(unitize(vector))
                wavelengths.append(wavelength * (1.0 + disp.step * disp_tic - disp.span / 2.0))
                weights.append(1.0)
    if not directions:
        raise InputError("-hdivsteps, -vdivsteps: the elliptical cut leaves no source; try -square_div")
    return assemble(directions, wavelengths, weights)


def dispersion_sweep(experiment):
    """The Sweep of an Experiment's wavelengths, relative to the central one."""
    return source_sweep(experiment.dispsteps, experiment.dispersion / 100.0, None)


def weighted_sources(sources, lead):
    """The Sources with a weight above 0, with weights scaled to add up to their number. Raises InputError for impossible
    weights."""
    weight = sources.weight
    if not ((weight >= 0.0).all() and 0.0 < weight.max() < np.inf):
        raise InputError(
            f"{lead}: the weights range from {weight.min():g} to {weight.max():g}; need none below 0 and at "
            "least one above (or omit --fix weights)"
        )
    kept = weight > 0.0
    # scaled by a power of two, which is exact, so that sums stay finite
    weight = np.ldexp(weight[kept], -np.frexp(weight.max())[1])
    equal = (weight == weight[0]).all()
    return Sources(
        sources.incident[kept],
        sources.wavelength[kept],
        np.ones_like(weight) if equal else weight * len(weight) / weight.sum(),
    )


def outside_ellipse(h, hdiv, v, vdiv):
    """True if the angles h, v (radians) are outside the ellipse of the divergence's Sweeps hdiv, vdiv; even counts have no
    point at the centre, so half a step is tolerated. A divergence in one direction only is never clipped."""
    if hdiv.span == 0.0 or vdiv.span == 0.0:
        return False
    test = (h * h - hdiv.step * hdiv.step / 4.0 * (1 - hdiv.steps % 2)) / hdiv.span / hdiv.span
    test += (v * v - vdiv.step * vdiv.step / 4.0 * (1 - vdiv.steps % 2)) / vdiv.span / vdiv.span
    return test * 4.0 > 1.1


def assemble(directions, wavelengths, weights):
    """Sources from unit vectors from the sample towards them, wavelengths (m) and weights."""
    incident = -np.array(directions, dtype=np.float64).reshape(-1, 3)
    return Sources(incident, np.array(wavelengths, dtype=np.float64), np.array(weights, dtype=np.float64))
