"""PanelImage: an array that knows which panel it shows."""

from __future__ import annotations

import typing

import numpy as np

from nbkernel.engine.threads import thread_count
from nbkernel.errors import InputError

from .statistics import Statistics, image_statistics

if typing.TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from nbkernel.engine.options import Engine
    from nbkernel.geometry.detector import Detector
    from nbkernel.setup.prepare import Prepared


class PanelImage(np.ndarray):
    """Image of one panel, (slow, fast): photons as float32, or counts as int32 or uint16.

    pixels: the array that it shows. run: the Prepared panel, with `detector` (geometry, m) and `experiment` (values from
    headers filled in); None for an array that does not come from `simulate`. engine: the Engine that rendered it. omega_sum:
    the solid angles (sr) of all sub-pixels and layers, for `statistics`; None for counts. noise: for noisy counts {"rng",
    "seed", "adc", "photons", "overloads"}, the last two summed over all panels, and of `detect` "response", its Response;
    else None. offset_and_gain: for unmodified counts adc and counts per photon; else None. Arithmetic keeps run and engine;
    slices and transposes are plain arrays; a pickled image keeps only the pixels.
    """

    # or None: a type checker takes their users at their word
    run: Prepared | typing.Any
    engine: Engine | typing.Any
    omega_sum: float | None
    noise: dict[str, typing.Any] | typing.Any
    offset_and_gain: tuple[float, float] | typing.Any

    def __new__(
        cls,
        pixels: ArrayLike,
        run: Prepared | None = None,
        engine: Engine | None = None,
        omega_sum: float | None = None,
        noise: dict[str, typing.Any] | None = None,
        offset_and_gain: tuple[float, float] | None = None,
    ) -> PanelImage:
        image = np.asarray(pixels).view(cls)
        image.run, image.engine, image.omega_sum, image.noise = run, engine, omega_sum, noise
        image.offset_and_gain = offset_and_gain
        return image

    def __array_finalize__(self, parent):
        if getattr(parent, "run", None) is None or not is_whole(self, parent):
            parent = None
        self.run, self.engine = getattr(parent, "run", None), getattr(parent, "engine", None)
        self.omega_sum, self.noise, self.offset_and_gain = getattr(parent, "omega_sum", None), None, None

    def __array_wrap__(self, array, context=None, return_scalar=False):
        if array.ndim == 0:
            return array[()] if return_scalar else array
        return super().__array_wrap__(array, context, return_scalar)

    def __copy__(self):
        return self.copy()

    def __deepcopy__(self, memo):
        return self.copy()

    def __getitem__(self, key):
        return self.view(np.ndarray)[key]

    def transpose(self, *axes):
        return self.view(np.ndarray).transpose(*axes)

    def swapaxes(self, first, second):
        return self.view(np.ndarray).swapaxes(first, second)

    T = property(transpose)

    @property
    def detector(self) -> Detector | typing.Any:
        """Directions, corner, pixel size and distances in metres."""
        return None if self.run is None else self.run.detector

    @property
    def statistics(self) -> Statistics | typing.Any:
        """Statistics of the current photons; None for counts, and for anything but a whole panel."""
        if self.run is None or self.omega_sum is None or self.dtype != np.float32 or self.shape != self.run.wanted.shape:
            return None
        run, engine = self.run, self.engine
        # exact: summed pixel after pixel, as the program does
        threads = None if engine.precision == "exact" else thread_count(engine.threads)
        return image_statistics(
            as_ndarray(self), run.wanted, run.roi, run.plan, run.detector.pixel_size, self.omega_sum, threads
        )  # fmt: skip


def is_whole(image, parent):
    """Whether each pixel of an array is at the same position in its parent: checked for a view, assumed for new memory."""
    if image.shape != parent.shape:
        return False
    return not np.may_share_memory(image, parent) or (
        image.strides == parent.strides and image.ctypes.data == parent.ctypes.data
    )


def checked_panels(function, images):
    """(list of (slow, fast) arrays of numbers, whether `images` is a single array and not a list). Raises InputError, naming
    the function, for anything else."""
    is_single = not isinstance(images, (list, tuple))
    panels = [images] if is_single else list(images)
    for number, image in enumerate(panels):
        if not isinstance(image, np.ndarray):
            panels[number] = image = array_of(image)
        if image is None or image.ndim != 2 or image.size == 0 or image.dtype.kind not in "fiu":
            what = "something that is not an array" if image is None else f"{image.dtype} of shape {image.shape}"
            raise InputError(f"{function}: needs a (slow, fast) array of numbers, or a list of them, not {what}")
    if not panels:
        raise InputError(f"{function}: needs an image, not an empty list")
    return panels, is_single


def array_of(value):
    try:
        array = np.asarray(value)
    except ValueError:
        return None
    return array if array.dtype.kind in "fiu" and array.ndim else None


def runs_of(function, panels):
    """The Prepared panels of images. Raises InputError, naming the function, unless each is the image of a whole panel."""
    for image in panels:
        run = getattr(image, "run", None)
        if run is None or run.wanted.shape != image.shape:
            raise InputError(
                f"{function}: needs the whole image of a panel as returned by simulate, add_noise or to_counts, for its "
                "geometry (which pickling loses)"
            )
    return [image.run for image in panels]


def as_ndarray(image):
    """The image's pixels as a contiguous array, as kernels take them."""
    return np.ascontiguousarray(image.view(np.ndarray))


def as_photons(image):
    """The same as float32."""
    return np.ascontiguousarray(image.view(np.ndarray), np.float32)
