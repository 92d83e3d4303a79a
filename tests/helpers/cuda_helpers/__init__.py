"""Drivers that record the calls, and the CUDA path in numba's simulator."""
