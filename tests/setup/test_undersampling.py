"""Warnings about far too few sub-pixels or phi steps, with the number needed; ordinary runs make none."""

import numpy as np
import pytest

from running import image, simulate

# 79 A x 40 cells at 180 mm: spots of 1 A x 180 mm / 3160 A = 57 um
LARGE = "-cell 79 79 38 90 90 90 -misset 10 20 30 -default_F 100 -N 40 -lambda 1 -distance 180 -detpixels 24 -pixel 0.3"
RUN = f"{LARGE} -fluence 1e28 -seed 1 -nopgm -nonoise -noprogress --precision mixed"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines(command, words):
    return [line for line in simulate(command).warnings if words in line]


@pytest.mark.parametrize(
    "more, narrower",
    [
        ("-oversample 1", "5.3"),
        ("-oversample 3", "1.8"),
        ("-oversample 4", None),
        ("-oversample 1 -N 11", None),  # 1.45
        ("-oversample 1 -N 12", "1.6"),
        ("", None),
        # phi steps spread spots in one direction only
        ("-oversample 1 -phi 1 -osc 0.1 -phisteps 50", "5.3"),
        # domains and sources spread them in all directions; but few of 50 domains contribute to a spot of this crystal
        ("-oversample 1 -mosaic 0.3 -mosaic_dom 50", "5.3"),
        ("-oversample 1 -mosaic 0.3 -mosaic_dom 900", None),
        ("-oversample 1 -mosaic 0.01 -mosaic_dom 300 -detpixels 8", None),
        ("-oversample 2 -mosaic 0.1 -mosaic_dom 100", None),
    ],
)
def test_sub_pixels_wider_than_spots(more, narrower):
    """The warning states by how much, and the automatic choice; for N = 40, 3 x 5.27."""
    found = lines(f"{RUN} {more}", "narrower than a sub-pixel")
    assert len(found) == (narrower is not None)
    if found:
        given = more.split()[1]
        automatic = 5 if "-N 12" in more else 16
        assert found[0].startswith(f"-oversample {given}: ") and f" {narrower} times narrower" in found[0]
        assert found[0].endswith(f"the automatic choice is {automatic}")


@pytest.mark.parametrize(
    "more, needed",
    [
        ("-osc 1 -phisteps 4 -N 20", None),
        ("-osc 1 -phisteps 1 -N 20", None),
        ("-osc 4 -phisteps 2 -N 20", 9),
        ("-osc 4 -N 20", 9),
        ("-osc 4 -phisteps 3 -N 20", None),
        ("-osc 4 -phisteps 2 -N 20 -mosaic 2 -mosaic_dom 300", None),
        ("-osc 4 -phisteps 2 -N 20 -divergence 20 -hdivsteps 5 -vdivsteps 1", None),
        ("-osc 4 -phisteps 2 -N 4", None),
        ("-osc 0 -N 20", None),
    ],
)
def test_phi_steps_wider_than_rocking_curves(more, needed):
    """At the corner, q = 13.15 mm / 180 mm / 1 A and the width is 1/(q x 1580 A) = 0.497 degrees; half way, twice that."""
    found = lines(f"{RUN} -detpixels 60 -oversample 1 -phi 1 {more}", "rocking curves")
    assert [line.split("; ")[1] for line in found] == ([f"{needed} steps would resolve them"] if needed else [])


@pytest.mark.parametrize(
    "more",
    [
        "-lambda 1e-290",
        "-lambda 1e290",
        "-distance 1e-300",
        "-distance 1e300",
        "-pixel 1e-290",
        "-pixel 1e250",
        "-N 2000000000",
    ],
)
def test_absurd_numbers_do_not_crash(more):
    assert simulate(f"{RUN} -detpixels 2 -oversample 1 -phi 1 -osc 300 -phisteps 1 {more}").status in (0, 2)


def blocks(command):
    """Intensities summed over blocks of 8 x 8 pixels."""
    return image(command).astype(float).reshape(6, 8, 6, 8).sum(axis=(1, 3))


def test_the_warnings_limits_match_the_errors():
    """Intensities are close to those with many sub-pixels or phi steps if there is no warning, and far off if there is."""
    base = f"{RUN} -N 12 -detpixels 48 -Xbeam 40 -Ybeam 50"
    true = blocks(f"{base} -oversample 10")
    bright = true > np.percentile(true, 70)

    def error(command):
        return np.abs(blocks(command) / true - 1)[bright].max()

    assert error(f"{base} -oversample 2") < 0.05
    assert error(f"{base} -oversample 1") > 0.3

    rotating = f"{base} -oversample 3 -phi 1 -osc 2"
    true = blocks(f"{rotating} -phisteps 60 --fix phi_steps")
    bright = true > np.percentile(true, 70)
    (line,) = lines(f"{rotating} -phisteps 2", "rocking curves")
    needed = int(line.split("; ")[1].split()[0])
    assert 6 < needed < 20
    assert error(f"{rotating} -phisteps 2 --fix phi_steps") > 0.5
    assert error(f"{rotating} -phisteps {needed} --fix phi_steps") < 0.15
