"""The picture of a run: of its single image, or of all panels as seen along the beam."""

from nbkernel.geometry.region import pixels_of

from .assembly import assemble, make_assembly
from .counts import assembled
from .draw import draw, make_scene


class RunView:
    """What PictureSettings draw of Prepared panels. Raises InputError for what cannot be drawn."""

    def __init__(self, settings, runs):
        detector = runs[0].detector
        self.assembly = make_assembly([prepared.detector for prepared in runs]) if len(runs) > 1 else None
        if self.assembly is not None:
            detector = self.assembly.detector
        self.scene = make_scene(settings, (detector.spixels, detector.fpixels), detector, runs[0].wavelength * 1e10)

    def draw(self, images, rois=None, marked=None):
        """The PNG file's bytes, and lines about what could not be drawn. images: (slow, fast), of each panel; rois: the
        region of each outside which all pixels are 0, if known; marked: the Marked of each if they have counts."""
        if self.assembly is None:
            rendered = None if rois is None else pixels_of(rois[0])
            drawing = draw(self.scene, images[0], rendered, None if marked is None else marked[0])
            return drawing.png, drawing.missing
        if marked is not None:
            marked = assembled(self.assembly, marked)
        drawing = draw(self.scene, assemble(self.assembly, images), marked=marked)
        return drawing.png, (*self.assembly.missing_lines(), *drawing.missing)
