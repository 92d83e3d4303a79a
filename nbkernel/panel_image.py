"""PanelImage: an array that knows the panel it is an image of."""

import numpy as np

from .errors import InputError


class PanelImage(np.ndarray):
    """Image of one panel, (slow, fast): photons as float32, or counts as uint16.

    run: the Prepared panel, with `detector` (geometry, m) and `experiment` (headers' values filled in); None for an array
    that `simulate` has no part in. engine: the Engine that rendered it. statistics: the Statistics of a rendered image;
    noise: of noisy counts, {"rng", "seed", "adc"}; else None. What is computed from a PanelImage keeps its run and engine
    only; a pickled one keeps the pixels only.
    """

    def __new__(cls, pixels, run=None, engine=None, statistics=None, noise=None):
        image = np.asarray(pixels).view(cls)
        image.run, image.engine, image.statistics, image.noise = run, engine, statistics, noise
        return image

    def __array_finalize__(self, parent):
        self.run, self.engine = getattr(parent, "run", None), getattr(parent, "engine", None)
        self.statistics = self.noise = None

    @property
    def detector(self):
        """The Detector: directions, corner, pixel size and distances in metres."""
        return None if self.run is None else self.run.detector


def run_of(function, image):
    """The Prepared panel of an image. Raises InputError, naming the function, where it is not that of a whole panel."""
    run = getattr(image, "run", None)
    if run is None or run.wanted.shape != image.shape:
        raise InputError(
            f"{function}: needs the whole image of a panel as simulate, add_noise or to_counts returns it, for its geometry"
        )
    return run


def plain(image):
    """The image's pixels as kernels take them."""
    return np.ascontiguousarray(image.view(np.ndarray) if isinstance(image, np.ndarray) else image)


def as_panels(images):
    """(list of images, whether one was given by itself)."""
    single = not isinstance(images, (list, tuple))
    return ([images] if single else list(images)), single
