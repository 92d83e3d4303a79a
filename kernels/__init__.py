"""The loops that render and what they call, from formulas to machine code. Installed as `nbkernel.kernels`.

Three facts a reader needs:

* `physics` and `numerics` contain plain functions of numbers, 3-tuples and arrays, and import neither numba nor anything of
  the host side. The same function runs as plain Python and compiled, on the CPU and under CUDA.
* The host calls the kernels of `exact/rows.py`, `fast/cpu.py`, `cuda/rows.py`, `cuda/noise.py`, `images.py` and
  `hkl_table.py`. They are compiled to the user's cache and called without numba (`compile/kernel.py`,
  `cuda/machine_code.py`); only `compile/jit.py`, `compile/lowering.py` and what `cuda/jit.py` imports import numba, if
  something has to be compiled.
* Names are nanoBragg's, so that both codes can be searched for the same word.

Operations are in nanoBragg.c's order: without contraction and with libm's functions they give its bits. A file that computes
in another way (`exact/bounded.py`, `fast/`) says how far its results are from the program's.
"""
