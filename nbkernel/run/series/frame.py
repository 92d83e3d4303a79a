"""One image of a series: from what is drawn for it to photons and counts."""

import copy
import math
from dataclasses import replace

import numpy as np

from nbkernel.engine.background import add_background
from nbkernel.engine.threads import choose_sharing, thread_count
from nbkernel.errors import InputError
from nbkernel.experiment.fields import DEFAULTS
from nbkernel.geometry.cell_axes import cell_of_axes
from nbkernel.image.counts import noisy_images, noisy_strips
from nbkernel.image.panel_image import PanelImage, as_ndarray
from nbkernel.image.response.detect import detected_strips
from nbkernel.image.response.maps import checked_responses
from nbkernel.io.factors.of_run import MODEL_FIELDS
from nbkernel.kernels.physics.vectors import rotate
from nbkernel.run.simulate import changed
from nbkernel.setup.checks.contradictions import complete_cell
from nbkernel.setup.crystal import umat2misset
from nbkernel.setup.prepare import prepare_panels
from nbkernel.support.logger import LOG

from .draws import draws_of

# an amplitude that adds nothing to the water's scattering, since none at all is refused
NO_CRYSTAL = {
    "hkl": None, "hkl_per_energy": None, "column": None, "dump": None, "default_F": 1e-30, "mosaic_domains": 1,
    "mosaic_spread": 0.0, "mosaic_blocks": None, "mosaic_sigma": None, "cell_spread": None, "lattices": (), "B": 0.0,
    "spot_scale": 1.0, **{name: DEFAULTS[name] for name in MODEL_FIELDS},
}  # fmt: skip
RNG = "philox"  # of the noise
ROWS_AT_A_TIME = 64  # that stay in the cache
# no orientation is drawn where this counts
UNUSED_SEED = 1


class Frame:
    """An image of a series. draws: see `draws_of`; photons: PanelImages of the panels; lattices: of each lattice the
    Prepared run that rendered it; shot: that of the whole image, if it has no lattice, too."""

    def __init__(self, draws, photons, lattices, shot):
        self.draws, self.photons, self.lattices, self.shot = draws, photons, lattices, shot


class FrameMaker:
    """Makes images of a Specification, in any order, with a Simulator of its Experiment."""

    def __init__(self, specification, simulator):
        self.specification, self.simulator, self.progress = specification, simulator, None
        # what the images have in common, with values from headers and files; raises InputError for unusable ones
        self.base_panels = self.prepared({"misset": None} if "orientation" in specification.vary else {})
        self.base = self.base_panels[0]

    def with_threads(self, threads, stop):
        """The same with so many threads for each image, whose rendering raises InterruptedError once the Event `stop` is
        set."""

        def progress(done, total):
            if stop.is_set():
                raise InterruptedError

        maker = copy.copy(self)
        maker.progress = progress
        if threads != self.simulator.engine.threads:
            maker.simulator = copy.copy(self.simulator)
            maker.simulator.engine = replace(maker.simulator.engine, threads=threads)
        return maker

    def prepared(self, changes):
        """The Prepared panels of the Experiment with changes, which are not rendered. Raises InputError for unusable values,
        and when the Simulator is closed."""
        if self.simulator.kept is None:
            raise InputError("Series: is closed; make a new one")
        inputs, _ = self.simulator.kept
        return prepare_panels(changed(self.specification.experiment, changes), UNUSED_SEED, inputs)

    def check(self, image):
        """Raises InputError if a value drawn for image number `image` is unusable, as far as that shows before rendering."""
        draws = draws_of(self.specification, image)
        for drawn in draws["crystals"]:
            self.prepared({**self.shot_changes(image, draws), **self.lattice_changes(drawn)})

    def frame(self, image):
        """The Frame of image number `image`: the sum of its lattices' photons."""
        draws = draws_of(self.specification, image)
        shot = self.shot_changes(image, draws)
        if not draws["crystals"]:
            return self.without_crystal(draws, shot)
        photons, lattices = [], []
        for number, drawn in enumerate(draws["crystals"]):
            # water and other materials are there once
            only_first = {"water": 0.0, "background": ()} if number else {}
            images = self.rendered({**shot, **self.lattice_changes(drawn), **only_first})
            lattices.append(images[0].run)
            if photons:
                for total, own in zip(photons, images, strict=True):
                    np.add(total, own, out=total)
            photons = photons or images
        return Frame(draws, photons, lattices, lattices[0])

    def rendered(self, changes):
        found = self.simulator.simulate(progress=self.progress, **changes)
        return found if isinstance(found, list) else [found]

    def without_crystal(self, draws, shot):
        """The Frame of a shot that hits nothing but water and other materials."""
        changes = {**shot, "misset": None}
        runs = self.prepared(changes)
        if runs[0].plan.has_water:
            photons = self.rendered({**changes, **NO_CRYSTAL, "cell": self.base_cell(), "mat": None})
        else:
            engine = self.simulator.engine
            photons = [PanelImage(without_bragg(run, engine), run, engine, 0.0) for run in runs]
        return Frame(draws, photons, [], runs[0])

    def shot_changes(self, image, draws):
        """{field: value} that all lattices of an image share."""
        changes = {name: draws[name] for name in self.specification.varied_by_shot()}
        if self.specification.kind == "rotation":
            start, width = self.specification.start or 0.0, self.specification.width
            changes |= dict(phi=start + image * width, osc=width, phisteps=self.specification.steps)
        return changes

    def lattice_changes(self, drawn):
        """{field: value} of one lattice."""
        changes = {name: value for name, value in drawn.items() if name in DEFAULTS}
        if "cell_scale" in drawn:
            a, b, c, *angles = self.base_cell()
            scale = drawn["cell_scale"]
            changes["cell"] = (a * scale, b * scale, c * scale, *angles)
        if "orientation" in drawn:
            changes["misset"] = misset_of(drawn["orientation"], self.specification.experiment.misset)
        return changes

    def base_cell(self):
        """a b c (Angstrom) alpha beta gamma (degrees) of the Experiment, whatever states them."""
        crystal = self.base.crystal
        if self.base.experiment.cell is not None:
            return complete_cell(self.base.experiment.cell)
        return cell_of_axes(np.array([crystal.a, crystal.b, crystal.c]) * 1e10)

    def data(self, frame, image):
        """(what the data file holds for a Frame, its Noise or None): counts as int32, or uint16 where the specification
        wants 16 bits; or photons."""
        if not self.specification.counts:
            return frame.photons, None
        specification, engine = self.specification, self.simulator.engine
        if specification.experiment.response is not None:
            responses = checked_responses("response", specification.experiment.response, len(frame.photons))
            noisy = detected_strips(frame.photons, responses, specification.seed, engine, LOG.warning, image)
        else:
            noisy = noisy_strips(frame.photons, specification.seed, RNG, specification.adc, engine, LOG.warning, image)
        return noisy_images(noisy, frame.photons, specification.bits or 32)


def without_bragg(run, engine):
    """The photons (slow, fast) float32 of a Prepared panel without crystal and water."""
    image = np.zeros(run.wanted.shape, np.float32)
    add_background(run, image, choose_sharing(engine.parallel), thread_count(engine.threads))
    return image


def misset_of(orientation, misset):
    """Missetting angles (degrees) of a crystal that is first misset by `misset` (three angles, None or random) and then
    turned by the rotation matrix `orientation` (nine numbers)."""
    matrix = np.array(orientation).reshape(3, 3)
    if isinstance(misset, tuple):
        angles = [math.radians(angle) for angle in misset]
        matrix = matrix @ np.array([rotate(axis, *angles) for axis in np.eye(3).tolist()]).T
    return tuple(math.degrees(angle) for angle in umat2misset(tuple(matrix.ravel().tolist())))


def pixel_sums(photons):
    """(sum of all pixels, the brightest) of panels, with nine digits, which do not depend on the order of summation."""
    total, brightest = 0.0, []
    for image in photons:
        pixels = as_ndarray(image)
        for first in range(0, len(pixels), ROWS_AT_A_TIME):
            rows = pixels[first : first + ROWS_AT_A_TIME]
            total += float(rows.sum(dtype=np.float64))
            brightest.append(rows.max())
    return float(f"{total:.9g}"), float(f"{float(np.max(brightest)):.9g}")
