"""Which pixels of a panel are rendered."""

from nbkernel.errors import InputError
from nbkernel.experiment.in_memory.arrays import PixelMask
from nbkernel.geometry.region import pixels_of, shape_of
from nbkernel.support.memory import panel_zeros, require_memory

# bytes for each pixel of the image, of the wanted pixels, and of what is made from them in strips
BYTES_PER_PIXEL = 6
# of image and wanted pixels in a row, however short
BYTES_PER_ROW = 2 * 4096


def rendered_region(experiment, detector):
    """The ROI within the detector (fast first, fast last, slow first, slow last), and the ROI as in the program, whose last
    values may be past the edge. Raises InputError if it contains no pixel."""
    fpixels, spixels = detector.fpixels, detector.spixels
    xmin, xmax, ymin, ymax = experiment.roi
    flags = (max(xmin, 0), fpixels if xmax < 0 else xmax, max(ymin, 0), spixels if ymax < 0 else ymax)
    roi = (flags[0], min(flags[1], fpixels - 1), flags[2], min(flags[3], spixels - 1))
    if roi[0] > roi[1] or roi[2] > roi[3]:
        raise InputError(
            f"-roi: {' '.join(str(edge) for edge in experiment.roi)} contains no pixel of the {fpixels} x {spixels} "
            "detector; give fast first, fast last, slow first, slow last"
        )
    return roi, flags


def require_image_memory(experiment, detectors, rois):
    """Raises InputError if the panels' regions do not fit into memory."""
    shapes = [shape_of(roi) for roi in rois]
    needed = sum(max(fpixels * BYTES_PER_PIXEL, BYTES_PER_ROW) * spixels for spixels, fpixels in shapes)
    size = f"{shapes[0][1]} x {shapes[0][0]}"
    if len(detectors) > 1:
        size = f"{len(detectors)} panels of {size}"
    is_whole = shapes[0] == (detectors[0].spixels, detectors[0].fpixels)
    flag = "panels" if experiment.panels else "-detpixels" if is_whole else "-roi"
    require_memory(needed, flag, f"an image of {size} pixels")


def wanted_pixels(experiment, detector, mask, roi):
    """(slow, fast) bool of the pixels to render: those of the ROI that are not masked. Raises InputError if the mask is too
    small."""
    fpixels, spixels = detector.fpixels, detector.spixels
    wanted = panel_zeros((spixels, fpixels), bool, roi)
    if mask is None:
        wanted[pixels_of(roi)] = True
        return wanted
    if isinstance(mask, PixelMask) and mask.array.shape != (spixels, fpixels):
        raise InputError(
            f"-mask: is an array of {mask.height} x {mask.width} pixels (slow x fast), the detector has "
            f"{spixels} x {fpixels}; need one of its shape"
        )
    if mask.pixels.size < fpixels * spixels:
        raise InputError(
            f"-mask {experiment.mask}: has {mask.width} x {mask.height} pixels, the detector has "
            f"{fpixels} x {spixels}; need a mask of at least as many"
        )
    # by position in the file, whatever the mask's width
    misread = mask.program_pixels is not None and "mask" not in experiment.fix
    pixels = mask.program_pixels if misread else mask.pixels
    here = pixels_of(roi)
    wanted[here] = pixels[: fpixels * spixels].reshape(spixels, fpixels)[here] != 0
    return wanted
