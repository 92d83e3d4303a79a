"""nanoBragg.c's flags: which of them an argument matches, how values are read, and the help that lists them all."""

import subprocess
import sys

import pytest

from nbkernel.cli.main import main
from nbkernel.errors import InputError
from nbkernel.experiment.argument_names import with_argument_names
from nbkernel.experiment.arguments import parse_flags
from nbkernel.experiment.experiment import Experiment
from nbkernel.experiment.flags import FLAGS, matched_flags
from nbkernel.experiment.outputs import Outputs
from nbkernel.support.validation import unit_of

# every flag of nanoBragg.c's usage text and of its parser
NANOBRAGG_FLAGS = """
-hkl -mat -cell -misset -misset_seed -N -Na -Nb -Nc -samplesize -xtalsize -sample_thick -sample_width -sample_height
-img -mask -sourcefile -stol -4stol -Q -stolout -density -MW -molecular_weight -default_F -interpolate -nointerpolate
-lambda -wave -energy -fluence -flux -exposure -beamsize -polar -nopolar -dispersion -dispsteps -divergence -divsteps
-hdivrange -hdivstep -hdivsteps -vdivrange -vdivstep -vdivsteps -round_div -square_div
-phi -osc -phistep -phisteps -mosaic -mosaicity -mosaic_spread -mosaic_domains -mosaic_seed -seed
-distance -close_distance -detsize -detsize_f -detsize_s -detpixels -detpixels_f -detpixels_s -detpixels_x -detpixels_y
-pixel -Xbeam -Ybeam -Xclose -Yclose -ORGX -ORGY -pivot -mosflm -xds -adxv -denzo -dials
-fdet_vector -sdet_vector -odet_vector -beam_vector -polar_vector -spindle_axis -twotheta_axis -pix0_vector
-pix0_vector_mm -twotheta -detector_rotx -detector_roty -detector_rotz -curved_det -point_pixel
-detector_abs -detector_thick -detector_thicksteps -thicksteps -oversample -oversample_thick -oversample_polar
-oversample_omega -roi -dmin -water -adc -floatfile -floatimage -intfile -intimage -pgmfile -pgmimage -noisefile
-noiseimage -nonoise -nopgm -scale -pgmscale -coherent -printout -printout_pixel -noprogress -progress
-round_xtal -square_xtal -gauss_xtal -binary_spots -tophat_spots -fudge -dump
""".split()


def settings(text, fixes=frozenset()):
    return parse_flags(text.split(), fixes).settings


def warnings(text):
    return parse_flags(text.split()).warnings


def names(argument, **kwargs):
    return {name for flag in matched_flags(argument, **kwargs) for name in (*flag.sets, *flag.also)}


@pytest.mark.parametrize("spelling", NANOBRAGG_FLAGS)
def test_every_flag_of_nanobragg_is_known(spelling):
    assert matched_flags(spelling)


@pytest.mark.parametrize(
    "argument, sets",
    [
        ("-matrix", {"mat"}),
        ("-wavelength", {"wavelength"}),
        ("-floatimage", {"floatfile"}),
        ("-mosaicity", {"mosaic_spread"}),
        ("-mosaic_domains", {"mosaic_domains"}),
        ("-molecular_weight", set()),
        ("--lambda", {"wavelength"}),
        ("-my-distance", {"distance", "pivot"}),
        ("-close_distance", {"close_distance", "pivot"}),
        ("-misset_seed", {"misset", "misset_seed"}),
        ("-mosaic_seed", {"mosaic_seed"}),
        ("-seed", {"seed"}),
        ("-Nab", {"Na"}),
        ("-N", {"Na", "Nb", "Nc"}),
        ("-detector_thicksteps", {"detector_thicksteps"}),
        ("-detsize_f", {"detsize_f"}),
        ("-hdivsteps", {"hdivsteps"}),
        ("-hdivrange", {"hdivrange"}),
        ("-phisteps", {"phisteps"}),
        ("-oversample_polar", {"oversample_polar"}),
        ("-point_pixel", {"point_pixel"}),
        ("-pgmscale", {"pgmscale", "write_pgm"}),
    ],
)
def test_a_spelling_is_found_within_an_argument(argument, sets):
    assert names(argument) == sets


@pytest.mark.parametrize(
    "spelling", "-N -MW -phi -phistep -detsize -detpixels -polar -mosaic -hdivstep -vdivstep -stol -4stol -Q".split()
)
def test_some_spellings_must_be_the_whole_argument(spelling):
    (flag,) = [flag for flag in FLAGS if spelling in flag.spellings]
    assert flag in matched_flags(spelling)
    assert flag not in matched_flags(spelling + "x")
    assert flag not in matched_flags("x" + spelling)


def test_twotheta_axis_is_also_twotheta_unless_fixed():
    text = "-twotheta_axis 3 4 0"
    assert settings(text)["twotheta"] == 3.0
    assert settings(text)["pivot"] == "sample"
    assert "twotheta" not in settings(text, frozenset({"vectors"}))


def test_misset_seed_also_sets_the_angles_from_the_arguments_after_it():
    assert settings("-misset_seed 5 -N 3") == {"misset_seed": 5, "misset": (5.0, 0.0, 3.0), "Na": 3, "Nb": 3, "Nc": 3}
    assert settings("-misset random -misset_seed 5 -N 3")["misset"] == (5.0, 0.0, 3.0)
    assert settings("-misset_seed 5 -misset random")["misset"] == "random"
    assert settings("-misset_seed 5") == {"misset_seed": 5}


@pytest.mark.parametrize("text, value", [("5", 5), ("5.7", 5), ("1e3", 1), ("-2.5", -2), ("+4", 4), (".5", 0)])
def test_whole_numbers_are_read_as_by_atoi(text, value):
    parsed = parse_flags(["-oversample", text])
    assert parsed.settings["oversample"] == value
    # a truncated number makes a warning
    assert len(parsed.warnings) == (float(text) != value)


def test_negative_numbers_are_values():
    parsed = parse_flags("-misset -10 -20.5 -3e1 -detector_rotx -5".split())
    assert parsed.settings == {"misset": (-10.0, -20.5, -30.0), "detector_rotx": -5.0}
    assert not parsed.warnings


@pytest.mark.parametrize(
    "text, last",
    [
        ("-Xbeam 1 -distance 100", "beam"),
        ("-distance 100 -Xclose 1", "sample"),
        ("-close_distance 100 -Ybeam 1", "beam"),
        ("-ORGX 5", "sample"),
        ("-twotheta 1", "sample"),
        ("-pivot sample -Xbeam 1", "beam"),
        ("-Xbeam 1 -pivot sample", "sample"),
        ("-xds", "sample"),
        ("-xds -mosflm", "beam"),
    ],
)
def test_the_last_flag_with_a_pivot_decides(text, last):
    assert settings(text)["pivot"] == last


@pytest.mark.parametrize("order", ["-detpixels 8 -detsize 50", "-detsize 50 -detpixels 8"])
def test_detpixels_overrides_detsize(order, tmp_path, monkeypatch):
    from running import BASE, image

    monkeypatch.chdir(tmp_path)
    assert image(f"{BASE} {order}").shape == (8, 8)


def test_pix0_vector_mm_is_in_millimetres():
    assert settings("-pix0_vector 1 2 3")["pix0_vector"] == (1.0, 2.0, 3.0)
    assert settings("-pix0_vector_mm 1 2 3")["pix0_vector"] == (0.001, 0.002, 0.003)


def test_a_cell_may_have_fewer_numbers():
    assert settings("-cell 50 -N 3")["cell"] == (50.0,)
    assert settings("-cell 50 60 70 80 90 100 110")["cell"] == (50.0, 60.0, 70.0, 80.0, 90.0, 100.0)


def test_curved_det_as_the_last_argument_is_ignored():
    assert "curved_detector" not in settings("-N 3 -curved_det")
    assert "-curved_det" in warnings("-N 3 -curved_det")[0]
    assert settings("-curved_det -N 3")["curved_detector"] is True


def test_an_infinite_absorption_depth_resets_an_earlier_thickness():
    assert settings("-detector_thick 9 -detector_abs inf")["detector_thick"] == 0.0
    assert settings("-detector_abs inf -detector_thick 9")["detector_thick"] == 9.0


@pytest.mark.parametrize(
    "typo, meant", [("-distanec", "-distance"), ("-lamda", "-lambda"), ("-mosiac", "-mosaic"), ("-fluxx0", None)]
)
def test_an_unknown_flag_is_ignored_with_a_warning_that_names_the_nearest(typo, meant):
    parsed = parse_flags([typo, "5", "-N", "3"])
    if meant is None:
        assert parsed.settings["flux"] == 5.0  # -fluxx0 contains -flux
        return
    assert parsed.settings == {"Na": 3, "Nb": 3, "Nc": 3}
    (warning,) = parsed.warnings
    assert typo in warning and meant in warning


def test_obsolete_flags_are_ignored():
    parsed = parse_flags("-hdiv 0.1 -N 3".split())
    assert parsed.settings == {"Na": 3, "Nb": 3, "Nc": 3}
    assert "-hdiv" in parsed.warnings[0]


def test_a_stray_word_is_ignored_with_a_warning():
    parsed = parse_flags("-N 3 stray".split())
    assert "stray" in parsed.warnings[0]


def test_a_flags_values_make_no_warning():
    assert not warnings("-hkl table.hkl -roi 1 2 3 4 -cell 1 2 3 4 5 6 -misset random -pivot sample -energy 9000")


@pytest.mark.parametrize("text", ["-N", "-N x", "-roi 1 2", "-hkl", "-misset 1"])
def test_a_flag_without_its_values_is_an_error(text):
    with pytest.raises(InputError, match=text.split()[0]):
        parse_flags(text.split())


def test_a_flag_and_the_field_that_it_sets_have_the_same_unit():
    spelt_out = {"A": "Angstrom", "deg": "degrees", "um": "micrometres", "A, deg": "Angstrom, degrees", "e": "electrons"}
    for flag in FLAGS:
        for name in flag.sets:
            owner = Experiment if name in Experiment.__dataclass_fields__ else Outputs
            if flag.spellings != ("-energy",) and flag.kind != "text":
                assert unit_of(owner, name) == spelt_out.get(flag.unit, flag.unit), flag.spellings


def test_the_help_names_every_spelling(capsys):
    assert main(["simulate", "-h"]) == 0
    words = capsys.readouterr().out.replace(",", " ").split()
    for flag in FLAGS:
        for spelling in flag.spellings:
            assert spelling in words
    for spelling in NANOBRAGG_FLAGS:
        # the spelling itself, or the beginning of it
        assert any(spelling.startswith(word) for word in words if word.startswith("-") and len(word) > 1)


@pytest.mark.parametrize(
    "arguments",
    [["-h"], ["simulate", "-h"], ["simulate", "-N", "3", "--help"], ["simulate", "-N", "x"], ["simulate", "--fix", "no"]],
)
def test_help_and_argument_errors_import_neither_numba_nor_numpy(arguments):
    code = (
        "import sys; from nbkernel.cli.main import main; main(sys.argv[1:]); "
        "print('heavy:', sorted({'numba', 'numpy', 'h5py'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60)
    assert done.stdout.endswith("heavy: []\n"), done.stdout[-300:] + done.stderr


def test_a_second_cell_keeps_the_numbers_that_it_omits():
    assert settings("-cell 62 62 150 90 90 120 -cell 100 100 100")["cell"] == (100, 100, 100, 90, 90, 120)


@pytest.mark.parametrize(
    "message, expected",
    [
        ("-lambda, -energy: a wavelength of 0 Angstrom", "wavelength: a wavelength of 0 Angstrom"),
        ("-hdivsteps, -vdivsteps: no source; try -square_div", "hdivsteps, vdivsteps: no source; try -square_div"),
        ("-N: needs a number", "Na, Nb, Nc: needs a number"),
        ("-curved_det: flat panels only", "curved_detector: flat panels only"),
        ("-hkl -x.hkl: line 2", "hkl -x.hkl: line 2"),
        ("--panels d.expt: has no panel", "panels d.expt: has no panel"),
        ("--device cuda:3: there is no such device", "device cuda:3: there is no such device"),
        ("--preview-rings: nothing finer", "rings: nothing finer"),
        ("-unknown: what", "-unknown: what"),
        ("cell: needs 1 to 6 numbers", "cell: needs 1 to 6 numbers"),
        ("-5 is not a pixel", "-5 is not a pixel"),
    ],
)
def test_errors_in_python_name_fields_instead_of_flags(message, expected):
    assert with_argument_names(message) == expected
