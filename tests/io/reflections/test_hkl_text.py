"""Text tables of structure factors: numbers as C's scanf reads them, all lines or an error, at a good speed."""

import ctypes
import ctypes.util
import decimal
import math
import random
import time

import numpy as np
import pytest

from nbkernel.errors import InputError
from nbkernel.io.reflections import hkl_text
from nbkernel.io.reflections.hkl_text import parse_table, table_reflections

LIBC = ctypes.CDLL(ctypes.util.find_library("c"))


def scanf(line):
    """The four numbers of a line, read by the C library."""
    numbers = (ctypes.c_double * 4)()
    pointers = [ctypes.byref(numbers, 8 * i) for i in range(4)]
    assert LIBC.sscanf(line, b"%lg%lg%lg%lg", *pointers) == 4
    return list(numbers)


def hard_number(draw):
    """A decimal that is hard to round correctly: halfway between two doubles, or with many digits."""
    value = draw.uniform(1, 10) * 10.0 ** draw.randint(-30, 30)
    above = math.nextafter(value, math.inf)
    with decimal.localcontext(prec=400):
        halfway = (decimal.Decimal(value) + decimal.Decimal(above)) / 2
    return draw.choice(
        [
            repr(value),
            f"{value:.25e}",
            f"{above:.17g}",
            f"{halfway:e}",
            f"{halfway:e}".replace("e", "1e"),
            str(2**53 + 2 * draw.randint(0, 10**6) + 1),
            f"{draw.randint(0, 10**9)}.{draw.randint(0, 10**9)}",
            f"{draw.randint(0, 999)}.",
            f".{draw.randint(0, 999)}",
            f"{draw.randint(0, 10**25)}e-{draw.randint(0, 320)}",
            "4.9e-324",
            "1e-400",
            "1.7976931348623157e308",
        ]
    )


def random_line(draw):
    blank = draw.choice([" ", "  ", "\t", " \v", "\f"])
    sign = draw.choice(["", "", "-", "+"])
    indices = [f"{draw.choice(['', '-', '+'])}{draw.randint(0, 200)}" for _ in range(3)]
    return draw.choice(["", " "]) + blank.join([*indices, sign + hard_number(draw)]) + draw.choice(["", " ", "\t"])


def test_numbers_are_those_of_scanf():
    draw = random.Random(1)
    lines = [random_line(draw).encode() for _ in range(3000)]
    indices, F = parse_table(b"\n".join(lines), "a")
    expected = np.array([scanf(line) for line in lines])
    np.testing.assert_array_equal(indices.T, expected[:, :3])
    assert F.tobytes() == expected[:, 3].tobytes()


@pytest.mark.parametrize("line", ["-10-11-12 5.5", "1+2-3-4.25e-3", " 100-100-100 1e+2", "5-6 7.-8."])
def test_a_sign_ends_the_number_before_it(line):
    """Fortran writes fixed-width columns that may leave no blank."""
    indices, F = parse_table(f"1 2 3 4\n{line}\n".encode(), "a")
    assert [*indices[:, 1].tolist(), F[1]] == scanf(line.encode())


def test_the_kernel_agrees_with_pure_python(monkeypatch):
    draw = random.Random(2)
    content = b"\n".join(random_line(draw).encode() for _ in range(200))
    indices, F = parse_table(content, "a")
    monkeypatch.setattr(hkl_text, "read_hkl_rows", hkl_text.read_hkl_rows.function)
    python_indices, python_F = parse_table(content, "a")
    assert python_F.tobytes() == F.tobytes() and (python_indices == indices).all()


@pytest.mark.parametrize("text", ["1", "1\n", "1 2 3", "-1-2-3", "\n1 2\n", "1 2 3 4 5", "1\n2 3 4"])
def test_a_line_of_too_few_or_many_columns_is_refused(text):
    with pytest.raises(InputError, match="-hkl a: line [12] has [1235] columns"):
        parse_table(text.encode(), "a")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n \n"])
def test_line_ends_of_any_system(end):
    rows = [(h, -h, 2 * h, h / 7) for h in range(20)]
    content = end.join(" ".join(map(repr, row)) for row in rows)
    for text in (content, content + end):
        table = table_reflections(text.encode(), "a", 0.0)
        assert (table.count, table.last_F) == (20, 19 / 7)
        assert [table.F[h, -h + 19, 2 * h] for h in range(20)] == [row[3] for row in rows]


# Friedel mates


def table_of(indices, F=None, default_F=0.0):
    F = range(1, len(indices) + 1) if F is None else F
    content = "".join(f"{h} {k} {l} {value}\n" for (h, k, l), value in zip(indices, F, strict=True))
    return table_reflections(content.encode(), "a", default_F)


BOX = [(h, k, l) for h in range(-2, 3) for k in range(-3, 4) for l in range(-4, 5)]
HALF = [index for index in BOX if index >= (0, 0, 0)]


@pytest.mark.parametrize("far", [0, 3000], ids=["dense", "sparse"])
@pytest.mark.parametrize(
    "indices, unpaired",
    [
        (BOX, 0),
        (HALF, len(HALF) - 1),
        ([i for i in BOX if min(i) >= 0], 59),
        ([(1, 2, 3)], 1),
        ([(1, 2, 3), (-1, -2, -3)], 0),
    ],
)
def test_entries_without_their_friedel_mate_are_counted(indices, unpaired, far):
    if far:
        indices = [*indices, (far, 0, 0), (-far, 0, 0)]
    table = table_of(indices)
    assert table.nonzero is not None or not far
    if unpaired == 0:
        assert table.remarks == ()
    else:
        (line,) = table.remarks
        assert line.startswith(
            f"-hkl a: {unpaired} of {len(indices)} entries have no entry for their Friedel mate -h -k -l, which gets F = 0;"
        )


def test_few_entries_without_a_mate_give_no_warning():
    assert table_of(BOX[: -len(BOX) // 12]).remarks == ()


def test_a_table_with_few_entries_far_apart_is_sparse():
    indices = [(-5, 3, 2), (40_000, -2, 7), (0, 0, 0), (3, 3, 3), (0, 0, 0)]
    table = table_of(indices, [2.5, -7.0, 1.0, 0.0, 4.0])
    assert (table.count, table.F.shape, table.last_F) == (5, (40_006, 6, 8), 4.0)
    expected = np.zeros(table.F.shape)
    for (h, k, l), value in zip(indices, [2.5, -7.0, 1.0, 0.0, 4.0], strict=True):
        expected[h + 5, k + 2, l] = value
    np.testing.assert_array_equal(table.F, expected)
    np.testing.assert_array_equal(table.nonzero, np.flatnonzero(expected))


@pytest.mark.parametrize(
    "line, words",
    [
        ("1 2 3", "has 3 columns"),
        ("1 2 3 4 5", "has 5 columns"),
        ("1 2 3 4 # note", "is not 'h k l F'"),
        ("1 2 3 1d5", "is not 'h k l F'"),
        ("1 2 3 1e", "is not 'h k l F'"),
        ("1 2 3 --4", "is not 'h k l F'"),
        ("1 2 3 0x10", "is not 'h k l F'"),
        ("1 2 3 1_0", "is not 'h k l F'"),
        ("1\N{NO-BREAK SPACE}2 3 4", "is not 'h k l F'"),
        ("1\x1c2 3 4", "is not 'h k l F'"),
        ("1 2 3 nan", "not a finite number"),
        ("1 2 3 1e999", "not a finite number"),
        ("1 2.5 3 4", "an index that is not a whole number from -1000000 to 1000000"),
        ("1 2 1000001 4", "an index that is not a whole number from -1000000 to 1000000"),
        ("1 2 1e999 4", "not a finite number"),
        ("h k l F", "is not 'h k l F'"),
    ],
)
@pytest.mark.parametrize("good", [0, 1, 50])
def test_the_first_bad_line_is_named(line, words, good):
    content = "1 2 3 4\n" * good + "\n" + line + "\nworse\n" + "1 2 3 4\n" * 50
    with pytest.raises(InputError, match=rf"-hkl a: line {good + 2} ") as error:
        parse_table(content.encode(), "a")
    assert words in str(error.value)


def test_a_tenth_of_two_million_lines_takes_less_than_a_second():
    """The limit is five times the target, for slow and busy machines."""
    draw = np.random.default_rng(1)
    rows = zip(draw.integers(-60, 60, (200_000, 3)).tolist(), draw.uniform(0, 1000, 200_000).tolist(), strict=True)
    content = "".join(f"{h} {k} {l} {F!r}\n" for (h, k, l), F in rows).encode()
    parse_table(b"1 2 3 4", "a")  # compiles
    start = time.process_time()
    assert table_reflections(content, "a", 0.0).count == 200_000
    assert time.process_time() - start < 1.0
