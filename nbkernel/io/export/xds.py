"""Files for XDS: XDS.INP, and XPARM.XDS with the true orientation.

The laboratory frame is McStas's turned by 180 degrees about the beam, so that a detector head on has its X along +x, its Y
along +y, and the beam along +z. A pixel IX, IY of a segment, whose first pixel's centre is an integer, is in the detector's
frame at (IX-ORGXS) QX EDS_x + (IY-ORGYS) QY EDS_y + FS EDS_z - (ORGX QX, ORGY QY, -F), where F is DETECTOR_DISTANCE; see
https://xds.mr.mpg.de/html_doc/coordinate_systems.html.
"""

import numpy as np

from nbkernel.errors import InputError
from nbkernel.geometry.cell_axes import cell_of_axes

TO_XDS = np.diag([-1.0, -1.0, 1.0])
MASTER, TEMPLATE = "_master.h5", "_??????.h5"
SAME_PIXEL, SKEW = 1e-9, 1e-6
HALF = 0.5  # of a pixel: from a corner to the centre
PLUGIN = "dectris-neggia.so"


def xds_files(data_set, data_path):
    """{name: text} of the files for a DataSet. data_path: of the images, from the files' folder. Raises InputError for
    images that XDS cannot process."""
    check(data_set)
    plane = Plane(data_set.panels[0])
    found = {"XDS.INP": "\n".join(input_lines(data_set, plane, data_path)) + "\n"}
    if data_set.crystals[0]:
        found["XPARM.XDS"] = xparm_text(data_set, plane)
    return found


def check(data_set):
    path, first = data_set.path, data_set.panels[0]
    if data_set.scan is None:
        raise InputError(f"--to xds: {path} has stills; XDS needs a rotation (dials and crystfel take stills)")
    if not path.endswith(MASTER):
        raise InputError(f"--to xds: XDS finds HDF5 files by names that end in {MASTER}; rename {path}")
    if data_set.dtype.kind not in "iu":
        raise InputError(f"--to xds: {path} has photons without noise; XDS reads counts")
    for number, panel in enumerate(data_set.panels):
        if abs(panel.pixel - first.pixel) > SAME_PIXEL * first.pixel:
            sizes = f"{first.pixel:g} and {panel.pixel:g} mm"
            raise InputError(f"--to xds: {path} has panels with pixels of {sizes}; XDS has one size")
        if abs(np.dot(panel.fdet_vector, panel.sdet_vector)) > SKEW:
            raise InputError(f"--to xds: panel {number} of {path} has axes that are not at a right angle; XDS has no others")


class Plane:
    """The detector's own frame, that of the first panel. axes: (3, 3) rows X, Y, normal; origin: ORGX, ORGY; distance:
    mm."""

    def __init__(self, panel):
        corner, fast, slow = vectors(panel)
        self.pixel = panel.pixel
        self.axes = np.array([fast, slow, np.cross(fast, slow)])
        along_x, along_y, self.distance = (self.axes @ corner).tolist()
        self.origin = HALF - along_x / self.pixel, HALF - along_y / self.pixel

    def segment(self, panel, first_row):
        """([X, Y] axes, [ORGXS, ORGYS], FS) of a panel in this frame; first_row: of the panel in the stacked image."""
        corner, fast, slow = vectors(panel)
        shift = np.array([*(self.pixel * np.array(self.origin)), -self.distance])
        place = self.axes @ corner + shift
        axes = np.array([self.axes @ fast, self.axes @ slow])
        first = np.array([1.0, first_row + 1.0]) - HALF
        return axes, first - axes @ place / self.pixel, float(np.cross(*axes) @ place)


def vectors(panel):
    """Corner (mm), fast and slow of a Panel, in XDS's laboratory frame."""
    return TO_XDS @ panel.pix0_vector * 1000.0, TO_XDS @ panel.fdet_vector, TO_XDS @ panel.sdet_vector


def scan_of(data_set):
    """Spindle, start and width, which XDS wants to be positive."""
    sense = np.sign(data_set.scan[1])
    return sense * (TO_XDS @ data_set.spindle), sense * data_set.scan[0], sense * data_set.scan[1]


def size(data_set):
    """Pixels of the stacked image along X and Y."""
    panels = data_set.panels
    return max(panel.detpixels_f for panel in panels), sum(panel.detpixels_s for panel in panels)


def input_lines(data_set, plane, data_path):
    """The lines of XDS.INP."""
    (spindle, start, width), (wide, high) = scan_of(data_set), size(data_set)
    first, last = data_set.panels[0], data_set.frames
    yield f"! {data_set.name}: as nbkernel simulated it"
    yield "JOB= XYCORR INIT COLSPOT IDXREF DEFPIX INTEGRATE CORRECT"
    yield f"NAME_TEMPLATE_OF_DATA_FRAMES= {data_path.removesuffix(MASTER)}{TEMPLATE}"
    yield f"LIB= {PLUGIN}  ! or durin-plugin.so: XDS reads HDF5 by a plugin"
    yield f"DATA_RANGE= 1 {last}"
    yield f"SPOT_RANGE= 1 {last}"
    yield f"STARTING_ANGLE= {start:.9g}"
    yield "STARTING_FRAME= 1"
    yield f"OSCILLATION_RANGE= {width:.9g}"
    yield f"ROTATION_AXIS= {text(spindle)}"
    yield f"X-RAY_WAVELENGTH= {data_set.wavelength:.9g}"
    yield "INCIDENT_BEAM_DIRECTION= 0 0 1"
    yield f"FRACTION_OF_POLARIZATION= {data_set.polarization_fraction:.6g}"
    yield "POLARIZATION_PLANE_NORMAL= 0 1 0"
    yield "AIR= 0  ! nothing was absorbed on the way"
    yield "SPACE_GROUP_NUMBER= 0  ! unknown"
    yield f"DETECTOR= EIGER  MINIMUM_VALID_PIXEL_VALUE= 0  OVERLOAD= {data_set.saturation}"
    yield f"NX= {wide}  NY= {high}  QX= {plane.pixel:.9g}  QY= {plane.pixel:.9g}"
    yield f"ORGX= {plane.origin[0]:.9g}  ORGY= {plane.origin[1]:.9g}"
    yield f"DETECTOR_DISTANCE= {plane.distance:.9g}"
    yield f"DIRECTION_OF_DETECTOR_X-AXIS= {text(plane.axes[0])}"
    yield f"DIRECTION_OF_DETECTOR_Y-AXIS= {text(plane.axes[1])}"
    has_depth = first.detector_thick > 0.0 and first.detector_abs not in (None, 0.0) and np.isfinite(first.detector_abs)
    if has_depth:
        yield f"SENSOR_THICKNESS= {first.detector_thick / 1000.0:.9g}  SILICON= {1000.0 / first.detector_abs:.9g}"
    else:
        yield "SENSOR_THICKNESS= 0  ! no parallax"
    yield "TRUSTED_REGION= 0 2"
    if len(data_set.panels) > 1:
        for panel, first_row in zip(data_set.panels, data_set.first_rows, strict=True):
            yield from segment_lines(plane, panel, first_row, wide)


def segment_lines(plane, panel, first_row, wide):
    axes, origin, distance = plane.segment(panel, first_row)
    last_row = first_row + panel.detpixels_s
    yield f"SEGMENT= 1 {panel.detpixels_f} {first_row + 1} {last_row}"
    yield f"  DIRECTION_OF_SEGMENT_X-AXIS= {text(axes[0])}"
    yield f"  DIRECTION_OF_SEGMENT_Y-AXIS= {text(axes[1])}"
    yield f"  SEGMENT_DISTANCE= {distance:.9g}"
    yield f"  SEGMENT_ORGX= {origin[0]:.9g}  SEGMENT_ORGY= {origin[1]:.9g}"
    if panel.detpixels_f < wide:
        # beside a narrower panel; the rectangle's own border is not part of it
        yield f"UNTRUSTED_RECTANGLE= {panel.detpixels_f} {wide + 1} {first_row} {last_row + 1}"


def text(vector):
    return " ".join(f"{value + 0.0:.9f}" for value in np.round(vector, 9))


def xparm_text(data_set, plane):
    """XPARM.XDS of the first lattice, at spindle angle 0, in the columns that XDS writes."""
    spindle, start, width = scan_of(data_set)
    wavelength, (wide, high) = data_set.wavelength, size(data_set)
    axes = np.linalg.inv(data_set.crystals[0][0]) @ TO_XDS
    parts = list(zip(data_set.panels, data_set.first_rows, strict=True))
    lines = [
        " XPARM.XDS    VERSION nbkernel",
        "{:6d}{:14.4f}{:10.4f}{:10.6f}{:10.6f}{:10.6f}".format(1, start, width, *spindle),
        f"{wavelength:15.6f}{0.0:15.6f}{0.0:15.6f}{1.0 / wavelength:15.6f}",
        "{:6d}{:12.4f}{:12.4f}{:12.4f}{:8.3f}{:8.3f}{:8.3f}".format(1, *cell_of_axes(axes)),
        *("{:15.6f}{:15.6f}{:15.6f}".format(*row) for row in axes),
        f"{len(parts):10d}{wide:10d}{high:10d}{plane.pixel:12.6f}{plane.pixel:12.6f}",
        f"{plane.origin[0]:15.6f}{plane.origin[1]:15.6f}{plane.distance:15.6f}",
        *("{:15.6f}{:15.6f}{:15.6f}".format(*row) for row in plane.axes),
    ]
    for number, (panel, first_row) in enumerate(parts, 1):
        own, origin, distance = plane.segment(panel, first_row)
        limits = (1, panel.detpixels_f, first_row + 1, first_row + panel.detpixels_s)
        lines.append("{:10d}{:10d}{:10d}{:10d}{:10d}".format(number, *limits))
        lines.append(("{:8.2f}" * 3 + "{:9.5f}" * 6).format(*origin, distance, *own.ravel()))
    return "\n".join(lines) + "\n"


def xds_advice(_data_set):
    """Command lines that process the files."""
    return [f"export LD_LIBRARY_PATH=FOLDER  # that of {PLUGIN}", "xds_par"]
