"""`bench.response` prints no speed of images that are not the same."""

import sys

import pytest

from bench import response

pytestmark = pytest.mark.slow

SMALL = ["--pixels", "64", "--repeat", "1"]


def program(folder, command, more=""):
    """A program in the place of nonBragg.c or noisify.c."""
    path = folder / "program"
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -m nbkernel {command} "$@" {more}\n')
    path.chmod(0o755)
    return str(path)


def test_speeds_of_images_that_agree(tmp_path, capsys):
    response.main(["background", *SMALL, "--nonbragg", program(tmp_path, "background")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines if "medians" in line] == ["64 x 64 pixels", "16 x 16 pixels"]
    assert sum(line.startswith("nonBragg.c ") for line in lines) == 2 and sum(" x" in line for line in lines) == 12
    response.main(["detector", *SMALL, "--noisify", program(tmp_path, "noisify")])
    assert sum("processor" in line for line in capsys.readouterr().out.splitlines()) == 4


@pytest.mark.parametrize(
    ("part", "command", "more", "message"),
    [
        (
            "background",
            "background",
            "-density 1.00001",
            "added, 1 thread differs from nonBragg.c by up to 1e-05 of a pixel",
        ),
        ("detector", "noisify", "-seed 2", "the files of nbkernel noisify are not those of noisify.c"),
    ],
)
def test_no_speed_of_others(part, command, more, message, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(response, "MATERIALS", {"water": response.MATERIALS["water"]})
    option = "--nonbragg" if part == "background" else "--noisify"
    with pytest.raises(SystemExit, match=message):
        response.main([part, *SMALL, option, program(tmp_path, command, more)])
    assert not capsys.readouterr().out


def test_counts_whose_mean_is_not_the_photons(monkeypatch, capsys):
    monkeypatch.setattr(response, "RESPONSE", response.replace(response.RESPONSE, gain=2.0))
    with pytest.raises(SystemExit, match="detect's counts are .* above the photons"):
        response.main(["detector", *SMALL])
    assert not capsys.readouterr().out
