"""A detector image as it was read, with what its file states about it."""

from dataclasses import dataclass, field

import numpy as np

SMV_SATURATED = 65535


@dataclass(frozen=True)
class Image:
    """pixels: (slow, fast) float32; kind: float, SMV, PGM or HDF5; whole_numbers: pixels were rounded, and clipped at
    `saturated`; beam_center: (fast, slow) in pixels from the corner of the first pixel, None if unknown; header_path: the
    file that gave shape and beam centre, None if there is none; experiment: what that file states, as Experiment's
    fields; frames: number of images in its file; pedestal: counts without a photon, a number or (slow, fast), None if pixels
    are not a detector's counts; trusted: the largest count that is one, None if the file does not say."""

    path: str
    kind: str
    pixels: np.ndarray
    whole_numbers: bool
    beam_center: tuple | None
    header_path: str | None
    experiment: dict = field(default_factory=dict)
    saturated: float = SMV_SATURATED
    frames: int = 1
    pedestal: float | np.ndarray | None = None
    trusted: float | None = None

    def __post_init__(self):
        # signalling nans become quiet ones: numpy would warn of an invalid value at every sum
        nan = np.isnan(self.pixels)
        if nan.any():
            object.__setattr__(self, "pixels", np.where(nan, np.float32(np.nan), self.pixels))
