"""What a run is about, in a few lines, before it starts."""

from nbkernel.kernels.constants import RTD
from nbkernel.kernels.vectors import magnitude


def summary_lines(prepared):
    """Lines that describe a Prepared run."""
    d, crystal, plan, experiment = prepared.detector, prepared.crystal, prepared.plan, prepared.experiment
    a, b, c = (magnitude(vector) * 1e10 for vector in (crystal.a, crystal.b, crystal.c))
    lines = [
        f"beam: {prepared.wavelength * 1e10:g} A, {plan.fluence:g} photons/m^2, {len(plan.source_lambda)} sources",
        f"crystal: {experiment.xtal_shape}, {crystal.Na:.0f} x {crystal.Nb:.0f} x {crystal.Nc:.0f} cells of "
        f"{a:g} x {b:g} x {c:g} A, {crystal.V_cell:g} A^3",
        f"orientations: {len(plan.phi_slot)} phi steps from {prepared.phi0 * RTD:g} over {prepared.osc * RTD:g} deg, "
        f"{plan.orientation.shape[1]} mosaic domains",
        f"structure factors: {prepared.reflections.count} in a table, {plan.default_F:g} elsewhere, "
        f"{'tricubic interpolation' if plan.interpolate else 'nearest neighbour'}",
        f"detector: {d.fpixels} x {d.spixels} pixels of {d.pixel_size * 1e3:g} mm at {d.distance * 1e3:g} mm, "
        f"{d.convention} convention, pivot {d.pivot}, beam at {d.Fbeam * 1e3:g} {d.Sbeam * 1e3:g} mm (fast slow)",
        f"sampling: {plan.oversample} x {plan.oversample} sub-pixels, {plan.detector_thicksteps} sensor layers, "
        f"{plan.steps * plan.detector_thicksteps:.0f} steps per pixel",
    ]
    if crystal.misset is not None:
        lines.insert(2, "misset: {:f} {:f} {:f} deg".format(*crystal.misset))
    return lines
