"""nonBragg.c's own operations: photons that an amorphous material scatters into each pixel."""

from typing import NamedTuple

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.physics.constants import R_E_SQR
from nbkernel.kernels.physics.pixel_geometry import curved_position, pixel_position, solid_angle
from nbkernel.kernels.physics.polarization import polarization_factor
from nbkernel.kernels.physics.scattering import scattering_vector
from nbkernel.kernels.physics.structure_factor import amorphous_F, interval_of
from nbkernel.kernels.physics.vectors import magnitude, unitize

f4, f8 = np.float32, np.float64


class Scene(NamedTuple):
    """Detector, beam and sample of a run; lengths in m, vectors in the laboratory frame."""

    fdet: tuple
    sdet: tuple
    odet: tuple
    pix0: tuple
    beam: tuple
    polar: tuple  # along the electric field, unit vector
    distance: float
    close_distance: float
    pixel_size: float
    oversample: int
    curved: int
    point_pixel: int
    nopolar: int
    polarization: float
    fluence: float  # photons/m^2
    molecules: float
    plot_F: int  # the structure factor in place of photons


@Kernel
def background_rows(scene, incident, wavelength, weight, stol, F, roi, image, omega, slow_start, slow_stop):
    """image (slow, fast) float32: photons of each pixel of rows; omega (slow, fast): their sums of solid angles.

    incident: (sources, 3) unit vectors; wavelength (m), weight: (sources,); stol (1/m), F (electrons): a table with two
    more points at either end; roi: first and last pixel, fast and slow, those included.
    """
    oversample, sources = scene.oversample, incident.shape[0]
    subpixel_size = scene.pixel_size / oversample
    steps = sources * oversample * oversample
    nearest = 1
    for spixel in range(slow_start, slow_stop):
        for fpixel in range(image.shape[1]):
            if fpixel < roi[0] or fpixel > roi[1] or spixel < roi[2] or spixel > roi[3]:
                continue
            intensity, F_last, omega_sum = 0.0, 0.0, 0.0
            for subS in range(oversample):
                for subF in range(oversample):
                    Fdet = subpixel_size * (fpixel * oversample + subF) + subpixel_size / 2.0
                    Sdet = subpixel_size * (spixel * oversample + subS) + subpixel_size / 2.0
                    position = pixel_position(Fdet, Sdet, 0.0, scene.fdet, scene.sdet, scene.odet, scene.pix0)
                    if scene.curved:
                        position = curved_position(position, scene.distance, scene.beam, scene.fdet, scene.sdet)
                    diffracted, airpath = unitize(position), magnitude(position)
                    omega_pixel = solid_angle(scene.pixel_size, airpath, scene.close_distance, scene.point_pixel)
                    omega_sum += omega_pixel
                    for source in range(sources):
                        towards = unitize((incident[source, 0], incident[source, 1], incident[source, 2]))
                        half = 0.5 * magnitude(scattering_vector(diffracted, towards, wavelength[source]))
                        nearest = interval_of(stol, half, nearest)
                        F_last = amorphous_F(stol, F, half, nearest)
                        polar = 1.0
                        if not scene.nopolar:
                            # the program normalises its vectors again here, for the sources that follow too
                            towards, diffracted = unitize(towards), unitize(diffracted)
                            polar = polarization_factor(scene.polarization, towards, diffracted, scene.polar)
                        sign = -1.0 if F_last < 0.0 else 1.0
                        intensity += sign * F_last * F_last * polar * omega_pixel * weight[source]
            photons = intensity * R_E_SQR * scene.fluence * scene.molecules / steps
            image[spixel, fpixel] = f4(F_last) if scene.plot_F else f4(photons)
            omega[spixel, fpixel] = omega_sum
