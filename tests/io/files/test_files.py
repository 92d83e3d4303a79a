"""Reading and writing files: what is written can be read back, and outputs appear complete or not at all."""

import os
import stat
from pathlib import Path

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.io.files.output_files import OutputFiles
from nbkernel.io.images.smv import read_smv, value_of
from nbkernel.io.reflections.fdump import dump_pieces
from nbkernel.io.reflections.reflections import Reflections
from nbkernel.io.reflections.structure_factors import read_dump, read_structure_factors
from nbkernel.io.tables.columns import read_columns
from nbkernel.io.tables.matrix import read_orientation
from nbkernel.run.writers import open_numbered

from running import BASE, image, simulate, smv_bytes, write_hkl

RUN = f"{BASE} -detpixels_f 12 -detpixels_s 9 -pixel 0.4"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# SMV


@pytest.mark.parametrize(
    "header, keyword, value",
    [
        ("DISTANCE=100;\n", "DISTANCE", 100.0),
        ("DISTANCE=100;\nCLOSE_DISTANCE=99;\n", "DISTANCE", 99.0),
        ("XDS_ORGX=5;\n", "ORGX", 5.0),
        ("ORGX=5;\nXDS_ORGX=7.5e1;\nORGX=6;\n", "ORGX", 6.0),
        ("PHI= -12.5 ;\n", "PHI", -12.5),
        ("PHI=none;\n", "PHI", 0.0),
        ("PHI\n", "PHI", 0.0),
        ("PIXEL_SIZE=0.1;\n", "WAVELENGTH", None),
    ],
)
def test_the_last_occurrence_of_a_keyword_counts_even_within_a_longer_keyword(header, keyword, value):
    assert value_of(header, keyword) == value


def test_pixels_of_an_smv_file_are_read_in_file_order():
    pixels = np.arange(6).reshape(2, 3) * 1000
    Path("a.img").write_bytes(smv_bytes(pixels))
    read = read_smv("-img", "a.img")
    assert (read.width, read.height) == (3, 2)
    assert read.pixels.tolist() == pixels.ravel().tolist()


def test_img_takes_the_geometry_from_an_image_of_nbkernel():
    geometry = "-distance 123 -lambda 1.25 -Xbeam 2 -Ybeam 3"
    cell = "-cell 50 60 70 90 90 90 -default_F 100 -N 3 -oversample 1 -noprogress"
    original = image(f"{RUN} {geometry}")
    Path("int.img").rename("own.img")
    again = image(f"{cell} -fluence 1e28 -img own.img")
    np.testing.assert_array_equal(again, original)
    assert Path("int.img").read_bytes()[:512] == Path("own.img").read_bytes()[:512]


def test_the_zeros_of_an_image_mask_pixels():
    everywhere = image(RUN)
    # a region of interest: the -adc offset makes pixels inside nonzero, those outside are 0
    assert simulate(f"{RUN} -roi 2 8 3 7 -intfile mask.img").status == 0
    masked = image(f"{RUN} -Xbeam 2 -Ybeam 2", "-mask", "mask.img")
    expected = np.zeros_like(everywhere)
    expected[3:8, 2:9] = image(f"{RUN} -Xbeam 2 -Ybeam 2")[3:8, 2:9]
    np.testing.assert_array_equal(masked, expected)


def test_a_mask_of_another_size_is_read_by_pixel_number():
    mask = np.ones(200, np.uint16)
    mask[::7] = 0
    Path("mask.img").write_bytes(smv_bytes(mask.reshape(10, 20), "PIXEL_SIZE=0.4;\n"))
    masked = image(f"{RUN} -Xbeam 2 -Ybeam 2", "-mask", "mask.img")
    np.testing.assert_array_equal(masked.ravel() == 0, mask[: 12 * 9] == 0)


def test_integers_are_scaled_rounded_and_clipped():
    pixels = image(f"{RUN} -scale 1000 -adc 3")
    counts = read_smv("-img", "int.img").pixels.reshape(pixels.shape)
    expected = np.clip(pixels.astype(float) * 1000 + 3, 0, 65535)
    np.testing.assert_array_equal(counts, np.floor((expected + 0.5).astype(np.float32)))
    assert counts.max() > 1000


# PGM


def test_a_pgm_file_holds_scaled_bytes():
    run = simulate(f"{RUN} -pgmscale 10 -floatfile float.bin -pgmfile a.pgm")
    assert run.status == 0
    magic, size, comment, maximum, content = Path("a.pgm").read_bytes().split(b"\n", 4)
    assert (magic, size, maximum) == (b"P5", b"12 9", b"255")
    assert comment.startswith(b"#") and comment.endswith(b" 10")
    pixels = np.fromfile("float.bin", np.float32).astype(float)
    np.testing.assert_array_equal(np.frombuffer(content, np.uint8), np.minimum(pixels * 10, 255).astype(np.uint8))


# structure factors


def test_the_last_entry_of_an_index_counts_and_absent_ones_get_default_F():
    Path("a.hkl").write_text("\n 1 -2 3  5.5\n\n1 -2 3 6.5\n -1 0 4\t7 \n\n")
    table = read_structure_factors("a.hkl", 9.0)
    assert (table.h_min, table.k_min, table.l_min) == (-1, -2, 3)
    assert table.F.shape == (3, 3, 2)
    expected = np.full((3, 3, 2), 9.0)
    expected[2, 0, 0], expected[0, 2, 1] = 6.5, 7.0
    np.testing.assert_array_equal(table.F, expected)
    assert table.count == 3


def test_the_last_line_of_a_table_needs_no_newline():
    Path("a.hkl").write_text("0 0 0 1\n1 0 0 2.25")
    assert read_structure_factors("a.hkl", 0.0).F.ravel().tolist() == [1.0, 2.25]


def write_dump(path, blocks):
    with OutputFiles() as files:
        files.open("-dump", path)
        files.write("-dump", *blocks)
        files.commit()


def with_low_byte(value):
    """A double near 100 whose lowest byte, the first in the file, is `value`."""
    return np.frombuffer(bytes([value]) + np.float64(100.0).tobytes()[1:], np.float64)[0]


@pytest.mark.parametrize("first", [0, 9, 10, 11, 12, 13, 32, 48])
def test_a_dump_is_read_bit_for_bit_even_if_its_data_begin_with_white_space(first):
    F = np.random.default_rng(1).uniform(0, 100, (3, 4, 2))
    F[0, 0, 0] = with_low_byte(first)
    write_dump("Fdump.bin", dump_pieces(Reflections(F, -1, -2, 5, 24)))
    assert Path("Fdump.bin").stat().st_size == len(b"-1 1 -2 1 5 6\n\f") + 8 * 4 * 5 * 3
    back = read_dump("Fdump.bin")
    assert back.F.tobytes() == F.tobytes()
    assert (back.h_min, back.k_min, back.l_min) == (-1, -2, 5)


def test_a_run_from_the_dump_file_gives_the_image_of_the_run_that_wrote_it():
    write_hkl("table.hkl", np.random.default_rng(1).uniform(0, 100, (5, 7, 9)), (-2, -3, -4))
    from_table = image(f"{RUN} -hkl table.hkl")
    assert Path("Fdump.bin").exists()
    Path("table.hkl").unlink()
    np.testing.assert_array_equal(image(RUN), from_table)
    Path("Fdump.bin").rename("other.bin")
    assert not np.array_equal(image(RUN), from_table)
    np.testing.assert_array_equal(image(f"{RUN} -dump other.bin"), from_table)


# matrices and columns


def test_a_matrix_is_the_first_nine_numbers_of_the_file():
    Path("a.mat").write_text(" 1 2 3\n-4.5 5e-3 6\n7 8\n9\n 0.0 0.0 0.0\nmore words\n")
    assert read_orientation("a.mat").numbers == (1.0, 2.0, 3.0, -4.5, 0.005, 6.0, 7.0, 8.0, 9.0)


@pytest.mark.parametrize(
    "text, rows",
    [
        ("1 2 3 4 5\n", [[1, 2, 3, 4, 5]]),
        ("1,2;3:4!5\n", [[1, 2, 3, 4, 5]]),
        ("  1\t2\n\n3 4 5 6 7 8\n", [[1, 2, None, None, None], [3, 4, 5, 6, 7]]),
        ("1 2 3\r\n4 5 6", [[1, 2, 3, None, None], [4, 5, 6, 0, 0]]),
        ("-1.5e-3 .5 +2\n", [[-0.0015, 0.5, 2, None, None]]),
    ],
)
def test_columns_have_any_delimiter_and_may_be_missing(text, rows):
    Path("a.src").write_bytes(text.encode())
    assert read_columns("-sourcefile", "a.src", 5) == rows


def test_a_source_without_weight_and_wavelength_gets_those_of_the_run():
    Path("short.src").write_text("-10 0.01 0.02\n")
    Path("whole.src").write_text("-10 0.01 0.02 1 1e-10\n")
    np.testing.assert_array_equal(image(f"{RUN} -sourcefile short.src"), image(f"{RUN} -sourcefile whole.src"))


# outputs


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_nothing_is_left_after_an_exception(folder):
    Path("old").write_text("old")
    with pytest.raises(ZeroDivisionError), OutputFiles() as files:
        files.open("-floatfile", "old")
        files.write("-floatfile", b"new")
        files.open("-intfile", "new")
        files.write("-intfile", b"new")
        raise ZeroDivisionError
    assert names(folder) == ["old"]
    assert Path("old").read_text() == "old"


def test_no_file_has_its_final_name_before_the_commit(folder):
    with OutputFiles() as files:
        files.open("-floatfile", "new")
        files.write("-floatfile", b"new")
        assert not Path("new").exists()
        files.commit()
    assert names(folder) == ["new"]
    assert Path("new").read_bytes() == b"new"


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_an_overwritten_file_keeps_its_permissions(mode):
    Path("old").touch()
    os.chmod("old", mode)
    with OutputFiles() as files:
        files.open("-floatfile", "old")
        files.write("-floatfile", b"new")
        files.commit()
    assert stat.S_IMODE(os.stat("old").st_mode) == mode
    assert Path("old").read_bytes() == b"new"


def test_a_new_file_has_the_usual_permissions():
    with OutputFiles() as files:
        files.open("-floatfile", "new")
        files.commit()
    Path("other").touch()
    assert os.stat("new").st_mode == os.stat("other").st_mode


@pytest.mark.parametrize("dangling", [False, True])
def test_a_symbolic_link_stays_and_its_target_is_written(dangling, folder):
    Path("elsewhere").mkdir()
    if not dangling:
        Path("elsewhere/target").write_text("old")
    os.symlink("elsewhere/target", "link")
    with OutputFiles() as files:
        files.open("-floatfile", "link")
        files.write("-floatfile", b"new")
        files.commit()
    assert os.readlink("link") == "elsewhere/target"
    assert Path("elsewhere/target").read_bytes() == b"new"
    assert names(folder) == ["elsewhere", "link"]


def test_a_device_is_written_and_stays_a_device(folder):
    run = simulate(f"{RUN} -floatfile /dev/null -intfile /dev/null -pgmfile /dev/null -noisefile /dev/null")
    assert run.status == 0
    assert names(folder) == []
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def write_images_to(path, count):
    with OutputFiles() as files:
        for name, image in zip(open_numbered(files, "-floatfile", path, count), (b"one ", b"two "), strict=True):
            files.write(name, image)
        files.commit()


def test_all_panels_are_written_to_one_pipe(folder):
    end, start = os.pipe()
    write_images_to(f"/dev/fd/{start}", 2)
    os.close(start)
    with open(end, "rb") as file:
        assert file.read() == b"one two "


def test_images_and_lines_go_to_a_redirected_standard_output_in_turn(folder, capfd):
    # pytest redirects standard output to a file
    os.write(1, b"before ")
    write_images_to("/dev/stdout", 2)
    os.write(1, b"after")
    assert capfd.readouterr().out == "before one two after"


def test_no_line_interrupts_an_image(folder, capfdbinary):
    image = bytes(range(256)) * 40_001
    with OutputFiles() as files:
        files.open("-floatfile", "/dev/stdout")
        files.write_meanwhile("-floatfile", image, b"end ")
        os.write(1, b"a line ")
        files.commit()
    assert capfdbinary.readouterr().out == image + b"end a line "


@pytest.mark.parametrize("name, words", [("a\0b", "null character"), ("", "is a directory"), ("a/", "name of a directory")])
def test_impossible_file_names_are_refused(folder, name, words):
    with OutputFiles() as files, pytest.raises(InputError, match=f"^-floatfile: .*{words}"):
        open_numbered(files, "-floatfile", name, 1)
    assert names(folder) == []


def test_two_outputs_cannot_share_a_file(folder):
    with OutputFiles() as files:
        files.open("-floatfile", "same")
        with pytest.raises(InputError, match="-intfile: .*same.*-floatfile"):
            files.open("-intfile", "./same")
    assert names(folder) == []


def test_output_names_with_spaces_and_non_ascii_letters(folder):
    with OutputFiles() as files:
        files.open("-floatfile", "é ü %s.bin")
        files.write("-floatfile", b"new")
        files.commit()
    assert names(folder) == ["é ü %s.bin"]
