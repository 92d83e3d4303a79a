"""Random deviates of nanoBragg.c: uniform, Gaussian and Poisson (after Press et al., Numerical Recipes, chapter 7).

State: `seed`, an int64 array of one (each use has its own); `shuffle`, an int64 array of 33, the 32 entries of the
shuffle table and the last draw, shared by all; `spare`, a float32 array of 2: the second Gaussian deviate of a pair
and whether there is one; `memo`, a float32 array of 4 for `poidev`. Results are float32, and so are the intermediates
for which the program uses a float: the sequence depends on it.
"""

import math

import numpy as np

IA, IM, IQ, IR = 16807, 2147483647, 127773, 2836
NTAB = 32
NDIV = 1 + (IM - 1) // NTAB
RNMX = 1.0 - 1.2e-7
LANCZOS = (
    76.18009172947146,
    -86.50532032941677,
    24.01409824083091,
    -1.231739572450155,
    0.1208650973866179e-2,
    -0.5395239384953e-5,
)
LAST = NTAB  # position of the last draw in `shuffle`

f4 = np.float32
f8 = np.float64  # not float(), which in numba leaves a float32 as it is


def next_minimal_standard(idum):
    """The next number of Park and Miller's minimal standard generator, by Schrage's method."""
    k = idum // IQ
    idum = IA * (idum - k * IQ) - IR * k
    if idum < 0:
        idum += IM
    return idum


def ran1(seed, shuffle):
    """Uniform deviate between 0 and 1, exclusive; a seed <= 0 rebuilds the shuffle table."""
    idum = seed[0]
    if idum <= 0 or shuffle[LAST] == 0:
        idum = 1 if -idum < 1 else -idum
        for j in range(NTAB + 7, -1, -1):
            idum = next_minimal_standard(idum)
            if j < NTAB:
                shuffle[j] = idum
        shuffle[LAST] = shuffle[0]
    idum = next_minimal_standard(idum)
    seed[0] = idum
    j = shuffle[LAST] // NDIV
    shuffle[LAST] = shuffle[j]
    shuffle[j] = idum
    deviate = f4((1.0 / IM) * shuffle[LAST])
    if deviate > RNMX:
        return f4(RNMX)
    return deviate


def gaussdev(seed, shuffle, spare):
    """Gaussian deviate of mean 0 and variance 1, by the polar form of Box and Muller's method."""
    if spare[1] != 0:
        spare[1] = 0
        return spare[0]
    while True:
        v1 = f4(2.0 * f8(ran1(seed, shuffle)) - 1.0)
        v2 = f4(2.0 * f8(ran1(seed, shuffle)) - 1.0)
        rsq = f4(f4(v1 * v1) + f4(v2 * v2))
        if rsq < 1.0 and rsq != 0:
            break
    fac = f4(math.sqrt(-2.0 * math.log(f8(rsq)) / f8(rsq)))
    spare[0] = f4(v1 * fac)
    spare[1] = 1
    return f4(v2 * fac)


def gammln(xx):
    """Logarithm of the gamma function of a float32 (Lanczos)."""
    x = f8(xx)
    tmp = x + 5.5
    tmp -= (x + 0.5) * math.log(tmp)
    ser, y = 1.000000000190015, x
    for cof in LANCZOS:
        y += 1.0
        ser += cof / y
    return f4(-tmp + math.log(2.5066282746310005 * ser / x))


def poidev(xm, seed, shuffle, spare, memo):
    """Poisson deviate of the float32 mean `xm`, as a float32; Gaussian above a million."""
    if xm > 1.0e6:
        mean = f8(xm)
        return f4(mean + math.sqrt(mean) * f8(gaussdev(seed, shuffle, spare)))
    # memo: mean of the last call, and what was computed for it: exp(-xm) or g, sqrt(2 xm), log(xm)
    if xm < 12.0:
        if xm != memo[0]:
            memo[0] = xm
            memo[1] = f4(math.exp(-f8(xm)))
        em = f4(-1)
        t = f4(1.0)
        while True:
            em = f4(em + f4(1.0))
            t = f4(t * ran1(seed, shuffle))
            if not t > memo[1]:
                return em
    if xm != memo[0]:
        memo[0] = xm
        memo[2] = f4(math.sqrt(2.0 * f8(xm)))
        memo[3] = f4(math.log(f8(xm)))
        memo[1] = f4(f4(xm * memo[3]) - gammln(f4(f8(xm) + 1.0)))
    g, sq, alxm = memo[1], memo[2], memo[3]
    while True:
        while True:
            y = f4(math.tan(math.pi * f8(ran1(seed, shuffle))))
            em = f4(f4(sq * y) + xm)
            if not em < 0.0:
                break
        em = f4(np.floor(em))
        exponent = f4(f4(f4(em * alxm) - gammln(f4(f8(em) + 1.0))) - g)
        t = f4(0.9 * (1.0 + f8(f4(y * y))) * math.exp(f8(exponent)))
        if not ran1(seed, shuffle) > t:
            return em
