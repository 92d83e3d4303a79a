"""Physics of one pixel and the loops around it.

Three facts a reader needs:

* A formula file holds plain functions of numbers, 3-tuples and arrays, and imports neither numba nor anything of the host
  side. The same function runs as bare Python and compiled.
* The `cpu_*.py` files hold what the host calls: kernels of `ahead.py`, compiled to the user's cache and called without
  numba. Only `jit.py` and `lowering.py` import numba, where something has to be compiled.
* Names are nanoBragg's, so that both codes can be searched for the same word.

Operations stand in nanoBragg.c's order: with no contraction and libm's functions they give its bits. Where a file takes
another way (`certified.py`, `row*.py`), it says how far that is from the program's.
"""
