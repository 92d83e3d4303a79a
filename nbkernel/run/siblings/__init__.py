"""Programs that are used beside nanoBragg.c: their flags, and runs from these to files."""
