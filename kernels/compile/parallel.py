"""Kernels that fill rows, shared among numba's threads: one `@njit(parallel=True)` function for all of them.

It calls a kernel's machine code by its address, so that it has no loops over pixels of its own, and the bits are those of
`Kernel.over_rows`. Imported only where it is used, because it imports numba.
"""

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BLOCK = 4  # rows; few, because the work of rows is uneven
WORD, POINTER = ir.IntType(64), ir.IntType(8).as_pointer()


@intrinsic
def call_native(typing_context, address, words, share):
    """Calls machine code with the words of one share; the result is 0 unless it failed, see `llvm.NATIVE`."""

    def generate(context, builder, signature, values):
        address, words, share = values
        array = context.make_array(signature.args[1])(context, builder, words)
        width = builder.extract_value(array.shape, 1)
        own = builder.gep(array.data, [builder.mul(share, width)])
        result, failure = builder.alloca(WORD), builder.alloca(POINTER)
        function = builder.inttoptr(address, ir.FunctionType(ir.IntType(32), [POINTER] * 3).as_pointer())
        arguments = [builder.bitcast(value, POINTER) for value in (result, failure, own)]
        return builder.sext(builder.call(function, arguments), WORD)

    return types.int64(types.int64, types.Array(types.int64, 2, "C"), types.int64), generate


def call_block(address, words, share, first, last):
    words[share, words.shape[1] - 2] = first
    words[share, words.shape[1] - 1] = last
    return call_native(address, words, share)


CALL_BLOCK = numba.njit(nogil=True)(call_block)


@numba.njit(parallel=True, nogil=True)
def over_blocks(address, words, slow_start, slow_stop):
    """Fills the rows slow_start .. slow_stop; returns for how many blocks of rows the machine code failed.

    address: of a kernel's machine code (int); words: (shares, n) int64, the arguments of `share_words`. At most as many
    threads as shares are at work, each share with its own memory. To be called from Python or from compiled code, but not
    by two threads at a time with the same words.
    """
    blocks = (slow_stop - slow_start + BLOCK - 1) // BLOCK
    shares = words.shape[0]
    failures = 0
    for share in numba.prange(shares):
        for block in range(share, blocks, shares):
            first = slow_start + block * BLOCK
            if CALL_BLOCK(address, words, share, first, min(first + BLOCK, slow_stop)) != 0:
                failures += 1
    return failures


@numba.njit(nogil=True)
def fill(calls, slow_start, slow_stop):
    """Fills the rows slow_start .. slow_stop by one kernel after the other; returns how many blocks of rows failed.

    calls: a tuple of (address, words), see `over_blocks`.
    """
    failures = 0
    for address, words in calls:
        failures += over_blocks(address, words, slow_start, slow_stop)
    return failures


def share_words(calls):
    """(address, words) for `over_blocks` from what `Kernel.over_rows` returned for each share. The calls' arrays must be
    kept: the words only have their addresses."""
    return calls[0].address, np.stack([call.words for call in calls])
