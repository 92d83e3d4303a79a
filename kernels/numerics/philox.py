"""Random numbers that are a function of a counter: Philox4x32-10 (Salmon, Moraes, Dror and Shaw, Proceedings of SC11, 2011).

No state is kept between calls: pixels can be drawn in any order, by any thread, on any device, with the same result. Words
of 32 bits are stored as uint64, which numpy's scalars, compiled code and CUDA treat alike: a product of two words fits.
(Signed integers would not do, because compiled code may assume that they never overflow.)
"""

import numpy as np

u8, f8 = np.uint64, np.float64

ROUNDS = 10
MULTIPLIER_0, MULTIPLIER_1 = u8(0xD2511F53), u8(0xCD9E8D57)
WEYL_0, WEYL_1 = u8(0x9E3779B9), u8(0xBB67AE85)
WORD, WORD_BITS = u8(0xFFFFFFFF), u8(32)
# 32 + 20 bits: with the half added to them, as many as a float64 can hold
TAKEN_BITS, DROPPED_BITS = u8(20), u8(12)
STEP, HALF_STEP = 2.0**-52, 2.0**-53


def philox4x32(c0, c1, c2, c3, k0, k1):
    """Four random words from a counter of four and a key of two words; all of them uint64 below 2^32."""
    for _ in range(ROUNDS):
        product_0, product_1 = MULTIPLIER_0 * c0, MULTIPLIER_1 * c2
        c0, c1 = (product_1 >> WORD_BITS) ^ c1 ^ k0, product_1 & WORD
        c2, c3 = (product_0 >> WORD_BITS) ^ c3 ^ k1, product_0 & WORD
        k0, k1 = (k0 + WEYL_0) & WORD, (k1 + WEYL_1) & WORD
    return c0, c1, c2, c3


def uniform(high, low):
    """Uniform deviate (n + 1/2)/2^52 from the upper 52 bits n of two words: never 0 or 1, symmetric about 1/2.

    Product and sum are exact, so fusing them changes no bit.
    """
    return f8((high << TAKEN_BITS) | (low >> DROPPED_BITS)) * STEP + HALF_STEP


def uniform_pair(pixel, frame, draw, key):
    """Two independent uniform deviates, those of counter (pixel, frame, draw).

    pixel: its number in the panel, below 2^64; frame, draw: below 2^32; key: two numbers below 2^32.
    """
    pixel = u8(pixel)
    w0, w1, w2, w3 = philox4x32(pixel & WORD, pixel >> WORD_BITS, u8(frame), u8(draw), u8(key[0]), u8(key[1]))
    return uniform(w0, w1), uniform(w2, w3)
