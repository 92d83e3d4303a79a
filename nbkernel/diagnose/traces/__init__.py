"""All the numbers behind one pixel, and where two such traces diverge."""
