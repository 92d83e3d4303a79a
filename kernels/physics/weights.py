"""The weights of a pixel's steps, for all engines and the trace: the weight of the source, the sensor's capture fraction,
the polarisation factor, the solid angle, and whatever else depends on pixel and source.

The capture fraction, the polarisation factor and the solid angle each multiply one of three things, which the plan's
`oversample_thick`, `oversample_polar` and `oversample_omega` choose. Arguments are numbers or elements of arrays; operations
are in nanoBragg.c's order.
"""

# in this order: from EACH_STEP on they multiply single steps
FINAL_SUM = 0  # computed once per pixel (a capture fraction once per layer), the last one multiplies the sum of all steps
RUNNING_SUM = 1  # renewed for each sub-pixel, it multiplies the sum so far after every step
EACH_STEP = 2  # renewed for each sub-pixel, it multiplies each of its steps
EACH_LAYER = 3  # of capture fractions: computed once per layer, it multiplies each of its steps


def is_renewed(choice):
    """Whether a factor is renewed for each sub-pixel. choice: FINAL_SUM, ..."""
    return choice == RUNNING_SUM or choice == EACH_STEP


def weighs_steps(choice):
    """Whether a factor multiplies single steps. choice: FINAL_SUM, ..."""
    return choice >= EACH_STEP


def has_step_weights(plan):
    """Whether some factor weights each step by its own value."""
    return weighs_steps(plan.oversample_thick) or weighs_steps(plan.oversample_polar) or weighs_steps(plan.oversample_omega)


def has_running_weights(plan):
    """Whether some factor multiplies the running sum."""
    return (
        plan.oversample_thick == RUNNING_SUM or plan.oversample_polar == RUNNING_SUM or plan.oversample_omega == RUNNING_SUM
    )


def weighs_final_sum_only(plan):
    """Whether no factor is renewed or multiplies anything but the final sum."""
    return plan.oversample_thick == FINAL_SUM and plan.oversample_polar == FINAL_SUM and plan.oversample_omega == FINAL_SUM


def needs_scattering(plan):
    """Whether a step's weight depends on the scattering vector: -dmin decides by it."""
    return plan.dmin > 0.0


def weight_varies(plan):
    """Whether `step_weight` differs from pixel to pixel."""
    return has_step_weights(plan)


def pixel_weight(plan, weight, capture_fraction, polar, omega_pixel):
    """`weight` times the factors of which each step has its own; it weights the background, too."""
    if weighs_steps(plan.oversample_thick):
        weight *= capture_fraction
    if weighs_steps(plan.oversample_polar):
        weight *= polar
    if weighs_steps(plan.oversample_omega):
        weight *= omega_pixel
    return weight


def step_weight(plan, weight, scattering, capture_fraction, polar, omega_pixel):
    """The factor of F_cell^2 F_latt^2 in the steps of a pixel and a source.

    weight: the source's; scattering: vector (1/m), for terms that depend on it. A term that is added here is used by every
    engine; `weight_varies`, and `needs_scattering` if the term uses the vector, must take it into account.
    """
    return pixel_weight(plan, weight, capture_fraction, polar, omega_pixel)


def weigh_running_sum(plan, I, capture_fraction, polar, omega_pixel):
    """The running sum after a step."""
    if plan.oversample_thick == RUNNING_SUM:
        I *= capture_fraction
    if plan.oversample_polar == RUNNING_SUM:
        I *= polar
    if plan.oversample_omega == RUNNING_SUM:
        I *= omega_pixel
    return I


def mean_background(plan, pixel_weights):
    """The background if steps have their own weights: times the mean of the `pixel_weight` of all layers and sub-pixels,
    whose sum is `pixel_weights`."""
    layers = 1 if weighs_steps(plan.oversample_thick) else plan.detector_thicksteps
    return plan.I_bg * pixel_weights / (layers * plan.oversample * plan.oversample)


def weigh_final_sum(plan, photons, capture_fraction, polar, omega_pixel):
    """The final sum times the factors that have not been applied before."""
    if plan.oversample_thick == FINAL_SUM:
        photons *= capture_fraction
    if plan.oversample_polar == FINAL_SUM:
        photons *= polar
    if plan.oversample_omega == FINAL_SUM:
        photons *= omega_pixel
    return photons
