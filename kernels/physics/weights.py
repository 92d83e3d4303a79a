"""What weighs the steps of a pixel, for all engines and the trace: the weight of the source, the sensor's capture fraction,
the polarisation factor, the solid angle, and whatever else depends on pixel and source.

A factor counts in one of three ways: each step has its own, or it multiplies the running sum after every step, or the final
sum. Numbers or arrays' elements; operations in nanoBragg.c's order.
"""


def has_step_weights(plan):
    """Whether some factor weighs each step by its own value."""
    return plan.own_thick or plan.own_polar or plan.own_omega


def has_running_weights(plan):
    """Whether some factor multiplies the running sum."""
    return plan.running_thick or plan.running_polar or plan.running_omega


def needs_scattering(plan):
    """Whether a step's weight depends on the scattering vector: -dmin cuts there."""
    return plan.dmin > 0.0


def weight_varies(plan):
    """Whether `step_weight` differs from pixel to pixel."""
    return has_step_weights(plan)


def pixel_weight(plan, weight, capture_fraction, polar, omega_pixel):
    """`weight` times the factors of which each step has its own: what weighs the background, too."""
    if plan.own_thick:
        weight *= capture_fraction
    if plan.own_polar:
        weight *= polar
    if plan.own_omega:
        weight *= omega_pixel
    return weight


def step_weight(plan, weight, scattering, capture_fraction, polar, omega_pixel):
    """What multiplies F_cell^2 F_latt^2 in the steps of a pixel and a source.

    weight: the source's; scattering: vector (1/m), for terms that depend on it. A term that is added here counts in every
    engine; `weight_varies`, and `needs_scattering` where it takes the vector, must know of it.
    """
    return pixel_weight(plan, weight, capture_fraction, polar, omega_pixel)


def weigh_running_sum(plan, I, capture_fraction, polar, omega_pixel):
    """The running sum after a step."""
    if plan.running_thick:
        I *= capture_fraction
    if plan.running_polar:
        I *= polar
    if plan.running_omega:
        I *= omega_pixel
    return I


def mean_background(plan, pixel_weights):
    """The background where steps have their own weights: times the mean of the `pixel_weight` of all layers and sub-pixels,
    whose sum is `pixel_weights`."""
    layers = 1 if plan.own_thick else plan.detector_thicksteps
    return plan.I_bg * pixel_weights / (layers * plan.oversample * plan.oversample)


def weigh_final_sum(plan, photons, capture_fraction, polar, omega_pixel):
    """The final sum times the factors that have not weighed anything before."""
    if not (plan.running_thick or plan.own_thick):
        photons *= capture_fraction
    if not (plan.running_polar or plan.own_polar):
        photons *= polar
    if not (plan.running_omega or plan.own_omega):
        photons *= omega_pixel
    return photons
