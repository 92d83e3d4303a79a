"""Number of pixels of a module in another program's NeXus file: data_size, compared with images, mask and sizes.

DECTRIS's filewriters before 2022, and those of some beamlines, wrote data_size as (fast, slow).
"""

import numpy as np

from nbkernel.io.hdf5.fields import Field
from nbkernel.io.hdf5.links import Refused, Unusable
from nbkernel.io.nexus.beam import image_of

from .places import needed

# pixels of an EIGER or EIGER2 module along fast and slow, and of the gap between two
EIGER_MODULES = (((1030, 10), (514, 37)), ((1028, 12), (512, 38)))


def module_sizes(entry, detector, modules, alone):
    """(slow, fast) of each NXdetector_module of an NXdetector. alone: the file has no other detector. Raises Unusable
    if a module has no size, or a negative position."""
    sizes = [whole_numbers(module, "data_size") for module in modules]
    origins = [whole_numbers(module, "data_origin", optional=True) for module in modules]
    source, (what, shape) = detector.source, next(iter(shapes_of(entry, detector, alone)), (None, None))
    turned = [size[::-1] for size in sizes]
    if shape is None:
        if len(modules) == 1 and is_eiger_size(turned[0]) and not is_eiger_size(sizes[0]):
            source.warn(
                f"has {in_words(sizes[0])} as data_size of {modules[0].name}, an EIGER's fast and slow; "
                "taken as slow and fast"
            )
            return turned
        return sizes
    if within(origins, sizes, shape):
        return sizes
    if within(origins, turned, shape):
        source.warn(
            f"has {in_words(sizes[0])} as data_size (slow, fast) of {modules[0].name}, but {in_words(shape)} {what}; "
            f"taken as (fast, slow)"
        )
        return turned
    # the size that does not fit
    module, size, origin = next(
        each for each in zip(modules, sizes, origins, strict=True) if not within([each[2]], [each[1]], shape)
    )
    at = f" and {in_words(origin)} as data_origin" if any(origin) else ""
    lead = f"has {in_words(size)} as data_size{at} of {module.name}, but {in_words(shape)} {what}"
    if len(modules) > 1:
        source.warn(f"{lead}; data_size counts")
        return sizes
    source.warn(f"{lead}; the latter counts")
    return [shape]


def within(origins, sizes, shape):
    return all(
        start + size <= extent
        for origin, own in zip(origins, sizes, strict=True)
        for start, size, extent in zip(origin, own, shape, strict=True)
    )


def detector_size(entry, detector, alone):
    """(slow, fast) of an NXdetector without modules. Raises Unusable if the file does not state it."""
    found = list(shapes_of(entry, detector, alone))
    if not found:
        raise Unusable(f"gives no size of {detector.name}: no images, no pixel_mask, no x_pixels_in_detector")
    what, shape = found[0]
    for other, different in found[1:]:
        if different != shape:
            detector.source.warn(
                f"has {in_words(shape)} {what} of {detector.name}, but {in_words(different)} {other}; the former counts"
            )
    return shape


def shapes_of(entry, detector, alone):
    """(words, (slow, fast)) of everything that states how many pixels the detector has, the most reliable first."""
    images = shape_of(detector, lambda: detector.get("data") or detector.get("data_000001"))
    if images is None and alone:
        images = shape_of(detector, lambda: image_of(entry))
    if images is not None:
        yield "pixels in the images", images
    counts = [first_there(detector, f"{axis}_pixels_in_detector") for axis in "yx"]
    if all(field is not None and field.size == 1 for field in counts):
        shape = tuple(int(field.first()) for field in counts)
        if min(shape) > 0:
            yield "as y_ and x_pixels_in_detector", shape
    mask = shape_of(detector, lambda: first_there(detector, "pixel_mask"))
    if mask is not None:
        yield "pixels in the mask", mask


def first_there(detector, name):
    return detector.field(name) or detector.field(f"detectorSpecific/{name}")


def shape_of(detector, find):
    """(slow, fast) of a possible image; None if it is not one, or is behind a link that is not followed: the detector's
    position does not need it."""
    try:
        node = find()
        return node.shape[-2:] if isinstance(node, Field) and len(node.shape) > 1 and min(node.shape[-2:]) > 0 else None
    except Refused as error:
        detector.source.warn(error)
        return None


def whole_numbers(module, name, optional=False):
    """The last two numbers in a field: slow, fast."""
    if optional and module.field(name) is None:
        return 0, 0
    field = needed(module, name)
    values = field.numbers()[-2:]
    least = 0 if optional else 1
    if values.size < 2 or (values < least).any() or (values > 2**31).any() or (values != np.floor(values)).any():
        raise Unusable(
            f"has {' '.join(f'{value:g}' for value in values)} in {field.name}; need two whole numbers, slow and fast"
        )
    return tuple(int(value) for value in values)


def is_eiger_size(size):
    slow, fast = size
    return any(
        (fast + fgap) % (fmod + fgap) == 0 and (slow + sgap) % (smod + sgap) == 0
        for (fmod, fgap), (smod, sgap) in EIGER_MODULES
    )


def in_words(size):
    return f"{size[0]} x {size[1]}"
