"""nbkernel: X-ray diffraction images of nanocrystals, with nanoBragg.c's numbers."""

__version__ = "0.1.0"
