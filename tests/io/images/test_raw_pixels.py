"""Pixels of an image file from its regions: the bytes of the whole image, whatever the strips, with holes for zeros."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest

from nbkernel.geometry import region
from nbkernel.geometry.region import pixels_of, shape_of, strips_of, whole_region
from nbkernel.image.noise import NoisyStrips
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.images.raw_pixels import pixel_pieces

from running import BASE, simulate

SHAPE = (64, 50)
ROIS = [whole_region(SHAPE), (0, 49, 10, 20), (0, 49, 0, 63), (3, 3, 0, 63), (5, 49, 63, 63), (0, 7, 1, 1), (0, 48, 2, 50)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("rows", [1, 7, 64])
@pytest.mark.parametrize("roi", ROIS)
def test_pieces_are_the_pixels_of_the_whole_image(roi, rows, stream):
    image = np.zeros(SHAPE, np.uint16)
    image[pixels_of(roi)] = 1 + np.random.default_rng(1).integers(9, size=shape_of(roi))
    strips = ((strip, image[pixels_of(strip)]) for strip in strips_of(roi, rows * shape_of(roi)[1]))
    pieces = pixel_pieces(SHAPE, np.uint16, strips)
    read_end, write_end = os.pipe()
    with OutputFiles() as files, open(read_end, "rb") as reader:
        files.open("-intfile", f"/dev/fd/{write_end}" if stream else "image.img")
        os.close(write_end)
        assert files.is_stream("-intfile") == stream
        # less than what a pipe holds
        files.write("-intfile", b"header", pieces)
        files.commit()
        written = reader.read() if stream else Path("image.img").read_bytes()
    assert written == b"header" + image.tobytes()


@pytest.mark.parametrize("pixels", [1, 40, 1000])
def test_strips_cover_a_region_once_in_file_order(pixels):
    for roi in ROIS:
        seen = np.zeros(SHAPE, int)
        last = roi[2] - 1
        for strip in strips_of(roi, pixels):
            rows, columns = shape_of(strip)
            assert strip[2] == last + 1 and (rows == 1 or rows * columns <= pixels)
            seen[pixels_of(strip)] += 1
            last = strip[3]
        assert last == roi[3] and seen.sum() == seen[pixels_of(roi)].sum() == np.prod(shape_of(roi)) and seen.max() == 1


@pytest.mark.parametrize("rng", ["ran1", "philox"])
@pytest.mark.parametrize("roi", ["", "-roi 5 40 3 58", "-roi 0 69 10 20"])
def test_all_files_of_a_run_are_the_same_in_any_strips(rng, roi, monkeypatch):
    flags = f"{BASE} -detpixels_f 70 -detpixels_s 64 {roi} -fluence 1e31 --noise-rng {rng} --preview image.png"

    def files_of_run():
        assert simulate(f"{flags} --hdf5 image.h5").status == 0
        with contextlib.ExitStack() as opened:
            h5py = pytest.importorskip("h5py")
            file = opened.enter_context(h5py.File("image.h5"))
            pixels = [file[f"entry/{name}/data"][()] for name in ("data", "photons")]
            pixels.append(file["entry/instrument/detector/pixel_mask"][()])
        files = {path.name: path.read_bytes() for path in Path().iterdir() if path.suffix != ".h5"}
        return files, [array.tobytes() for array in pixels]

    whole = files_of_run()
    assert len(whole[0]) == 5
    for rows in (1, 7, 64):
        monkeypatch.setattr(strips_of, "__defaults__", (70 * rows,))
        monkeypatch.setattr(NoisyStrips.__init__, "__defaults__", (70 * rows,))
        assert files_of_run() == whole
    assert region.STRIP_PIXELS > 70 * 64
