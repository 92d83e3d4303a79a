"""What the background adds to a traced pixel, by the engine's own kernel."""

import numpy as np

from nbkernel.engine.tiles import panel_tile
from nbkernel.kernels.response.background import PHOTONS, POLAR, SHARE, STOL, WORK, X, Z, add_background_rows
from nbkernel.support.memory import panel_zeros

from .quantity import Quantity


def background_quantities(prepared, fpixel, spixel, photons, all_steps):
    """Yields the Quantities of what a Prepared panel's materials add to `photons` of a pixel, by default of the first
    source and of the sum only."""
    by_source = prepared.scatter_by_source
    count = len(by_source.weight)
    for source in range(count if all_steps else 1):
        at = (("source", source),) if count > 1 else ()
        alone = {name: getattr(by_source, name)[source : source + 1] for name in ("incident", "wavelength", "weight")}
        own, _ = at_centre(prepared, by_source._replace(**alone), fpixel, spixel)
        if source == 0:
            yield Quantity("background_direction_vec", tuple(own[X : Z + 1]), ())
            yield Quantity("background_omega_captured_sr", (own[SHARE],), ())
        yield Quantity("background_stol_inverse_angstroms", (own[STOL] * 1e-10,), at)
        yield Quantity("background_polar", (own[POLAR],), at)
        yield Quantity("background_photons_per_sr", (own[PHOTONS],), at)
    total, _ = at_centre(prepared, prepared.scatter, fpixel, spixel)
    with np.errstate(over="ignore"):
        bragg = float(np.float32(0.0 + photons))
    yield Quantity("background_photons", (float(total[PHOTONS] * total[SHARE]),), ())
    yield Quantity("photons_with_background", (float(bragg + total[PHOTONS] * total[SHARE]),), ())


def at_centre(prepared, scatter, fpixel, spixel, image=None):
    """The kernel's `work` (WORK,) of one pixel for a Scatter, and the image (slow, fast) to which it is added."""
    tile = panel_tile(prepared.detector)._replace(fast_start=fpixel, fast_stop=fpixel + 1)
    if image is None:
        image = panel_zeros(prepared.wanted.shape, np.float32, (fpixel, fpixel, spixel, spixel))
    work = np.zeros((WORK, 1))
    add_background_rows(scatter, tile, prepared.wanted, image, work, spixel, spixel + 1)
    return work[:, 0], image
