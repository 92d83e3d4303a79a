"""Which pixels of a panel are rendered."""

import numpy as np

from nbkernel.errors import InputError


def wanted_pixels(experiment, detector, mask):
    """(slow, fast) bool of the pixels to render, the ROI within the detector, and the ROI as in the program.

    Raises InputError if the ROI contains no pixel or the mask is too small.
    """
    fpixels, spixels = detector.fpixels, detector.spixels
    xmin, xmax, ymin, ymax = experiment.roi
    flags = (max(xmin, 0), fpixels if xmax < 0 else xmax, max(ymin, 0), spixels if ymax < 0 else ymax)
    roi = (flags[0], min(flags[1], fpixels - 1), flags[2], min(flags[3], spixels - 1))
    if roi[0] > roi[1] or roi[2] > roi[3]:
        raise InputError(
            f"-roi: {' '.join(str(edge) for edge in experiment.roi)} contains no pixel of the {fpixels} x {spixels} "
            "detector; give fast first, fast last, slow first, slow last"
        )
    wanted = np.zeros((spixels, fpixels), np.bool_)
    wanted[roi[2] : roi[3] + 1, roi[0] : roi[1] + 1] = True
    if mask is not None:
        if mask.pixels.size < fpixels * spixels:
            raise InputError(
                f"-mask {experiment.mask}: has {mask.width} x {mask.height} pixels, the detector has "
                f"{fpixels} x {spixels}; need a mask of at least as many"
            )
        # by position in the file, whatever the mask's width
        misread = mask.program_pixels is not None and "mask" not in experiment.fix
        pixels = mask.program_pixels if misread else mask.pixels
        wanted &= pixels[: fpixels * spixels].reshape(spixels, fpixels) != 0
    return wanted, roi, flags
