"""Arithmetic, functions and random numbers whose bits are the same on every processor."""
