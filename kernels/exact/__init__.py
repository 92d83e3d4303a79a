"""The engine of precision `exact`: nanoBragg.c's own operations in its own order."""
