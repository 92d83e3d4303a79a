"""nbkernel.Series: a data set from a specification, image by image or as files in a folder."""

import contextlib
import os
from collections.abc import Callable
from os import PathLike
from typing import Any, Self

from nbkernel.engine.options import DEFAULT_PRECISION
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import naming_arguments
from nbkernel.experiment.experiment import Experiment
from nbkernel.image.panel_image import PanelImage
from nbkernel.run.simulate import Simulator
from nbkernel.support.logger import LOG
from nbkernel.support.validation import integer

from .draws import draws_of
from .frame import FrameMaker
from .specification import outside_folder, read_specification, specification_of


class Series:
    """Many images of one Experiment, of which some values vary by distributions: stills of crystals, or a rotation.

    Image i, counted from 0, depends on the specification and i alone, whoever makes it. A `with` statement gives back the
    memory that is kept between images.

    specification: a TOML file, or its tables as {"series": {...}, "vary": {...}}, see docs/series.md; experiment: an
    Experiment instead of its tables, beside a dict; device, precision, threads: as for `simulate`. Raises InputError for an
    unusable specification or argument, DeviceError like `simulate`.
    """

    @naming_arguments()
    def __init__(
        self,
        specification: str | PathLike | dict[str, Any],
        experiment: Experiment | None = None,
        *,
        device: str = "auto",
        precision: str = DEFAULT_PRECISION,
        threads: int | None = None,
    ) -> None:
        if isinstance(specification, (str, os.PathLike)):
            if experiment is not None:
                raise InputError("Series: takes an Experiment beside a dict only; a file has the experiment's tables")
            self.specification = read_specification(specification)
            for line in outside_folder(specification, self.specification):
                LOG.warning("%s", line)
        else:
            if experiment is not None and not isinstance(experiment, Experiment):
                raise InputError(f"Series: needs an Experiment, not {type(experiment).__name__}")
            self.specification = specification_of("Series", specification, "", experiment)
        self.device = device
        self.simulator = Simulator(self.specification.experiment, device=device, precision=precision, threads=threads)
        self.maker: FrameMaker | None = None  # made with the first image

    def __len__(self) -> int:
        return self.specification.images

    @naming_arguments()
    def draws(self, i: int) -> dict[str, Any]:
        """What is drawn for image number i: {"image": i, name: value, "crystals": [{name: value} of each lattice]}. Raises
        InputError for a number out of range, or a value that is impossible."""
        return draws_of(self.specification, checked_number(self, "draws", i))

    @naming_arguments()
    def image(self, i: int) -> PanelImage | Any:  # a list of them where there are panels
        """Image number i as the data files have it: counts, (slow, fast) int32 (uint16 with bits = 16), or photons, float32,
        in a series without counts; or a list of panels. Raises what `simulate` raises, and InputError for a number out of
        range."""
        maker = self.frames()
        number = checked_number(self, "image", i)
        return single(self, maker.data(maker.frame(number), number)[0])

    @naming_arguments()
    def photons(self, i: int) -> PanelImage | Any:  # a list of them where there are panels
        """Image number i without noise: photons, (slow, fast) float32, or a list of panels. Raises what `image` raises."""
        return single(self, self.frames().frame(checked_number(self, "photons", i)).photons)

    @naming_arguments()
    def run(
        self,
        folder: str | PathLike,
        *,
        shard: str | tuple[int, int] | None = None,
        images: str | int | tuple[int, int] | None = None,
        resume: bool | None = None,
        progress: Callable[[int, int], None] | None = None,
        client: Any = None,  # a distributed.Client, which an optional package has
    ) -> list[str]:
        """Writes the series into a folder: data files, and when all of them are there, the master file and the table of the
        truth.

        folder: made if it is not there; files of the series that are there are kept. shard: "I/N" or (I, N), the I-th of N
        shares of the data files. images: a number, "A:B" or (A, B), counted from 0 and without B: these images alone, in
        files of their own. resume: True needs the folder to have the series already, False not to. progress: called with
        the number of images done and the total. client: a dask.distributed.Client, whose workers make the data files, see
        docs/clusters.md; they choose the device as this series was told to. Returns the paths of the files written. Raises
        InputError for an unusable argument, a folder of another series, a file that cannot be written, or a cluster that
        cannot be used, and what `simulate` raises.
        """
        from .writing import write_series

        making = None
        if client is not None:
            from .cluster import made_by

            making = made_by(client, "client", self)

        def counting(total):
            return contextlib.nullcontext(None if progress is None else lambda done: progress(done, total))

        return write_series(self, "", folder, shard, images, resume, counting, making=making)[0]

    def frames(self) -> FrameMaker:
        """The FrameMaker of this series. Raises InputError for an unusable Experiment."""
        if self.maker is None:
            self.maker = FrameMaker(self.specification, self.simulator)
        return self.maker

    def close(self) -> None:
        """Gives back the memory. No further image can be made."""
        self.simulator.close()
        self.maker = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def checked_number(series, name, image):
    """The number of an image. Raises InputError, beginning with `name`, unless there is one."""
    number = integer(name, image)
    if not 0 <= number < len(series):
        raise InputError(f"{name}: needs a number from 0 to {len(series) - 1}, not {number}")
    return number


def single(series, images):
    """The image of a single detector, or the list of panels."""
    return images if series.frames().base.experiment.panels else images[0]
