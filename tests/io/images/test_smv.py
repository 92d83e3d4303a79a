"""SMV images as the programs of ADSC, Rigaku and others write them: all readers agree on the pixels, or on the error."""

import gzip
import itertools
import time
from pathlib import Path

import numpy as np
import pytest

from nbkernel.cli.main import main
from nbkernel.errors import InputError
from nbkernel.io.images.read import read_image
from nbkernel.io.images.smv import read_smv
from nbkernel.io.images.smv_header import TYPES, keywords_of

from running import BASE, image, image_and_run, simulate, smv_bytes

SHAPE = (6, 10)  # slow, fast
RUN = f"{BASE} -pixel 0.4 -Xbeam 2 -Ybeam 2"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def smv(pixels, lines=(), length=512, end="}\n", sizes=True, behind=b""):
    """An SMV file of an array in its own byte order, with further header lines."""
    size = [f"SIZE1={pixels.shape[1]};", f"SIZE2={pixels.shape[0]};"] if sizes else []
    text = "\n".join(["{", f"HEADER_BYTES={length:5d};", "DIM=2;", *size, *lines, end])
    return text.encode("latin-1").ljust(length) + pixels.tobytes() + behind


def random_pixels(kind):
    """Pixels over the range of their type, 0 in row 2, the brightest at fast 7 slow 4."""
    random = np.random.default_rng(4)
    kind = np.dtype(kind)
    if kind.kind == "f":
        pixels = random.normal(0, 1e6, SHAPE).astype(kind)
    else:
        limits = np.iinfo(kind)
        pixels = random.integers(limits.min // 2, limits.max // 2, SHAPE, kind.newbyteorder("="), True).astype(kind)
    pixels[2] = 0
    pixels[4, 7] = 1.25e7 if kind.kind == "f" else limits.max
    return pixels


def all_readers(content, name="a.img"):
    """Pixels (slow, fast), which the readers of masks, of images and of pictures must agree on."""
    Path(name).write_bytes(content)
    own = read_smv("-mask", name)
    pixels = own.pixels.reshape(own.height, own.width)
    for to_look_at in (False, True):
        np.testing.assert_array_equal(read_image("show", name, to_look_at=to_look_at).pixels, pixels.astype(np.float32))
    return pixels


KINDS = {
    "Data_type=unsigned short int;": "<u2", "Data_type=short int;": "<i2", "Data_type=unsigned char;": "<u1", "Data_type=signed char;": "<i1",
    "Data_type=long int;": "<i4", "Data_type= unsigned long int ;": "<u4", "Data_type=float IEEE;": "<f4", "TYPE=unsigned_short;": "<u2",
    "TYPE=mad;": "<u2", "TYPE=signed_short;": "<i2", "TYPE = unsigned_short ;": "<u2", "TYPE=signed_long;": "<i4", "TYPE=float;": "<f4",
    "Type=Unsigned_Short;": "<u2", "COMPRESSION=None;": "<u2", "": "<u2",
}  # fmt: skip


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("line", KINDS)
def test_types_and_byte_orders(line, order):
    pixels = random_pixels(order + KINDS[line][1:])
    ordered = f"BYTE_ORDER={'little' if order == '<' else 'big'}_endian;"
    assert np.array_equal(all_readers(smv(pixels, [ordered, line])), pixels)


@pytest.mark.parametrize(
    "order", ("BYTE_ORDER= big_endian ;", "BYTE_ORDER =big_endian;", "BYTE_ORDER\t=\tBIG_ENDIAN;", "byte_order=big_endian;")
)
def test_blanks_and_letter_case_in_the_byte_order(order):
    pixels = random_pixels(">u2")
    assert np.array_equal(all_readers(smv(pixels, [order])), pixels)


@pytest.mark.parametrize("name", ("plain", "gzip"))
@pytest.mark.parametrize("behind", (b"", b"\0", b"tail" * 13, bytes(7 * SHAPE[0] * SHAPE[1])))
def test_bytes_after_the_pixels_are_ignored(behind, name):
    pixels = random_pixels("<u2")
    content = smv(pixels, ["TYPE=unsigned_short;"], behind=behind)
    assert np.array_equal(all_readers(content if name == "plain" else gzip.compress(content)), pixels)


@pytest.mark.parametrize("length", (512, 513, 600, 5632, 65536, 131072))
def test_headers_of_any_length(length):
    pixels = random_pixels("<i4")
    assert np.array_equal(all_readers(smv(pixels, ["Data_type=long int;"], length)), pixels)


HEADERS = {
    "blanks around =": ["SIZE1 = 10 ;", "SIZE2=  6;", "Data_type =  long int;"],
    "several on a line": ["SIZE1=10;SIZE2=6; Data_type=long int;"],
    "carriage returns": ["SIZE1=10;\r", "SIZE2=6;\r", "Data_type=long int;\r"],
    "no semicolons": ["SIZE1=10", "SIZE2=6", "DIALS_ORIGIN=1,2,3", "Data_type=long int"],
    "values in braces": ["HOLDER= { Z X Y };", "SIZE1=10;", "LIST={ a; b=3;", "} ;", "SIZE2=6;", "Data_type=long int;"],
    "nested braces": ["HOLDER={a{b}c};", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "an unclosed brace": ["COMMENT={ of no end;", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "a closing brace in a value": ["COMMENT=smile :} ;", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "values over several lines": ["VECTORS=1 0 0", "  0 1 0", "", " 0 0 1;", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "an equals sign in a value": ["COMMENT=a=b c=d;", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "size under the detector's name": ["A_DETECTOR_NAMES=A_;", "A_DETECTOR_DIMENSIONS=10 6;", "Data_type=long int;"],
    "keywords given twice": ["SIZE1=99;", "SIZE1=10;", "SIZE2=6;", "Data_type=short int;", "Data_type=long int;"],
    "keywords that contain others": ["SIZE1=10;", "SIZE2=6;", "MY_SIZE1=3;", "SIZE2_OF=4;", "OLD_TYPE=none;", "Data_type=long int;"],
    "latin-1": ["COMMENT=20 \xb0C, 5 \xb5m;", "SIZE1=10;", "SIZE2=6;", "Data_type=long int;"],
    "whole numbers with a decimal point": ["SIZE1=10.0;", "SIZE2=6.;", "Data_type=long int;"],
}  # fmt: skip


@pytest.mark.parametrize("end", ("}\n", "}\f", "  }\f\n", ""))
@pytest.mark.parametrize("name", HEADERS)
def test_forms_of_header(name, end):
    pixels = random_pixels("<i4")
    assert np.array_equal(all_readers(smv(pixels, HEADERS[name], end=end, sizes=False)), pixels)


def test_rigaku_hypix():
    """A header of 5632 bytes with a value in braces, as in fabio's issue 299."""
    lines = [
        "BYTE_ORDER= little_endian;",
        "SAMPLE_HOLDER_NAMES= { Z X Y };",
        "Data_type= long int;",
        "PXD_DETECTOR_DIMENSIONS= 10 6;",
    ]
    pixels = random_pixels("<i4")
    read = all_readers(smv(pixels, lines, 5632))
    assert np.unravel_index(read.argmax(), SHAPE) == (4, 7) and read.max() == 2**31 - 1


def test_r_axis_pixels_with_the_highest_bit_are_multiplied():
    stored = np.array([[0, 1, 32767, 32768, 32769, 65535]], "<u2")
    expected = [[0, 1, 32767, 0, 8, 8 * 32767]]
    for kind in ("unsigned short int", "short int"):
        assert np.array_equal(all_readers(smv(stored, [f"Data_type={kind};", "RAXIS_COMPRESSION_RATIO=8;"])), expected)
    assert np.array_equal(all_readers(smv(stored, ["Data_type=unsigned short int;", "RAXIS_COMPRESSION_RATIO=1;"])), stored)


def long_header(pixels, more):
    """A file as nanoBragg.c writes it: states 512 bytes, its text is longer by `more` or padded, the pixels follow at once."""
    text = f"{{\nHEADER_BYTES=512;\nBYTE_ORDER=little_endian;\nTYPE=unsigned_short;\nSIZE1={pixels.shape[1]};\nSIZE2={pixels.shape[0]};\nX="
    return (text.ljust(512 + more - 4, "1") + ";\n}\f").encode().ljust(512) + pixels.astype("<u2").tobytes()


@pytest.mark.parametrize("more", (-3, -2, -1, 0, 1, 2, 3, 11, 70, 500))
def test_a_header_longer_than_it_states(more):
    pixels = random_pixels("<u2")
    assert np.array_equal(all_readers(long_header(pixels, more)), pixels)


def test_pixels_that_look_like_the_end_of_a_header_are_pixels():
    pixels = np.frombuffer(b"12345;\n}\f".ljust(120, b"x"), "<u2").reshape(SHAPE)
    content = smv(pixels, ["TYPE=unsigned_short;", "X=1"], end="")
    assert np.array_equal(all_readers(content), pixels)


@pytest.mark.parametrize("behind", (b"", b"tail"))
def test_the_first_pixel_may_look_like_a_form_feed(behind):
    pixels = random_pixels("<u2")
    pixels[0, 0] = 12
    room = 512 + pixels.nbytes - len(smv(pixels, ["X=;"], 0, end="}"))
    content = smv(pixels, ["X=" + room * "1" + ";"], end="}", behind=behind)
    assert content[511:514] == b"}\f\0"
    assert np.array_equal(all_readers(content), pixels)


WRONG = {
    "double": (smv(np.zeros(SHAPE), ["Data_type=double IEEE;"]), "Data_type='double IEEE' is not a type of pixels that is read; need Data_type uns"),
    "other": (smv(random_pixels("<u2"), ["Data_type=other type;"]), "Data_type='other type' is not a type"),
    "type": (smv(random_pixels("<u2"), ["TYPE=unsigned_short_8;"]), "TYPE='unsigned_short_8' is not a type"),
    "two types": (smv(random_pixels("<i4"), ["Data_type=long int;", "TYPE=unsigned_short;"]), "contradicts itself: Data_type='long int' but TYPE='uns"),
    "compressed": (smv(random_pixels("<i4"), ["COMPRESSION=BS1;"]), "compressed (COMPRESSION='BS1'); need COMPRESSION=None"),
    "byte order": (smv(random_pixels("<u2"), ["BYTE_ORDER=pdp_endian;"]), "BYTE_ORDER='pdp_endian' is unknown; need little_endian or big_endian"),
    "32 bits in 16": (smv(random_pixels("<i4"), ["TYPE=unsigned_short;"]), "4 bytes for each of its 10 x 6 pixels, but its header says 16 bits"),
    "32 bits without a type": (smv(random_pixels("<i4")), "4 bytes for each of its 10 x 6 pixels"),
    "16 bits in 32": (smv(random_pixels("<u2"), ["Data_type=long int;"]), "truncated: 632 bytes, 10 x 6 pixels of 32 bits need 752"),
    "one byte short": (smv(random_pixels("<u2"))[:-1], "truncated: 631 bytes, 10 x 6 pixels of 16 bits need 632"),
    "no size": (smv(random_pixels("<u2"), sizes=False), "gives no size; its header needs SIZE1 and SIZE2"),
    "one size": (smv(random_pixels("<u2"), ["SIZE1=10;"], sizes=False), "gives no size"),
    "size 0": (smv(random_pixels("<u2"), ["SIZE1=10;", "SIZE2=0;"], sizes=False), "gives no size"),
    "size nan": (smv(random_pixels("<u2"), ["SIZE1=nan;", "SIZE2=6;"], sizes=False), "gives no size"),
    "size inf": (smv(random_pixels("<u2"), ["SIZE1=inf;", "SIZE2=6;"], sizes=False), "gives no size"),
    "half a pixel": (smv(random_pixels("<u2"), ["SIZE1=10.5;", "SIZE2=6;"], sizes=False), "gives no size"),
    "huge size": (smv(random_pixels("<u2"), ["SIZE1=2000000000;", "SIZE2=2000000000;"], sizes=False), "truncated"),
    "several images": (smv(random_pixels("<u2"), ["SIZE3=4;"], behind=bytes(360)), "holds several images (SIZE3='4'); need a file of one"),
    "R-AXIS": (smv(random_pixels("<u2"), ["RAXIS_COMPRESSION_RATIO=none;"]), "RAXIS_COMPRESSION_RATIO='none' must be a whole number"),
    "control characters": (smv(random_pixels("<u2"), ["TYPE=\x1b[2Junsigned\x07;"]), r"TYPE='\x1b[2Junsigned\x07' is not a type"),
    **{
        f"HEADER_BYTES {length}": (smv(random_pixels("<u2")).replace(b"  512", length.encode()), words)
        for length, words in {
            "inf": "HEADER_BYTES must be a whole number of bytes greater than 0, not 'inf'", "nan": "not 'nan'", "-512": "not '-512'",
            "0": "not '0'", "512.5": "not '512.5'", "": "not ''", "many": "not 'many'", "1e400": "not '1e400'", "9999": "its header of 9999 bytes is not whole",
            "999999999999": "HEADER_BYTES=999999999999 is too large", "1e300": "is too large",
        }.items()
    },
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_every_reader_gives_the_same_error(name, capsys):
    content, words = WRONG[name]
    Path("a.img").write_bytes(content)
    commands = {
        "-mask": f"simulate {RUN} -mask a.img", "-img": f"simulate {RUN} -img a.img", "show": "show a.img", "compare": "compare a.img a.img",
    }  # fmt: skip
    for lead, command in commands.items():
        assert main(command.split()) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"nbkernel: {lead}: a.img") and words in said and said.count("\n") == 1
        assert said.replace("\n", "").isprintable()
    assert [path.name for path in Path().iterdir()] == ["a.img"]


def test_the_zeros_of_a_mask_of_any_type_are_dark():
    dark = np.zeros(SHAPE, bool)
    dark[2] = True
    for line, order in itertools.product(
        ("Data_type=long int;", "Data_type=float IEEE;", "Data_type=unsigned char;", "TYPE=mad;"), "<>"
    ):
        pixels = np.where(dark, 0, 1).astype(order + KINDS[line][1:])
        lines = [line, f"BYTE_ORDER={'little' if order == '<' else 'big'}_endian;", "PIXEL_SIZE=0.4;"]
        Path("mask.img").write_bytes(smv(pixels, lines))
        assert np.array_equal(image(f"{RUN} -mask mask.img") == 0, dark), line


def test_a_compressed_mask_or_header_is_read_like_the_original():
    pixels = np.ones(SHAPE, np.uint16)
    pixels[3, 4:] = 0
    content = smv(pixels, ["PIXEL_SIZE=0.3;", "WAVELENGTH=1.1;", "DISTANCE=70;"])
    Path("a.img").write_bytes(content)
    Path("a.img.gz").write_bytes(gzip.compress(content))
    for flag in ("-mask", "-img"):
        assert np.array_equal(
            image(f"{BASE} -Xbeam 1 -Ybeam 1 {flag} a.img"), image(f"{BASE} -Xbeam 1 -Ybeam 1 {flag} a.img.gz")
        ), flag


def test_compressed_images_are_compared_and_shown(capsys):
    pixels = np.random.default_rng(1).normal(5, 1, SHAPE).astype(np.float32)
    for name, content in {
        "a.bin": pixels.tobytes(),
        "a.img": smv_bytes(np.ones(SHAPE)),
        "a.pgm": b"P5\n10 6\n255\n" + bytes(range(60)),
    }.items():
        Path(f"{name}.gz").write_bytes(gzip.compress(content))
    Path("b.bin").write_bytes(pixels.tobytes())
    # the shape comes from the compressed SMV image beside them
    assert main(["compare", "a.bin.gz", "b.bin"]) == 0
    for name, kind in {"a.bin.gz": "float", "a.img.gz": "SMV", "a.pgm.gz": "PGM"}.items():
        assert main(["show", name, "--output", "a.png"]) == 0
        assert f"a.png: {name}, {kind}, 6 x 10" in capsys.readouterr().out


def test_fix_mask_corrects_a_mask_that_nanobragg_misreads():
    """nanoBragg.c reads from byte 512, 11 bytes early: the zeros come five and a half pixels late."""
    pixels = np.full(SHAPE, 0x0101)
    pixels[3] = 0
    Path("mask.img").write_bytes(long_header(pixels, 11))
    kept, run = image_and_run(f"{RUN} -mask mask.img")
    raw = np.frombuffer(Path("mask.img").read_bytes()[512:], "<u2", 60)
    assert np.array_equal(kept.ravel() == 0, raw == 0) and (kept == 0).sum() == 9
    assert sum("(--fix mask: " in line for line in run.warnings) == 1
    fixed, run = image_and_run(f"{RUN} -mask mask.img", "--fix", "mask")
    assert np.array_equal(fixed == 0, pixels == 0) and not run.warnings


@pytest.mark.slow
def test_the_time_for_a_header_is_linear_in_its_length():
    length = 1 << 18
    for unit in (
        "A=",
        " ",
        "\n",
        "{",
        "}",
        "={",
        "= ",
        "a}",
        "a\n",
        "A=b\n",
        "=\n",
        "};\n",
        "x",
        ";",
        "A={;",
        "\n}x",
        "A=1;\n  ",
    ):
        for before in ("{\nHEADER_BYTES=512;\n", "{\nHEADER_BYTES=512;\nQ={"):
            started = time.process_time()
            keywords_of(before + unit * (length // len(unit)))
            # a search that restarts at every character would take minutes
            assert time.process_time() - started < 10, unit


def test_every_type_is_a_numpy_type():
    assert {np.dtype(kind).itemsize for kind in TYPES.values()} == {1, 2, 4}


def test_the_kind_of_an_image_and_a_missing_file():
    pixels = random_pixels("<i4")
    Path("a.img").write_bytes(smv(pixels, ["Data_type=long int;"]))
    found = read_image("compare", "a.img")
    assert found.kind == "SMV" and found.whole_numbers and found.pixels.shape == SHAPE
    Path("a.img").write_bytes(smv(pixels.view("<f4"), ["Data_type=float IEEE;"]))
    assert not read_image("compare", "a.img").whole_numbers
    with pytest.raises(InputError, match="there is no file b.img"):
        read_image("compare", "b.img")
    assert simulate(f"{RUN} -mask b.img -detpixels 5").status == 2


HEADER = "PIXEL_SIZE=0.4; DISTANCE=100; CLOSE_DISTANCE=98; WAVELENGTH=1.1; BEAM_CENTER_X=1; BEAM_CENTER_Y=2; XDS_ORGX=3; XDS_ORGY=4; PHI=0; OSC_RANGE=0;"


@pytest.mark.parametrize("flag", ("-mask", "-img"))
@pytest.mark.parametrize(
    "lines, words",
    {
        HEADER: None,
        "PIXEL_SIZE=0.4; ORGX=3; ORGY=3;": None,
        "PIXEL_SIZE=0.4; SCAN_WAVELENGTH=1.3; SOURCE_WAVELENGTH=1 1.3;": "WAVELENGTH is taken as 1, ",
        "PIXEL_SIZE=0.4; WAVELENGTH=1.3; COMMENT=the WAVELENGTH; X=7;": "WAVELENGTH is taken as 7, ",
        "PIXEL_SIZE=0.4; DISTANCE=100; MY_DISTANCE_OFFSET=5;": "DISTANCE is taken as 5, ",
    }.items(),
)
def test_keywords_that_nanobragg_finds_within_others_are_a_warning(lines, words, flag):
    crystal = "-cell 50 60 70 90 90 90 -default_F 100 -N 2 -oversample 1 -seed 1 -nopgm -noprogress"
    Path("a.img").write_bytes(smv(np.ones(SHAPE, "<u2"), lines.split("; ")))
    run = simulate(f"{crystal} {flag} a.img")
    said = [line for line in run.warnings if line.startswith(f"{flag} a.img: ")]
    assert run.status == 0 and len(said) == (words is not None) and (words is None or words in said[0])
    assert not [
        line for line in simulate(f"{crystal} -lambda 1 -distance 100 {flag} a.img").warnings if "is taken as" in line
    ]


def test_r_axis_ratios_out_of_range_are_refused():
    for ratio, status in ((65536, 0), (65537, 2), (0, 2)):
        pixels = np.full(SHAPE, 65535, "<u2")
        Path("a.img").write_bytes(smv(pixels, [f"RAXIS_COMPRESSION_RATIO={ratio};"]))
        assert main(["show", "a.img"]) == status
    Path("a.img").write_bytes(smv(np.full(SHAPE, 65535, "<u2"), ["RAXIS_COMPRESSION_RATIO=65536;"]))
    assert set(read_smv("-mask", "a.img").pixels.tolist()) == {32767 * 65536}
