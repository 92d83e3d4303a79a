"""The folder of a series: names of its files, which of them are there, and the record of the specification."""

import functools
import os
import re
from typing import NamedTuple

from nbkernel.errors import InputError
from nbkernel.experiment.config.writing import files_beside
from nbkernel.experiment.input_files import input_files, protected_paths
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.support.validation import integer, short_text

from .specification import digest_of, specification_text

RECORD = "series.toml"
FIRST_LINE = re.compile(r"# nbkernel series, sha256 ([0-9a-f]{64}), precision (\w+)\n")


class Part(NamedTuple):
    """A data file: its name, and the range of its images' numbers."""

    name: str
    images: range


class Folder:
    """Where a series is written."""

    def __init__(self, path, specification, precision):
        self.path, self.specification, self.precision = os.fspath(path), specification, precision

    @functools.cached_property
    def digest(self):
        """Of everything on which the files depend but the precision."""
        return digest_of(self.specification)

    def parts(self, images=None):
        """The Parts of the series, or of the range `images`, which have names of their own."""
        size, name = self.specification.images_per_file, self.specification.name
        if images is None:
            every = self.specification.images
            ranges = [range(first, min(first + size, every)) for first in range(0, every, size)]
            return [Part(f"{name}_{number:06d}.h5", own) for number, own in enumerate(ranges, 1)]
        found = []
        for first in range(images.start, images.stop, size):
            own = range(first, min(first + size, images.stop))
            found.append(Part(f"{name}_{self.images_name(own)}.h5", own))
        return found

    def asked(self, prefix, shard, images):
        """(Parts, range of images or None) that the user asks for. prefix: of arguments in messages; shard, images: see
        `Series.run`. Raises InputError."""
        if shard is not None and images is not None:
            raise InputError(f"{prefix}images: these images are made in one go; leave out {prefix}shard")
        if images is not None:
            images = images_of(f"{prefix}images", images, self.specification.images)
        parts = self.parts(images)
        if shard is not None:
            number, count = shard_of(f"{prefix}shard", shard)
            parts = parts[number - 1 :: count]
        return parts, images

    def images_name(self, images):
        return f"images_{images.start:06d}-{images.stop - 1:06d}" if len(images) > 1 else f"image_{images.start:06d}"

    def master_name(self, images=None):
        return f"{self.beginning(images)}_master.h5"

    def truth_name(self, images=None):
        return f"{self.beginning(images)}_truth.csv"

    def beginning(self, images):
        name = self.specification.name
        return name if images is None else f"{name}_{self.images_name(images)}"

    def file(self, name):
        return os.path.join(self.path, name)

    def has(self, name):
        return os.path.exists(self.file(name))

    def open(self, option, resume):
        """Makes the folder with the record of its series, or finds it there. resume: True: it must be there; False: it must
        not; None: either. Raises InputError, beginning with `option`, for a folder of another series, which is left as it
        is."""
        found = self.record(option)
        if found is None:
            if resume:
                raise InputError(f"{option}: {self.path} has no series to go on with (no {RECORD}); leave out resume")
            there = [part.name for part in self.parts() if self.has(part.name)]
            if there:
                raise InputError(f"{option}: {self.path} has {there[0]} but no {RECORD}; give an empty folder, or a new one")
            self.write_record(option)
            found = self.record(option)
        elif resume is False:
            raise InputError(f"{option}: {self.path} has a series already; give another folder, or let it go on")
        if found != (self.digest, self.precision):
            what = "another series"
            if found is not None and found[0] == self.digest:
                what = f"this series in precision {found[1]}, not {self.precision}"
            raise InputError(f"{option}: {self.path} is the folder of {what} (see its {RECORD}); give another folder")

    def record(self, option):
        """(digest, precision) of the series in the folder; None if there is none."""
        path = self.file(RECORD)
        try:
            with open(path, encoding="utf-8") as file:
                match = FIRST_LINE.match(file.readline())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{option}: cannot read {path}: {getattr(error, 'strerror', None) or error}") from None
        if match is None:
            raise InputError(f"{option}: {path} is not the record of a series; give an empty folder, or a new one")
        return match[1], match[2]

    def record_content(self):
        """The bytes of the record."""
        _, _, text = specification_text(self.specification, self.file(RECORD)).partition("\n")
        return f"# nbkernel series, sha256 {self.digest}, precision {self.precision}\n{text}".encode()

    def renew_record(self, option):
        """Writes the record again if it names other input files, of the same content, than the specification does."""
        try:
            with open(self.file(RECORD), "rb") as file:
                same = file.read() == self.record_content()
        except OSError:
            same = False
        if not same:
            self.write_record(option)

    def write_record(self, option):
        try:
            os.makedirs(self.path, exist_ok=True)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise InputError(f"{option}: cannot make the folder {self.path}: {why}") from None
        beside = files_beside(option, self.specification.experiment, self.file(RECORD))
        with OutputFiles(self.inputs()) as files:
            for name, path, content in [(option, self.file(RECORD), self.record_content()), *beside]:
                files.open(name, path)
                files.write(name, content)
            files.commit()

    def inputs(self):
        """Paths that no file may replace."""
        return protected_paths(input_files(self.specification.experiment))

    def write(self, option, name, content):
        """Writes a file of the folder, whole or not at all."""
        with OutputFiles(self.inputs()) as files:
            files.open(option, self.file(name))
            files.write(option, content)
            files.commit()


def shard_of(name, shard):
    """(number from 1, count) of a shard, from a pair or the text I/N. Raises InputError, beginning with `name`."""
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", shard) if isinstance(shard, str) else None
    parts = match.groups() if match else shard if isinstance(shard, (tuple, list)) else ()
    try:
        number, count = map(int, parts)
    except (TypeError, ValueError):
        raise InputError(f"{name}: needs I/N, the I-th of N shards, such as 1/4, not {short_text(shard)}") from None
    if not 1 <= number <= count:
        raise InputError(f"{name}: there is no shard {number} of {count}; need I/N with I from 1 to N")
    return number, count


def images_of(name, images, most):
    """The range of images' numbers, from a number, a pair, or the text A or A:B, in which B is not included. Raises
    InputError, beginning with `name`, unless they are among the first `most`."""
    match = re.fullmatch(r"([0-9]{1,12})(?::([0-9]{1,12}))?", images) if isinstance(images, str) else None
    if match:
        images = int(match[1]) if match[2] is None else (int(match[1]), int(match[2]))
    if isinstance(images, range) and images.step == 1:
        images = images.start, images.stop
    try:
        first, stop = (int(part) for part in images) if isinstance(images, (tuple, list)) else (integer(name, images),) * 2
    except (TypeError, ValueError, InputError):
        raise InputError(f"{name}: needs a number, or A:B for A to B - 1, not {short_text(images)}") from None
    stop += not isinstance(images, (tuple, list))
    if not 0 <= first < stop <= most:
        raise InputError(f"{name}: needs images from 0 to {most - 1}, as there are {most}, not {first} to {stop - 1}")
    return range(first, stop)
