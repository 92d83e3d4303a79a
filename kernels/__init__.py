"""Physics of one pixel and the loops around it.

Three facts a reader needs:

* A formula file (all but jit and cpu_*) holds plain functions of numbers, 3-tuples and arrays, and imports neither numba
  nor anything of the host side. The same function runs as bare Python and compiled.
* `jit.py` makes them known to numba. Only it and the `cpu_*.py` loops import numba.
* Names are nanoBragg's, so that both codes can be searched for the same word.

Operations stand in nanoBragg.c's order: with numba's default (no contraction, libm's functions) they give its bits.
"""
