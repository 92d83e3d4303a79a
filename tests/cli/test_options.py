"""The table of nbkernel's own options, and how it is used to read command lines."""

import dataclasses
from itertools import pairwise

import pytest

from nbkernel.cli.arguments.options import OPTIONS, options_of, options_text, owning_class
from nbkernel.cli.arguments.parsing import parse
from nbkernel.cli.main import COMMANDS, main
from nbkernel.errors import InputError
from nbkernel.experiment.fields import CHOICES


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.commands[0]} {option.name}")
def test_a_row_of_the_table_is_complete(option):
    assert option.name.startswith("--") and option.help and callable(option.read)
    assert option.commands and set(option.commands) <= set(COMMANDS)
    if option.sets:
        name, field = option.sets.split(".")
        assert (
            field in {known.name for known in dataclasses.fields(owning_class(name))} and owning_class(name).__name__ == name
        )
        assert not option.unit
    for command in option.commands:
        assert [other.name for other in options_of(command)].count(option.name) == 1


def test_no_two_options_of_a_command_set_the_same_field():
    for command in COMMANDS:
        fields = [option.sets for option in options_of(command) if option.sets]
        assert len(set(fields)) == len(fields)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_shows_the_options(command, capsys):
    for word in ("-h", "-help", "--help"):
        assert main([command, "a", word]) == 0
        out, err = capsys.readouterr()
        assert out.startswith(f"usage: nbkernel {command}") and err == ""
        # trace does not list simulate's options again, info has none
        shown = set(options_of(command)) - (set(options_of("simulate")) if command in ("trace", "info") else set())
        assert set(options_text(shown).splitlines()) <= set(out.splitlines())


def test_unit_and_default_are_shown():
    (line,) = (line for line in options_text(OPTIONS).splitlines() if "--preview-range" in line)
    assert line.endswith("[in %; default 80 99.95]")


@pytest.mark.parametrize(
    "command, arguments, chosen, rest",
    [
        ("simulate", ["-N", "3", "--threads", "2", "-cell"], {"--threads": 2}, ["-N", "3", "-cell"]),
        ("simulate", ["--threads=02"], {"--threads": 2}, []),
        ("simulate", ["--threads", "2", "--threads", "3"], {"--threads": 3}, []),
        ("simulate", ["--tile", "8x16"], {"--tile": (8, 16)}, []),
        ("simulate", ["--fix", "phi0, water"], {"--fix": frozenset({"phi0", "water"})}, []),
        ("simulate", ["--device", "cuda:1,0"], {"--device": ("cuda", (1, 0))}, []),
        ("simulate", ["--preview", "-", "--preview-zoom", "1/4"], {"--preview": "-", "--preview-zoom": (1, 4)}, []),
        ("simulate", ["--preview=--x.png"], {"--preview": "--x.png"}, []),
        ("show", ["a.img", "--preview-beam", "--preview-rings", "5,2.5"], {"--preview-beam": True, "--preview-rings": (5.0, 2.5)}, ["a.img"]),
        ("trace", ["--pixel", "3", "4", "5"], {"--pixel": (3, 4)}, ["5"]),
        ("trace", ["--pixel=3", "4"], {"--pixel": (3, 4)}, []),
        ("compare", ["--roi=0 1 2 3", "a", "b"], {"--roi": (0, 1, 2, 3)}, ["a", "b"]),
        ("compare", ["a", "--png=my plot.png", "b"], {"--png": "my plot.png"}, ["a", "b"]),
        ("compare", ["--tolerance", "mixed", "--N", "2.5"], {"--tolerance": "mixed", "--N": 2.5}, []),
        ("compare-traces", ["--tolerance", "1e-9", "--json"], {"--tolerance": 1e-9, "--json": True}, []),
    ],
)  # fmt: skip
def test_values_are_read(command, arguments, chosen, rest):
    assert parse(command, arguments) == (chosen, rest)


def test_values_are_assigned_to_fields_of_classes():
    chosen, _ = parse("simulate", ["--preview", "a.png", "--preview-beam", "--threads", "3", "--panels", "d.expt"])
    assert chosen.fields("Outputs") == {"preview": "a.png"}
    assert chosen.fields("PictureSettings") == {"beam": True}
    assert chosen.fields("Engine") == {"threads": 3}
    assert chosen.fields("Experiment") == {"panels": "d.expt"}


@pytest.mark.parametrize(
    "command, arguments, message",
    [
        (
            "simulate",
            "--preview-zom 2",
            "--preview-zom: is not an option of nbkernel simulate; did you mean --preview-zoom?",
        ),
        ("trace", "--hdf5 x", "--hdf5: is not an option of nbkernel trace"),
        ("info", "--json", "--json: is not an option of nbkernel info"),
        ("compare", "--json=1", "--json: takes no value, got '1'"),
        ("compare", "--roi 1 2 --json 3", "--roi: needs F0 F1 S0 S1, got 1 2"),
        ("compare", "--roi 1 2 x 3", "--roi: needs a whole number of at least 0, not 'x'"),
        ("simulate", "--precision", "--precision: needs exact|double|mixed, got nothing"),
        ("simulate", "--precision perfect", "--precision: needs exact, double or mixed, not 'perfect'"),
        ("compare", "--tolerance perfect", "--tolerance: needs exact, double or mixed, not 'perfect'"),
        ("compare-traces", "--tolerance -1", "--tolerance: needs a number of at least 0, not '-1'"),
        ("compare-traces", "--tolerance 1_0", "--tolerance: needs a number of at least 0, not '1_0'"),
        ("compare-traces", "--tolerance nan", "--tolerance: needs a number of at least 0, not 'nan'"),
        ("simulate", "--device gpu", "--device: needs auto, cpu, cuda or cuda:NUMBER[,NUMBER...], not 'gpu'"),
        ("show", "--preview-range 5 5", "--preview-range: needs percentiles 0 <= LOW < HIGH <= 100, not 5 5"),
        ("show", "--preview-zoom 0", "--preview-zoom: needs N or 1/N with a whole number N from 1 to 9999, not '0'"),
        ("show", "--preview-rings 5,0", "--preview-rings: needs spacings in Angstrom greater than 0, or auto, not '5,0'"),
        ("show", "--shape 0 4", "--shape: needs a whole number of at least 1, not '0'"),
        ("simulate", "--preview-beam", "--preview-beam: needs --preview FILE.png too"),
        ("simulate", "--Na x", "--Na: needs a number, not 'x'"),
        ("simulate", "--spot-metric Q", "--spot-metric: needs reciprocal or hkl, not 'Q'"),
    ],
)
def test_invalid_options_are_named(command, arguments, message):
    with pytest.raises(InputError) as error:
        parse(command, arguments.split())
    assert str(error.value).startswith(message)


def test_words_of_an_option_are_those_of_its_field():
    shown = {option.sets.removeprefix("Experiment."): option.values.split("|") for option in options_of("simulate")}
    for name in ("xtal_shape", "spot_metric"):
        assert tuple(shown[name]) == CHOICES[name]


def test_options_of_a_command_are_in_the_order_of_the_table():
    for command in COMMANDS:
        places = [OPTIONS.index(option) for option in options_of(command)]
        assert all(first < second for first, second in pairwise(places))
        assert options_of(command)[-1].name == "--help"
