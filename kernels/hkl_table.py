"""Lines of `h k l F` to arrays."""

import numpy as np

from nbkernel.kernels.compile.kernel import Kernel
from nbkernel.kernels.numerics.decimals import DOUBTFUL, MINUS, NO_NUMBER, PLUS, read_number

TAB, NEWLINE, VERTICAL_TAB, FORM_FEED, RETURN, BLANK = b"\t\n\v\f\r "
ROWS, DOUBTS = range(2)  # elements of `counts`


def is_blank(byte):
    return byte == BLANK or byte == TAB or byte == VERTICAL_TAB or byte == FORM_FEED


def ends_line(byte):
    return byte == NEWLINE or byte == RETURN


def ends_number(byte):
    """C's scanf needs no blank before a sign, and Fortran leaves none where a column is full."""
    return is_blank(byte) or ends_line(byte) or byte == MINUS or byte == PLUS


@Kernel
def read_hkl_rows(text, largest, indices, F, doubtful, counts):
    """Reads rows from the bytes `text` (uint8). Returns 0, or the number of the first line, from 1, that is neither empty
    nor four numbers, of which three are integers and at most `largest`; newlines, returns and both together end a line.

    indices: (3, n) int32; F: (n,) float64; doubtful: (n, 3) int64, the row and the first and last position (exclusive) of
    each amplitude that is left to the caller; counts: (2,) int64, receives the numbers of rows and of doubtful amplitudes.
    n: enough for all rows.
    """
    at, stop, line, column, row, doubts, bad_line = 0, text.shape[0], 1, 0, 0, 0, 0
    while True:
        while at < stop and is_blank(text[at]):
            at += 1
        if at == stop or ends_line(text[at]):
            if 0 < column < 4:
                bad_line = line
                break
            row += 1 if column == 4 else 0
            if at == stop:
                break
            at += 2 if text[at] == RETURN and at + 1 < stop and text[at + 1] == NEWLINE else 1
            line, column = line + 1, 0
            continue
        start = at
        value, at, outcome = read_number(text, at)
        if outcome == NO_NUMBER or column == 4 or (at < stop and not ends_number(text[at])):
            bad_line = line
            break
        if column < 3:
            # a doubtful number has more digits than a usable index
            if outcome == DOUBTFUL or value != np.floor(value) or abs(value) > largest:
                bad_line = line
                break
            indices[column, row] = np.int32(value)
        else:
            F[row] = value
            if outcome == DOUBTFUL:
                doubtful[doubts, 0], doubtful[doubts, 1], doubtful[doubts, 2] = row, start, at
                doubts += 1
        column += 1
    counts[ROWS], counts[DOUBTS] = row, doubts
    return bad_line
