"""A summary of a run in a few lines, before it starts."""

from nbkernel.experiment.input_files import has_no_factors
from nbkernel.kernels.physics.constants import RTD
from nbkernel.kernels.physics.vectors import magnitude
from nbkernel.setup.matrices import matrix_option


def summary_lines(runs):
    """Lines that describe the Prepared panels of a run."""
    prepared = runs[0]
    crystal, plan, experiment = prepared.crystal, prepared.plan, prepared.experiment
    a, b, c = (magnitude(vector) * 1e10 for vector in (crystal.a, crystal.b, crystal.c))
    lines = [
        (
            f"beam: {prepared.wavelength * 1e10:g} A, {plan.fluence:g} photons/m^2, {len(plan.source_lambda)} sources, "
            f"{'no polarisation factor' if plan.nopolar else f'Kahn factor {plan.polarization:g}'}"
        ),
        (
            f"crystal: {experiment.xtal_shape}, {crystal.Na:.15g} x {crystal.Nb:.15g} x {crystal.Nc:.15g} cells of "
            f"{a:g} x {b:g} x {c:g} A, {crystal.V_cell:g} A^3"
        ),
        (
            f"orientations: {len(plan.phi_slot)} phi steps from {prepared.phi_start * RTD:g} over {prepared.osc * RTD:g} "
            f"deg, {plan.orientation.shape[1]} mosaic domains"
        ),
        *file_lines(prepared),
        (
            f"structure factors: {prepared.reflections.count} in {tables_text(prepared)}{from_dump(prepared)}, "
            f"{plan.default_F:g} elsewhere, {'tricubic interpolation' if plan.interpolate else 'nearest neighbour'}"
        ),
        *(panel_lines(runs) if experiment.panels else [detector_line(prepared.detector)]),
        (
            f"sampling: {plan.oversample} x {plan.oversample} sub-pixels, {plan.detector_thicksteps} sensor layers, "
            f"{plan.steps * plan.detector_thicksteps:.0f} steps per pixel"
        ),
    ]
    if prepared.lattices:
        lines.insert(2, f"lattices: {1 + len(prepared.lattices)}, of which this crystal is the first")
    if crystal.misset is not None:
        lines.insert(2, "misset: {:f} {:f} {:f} deg".format(*crystal.misset))
    return lines


def detector_line(d):
    return (
        f"detector: {d.fpixels} x {d.spixels} pixels of {d.pixel_size * 1e3:g} mm at {d.distance * 1e3:g} mm, "
        f"{d.convention} convention, pivot {d.pivot}, beam at {d.Fbeam * 1e3:g} {d.Sbeam * 1e3:g} mm (fast slow)"
    )


def panel_lines(runs):
    """The number of panels of each kind, and their distances from the sample."""
    kinds = {}
    for prepared in runs:
        d = prepared.detector
        kinds.setdefault((d.fpixels, d.spixels, d.pixel_size), []).append(d.close_distance)
    for (fpixels, spixels, pixel_size), distances in kinds.items():
        yield (
            f"detector: {len(distances)} panel{'s' if len(distances) > 1 else ''} of {fpixels} x {spixels} pixels of "
            f"{pixel_size * 1e3:g} mm, planes {min(distances) * 1e3:g} to {max(distances) * 1e3:g} mm from the sample"
        )


def file_lines(prepared):
    """What was read from an MTZ or mmCIF file; nothing for a text table."""
    experiment, reflections = prepared.experiment, prepared.reflections
    file = reflections.file
    if file is None:
        return []
    numbers = [f"{file.unique} unique in {file.space_group}", f"{reflections.count} in P1"]
    if file.resolution is not None:
        numbers.append("{:.4g} to {:.4g} A".format(*file.resolution))
    if file.absent:
        numbers.append(f"{file.absent} systematic absences set to 0")
    if file.further:
        numbers.append(f"{file.further} repeated values averaged")
    if file.unpaired:
        numbers.append(f"{file.unpaired} with the value of one Friedel mate used for both")
    block = f" (block {file.block})" if file.block else ""
    lines = [f"reflections: {','.join(file.columns)} of {file.path}{block}, {', '.join(numbers)}"]
    if file.cell is not None:
        unused = (
            matrix_option(experiment, prepared.inputs)
            if experiment.mat is not None
            else "-cell"
            if tuple(experiment.cell) != file.cell
            else ""
        )
        shown = "{:g} {:g} {:g} A, {:g} {:g} {:g} deg".format(*file.cell)
        lines.append(f"cell of {file.path}: {shown}" + (f", not used: there is {unused}" if unused else ""))
    return lines


def tables_text(prepared):
    """Words for the tables of a Prepared panel."""
    count = len(prepared.parts)
    return f"the first of {count} tables by energy" if count > 1 else "a table"


def from_dump(prepared):
    """Names the dump file from which the table was read, as it may be another run's."""
    experiment = prepared.experiment
    return f" of {experiment.dump}" if has_no_factors(experiment) and prepared.reflections.count else ""
