"""The position of a detector in another program's NeXus file: its modules' chains, compared with everything else in the
file.

Contradictions are resolved as dxtbx does (its FormatNXmx and FormatHDF5EigerNearlyNexus), with a warning.
"""

import math
from dataclasses import dataclass

import numpy as np

from nbkernel.io.hdf5.links import Unusable
from nbkernel.io.nexus.chains import attribute_vector, chain, next_axis, offset, target
from nbkernel.io.nexus.units import LENGTHS, quantity, unit

FAST, SLOW = np.array([-1.0, 0.0, 0.0]), np.array([0.0, -1.0, 0.0])  # head on, seen along the beam
NOWHERE = 1e-9  # m; a corner this close to the beam's axis has no position across it
SQUARE = 1e-6
PIXELS = (1e-7, 0.01)  # m; possible sizes
PIXEL = 1e-3  # relative difference of two sizes of a pixel
CENTRE = 1.0  # pixels by which two beam centres may differ
SKEW = 0.05  # degrees; how far fast and slow may be from a right angle without a warning
FACING = 0.99  # cosine; how nearly perpendicular to the beam a plane must be


@dataclass
class Place:
    """A module's corner (m) and axes in McStas's frame, its pixel size (m) and its name in the file."""

    corner: np.ndarray
    fast: np.ndarray
    slow: np.ndarray
    pixel: float
    name: str

    @property
    def normal(self):
        normal = np.cross(self.fast, self.slow)
        length = np.linalg.norm(normal)
        if length == 0.0:
            raise Unusable(f"has fast and slow pixel directions along one line in {self.name}")
        return normal / length

    @property
    def through_sample(self):
        return abs(self.corner @ self.normal) <= NOWHERE


def module_place(detector, module, chains):
    """The Place of an NXdetector_module by its chain. Raises Unusable if a part is missing or broken."""
    fast, slow = (needed(module, f"{axis}_pixel_direction") for axis in ("fast", "slow"))
    start = next_axis(fast)
    if start is None:
        # in some detectors' files the chain ends too early
        start = module.field("module_offset")
    turn, shift = chains.composed(start)
    slow_turn = chains.composed(next_axis(slow))[0] if next_axis(slow) is not None else turn
    corner = turn @ offset(fast if fast.attribute("offset") is not None else slow) + shift
    place = Place(
        corner, turn @ direction(fast), slow_turn @ direction(slow),
        square_pixel(module.name, quantity(fast, LENGTHS, "m"), quantity(slow, LENGTHS, "m")), module.name,
    )  # fmt: skip
    stand = stand_of(detector)
    if place.through_sample and stand is not None and stand not in chain(start):
        turn, shift = chains.composed(stand)
        place = Place(turn @ place.corner + shift, turn @ place.fast, turn @ place.slow, place.pixel, place.name)
        if not place.through_sample:
            detector.source.warn(f"ends the chain of {module.name} within it; it goes on with {detector.name}/depends_on")
    return place


def direction(axis):
    return unit_vector(attribute_vector(axis, "vector"), axis.name)


def unit_vector(vector, name):
    length = np.linalg.norm(vector)
    if length == 0.0:
        raise Unusable(f"has a vector without a direction in {name}")
    # its length may be off by float32 rounding; within that it is left as it is
    return vector if abs(length - 1.0) < 1e-12 else vector / length


def stand_of(detector):
    """The axis that a detector depends on; None if it names none."""
    field = detector.field("depends_on")
    return None if field is None else target(detector, field.words())


def detector_place(detector, chains):
    """The Place of an NXdetector without modules, as in EIGER files before 2018: perpendicular to the beam unless the file
    says otherwise, by NeXus's rule for files without a chain. Raises Unusable if the file states too little."""
    sizes = [quantity(needed(detector, f"{axis}_pixel_size", "and no NXdetector_module"), LENGTHS, "m") for axis in "xy"]
    fast, slow = FAST, SLOW
    orientation, moved = detector.field("geometry/orientation/value"), detector.field("geometry/translation/distances")
    if orientation is not None:
        values = orientation.numbers()
        if values.size < 6:
            raise Unusable(f"has {values.size} numbers in {orientation.name}; need six, of fast and slow")
        # in DECTRIS's frame z points against the beam
        fast, slow = (unit_vector(values[n : n + 3] * (1.0, 1.0, -1.0), orientation.name) for n in (0, 3))
    corner, stand = np.zeros(3), stand_of(detector)
    if stand is not None:
        turn, corner = chains.composed(stand)
        fast, slow = turn @ fast, turn @ slow
    elif moved is not None and moved.size == 3 and moved.numbers().any():
        corner = moved.numbers() * unit(moved, LENGTHS, "m") * (1.0, 1.0, -1.0)
        if not corner[:2].any():
            # only a distance, of either sign
            corner = abs(corner)
    place = Place(corner, fast, slow, square_pixel(detector.name, *sizes), detector.name)
    if place.through_sample and distance_of(detector) is None:
        raise Unusable(f"has no NXdetector_module in {detector.name} and no detector_distance: its place is not known")
    if on_axis(place) and centre_of(detector, place.pixel) is None:
        raise Unusable(
            f"has no NXdetector_module in {detector.name} and no beam_center_x, beam_center_y: its place is not known"
        )
    return place


def needed(group, name, why=""):
    field = group.field(name)
    if field is None:
        raise Unusable(f"lacks {group.name}/{name}{why and ' '}{why}")
    return field


def square_pixel(name, *sizes):
    """The edge of a square pixel, m. Raises Unusable for others."""
    if not math.isclose(*sizes, rel_tol=SQUARE):
        size = " x ".join(f"{length * 1000:g}" for length in sizes)
        raise Unusable(f"has pixels of {size} mm in {name}; only square ones can be rendered")
    return sizes[0]


def settled(place, detector, alone):
    """The Place, corrected by what else the file states: distance, beam centre. alone: it is the file's only module."""
    source, corner = detector.source, place.corner.copy()
    if not PIXELS[0] <= place.pixel <= PIXELS[1]:
        raise Unusable(f"has pixels of {place.pixel * 1000:g} mm in {place.name}; their number or unit is wrong")
    apart = math.degrees(math.acos(np.clip(place.fast @ place.slow, -1.0, 1.0)))
    if abs(apart - 90.0) > SKEW:
        source.warn(f"has fast and slow {apart:.4g} degrees apart in {place.name}; they count as they stand")
    distance = distance_of(detector)
    place = Place(corner, place.fast, place.slow, place.pixel, place.name)
    if place.through_sample and distance is not None:
        corner[2] += distance
        if detector.field("depends_on") is not None:
            source.warn(
                f"puts {place.name} at the sample by its chain; "
                f"the distance of {detector.name}, {distance * 1000:g} mm, counts"
            )
    centre = centre_of(detector, place.pixel)
    if centre is not None and on_axis(place) and alone:
        corner -= place.pixel * (centre[0] * place.fast + centre[1] * place.slow)
    if alone and abs(place.normal[2]) > FACING and corner[2] < 0.0:
        source.warn(f"puts {place.name} {-corner[2] * 1000:g} mm before the sample; taken as behind it, as DIALS does")
        corner[2] = -corner[2]
    if alone:
        compare_distance(place, detector, distance)
        compare_centre(place, detector, centre)
        compare_pixel(place, detector)
    return place


def on_axis(place):
    return bool((abs(place.corner[:2]) <= NOWHERE).all())


def distance_of(detector):
    """The distance (m, greater than 0) in the fields for it; None if there is none."""
    found = {}
    for name in ("detector_distance", "distance"):
        field = detector.field(name)
        if field is not None and field.size and field.dtype.kind in "iuf":
            value = quantity(field, LENGTHS, "m")
            if value != 0.0:
                found[name] = abs(value)
    if len(found) == 2 and not math.isclose(*found.values(), rel_tol=0.01):
        said = " but ".join(f"{name} {value * 1000:g} mm" for name, value in found.items())
        detector.source.warn(f"says {said} in {detector.name}; the first counts where the chain tells none")
    return next(iter(found.values()), None)


def centre_of(detector, pixel):
    """(fast, slow) of the beam in pixels by beam_center_x, _y; None if they are missing, or both 0."""
    fields = [detector.field(f"beam_center_{axis}") for axis in "xy"]
    if any(field is None or not field.size or field.dtype.kind not in "iuf" for field in fields):
        return None
    centre = []
    for field in fields:
        length = field.text("units").strip().lower().rstrip("s") not in ("", "pixel", "px", "pix", "1")
        centre.append(field.first() * (unit(field, LENGTHS, "m") / pixel if length else 1.0))
    return tuple(centre) if any(centre) else None


def compare_distance(place, detector, distance):
    """Warns if the file's distance is not that of the place."""
    close = abs(place.corner @ place.normal)
    along = close / abs(place.normal[2]) if place.normal[2] else math.inf
    if distance is not None and not any(math.isclose(distance, own, rel_tol=0.01) for own in (close, along)):
        detector.source.warn(
            f"says {distance * 1000:g} mm from sample to detector in {detector.name}, "
            f"but {close * 1000:g} mm by the chain of {place.name}; the chain counts"
        )


def compare_pixel(place, detector):
    """Warns if the detector's pixel size is not that of the place."""
    for name in ("x_pixel_size", "y_pixel_size"):
        field = detector.field(name)
        if field is None or not field.size or field.dtype.kind not in "iuf" or not field.text("units").strip():
            continue
        size = quantity(field, LENGTHS, "m")
        if not math.isclose(size, place.pixel, rel_tol=PIXEL):
            detector.source.warn(
                f"has {size * 1000:g} mm as {name} of {detector.name}, but pixels of {place.pixel * 1000:g} mm in "
                f"{place.name}; the latter count"
            )
            return


def compare_centre(place, detector, centre):
    """Warns if the file's beam centre is not that of the place."""
    if centre is None or not place.normal[2]:
        return
    hit = np.array([0.0, 0.0, place.corner @ place.normal / place.normal[2]]) - place.corner
    # fast and slow need not be perpendicular
    own = np.linalg.lstsq(np.stack((place.fast, place.slow), axis=1), hit, rcond=None)[0] / place.pixel
    if max(abs(own - centre)) > CENTRE:
        detector.source.warn(
            f"says that the beam is at pixel {centre[0]:g} {centre[1]:g} in {detector.name}, "
            f"but at {own[0]:g} {own[1]:g} by the chain of {place.name}; the chain counts"
        )
