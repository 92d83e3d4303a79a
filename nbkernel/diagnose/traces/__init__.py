"""The chain of numbers behind one pixel, and where two of them diverge."""
